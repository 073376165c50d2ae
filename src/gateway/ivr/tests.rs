use super::*;
use omnigate_omnitalk::Target;
use omnigate_room::ParticipantId;

const SETTINGS: IvrSettings = IvrSettings {
    first_digit: Duration::from_secs(10),
    inter_digit: Duration::from_secs(5),
    tries: 3,
};

struct Caller {
    ivr: Ivr,
    now: Instant,
}

impl Caller {
    fn answered() -> Caller {
        Caller::with(None, Allowance::Normal)
    }

    fn with(service: Option<&str>, allowance: Allowance) -> Caller {
        let mut caller = Caller {
            ivr: Ivr::new(SETTINGS, service.map(str::to_owned)),
            now: Instant::now(),
        };
        caller.feed(IvrEvent::Answered(allowance));
        caller
    }

    fn feed(&mut self, event: IvrEvent) -> Vec<IvrEffect> {
        self.ivr.handle(event, self.now);
        self.effects()
    }

    fn effects(&mut self) -> Vec<IvrEffect> {
        std::iter::from_fn(|| self.ivr.poll()).collect()
    }

    fn keys(&mut self, keys: &str) -> Vec<IvrEffect> {
        keys.chars()
            .flat_map(|c| self.feed(IvrEvent::Key(Key::from_char(c).unwrap())))
            .collect()
    }

    /// Lets time pass, with timers on the way.
    fn wait(&mut self, time: Duration) -> Vec<IvrEffect> {
        let end = self.now + time;
        let mut all = Vec::new();
        while let Some(at) = self.ivr.deadline().filter(|d| *d <= end) {
            self.now = at;
            self.ivr.timeout(at);
            all.extend(self.effects());
        }
        self.now = end;
        all
    }
}

fn number(text: &str) -> CallNumber {
    CallNumber::parse(text).unwrap()
}

fn found(service: &str, kind: TargetKind) -> IvrEvent {
    IvrEvent::LookedUp(Some(LookUp::Found(Target {
        call_number: number("123456"),
        service_id: service.into(),
        kind,
    })))
}

fn plays(effects: &[IvrEffect], phrase: Phrase) -> bool {
    effects
        .iter()
        .any(|e| matches!(e, IvrEffect::Play(p) if p.contains(&phrase)))
}

#[test]
fn the_greeting_starts_with_the_callers_media_or_soon_after() {
    let mut early = Caller::answered();
    assert!(plays(&early.feed(IvrEvent::MediaFlows), Phrase::Greeting));
    let mut silent = Caller::answered();
    assert!(plays(&silent.wait(MEDIA_WAIT), Phrase::Greeting));
}

#[test]
fn six_digits_are_looked_up_and_the_first_one_stops_the_prompt() {
    let mut caller = Caller::answered();
    caller.feed(IvrEvent::MediaFlows);
    assert_eq!(caller.keys("1"), vec![IvrEffect::Silence]);
    assert_eq!(caller.keys("23456"), vec![IvrEffect::LookUp(number("123456"))]);
    assert_eq!(
        caller.keys("#9"),
        vec![],
        "what follows the sixth digit does not count"
    );
}

#[test]
fn digits_keyed_before_the_prompt_count() {
    let mut caller = Caller::answered();
    assert_eq!(caller.keys("123456"), vec![]);
    assert_eq!(
        caller.feed(IvrEvent::MediaFlows),
        vec![IvrEffect::LookUp(number("123456"))]
    );
}

#[test]
fn star_starts_over_and_hash_before_the_sixth_digit_is_a_wrong_entry() {
    let mut caller = Caller::answered();
    caller.feed(IvrEvent::MediaFlows);
    caller.keys("99");
    assert_eq!(caller.keys("*"), vec![IvrEffect::Play(vec![Phrase::EnterNumber])]);
    assert!(
        caller
            .keys("123456")
            .contains(&IvrEffect::LookUp(number("123456")))
    );
    let mut short = Caller::answered();
    short.feed(IvrEvent::MediaFlows);
    assert!(plays(&short.keys("12#"), Phrase::WrongNumber));
    assert_eq!(short.keys("#"), vec![], "hash alone is nothing");
}

#[test]
fn no_digit_in_three_tries_ends_the_call() {
    let mut caller = Caller::answered();
    caller.feed(IvrEvent::MediaFlows);
    for tries_left in [2, 1] {
        caller.feed(IvrEvent::Played);
        assert_eq!(caller.wait(Duration::from_secs(9)), vec![]);
        assert!(
            plays(&caller.wait(Duration::from_secs(1)), Phrase::NoEntry),
            "{tries_left}"
        );
    }
    caller.feed(IvrEvent::Played);
    assert!(plays(&caller.wait(Duration::from_secs(10)), Phrase::Goodbye));
    assert_eq!(
        caller.feed(IvrEvent::Played),
        vec![IvrEffect::HangUp(CallEnd::NoEntry)]
    );
}

#[test]
fn a_pause_of_five_seconds_between_digits_ends_an_entry() {
    let mut caller = Caller::answered();
    caller.feed(IvrEvent::MediaFlows);
    caller.keys("12");
    assert_eq!(caller.wait(Duration::from_secs(4)), vec![]);
    caller.keys("3");
    assert_eq!(caller.wait(Duration::from_secs(4)), vec![]);
    assert!(plays(&caller.wait(Duration::from_secs(1)), Phrase::NoEntry));
}

#[test]
fn unknown_expired_and_foreign_numbers_sound_the_same_at_the_same_time_and_count_at_once() {
    let foreign = || found("other", TargetKind::User("bob".into()));
    let mut heard = Vec::new();
    for (answer, after) in [
        (IvrEvent::LookedUp(Some(LookUp::Unknown)), 0),
        (IvrEvent::LookedUp(Some(LookUp::Expired)), 120),
        (foreign(), 430),
    ] {
        let mut caller = Caller::with(Some("mine"), Allowance::Normal);
        caller.feed(IvrEvent::MediaFlows);
        caller.keys("123456");
        let asked = caller.now;
        caller.wait(Duration::from_millis(after));
        assert_eq!(caller.feed(answer), vec![IvrEffect::Wrong]);
        assert_eq!(caller.ivr.deadline(), Some(asked + WRONG_AFTER));
        heard.push(caller.wait(WRONG_AFTER));
    }
    assert!(plays(&heard[0], Phrase::WrongNumber));
    assert!(heard.iter().all(|h| *h == heard[0]));
}

#[test]
fn a_slow_look_up_is_covered_and_a_failing_one_gets_an_apology() {
    let mut caller = Caller::answered();
    caller.feed(IvrEvent::MediaFlows);
    caller.keys("123456");
    let held = caller.wait(Duration::from_millis(1500));
    assert!(matches!(&held[..], [IvrEffect::Repeat(p, _)] if p == &[Phrase::PleaseWait]));
    assert!(plays(&caller.feed(IvrEvent::LookedUp(None)), Phrase::Sorry));
    assert_eq!(
        caller.feed(IvrEvent::Played),
        vec![IvrEffect::HangUp(CallEnd::LookUpFailed)]
    );
    let mut lost = Caller::answered();
    lost.feed(IvrEvent::MediaFlows);
    lost.keys("123456");
    assert!(
        plays(&lost.wait(LOOK_UP_LIMIT), Phrase::Sorry),
        "no answer at all"
    );
}

#[test]
fn a_person_rings_answers_and_the_caller_joins() {
    let mut caller = Caller::answered();
    caller.feed(IvrEvent::MediaFlows);
    caller.keys("123456");
    let ring = caller.feed(found("demo", TargetKind::User("bob".into())));
    assert_eq!(
        ring,
        vec![IvrEffect::Connect(Destination::User {
            service: "demo".into(),
            user: "bob".into()
        })]
    );
    let (room, participant) = (RoomId(7), ParticipantId(1));
    let notice = |n| IvrEvent::Notice(n);
    let ringing = caller.feed(notice(TelephoneNotice::Ringing { room, participant }));
    assert_eq!(ringing, vec![IvrEffect::Tone(Tone::RingBack)]);
    assert_eq!(caller.ivr.stage(), Some(Stage::Ringing));
    let bridged = caller.feed(notice(TelephoneNotice::Bridged { room, participant }));
    assert_eq!(bridged, vec![IvrEffect::Silence, IvrEffect::Joined(room)]);
    assert_eq!(caller.keys("5"), vec![], "keys in a call are not the IVR's");
    assert_eq!(
        caller.feed(notice(TelephoneNotice::Ended(TelephoneEnd::AppLeft))),
        vec![IvrEffect::HangUp(CallEnd::AppLeft)]
    );
}

#[test]
fn every_way_not_to_reach_a_person_is_told_and_ends_the_call() {
    for (notice, phrase, end) in [
        (
            TelephoneNotice::Refused(RefusedReason::Busy),
            Phrase::Busy,
            CallEnd::Busy,
        ),
        (
            TelephoneNotice::Refused(RefusedReason::NoSession),
            Phrase::Unavailable,
            CallEnd::Unavailable,
        ),
        (TelephoneNotice::Declined, Phrase::Declined, CallEnd::Declined),
        (TelephoneNotice::NoAnswer, Phrase::NoAnswer, CallEnd::NoAnswer),
        (
            TelephoneNotice::Ended(TelephoneEnd::NotJoined),
            Phrase::Unavailable,
            CallEnd::Unavailable,
        ),
    ] {
        let mut caller = Caller::answered();
        caller.feed(IvrEvent::MediaFlows);
        caller.keys("123456");
        caller.feed(found("demo", TargetKind::User("bob".into())));
        assert!(
            plays(&caller.feed(IvrEvent::Notice(notice)), phrase),
            "{notice:?}"
        );
        assert_eq!(
            caller.feed(IvrEvent::Played),
            vec![IvrEffect::HangUp(end)],
            "{notice:?}"
        );
    }
}

#[test]
fn a_room_takes_the_caller_at_once_with_a_tone() {
    let mut caller = Caller::answered();
    caller.feed(IvrEvent::MediaFlows);
    caller.keys("123456");
    assert_eq!(
        caller.feed(found("demo", TargetKind::Room(RoomId(9)))),
        vec![IvrEffect::Connect(Destination::Room(RoomId(9)))]
    );
    let admitted = TelephoneNotice::Admitted {
        room: RoomId(9),
        participant: ParticipantId(1),
    };
    let joined = caller.feed(IvrEvent::Notice(admitted));
    assert_eq!(
        joined,
        vec![IvrEffect::Joined(RoomId(9)), IvrEffect::Tone(Tone::Join)]
    );
    assert_eq!(caller.feed(IvrEvent::Played), vec![]);
}

#[test]
fn a_caller_without_budget_hears_why_and_a_number_under_attack_gives_one_try() {
    let mut blocked = Caller {
        ivr: Ivr::new(SETTINGS, None),
        now: Instant::now(),
    };
    assert!(plays(
        &blocked.feed(IvrEvent::Answered(Allowance::Refused)),
        Phrase::TooMany
    ));
    assert_eq!(
        blocked.feed(IvrEvent::Played),
        vec![IvrEffect::HangUp(CallEnd::TooManyGuesses)]
    );
    let mut once = Caller::with(None, Allowance::OneTry);
    once.feed(IvrEvent::MediaFlows);
    once.keys("123456");
    once.feed(IvrEvent::LookedUp(Some(LookUp::Unknown)));
    assert!(plays(&once.wait(WRONG_AFTER), Phrase::Goodbye));
}

#[test]
fn an_announcement_that_never_ends_does_not_keep_the_call() {
    let mut caller = Caller::with(None, Allowance::Refused);
    assert_eq!(
        caller.wait(ANNOUNCEMENT_LIMIT),
        vec![IvrEffect::HangUp(CallEnd::TooManyGuesses)]
    );
}

#[test]
fn who_talks_may_be_sent_elsewhere_as_if_the_number_were_keyed() {
    let mut caller = Caller::answered();
    let to = || IvrEvent::Elsewhere(number("654321"));
    assert_eq!(caller.feed(to()), [], "who does not talk stays where he is");
    caller.wait(MEDIA_WAIT);
    caller.keys("123456");
    caller.feed(found("demo", TargetKind::Room(RoomId(7))));
    let admitted = |room| TelephoneNotice::Admitted {
        room: RoomId(room),
        participant: ParticipantId(1),
    };
    caller.feed(IvrEvent::Notice(admitted(7)));
    assert!(caller.ivr.is_talking());
    assert_eq!(
        caller.feed(to()),
        [IvrEffect::Leave, IvrEffect::LookUp(number("654321"))]
    );
    let connect = caller.feed(found("demo", TargetKind::Room(RoomId(8))));
    assert_eq!(connect, [IvrEffect::Connect(Destination::Room(RoomId(8)))]);
    let joined = caller.feed(IvrEvent::Notice(admitted(8)));
    assert!(joined.contains(&IvrEffect::Joined(RoomId(8))));
    // One that leads nowhere: another try.
    caller.feed(to());
    caller.feed(IvrEvent::LookedUp(Some(LookUp::Unknown)));
    assert!(plays(&caller.wait(Duration::from_secs(1)), Phrase::WrongNumber));
}
