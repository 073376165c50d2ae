//! One member's sound: decoded packets, each at its place.
//!
//! Unlike a live playout this one knows what comes next. A packet follows its predecessor without a seam as long as it is
//! at most [`TOLERANCE_US`] out of place; beyond that a pitch period is taken out or put in, as the far end's clock drifts.
//! What is lost is made up, a pause is silence or the noise that the sender asked for.

use crate::Result;
use crate::straighten::Packet;
use omnigate_audio::codec::{Codec, Decoder};
use omnigate_audio::comfort_noise::ComfortNoise;
use omnigate_audio::plc::Concealer;
use omnigate_audio::resample::Resampler;
use omnigate_audio::{frame_samples, opus, time_scale};
use omnigate_rtp::playout::PayloadKind;
use std::collections::VecDeque;

/// How far sound may be from its place before it is moved.
const TOLERANCE_US: i64 = 5_000;
/// As far as this it is moved gently; further away it is cut.
const GENTLE_US: i64 = 15_000;
/// Longer holes are pauses.
const HOLE_US: i64 = 120_000;
/// The tail that is looked at for a pitch period.
const TAIL_US: i64 = 30_000;
/// Noise of an Opus sender that has stopped goes on for this long without a sign of life.
const NOISE_US: i64 = 1_000_000;
/// Opus packets of at most this many bytes are pauses (DTX).
const DTX_BYTES: usize = 2;
/// What the resampler adds, microseconds: whoever comes at another rate than the recording's is that much earlier.
const RESAMPLER_US: i64 = 5_000;

/// What sounds in a hole after the last packet.
#[derive(Clone, Copy, PartialEq, Eq)]
enum After {
    /// It was speech: what is missing is made up, or fades.
    Speech,
    /// Noise of RFC 3389.
    ComfortNoise,
    /// Noise of the Opus decoder.
    Dtx,
    /// Nothing was heard yet, or it has faded.
    Silence,
}

pub(crate) struct Voice {
    codec: Codec,
    decoder: Decoder,
    /// The codec's own rate, Hz.
    rate_hz: u32,
    /// Made and not taken yet.
    ready: VecDeque<i16>,
    /// Position of the first sample of `ready`, and of the next one to be made; samples since the capture began.
    read: i64,
    write: i64,
    last: Option<(u32, u16)>,
    after: After,
    concealer: Concealer,
    noise: ComfortNoise,
    /// To the recording's rate, where that is another one.
    converter: Option<(Resampler, Vec<i16>)>,
}

impl Voice {
    /// The voice of a member who speaks in `codec`, in a recording at `rate_hz`, from `start_us` on.
    pub(crate) fn new(codec: Codec, rate_hz: u32, start_us: u64) -> Result<Voice> {
        let own_hz = codec.rate_hz(rate_hz);
        let converter = (own_hz != rate_hz)
            .then(|| Resampler::new(own_hz, rate_hz))
            .transpose()?
            .map(|converter| (converter, vec![0; frame_samples(own_hz)]));
        let mut voice = Voice {
            codec,
            decoder: codec.decoder(rate_hz)?,
            rate_hz: own_hz,
            ready: VecDeque::new(),
            read: 0,
            write: 0,
            last: None,
            after: After::Silence,
            concealer: Concealer::new(own_hz),
            noise: ComfortNoise::new(1),
            converter,
        };
        voice.begin_at(start_us);
        Ok(voice)
    }

    /// It is heard from here on, after it was not for a time: nothing of before is left.
    pub(crate) fn begin_at(&mut self, start_us: u64) {
        let delay_us = if self.converter.is_some() { RESAMPLER_US } else { 0 };
        self.read = self.samples(start_us as i64 + delay_us);
        self.write = self.read;
        self.ready.clear();
        (self.last, self.after) = (None, After::Silence);
    }

    /// Whether a packet of this kind is for it, and not for the voice of another codec.
    pub(crate) fn speaks(&self, kind: PayloadKind) -> bool {
        match kind {
            PayloadKind::ComfortNoise => true,
            PayloadKind::Speech(codec) => codec == self.codec,
        }
    }

    /// Nothing is heard of it any more, unless something comes.
    pub(crate) fn is_silent(&self) -> bool {
        self.after == After::Silence && self.ready.is_empty()
    }

    fn opus(&mut self) -> Option<&mut opus::Decoder> {
        match &mut self.decoder {
            Decoder::Opus(decoder) => Some(decoder),
            _ => None,
        }
    }

    fn samples(&self, us: i64) -> i64 {
        us * i64::from(self.rate_hz) / 1_000_000
    }

    /// This sequence number was no audio: it is not lost.
    pub(crate) fn skip(&mut self, sequence: u16) {
        if let Some((_, last)) = &mut self.last
            && sequence.wrapping_sub(*last) < 1 << 15
        {
            *last = sequence;
        }
    }

    /// Takes the next packet, in the order of places.
    pub(crate) fn push(&mut self, place_us: u64, packet: &Packet) {
        let missing = match self.last {
            Some((ssrc, last)) if ssrc == packet.ssrc => packet.sequence.wrapping_sub(last).wrapping_sub(1),
            _ => 0,
        };
        if missing >= 1 << 15 {
            // A duplicate, or a straggler of another time line.
            return;
        }
        self.last = Some((packet.ssrc, packet.sequence));
        let place = self.samples(place_us as i64);
        self.bridge(place, missing > 0, packet);
        self.play(packet);
    }

    /// Makes what lies between the end of the sound so far and the packet's place.
    fn bridge(&mut self, place: i64, missing: bool, packet: &Packet) {
        let off = place - self.write;
        let tolerance = self.samples(TOLERANCE_US);
        if self.after != After::Speech {
            self.fill(off.max(0));
        } else if off > self.samples(HOLE_US) {
            self.fade(off);
        } else if missing && off > tolerance {
            self.make_up(off, packet);
        } else if off > self.samples(GENTLE_US) {
            self.fade(off);
        } else if off > tolerance {
            self.move_gently(true);
        } else if off < -tolerance {
            self.move_gently(false);
        }
        let off = place - self.write;
        if off < -self.samples(GENTLE_US) {
            // Two time lines overlap: the newer one is right.
            let cut = (-off).min(self.ready.len() as i64);
            self.ready.truncate(self.ready.len() - cut as usize);
            self.write -= cut;
        }
    }

    fn put(&mut self, samples: &[i16]) {
        self.ready.extend(samples);
        self.write += samples.len() as i64;
    }

    /// A lost stretch: the copy in the packet after it for its end, the rest made up.
    fn make_up(&mut self, samples: i64, next: &Packet) {
        let frame = frame_samples(self.rate_hz) as i64;
        let copy = self.codec == Codec::Opus && samples >= frame && opus::has_fec(&next.payload);
        self.conceal(if copy { samples - frame } else { samples });
        if let Some(decoder) = self.opus().filter(|_| copy) {
            let mut pcm = vec![0; frame as usize];
            if decoder.decode_fec(&next.payload, &mut pcm).is_ok() {
                self.put(&pcm);
            }
        }
    }

    /// Goes on as before: about so many samples, in steps of 10 ms for Opus.
    fn conceal(&mut self, samples: i64) {
        let Ok(mut left) = usize::try_from(samples) else {
            return;
        };
        let step = self.rate_hz as usize / 100;
        if let Some(decoder) = self.opus() {
            let mut all = Vec::new();
            left = left / step * step;
            while left > 0 {
                let mut pcm = vec![0; left.min(step * 12)];
                left -= pcm.len();
                if decoder.conceal(&mut pcm).is_err() {
                    pcm.fill(0);
                }
                all.append(&mut pcm);
            }
            self.put(&all);
        } else {
            let mut pcm = vec![0; left];
            self.concealer.conceal(&mut pcm);
            self.put(&pcm);
        }
    }

    /// Speech has ended without a word: a frame of it fades, then there is silence until the place.
    fn fade(&mut self, samples: i64) {
        let frame = (frame_samples(self.rate_hz) as i64).min(samples);
        let start = self.ready.len();
        self.conceal(frame);
        let made = self.ready.len() - start;
        for (i, sample) in self.ready.iter_mut().skip(start).enumerate() {
            *sample = (i32::from(*sample) * (made - i) as i32 / (made as i32 + 1)) as i16;
        }
        self.after = After::Silence;
        self.fill(samples - made as i64);
    }

    /// A pause: what the sender asked for.
    fn fill(&mut self, samples: i64) {
        let end = self.write + samples.max(0);
        if self.after == After::Dtx {
            self.conceal(samples.min(self.samples(NOISE_US)));
        }
        let mut pcm = vec![0; usize::try_from(end - self.write).unwrap_or(0)];
        if self.after == After::ComfortNoise {
            self.noise.generate(&mut pcm);
        }
        self.put(&pcm);
    }

    /// A pitch period more or less; where there is none, another packet will have one.
    fn move_gently(&mut self, longer: bool) {
        let keep = (self.samples(TAIL_US) as usize).min(self.ready.len());
        let at = self.ready.len() - keep;
        let mut tail: Vec<i16> = self.ready.drain(at..).collect();
        let before = tail.len() as i64;
        let _ = if longer {
            time_scale::insert_period(&mut tail, 0, self.rate_hz)
        } else {
            time_scale::remove_period(&mut tail, 0, self.rate_hz)
        };
        self.write += tail.len() as i64 - before;
        self.ready.extend(tail);
    }

    fn play(&mut self, packet: &Packet) {
        match PayloadKind::from(packet.kind) {
            PayloadKind::ComfortNoise => {
                self.noise.update(&packet.payload);
                self.after = After::ComfortNoise;
            }
            PayloadKind::Speech(codec) => {
                let Some(units) = codec.units(&packet.payload) else {
                    return;
                };
                let samples = u64::from(units) * u64::from(self.rate_hz) / u64::from(codec.clock_hz());
                let mut pcm = vec![0; samples as usize];
                if let Ok(decoded) = self.decoder.decode(&packet.payload, &mut pcm) {
                    pcm.truncate(decoded);
                }
                self.after = if codec == Codec::Opus && packet.payload.len() <= DTX_BYTES {
                    After::Dtx
                } else {
                    After::Speech
                };
                if codec != Codec::Opus {
                    self.concealer.good(&mut pcm);
                }
                self.put(&pcm);
            }
        }
    }

    /// Takes the next 20 ms. Whatever is due until long after them must have been pushed.
    pub(crate) fn pull(&mut self, frame: &mut [i16]) -> Result<()> {
        let wanted = frame_samples(self.rate_hz);
        let short = self.read + wanted as i64 - self.write;
        if short > 0 {
            // Nothing follows for longer than any loss lasts.
            if self.after == After::Speech {
                self.fade(short);
            } else {
                self.fill(short);
            }
        }
        let mut taken = self.ready.drain(..wanted.min(self.ready.len()));
        match &mut self.converter {
            Some((converter, own)) => {
                own.fill_with(|| taken.next().unwrap_or(0));
                converter.process(own, frame)?;
            }
            None => frame.fill_with(|| taken.next().unwrap_or(0)),
        }
        drop(taken);
        self.read += wanted as i64;
        self.write = self.write.max(self.read);
        Ok(())
    }
}
