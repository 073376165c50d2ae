//! One peer connection of a browser, on the made network.

use crate::media::Port;
use omnigate_audio::opus::Decoder;
use std::sync::Arc;
use std::time::Instant;
use str0m::change::{SdpAnswer, SdpOffer, SdpPendingOffer};
use str0m::media::{Direction, MediaKind, Mid};
use str0m::net::{Protocol, Receive};
use str0m::rtp::RtpWrite;
use str0m::{Candidate, Event, Input, Output, Rtc, RtcConfig};

/// Samples of the longest Opus packet at 48 kHz.
const LONGEST: usize = 5760;

pub(super) struct Browser {
    rtc: Rtc,
    port: Port,
    mid: Option<Mid>,
    pending: Option<SdpPendingOffer>,
    sequence: u64,
    pub(super) connected: bool,
    pub(super) received: Vec<Arc<[u8]>>,
}

impl Browser {
    pub(super) fn new(port: Port, now: Instant) -> Browser {
        let mut rtc = RtcConfig::new()
            .set_crypto_provider(Arc::new(str0m_aws_lc_rs::default_provider()))
            .set_rtp_mode(true)
            .build(now);
        rtc.add_local_candidate(Candidate::host(port.local(), "udp").unwrap());
        Browser {
            rtc,
            port,
            mid: None,
            pending: None,
            sequence: 1000,
            connected: false,
            received: Vec::new(),
        }
    }

    pub(super) fn offer(&mut self, kind: MediaKind) -> String {
        let mut changes = self.rtc.sdp_api();
        self.mid = Some(changes.add_media(kind, Direction::SendRecv, None, None, None));
        let (offer, pending) = changes.apply().unwrap();
        self.pending = Some(pending);
        offer.to_sdp_string()
    }

    pub(super) fn answered(&mut self, answer: &str) {
        let answer = SdpAnswer::from_sdp_string(answer).unwrap();
        let pending = self.pending.take().unwrap();
        self.rtc.sdp_api().accept_answer(pending, answer).unwrap();
    }

    /// Our answer.
    pub(super) fn answer(&mut self, offer: &str) -> String {
        let offer = SdpOffer::from_sdp_string(offer).unwrap();
        self.rtc.sdp_api().accept_offer(offer).unwrap().to_sdp_string()
    }

    pub(super) fn step(&mut self, now: Instant) {
        while let Some((source, datagram)) = self.port.receive() {
            let receive = Receive {
                proto: Protocol::Udp,
                source,
                destination: self.port.local(),
                contents: datagram.as_slice().try_into().unwrap(),
            };
            let _ = self.rtc.handle_input(Input::Receive(now, receive));
            self.drain(now);
        }
        if self.rtc.is_alive() {
            let _ = self.rtc.handle_input(Input::Timeout(now));
            self.drain(now);
        }
    }

    /// Closes the connection, and says so to the other side.
    pub(super) fn close(&mut self, now: Instant) {
        let _ = self.rtc.close();
        self.drain(now);
    }

    /// A packet `step` units of the media's clock after the last one.
    pub(super) fn send(&mut self, step: u32, payload: &[u8], now: Instant) {
        let (Some(mid), true) = (self.mid, self.connected && self.rtc.is_alive()) else {
            return;
        };
        let Some(pt) = self.rtc.media(mid).and_then(|m| m.remote_pts().first().copied()) else {
            return;
        };
        self.sequence += 1;
        let (sequence, time) = (self.sequence, self.sequence as u32 * step);
        let mut api = self.rtc.direct_api();
        let Some(tx) = api.stream_tx_by_mid(mid, None) else {
            return;
        };
        tx.write_rtp(RtpWrite::new(pt, sequence.into(), time, now, payload));
        self.drain(now);
    }

    /// How loud it is what has come since it was last asked: the root of the mean square.
    pub(super) fn loudness(&mut self) -> f64 {
        let mut decoder = Decoder::new(48_000).unwrap();
        let (mut sum, mut count, mut pcm) = (0.0, 0, vec![0; LONGEST]);
        for packet in self.received.drain(..) {
            let length = decoder.decode(&packet, &mut pcm).unwrap_or_default();
            sum += pcm[..length].iter().map(|s| f64::from(*s).powi(2)).sum::<f64>();
            count += length;
        }
        (sum / f64::from(count.max(1) as u32)).sqrt()
    }

    fn drain(&mut self, now: Instant) {
        while self.rtc.is_alive() {
            match self.rtc.poll_output() {
                Ok(Output::Transmit(t)) => self.port.send(&t.contents, t.destination),
                Ok(Output::Timeout(t)) if t <= now => {
                    if self.rtc.handle_input(Input::Timeout(now)).is_err() {
                        return;
                    }
                }
                Ok(Output::Timeout(_)) | Err(_) => return,
                Ok(Output::Event(Event::Connected)) => self.connected = true,
                Ok(Output::Event(Event::RtpPacket(p))) => self.received.push(p.payload),
                Ok(Output::Event(_)) => {}
            }
        }
    }
}
