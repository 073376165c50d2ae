//! Audio towards a phone: G.711 packets of the agreed packet time.

use omnigate_audio::dtmf::Key;
use omnigate_audio::g711::Law;
use omnigate_rtp::RtpSender;
use omnigate_rtp::telephone_event::{DEFAULT_PRESS, Sender};
use omnigate_sip::Payload;

/// Samples of one tick at 8 kHz.
pub(crate) const TICK_8K: usize = 160;
/// Samples of the longest packet time, 60 ms.
const MAX_PACKET: usize = 480;

/// The companding law of a codec that SDP agreed on.
pub(crate) fn law(payload: Payload) -> Law {
    match payload {
        Payload::Pcmu => Law::Mu,
        Payload::Pcma => Law::A,
    }
}

/// Collects ticks and writes packets.
#[derive(Debug)]
pub(crate) struct Outbound {
    sender: RtpSender,
    law: Law,
    payload_type: u8,
    packet_samples: usize,
    pending: Vec<u8>,
    marker: bool,
    /// Payload type of telephone events, when both sides have it.
    events: Option<u8>,
    /// Keys that are pressed; none before the first.
    keys: Option<Box<Sender>>,
}

impl Outbound {
    /// A stream with these initial values (RFC 3550 section 5.1: random).
    pub(crate) fn new(ssrc: u32, sequence: u16, timestamp: u32) -> Outbound {
        Outbound {
            sender: RtpSender::new(ssrc, sequence, timestamp),
            law: Law::Mu,
            payload_type: 0,
            packet_samples: TICK_8K,
            pending: Vec::with_capacity(MAX_PACKET + TICK_8K),
            marker: true,
            events: None,
            keys: None,
        }
    }

    /// Codec, payload type and packet time (10 to 60 ms).
    pub(crate) fn configure(&mut self, law: Law, payload_type: u8, ptime_ms: u32) {
        let samples = (ptime_ms.clamp(10, 60) as usize) * 8;
        if (law, samples) != (self.law, self.packet_samples) {
            // Half a packet of the old form is dropped; time goes on.
            self.sender.advance(self.pending.len() as u32);
            self.pending.clear();
        }
        self.law = law;
        self.payload_type = payload_type;
        self.packet_samples = samples;
    }

    /// Payload type of telephone events; none: no key is pressed.
    pub(crate) fn send_events_as(&mut self, payload_type: Option<u8>) {
        if payload_type != self.events {
            self.events = payload_type;
            self.keys = None;
        }
    }

    /// Presses a key once those before it have been; false when too many wait, or there are no telephone events.
    pub(crate) fn press(&mut self, key: Key) -> bool {
        let Some(payload_type) = self.events else {
            return false;
        };
        let keys = self
            .keys
            .get_or_insert_with(|| Box::new(Sender::new(payload_type, 8_000)));
        keys.press(key, DEFAULT_PRESS)
    }

    /// The RTP sender, for reports.
    pub(crate) fn sender(&self) -> &RtpSender {
        &self.sender
    }

    /// Takes one tick of audio and hands out each packet that is full. `scratch` is reused.
    pub(crate) fn push(&mut self, pcm: &[i16], scratch: &mut Vec<u8>, mut send: impl FnMut(&[u8])) {
        if let Some(keys) = self.keys.as_mut().filter(|keys| keys.is_busy()) {
            // An event stands in the place of the audio (RFC 4733 section 2.5.1.2).
            self.sender.advance(self.pending.len() as u32);
            self.pending.clear();
            if keys.tick(&mut self.sender, scratch) {
                send(scratch);
                self.marker = true;
                return;
            }
        }
        let start = self.pending.len();
        self.pending.resize(start + pcm.len(), self.law.silence());
        if let Some(codes) = self.pending.get_mut(start..) {
            self.law.encode(pcm, codes);
        }
        while let Some(payload) = self.pending.get(..self.packet_samples) {
            self.sender.write(
                self.payload_type,
                std::mem::take(&mut self.marker),
                payload,
                scratch,
            );
            send(scratch);
            self.sender.advance(self.packet_samples as u32);
            self.pending.drain(..self.packet_samples);
        }
    }

    /// A tick in which nothing is sent: on hold.
    pub(crate) fn pause(&mut self) {
        self.sender.advance((self.pending.len() + TICK_8K) as u32);
        self.pending.clear();
        self.marker = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use omnigate_rtp::RtpPacket;

    fn run(ptime: u32, ticks: usize) -> Vec<(u16, u32, usize)> {
        let mut out = Outbound::new(7, 100, 1000);
        out.configure(Law::A, 8, ptime);
        let mut seen = Vec::new();
        let mut scratch = Vec::new();
        for _ in 0..ticks {
            out.push(&[0; TICK_8K], &mut scratch, |p| {
                let p = RtpPacket::parse(p).unwrap();
                seen.push((p.sequence, p.timestamp, p.payload.len()));
            });
        }
        seen
    }

    #[test]
    fn every_packet_time_gives_packets_without_a_gap() {
        for (ptime, packets) in [(10, 12), (20, 6), (30, 4), (40, 3), (60, 2)] {
            let seen = run(ptime, 6);
            assert_eq!(seen.len(), packets, "{ptime} ms");
            for (i, (sequence, timestamp, length)) in seen.iter().enumerate() {
                assert_eq!(*sequence, 100 + i as u16);
                assert_eq!(*timestamp, 1000 + i as u32 * ptime * 8);
                assert_eq!(*length, ptime as usize * 8);
            }
        }
    }

    #[test]
    fn time_goes_on_during_hold() {
        let mut out = Outbound::new(7, 100, 1000);
        let mut scratch = Vec::new();
        out.pause();
        out.pause();
        let mut timestamp = 0;
        out.push(&[0; TICK_8K], &mut scratch, |p| {
            timestamp = RtpPacket::parse(p).unwrap().timestamp
        });
        assert_eq!(timestamp, 1000 + 320);
    }
}
