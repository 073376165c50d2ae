//! What a message costs the server, before it is read: so that a client's budget is one of work and not of messages.

/// The cost of what cannot be told apart, and of the dearest.
const DEAREST: u32 = 10;

/// What a message costs, in the work of the cheapest: 1 to 10. Only the beginning of its kind is looked for, and the dearest of
/// several counts: nothing that a client writes makes a dear message cheap.
#[must_use]
pub fn cost(text: &str) -> u32 {
    // A key may be written with escapes, and come twice.
    let hidden = text.contains("\\u");
    let kinds = text
        .match_indices("\"cmd\"")
        .map(|(at, key)| of(&text[at + key.len()..]));
    kinds.max().filter(|_| !hidden).unwrap_or(DEAREST)
}

/// The cost of the kind that follows a key.
fn of(rest: &str) -> u32 {
    let value = rest.trim_start().strip_prefix(':').map(str::trim_start);
    let Some(kind) = value.and_then(|value| value.strip_prefix("\"WS_")) else {
        return DEAREST;
    };
    let begins = |word: &str| kind.starts_with(word);
    match kind {
        // What is written down, or opens something in the media plane.
        _ if begins("CREATE_ROOM")
            || begins("DESTROY_ROOM")
            || begins("MAKE_SIPNUM")
            || begins("RECORDING") =>
        {
            DEAREST
        }
        _ if begins("PUBLISH_REQ")
            || begins("SUBSCRIBE_REQ")
            || begins("SCREEN_SHARE")
            || begins("OFFER_CALL") =>
        {
            5
        }
        _ if begins("SESSION") || begins("JOIN_ROOM") || begins("ROOM_LIST") || begins("ANSWER_CALL") => 3,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dear_messages_cost_more_however_they_are_written() {
        assert_eq!(cost(r#"{"cmd":"WS_HEARTBEAT_RSP","session":"s"}"#), 1);
        assert_eq!(cost(r#"{"session":"s","cmd" : "WS_ROOM_LIST_REQ"}"#), 3);
        for dear in [
            r#"{"cmd":"WS_CREATE_ROOM_REQ"}"#,
            r#"{"cmd":"WS_HEARTBEAT_RSP","cmd":"WS_CREATE_ROOM_REQ"}"#,
            r#"{"cmd":"WS_HEARTBEAT_RSP","c\u006dd":"WS_CREATE_ROOM_REQ"}"#,
            r#"{"cmd":"\u0057S_CREATE_ROOM_REQ"}"#,
            r#"{"cmd":7}"#,
            "",
        ] {
            assert_eq!(cost(dear), DEAREST, "{dear}");
        }
    }
}
