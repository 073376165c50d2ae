//! What goes out.

use crate::header::{rtcp_sender, rtp_header};
use crate::index::estimate;
use crate::transform::{ENCRYPTED, Stream, Transform};
use crate::{MasterKey, Result};
use std::fmt;

/// Seals the packets of one stream that is sent.
pub struct Sealer {
    rtp: Transform,
    rtcp: Transform,
    /// Index of the newest RTP packet.
    newest: Option<u64>,
    /// Index of the next RTCP packet.
    next_report: u32,
}

impl Sealer {
    /// With the key that our own description carries.
    ///
    /// # Errors
    /// [`Error::UsedUp`](crate::Error::UsedUp), when the library refuses the key; it does not.
    pub fn new(key: &MasterKey) -> Result<Sealer> {
        Ok(Sealer {
            rtp: Transform::new(key, Stream::Rtp)?,
            rtcp: Transform::new(key, Stream::Rtcp)?,
            newest: None,
            next_report: 1,
        })
    }

    /// Seals an RTP packet.
    ///
    /// # Errors
    /// [`Error::Malformed`](crate::Error::Malformed) for what is no RTP packet.
    pub fn seal_rtp(&mut self, packet: &mut Vec<u8>) -> Result<()> {
        let (ssrc, sequence, clear) = rtp_header(packet)?;
        let first = u64::from(sequence);
        let index = self
            .newest
            .and_then(|newest| estimate(newest, sequence))
            .unwrap_or(first);
        self.newest = Some(self.newest.unwrap_or(first).max(index));
        self.rtp.seal_rtp(packet, clear, ssrc, index)
    }

    /// Seals an RTCP packet.
    ///
    /// # Errors
    /// [`Error::Malformed`](crate::Error::Malformed) for what is no RTCP packet,
    /// [`Error::UsedUp`](crate::Error::UsedUp) after 2^31 of them.
    pub fn seal_rtcp(&mut self, packet: &mut Vec<u8>) -> Result<()> {
        let ssrc = rtcp_sender(packet)?;
        if self.next_report >= ENCRYPTED {
            return Err(crate::Error::UsedUp);
        }
        let word = ENCRYPTED | self.next_report;
        self.next_report += 1;
        self.rtcp.seal_rtcp(packet, ssrc, word)
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer").finish_non_exhaustive()
    }
}
