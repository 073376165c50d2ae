//! Taking packets in: which time line they belong to, and where they wait.

use super::*;

/// Taking packets in.
impl JitterBuffer {
    pub(super) fn fits(&self, now_us: i64, packet: &RtpPacket<'_>, clock_rate: i64) -> Fit {
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

    pub(super) fn restart(&mut self, ssrc: u32, clock_rate: i64) {
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
    pub(super) fn refuse_old(&mut self, sequence: i64) -> Option<Inserted> {
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

    pub(super) fn observe(
        &mut self,
        now_us: i64,
        sequence: i64,
        timestamp: i64,
        marker: bool,
        duration: u32,
    ) {
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
    pub(super) fn make_room(&mut self, sequence: i64) {
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
