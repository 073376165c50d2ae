//! What becomes of a call from an app to a telephone, as a pure state machine.
//!
//! ```text
//!            Try                   1xx                     200
//!   Trying ◀───▶ the next gateway ─────▶ Ringing ─────────────────▶ Talking ─▶ Over
//!     │   408, 503 (or as the trunk says), │ refused, ring time       │ BYE, longest time
//!     │   unreachable, nothing in its time ▼                          ▼
//!     └── none left, refused ──▶ Over ◀── Leaving ◀── the app goes, the service stops
//! ```
//!
//! Another gateway is asked only while the last one has said nothing but that it tries: whoever has rung once is not called
//! a second time. Who is sent elsewhere (3xx) is called there from the beginning.

use crate::calls::{CallEnd, Stage, cause_of, rejected};
use crate::trunks::OutboundLimits;
use omnigate_audio::tone::Tone;
use omnigate_sip::CallEnd as SipEnd;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long the end of the SIP call may take once we have asked for it.
const LEAVING_LIMIT: Duration = Duration::from_secs(40);

/// What happens to the call.
#[derive(Debug, Clone)]
pub enum DialEvent {
    /// An INVITE is on its way, to a gateway with these times, and after these final responses the next one is asked.
    Tried(OutboundLimits, Arc<[u16]>),
    /// There is no gateway that has not been tried.
    NoneLeft,
    /// The telephone rings, or the call is in progress (180 to 199).
    Progress,
    /// The telephone's side is heard before it answers.
    Early,
    /// The telephone has answered, and there is a session.
    Answered,
    /// The SIP call is over, and goes on to another number.
    SentElsewhere,
    /// The SIP call is over; `None`: SIP itself is.
    Over(Option<SipEnd>),
    /// The app has gone, the service stops, or there is no media.
    Leave(CallEnd),
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DialEffect {
    /// Ask the next gateway; [`DialEvent::Tried`] or [`DialEvent::NoneLeft`] follows.
    Try,
    /// Let the app hear this until the telephone's side is heard.
    Tone(Tone),
    /// No tone any longer.
    Silence,
    /// Tell the app that the telephone has answered.
    Connect,
    /// The network gave this cause of Q.850.
    Cause(u16),
    /// End the SIP call.
    HangUp(CallEnd),
    /// Everything is over.
    End(CallEnd),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Trying,
    Ringing,
    Talking,
    Leaving(CallEnd),
    Over,
}

/// One call from an app to a telephone.
#[derive(Debug)]
pub struct Dial {
    state: State,
    limits: Option<OutboundLimits>,
    next_on: Arc<[u16]>,
    /// Why the last gateway did not take the call.
    last: CallEnd,
    deadline: Option<Instant>,
    out: VecDeque<DialEffect>,
}

impl Default for Dial {
    fn default() -> Dial {
        Dial {
            state: State::Trying,
            limits: None,
            next_on: Arc::default(),
            last: CallEnd::Unreachable,
            deadline: None,
            out: VecDeque::from([DialEffect::Try]),
        }
    }
}

impl Dial {
    /// Next thing to do; call until `None` after every event.
    pub fn poll(&mut self) -> Option<DialEffect> {
        self.out.pop_front()
    }

    /// When [`Dial::timeout`] is due.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// How far the call is; `None` once it is over, or about to be.
    pub fn stage(&self) -> Option<Stage> {
        match self.state {
            State::Trying => Some(Stage::Dialling),
            State::Ringing => Some(Stage::Ringing),
            State::Talking => Some(Stage::Talking),
            State::Leaving(_) | State::Over => None,
        }
    }

    /// Feeds one event.
    pub fn handle(&mut self, event: DialEvent, now: Instant) {
        match (event, self.state) {
            (_, State::Over) => {}
            (DialEvent::Tried(limits, next_on), State::Trying) => {
                (self.limits, self.next_on) = (Some(limits), next_on);
                self.deadline = Some(now + limits.answer);
            }
            (DialEvent::NoneLeft, State::Trying) => self.end(self.last),
            (DialEvent::Progress, State::Trying) => {
                self.rings(now);
                self.out.push_back(DialEffect::Tone(Tone::RingBack));
            }
            // The tone stops by itself when the telephone's side is heard.
            (DialEvent::Early, State::Trying) => self.rings(now),
            (DialEvent::Answered, State::Trying | State::Ringing) => self.answered(now),
            (DialEvent::SentElsewhere, State::Trying | State::Ringing) => {
                (self.state, self.deadline) = (State::Trying, None);
                self.last = CallEnd::Unreachable;
                self.out.push_back(DialEffect::Try);
            }
            (DialEvent::SentElsewhere, State::Leaving(end)) => self.end(end),
            (DialEvent::Over(end), state) => self.over(end, state),
            (DialEvent::Leave(end), State::Trying | State::Ringing | State::Talking) => self.leave(end, now),
            _ => {}
        }
    }

    /// A deadline has passed.
    pub fn timeout(&mut self, now: Instant) {
        if self.deadline.is_none_or(|at| now < at) {
            return;
        }
        self.deadline = None;
        match self.state {
            State::Trying => {
                self.last = CallEnd::Unreachable;
                self.out.push_back(DialEffect::Try);
            }
            State::Ringing => self.leave(CallEnd::NoAnswer, now),
            State::Talking => self.leave(CallEnd::TooLong, now),
            State::Leaving(end) => self.end(end),
            State::Over => {}
        }
    }

    fn rings(&mut self, now: Instant) {
        self.state = State::Ringing;
        self.deadline = self.limits.map(|limits| now + limits.ring);
    }

    fn answered(&mut self, now: Instant) {
        self.state = State::Talking;
        self.deadline = self.limits.map(|limits| now + limits.longest);
        self.out.extend([DialEffect::Silence, DialEffect::Connect]);
    }

    fn leave(&mut self, end: CallEnd, now: Instant) {
        self.state = State::Leaving(end);
        self.deadline = Some(now + LEAVING_LIMIT);
        self.out.extend([DialEffect::Silence, DialEffect::HangUp(end)]);
    }

    fn over(&mut self, sip: Option<SipEnd>, state: State) {
        if let State::Leaving(end) = state {
            return self.end(end);
        }
        let Some(sip) = sip else {
            return self.end(CallEnd::Fault);
        };
        if let SipEnd::Rejected(rejection) = &sip
            && let Some(cause) = cause_of(&rejection.causes)
        {
            self.out.push_back(DialEffect::Cause(cause));
        }
        let end = meaning(&sip, state == State::Ringing, state == State::Talking);
        if state == State::Trying && self.asks_another(&sip) {
            self.last = end;
            self.deadline = None;
            self.out.push_back(DialEffect::Try);
        } else {
            self.end(end);
        }
    }

    /// Whether the next gateway may be asked after this.
    fn asks_another(&self, end: &SipEnd) -> bool {
        match end {
            SipEnd::Rejected(rejection) => self.next_on.contains(&rejection.status.code()),
            SipEnd::Unreachable | SipEnd::NoResponse => true,
            _ => false,
        }
    }

    fn end(&mut self, end: CallEnd) {
        self.state = State::Over;
        self.deadline = None;
        self.out.push_back(DialEffect::End(end));
    }
}

/// What the end of the SIP call is to a call to a telephone.
fn meaning(end: &SipEnd, rang: bool, talked: bool) -> CallEnd {
    match end {
        SipEnd::RemoteHungUp(_) => CallEnd::CalleeHungUp,
        SipEnd::Rejected(rejection) => rejected(rejection, rang),
        SipEnd::Unreachable | SipEnd::NoResponse | SipEnd::Lost | SipEnd::Expired if talked => CallEnd::Lost,
        SipEnd::Unreachable | SipEnd::NoResponse | SipEnd::Lost => CallEnd::Unreachable,
        SipEnd::RingLimit => CallEnd::NoAnswer,
        SipEnd::NoAnswer => CallEnd::Rejected(488),
        _ => CallEnd::Fault,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use omnigate_sip::message::Status;
    use omnigate_sip::{Cause, Rejection};

    const LIMITS: OutboundLimits = OutboundLimits {
        answer: Duration::from_secs(6),
        ring: Duration::from_secs(60),
        longest: Duration::from_secs(3600),
    };

    fn tried() -> DialEvent {
        DialEvent::Tried(LIMITS, [408, 503].into())
    }

    struct Call {
        dial: Dial,
        now: Instant,
    }

    impl Call {
        /// One whose first INVITE is on its way.
        fn begun() -> Call {
            let mut call = Call {
                dial: Dial::default(),
                now: Instant::now(),
            };
            assert_eq!(call.effects(), [DialEffect::Try]);
            call.feed(tried());
            call
        }

        fn feed(&mut self, event: DialEvent) -> Vec<DialEffect> {
            self.dial.handle(event, self.now);
            self.effects()
        }

        fn effects(&mut self) -> Vec<DialEffect> {
            std::iter::from_fn(|| self.dial.poll()).collect()
        }

        fn wait(&mut self, seconds: u64) -> Vec<DialEffect> {
            self.now += Duration::from_secs(seconds);
            self.dial.timeout(self.now);
            self.effects()
        }
    }

    fn rejection(status: u16, cause: Option<u16>) -> DialEvent {
        let causes = cause.map(|cause| Cause {
            protocol: "Q.850".to_owned(),
            cause: Some(cause),
            text: None,
        });
        DialEvent::Over(Some(SipEnd::Rejected(Rejection {
            status: Status::new(status).unwrap(),
            phrase: String::new(),
            warning: None,
            causes: causes.into_iter().collect(),
            retry_after: None,
            contacts: Vec::new(),
        })))
    }

    #[test]
    fn a_telephone_rings_answers_and_hangs_up() {
        let mut call = Call::begun();
        assert_eq!(call.dial.stage(), Some(Stage::Dialling));
        assert_eq!(call.feed(DialEvent::Progress), [DialEffect::Tone(Tone::RingBack)]);
        assert_eq!(call.dial.stage(), Some(Stage::Ringing));
        assert_eq!(call.feed(DialEvent::Progress), []);
        assert_eq!(call.feed(DialEvent::Early), []);
        assert_eq!(
            call.feed(DialEvent::Answered),
            [DialEffect::Silence, DialEffect::Connect]
        );
        assert_eq!(call.dial.stage(), Some(Stage::Talking));
        let bye = DialEvent::Over(Some(SipEnd::RemoteHungUp(Vec::new())));
        assert_eq!(call.feed(bye), [DialEffect::End(CallEnd::CalleeHungUp)]);
        assert_eq!(call.dial.deadline(), None);
    }

    #[test]
    fn the_next_gateway_is_asked_after_408_503_silence_and_what_cannot_be_reached() {
        for event in [
            rejection(408, None),
            rejection(503, None),
            DialEvent::Over(Some(SipEnd::Unreachable)),
            DialEvent::Over(Some(SipEnd::NoResponse)),
        ] {
            let mut call = Call::begun();
            assert_eq!(call.feed(event), [DialEffect::Try]);
        }
        let mut call = Call::begun();
        assert_eq!(call.wait(5), []);
        assert_eq!(call.wait(1), [DialEffect::Try]);
        call.feed(tried());
        assert_eq!(call.feed(rejection(503, None)), [DialEffect::Try]);
        assert_eq!(
            call.feed(DialEvent::NoneLeft),
            [DialEffect::End(CallEnd::Congestion)],
            "the last one says why"
        );
    }

    #[test]
    fn the_trunk_says_after_which_refusals_the_next_gateway_is_asked() {
        let mut call = Call::begun();
        call.dial = Dial::default();
        call.effects();
        call.feed(DialEvent::Tried(LIMITS, [480, 500].into()));
        assert_eq!(call.feed(rejection(480, None)), [DialEffect::Try]);
        call.feed(tried());
        let effects = call.feed(rejection(480, None));
        assert!(matches!(effects[..], [DialEffect::End(_)]), "{effects:?}");
    }

    #[test]
    fn a_call_that_is_sent_elsewhere_begins_anew_there_unless_it_is_given_up() {
        let mut call = Call::begun();
        call.feed(DialEvent::Progress);
        assert_eq!(call.feed(DialEvent::SentElsewhere), [DialEffect::Try]);
        assert_eq!(call.dial.stage(), Some(Stage::Dialling));
        call.feed(tried());
        assert_eq!(call.feed(rejection(486, None)), [DialEffect::End(CallEnd::Busy)]);
        let mut call = Call::begun();
        call.feed(DialEvent::Leave(CallEnd::Cancelled));
        let effects = call.feed(DialEvent::SentElsewhere);
        assert_eq!(effects, [DialEffect::End(CallEnd::Cancelled)]);
    }

    #[test]
    fn nobody_is_asked_after_a_refusal_or_once_it_has_rung() {
        let mut call = Call::begun();
        assert_eq!(call.feed(rejection(486, None)), [DialEffect::End(CallEnd::Busy)]);

        for status in [408, 503] {
            let mut call = Call::begun();
            call.feed(DialEvent::Progress);
            let effects = call.feed(rejection(status, None));
            assert!(matches!(effects[..], [DialEffect::End(_)]), "{effects:?}");
        }
        let mut call = Call::begun();
        call.feed(DialEvent::Early);
        let effects = call.feed(DialEvent::Over(Some(SipEnd::NoResponse)));
        assert_eq!(effects, [DialEffect::End(CallEnd::Unreachable)]);
    }

    #[test]
    fn what_the_network_says_is_told_with_its_cause() {
        let mut call = Call::begun();
        call.feed(DialEvent::Progress);
        let effects = call.feed(rejection(480, Some(19)));
        assert_eq!(
            effects,
            [DialEffect::Cause(19), DialEffect::End(CallEnd::NoAnswer)]
        );
    }

    #[test]
    fn a_telephone_that_is_not_answered_is_let_go_and_so_is_one_that_talks_too_long() {
        let mut call = Call::begun();
        call.feed(DialEvent::Progress);
        assert_eq!(
            call.wait(60),
            [DialEffect::Silence, DialEffect::HangUp(CallEnd::NoAnswer)]
        );
        let cancelled = DialEvent::Over(Some(SipEnd::Cancelled(Vec::new())));
        assert_eq!(call.feed(cancelled), [DialEffect::End(CallEnd::NoAnswer)]);

        let mut call = Call::begun();
        call.feed(DialEvent::Answered);
        assert_eq!(call.wait(3_599), []);
        assert_eq!(
            call.wait(1),
            [DialEffect::Silence, DialEffect::HangUp(CallEnd::TooLong)]
        );
    }

    #[test]
    fn an_app_that_goes_ends_it_in_every_state_and_an_answer_that_crosses_that_changes_nothing() {
        for before in [None, Some(DialEvent::Progress), Some(DialEvent::Answered)] {
            let mut call = Call::begun();
            if let Some(event) = before {
                call.feed(event);
            }
            assert_eq!(
                call.feed(DialEvent::Leave(CallEnd::AppLeft)),
                [DialEffect::Silence, DialEffect::HangUp(CallEnd::AppLeft)]
            );
            assert_eq!(call.feed(DialEvent::Answered), []);
            assert_eq!(call.feed(DialEvent::Leave(CallEnd::Shutdown)), []);
            assert_eq!(
                call.feed(DialEvent::Over(Some(SipEnd::LocalHungUp))),
                [DialEffect::End(CallEnd::AppLeft)]
            );
        }
        // SIP does not say that it is over.
        let mut call = Call::begun();
        call.feed(DialEvent::Leave(CallEnd::AppLeft));
        assert_eq!(call.wait(40), [DialEffect::End(CallEnd::AppLeft)]);
        assert_eq!(call.feed(DialEvent::Over(None)), []);
    }
}
