//! Packets in, 20 ms of audio out: jitter buffer, decoders, concealment and changes of the delay for one inbound leg.
//!
//! The caller pulls with its own clock, so the difference to the far end's clock is absorbed here, by whole pitch
//! periods. A codec is decoded at its own rate, and Opus at that of the output, so there is no resampler as long as a leg's
//! rate suits its codec; while nothing is lost and the delay fits, what G.711 has encoded comes out unchanged. What a far end
//! sends in another codec than that of its leg is brought to the leg's rate.

use std::time::{Duration, Instant};

use omnigate_audio::codec::{Codec, Decoder};
use omnigate_audio::comfort_noise::ComfortNoise;
use omnigate_audio::plc::Concealer;
use omnigate_audio::resample::Resampler;
use omnigate_audio::{frame_samples, level, opus, time_scale};

pub use crate::jitter::PayloadKind;
use crate::jitter::{JitterBuffer, Next};
use crate::{Result, RtpPacket};

/// Decoded audio that waits with packets of 20 ms: one, a concealed one, what is left and a stretch. In frames of 20 ms;
/// longer packets make room for themselves once.
const READY_FRAMES: usize = 4;
/// One period for each 100 ms of speech; in silence there is no limit.
const STRETCH_PAUSE_FRAMES: u32 = 5;
/// Below this level, in dBov, changes are not heard.
const QUIET_DBOV: f32 = -50.0;
/// What is pulled, milliseconds.
const PULLED_MS: usize = 20;
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
    /// Sample rate of what is pulled, Hz: 8 000, 12 000, 16 000, 24 000 or 48 000.
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

/// A codec and its decoder.
#[derive(Debug)]
struct Stream {
    codec: Codec,
    decoder: Decoder,
}

impl Stream {
    /// The one that conceals by itself.
    fn opus(&mut self) -> Option<&mut opus::Decoder> {
        match &mut self.decoder {
            Decoder::Opus(decoder) => Some(decoder),
            _ => None,
        }
    }
}

/// Plays one inbound leg.
#[derive(Debug)]
pub struct Playout {
    /// Rate of what is pulled, Hz.
    output_hz: u32,
    /// Rate at which sound is made: that of the codec, Hz.
    rate_hz: u32,
    /// Between the two, where they differ: of few legs.
    converter: Option<Box<Resampler>>,
    jitter: JitterBuffer,
    /// That of what was played last.
    stream: Option<Stream>,
    concealer: Concealer,
    noise: ComfortNoise,
    pause: Pause,
    payload: Vec<u8>,
    /// Decoded and not pulled yet, at `rate_hz`.
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
            output_hz: settings.output_rate_hz,
            rate_hz: settings.output_rate_hz,
            converter: None,
            jitter: JitterBuffer::new(settings.min_delay, settings.max_delay),
            stream: None,
            concealer: Concealer::new(settings.output_rate_hz),
            noise: ComfortNoise::new(1),
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
            PayloadKind::ComfortNoise => Some(0),
            PayloadKind::Speech(Codec::Opus) if packet.payload.is_empty() => {
                // A pause of a sender that sends empty packets: nothing is missing.
                self.jitter.skip(packet.sequence);
                return;
            }
            PayloadKind::Speech(codec) => codec.units(packet.payload),
        };
        if kind == PayloadKind::Speech(Codec::Opus) && packet.payload.len() > MAX_DTX_BYTES {
            self.jitter.set_copies(opus::has_fec(packet.payload));
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
        let leftover = (!self.ready.is_empty()).then_some(self.tail);
        self.pulled = Pulled::Silence;
        self.measure(now);
        self.fill(now, PULLED_MS);
        self.stretch(now);
        self.fill(now, PULLED_MS);
        if let Some(leftover) = leftover {
            self.mix_in(leftover);
        }
        self.hand_out(out);
        self.pulled
    }

    /// Moves a frame out, at the output rate.
    fn hand_out(&mut self, out: &mut [i16]) {
        let taken = frame_samples(self.rate_hz).min(self.ready.len());
        let wanted = out.len().min(frame_samples(self.output_hz));
        let (audio, rest) = out.split_at_mut(wanted);
        rest.fill(0);
        match &mut self.converter {
            Some(converter) => {
                if converter.process(&self.ready[..taken], audio).is_err() {
                    audio.fill(0);
                }
            }
            // Before anything is played there is no other rate.
            None => {
                let (audio, rest) = audio.split_at_mut(wanted.min(taken));
                audio.copy_from_slice(&self.ready[..audio.len()]);
                rest.fill(0);
            }
        }
        self.ready.drain(..taken);
    }

    /// Changes the rate of what is pulled, between two frames. Allocates.
    pub fn set_output_rate(&mut self, hz: u32) -> Result<()> {
        check_rate(hz)?;
        if hz == self.output_hz {
            return Ok(());
        }
        self.output_hz = hz;
        match self.stream.take() {
            Some(stream) => self.begin(stream.codec),
            None => self.set_rate(hz),
        }
        Ok(())
    }

    /// Decodes this codec from now on. Allocates.
    fn begin(&mut self, codec: Codec) {
        let decoder = codec.decoder(self.output_hz);
        // It cannot fail, for the output's rate is one of Opus; if it did, nothing would be heard.
        self.stream = decoder.ok().map(|decoder| Stream { codec, decoder });
        self.set_rate(codec.rate_hz(self.output_hz));
    }

    /// Makes sound at this rate from now on. Allocates where it is another one than before.
    fn set_rate(&mut self, hz: u32) {
        let differs = hz != self.output_hz;
        let converter = differs.then(|| Resampler::new(hz, self.output_hz).ok());
        self.converter = converter.flatten().map(Box::new);
        self.concealer = Concealer::new(hz);
        if hz != self.rate_hz {
            self.rate_hz = hz;
            self.ready = Vec::with_capacity(READY_FRAMES * frame_samples(hz));
        }
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
}

/// Making audio.
impl Playout {
    /// Decodes or makes up until `ms` milliseconds are ready.
    fn fill(&mut self, now: Instant, ms: usize) {
        for _ in 0..MAX_ROUNDS {
            // A packet of another codec may change the rate.
            let wanted = self.rate_hz as usize * ms / 1_000;
            if self.ready.len() >= wanted {
                return;
            }
            self.fetch(now, wanted - self.ready.len());
        }
        self.ready.resize(self.rate_hz as usize * ms / 1_000, 0);
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
                kind: PayloadKind::Speech(codec),
                duration,
                jumped,
            } => self.play(codec, duration, jumped),
            Next::Lost { duration, copy } => {
                let samples = self.samples(duration);
                if copy && self.is_opus() && opus::has_fec(&self.payload) {
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

    fn play(&mut self, codec: Codec, duration: u32, jumped: bool) {
        if self.stream.as_ref().is_none_or(|stream| stream.codec != codec) {
            self.begin(codec);
        }
        let (start, samples) = (self.ready.len(), self.samples(duration));
        self.ready.resize(start + samples, 0);
        let out = &mut self.ready[start..];
        let stream = self.stream.as_mut();
        let decoded = stream.and_then(|stream| stream.decoder.decode(&self.payload, out).ok());
        let Some(decoded) = decoded else {
            self.ready.truncate(start);
            self.conceal(samples);
            return;
        };
        self.ready.truncate(start + decoded);
        if !self.is_opus() {
            if jumped {
                self.concealer.conceal(&mut [0]);
            }
            self.concealer.good(&mut self.ready[start..]);
        } else if self.payload.len() <= MAX_DTX_BYTES {
            self.pause = Pause::Dtx(MAX_DTX_FRAMES);
            return self.heard(Pulled::ComfortNoise);
        }
        self.pause = Pause::Fade;
        self.heard(Pulled::Audio);
    }

    fn is_opus(&self) -> bool {
        self.stream
            .as_ref()
            .is_some_and(|stream| stream.codec == Codec::Opus)
    }

    /// Makes up about `samples` and returns how many. Opus rounds up to 10 ms.
    fn conceal(&mut self, samples: usize) -> usize {
        let start = self.ready.len();
        let samples = if self.is_opus() {
            let step = self.rate_hz as usize / OPUS_STEPS;
            samples.div_ceil(step) * step
        } else {
            samples
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
        match &mut self.stream {
            None => out.fill(0),
            Some(stream) => match stream.opus() {
                None => self.concealer.conceal(out),
                Some(decoder) => {
                    // More than 120 ms at once is refused.
                    let longest = self.rate_hz as usize * 120 / 1_000;
                    for out in out.chunks_mut(longest) {
                        let made = decoder.conceal(out).unwrap_or(0);
                        out[made..].fill(0);
                    }
                }
            },
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
        let decoder = self.stream.as_mut().and_then(Stream::opus);
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
                self.concealer = Concealer::new(self.rate_hz);
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
        self.fill(now, SHORTEN_MS);
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
