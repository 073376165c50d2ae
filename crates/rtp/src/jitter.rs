//! The jitter buffer: puts packets in order and decides when each one is played.
//!
//! Packets are kept by sequence number in a fixed number of slots; payload buffers are reused. Time is compared, not
//! packets counted: the *slack* of a packet is the time since its ideal arrival (media time plus the sliding minimum
//! of the [delay statistic](crate::delay)), so that packet durations of 2.5..=120 ms are all treated alike.
//!
//! ```text
//!          first packet, slack >= target           nothing for 120 ms, pause in the timestamps,
//!   Idle ─────────────────────────────▶ Playing ──────────────────────────────────────────────▶ Idle
//!                                                  telephone event, comfort noise
//! ```

use std::time::{Duration, Instant};

use omnigate_audio::g711;

use crate::RtpPacket;
use crate::delay::DelayStatistic;
use crate::unwrap::Unwrapper;

/// What a packet carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PayloadKind {
    /// G.711, clock 8 000 Hz.
    G711(g711::Law),
    /// Opus, clock 48 000 Hz (RFC 7587).
    Opus,
    /// Comfort noise of RFC 3389, clock 8 000 Hz: silence follows.
    ComfortNoise,
}

impl PayloadKind {
    /// Units of the timestamp in a second.
    pub const fn clock_rate(self) -> u32 {
        match self {
            PayloadKind::G711(_) | PayloadKind::ComfortNoise => 8_000,
            PayloadKind::Opus => 48_000,
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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fit {
    Yes,
    Restart,
    Stray,
}

/// Taking packets in.
impl JitterBuffer {
    fn fits(&self, now_us: i64, packet: &RtpPacket<'_>, clock_rate: i64) -> Fit {
        let Some(ssrc) = self.ssrc else {
            return Fit::Restart;
        };
        let Some((newest, newest_timestamp, _, arrival)) = self.newest else {
            return Fit::Restart;
        };
        let probed = self
            .probe
            .is_some_and(|probe| (probe.ssrc, probe.expected) == (packet.ssrc, packet.sequence));
        if ssrc != packet.ssrc {
            let gone = now_us - arrival > SOURCE_GONE_US;
            return if probed || gone { Fit::Restart } else { Fit::Stray };
        }
        if clock_rate != self.clock_rate {
            return Fit::Restart;
        }
        let sequence = self.sequence.peek(u32::from(packet.sequence));
        if (sequence - newest).abs() >= SLOTS {
            return if probed { Fit::Restart } else { Fit::Stray };
        }
        let timestamp = self.timestamp.peek(packet.timestamp);
        if sequence > newest {
            let early_us = self
                .delay
                .base_us()
                .map_or(0, |base| -self.slack_from(base, now_us, timestamp));
            if timestamp < newest_timestamp || !(-MAX_LATE_US..=MAX_EARLY_US).contains(&early_us) {
                return Fit::Restart;
            }
        }
        Fit::Yes
    }

    fn restart(&mut self, ssrc: u32, clock_rate: i64) {
        if self.ssrc.is_some() {
            self.counters.restarts += 1;
        }
        for i in 0..self.slots.len() {
            self.counters.dropped += u64::from(self.slots[i].state == SlotState::Waiting);
            self.release(i, SlotState::Empty);
            self.slots[i].sequence = i64::MIN;
        }
        self.delay.restart();
        self.ssrc = Some(ssrc);
        self.clock_rate = clock_rate;
        self.sequence = Unwrapper::new(16);
        self.timestamp = Unwrapper::new(32);
        self.newest = None;
        self.next = None;
        self.state = State::Idle;
        self.after_event = false;
        self.jumped = false;
        self.fetched_slack_us = None;
    }

    /// Late packets and duplicates.
    fn refuse_old(&mut self, sequence: i64) -> Option<Inserted> {
        let passed = self.next.is_some_and(|next| sequence < next);
        let slot = &mut self.slots[index(sequence)];
        if slot.sequence == sequence && slot.state != SlotState::Empty {
            self.counters.duplicates += 1;
            return Some(Inserted::Duplicate);
        }
        if !passed {
            return None;
        }
        if slot.state != SlotState::Waiting {
            (slot.sequence, slot.state) = (sequence, SlotState::Done);
        }
        self.counters.late += 1;
        self.counters.lost = self.counters.lost.saturating_sub(1);
        Some(Inserted::Late)
    }

    fn observe(&mut self, now_us: i64, sequence: i64, timestamp: i64, marker: bool, duration: u32) {
        let media_us = self.us(timestamp);
        let mut counts = true;
        if let Some((newest, newest_timestamp, newest_duration, arrival)) = self.newest {
            let gap = timestamp - newest_timestamp - i64::from(newest_duration);
            let after_pause =
                sequence > newest && (marker || (sequence == newest + 1 && self.us(gap) >= FRAME_US));
            counts = !after_pause && newest_duration > 0;
            // The sender stopped its timestamps with its packets: its time line begins anew.
            let stopped = self.state == State::Idle && self.first_waiting().is_none();
            let late = self
                .delay
                .base_us()
                .map_or(0, |base| self.slack_from(base, now_us, timestamp));
            if stopped && now_us - arrival > GIVE_UP_US && late > self.target_us() + GIVE_UP_US {
                self.delay.restart();
                counts = false;
            }
        }
        self.delay.observe(now_us, media_us, counts);
        if self.newest.is_none_or(|(newest, ..)| newest < sequence) {
            self.newest = Some((sequence, timestamp, duration, now_us));
        }
    }

    /// Moves the window on so that `sequence` has a slot, and empties that.
    fn make_room(&mut self, sequence: i64) {
        let first_kept = sequence - SLOTS + 1;
        if let Some(next) = self.next.filter(|&next| next < first_kept) {
            self.state = State::Idle;
            for number in next..first_kept {
                let i = index(number);
                if self.slots[i].sequence == number && self.slots[i].state == SlotState::Waiting {
                    self.counters.dropped += 1;
                    self.release(i, SlotState::Done);
                } else {
                    self.pass(number);
                }
            }
            self.next = Some(first_kept);
        }
        // Somebody else may still wait here when nothing was played for long.
        let i = index(sequence);
        if self.slots[i].state == SlotState::Waiting && self.slots[i].sequence != sequence {
            self.counters.dropped += 1;
            self.release(i, SlotState::Empty);
        }
    }
}

/// Giving packets out.
impl JitterBuffer {
    fn first_waiting(&self) -> Option<(i64, i64)> {
        // In a stream without loss the next number is the one.
        if let Some(next) = self.next {
            let slot = &self.slots[index(next)];
            if slot.state == SlotState::Waiting && slot.sequence == next {
                return Some((next, slot.timestamp));
            }
        }
        self.slots
            .iter()
            .filter(|slot| slot.state == SlotState::Waiting)
            .map(|slot| (slot.sequence, slot.timestamp))
            .min()
    }

    fn is_followed(&self, sequence: i64) -> bool {
        self.slots
            .iter()
            .any(|slot| slot.state == SlotState::Waiting && slot.sequence > sequence)
    }

    /// Passes numbers that are known not to be audio.
    fn pass_skipped(&mut self) {
        while let Some(next) = self.next {
            let slot = &self.slots[index(next)];
            if slot.sequence != next || slot.state != SlotState::Skipped {
                return;
            }
            self.next = Some(next + 1);
            self.after_event = true;
        }
    }

    /// Counts one number that is passed without being played.
    fn pass(&mut self, number: i64) {
        let slot = &self.slots[index(number)];
        let known = slot.sequence == number && slot.state != SlotState::Empty;
        self.average_loss(!known);
        self.counters.lost += u64::from(!known);
    }

    /// Passes all numbers before `sequence`.
    fn pass_to(&mut self, sequence: i64) {
        if let Some(next) = self.next {
            for number in next..sequence {
                self.pass(number);
            }
        }
        self.next = Some(sequence);
    }

    fn nothing_here(&mut self) -> Next {
        if self.after_event || self.us(self.made_up) >= GIVE_UP_US {
            self.state = State::Idle;
            return Next::Pause;
        }
        Next::Missing
    }

    fn fill_hole(&mut self, hole: i64, sequence: i64, timestamp: i64, payload: &mut Vec<u8>) -> Next {
        let step = if self.last_duration > 0 {
            i64::from(self.last_duration)
        } else {
            hole
        };
        // What does not divide into packets is filled first, so that the copy in the next packet fits its place.
        let duration = match hole % step {
            0 => step,
            rest => rest,
        };
        self.play_at += self.made_up + duration;
        self.made_up = 0;
        let copy = self.play_at == timestamp && self.next != Some(sequence);
        if copy {
            payload.clear();
            payload.extend_from_slice(&self.slots[index(sequence)].payload);
        }
        Next::Lost {
            duration: duration.clamp(0, i64::from(u32::MAX)) as u32,
            copy,
        }
    }

    fn take(&mut self, now_us: i64, sequence: i64, payload: &mut Vec<u8>) -> Next {
        self.pass_to(sequence);
        self.average_loss(false);
        let i = index(sequence);
        let Slot {
            timestamp,
            duration,
            kind,
            ..
        } = self.slots[i];
        std::mem::swap(&mut self.slots[i].payload, payload);
        self.release(i, SlotState::Done);
        self.fetched_slack_us = Some(self.slack_us(now_us, timestamp));
        self.next = Some(sequence + 1);
        self.play_at = timestamp + i64::from(duration);
        self.made_up = 0;
        self.after_event = false;
        if kind == PayloadKind::ComfortNoise {
            self.state = State::Idle;
        } else {
            self.last_duration = duration;
        }
        Next::Packet {
            kind,
            duration,
            jumped: std::mem::take(&mut self.jumped),
        }
    }

    fn drop_packet(&mut self, sequence: i64, timestamp: i64) {
        self.pass_to(sequence);
        let i = index(sequence);
        self.play_at = timestamp + i64::from(self.slots[i].duration);
        self.made_up = 0;
        self.release(i, SlotState::Done);
        self.next = Some(sequence + 1);
        self.jumped = true;
        self.counters.dropped += 1;
    }

    fn release(&mut self, i: usize, state: SlotState) {
        let slot = &mut self.slots[i];
        slot.state = state;
        let mut payload = std::mem::take(&mut slot.payload);
        if payload.capacity() > 0 && self.spare.len() < self.spare.capacity() {
            payload.clear();
            self.spare.push(payload);
        }
    }

    fn average_loss(&mut self, lost: bool) {
        self.loss += (f32::from(u8::from(lost)) - self.loss) / LOSS_MEMORY;
    }

    fn wanted_us(&self) -> i64 {
        let quantile = self.delay.quantile_us();
        if self.copies && self.loss > MIN_LOSS_FOR_COPIES {
            quantile + self.us(i64::from(self.last_duration)).max(FRAME_US)
        } else {
            quantile
        }
    }

    /// Slack from which a talkspurt begins: output comes in frames, so half a frame to either side is as near as it
    /// gets.
    fn start_us(&self) -> i64 {
        let target = self.target_us();
        (target - FRAME_US / 2).max(self.wanted_us().min(target)) + self.misaligned_us()
    }

    fn slack_us(&self, now_us: i64, timestamp: i64) -> i64 {
        self.delay
            .base_us()
            .map_or(0, |base| self.slack_from(base, now_us, timestamp))
    }

    fn slack_from(&self, base_us: i64, now_us: i64, timestamp: i64) -> i64 {
        now_us - base_us - self.us(timestamp)
    }

    fn us(&self, units: i64) -> i64 {
        units.saturating_mul(1_000_000) / self.clock_rate
    }

    /// Microseconds since the first call.
    fn now_us(&mut self, now: Instant) -> i64 {
        let epoch = *self.epoch.get_or_insert(now);
        micros(now.saturating_duration_since(epoch))
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
