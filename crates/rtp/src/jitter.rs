//! The jitter buffer: puts packets in order and decides when each one is played.
//!
//! Packets are kept by sequence number in a fixed number of slots; payload buffers are reused. Time is compared, not
//! packets counted: the *slack* of a packet is the time since its ideal arrival (media time plus the sliding minimum
//! of the delay statistic (`crate::delay`)), so that packet durations of 2.5..=120 ms are all treated alike.
//!
//! ```text
//!          first packet, slack >= target           nothing for 120 ms, pause in the timestamps,
//!   Idle ─────────────────────────────▶ Playing ──────────────────────────────────────────────▶ Idle
//!                                                  telephone event, comfort noise
//! ```

mod input;
mod output;

use std::time::{Duration, Instant};

use omnigate_audio::codec::Codec;

use crate::RtpPacket;
use crate::delay::DelayStatistic;
use crate::unwrap::Unwrapper;

/// What a packet carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PayloadKind {
    /// Speech in this codec.
    Speech(Codec),
    /// Comfort noise of RFC 3389, clock 8 000 Hz: silence follows.
    ComfortNoise,
}

impl PayloadKind {
    /// Units of the timestamp in a second.
    pub const fn clock_rate(self) -> u32 {
        match self {
            PayloadKind::Speech(codec) => codec.clock_hz(),
            PayloadKind::ComfortNoise => 8_000,
        }
    }
}

/// Slots: 1.28 s of 20 ms packets; a sequence number as far ahead or behind is another time line. (RFC 3550 A.1 allows
/// 3 000, which after a gap of a minute would still wait for what never comes.)
const SLOTS: i64 = 64;
/// Larger payloads than an Ethernet frame carries are no audio.
const MAX_PAYLOAD_BYTES: usize = 1_500;
/// Lateness from which a timestamp is taken as another time line: 2 s late, half a second early.
const MAX_LATE_US: i64 = 2_000_000;
const MAX_EARLY_US: i64 = 500_000;
/// Nothing for this long, or a hole this long: the talkspurt is over.
const GIVE_UP_US: i64 = 120_000;
/// A source without a packet for this long may be replaced at once.
const SOURCE_GONE_US: i64 = 100_000;
/// A pause in the timestamps shorter than this is filled, a longer one is silence.
const SHORT_GAP_US: i64 = 20_000;
/// One output frame: packets are fetched in this rhythm.
const FRAME_US: i64 = 20_000;
/// From this share of lost packets it pays to wait for the copy in the next packet.
const MIN_LOSS_FOR_COPIES: f32 = 0.01;
/// Packets over which the loss is averaged.
const LOSS_MEMORY: f32 = 256.0;

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inserted {
    /// It waits for its time.
    Stored,
    /// It began a new time line (first packet, other source, jump); what waited is gone.
    Restarted,
    /// It is here or was here before.
    Duplicate,
    /// Its time is over.
    Late,
    /// It fits nowhere; believed only when its successor follows.
    Stray,
    /// Empty, too long, or of a clock that is not the stream's.
    Refused,
}

/// What is to be played next. Durations are units of the stream's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// A packet; its payload has been moved to the caller's buffer.
    Packet {
        /// What it carries.
        kind: PayloadKind,
        /// Its duration; 0 for comfort noise.
        duration: u32,
        /// Whether packets before it were dropped to shorten the delay, so that a cross-fade is due.
        jumped: bool,
    },
    /// A packet is lost; one after it is here.
    Lost {
        /// How much is missing; at most one packet.
        duration: u32,
        /// Whether the caller's buffer now holds the packet after it, which may have a copy.
        copy: bool,
    },
    /// Nothing is here though it should be: late, or lost and its successor not here yet.
    Missing,
    /// Nothing is due: before the first packet, in a pause, after a long gap.
    Pause,
}

/// Counters since the beginning.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct JitterCounters {
    /// Packets stored.
    pub received: u64,
    /// Packets whose time was over when they came.
    pub late: u64,
    /// Packets that came more than once.
    pub duplicates: u64,
    /// Packets that never came.
    pub lost: u64,
    /// Packets that came but were thrown away to shorten the delay or by a new time line.
    pub dropped: u64,
    /// Packets that were not audio or fitted nowhere.
    pub refused: u64,
    /// New time lines after the first.
    pub restarts: u64,
}

/// Whether a packet belongs to the time line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fit {
    Yes,
    Restart,
    Stray,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SlotState {
    Empty,
    Waiting,
    /// Played or dropped: the same number again is a duplicate.
    Done,
    /// Not audio: nothing is missing here.
    Skipped,
}

#[derive(Debug)]
struct Slot {
    sequence: i64,
    state: SlotState,
    timestamp: i64,
    duration: u32,
    kind: PayloadKind,
    payload: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Idle,
    Playing,
}

/// A packet of a time line that is not believed yet.
#[derive(Debug, Clone, Copy)]
struct Probe {
    ssrc: u32,
    expected: u16,
}

/// The jitter buffer of one inbound stream.
#[derive(Debug)]
pub struct JitterBuffer {
    min_us: i64,
    max_us: i64,
    slots: Box<[Slot]>,
    spare: Vec<Vec<u8>>,
    delay: DelayStatistic,
    epoch: Option<Instant>,
    ssrc: Option<u32>,
    clock_rate: i64,
    sequence: Unwrapper,
    timestamp: Unwrapper,
    probe: Option<Probe>,
    /// The newest packet: number, timestamp, duration, arrival.
    newest: Option<(i64, i64, u32, i64)>,
    /// The number that is played next, once something was played.
    next: Option<i64>,
    state: State,
    /// Timestamp of the next unit to play, and the units made up since.
    play_at: i64,
    made_up: i64,
    last_duration: u32,
    after_event: bool,
    jumped: bool,
    loss: f32,
    copies: bool,
    /// Slack of the last packet when it was fetched.
    fetched_slack_us: Option<i64>,
    counters: JitterCounters,
}

impl JitterBuffer {
    /// A buffer whose target delay stays within `min_delay` and `max_delay`.
    pub fn new(min_delay: Duration, max_delay: Duration) -> Self {
        let min_us = micros(min_delay);
        let slot = || Slot {
            sequence: i64::MIN,
            state: SlotState::Empty,
            timestamp: 0,
            duration: 0,
            kind: PayloadKind::ComfortNoise,
            payload: Vec::new(),
        };
        Self {
            min_us,
            max_us: micros(max_delay).max(min_us),
            slots: (0..SLOTS).map(|_| slot()).collect(),
            spare: Vec::with_capacity(SLOTS as usize + 1),
            delay: DelayStatistic::new(),
            epoch: None,
            ssrc: None,
            clock_rate: 8_000,
            sequence: Unwrapper::new(16),
            timestamp: Unwrapper::new(32),
            probe: None,
            newest: None,
            next: None,
            state: State::Idle,
            play_at: 0,
            made_up: 0,
            last_duration: 0,
            after_event: false,
            jumped: false,
            loss: 0.0,
            copies: false,
            fetched_slack_us: None,
            counters: JitterCounters::default(),
        }
    }

    /// Takes a packet of `duration` units of its clock (0 for comfort noise).
    pub fn insert(
        &mut self,
        now: Instant,
        packet: &RtpPacket<'_>,
        kind: PayloadKind,
        duration: u32,
    ) -> Inserted {
        let clock_rate = i64::from(kind.clock_rate());
        let noise = kind == PayloadKind::ComfortNoise;
        let unusable = packet.payload.is_empty() || packet.payload.len() > MAX_PAYLOAD_BYTES;
        if unusable
            || (duration == 0) != noise
            || (noise && self.ssrc.is_some() && clock_rate != self.clock_rate)
        {
            self.counters.refused += 1;
            return Inserted::Refused;
        }
        let now_us = self.now_us(now);
        let fits = self.fits(now_us, packet, clock_rate);
        if fits == Fit::Stray {
            self.probe = Some(Probe {
                ssrc: packet.ssrc,
                expected: packet.sequence.wrapping_add(1),
            });
            self.counters.refused += 1;
            return Inserted::Stray;
        }
        self.probe = None;
        if fits == Fit::Restart {
            self.restart(packet.ssrc, clock_rate);
        }
        let sequence = self.sequence.peek(u32::from(packet.sequence));
        if let Some(refused) = self.refuse_old(sequence) {
            return refused;
        }
        self.sequence.next(u32::from(packet.sequence));
        let timestamp = self.timestamp.next(packet.timestamp);
        self.observe(now_us, sequence, timestamp, packet.marker, duration);
        self.make_room(sequence);
        let mut payload = self.spare.pop().unwrap_or_default();
        payload.clear();
        payload.extend_from_slice(packet.payload);
        let slot = &mut self.slots[index(sequence)];
        debug_assert!(slot.payload.is_empty());
        *slot = Slot {
            sequence,
            state: SlotState::Waiting,
            timestamp,
            duration,
            kind,
            payload,
        };
        self.counters.received += 1;
        if fits == Fit::Restart {
            Inserted::Restarted
        } else {
            Inserted::Stored
        }
    }

    /// The packet with this number carries no audio (a telephone event): it is not lost.
    pub fn skip(&mut self, sequence: u16) {
        if self.ssrc.is_none() {
            return;
        }
        let number = self.sequence.peek(u32::from(sequence));
        if self
            .newest
            .is_some_and(|(newest, ..)| (number - newest).abs() >= SLOTS)
        {
            return;
        }
        if self.next.is_some_and(|next| number < next) {
            let slot = &mut self.slots[index(number)];
            if slot.sequence != number && slot.state != SlotState::Waiting {
                (slot.sequence, slot.state) = (number, SlotState::Skipped);
                self.counters.lost = self.counters.lost.saturating_sub(1);
            }
            return;
        }
        self.sequence.next(u32::from(sequence));
        if let Some(newest) = self.newest.as_mut().filter(|newest| newest.0 < number) {
            newest.0 = number;
        }
        self.make_room(number);
        let slot = &mut self.slots[index(number)];
        if slot.sequence != number || slot.state != SlotState::Waiting {
            (slot.sequence, slot.state) = (number, SlotState::Skipped);
        }
    }

    /// What to play next, `now`. A packet's payload is swapped into `payload`.
    pub fn next(&mut self, now: Instant, payload: &mut Vec<u8>) -> Next {
        let now_us = self.now_us(now);
        // Each round plays, or leaves `Playing`, or removes a packet: it ends.
        loop {
            self.pass_skipped();
            let first = self.first_waiting();
            let (sequence, timestamp) = match (self.state, first) {
                (State::Idle, None) => return Next::Pause,
                (State::Playing, None) => return self.nothing_here(),
                (_, Some(first)) => first,
            };
            let slack = self.slack_us(now_us, timestamp);
            if slack > self.max_us && self.is_followed(sequence) {
                self.drop_packet(sequence, timestamp);
                continue;
            }
            if self.state == State::Idle {
                if slack < self.start_us() {
                    return Next::Pause;
                }
                self.state = State::Playing;
                (self.play_at, self.made_up) = (timestamp, 0);
                return self.take(now_us, sequence, payload);
            }
            let hole = timestamp - self.play_at - self.made_up;
            let consecutive = self.next == Some(sequence) && !self.jumped;
            if hole <= 0 {
                return self.take(now_us, sequence, payload);
            }
            let limit = if consecutive || self.after_event {
                SHORT_GAP_US - 1
            } else {
                GIVE_UP_US
            };
            if self.us(hole) > limit {
                self.state = State::Idle;
                continue;
            }
            return self.fill_hole(hole, sequence, timestamp, payload);
        }
    }

    /// Records that `units` were made up for [`Next::Missing`].
    pub fn made_up(&mut self, units: u32) {
        self.made_up = self.made_up.saturating_add(i64::from(units));
    }

    /// How long ago the next unit to play should have arrived, when it is followed by nothing that was fetched.
    /// `None` while idle.
    pub fn slack(&mut self, now: Instant) -> Option<i64> {
        let now_us = self.now_us(now);
        (self.state == State::Playing).then(|| self.slack_us(now_us, self.play_at))
    }

    /// Slack of the packet that was fetched last, at that time, microseconds; once for each packet.
    pub fn fetched_slack_us(&mut self) -> Option<i64> {
        self.fetched_slack_us.take()
    }

    /// Whether the next packet in order is here.
    pub fn has_next(&self) -> bool {
        self.state == State::Playing
            && self
                .first_waiting()
                .is_some_and(|(sequence, _)| self.next == Some(sequence))
    }

    /// Whether the stream's packets carry copies of their predecessors (Opus in-band FEC), for which it pays to wait.
    pub fn set_copies(&mut self, copies: bool) {
        self.copies = copies;
    }

    /// The delay that is wanted, microseconds.
    pub fn target_us(&self) -> i64 {
        self.wanted_us().clamp(self.min_us, self.max_us)
    }

    /// Below this slack, in microseconds, packets come too late.
    pub fn floor_us(&self) -> i64 {
        let target = self.target_us();
        (target * 3 / 4)
            .min(target - 12_000)
            .max(self.wanted_us().min(target))
    }

    /// What is added to the target because packets do not begin with frames: 20 ms less the largest common divisor.
    pub fn misaligned_us(&self) -> i64 {
        let duration = self.us(i64::from(self.last_duration));
        if duration == 0 {
            0
        } else {
            FRAME_US - gcd(duration, FRAME_US)
        }
    }

    /// How much faster the far end's clock runs than ours, parts per million; `None` for the first 30 s.
    pub fn drift_ppm(&self) -> Option<f64> {
        self.delay.drift_ppm()
    }

    /// Units of the stream's clock in a second.
    pub fn clock_rate(&self) -> u32 {
        self.clock_rate as u32
    }

    /// Duration of the last packet that was played, in units; 0 before the first.
    pub fn last_duration(&self) -> u32 {
        self.last_duration
    }

    /// The counters so far.
    pub fn counters(&self) -> JitterCounters {
        self.counters
    }
}

fn index(sequence: i64) -> usize {
    sequence.rem_euclid(SLOTS) as usize
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros())
        .unwrap_or(i64::MAX / 4)
        .min(i64::MAX / 4)
}

fn gcd(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests;
