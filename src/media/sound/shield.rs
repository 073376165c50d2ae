//! Sealed media (SRTP) of one phone leg: what goes out is sealed, what comes in is opened or not heard.

use omnigate_sip::sdes::Keys;
use omnigate_srtp::{MAX_OVERHEAD, Opener, Result, Sealer};

/// Largest datagram, bytes. What is longer is cut, and cannot be authentic then.
const MAX_DATAGRAM: usize = 2_048;

/// What stands between a leg and its sockets.
#[derive(Default)]
pub(crate) struct Shield {
    mode: Mode,
    /// Kept while packets go in the clear: should the same key come again, its indices go on. Two packets under one key and
    /// index would give both away (RFC 7714 section 8.4).
    sealed: Option<Box<Sealed>>,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Packets go as they are.
    #[default]
    Plain,
    /// They are sealed.
    Sealed,
    /// They should be, and cannot: none goes out and none is heard. The library refuses no key, so it does not happen.
    Broken,
}

/// Both directions. They last as long as their keys, and begin anew with others.
pub(crate) struct Sealed {
    keys: Keys,
    sealer: Sealer,
    opener: Opener,
    buffer: Vec<u8>,
}

impl Shield {
    /// Follows what both sides have agreed on.
    pub(crate) fn follow(&mut self, keys: Option<&Keys>) {
        let Some(keys) = keys else {
            self.mode = Mode::Plain;
            return;
        };
        let sealed = match self.sealed.take() {
            Some(sealed) => sealed.with(keys),
            None => Sealed::new(keys).map(Box::new),
        };
        self.mode = if sealed.is_ok() {
            Mode::Sealed
        } else {
            Mode::Broken
        };
        self.sealed = sealed.ok();
    }

    /// An RTP packet as it goes out; none: it does not.
    pub(crate) fn seal_rtp<'a>(&'a mut self, packet: &'a [u8]) -> Option<&'a [u8]> {
        self.pass(packet, |sealed| sealed.sealer.seal_rtp(&mut sealed.buffer))
    }

    /// The same for RTCP.
    pub(crate) fn seal_rtcp<'a>(&'a mut self, packet: &'a [u8]) -> Option<&'a [u8]> {
        self.pass(packet, |sealed| sealed.sealer.seal_rtcp(&mut sealed.buffer))
    }

    /// An RTP packet as it was before it was sealed; none: whoever sent it has not the key.
    pub(crate) fn open_rtp<'a>(&'a mut self, packet: &'a [u8]) -> Option<&'a [u8]> {
        self.pass(packet, |sealed| sealed.opener.open_rtp(&mut sealed.buffer))
    }

    /// The same for RTCP.
    pub(crate) fn open_rtcp<'a>(&'a mut self, packet: &'a [u8]) -> Option<&'a [u8]> {
        self.pass(packet, |sealed| sealed.opener.open_rtcp(&mut sealed.buffer))
    }

    fn pass<'a>(
        &'a mut self,
        packet: &'a [u8],
        change: impl FnOnce(&mut Sealed) -> Result<()>,
    ) -> Option<&'a [u8]> {
        if self.mode == Mode::Plain {
            return Some(packet);
        }
        let sealed = self.sealed.as_mut().filter(|_| self.mode == Mode::Sealed)?;
        sealed.buffer.clear();
        let fits = packet.get(..MAX_DATAGRAM).unwrap_or(packet);
        sealed.buffer.extend_from_slice(fits);
        change(sealed).ok()?;
        Some(&sealed.buffer)
    }
}

impl Sealed {
    fn new(keys: &Keys) -> Result<Sealed> {
        Ok(Sealed {
            sealer: Sealer::new(&keys.send)?,
            opener: Opener::new(&keys.receive)?,
            keys: keys.clone(),
            buffer: Vec::with_capacity(MAX_DATAGRAM + MAX_OVERHEAD),
        })
    }

    /// The same with these keys: the direction whose key is another one begins anew (RFC 4568 section 7.1.4).
    fn with(mut self: Box<Self>, keys: &Keys) -> Result<Box<Sealed>> {
        if self.keys.send != keys.send {
            self.sealer = Sealer::new(&keys.send)?;
        }
        if self.keys.receive != keys.receive {
            self.opener = Opener::new(&keys.receive)?;
        }
        self.keys = keys.clone();
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use omnigate_srtp::{MasterKey, Suite};

    fn keys() -> (Keys, Keys) {
        let [one, other] = [0; 2].map(|_| MasterKey::random(Suite::AeadAes128Gcm).unwrap());
        let ours = Keys {
            send: one.clone(),
            receive: other.clone(),
        };
        let theirs = Keys {
            send: other,
            receive: one,
        };
        (ours, theirs)
    }

    fn packet(sequence: u8) -> [u8; 32] {
        let mut packet = [7; 32];
        packet[..4].copy_from_slice(&[0x80, 8, 0, sequence]);
        packet
    }

    #[test]
    fn a_sealed_leg_hears_the_one_with_its_key_and_no_other_and_follows_another_key() {
        let (ours, theirs) = keys();
        let (mut here, mut there) = (Shield::default(), Shield::default());
        here.follow(Some(&ours));
        there.follow(Some(&theirs));
        let sealed = there.seal_rtp(&packet(1)).unwrap().to_vec();
        assert_ne!(sealed[12..32], packet(1)[12..]);
        assert_eq!(here.open_rtp(&sealed), Some(&packet(1)[..]));
        assert_eq!(here.open_rtp(&packet(2)), None, "what is plain is not heard");
        // The same keys again change nothing: what was here stays known.
        here.follow(Some(&ours));
        assert_eq!(here.open_rtp(&sealed), None);
        let (again_ours, again_theirs) = keys();
        here.follow(Some(&again_ours));
        let old = there.seal_rtp(&packet(3)).unwrap().to_vec();
        assert_eq!(here.open_rtp(&old), None);
        there.follow(Some(&again_theirs));
        let new = there.seal_rtp(&packet(4)).unwrap().to_vec();
        assert_eq!(here.open_rtp(&new), Some(&packet(4)[..]));
        here.follow(None);
        assert_eq!(here.open_rtp(&packet(5)), Some(&packet(5)[..]));
    }

    /// Two packets under one key and one index would give both away (RFC 7714 section 8.4).
    #[test]
    fn a_key_that_comes_again_after_a_while_in_the_clear_does_not_begin_anew() {
        let (ours, theirs) = keys();
        let (mut here, mut there) = (Shield::default(), Shield::default());
        here.follow(Some(&ours));
        there.follow(Some(&theirs));
        let report = [0x80, 201, 0, 1, 7, 7, 7, 7];
        let before = here.seal_rtcp(&report).unwrap().to_vec();
        assert!(there.open_rtcp(&before).is_some());
        here.follow(None);
        assert_eq!(here.seal_rtcp(&report), Some(&report[..]));
        here.follow(Some(&ours));
        let after = here.seal_rtcp(&report).unwrap().to_vec();
        assert_ne!(before, after);
        assert!(there.open_rtcp(&after).is_some(), "it is of another index");
    }
}
