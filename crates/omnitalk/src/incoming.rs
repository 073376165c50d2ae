//! Reading a frame: which request it is, or that it needs no answer, or that it is nothing we know (3.1, 12.31).

use crate::fields::Fields;
use serde_json::Value;

/// The longest frame that is read, in bytes; longer ones count as malformed.
pub(crate) const FRAME_LIMIT: usize = 262_144;
/// The longest `cmd`, in bytes.
const CMD_LIMIT: usize = 64;

/// Every request of section 6.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Session,
    MakeNumber,
    SessionList,
    CreateRoom,
    DestroyRoom,
    RoomList,
    Join,
    PartiList,
    PublishList,
    ScreenList,
    Publish,
    ScreenShare,
    ScreenUnshare,
    Subscribe,
    Unsubscribe,
    OfferCall,
    AnswerCall,
    AcceptCall,
    RejectCall,
    Mute,
    Unmute,
    Message,
    Resolution,
    Recording,
    KickOut,
    /// Ours: our own client presses keys.
    Keys,
    Leave,
    /// A `WS_X_REQ` that section 6 does not know.
    Unknown,
}

impl Kind {
    fn of(middle: &str) -> Self {
        match middle {
            "SESSION" => Self::Session,
            "MAKE_SIPNUM" => Self::MakeNumber,
            "SESSION_LIST" => Self::SessionList,
            "CREATE_ROOM" => Self::CreateRoom,
            "DESTROY_ROOM" => Self::DestroyRoom,
            "ROOM_LIST" => Self::RoomList,
            "JOIN_ROOM" => Self::Join,
            "PARTI_LIST" => Self::PartiList,
            "PUBLISH_LIST" => Self::PublishList,
            "SCREEN_LIST" => Self::ScreenList,
            "PUBLISH" => Self::Publish,
            "SCREEN_SHARE" => Self::ScreenShare,
            "SCREEN_UNSHARE" => Self::ScreenUnshare,
            "SUBSCRIBE" => Self::Subscribe,
            "UNSUBSCRIBE" => Self::Unsubscribe,
            "OFFER_CALL" => Self::OfferCall,
            "ANSWER_CALL" => Self::AnswerCall,
            "ACCEPT_CALL" => Self::AcceptCall,
            "REJECT_CALL" => Self::RejectCall,
            "MUTE" => Self::Mute,
            "UNMUTE" => Self::Unmute,
            "MESSAGE" => Self::Message,
            "RESOLUTION" => Self::Resolution,
            "RECORDING" => Self::Recording,
            "KICKOUT" => Self::KickOut,
            "KEYS" => Self::Keys,
            "LEAVE" => Self::Leave,
            _ => Self::Unknown,
        }
    }
}

/// A request that is owed exactly one response.
pub(crate) struct Request {
    pub(crate) kind: Kind,
    /// The `cmd` of the response.
    pub(crate) response: String,
    pub(crate) fields: Fields,
    /// The frame's length in bytes.
    pub(crate) size: usize,
}

/// A message that needs no response but has content.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Report {
    /// `WS_SUBSCRIBE_COMP`: the answer to a subscription's offer.
    SubscribeComplete,
    /// `WS_RESOLUTION_RPT`: the size of a picture as received.
    Resolution,
}

/// What a frame is.
pub(crate) enum Incoming {
    Request(Request),
    /// One of 6.24 whose content matters; never answered.
    Report(Report, Fields),
    /// Another one of 6.24. Neither matters to an ICE-lite server (8.4), so their content, with all its variants, is
    /// not looked at.
    OneWay,
    /// Not JSON, no `cmd`, or a `cmd` that no client sends.
    Malformed,
}

impl Incoming {
    pub(crate) fn read(text: &str) -> Self {
        if text.len() > FRAME_LIMIT {
            return Self::Malformed;
        }
        let Ok(Value::Object(map)) = serde_json::from_str(text) else {
            return Self::Malformed;
        };
        let fields = Fields::new(map);
        let Some(cmd) = fields.string("cmd") else {
            return Self::Malformed;
        };
        match cmd {
            "WS_HEARTBEAT_RSP" | "WS_TRICKLE" => return Self::OneWay,
            "WS_SUBSCRIBE_COMP" => return Self::Report(Report::SubscribeComplete, fields),
            "WS_RESOLUTION_RPT" => return Self::Report(Report::Resolution, fields),
            _ => {}
        }
        let Some(middle) = cmd.strip_prefix("WS_").and_then(|rest| rest.strip_suffix("_REQ")) else {
            return Self::Malformed;
        };
        let plain = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
        if cmd.len() > CMD_LIMIT || middle.is_empty() || !middle.bytes().all(plain) {
            return Self::Malformed;
        }
        let (kind, response) = (Kind::of(middle), format!("WS_{middle}_RSP"));
        Self::Request(Request {
            kind,
            response,
            fields,
            size: text.len(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(text: &str) -> Option<String> {
        match Incoming::read(text) {
            Incoming::Request(request) => Some(request.response),
            _ => None,
        }
    }

    #[test]
    fn a_request_knows_the_cmd_of_its_response() {
        assert_eq!(
            response(r#"{"cmd":"WS_LEAVE_REQ"}"#).as_deref(),
            Some("WS_LEAVE_RSP")
        );
        assert_eq!(
            response(r#"{"cmd":"WS_SOMETHING_2_REQ"}"#).as_deref(),
            Some("WS_SOMETHING_2_RSP")
        );
    }

    #[test]
    fn what_is_not_json_or_has_no_client_cmd_is_malformed() {
        let deep = "[".repeat(100_000);
        let long = format!(r#"{{"cmd":"WS_{}_REQ"}}"#, "A".repeat(100));
        for text in [
            "",
            "hello",
            "[]",
            "{}",
            r#"{"cmd":1}"#,
            r#"{"cmd":"WS_LEAVE_RSP"}"#,
            r#"{"cmd":"WS_MUTE_NOTI","event":true}"#,
            r#"{"cmd":"WS__REQ"}"#,
            r#"{"cmd":"WS_REQ"}"#,
            r#"{"cmd":"WS_a\n_REQ"}"#,
            r#"{"cmd":"LEAVE"}"#,
            &deep,
            &long,
        ] {
            assert!(matches!(Incoming::read(text), Incoming::Malformed), "{text:.40}");
        }
    }

    #[test]
    fn every_trickle_variant_is_one_way() {
        for candidate in [
            r#"{"type":"candidate","candidate":"candidate:1 1 udp 1 203.0.113.20 1 typ host","sdpMid":"0","sdpMLineIndex":0}"#,
            r#"{"type":"candidate","candidate":"candidate:1 1 udp 1 203.0.113.20 1 typ host","sdpMid":0}"#,
            r#"{"type":"candidate","completed":true}"#,
            r#"{"type":"candidate","candidate":""}"#,
            r#"{"type":"candidate","candidate":{"candidate":"candidate:1","sdpMid":"0","sdpMLineIndex":0}}"#,
            "null",
        ] {
            let text =
                format!(r#"{{"cmd":"WS_TRICKLE","session":"x","track":"video","candidate":{candidate}}}"#);
            assert!(matches!(Incoming::read(&text), Incoming::OneWay), "{candidate}");
        }
    }
}
