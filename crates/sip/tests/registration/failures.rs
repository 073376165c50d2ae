//! What goes wrong: tried again, or the end.

use crate::registrar::{Bench, HOUR, seconds, settings};
use omnigate_sip::digest::Refused;
use omnigate_sip::message::{Name, Status};
use omnigate_sip::registration::*;
use std::time::Duration;

#[test]
fn failures_are_tried_again_after_longer_and_longer_times() {
    let mut bench = Bench::new(settings());
    let mut most = 60;
    for n in 0..12 {
        let events = match n % 3 {
            0 => bench.fail(),
            1 => bench.answer(503, &[]),
            _ => {
                bench.sent = None;
                bench.next().1
            }
        };
        let [Event::Retrying { at, why }] = events.as_slice() else {
            panic!("{events:?}")
        };
        let wanted = match n % 3 {
            1 => Setback::Answer(Status::SERVICE_UNAVAILABLE),
            _ => Setback::NoAnswer,
        };
        assert_eq!((*why, bench.registration.deadline()), (wanted, Some(*at)));
        let (waited, _) = bench.next();
        assert!(
            (seconds(most / 2)..=seconds(most)).contains(&waited),
            "{waited:?} of {most}"
        );
        most = (2 * most).min(1800);
    }
    bench.ok();
    bench.next();
    assert_eq!(bench.fail().len(), 1);
    assert!(bench.next().0 <= seconds(60), "a success begins anew");
}

#[test]
fn a_registrar_that_says_when_is_not_asked_before() {
    for (after, least, most) in [
        ("600 (maintenance)", 600, 660),
        ("999999", 3600, 3960),
        ("1", 30, 60),
    ] {
        let mut bench = Bench::new(settings());
        bench.answer(503, &[(Name::RetryAfter, after)]);
        let (waited, _) = bench.next();
        assert!(
            (seconds(least)..=seconds(most)).contains(&waited),
            "{after}: {waited:?}"
        );
    }
    let mut bench = Bench::new(settings());
    bench.answer(503, &[(Name::RetryAfter, "600")]);
    assert!(bench.next().0 > seconds(600), "not all at the same moment");
}

#[test]
fn a_binding_outlives_failed_refreshes_for_its_time() {
    let mut bench = Bench::bound(settings());
    let end = bench.now + HOUR;
    bench.next();
    bench.fail();
    let mut lost = None;
    for _ in 0..20 {
        let (_, events) = bench.next();
        if events.contains(&Event::Lost) {
            lost = Some(bench.now);
            break;
        }
        assert!(bench.registration.granted().is_some());
        if bench.sent.is_some() {
            bench.fail();
        }
    }
    assert_eq!(lost, Some(end));
    assert_eq!(bench.registration.granted(), None);
    while bench.sent.is_none() {
        bench.next();
    }
    assert!(matches!(bench.ok().as_slice(), [Event::Registered(_)]));
}

#[test]
fn the_interval_of_a_423_is_asked_for() {
    let mut bench = Bench::new(settings());
    assert_eq!(bench.answer(423, &[(Name::MinExpires, "7200")]), []);
    assert_eq!((bench.cseq(), bench.asks_for()), (2, "7200"));
    bench.ok();
    bench.next();
    assert_eq!(bench.asks_for(), "7200");
    for least in ["", "60", "7200", "86401", "soon"] {
        let mut bench = Bench::new(settings());
        bench.answer(423, &[(Name::MinExpires, "7200")]);
        let events = bench.answer(423, &[(Name::MinExpires, least)]);
        assert_eq!(events, [Event::Failed(Failure::Interval)], "{least}");
    }
}

#[test]
fn intervals_that_grow_without_end_are_a_setback() {
    let mut bench = Bench::new(settings());
    let mut events = Vec::new();
    let mut requests = 0;
    while events.is_empty() {
        requests += 1;
        let least = (3600 + requests).to_string();
        events = bench.answer(423, &[(Name::MinExpires, &least)]);
    }
    assert_eq!(requests, u64::from(MAX_TRIES));
    assert!(matches!(
        events.as_slice(),
        [Event::Retrying {
            why: Setback::Tries,
            ..
        }]
    ));
}

#[test]
fn what_will_not_work_is_typed_and_the_end() {
    let moved = [(
        Name::Contact,
        "<sip:a@new.example.com>;q=0.7, <sip:b@new.example.com>",
    )];
    let to = ["sip:a@new.example.com", "sip:b@new.example.com"]
        .map(|u| u.parse().unwrap())
        .to_vec();
    let status = |code| Failure::Refused(Status::new(code).unwrap());
    for (code, fields, why) in [
        (302, moved.as_slice(), Failure::Redirected { to }),
        (403, &[], Failure::Forbidden),
        (404, &[], Failure::NotFound),
        (400, &[], status(400)),
        (501, &[], status(501)),
        (603, &[], status(603)),
        (401, &[], Failure::Credentials(Refused::NoChallenge)),
    ] {
        let mut bench = Bench::new(settings());
        assert_eq!(bench.answer(code, fields), [Event::Failed(why)], "{code}");
        assert_eq!((bench.registration.deadline(), &bench.sent), (None, &None));
        bench.registration.start(bench.now);
        bench.drain();
        assert_eq!(bench.cseq(), 2);
    }
}

#[test]
fn a_wrong_password_is_tried_once() {
    let challenge = [(
        Name::ProxyAuthenticate,
        "Digest realm=\"a\",nonce=\"1\",qop=\"auth\"",
    )];
    let mut bench = Bench::new(settings());
    assert_eq!(bench.answer(407, &challenge), []);
    let sent = bench.sent.as_ref().unwrap();
    assert!(
        sent.headers
            .get(Name::ProxyAuthorization)
            .unwrap()
            .contains("nc=00000001")
    );
    assert_eq!(bench.cseq(), 2);
    let why = Failure::Credentials(Refused::Rejected("a".into()));
    assert_eq!(bench.answer(407, &challenge), [Event::Failed(why)]);
}

#[test]
fn a_success_that_does_not_bind_us_is_tried_again() {
    let mut bench = Bench::new(settings());
    let events = bench.answer(200, &[(Name::Contact, "<sip:x@a>, <sip:y@a>")]);
    assert!(matches!(
        events.as_slice(),
        [Event::Retrying {
            why: Setback::NotBound,
            ..
        }]
    ));
}

#[test]
fn tiny_times_do_not_make_a_storm() {
    let mut bench = Bench::new(settings());
    bench.answer(200, &[(Name::Expires, "1")]);
    let (waited, events) = bench.next();
    assert_eq!((waited, events), (seconds(1), vec![Event::Lost]));
    let (waited, _) = bench.next();
    assert_eq!(waited, MIN_REFRESH - seconds(1));
    assert!(bench.sent.is_some());
    assert!(waited > Duration::ZERO);
}

#[test]
fn who_has_no_outbound_between_is_registered_with_without_it() {
    let mut with = settings();
    with.instance = Some("urn:uuid:1".into());
    with.reg_id = Some(1);
    let mut bench = Bench::new(with);
    assert!(bench.contact().contains("reg-id=1"));
    assert_eq!(bench.answer(439, &[]), []);
    assert!(!bench.contact().contains("reg-id"), "{}", bench.contact());
    // A second one is as good as any refusal.
    assert!(matches!(
        bench.answer(439, &[]).as_slice(),
        [Event::Failed(Failure::Refused(_))]
    ));
}
