//! What is done in a call that looks how the other side behaves, one thing after the other: a pure state machine.
//!
//! ```text
//!   begin ──▶ act ──seen, or its time is over──▶ act ──▶ … ──▶ Over: hang up
//!              └──────────── the call is over, or stop ────────▶┘
//! ```
//!
//! Every act has a time in which it ends, whatever comes. The end of the call is SIP's.

use crate::gateway::sight::Sight;
use omnigate_audio::dtmf::Key;
use omnigate_sip::message::{Method, Status};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How long the other side may take with an offer or a refresh: more than a transaction that is repeated thrice.
const ANSWER: Duration = Duration::from_secs(10);
/// How long each key may take to be sent as a telephone event, with the pause behind it.
const KEY: Duration = Duration::from_millis(300);
/// How long a caller may take with the keys.
const PATIENCE: Duration = Duration::from_secs(60);
/// The last key of a caller.
const LAST: char = '#';

/// Something that is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Act {
    /// A short tone, and this long of nothing.
    Tone(Duration),
    /// These keys are pressed.
    Keys(Vec<Key>),
    /// The telephone is put on hold, and taken back.
    Hold,
    Resume,
    /// The session is refreshed.
    Refresh,
    /// Nothing, for so long.
    Silence(Duration),
    /// The caller's keys are waited for, to the last of them.
    HearKeys,
    /// The caller is to hang up within this time.
    HearEnd(Duration),
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Effect {
    /// This begins.
    Do(Act),
    /// Hang up.
    HangUp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Acting,
    Over,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Exercise {
    state: State,
    acts: VecDeque<Act>,
    act: Option<Act>,
    /// Every act has come to its end.
    done: bool,
    deadline: Option<Instant>,
    out: VecDeque<Effect>,
}

impl Exercise {
    pub(super) fn new(acts: impl IntoIterator<Item = Act>) -> Exercise {
        Exercise {
            state: State::Waiting,
            acts: acts.into_iter().collect(),
            act: None,
            done: false,
            deadline: None,
            out: VecDeque::new(),
        }
    }

    /// Next thing to do; call until `None` after every event.
    pub(super) fn poll(&mut self) -> Option<Effect> {
        self.out.pop_front()
    }

    /// When [`Exercise::timeout`] is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Whether every act has come to its end before the call.
    pub(super) fn is_done(&self) -> bool {
        self.done
    }

    /// Both sides are there.
    pub(super) fn begin(&mut self, now: Instant) {
        if self.state == State::Waiting {
            self.state = State::Acting;
            self.next(now);
        }
    }

    /// Something was seen.
    pub(super) fn saw(&mut self, sight: &Sight, now: Instant) {
        match (sight, self.state) {
            // What a gateway said that was called before another one has answered.
            (_, State::Waiting) => return,
            (Sight::Over(_), _) => return self.over(),
            _ => {}
        }
        if self.state == State::Acting && self.act.as_ref().is_some_and(|act| act.is_done_by(sight)) {
            self.next(now);
        }
    }

    /// The call is over.
    pub(super) fn over(&mut self) {
        self.state = State::Over;
        self.deadline = None;
    }

    /// It is to end now.
    pub(super) fn stop(&mut self) {
        if self.state != State::Over {
            self.leave();
        }
    }

    /// A deadline has passed.
    pub(super) fn timeout(&mut self, now: Instant) {
        if self.deadline.is_none_or(|at| now < at) {
            return;
        }
        self.next(now);
    }

    fn next(&mut self, now: Instant) {
        self.act = self.acts.pop_front();
        match &self.act {
            Some(act) => {
                self.deadline = Some(now + act.limit());
                self.out.push_back(Effect::Do(act.clone()));
            }
            None => {
                self.done = true;
                self.leave();
            }
        }
    }

    fn leave(&mut self) {
        self.over();
        self.out.push_back(Effect::HangUp);
    }
}

impl Act {
    /// How long it takes at the most.
    pub(super) fn limit(&self) -> Duration {
        match self {
            Act::Tone(pause) => *pause,
            Act::Keys(keys) => KEY * u32::try_from(keys.len() + 1).unwrap_or(u32::MAX),
            Act::Hold | Act::Resume | Act::Refresh => ANSWER,
            Act::Silence(time) | Act::HearEnd(time) => *time,
            Act::HearKeys => PATIENCE,
        }
    }

    fn is_done_by(&self, sight: &Sight) -> bool {
        match (self, sight) {
            (Act::Hold | Act::Resume, Sight::Agreed(_) | Sight::OfferRefused(_)) => true,
            // An UPDATE that is not there is followed by a re-INVITE, and what is asked for again by the same.
            (Act::Refresh, Sight::Replied(Method::Update, status)) => {
                !is_missing(*status) && !is_asked_again(*status)
            }
            (Act::Refresh, Sight::Replied(Method::Invite, status)) => !is_asked_again(*status),
            (Act::HearKeys, Sight::Key(key, _)) => key.char() == LAST,
            _ => false,
        }
    }
}

/// The other side has no such method.
pub(super) fn is_missing(status: Status) -> bool {
    matches!(status, Status::METHOD_NOT_ALLOWED | Status::NOT_IMPLEMENTED)
}

/// It is sent once more: it met one of theirs, or asked for too short an interval.
fn is_asked_again(status: Status) -> bool {
    matches!(
        status,
        Status::REQUEST_PENDING | Status::SESSION_INTERVAL_TOO_SMALL
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::sight::Agreement;
    use omnigate_audio::codec::Codec;
    use omnigate_rtp::digits::Source;
    use omnigate_sip::Direction;

    struct Call {
        exercise: Exercise,
        now: Instant,
    }

    impl Call {
        fn up(acts: &[Act]) -> Call {
            let mut call = Call {
                exercise: Exercise::new(acts.to_vec()),
                now: Instant::now(),
            };
            call.exercise.begin(call.now);
            call
        }

        fn effects(&mut self) -> Vec<Effect> {
            std::iter::from_fn(|| self.exercise.poll()).collect()
        }

        fn sees(&mut self, sight: Sight) -> Vec<Effect> {
            self.exercise.saw(&sight, self.now);
            self.effects()
        }

        fn wait(&mut self, time: Duration) -> Vec<Effect> {
            self.now += time;
            self.exercise.timeout(self.now);
            self.effects()
        }
    }

    const AGREED: Sight = Sight::Agreed(Agreement {
        codec: Codec::Pcma,
        ptime_ms: 20,
        direction: Direction::SendOnly,
        events: true,
        sealed: false,
    });

    fn key(key: char) -> Sight {
        Sight::Key(Key::from_char(key).unwrap(), Source::TelephoneEvent)
    }

    #[test]
    fn acts_follow_each_other_when_they_are_answered() {
        let mut call = Call::up(&[Act::Hold, Act::Resume, Act::Refresh]);
        assert_eq!(call.effects(), [Effect::Do(Act::Hold)]);
        assert_eq!(call.sees(AGREED), [Effect::Do(Act::Resume)]);
        assert_eq!(
            call.sees(Sight::OfferRefused(Status::NOT_ACCEPTABLE_HERE)),
            [Effect::Do(Act::Refresh)]
        );
        assert_eq!(
            call.sees(Sight::Replied(Method::Update, Status::METHOD_NOT_ALLOWED)),
            []
        );
        assert_eq!(
            call.sees(Sight::Replied(Method::Invite, Status::OK)),
            [Effect::HangUp]
        );
        assert!(call.exercise.is_done());
        assert_eq!(call.sees(Sight::Over(None)), []);
        assert_eq!(call.exercise.deadline(), None);
    }

    #[test]
    fn an_act_that_nobody_answers_ends_with_its_time() {
        let mut call = Call::up(&[Act::Hold, Act::Silence(Duration::from_secs(60))]);
        call.effects();
        assert_eq!(
            call.wait(ANSWER),
            [Effect::Do(Act::Silence(Duration::from_secs(60)))]
        );
        assert_eq!(call.wait(Duration::from_secs(59)), []);
        assert_eq!(call.wait(Duration::from_secs(1)), [Effect::HangUp]);
        assert!(call.exercise.is_done());
    }

    #[test]
    fn a_caller_is_heard_to_the_last_key() {
        let mut call = Call::up(&[Act::HearKeys, Act::HearEnd(Duration::from_secs(30))]);
        call.effects();
        assert_eq!(call.sees(key('1')), []);
        assert_eq!(
            call.sees(key('#')),
            [Effect::Do(Act::HearEnd(Duration::from_secs(30)))]
        );
        assert_eq!(call.sees(key('#')), []);
        assert_eq!(call.sees(Sight::Over(None)), []);
        assert_eq!(call.exercise.deadline(), None);
        assert!(!call.exercise.is_done(), "it was not we who ended it");
    }

    #[test]
    fn stop_ends_it_in_every_state() {
        let mut waiting = Call {
            exercise: Exercise::new([Act::Hold]),
            now: Instant::now(),
        };
        waiting.exercise.stop();
        assert_eq!(waiting.effects(), [Effect::HangUp]);
        waiting.exercise.begin(waiting.now);
        assert_eq!(waiting.effects(), [], "an answer that crosses it changes nothing");

        let mut call = Call::up(&[Act::Hold]);
        call.effects();
        call.exercise.stop();
        assert_eq!(call.effects(), [Effect::HangUp]);
        call.exercise.stop();
        assert_eq!(call.effects(), []);
        assert!(!call.exercise.is_done(), "nothing can be said of what it was at");
        assert_eq!(call.sees(Sight::Over(None)), []);
        call.exercise.over();
        assert_eq!(call.effects(), []);
    }
}
