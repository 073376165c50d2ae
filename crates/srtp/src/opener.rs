//! What comes in.

use crate::header::{rtcp_sender, rtp_header};
use crate::index::{Window, estimate};
use crate::transform::{ENCRYPTED, Stream, Transform};
use crate::{MasterKey, Result};
use std::fmt;

/// Sources whose indices are remembered, of RTP and of RTCP: a far end has one, and another one after a transfer.
const SOURCES: usize = 4;

/// Opens the packets that one far end sends.
pub struct Opener {
    rtp: Transform,
    rtcp: Transform,
    packets: Sources,
    reports: Sources,
}

/// The newest sources first.
#[derive(Default)]
struct Sources([Option<(u32, Window)>; SOURCES]);

impl Sources {
    fn of(&self, ssrc: u32) -> Option<&Window> {
        let mut all = self.0.iter().flatten();
        all.find(|(known, _)| *known == ssrc).map(|(_, window)| window)
    }

    /// Takes an index that is authentic. The source that has been silent longest gives way to a new one.
    fn take(&mut self, ssrc: u32, index: u64) {
        let known = self
            .0
            .iter()
            .position(|one| one.is_some_and(|(known, _)| known == ssrc));
        self.0[..=known.unwrap_or(SOURCES - 1)].rotate_right(1);
        let first = &mut self.0[0];
        match first {
            Some((_, window)) if known.is_some() => window.take(index),
            other => *other = Some((ssrc, Window::new(index))),
        }
    }
}

impl Opener {
    /// With the key that the far end's description carries.
    ///
    /// # Errors
    /// [`Error::UsedUp`](crate::Error::UsedUp), when the library refuses the key; it does not.
    pub fn new(key: &MasterKey) -> Result<Opener> {
        Ok(Opener {
            rtp: Transform::new(key, Stream::Rtp)?,
            rtcp: Transform::new(key, Stream::Rtcp)?,
            packets: Sources::default(),
            reports: Sources::default(),
        })
    }

    /// Opens an RTP packet; on an error it is of no use any more.
    ///
    /// # Errors
    /// [`Error`](crate::Error)
    pub fn open_rtp(&mut self, packet: &mut Vec<u8>) -> Result<()> {
        let (ssrc, sequence, clear) = rtp_header(packet)?;
        let window = self.packets.of(ssrc);
        // The first packet of a source is of the first round (RFC 3711 section 3.3.1).
        let index = match window {
            Some(window) => estimate(window.newest, sequence).ok_or(crate::Error::Replayed)?,
            None => u64::from(sequence),
        };
        if let Some(window) = window {
            window.check(index)?;
        }
        self.rtp.open_rtp(packet, clear, ssrc, index)?;
        self.packets.take(ssrc, index);
        Ok(())
    }

    /// Opens an RTCP packet; on an error it is of no use any more.
    ///
    /// # Errors
    /// [`Error`](crate::Error)
    pub fn open_rtcp(&mut self, packet: &mut Vec<u8>) -> Result<()> {
        let ssrc = rtcp_sender(packet)?;
        let word = self.rtcp.rtcp_word(packet)?;
        let index = u64::from(word & !ENCRYPTED);
        if let Some(window) = self.reports.of(ssrc) {
            window.check(index)?;
        }
        self.rtcp.open_rtcp(packet, ssrc, word)?;
        self.reports.take(ssrc, index);
        Ok(())
    }
}

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opener").finish_non_exhaustive()
    }
}
