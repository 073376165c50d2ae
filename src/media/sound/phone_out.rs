//! Audio towards a phone: packets of the agreed codec and packet time, and keys that are pressed.

use omnigate_audio::codec::{Codec, Encoder};
use omnigate_audio::dtmf::Key;
use omnigate_audio::opus::EncoderSettings;
use omnigate_rtp::RtpSender;
use omnigate_rtp::telephone_event::{DEFAULT_PRESS, Sender};
use omnigate_sip::Agreed;

/// Samples of one tick at 8 kHz.
pub(crate) const TICK_8K: usize = 160;
/// Milliseconds of a tick.
const TICK_MS: u32 = 20;
/// Room for a payload, bytes.
const MAX_PAYLOAD: usize = 1_500;
/// The longest packet time, milliseconds.
const MAX_PACKET_MS: u32 = 60;
/// Bits a second of Opus at 8, 16 and 48 kHz where the other side does not say: as towards apps.
const OPUS_BITRATE: u32 = 24_000;
const OPUS_BITRATE_FULL: u32 = 36_000;

/// What is sent: what both sides agreed on, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Form {
    codec: Codec,
    max_bitrate: Option<u32>,
    packet_ms: u32,
    /// Rate of the samples that come, Hz.
    rate_hz: u32,
}

impl Form {
    fn encoder(self) -> Option<Encoder> {
        let usual = if self.rate_hz > 16_000 {
            OPUS_BITRATE_FULL
        } else {
            OPUS_BITRATE
        };
        let settings = EncoderSettings {
            bitrate: self.max_bitrate.map_or(usual, |most| usual.min(most)),
            ..EncoderSettings::default()
        };
        self.codec.encoder(self.rate_hz, settings).ok()
    }

    /// Samples of a packet.
    fn samples(self) -> usize {
        (self.rate_hz / 1_000 * self.packet_ms) as usize
    }

    /// Units of the RTP clock in so many samples.
    fn units(self, samples: usize) -> u32 {
        (samples as u64 * u64::from(self.codec.clock_hz()) / u64::from(self.rate_hz)) as u32
    }
}

/// Collects ticks and writes packets.
#[derive(Debug)]
pub(crate) struct Outbound {
    sender: RtpSender,
    form: Form,
    /// None when there cannot be one: nothing is sent then.
    encoder: Option<Encoder>,
    payload_type: u8,
    /// Samples that wait for their packet to be full.
    pending: Vec<i16>,
    payload: [u8; MAX_PAYLOAD],
    marker: bool,
    /// Payload type of telephone events, when both sides have it.
    events: Option<u8>,
    /// Keys that are pressed; none before the first.
    keys: Option<Box<Sender>>,
}

impl Outbound {
    /// A stream with these initial values (RFC 3550 section 5.1: random).
    pub(crate) fn new(ssrc: u32, sequence: u16, timestamp: u32) -> Outbound {
        let form = Form {
            codec: Codec::Pcmu,
            max_bitrate: None,
            packet_ms: TICK_MS,
            rate_hz: 8_000,
        };
        Outbound {
            sender: RtpSender::new(ssrc, sequence, timestamp),
            form,
            encoder: form.encoder(),
            payload_type: 0,
            pending: room_for(form),
            payload: [0; MAX_PAYLOAD],
            marker: true,
            events: None,
            keys: None,
        }
    }

    /// Follows what both sides have agreed on.
    pub(crate) fn configure(&mut self, agreed: &Agreed) {
        self.payload_type = agreed.payload_type;
        let rate_hz = agreed.codec.rate_hz(self.form.rate_hz);
        let clock_changes = agreed.codec.clock_hz() != self.form.codec.clock_hz();
        self.change(Form {
            codec: agreed.codec,
            max_bitrate: agreed.max_bitrate,
            packet_ms: agreed.ptime_ms,
            rate_hz,
        });
        if clock_changes || agreed.telephone_event_sent != self.events {
            self.events = agreed.telephone_event_sent;
            self.keys = None;
        }
    }

    /// Takes samples at this rate from now on, if that is one of the codec's.
    pub(crate) fn set_rate(&mut self, rate_hz: u32) {
        let rate_hz = self.form.codec.rate_hz(rate_hz);
        self.change(Form { rate_hz, ..self.form });
    }

    fn change(&mut self, form: Form) {
        if form == self.form {
            return;
        }
        // Half a packet of the old form is dropped; time goes on.
        self.drop_pending();
        self.form = form;
        self.encoder = form.encoder();
        self.pending = room_for(form);
    }

    fn drop_pending(&mut self) {
        self.sender.advance(self.form.units(self.pending.len()));
        self.pending.clear();
    }

    /// Presses a key once those before it have been; false when too many wait, or there are no telephone events.
    pub(crate) fn press(&mut self, key: Key) -> bool {
        let Some(payload_type) = self.events else {
            return false;
        };
        let clock = self.form.codec.clock_hz();
        let keys = self
            .keys
            .get_or_insert_with(|| Box::new(Sender::new(payload_type, clock)));
        keys.press(key, DEFAULT_PRESS)
    }

    /// The RTP sender, for reports.
    pub(crate) fn sender(&self) -> &RtpSender {
        &self.sender
    }

    /// Takes one tick of audio and hands out each packet that is full. `scratch` is reused.
    pub(crate) fn push(&mut self, pcm: &[i16], scratch: &mut Vec<u8>, mut send: impl FnMut(&[u8])) {
        if self.keys.as_ref().is_some_and(|keys| keys.is_busy()) {
            // An event stands in the place of the audio (RFC 4733 section 2.5.1.2).
            self.drop_pending();
            if let Some(keys) = &mut self.keys
                && keys.tick(&mut self.sender, scratch)
            {
                send(scratch);
                self.marker = true;
                return;
            }
        }
        self.pending.extend_from_slice(pcm);
        let samples = self.form.samples();
        while let Some(packet) = self.pending.get(..samples) {
            let encoder = self.encoder.as_mut();
            let encoded = encoder.and_then(|encoder| encoder.encode(packet, &mut self.payload).ok());
            if let Some(payload) = encoded.and_then(|length| self.payload.get(..length)) {
                let marker = std::mem::take(&mut self.marker);
                self.sender.write(self.payload_type, marker, payload, scratch);
                send(scratch);
            }
            self.sender.advance(self.form.units(samples));
            self.pending.drain(..samples);
        }
    }

    /// A tick in which nothing is sent: on hold.
    pub(crate) fn pause(&mut self) {
        self.drop_pending();
        self.sender.advance(self.form.codec.clock_hz() / 1_000 * TICK_MS);
        self.marker = true;
    }
}

/// Of the longest packet and a tick.
fn room_for(form: Form) -> Vec<i16> {
    Vec::with_capacity((form.rate_hz / 1_000 * (MAX_PACKET_MS + TICK_MS)) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use omnigate_rtp::RtpPacket;
    use omnigate_rtp::telephone_event::Payload;
    use omnigate_sip::Direction;

    fn agreed(codec: Codec, ptime_ms: u32) -> Agreed {
        Agreed {
            remote_rtp: ([192, 0, 2, 1], 4_000).into(),
            remote_rtcp: None,
            codec,
            payload_type: 96,
            max_bitrate: None,
            receive: vec![(96, codec)],
            telephone_events: vec![97],
            telephone_event_sent: Some(97),
            comfort_noise: None,
            ptime_ms,
            direction: Direction::SendRecv,
        }
    }

    fn stream(codec: Codec, ptime_ms: u32, rate_hz: u32) -> Outbound {
        let mut out = Outbound::new(7, 100, 1000);
        out.configure(&agreed(codec, ptime_ms));
        out.set_rate(rate_hz);
        out
    }

    /// Number, timestamp and payload of each packet of so many ticks.
    fn run(out: &mut Outbound, ticks: usize) -> Vec<(u16, u32, Vec<u8>)> {
        let (mut seen, mut scratch) = (Vec::new(), Vec::new());
        let tick = vec![0; omnigate_audio::frame_samples(out.form.rate_hz)];
        for _ in 0..ticks {
            out.push(&tick, &mut scratch, |p| {
                let p = RtpPacket::parse(p).unwrap();
                seen.push((p.sequence, p.timestamp, p.payload.to_vec()));
            });
        }
        seen
    }

    #[test]
    fn every_packet_time_of_every_codec_gives_packets_without_a_gap() {
        for codec in Codec::ALL {
            for ptime in [10, 20, 30, 40, 60].map(|ms| codec.packet_ms(ms)) {
                for rate_hz in [8_000, 16_000, 48_000] {
                    let seen = run(&mut stream(codec, ptime, rate_hz), 6);
                    assert_eq!(seen.len() as u32, 120 / ptime, "{codec:?} {ptime} ms");
                    for (i, (sequence, timestamp, payload)) in seen.iter().enumerate() {
                        let units = codec.clock_hz() / 1_000 * ptime;
                        assert_eq!(*sequence, 100 + i as u16);
                        assert_eq!(*timestamp, 1000 + i as u32 * units, "{codec:?} {ptime} ms");
                        assert_eq!(codec.units(payload), Some(units), "{codec:?} {ptime} ms");
                    }
                }
            }
        }
    }

    #[test]
    fn time_goes_on_during_hold_by_the_clock_of_the_codec() {
        for (codec, units) in [(Codec::Pcma, 320), (Codec::G722, 320), (Codec::Opus, 1_920)] {
            let mut out = stream(codec, 20, 16_000);
            out.pause();
            out.pause();
            assert_eq!(run(&mut out, 1)[0].1, 1000 + units);
        }
    }

    #[test]
    fn a_key_is_as_long_in_every_clock() {
        for (codec, units) in [
            (Codec::Pcma, 800),
            (Codec::G722, 800),
            (Codec::L16, 1_600),
            (Codec::Opus, 4_800),
        ] {
            let mut out = stream(codec, 20, 48_000);
            assert!(out.press(Key::from_char('5').unwrap()));
            let packets = run(&mut out, 10);
            let events: Vec<Payload> = packets.iter().filter_map(|(.., p)| Payload::parse(p)).collect();
            let last = events.iter().rfind(|event| event.end).unwrap();
            assert_eq!(u32::from(last.duration), units, "{codec:?}");
        }
    }

    #[test]
    fn another_rate_of_the_room_leaves_no_gap() {
        let mut out = stream(Codec::Opus, 20, 8_000);
        run(&mut out, 3);
        out.set_rate(48_000);
        let (sequence, timestamp, _) = run(&mut out, 1).remove(0);
        assert_eq!((sequence, timestamp), (103, 1000 + 3 * 960));
    }
}
