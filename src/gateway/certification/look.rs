//! Carries out an exercise on a line.

use super::exercise::{Act, Effect, Exercise};
use super::seen::CallSeen;
use crate::calls::CallEnd;
use crate::gateway::line::{Line, now};
use crate::media::Playback;
use omnigate_audio::tone::Tone;
use std::time::Instant;

/// See the module.
pub(super) struct Look {
    pub(super) exercise: Exercise,
    began: Instant,
    acts: Vec<(usize, Act)>,
    /// How much of what was seen the exercise knows.
    known: usize,
}

impl Look {
    pub(super) fn new(acts: Vec<Act>) -> Look {
        Look {
            exercise: Exercise::new(acts),
            began: now(),
            acts: Vec::new(),
            known: 0,
        }
    }

    /// Does what is to be done, until something else happens. True: it is time to hang up.
    pub(super) fn settle(&mut self, line: &mut Line) -> bool {
        let mut leave = false;
        loop {
            while let Some(effect) = self.exercise.poll() {
                match effect {
                    Effect::Do(act) => {
                        self.acts.push((self.known, act.clone()));
                        carry_out(&act, line);
                    }
                    Effect::HangUp => leave = true,
                }
            }
            let Some((_, sight)) = line.new_sights(self.known).first() else {
                return leave;
            };
            self.known += 1;
            self.exercise.saw(sight, now());
        }
    }

    /// Lets the leg go; all that was seen.
    pub(super) async fn close(self, line: Line, end: CallEnd) -> CallSeen {
        CallSeen {
            began: self.began,
            acts: self.acts,
            done: self.exercise.is_done(),
            sights: line.close_seen().await,
            end,
        }
    }
}

fn carry_out(act: &Act, line: &mut Line) {
    match act {
        Act::Tone(_) => line.play(Playback::Tone(Tone::Recorded)),
        Act::Keys(keys) => line.press_all(keys),
        Act::Hold => line.hold(),
        Act::Resume => line.resume(),
        Act::Refresh => line.refresh(),
        Act::Silence(_) | Act::HearKeys | Act::HearEnd(_) => {}
    }
}
