//! Sealed media (SRTP) of one phone leg: what goes out is sealed, what comes in is opened or not heard.

use omnigate_srtp::{Keys, MAX_OVERHEAD, Opener, Result, Sealer};

/// Largest datagram, bytes. What is longer is cut, and cannot be authentic then.
const MAX_DATAGRAM: usize = 2_048;

/// What stands between a leg and its sockets.
#[derive(Default)]
pub(crate) struct Shield {
    media: Lock,
    /// Of reports whose port has a handshake, and keys, of its own (RFC 5764 section 5.1.1); none: they go by the media's.
    reports: Option<Lock>,
}

/// How packets go.
#[derive(Default)]
struct Lock {
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
    /// They will be: a handshake is to make the keys. None goes out and none is heard until then.
    Waiting,
    /// They should be, and cannot: none goes out and none is heard. The library refuses no key, so it does not happen.
    Broken,
}

/// Both directions. They last as long as their keys, and begin anew with others.
struct Sealed {
    keys: Keys,
    sealer: Sealer,
    opener: Opener,
    buffer: Vec<u8>,
}

impl Shield {
    /// Follows what both sides have agreed on.
    pub(crate) fn follow(&mut self, keys: Option<&Keys>) {
        self.reports = None;
        match keys {
            Some(keys) => self.media.take(keys),
            None => self.media.mode = Mode::Plain,
        }
    }

    /// A handshake makes the keys: until they are there no packet goes either way. `apart`: another one makes those of the
    /// reports, which have a port of their own.
    pub(crate) fn wait(&mut self, apart: bool) {
        self.media.mode = Mode::Waiting;
        self.reports = apart.then(|| Lock {
            mode: Mode::Waiting,
            sealed: None,
        });
    }

    /// Whether it is to seal packets, and has no keys yet.
    pub(crate) fn waits(&self) -> bool {
        self.media.mode == Mode::Waiting
    }

    /// The handshake has made the keys.
    pub(crate) fn keyed(&mut self, keys: &Keys) {
        self.media.take(keys);
    }

    /// The one on the port of the reports has made theirs.
    pub(crate) fn reports_keyed(&mut self, keys: &Keys) {
        if let Some(reports) = &mut self.reports {
            reports.take(keys);
        }
    }

    /// An RTP packet as it goes out; none: it does not.
    pub(crate) fn seal_rtp<'a>(&'a mut self, packet: &'a [u8]) -> Option<&'a [u8]> {
        self.media
            .pass(packet, |sealed| sealed.sealer.seal_rtp(&mut sealed.buffer))
    }

    /// The same for RTCP.
    pub(crate) fn seal_rtcp<'a>(&'a mut self, packet: &'a [u8]) -> Option<&'a [u8]> {
        self.of_reports()
            .pass(packet, |sealed| sealed.sealer.seal_rtcp(&mut sealed.buffer))
    }

    /// An RTP packet as it was before it was sealed; none: whoever sent it has not the key.
    pub(crate) fn open_rtp<'a>(&'a mut self, packet: &'a [u8]) -> Option<&'a [u8]> {
        self.media
            .pass(packet, |sealed| sealed.opener.open_rtp(&mut sealed.buffer))
    }

    /// The same for RTCP that has come to the port of RTCP.
    pub(crate) fn open_report<'a>(&'a mut self, packet: &'a [u8]) -> Option<&'a [u8]> {
        self.of_reports()
            .pass(packet, |sealed| sealed.opener.open_rtcp(&mut sealed.buffer))
    }

    /// The same for RTCP that has come to the port of RTP.
    pub(crate) fn open_rtcp<'a>(&'a mut self, packet: &'a [u8]) -> Option<&'a [u8]> {
        self.media
            .pass(packet, |sealed| sealed.opener.open_rtcp(&mut sealed.buffer))
    }

    fn of_reports(&mut self) -> &mut Lock {
        self.reports.as_mut().unwrap_or(&mut self.media)
    }
}

impl Lock {
    fn take(&mut self, keys: &Keys) {
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

    fn pass<'a>(
        &'a mut self,
        packet: &'a [u8],
        change: impl FnOnce(&mut Sealed) -> Result<()>,
    ) -> Option<&'a [u8]> {
        match (self.mode, &mut self.sealed) {
            (Mode::Plain, _) => Some(packet),
            (Mode::Sealed, Some(sealed)) => sealed.pass(packet, change),
            _ => None,
        }
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

    fn pass(&mut self, packet: &[u8], change: impl FnOnce(&mut Sealed) -> Result<()>) -> Option<&[u8]> {
        self.buffer.clear();
        let fits = packet.get(..MAX_DATAGRAM).unwrap_or(packet);
        self.buffer.extend_from_slice(fits);
        change(self).ok()?;
        Some(&self.buffer)
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

    #[test]
    fn while_a_handshake_is_to_make_the_keys_nothing_passes_either_way() {
        let (ours, theirs) = keys();
        let (mut here, mut there) = (Shield::default(), Shield::default());
        there.follow(Some(&theirs));
        let report = [0x80, 201, 0, 1, 7, 7, 7, 7];
        here.wait(false);
        assert!(here.waits());
        assert!(here.seal_rtp(&packet(1)).is_none() && here.open_rtp(&packet(1)).is_none());
        assert!(here.seal_rtcp(&report).is_none() && here.open_report(&report).is_none());
        here.keyed(&ours);
        assert!(!here.waits());
        let sealed = there.seal_rtp(&packet(2)).unwrap().to_vec();
        assert_eq!(here.open_rtp(&sealed), Some(&packet(2)[..]));
        let sealed = there.seal_rtcp(&report).unwrap().to_vec();
        assert_eq!(here.open_report(&sealed), Some(&report[..]));
    }

    /// RFC 5764 section 5.1.1: each port has its own handshake, and its own keys.
    #[test]
    fn reports_on_a_port_of_their_own_have_keys_of_their_own() {
        let ((ours, theirs), (our_reports, their_reports)) = (keys(), keys());
        let (mut here, mut there) = (Shield::default(), Shield::default());
        here.wait(true);
        here.keyed(&ours);
        there.follow(Some(&theirs));
        let report = [0x80, 201, 0, 1, 7, 7, 7, 7];
        assert!(here.seal_rtcp(&report).is_none(), "its keys are not there yet");
        let sealed = there.seal_rtcp(&report).unwrap().to_vec();
        assert_eq!(here.open_rtcp(&sealed), Some(&report[..]), "on the port of RTP");
        here.reports_keyed(&our_reports);
        let mut reporter = Shield::default();
        reporter.follow(Some(&their_reports));
        let sealed = reporter.seal_rtcp(&report).unwrap().to_vec();
        assert_eq!(here.open_report(&sealed), Some(&report[..]));
        let sealed = here.seal_rtcp(&report).unwrap().to_vec();
        assert_eq!(reporter.open_report(&sealed), Some(&report[..]));
        assert!(there.open_rtcp(&sealed).is_none());
    }
}
