//! One browser or app in a room.

use crate::media::event::PeerEvent;
use crate::media::outlet::Outlet;
use crate::media::sound::opus_out::OpusOut;
use crate::media::tap::{Capture, Captured, Tap};
use omnigate_audio::codec::Codec;
use omnigate_audio::level::TalkDetector;
use omnigate_audio::mix::Limiter;
use omnigate_recording::capture::MediaKind;
use omnigate_room::PeerId;
use omnigate_rtc::{AudioPacket, AudioSink, Path, Peer, Sink, TransportState};
use omnigate_rtp::RtpPacket;
use omnigate_rtp::playout::{PayloadKind, Playout};
use std::sync::Arc;
use std::time::Instant;

/// RTP timestamp units of one tick: the Opus clock is 48 kHz at every rate (RFC 7587).
const TICK_TIMESTAMP: u32 = 960;

/// A browser's side of a room.
pub(crate) struct App {
    pub(crate) id: PeerId,
    peer: Peer,
    playout: Playout,
    rate_hz: u32,
    muted: bool,
    pub(crate) captured: Captured,
    talk: TalkDetector,
    /// This tick's audio at the bus rate.
    pub(crate) frame: Vec<i16>,
    /// Heard in this tick.
    pub(crate) talking: bool,
    pub(crate) limiter: Limiter,
    encoder: Option<OpusOut>,
    shared_before: bool,
    timestamp: u32,
    marker: bool,
}

impl App {
    pub(crate) fn new(id: PeerId, peer: Peer, playout: Playout, rate_hz: u32, timestamp: u32) -> App {
        App {
            id,
            peer,
            playout,
            rate_hz,
            muted: false,
            captured: Captured::default(),
            talk: TalkDetector::new(rate_hz),
            frame: vec![0; rate_hz as usize / 50],
            talking: false,
            limiter: Limiter::default(),
            encoder: None,
            shared_before: false,
            timestamp,
            marker: true,
        }
    }

    pub(crate) fn ufrag(&self) -> &str {
        self.peer.ufrag()
    }

    /// Takes the audio out of every mix and out of captures, or back in.
    pub(crate) fn set_muted(&mut self, muted: bool, now: Instant, outlet: &Outlet) {
        self.muted = muted;
        self.captured.muted(muted, now, &mut outlet.tap.borrow_mut());
    }

    /// Captures what this side says from now on, if that is not done yet.
    pub(crate) fn capture(&mut self, capture: Capture, now: Instant, tap: &mut Tap) {
        self.captured
            .join(capture, self.id.participant.0, self.muted, now, tap);
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.peer.is_gone()
    }

    pub(crate) fn deadline(&self) -> Instant {
        self.peer.deadline()
    }

    /// Follows the room's bus rate.
    pub(crate) fn set_rate(&mut self, rate_hz: u32) {
        if rate_hz == self.rate_hz {
            return;
        }
        self.rate_hz = rate_hz;
        let _ = self.playout.set_output_rate(rate_hz);
        self.talk = TalkDetector::new(rate_hz);
        self.frame.clear();
        self.frame.resize(rate_hz as usize / 50, 0);
        self.encoder = None;
    }

    /// The peer, and where what it says goes.
    fn parts<'a>(&'a mut self, now: Instant, outlet: &'a Outlet) -> (&'a mut Peer, AppSink<'a>) {
        let sink = AppSink {
            id: self.id,
            playout: &mut self.playout,
            captured: &mut self.captured,
            now,
            outlet,
        };
        (&mut self.peer, sink)
    }

    /// True when the datagram proves that the app sends from `source`.
    pub(crate) fn receive(&mut self, source: Path, datagram: &[u8], now: Instant, outlet: &Outlet) -> bool {
        let (peer, mut sink) = self.parts(now, outlet);
        peer.receive(source, datagram, now, &mut sink)
    }

    /// The connection that the app had from `path` has closed.
    pub(crate) fn path_closed(&mut self, path: Path) {
        self.peer.path_closed(path);
    }

    pub(crate) fn timeout(&mut self, now: Instant, outlet: &Outlet) {
        let (peer, mut sink) = self.parts(now, outlet);
        peer.timeout(now, &mut sink);
    }

    pub(crate) fn close(&mut self, now: Instant, outlet: &Outlet) {
        let (peer, mut sink) = self.parts(now, outlet);
        peer.close(now, &mut sink);
    }

    /// Takes this tick's audio out of the jitter buffer.
    pub(crate) fn pull(&mut self, now: Instant) {
        self.talking = false;
        if !self.peer.is_up() {
            return;
        }
        self.playout.pull(now, &mut self.frame);
        if self.muted {
            self.frame.fill(0);
        }
        self.talking = self.talk.push(&self.frame) && !self.muted;
    }

    /// Sends a packet that an encoder shared with other listeners made.
    pub(crate) fn push_shared(&mut self, packet: Arc<[u8]>, now: Instant, outlet: &Outlet) {
        self.shared_before = true;
        self.send(packet, now, outlet);
    }

    /// Encodes and sends this listener's own mix.
    pub(crate) fn push(&mut self, mix: &[i16], silent: bool, now: Instant, outlet: &Outlet) {
        if !self.peer.is_up() {
            return;
        }
        if self.encoder.is_none() {
            self.encoder = OpusOut::new(self.rate_hz).ok();
        }
        let Some(encoder) = &mut self.encoder else { return };
        if std::mem::take(&mut self.shared_before) {
            encoder.restart();
        }
        let packet = encoder.tick(mix, silent);
        self.send(packet, now, outlet);
    }

    fn send(&mut self, packet: Arc<[u8]>, now: Instant, outlet: &Outlet) {
        self.timestamp = self.timestamp.wrapping_add(TICK_TIMESTAMP);
        let (timestamp, marker) = (self.timestamp, std::mem::take(&mut self.marker));
        let (peer, mut sink) = self.parts(now, outlet);
        peer.send(timestamp, marker, packet, now, &mut sink);
    }
}

struct AppSink<'a> {
    id: PeerId,
    playout: &'a mut Playout,
    captured: &'a mut Captured,
    now: Instant,
    outlet: &'a Outlet,
}

impl Sink for AppSink<'_> {
    fn transmit(&mut self, destination: Path, datagram: &[u8]) {
        self.outlet.transmit(destination, datagram);
    }

    fn transport(&mut self, state: TransportState) {
        // That it is gone is told by the shard, once it has forgotten it.
        if state == TransportState::Up {
            self.outlet.tell(PeerEvent::Up(self.id));
        }
    }
}

impl AudioSink for AppSink<'_> {
    fn audio(&mut self, p: AudioPacket<'_>) {
        let packet = RtpPacket {
            ssrc: p.ssrc,
            sequence: p.sequence,
            timestamp: p.timestamp,
            payload_type: 0,
            marker: p.marker,
            payload: p.payload,
        };
        self.playout
            .push(self.now, &packet, PayloadKind::Speech(Codec::Opus));
        let tap = &mut self.outlet.tap.borrow_mut();
        self.captured
            .media(MediaKind::Opus, &packet, self.now, tap, &self.outlet.figures);
    }
}
