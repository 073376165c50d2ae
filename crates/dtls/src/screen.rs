//! What of a datagram may come before the library. Anybody can send one, so that a message which nobody needs takes no
//! memory, and an alert that nobody has signed ends nothing.

/// Largest handshake message that is taken, bytes: a certificate, above all.
pub(crate) const MAX_MESSAGE: usize = 8 * 1024;

const RECORD_HEADER: usize = 13;
const MESSAGE_HEADER: usize = 12;
const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;
const FATAL: u8 = 2;

/// Whether a datagram is DTLS, where RTP and RTCP come too (RFC 7983 section 7).
pub fn is_dtls(datagram: &[u8]) -> bool {
    matches!(datagram.first(), Some(20..=63))
}

/// Whether it is made of whole records, of which a handshake may be.
pub fn is_handshake(datagram: &[u8]) -> bool {
    screen(datagram) == Screened::Records
}

/// What a datagram is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Screened {
    /// For the library.
    Records,
    /// A fatal alert that is not encrypted: whoever sends it may not be whom it speaks for.
    Alert(u8),
    /// Of no use.
    Nothing,
}

/// Looks at the records of a datagram (RFC 6347 section 4.1).
pub(crate) fn screen(datagram: &[u8]) -> Screened {
    let (mut rest, mut alert) = (datagram, None);
    while !rest.is_empty() {
        let Some((kind, encrypted, body, behind)) = record(rest) else {
            return Screened::Nothing;
        };
        match kind {
            ALERT if !encrypted => match body {
                [FATAL, description, ..] => alert = Some(*description),
                _ => return Screened::Nothing,
            },
            HANDSHAKE if !encrypted && !are_messages(body) => return Screened::Nothing,
            CHANGE_CIPHER_SPEC | ALERT | HANDSHAKE | APPLICATION_DATA => {}
            _ => return Screened::Nothing,
        }
        rest = behind;
    }
    match alert {
        Some(description) => Screened::Alert(description),
        None if datagram.is_empty() => Screened::Nothing,
        None => Screened::Records,
    }
}

/// The first record: its type, whether it is encrypted, its body, and what stands behind it.
fn record(datagram: &[u8]) -> Option<(u8, bool, &[u8], &[u8])> {
    let (header, rest) = datagram.split_at_checked(RECORD_HEADER)?;
    let epoch = [*header.get(3)?, *header.get(4)?];
    let length = u16::from_be_bytes([*header.get(11)?, *header.get(12)?]);
    let (body, behind) = rest.split_at_checked(length.into())?;
    Some((*header.first()?, epoch != [0, 0], body, behind))
}

/// Whether these are fragments of handshake messages that are not too long (section 4.2.2).
fn are_messages(mut body: &[u8]) -> bool {
    let number = |bytes: &[u8]| bytes.iter().fold(0, |all, byte| all << 8 | usize::from(*byte));
    while !body.is_empty() {
        let Some((header, rest)) = body.split_at_checked(MESSAGE_HEADER) else {
            return false;
        };
        let (length, offset, here) = (
            number(&header[1..4]),
            number(&header[6..9]),
            number(&header[9..12]),
        );
        let Some(behind) = rest.get(here..) else {
            return false;
        };
        if length > MAX_MESSAGE || offset + here > length {
            return false;
        }
        body = behind;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(kind: u8, epoch: u8, body: &[u8]) -> Vec<u8> {
        let mut record = vec![kind, 0xfe, 0xfd, 0, epoch, 0, 0, 0, 0, 0, 0];
        record.extend((body.len() as u16).to_be_bytes());
        record.extend(body);
        record
    }

    fn message(length: u32, offset: u32, here: u32) -> Vec<u8> {
        let three = |n: u32| n.to_be_bytes()[1..].to_vec();
        let mut message = vec![11];
        message.extend(three(length));
        message.extend([0, 1]);
        message.extend([three(offset), three(here), vec![7; here as usize]].concat());
        message
    }

    #[test]
    fn dtls_is_told_from_rtp_rtcp_and_stun_by_its_first_byte() {
        for (first, dtls) in [
            (0, false),
            (19, false),
            (20, true),
            (22, true),
            (63, true),
            (64, false),
            (0x80, false),
        ] {
            assert_eq!(is_dtls(&[first, 1, 2]), dtls, "{first}");
        }
        assert!(!is_dtls(&[]));
    }

    #[test]
    fn whole_records_pass_and_alerts_that_nobody_has_signed_are_seen() {
        let hello = one(22, 0, &message(40, 0, 40));
        let finished = one(22, 1, &[9; 40]);
        assert_eq!(screen(&hello), Screened::Records);
        assert_eq!(
            screen(&[hello.clone(), one(20, 0, &[1]), finished].concat()),
            Screened::Records
        );
        assert_eq!(screen(&one(21, 1, &[2, 40, 0])), Screened::Records);
        assert_eq!(screen(&one(21, 0, &[2, 40])), Screened::Alert(40));
        assert_eq!(
            screen(&[hello, one(21, 0, &[2, 50])].concat()),
            Screened::Alert(50)
        );
        assert_eq!(screen(&one(21, 0, &[1, 0])), Screened::Nothing);
    }

    #[test]
    fn what_is_cut_too_long_or_of_no_kind_does_not_pass() {
        let hello = one(22, 0, &message(40, 0, 40));
        for datagram in [
            Vec::new(),
            hello[..hello.len() - 1].to_vec(),
            one(24, 0, &[1]),
            one(22, 0, &message(40, 0, 40)[..20]),
            one(22, 0, &message(MAX_MESSAGE as u32 + 1, 0, 10)),
            one(22, 0, &message(40, 31, 10)),
        ] {
            assert_eq!(screen(&datagram), Screened::Nothing, "{datagram:?}");
        }
    }
}
