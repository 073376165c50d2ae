//! Datagrams on a byte stream: each behind its length in 16 bits (RFC 4571 section 2), as ICE over TCP sends them
//! (RFC 6544 section 10.1).

/// Longest datagram taken from a stream, bytes. RTP, DTLS and STUN stay below the 1500 bytes of a UDP path; what claims
/// more is another protocol.
pub const MAX_FRAME: usize = 2048;

/// Bytes of the length before each datagram.
pub const HEADER: usize = 2;

/// The stream claims a datagram longer than [`MAX_FRAME`]; it cannot be read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("frame of {0} bytes")]
pub struct TooLong(
    /// Claimed length, bytes.
    pub usize,
);

/// What goes before a datagram of `length` bytes; nothing for one that the other side need not take.
pub fn header(length: usize) -> Option<[u8; HEADER]> {
    let length = u16::try_from(length)
        .ok()
        .filter(|n| usize::from(*n) <= MAX_FRAME)?;
    Some(length.to_be_bytes())
}

/// Finds the datagrams of one stream. Holds at most one, and of that only what has come.
#[derive(Debug, Default)]
pub struct Deframer {
    part: Vec<u8>,
}

impl Deframer {
    /// Takes what was read next and hands out each datagram that is complete; empty ones are left out.
    ///
    /// # Errors
    /// [`TooLong`]; the datagrams before it were handed out.
    pub fn push(&mut self, bytes: &[u8], mut take: impl FnMut(&[u8])) -> Result<(), TooLong> {
        let mut rest = bytes;
        while !self.part.is_empty() {
            let missing = match length(&self.part)? {
                Some(length) => (HEADER + length).saturating_sub(self.part.len()),
                None => HEADER - self.part.len(),
            };
            let (next, tail) = rest.split_at(missing.min(rest.len()));
            self.part.extend_from_slice(next);
            rest = tail;
            match length(&self.part)? {
                Some(length) if self.part.len() == HEADER + length => {
                    hand_out(&self.part[HEADER..], &mut take);
                    self.part.clear();
                }
                _ if rest.is_empty() => return Ok(()),
                _ => {}
            }
        }
        while let Some(length) = length(rest)? {
            let Some(datagram) = rest.get(HEADER..HEADER + length) else {
                break;
            };
            hand_out(datagram, &mut take);
            rest = &rest[HEADER + length..];
        }
        self.part.extend_from_slice(rest);
        Ok(())
    }
}

fn hand_out(datagram: &[u8], take: &mut impl FnMut(&[u8])) {
    if !datagram.is_empty() {
        take(datagram);
    }
}

/// The length that `frame` begins with, as far as it has come.
fn length(frame: &[u8]) -> Result<Option<usize>, TooLong> {
    let [high, low, ..] = frame else { return Ok(None) };
    match usize::from(u16::from_be_bytes([*high, *low])) {
        n if n > MAX_FRAME => Err(TooLong(n)),
        n => Ok(Some(n)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(datagrams: &[&[u8]]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for d in datagrams {
            bytes.extend(header(d.len()).unwrap());
            bytes.extend_from_slice(d);
        }
        bytes
    }

    fn read(deframer: &mut Deframer, bytes: &[u8]) -> Result<Vec<Vec<u8>>, TooLong> {
        let mut out = Vec::new();
        deframer.push(bytes, |d| out.push(d.to_vec()))?;
        Ok(out)
    }

    #[test]
    fn several_datagrams_of_one_read_come_one_by_one() {
        let bytes = stream(&[b"one", b"", b"three", &[7; MAX_FRAME]]);
        let out = read(&mut Deframer::default(), &bytes).unwrap();
        assert_eq!(out, [b"one".to_vec(), b"three".to_vec(), vec![7; MAX_FRAME]]);
    }

    #[test]
    fn datagrams_come_whole_wherever_the_stream_is_cut() {
        let bytes = stream(&[b"one", b"", b"three", &[7; 300]]);
        let whole = read(&mut Deframer::default(), &bytes).unwrap();
        for size in 1..bytes.len() {
            let mut deframer = Deframer::default();
            let mut out = Vec::new();
            for piece in bytes.chunks(size) {
                out.extend(read(&mut deframer, piece).unwrap());
                assert!(deframer.part.len() < HEADER + 300);
            }
            assert_eq!(out, whole, "pieces of {size}");
        }
    }

    #[test]
    fn what_claims_too_much_ends_the_stream_before_it_is_stored() {
        let mut bytes = stream(&[b"one"]);
        bytes.extend(b"GET / HTTP/1.1\r\n");
        let (mut deframer, mut seen) = (Deframer::default(), 0);
        assert_eq!(
            deframer.push(&bytes, |_| seen += 1),
            Err(TooLong(usize::from(u16::from_be_bytes(*b"GE"))))
        );
        assert_eq!((seen, deframer.part.len()), (1, 0));
        let mut late = Deframer::default();
        assert_eq!(read(&mut late, &[0x08]), Ok(vec![]));
        assert_eq!(read(&mut late, &[0x01]), Err(TooLong(2049)));
        assert_eq!(header(MAX_FRAME + 1), None);
        assert_eq!(header(1 << 20), None);
    }
}
