//! Opus for speech: mono, `VOIP`, at 8, 12, 16, 24 or 48 kHz directly (RFC 6716, RFC 7587).
//!
//! The RTP clock of Opus is always 48 000 Hz, whatever the rate here. Making encoder and decoder at the rate of the
//! other side replaces a resampler, is cheaper and sounds better.

use crate::{Error, Result, frame_samples};

/// The longest packet there is: 120 ms (RFC 6716 section 2.1.4), in samples at 48 kHz.
pub const MAX_PACKET_SAMPLES_48K: usize = 5_760;

/// A safe size for one encoded 20 ms packet, in bytes (RFC 6716 section 3.2.1: a frame has at most 1 275).
pub const MAX_PACKET_BYTES: usize = 1_276;

/// Lengths of a frame in steps of 10 ms (RFC 6716 section 2.1.4); shorter ones are not for speech.
const FRAMES_10_MS: [usize; 4] = [1, 2, 4, 6];

/// Below this complexity libopus counts the bitrate as 4/5 of itself and needs a higher declared loss to code LBRR.
const LOW_COMPLEXITY: u8 = 1;
const LOW_COMPLEXITY_MIN_LOSS: u8 = 10;

/// How to encode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncoderSettings {
    /// Bits a second, 6 000..=128 000.
    pub bitrate: u32,
    /// 0 (cheap)..=10 (best); for narrowband speech 1 and 5 differ by 0.02 PESQ and a factor of 2.5 in CPU.
    pub complexity: u8,
    /// Whether packets carry a copy of the previous frame at a lower rate (LBRR, in-band FEC).
    pub fec: bool,
    /// Loss to prepare for, percent, 0..=100; decides how much goes into FEC.
    pub expected_loss_percent: u8,
    /// Whether to stop sending in silence. It saves bits, not CPU.
    pub dtx: bool,
}

impl Default for EncoderSettings {
    fn default() -> Self {
        Self {
            bitrate: 24_000,
            complexity: 5,
            fec: true,
            expected_loss_percent: 5,
            dtx: false,
        }
    }
}

/// One outgoing stream.
#[derive(Debug)]
pub struct Encoder {
    inner: ::opus::Encoder,
    rate_hz: u32,
    settings: EncoderSettings,
}

impl Encoder {
    /// An encoder of frames at `rate_hz` (8 000, 12 000, 16 000, 24 000 or 48 000).
    pub fn new(rate_hz: u32, settings: EncoderSettings) -> Result<Self> {
        check_rate(rate_hz)?;
        let mut inner = ::opus::Encoder::new(rate_hz, ::opus::Channels::Mono, ::opus::Application::Voip)?;
        inner.set_signal(::opus::Signal::Voice)?;
        inner.set_vbr(true)?;
        let mut encoder = Self {
            inner,
            rate_hz,
            settings,
        };
        encoder.apply()?;
        Ok(encoder)
    }

    fn apply(&mut self) -> Result<()> {
        let settings = self.settings;
        self.inner.set_bitrate(::opus::Bitrate::Bits(
            settings.bitrate.clamp(6_000, 128_000) as i32
        ))?;
        self.inner
            .set_complexity(i32::from(settings.complexity.min(10)))?;
        self.inner.set_inband_fec(settings.fec)?;
        self.inner.set_dtx(settings.dtx)?;
        let mut loss = settings.expected_loss_percent.min(100);
        if settings.fec && loss > 0 && settings.complexity <= LOW_COMPLEXITY {
            loss = loss.max(LOW_COMPLEXITY_MIN_LOSS);
        }
        self.inner.set_packet_loss_perc(i32::from(loss))?;
        Ok(())
    }

    /// Encodes a frame of exactly 10, 20, 40 or 60 ms into `out` and returns the packet's length in bytes.
    pub fn encode(&mut self, pcm: &[i16], out: &mut [u8]) -> Result<usize> {
        let expected = frame_samples(self.rate_hz);
        if !FRAMES_10_MS.iter().any(|tens| expected * tens / 2 == pcm.len()) {
            return Err(Error::WrongLength {
                expected,
                actual: pcm.len(),
            });
        }
        Ok(self.inner.encode(pcm, out)?)
    }

    /// Changes the complexity (0..=10) between two frames, without a glitch: for a governor under load.
    pub fn set_complexity(&mut self, complexity: u8) -> Result<()> {
        self.settings.complexity = complexity;
        self.apply()
    }

    /// Changes the loss to prepare for, in percent, from what the far end reports.
    pub fn set_expected_loss_percent(&mut self, percent: u8) -> Result<()> {
        self.settings.expected_loss_percent = percent;
        self.apply()
    }

    /// Changes the bitrate, bits a second.
    pub fn set_bitrate(&mut self, bitrate: u32) -> Result<()> {
        self.settings.bitrate = bitrate;
        self.apply()
    }

    /// Forgets the past, as after a pause in which the encoder was bypassed.
    pub fn reset(&mut self) -> Result<()> {
        Ok(self.inner.reset_state()?)
    }

    /// The settings in force.
    pub fn settings(&self) -> EncoderSettings {
        self.settings
    }

    /// Sample rate of the input, Hz.
    pub fn rate_hz(&self) -> u32 {
        self.rate_hz
    }
}

/// One incoming stream. Stereo packets come out as mono.
#[derive(Debug)]
pub struct Decoder {
    inner: ::opus::Decoder,
    rate_hz: u32,
}

impl Decoder {
    /// A decoder to `rate_hz` (8 000, 12 000, 16 000, 24 000 or 48 000), whatever the packets were made at.
    pub fn new(rate_hz: u32) -> Result<Self> {
        check_rate(rate_hz)?;
        Ok(Self {
            inner: ::opus::Decoder::new(rate_hz, ::opus::Channels::Mono)?,
            rate_hz,
        })
    }

    /// Decodes a packet of 2.5..=120 ms; `out` must hold its duration. Returns the number of samples. An empty packet
    /// is an error: use [`Decoder::conceal`].
    pub fn decode(&mut self, packet: &[u8], out: &mut [i16]) -> Result<usize> {
        if packet.is_empty() {
            return Err(Error::WrongLength {
                expected: 1,
                actual: 0,
            });
        }
        Ok(self.inner.decode(packet, out, false)?)
    }

    /// Recovers the packet *before* `next` from the copy in it, or conceals when there is none. `out` is exactly the
    /// lost packet's duration, a multiple of 2.5 ms.
    pub fn decode_fec(&mut self, next: &[u8], out: &mut [i16]) -> Result<usize> {
        if next.is_empty() {
            return self.conceal(out);
        }
        Ok(self.inner.decode(next, out, true)?)
    }

    /// Makes up `out.len()` samples, a multiple of 2.5 ms and at most 120 ms; best is the last packet's duration.
    pub fn conceal(&mut self, out: &mut [i16]) -> Result<usize> {
        Ok(self.inner.decode(&[], out, false)?)
    }

    /// Forgets the past, as after a change of the source.
    pub fn reset(&mut self) -> Result<()> {
        Ok(self.inner.reset_state()?)
    }

    /// Sample rate of the output, Hz.
    pub fn rate_hz(&self) -> u32 {
        self.rate_hz
    }
}

fn check_rate(rate_hz: u32) -> Result<()> {
    match rate_hz {
        8_000 | 12_000 | 16_000 | 24_000 | 48_000 => Ok(()),
        other => Err(Error::UnsupportedRate(other)),
    }
}

/// Samples at `rate_hz` in a packet (RFC 6716 section 3), or `None` when it is not a valid packet.
pub fn packet_samples(packet: &[u8], rate_hz: u32) -> Option<usize> {
    if packet.is_empty() {
        return None;
    }
    ::opus::packet::get_nb_samples(packet, rate_hz).ok()
}

/// Whether the packet carries a copy of the previous frame (LBRR, RFC 6716 section 4.2.4).
///
/// The flag sits among the first bits of the SILK layer, after one voice flag for each 20 ms of the frame; these bits
/// have even odds, so they stand in the first byte as they are. CELT packets never have a copy.
pub fn has_fec(packet: &[u8]) -> bool {
    let Some(&toc) = packet.first() else { return false };
    let config = toc >> 3;
    let voice_flags = match config {
        0..=11 => [1, 1, 2, 3][usize::from(config & 3)],
        12..=15 => 1,
        _ => return false,
    };
    let Some(first) = first_frame_byte(packet) else {
        return false;
    };
    let mid = (first >> (7 - voice_flags)) & 1 == 1;
    // A stereo packet has the flags of the side channel behind those of the mid channel.
    let side = toc & 4 != 0 && voice_flags <= 3 && (first >> (6 - 2 * voice_flags)) & 1 == 1;
    mid || side
}

/// The first byte of the first frame (RFC 6716 section 3.2), if that frame is not empty.
fn first_frame_byte(packet: &[u8]) -> Option<u8> {
    let toc = *packet.first()?;
    // Length of a "frame length" field and the length that it says.
    let length_at = |offset: usize| -> Option<(usize, usize)> {
        let first = usize::from(*packet.get(offset)?);
        if first < 252 {
            Some((1, first))
        } else {
            Some((2, first + 4 * usize::from(*packet.get(offset + 1)?)))
        }
    };
    let (offset, length) = match toc & 3 {
        0 => (1, packet.len() - 1),
        1 => (1, (packet.len() - 1) / 2),
        2 => {
            let (field, length) = length_at(1)?;
            (1 + field, length)
        }
        _ => {
            let count = *packet.get(1)?;
            let mut offset = 2;
            if count & 0x40 != 0 {
                loop {
                    let padding = *packet.get(offset)?;
                    offset += 1;
                    if padding != 255 {
                        break;
                    }
                }
            }
            let frames = usize::from(count & 0x3f);
            if count & 0x80 != 0 && frames > 1 {
                let (_, length) = length_at(offset)?;
                for _ in 1..frames {
                    offset += length_at(offset)?.0;
                }
                (offset, length)
            } else {
                (offset, packet.len().saturating_sub(offset))
            }
        }
    };
    if length == 0 {
        None
    } else {
        packet.get(offset).copied()
    }
}
