//! The speech codecs of telephones: one type with its names, its clock, its decoder and its encoder.
//!
//! | codec | RTP clock, Hz | samples, Hz | payload type |
//! | --- | --- | --- | --- |
//! | PCMA, PCMU (G.711) | 8 000 | 8 000 | 8, 0 |
//! | G722 | 8 000 | 16 000 | 9 |
//! | L16, one channel | 16 000 | 16 000 | dynamic |
//! | opus | 48 000 | any rate of Opus | dynamic |
//!
//! Sources: RFC 3551 sections 4.5 and 6, RFC 7587.

use crate::g711::Law;
use crate::opus::EncoderSettings;
use crate::{Error, Result, g722, opus};

/// A payload that a network carries in one piece, bytes.
const MAX_PAYLOAD_BYTES: usize = 1_400;
/// Packet times that a telephone may ask for, milliseconds.
const PACKET_TIMES_MS: std::ops::RangeInclusive<u32> = 10..=60;

/// A speech codec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// G.711 A-law.
    Pcma,
    /// G.711 µ-law.
    Pcmu,
    /// G.722 at 64 kbit/s.
    G722,
    /// Opus.
    Opus,
    /// Samples of 16 bits at 16 kHz, in network byte order (RFC 3551 section 4.5.11).
    L16,
}

/// How much of a voice a codec carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Band {
    /// Up to 4 kHz.
    Narrow,
    /// Up to 8 kHz.
    Wide,
    /// As much as is wanted.
    Full,
}

impl Codec {
    /// All of them.
    pub const ALL: [Codec; 5] = [Codec::Pcma, Codec::Pcmu, Codec::G722, Codec::Opus, Codec::L16];

    /// Encoding name in SDP.
    pub const fn name(self) -> &'static str {
        match self {
            Codec::Pcma => "PCMA",
            Codec::Pcmu => "PCMU",
            Codec::G722 => "G722",
            Codec::Opus => "opus",
            Codec::L16 => "L16",
        }
    }

    /// The codec of an encoding name, clock (Hz) and number of channels in SDP; names are the same in either case.
    pub fn of(name: &str, clock_hz: u32, channels: u32) -> Option<Codec> {
        Codec::ALL.into_iter().find(|codec| {
            codec.name().eq_ignore_ascii_case(name)
                && codec.clock_hz() == clock_hz
                // All of ours are mono; Opus always says two (RFC 7587 section 7).
                && (channels == 1 || *codec == Codec::Opus)
        })
    }

    /// Clock of its RTP timestamps, Hz.
    pub const fn clock_hz(self) -> u32 {
        match self {
            Codec::Pcma | Codec::Pcmu | Codec::G722 => 8_000,
            Codec::L16 => 16_000,
            Codec::Opus => 48_000,
        }
    }

    /// Number of channels that SDP says: that of Opus is always 2, whatever is sent (RFC 7587 section 7).
    pub const fn channels(self) -> u32 {
        match self {
            Codec::Opus => 2,
            _ => 1,
        }
    }

    /// Static RTP payload type (RFC 3551 section 6).
    pub const fn static_type(self) -> Option<u8> {
        match self {
            Codec::Pcmu => Some(0),
            Codec::Pcma => Some(8),
            Codec::G722 => Some(9),
            Codec::Opus | Codec::L16 => None,
        }
    }

    /// How much of a voice it carries.
    pub const fn band(self) -> Band {
        match self {
            Codec::Pcma | Codec::Pcmu => Band::Narrow,
            Codec::G722 | Codec::L16 => Band::Wide,
            Codec::Opus => Band::Full,
        }
    }

    /// Rate of its samples where `wanted` Hz are wanted: that of Opus is the one that is wanted.
    pub const fn rate_hz(self, wanted: u32) -> u32 {
        match self.band() {
            Band::Narrow => 8_000,
            Band::Wide => 16_000,
            Band::Full => wanted,
        }
    }

    /// The packet time nearest to `ms` below it that it has and that a packet has room for, milliseconds.
    pub fn packet_ms(self, ms: u32) -> u32 {
        let ms = ms.clamp(*PACKET_TIMES_MS.start(), *PACKET_TIMES_MS.end()) / 10 * 10;
        match self {
            // Frames of Opus are of 10, 20, 40 or 60 ms (RFC 6716 section 2.1.4).
            Codec::Opus => [60, 40, 20, 10]
                .into_iter()
                .find(|frame| *frame <= ms)
                .unwrap_or(20),
            Codec::L16 => ms.min(MAX_PAYLOAD_BYTES as u32 / 2 * 1_000 / self.clock_hz() / 10 * 10),
            _ => ms,
        }
    }

    /// Units of its clock in a payload; none when it is no payload of this codec, or of more than 120 ms.
    pub fn units(self, payload: &[u8]) -> Option<u32> {
        let units = match self {
            Codec::Opus => opus::packet_samples(payload, self.clock_hz())?,
            Codec::L16 if payload.len().is_multiple_of(2) => payload.len() / 2,
            Codec::L16 => return None,
            Codec::Pcma | Codec::Pcmu | Codec::G722 => payload.len(),
        };
        let longest = self.clock_hz() as usize * 120 / 1_000;
        u32::try_from(units)
            .ok()
            .filter(|_| (1..=longest).contains(&units))
    }

    /// A decoder to [`rate_hz(wanted)`](Self::rate_hz).
    ///
    /// # Errors
    /// [`Error::UnsupportedRate`] for one that Opus does not have.
    pub fn decoder(self, wanted: u32) -> Result<Decoder> {
        Ok(match self {
            Codec::Pcma => Decoder::G711(Law::A),
            Codec::Pcmu => Decoder::G711(Law::Mu),
            Codec::L16 => Decoder::L16,
            Codec::G722 => Decoder::G722(Box::default()),
            Codec::Opus => Decoder::Opus(opus::Decoder::new(wanted)?),
        })
    }

    /// An encoder from [`rate_hz(wanted)`](Self::rate_hz); `settings` are those of Opus.
    ///
    /// # Errors
    /// [`Error::UnsupportedRate`] for one that Opus does not have.
    pub fn encoder(self, wanted: u32, settings: EncoderSettings) -> Result<Encoder> {
        Ok(match self {
            Codec::Pcma => Encoder::G711(Law::A),
            Codec::Pcmu => Encoder::G711(Law::Mu),
            Codec::L16 => Encoder::L16,
            Codec::G722 => Encoder::G722(Box::default()),
            Codec::Opus => Encoder::Opus(opus::Encoder::new(wanted, settings)?),
        })
    }
}

/// Decodes one incoming stream.
#[derive(Debug)]
pub enum Decoder {
    /// G.711.
    G711(Law),
    /// L16.
    L16,
    /// G.722.
    G722(Box<g722::Decoder>),
    /// Opus, which also conceals and has copies of what is lost.
    Opus(opus::Decoder),
}

impl Decoder {
    /// Decodes a payload; how many samples of `out` that were.
    ///
    /// # Errors
    /// Of the codec, also when `out` is too short.
    pub fn decode(&mut self, payload: &[u8], out: &mut [i16]) -> Result<usize> {
        match self {
            Decoder::G711(law) => Ok(law.decode(payload, out)),
            Decoder::L16 => {
                let (samples, _) = payload.as_chunks();
                for (out, bytes) in out.iter_mut().zip(samples) {
                    *out = i16::from_be_bytes(*bytes);
                }
                Ok(out.len().min(samples.len()))
            }
            Decoder::G722(decoder) => decoder.decode(payload, out),
            Decoder::Opus(decoder) => decoder.decode(payload, out),
        }
    }
}

/// Encodes one outgoing stream.
#[derive(Debug)]
pub enum Encoder {
    /// G.711.
    G711(Law),
    /// L16.
    L16,
    /// G.722.
    G722(Box<g722::Encoder>),
    /// Opus.
    Opus(opus::Encoder),
}

impl Encoder {
    /// Encodes a packet's samples; how many bytes of `out` that were.
    ///
    /// # Errors
    /// Of the codec, also when `out` is too short.
    pub fn encode(&mut self, pcm: &[i16], out: &mut [u8]) -> Result<usize> {
        match self {
            Encoder::G711(law) => Ok(law.encode(pcm, out)),
            Encoder::L16 => {
                let (bytes, _) = out.as_chunks_mut();
                if bytes.len() < pcm.len() {
                    return Err(Error::WrongLength {
                        expected: pcm.len(),
                        actual: bytes.len(),
                    });
                }
                for (out, sample) in bytes.iter_mut().zip(pcm) {
                    *out = sample.to_be_bytes();
                }
                Ok(pcm.len() * 2)
            }
            Encoder::G722(encoder) => encoder.encode(pcm, out),
            Encoder::Opus(encoder) => encoder.encode(pcm, out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn voice(rate_hz: u32, samples: usize) -> Vec<i16> {
        let sample = |n| {
            let phase = std::f32::consts::TAU * 440.0 * n as f32 / rate_hz as f32;
            (8_000.0 * phase.sin()) as i16
        };
        (0..samples).map(sample).collect()
    }

    #[test]
    fn every_codec_carries_what_it_is_given_in_the_time_that_its_clock_says() {
        for codec in Codec::ALL {
            let rate_hz = codec.rate_hz(16_000);
            let frame = crate::frame_samples(rate_hz);
            let mut encoder = codec.encoder(16_000, EncoderSettings::default()).unwrap();
            let mut decoder = codec.decoder(16_000).unwrap();
            let (mut payload, mut out, mut heard) = ([0; 1_400], vec![0; frame], Vec::new());
            for pcm in voice(rate_hz, frame * 25).chunks_exact(frame) {
                let length = encoder.encode(pcm, &mut payload).unwrap();
                assert_eq!(
                    codec.units(&payload[..length]),
                    Some(codec.clock_hz() / 50),
                    "{codec:?}"
                );
                assert_eq!(decoder.decode(&payload[..length], &mut out).unwrap(), frame);
                heard.extend_from_slice(&out);
            }
            let level = crate::level::dbov(&heard[frame * 5..]);
            assert!((level + 15.2).abs() < 0.5, "{codec:?} at {level} dBov");
        }
    }

    #[test]
    fn names_clocks_and_channels_of_sdp_are_read() {
        assert_eq!(Codec::of("pcmu", 8_000, 1), Some(Codec::Pcmu));
        assert_eq!(Codec::of("G722", 8_000, 1), Some(Codec::G722));
        assert_eq!(Codec::of("G722", 16_000, 1), None);
        assert_eq!(Codec::of("OPUS", 48_000, 2), Some(Codec::Opus));
        assert_eq!(Codec::of("L16", 16_000, 1), Some(Codec::L16));
        assert_eq!(Codec::of("L16", 16_000, 2), None);
        assert_eq!(Codec::of("L16", 44_100, 1), None);
    }

    #[test]
    fn packet_times_are_those_that_the_codec_and_a_packet_have() {
        for (codec, ms, expected) in [
            (Codec::Pcma, 35, 30),
            (Codec::Pcma, 200, 60),
            (Codec::Pcma, 1, 10),
            (Codec::G722, 60, 60),
            (Codec::Opus, 10, 10),
            (Codec::Opus, 30, 20),
            (Codec::Opus, 50, 40),
            (Codec::Opus, 60, 60),
            (Codec::L16, 60, 40),
        ] {
            assert_eq!(codec.packet_ms(ms), expected, "{codec:?} {ms}");
        }
    }

    #[test]
    fn what_is_no_payload_has_no_length() {
        assert_eq!(Codec::L16.units(&[1, 2, 3]), None);
        assert_eq!(Codec::Pcma.units(&[0; 961]), None);
        assert_eq!(Codec::Pcma.units(&[]), None);
        assert_eq!(Codec::Opus.units(&[]), None);
    }
}
