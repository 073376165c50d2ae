//! Giving packets out: in order, with holes made explicit.

use super::*;

/// Giving packets out.
impl JitterBuffer {
    pub(super) fn first_waiting(&self) -> Option<(i64, i64)> {
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

    pub(super) fn is_followed(&self, sequence: i64) -> bool {
        self.slots
            .iter()
            .any(|slot| slot.state == SlotState::Waiting && slot.sequence > sequence)
    }

    /// Passes numbers that are known not to be audio.
    pub(super) fn pass_skipped(&mut self) {
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
    pub(super) fn pass(&mut self, number: i64) {
        let slot = &self.slots[index(number)];
        let known = slot.sequence == number && slot.state != SlotState::Empty;
        self.average_loss(!known);
        self.counters.lost += u64::from(!known);
    }

    /// Passes all numbers before `sequence`.
    pub(super) fn pass_to(&mut self, sequence: i64) {
        if let Some(next) = self.next {
            for number in next..sequence {
                self.pass(number);
            }
        }
        self.next = Some(sequence);
    }

    pub(super) fn nothing_here(&mut self) -> Next {
        if self.after_event || self.us(self.made_up) >= GIVE_UP_US {
            self.state = State::Idle;
            return Next::Pause;
        }
        Next::Missing
    }

    pub(super) fn fill_hole(
        &mut self,
        hole: i64,
        sequence: i64,
        timestamp: i64,
        payload: &mut Vec<u8>,
    ) -> Next {
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

    pub(super) fn take(&mut self, now_us: i64, sequence: i64, payload: &mut Vec<u8>) -> Next {
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

    pub(super) fn drop_packet(&mut self, sequence: i64, timestamp: i64) {
        self.pass_to(sequence);
        let i = index(sequence);
        self.play_at = timestamp + i64::from(self.slots[i].duration);
        self.made_up = 0;
        self.release(i, SlotState::Done);
        self.next = Some(sequence + 1);
        self.jumped = true;
        self.counters.dropped += 1;
    }

    pub(super) fn release(&mut self, i: usize, state: SlotState) {
        let slot = &mut self.slots[i];
        slot.state = state;
        let mut payload = std::mem::take(&mut slot.payload);
        if payload.capacity() > 0 && self.spare.len() < self.spare.capacity() {
            payload.clear();
            self.spare.push(payload);
        }
    }

    pub(super) fn average_loss(&mut self, lost: bool) {
        self.loss += (f32::from(u8::from(lost)) - self.loss) / LOSS_MEMORY;
    }

    pub(super) fn wanted_us(&self) -> i64 {
        let quantile = self.delay.quantile_us();
        if self.copies && self.loss > MIN_LOSS_FOR_COPIES {
            quantile + self.us(i64::from(self.last_duration)).max(FRAME_US)
        } else {
            quantile
        }
    }

    /// Slack from which a talkspurt begins: output comes in frames, so half a frame to either side is as near as it
    /// gets.
    pub(super) fn start_us(&self) -> i64 {
        let target = self.target_us();
        (target - FRAME_US / 2).max(self.wanted_us().min(target)) + self.misaligned_us()
    }

    pub(super) fn slack_us(&self, now_us: i64, timestamp: i64) -> i64 {
        self.delay
            .base_us()
            .map_or(0, |base| self.slack_from(base, now_us, timestamp))
    }

    pub(super) fn slack_from(&self, base_us: i64, now_us: i64, timestamp: i64) -> i64 {
        now_us - base_us - self.us(timestamp)
    }

    pub(super) fn us(&self, units: i64) -> i64 {
        units.saturating_mul(1_000_000) / self.clock_rate
    }

    /// Microseconds since the first call.
    pub(super) fn now_us(&mut self, now: Instant) -> i64 {
        let epoch = *self.epoch.get_or_insert(now);
        micros(now.saturating_duration_since(epoch))
    }
}
