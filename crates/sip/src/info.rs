//! Digits in SIP INFO bodies.

/// One key press carried by INFO: `0`-`9`, `*`, `#`, `A`-`D`.
///
/// Both payloads in use are read: `application/dtmf-relay` (`Signal=5` and `Duration=160` lines) and
/// `application/dtmf` (the character alone). `None` when the body is neither.
pub fn digit(content_type: &str, body: &[u8]) -> Option<char> {
    let kind = content_type
        .split(';')
        .next()
        .unwrap_or("")
        .trim()
        .to_ascii_lowercase();
    let text = std::str::from_utf8(body).ok()?;
    let signal = match kind.as_str() {
        "application/dtmf-relay" => text.lines().find_map(|line| {
            let (name, value) = line.split_once(['=', ':'])?;
            name.trim().eq_ignore_ascii_case("signal").then(|| value.trim())
        })?,
        "application/dtmf" => text.trim(),
        _ => return None,
    };
    match signal {
        "10" => Some('*'),
        "11" => Some('#'),
        "12" | "13" | "14" | "15" => {
            char::from_digit(signal.parse::<u32>().ok()? - 2, 16).map(|c| c.to_ascii_uppercase())
        }
        _ => {
            let mut chars = signal.chars();
            let c = chars.next()?.to_ascii_uppercase();
            (chars.next().is_none() && matches!(c, '0'..='9' | '*' | '#' | 'A'..='D')).then_some(c)
        }
    }
}

/// True for the two content types of [`digit`].
pub fn is_dtmf(content_type: &str) -> bool {
    let kind = content_type
        .split(';')
        .next()
        .unwrap_or("")
        .trim()
        .to_ascii_lowercase();
    kind == "application/dtmf-relay" || kind == "application/dtmf"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_payload_kinds_are_read() {
        assert_eq!(
            digit("application/dtmf-relay", b"Signal= 5\r\nDuration= 160\r\n"),
            Some('5')
        );
        assert_eq!(
            digit("Application/DTMF-Relay; charset=x", b"signal=*\nDuration=100"),
            Some('*')
        );
        assert_eq!(digit("application/dtmf", b"7\r\n"), Some('7'));
        assert_eq!(digit("application/dtmf", b"11"), Some('#'));
        assert_eq!(digit("application/dtmf", b"12"), Some('A'));
        assert_eq!(digit("application/dtmf", b"15"), Some('D'));
    }

    #[test]
    fn other_bodies_are_no_digit() {
        assert_eq!(digit("text/plain", b"5"), None);
        assert_eq!(digit("application/dtmf", b"55"), None);
        assert_eq!(digit("application/dtmf", b""), None);
        assert_eq!(digit("application/dtmf-relay", b"Duration=160"), None);
        assert_eq!(digit("application/dtmf", &[0xff]), None);
    }
}
