//! What the test caller does, as a pure state machine.
//!
//! ```text
//!            answered            all keyed              all said
//!   Calling ──────────▶ Keying ───────────▶ Saying ─────────────▶ Listening ─▶ Leaving ─▶ Over
//!      └── nobody answers, the caller gives up: Leaving
//! ```
//! With a time of its own it hangs up when that is over, whatever it does then.

use omnigate_audio::dtmf::Key;
use omnigate_rtp::telephone_event::DEFAULT_PRESS;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// An unanswered INVITE is given up after this long.
const ANSWER_LIMIT: Duration = Duration::from_secs(64);
/// From the beginning of one key to that of the next.
const KEY: Duration = DEFAULT_PRESS.saturating_add(Duration::from_millis(120));
/// What is said and keyed is followed by this much listening when no time is given.
const LISTEN: Duration = Duration::from_secs(2);
/// How long the end of the SIP call may take once it is asked for.
const LEAVING_LIMIT: Duration = Duration::from_secs(40);

/// What it is to do.
#[derive(Debug, Clone, Default)]
pub struct PhonePlan {
    /// Keys to press, one after the other; `None` waits one second.
    pub keys: Vec<Option<Key>>,
    /// From the answer to the first key.
    pub keys_after: Duration,
    /// It says something once all is keyed.
    pub says: bool,
    /// From the answer to its end; `None`: when all is keyed and said.
    pub stays: Option<Duration>,
}

/// What happens to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PhoneEvent {
    /// The call is answered, and there is a session.
    Answered,
    /// All is said.
    Said,
    /// Whoever runs it has enough.
    Leave,
    /// The call is over.
    Over,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PhoneEffect {
    Press(Key),
    Say,
    HangUp,
    /// Everything is over.
    End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Calling,
    Keying,
    Saying,
    Listening,
    Leaving,
    Over,
}

/// One call of the test caller.
#[derive(Debug)]
pub(super) struct Phone {
    plan: PhonePlan,
    keys: VecDeque<Option<Key>>,
    state: State,
    /// When the next step is due.
    step: Option<Instant>,
    /// When it hangs up.
    until: Option<Instant>,
    out: VecDeque<PhoneEffect>,
}

impl Phone {
    /// One whose INVITE is on its way `now`.
    pub(super) fn new(mut plan: PhonePlan, now: Instant) -> Phone {
        Phone {
            keys: std::mem::take(&mut plan.keys).into(),
            plan,
            state: State::Calling,
            step: None,
            until: Some(now + ANSWER_LIMIT),
            out: VecDeque::new(),
        }
    }

    /// Next thing to do; call until `None` after every event.
    pub(super) fn poll(&mut self) -> Option<PhoneEffect> {
        self.out.pop_front()
    }

    /// When [`Phone::timeout`] is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        [self.step, self.until].into_iter().flatten().min()
    }

    /// Feeds one event.
    pub(super) fn handle(&mut self, event: PhoneEvent, now: Instant) {
        match (event, self.state) {
            (_, State::Over) => {}
            (PhoneEvent::Answered, State::Calling) => {
                self.state = State::Keying;
                self.until = self.plan.stays.map(|time| now + time);
                self.step = Some(now + self.plan.keys_after);
            }
            (PhoneEvent::Said, State::Saying) => self.listen(now),
            (PhoneEvent::Over, _) => {
                self.state = State::Over;
                (self.step, self.until) = (None, None);
                self.out.push_back(PhoneEffect::End);
            }
            (PhoneEvent::Leave, state) if state != State::Leaving => self.leave(now),
            _ => {}
        }
    }

    /// A deadline has passed.
    pub(super) fn timeout(&mut self, now: Instant) {
        if self.until.is_some_and(|at| now >= at) {
            match self.state {
                State::Leaving => self.handle(PhoneEvent::Over, now),
                _ => self.leave(now),
            }
        } else if self.step.is_some_and(|at| now >= at) {
            self.step = None;
            match self.state {
                State::Keying => self.key(now),
                _ => self.leave(now),
            }
        }
    }

    fn key(&mut self, now: Instant) {
        match self.keys.pop_front() {
            Some(Some(key)) => {
                self.out.push_back(PhoneEffect::Press(key));
                self.step = Some(now + KEY);
            }
            Some(None) => self.step = Some(now + Duration::from_secs(1)),
            None if self.plan.says => {
                self.state = State::Saying;
                self.out.push_back(PhoneEffect::Say);
            }
            None => self.listen(now),
        }
    }

    fn listen(&mut self, now: Instant) {
        self.state = State::Listening;
        self.step = self.plan.stays.is_none().then(|| now + LISTEN);
    }

    fn leave(&mut self, now: Instant) {
        self.state = State::Leaving;
        (self.step, self.until) = (None, Some(now + LEAVING_LIMIT));
        self.out.push_back(PhoneEffect::HangUp);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Call {
        phone: Phone,
        now: Instant,
    }

    impl Call {
        fn new(plan: PhonePlan) -> Call {
            let now = Instant::now();
            let phone = Phone::new(plan, now);
            Call { phone, now }
        }

        fn feed(&mut self, event: PhoneEvent) -> Vec<PhoneEffect> {
            self.phone.handle(event, self.now);
            self.effects()
        }

        fn effects(&mut self) -> Vec<PhoneEffect> {
            std::iter::from_fn(|| self.phone.poll()).collect()
        }

        fn wait(&mut self, time: Duration) -> Vec<PhoneEffect> {
            self.now += time;
            self.phone.timeout(self.now);
            self.effects()
        }
    }

    fn press(key: char) -> PhoneEffect {
        PhoneEffect::Press(Key::from_char(key).unwrap())
    }

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn it_keys_says_listens_and_hangs_up() {
        let mut call = Call::new(PhonePlan {
            keys: vec![Key::from_char('1'), None, Key::from_char('#')],
            keys_after: seconds(1),
            says: true,
            stays: None,
        });
        assert_eq!(call.feed(PhoneEvent::Answered), []);
        assert_eq!(call.wait(seconds(1)), [press('1')]);
        assert_eq!(call.wait(KEY), []);
        assert_eq!(call.wait(seconds(1)), [press('#')]);
        assert_eq!(call.wait(KEY), [PhoneEffect::Say]);
        assert_eq!(call.phone.deadline(), None, "it says what it has to say");
        assert_eq!(call.feed(PhoneEvent::Said), []);
        assert_eq!(call.wait(LISTEN), [PhoneEffect::HangUp]);
        assert_eq!(call.feed(PhoneEvent::Over), [PhoneEffect::End]);
        assert_eq!(call.phone.deadline(), None);
    }

    #[test]
    fn it_stays_for_the_time_that_it_is_given() {
        for stays in [0, 1, 90] {
            let mut call = Call::new(PhonePlan {
                says: true,
                stays: Some(seconds(stays)),
                ..PhonePlan::default()
            });
            call.feed(PhoneEvent::Answered);
            if stays > 0 {
                assert_eq!(call.wait(Duration::ZERO), [PhoneEffect::Say]);
                assert_eq!(call.feed(PhoneEvent::Said), []);
            }
            assert_eq!(call.wait(seconds(stays)), [PhoneEffect::HangUp], "{stays}");
        }
    }

    #[test]
    fn nobody_who_answers_and_nobody_who_says_that_it_is_over_is_waited_for_for_ever() {
        let mut call = Call::new(PhonePlan::default());
        assert_eq!(call.wait(ANSWER_LIMIT), [PhoneEffect::HangUp]);
        assert_eq!(call.feed(PhoneEvent::Leave), [], "once");
        assert_eq!(call.wait(LEAVING_LIMIT), [PhoneEffect::End]);
        assert_eq!(call.feed(PhoneEvent::Leave), []);
    }
}
