//! Packets in, 20 ms of audio out: jitter buffer, decoders, concealment and changes of the delay for one inbound leg.
//!
//! The caller pulls with its own clock, so the difference to the far end's clock is absorbed here, by whole pitch
//! periods. G.711 is decoded sample by sample, without a resampler; while nothing is lost and the delay fits, what was
//! encoded comes out unchanged.

use std::time::{Duration, Instant};

use omnigate_audio::comfort_noise::ComfortNoise;
use omnigate_audio::plc::Concealer;
use omnigate_audio::{frame_samples, level, opus, time_scale};

pub use crate::jitter::PayloadKind;
use crate::jitter::{JitterBuffer, Next};
use crate::{Result, RtpPacket};

/// G.711 packets of more than 120 ms, in bytes, are refused.
const MAX_G711_BYTES: usize = 960;
/// Decoded audio that waits with packets of 20 ms: one, a concealed one, what is left and a stretch. In frames of 20 ms;
/// longer packets make room for themselves once.
const READY_FRAMES: usize = 4;
/// One period for each 100 ms of speech; in silence there is no limit.
const STRETCH_PAUSE_FRAMES: u32 = 5;
/// Below this level, in dBov, changes are not heard.
const QUIET_DBOV: f32 = -50.0;
/// Audio that is looked at for shortening: two of the longest periods, in milliseconds.
const SHORTEN_MS: usize = 30;
/// The delay may exceed the target by this, or by a quarter, before it is shortened.
const SLACK_ABOVE_US: i64 = 20_000;
/// Shortening stops here above the floor, so that it is not lengthened at once again.
const SLACK_ABOVE_FLOOR_US: i64 = 8_000;
/// Opus packets of at most this many bytes are pauses (DTX).
const MAX_DTX_BYTES: usize = 2;
/// Without a new DTX packet (one comes each 400 ms) the noise of a pause ends after this many frames: 1 s.
const MAX_DTX_FRAMES: u32 = 50;
/// Opus conceals in steps of 10 ms well; in steps a second.
const OPUS_STEPS: usize = 100;
/// Rounds in one pull; each yields audio, so fewer suffice. A bound against what is not thought of.
const MAX_ROUNDS: usize = 64;

/// How to play one leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlayoutSettings {
    /// Sample rate of what is pulled, Hz: 8 000, 12 000, 16 000, 24 000 or 48 000; G.711 has 8 000 only.
    pub output_rate_hz: u32,
    /// Lower limit of the target delay.
    pub min_delay: Duration,
    /// Upper limit of the target delay; a longer delay is cut at once.
    pub max_delay: Duration,
}

impl Default for PlayoutSettings {
    fn default() -> Self {
        Self {
            output_rate_hz: 8_000,
            min_delay: Duration::from_millis(20),
            max_delay: Duration::from_millis(200),
        }
    }
}

/// What a pulled frame is made of; of several the first in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pulled {
    /// Something in it is made up for what is lost or late.
    Concealed,
    /// What the far end said.
    Audio,
    /// Noise of a pause.
    ComfortNoise,
    /// Zeros.
    Silence,
}

/// Figures since the beginning.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct PlayoutStats {
    /// The delay that the buffer wants: from the arrival of a packet that is in time to its output.
    pub target: Duration,
    /// The delay that it has; zero in a pause.
    pub level: Duration,
    /// Packets taken.
    pub received: u64,
    /// Packets whose time was over when they came.
    pub late: u64,
    /// Packets that came more than once.
    pub duplicates: u64,
    /// Packets that never came, telephone events apart.
    pub lost: u64,
    /// Packets thrown away to shorten the delay.
    pub dropped: u64,
    /// Packets that were not audio or fitted nowhere.
    pub refused: u64,
    /// Changes of the source and jumps of the time line.
    pub restarts: u64,
    /// Audio made up from what came before, milliseconds.
    pub concealed_ms: u64,
    /// Audio recovered from copies in later packets (Opus in-band FEC), milliseconds.
    pub fec_ms: u64,
    /// Audio removed to shorten the delay, milliseconds.
    pub accelerated_ms: u64,
    /// Audio inserted to lengthen the delay, milliseconds.
    pub expanded_ms: u64,
    /// How much faster the far end's clock runs than ours, parts per million; 0.0 for the first 30 s.
    pub drift_ppm: f64,
}

/// Microseconds of audio that was treated.
#[derive(Debug, Clone, Copy, Default)]
struct Treated {
    concealed: u64,
    copied: u64,
    accelerated: u64,
    expanded: u64,
}

/// What fills a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pause {
    /// Nothing was played yet, or it has faded out.
    Silent,
    /// Speech ended just now: it fades out over a frame.
    Fade,
    /// Noise of RFC 3389.
    Noise,
    /// Noise of the Opus decoder, for so many more frames.
    Dtx(u32),
}

/// Plays one inbound leg.
#[derive(Debug)]
pub struct Playout {
    rate_hz: u32,
    jitter: JitterBuffer,
    opus: Option<opus::Decoder>,
    concealer: Concealer,
    noise: ComfortNoise,
    /// Codec of what was played last.
    kind: Option<PayloadKind>,
    pause: Pause,
    payload: Vec<u8>,
    /// Decoded and not pulled yet.
    ready: Vec<i16>,
    pulled: Pulled,
    /// What was made last: what stays in `ready` after a pull is that.
    tail: Pulled,
    /// Delay, smoothed over some frames against the caller's own lateness; `None` in a pause.
    level_us: Option<i64>,
    frames_since_stretch: u32,
    treated: Treated,
}

impl Playout {
    /// A playout that has heard nothing. Fails on a rate that Opus does not have.
    pub fn new(settings: PlayoutSettings) -> Result<Self> {
        check_rate(settings.output_rate_hz)?;
        Ok(Self {
            rate_hz: settings.output_rate_hz,
            jitter: JitterBuffer::new(settings.min_delay, settings.max_delay),
            opus: None,
            concealer: Concealer::new(),
            noise: ComfortNoise::new(1),
            kind: None,
            pause: Pause::Silent,
            payload: Vec::new(),
            ready: Vec::with_capacity(READY_FRAMES * frame_samples(settings.output_rate_hz)),
            pulled: Pulled::Silence,
            tail: Pulled::Silence,
            level_us: None,
            frames_since_stretch: STRETCH_PAUSE_FRAMES,
            treated: Treated::default(),
        })
    }

    /// Takes a packet that arrived `now`. Whatever is wrong with it, it is counted and does no harm.
    pub fn push(&mut self, now: Instant, packet: &RtpPacket<'_>, kind: PayloadKind) {
        let duration = match kind {
            PayloadKind::G711(_) => {
                let bytes = packet.payload.len();
                if bytes <= MAX_G711_BYTES {
                    Some(bytes as u32)
                } else {
                    None
                }
            }
            PayloadKind::ComfortNoise => Some(0),
            PayloadKind::Opus if packet.payload.is_empty() => {
                // A pause of a sender that sends empty packets: nothing is missing.
                self.jitter.skip(packet.sequence);
                return;
            }
            PayloadKind::Opus => {
                opus::packet_samples(packet.payload, kind.clock_rate()).map(|units| units as u32)
            }
        };
        if kind == PayloadKind::Opus && duration.is_some() {
            self.prepare_opus(packet.payload);
        }
        // A duration of 0 is what the buffer refuses and counts.
        self.jitter.insert(now, packet, kind, duration.unwrap_or(0));
    }

    /// This sequence number carried a telephone event: it is not lost audio and not in the statistics.
    pub fn skip(&mut self, sequence: u16) {
        self.jitter.skip(sequence);
    }

    /// Fills `out`, exactly 20 ms at the output rate, with what is due `now`. Call it once each 20 ms.
    pub fn pull(&mut self, now: Instant, out: &mut [i16]) -> Pulled {
        let wanted = out.len().min(frame_samples(self.rate_hz));
        let leftover = (!self.ready.is_empty()).then_some(self.tail);
        self.pulled = Pulled::Silence;
        self.measure(now);
        self.fill(now, wanted);
        self.stretch(now);
        self.fill(now, wanted);
        if let Some(leftover) = leftover {
            self.mix_in(leftover);
        }
        let (audio, rest) = out.split_at_mut(wanted.min(self.ready.len()));
        audio.copy_from_slice(&self.ready[..audio.len()]);
        rest.fill(0);
        let taken = audio.len();
        self.ready.drain(..taken);
        self.pulled
    }

    /// Changes the rate of what is pulled, between two frames; of Opus only. Allocates.
    pub fn set_output_rate(&mut self, hz: u32) -> Result<()> {
        check_rate(hz)?;
        if hz == self.rate_hz {
            return Ok(());
        }
        if self.opus.is_some() {
            self.opus = Some(opus::Decoder::new(hz)?);
        }
        self.rate_hz = hz;
        self.ready = Vec::with_capacity(READY_FRAMES * frame_samples(hz));
        Ok(())
    }

    /// The figures so far.
    pub fn stats(&self) -> PlayoutStats {
        let counters = self.jitter.counters();
        PlayoutStats {
            target: duration(self.jitter.target_us()),
            level: duration(self.level_us.unwrap_or(0)),
            received: counters.received,
            late: counters.late,
            duplicates: counters.duplicates,
            lost: counters.lost,
            dropped: counters.dropped,
            refused: counters.refused,
            restarts: counters.restarts,
            concealed_ms: self.treated.concealed / 1_000,
            fec_ms: self.treated.copied / 1_000,
            accelerated_ms: self.treated.accelerated / 1_000,
            expanded_ms: self.treated.expanded / 1_000,
            drift_ppm: self.jitter.drift_ppm().unwrap_or(0.0),
        }
    }

    fn prepare_opus(&mut self, packet: &[u8]) {
        if self.opus.is_none() {
            self.opus = opus::Decoder::new(self.rate_hz).ok();
        }
        if packet.len() > MAX_DTX_BYTES {
            self.jitter.set_copies(opus::has_fec(packet));
        }
    }
}

/// Making audio.
impl Playout {
    /// Decodes or makes up until `wanted` samples are ready.
    fn fill(&mut self, now: Instant, wanted: usize) {
        for _ in 0..MAX_ROUNDS {
            if self.ready.len() >= wanted {
                return;
            }
            self.fetch(now, wanted - self.ready.len());
        }
        self.ready.resize(wanted, 0);
    }

    /// One round: at most one packet; `needed` samples where nothing is known of the length.
    fn fetch(&mut self, now: Instant, needed: usize) {
        match self.jitter.next(now, &mut self.payload) {
            Next::Packet {
                kind: PayloadKind::ComfortNoise,
                ..
            } => {
                self.noise.update(&self.payload);
                self.pause = Pause::Noise;
            }
            Next::Packet {
                kind,
                duration,
                jumped,
            } => self.play(kind, duration, jumped),
            Next::Lost { duration, copy } => {
                let samples = self.samples(duration);
                if copy && self.kind == Some(PayloadKind::Opus) && opus::has_fec(&self.payload) {
                    self.recover(samples);
                } else {
                    self.conceal(samples);
                }
            }
            Next::Missing => {
                let made = if matches!(self.pause, Pause::Dtx(_)) {
                    // The sender has said that nothing comes: nothing is missing.
                    self.fill_pause(needed);
                    needed
                } else {
                    self.conceal(needed)
                };
                let clock = u64::from(self.jitter.clock_rate());
                self.jitter
                    .made_up((made as u64 * clock / u64::from(self.rate_hz)) as u32);
            }
            Next::Pause => self.fill_pause(needed),
        }
    }

    fn play(&mut self, kind: PayloadKind, duration: u32, jumped: bool) {
        if self.kind != Some(kind) {
            self.change_codec(kind);
        }
        let (start, samples) = (self.ready.len(), self.samples(duration));
        self.ready.resize(start + samples, 0);
        let out = &mut self.ready[start..];
        let pause = match kind {
            PayloadKind::G711(law) => {
                // At another rate than 8 kHz G.711 is silent: it is not resampled.
                if self.rate_hz == PayloadKind::G711(law).clock_rate() {
                    law.decode(&self.payload, out);
                    if jumped {
                        self.concealer.conceal(&mut [0]);
                    }
                    self.concealer.good(out);
                }
                Pause::Fade
            }
            _ => {
                let decoder = self.opus.as_mut();
                let decoded = decoder.and_then(|decoder| decoder.decode(&self.payload, out).ok());
                let Some(decoded) = decoded else {
                    self.ready.truncate(start);
                    self.conceal(samples);
                    return;
                };
                self.ready.truncate(start + decoded);
                if self.payload.len() <= MAX_DTX_BYTES {
                    Pause::Dtx(MAX_DTX_FRAMES)
                } else {
                    Pause::Fade
                }
            }
        };
        self.pause = pause;
        self.heard(if matches!(pause, Pause::Dtx(_)) {
            Pulled::ComfortNoise
        } else {
            Pulled::Audio
        });
    }

    fn change_codec(&mut self, kind: PayloadKind) {
        self.kind = Some(kind);
        self.concealer = Concealer::new();
        if let Some(decoder) = &mut self.opus {
            // Cannot fail on a decoder that exists; if it did, the old state would fade out.
            let _ = decoder.reset();
        }
    }

    /// Makes up about `samples` and returns how many. Opus rounds up to 10 ms.
    fn conceal(&mut self, samples: usize) -> usize {
        let start = self.ready.len();
        let samples = match self.kind {
            Some(PayloadKind::Opus) => {
                let step = self.rate_hz as usize / OPUS_STEPS;
                samples.div_ceil(step) * step
            }
            _ => samples,
        };
        self.ready.resize(start + samples, 0);
        self.continue_at(start);
        self.treated.concealed += self.micros(samples);
        self.heard(Pulled::Concealed);
        samples
    }

    /// Overwrites what is ready from `start` on with the continuation of what was heard.
    fn continue_at(&mut self, start: usize) {
        let out = &mut self.ready[start..];
        match self.kind {
            Some(PayloadKind::G711(_)) if self.rate_hz == 8_000 => self.concealer.conceal(out),
            Some(PayloadKind::Opus) => {
                // More than 120 ms at once is refused.
                let longest = self.rate_hz as usize * 120 / 1_000;
                for out in out.chunks_mut(longest) {
                    let made = self.opus.as_mut().and_then(|decoder| decoder.conceal(out).ok());
                    out[made.unwrap_or(0)..].fill(0);
                }
            }
            _ => out.fill(0),
        }
    }

    /// Decodes the copy of a lost packet in its successor.
    fn recover(&mut self, samples: usize) {
        let start = self.ready.len();
        // Steps of 2.5 ms; packets of Opus are no other.
        let step = self.rate_hz as usize / 400;
        let samples = samples.div_ceil(step) * step;
        self.ready.resize(start + samples, 0);
        let out = &mut self.ready[start..];
        let decoder = self.opus.as_mut();
        match decoder.and_then(|decoder| decoder.decode_fec(&self.payload, out).ok()) {
            Some(made) => {
                self.ready.truncate(start + made);
                self.treated.copied += self.micros(made);
                self.heard(Pulled::Concealed);
            }
            None => {
                self.ready.truncate(start);
                self.conceal(samples);
            }
        }
    }

    fn fill_pause(&mut self, needed: usize) {
        let start = self.ready.len();
        self.ready.resize(start + needed, 0);
        self.pause = match self.pause {
            Pause::Silent => {
                self.tail = Pulled::Silence;
                Pause::Silent
            }
            Pause::Fade => {
                self.continue_at_any(start);
                for (i, sample) in self.ready[start..].iter_mut().enumerate() {
                    *sample = (i32::from(*sample) * (needed - i) as i32 / (needed as i32 + 1)) as i16;
                }
                self.concealer = Concealer::new();
                Pause::Silent
            }
            Pause::Noise => {
                self.noise.generate(&mut self.ready[start..]);
                self.heard(Pulled::ComfortNoise);
                Pause::Noise
            }
            Pause::Dtx(0) => {
                self.tail = Pulled::Silence;
                Pause::Fade
            }
            Pause::Dtx(left) => {
                self.continue_at_any(start);
                self.heard(Pulled::ComfortNoise);
                Pause::Dtx(left - 1)
            }
        };
    }

    /// As [`continue_at`](Self::continue_at) for a length that Opus may not have: what is too much is cut.
    fn continue_at_any(&mut self, start: usize) {
        let end = self.ready.len();
        let step = self.rate_hz as usize / OPUS_STEPS;
        self.ready.resize(start + (end - start).div_ceil(step) * step, 0);
        self.continue_at(start);
        self.ready.truncate(end);
    }

    fn heard(&mut self, what: Pulled) {
        self.tail = what;
        self.mix_in(what);
    }

    fn mix_in(&mut self, what: Pulled) {
        let rank = |pulled| match pulled {
            Pulled::Concealed => 0,
            Pulled::Audio => 1,
            Pulled::ComfortNoise => 2,
            Pulled::Silence => 3,
        };
        if rank(what) < rank(self.pulled) {
            self.pulled = what;
        }
    }

    /// Samples at the output rate of `units` of the stream's clock.
    fn samples(&self, units: u32) -> usize {
        (u64::from(units) * u64::from(self.rate_hz) / u64::from(self.jitter.clock_rate())) as usize
    }

    fn micros(&self, samples: usize) -> u64 {
        samples as u64 * 1_000_000 / u64::from(self.rate_hz)
    }
}

/// Changing the delay.
impl Playout {
    /// Takes the delay of the next sample to come out.
    fn measure(&mut self, now: Instant) {
        let ready_us = self.micros(self.ready.len()) as i64;
        self.level_us = self.jitter.slack(now).map(|slack| {
            let level = slack + ready_us;
            self.level_us
                .map_or(level, |before| before + (level - before) / 4)
        });
    }

    fn stretch(&mut self, now: Instant) {
        self.frames_since_stretch = self.frames_since_stretch.saturating_add(1);
        let fetched = self.jitter.fetched_slack_us();
        if self.pulled == Pulled::Concealed {
            return;
        }
        let (Some(level), Some(fetched)) = (self.level_us, fetched) else {
            return;
        };
        let (target, floor) = (self.jitter.target_us(), self.jitter.floor_us());
        let ceiling = target + self.jitter.misaligned_us() + SLACK_ABOVE_US.max(target / 4);
        let long = level > ceiling && fetched > floor + SLACK_ABOVE_FLOOR_US && self.jitter.has_next();
        let short = fetched < floor && level < ceiling;
        if !long && !short {
            return;
        }
        let hurry = long && level > 4 * target;
        let rested = self.frames_since_stretch >= STRETCH_PAUSE_FRAMES;
        if !rested && !hurry && level::dbov(&self.ready) >= QUIET_DBOV {
            return;
        }
        let changed = if long { self.shorten(now) } else { self.lengthen() };
        if changed {
            self.frames_since_stretch = 0;
        }
    }

    fn shorten(&mut self, now: Instant) -> bool {
        self.fill(now, self.rate_hz as usize * SHORTEN_MS / 1_000);
        let Some(gone) = time_scale::remove_period(&mut self.ready, 0, self.rate_hz) else {
            return false;
        };
        let gone = self.micros(gone);
        self.treated.accelerated += gone;
        self.level_us = self.level_us.map(|level| level - gone as i64);
        true
    }

    fn lengthen(&mut self) -> bool {
        // No allocation: the room for a period was made at the start.
        let period = self.rate_hz as usize * 15 / 1_000;
        if self.ready.len() + period > self.ready.capacity() {
            return false;
        }
        let Some(new) = time_scale::insert_period(&mut self.ready, 0, self.rate_hz) else {
            return false;
        };
        let new = self.micros(new);
        self.treated.expanded += new;
        self.level_us = self.level_us.map(|level| level + new as i64);
        true
    }
}

fn check_rate(hz: u32) -> Result<()> {
    match hz {
        8_000 | 12_000 | 16_000 | 24_000 | 48_000 => Ok(()),
        other => Err(omnigate_audio::Error::UnsupportedRate(other).into()),
    }
}

fn duration(us: i64) -> Duration {
    Duration::from_micros(us.max(0) as u64)
}

#[cfg(test)]
mod tests;
