//! Just enough of STUN (RFC 8489) to tell to which peer a check belongs.

const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];

/// The local ICE user fragment that a Binding request is addressed to: the part of USERNAME before the colon
/// (RFC 8445 section 7.2.2). `None` for anything else.
pub fn local_ufrag(datagram: &[u8]) -> Option<&str> {
    const HEADER: usize = 20;
    const BINDING_REQUEST: [u8; 2] = [0, 1];
    const USERNAME: u16 = 0x0006;
    if datagram.get(0..2)? != BINDING_REQUEST || datagram.get(4..8)? != MAGIC_COOKIE {
        return None;
    }
    let mut rest = datagram.get(HEADER..)?;
    while let [t0, t1, l0, l1, tail @ ..] = rest {
        let (kind, length) = (
            u16::from_be_bytes([*t0, *t1]),
            usize::from(u16::from_be_bytes([*l0, *l1])),
        );
        let value = tail.get(..length)?;
        if kind == USERNAME {
            let text = std::str::from_utf8(value).ok()?;
            return text.split(':').next();
        }
        rest = tail.get(length.div_ceil(4) * 4..)?;
    }
    None
}

/// True for the answer to a Binding request that was taken.
pub fn is_success(datagram: &[u8]) -> bool {
    const BINDING_SUCCESS: [u8; 2] = [1, 1];
    datagram.get(0..2) == Some(&BINDING_SUCCESS) && datagram.get(4..8) == Some(&MAGIC_COOKIE)
}

/// True for STUN by its first byte (RFC 7983).
pub fn is_stun(datagram: &[u8]) -> bool {
    datagram.first().is_some_and(|b| *b < 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(username: &[u8]) -> Vec<u8> {
        let mut d = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
        d.extend([0u8; 12]);
        d.extend([0x80, 0x22, 0, 3, b'a', b'b', b'c', 0]);
        d.extend([0, 6, 0, username.len() as u8]);
        d.extend(username);
        d.resize(d.len().div_ceil(4) * 4, 0);
        d
    }

    #[test]
    fn the_local_part_of_the_username_is_found() {
        assert_eq!(local_ufrag(&request(b"mine:theirs")), Some("mine"));
    }

    #[test]
    fn an_answer_is_told_from_a_request_and_from_a_refusal() {
        let mut answer = request(b"mine:theirs");
        assert!(!is_success(&answer));
        answer[..2].copy_from_slice(&[1, 0x11]);
        assert!(!is_success(&answer));
        answer[..2].copy_from_slice(&[1, 1]);
        assert!(is_success(&answer) && !is_success(&answer[..7]));
    }

    #[test]
    fn cut_or_foreign_datagrams_have_none() {
        let whole = request(b"mine:theirs");
        for n in 0..whole.len() - 2 {
            assert_eq!(local_ufrag(&whole[..n]), None, "{n}");
        }
        let mut response = whole.clone();
        response[0] = 1;
        assert_eq!(local_ufrag(&response), None);
        assert_eq!(local_ufrag(&request(&[0xff, 0xfe])), None);
    }
}
