//! RTCP of one phone leg: its socket, what the caller reports, what it is told.

use crate::media::net::batch::BatchSocket;
use crate::media::net::latch::Latch;
use crate::media::net::report_latch::ReportLatch;
use crate::media::sound::shield::Shield;
use omnigate_rtp::session::{ReceiverStats, RtcpSession};
use omnigate_rtp::{RtpPacket, RtpSender};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

/// CNAME of our reports (RFC 3550 section 6.5.1): the service, not a person.
const CNAME: &str = "omnigate";
/// RTCP is read after so many ticks without: each 200 ms, within the time that the kernel's arrival times are believed.
const READ_EACH: u8 = 9;

/// The reports beside the caller's packets.
pub(super) struct Reports {
    pub(super) socket: Arc<BatchSocket>,
    /// That of the media, when reports share its port (RFC 5761).
    pub(super) shared: Option<Arc<BatchSocket>>,
    /// Where the caller's reports come from.
    pub(super) latch: ReportLatch,
    /// Ticks until it is read.
    ticks: u8,
    session: RtcpSession,
    written: Vec<u8>,
}

impl Reports {
    pub(super) fn new(socket: BatchSocket, ssrc: u32, now: Instant) -> Reports {
        Reports {
            socket: Arc::new(socket),
            shared: None,
            latch: ReportLatch::default(),
            ticks: 0,
            session: RtcpSession::new(now, u64::from(ssrc)),
            written: Vec::with_capacity(1500),
        }
    }

    /// Whether it is read in this tick.
    pub(super) fn turn(&mut self) -> bool {
        let (ticks, turn) = match self.ticks.checked_sub(1) {
            Some(left) => (left, false),
            None => (READ_EACH, true),
        };
        self.ticks = ticks;
        turn
    }

    /// Takes the header of a packet that was accepted, whose timestamps are of this clock (Hz).
    pub(super) fn on_rtp(&mut self, packet: &RtpPacket<'_>, clock_hz: u32, now: Instant) {
        let (ssrc, sequence) = (packet.ssrc, packet.sequence);
        self.session
            .on_rtp(ssrc, sequence, packet.timestamp, now, clock_hz);
    }

    /// Takes a report if it comes from the right source; whether it did.
    pub(super) fn receive(
        &mut self,
        data: &[u8],
        source: SocketAddr,
        our_ssrc: u32,
        media: &Latch,
        now: Instant,
    ) -> bool {
        // Each report begins with the SSRC of its sender (RFC 3550 section 6.4).
        let sender = data.get(4..8).and_then(|ssrc| ssrc.try_into().ok());
        let late = sender.is_none_or(|ssrc| media.is_late(source, u32::from_be_bytes(ssrc), now));
        if late || !self.latch.takes(source, media, now) {
            return false;
        }
        let taken = self.session.on_rtcp(data, our_ssrc, now).is_ok();
        if taken {
            self.latch.heard(source, now);
        }
        taken
    }

    pub(super) fn due(&self, now: Instant) -> bool {
        self.session.due(now)
    }

    /// Sends a report. `ntp` is the wall clock in NTP format.
    pub(super) fn send(
        &mut self,
        now: Instant,
        ntp: u64,
        sender: &RtpSender,
        shield: &mut Shield,
        to: SocketAddr,
    ) {
        self.session
            .write_report(now, ntp, sender, CNAME, &mut self.written);
        self.transmit(shield, to);
    }

    /// Sends a goodbye.
    pub(super) fn goodbye(&mut self, sender: &RtpSender, shield: &mut Shield, to: SocketAddr) {
        self.session.write_bye(sender, CNAME, &mut self.written);
        self.transmit(shield, to);
    }

    fn transmit(&self, shield: &mut Shield, to: SocketAddr) {
        if let Some(report) = shield.seal_rtcp(&self.written) {
            let socket = self.shared.as_ref().unwrap_or(&self.socket);
            let _ = socket.send_to(report, to);
        }
    }

    pub(super) fn stats(&self) -> ReceiverStats {
        self.session.stats()
    }
}
