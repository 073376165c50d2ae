//! Calls of ours that are up: offers in both directions, refresh, transfer.

use super::*;

#[test]
fn the_called_side_offers_asks_and_hangs_up_in_its_own_numbers() {
    let mut wire = Wire::udp();
    let (key, invite) = up(&mut wire, "");
    wire.send(&from_called(&invite, "INVITE", 1, OFFER));
    assert_eq!(wire.call_event(), CallEvent::Offer(OFFER.into()));
    wire.act(|e, now| e.accept(now, key, ANSWER.into())).unwrap();
    assert_eq!(wire.next_status(), 200);
    wire.send(&from_called(&invite, "ACK", 1, ""));
    wire.send(&from_called(&invite, "BYE", 2, ""));
    assert_eq!(wire.next_status(), 200);
    assert_eq!(
        wire.call_event(),
        CallEvent::Ended(CallEnd::RemoteHungUp(Vec::new()))
    );
    wire.nothing_left();
}

#[test]
fn when_both_offer_at_once_both_wait_and_the_owner_of_the_call_id_longer() {
    let mut wire = Wire::udp();
    let (key, invite) = up(&mut wire, "");
    wire.act(|e, now| e.offer(now, key, OFFER.into())).unwrap();
    let ours = wire.next_request();
    wire.send(&from_called(&invite, "INVITE", 1, OFFER));
    assert_eq!(wire.next_status(), 491);
    wire.send(&respond(&ours, 491, "", "", ""));
    assert_eq!(wire.next_request().method.as_str(), "ACK");
    wire.pass(Duration::from_millis(2_090));
    wire.lines();
    wire.pass(Duration::from_millis(2_000));
    let again = wire.lines();
    assert!(again.iter().any(|l| l.ends_with("INVITE")), "{again:?}");
    wire.no_event();
}

#[test]
fn an_offer_of_ours_that_is_refused_leaves_the_call_as_it_was() {
    let mut wire = Wire::udp();
    let (key, _) = up(&mut wire, "");
    wire.act(|e, now| e.offer(now, key, OFFER.into())).unwrap();
    assert!(wire.act(|e, now| e.offer(now, key, OFFER.into())).is_err());
    let ours = wire.next_request();
    wire.send(&respond(&ours, 488, "", "", ""));
    assert_eq!(wire.next_request().method.as_str(), "ACK");
    assert_eq!(
        wire.call_event(),
        CallEvent::OfferRefused(Status::NOT_ACCEPTABLE_HERE)
    );
    wire.act(|e, now| e.offer(now, key, OFFER.into())).unwrap();
    let ours = wire.next_request();
    wire.send(&respond(&ours, 200, "", CONTACT, ANSWER));
    assert_eq!(wire.next_request().method.as_str(), "ACK");
    assert_eq!(wire.call_event(), CallEvent::Answer(ANSWER.into()));
}

#[test]
fn a_call_that_the_other_side_does_not_know_any_more_ends() {
    for (status, more) in [(481, ""), (408, "")] {
        let mut wire = Wire::udp();
        let (key, _) = up(&mut wire, more);
        wire.act(|e, now| e.ping(now, key)).unwrap();
        let options = wire.next_request();
        assert_eq!(options.method.as_str(), "OPTIONS");
        wire.send(&respond(&options, status, "", "", ""));
        assert_eq!(wire.call_event(), CallEvent::Ended(CallEnd::Lost));
        wire.nothing_left();
    }
}

#[test]
fn an_info_that_belongs_to_no_call_there_ends_it_and_one_that_nobody_understands_does_not() {
    for (status, ends) in [(481, true), (408, false), (415, false), (501, false)] {
        let mut wire = Wire::udp();
        let (key, _) = up(&mut wire, "");
        wire.act(|e, now| e.info(now, key, "application/dtmf-relay", b"Signal=5".to_vec()))
            .unwrap();
        let info = wire.next_request();
        wire.send(&respond(&info, status, "", "", ""));
        if ends {
            assert_eq!(wire.call_event(), CallEvent::Ended(CallEnd::Lost));
            wire.nothing_left();
        } else {
            wire.no_event();
        }
    }
}

#[test]
fn a_call_that_ends_while_its_offer_is_only_being_tried_leaves_nothing() {
    for trying_first in [true, false] {
        let mut wire = Wire::udp();
        let (key, _) = up(&mut wire, "");
        wire.act(|e, now| e.offer(now, key, OFFER.into())).unwrap();
        let trying = respond(&wire.next_request(), 100, "", "", "");
        if trying_first {
            wire.send(&trying);
        }
        wire.act(|e, now| e.hang_up(now, key, &none())).unwrap();
        if !trying_first {
            wire.send(&trying);
        }
        wire.nothing_left();
    }
}

#[test]
fn a_session_is_refreshed_by_update_where_the_other_side_has_it() {
    let mut wire = Wire::udp();
    let (_, _) = up(
        &mut wire,
        "Allow: UPDATE\r\nSession-Expires: 200;refresher=uac\r\n",
    );
    wire.pass(seconds(100));
    let update = wire.next_request();
    assert_eq!((update.method.as_str(), update.body.len()), ("UPDATE", 0));
    assert_eq!(
        update.headers.get(Name::SessionExpires),
        Some("200;refresher=uac")
    );
    wire.send(&respond(
        &update,
        200,
        "",
        "Session-Expires: 200;refresher=uac\r\n",
        "",
    ));
    wire.pass(seconds(99));
    wire.nothing();
    wire.pass(seconds(1));
    assert_eq!(wire.next_request().method.as_str(), "UPDATE");
}

#[test]
fn a_transfer_of_ours_is_followed() {
    let mut wire = Wire::udp();
    let (key, invite) = up(&mut wire, "");
    wire.act(|e, now| e.refer(now, key, "<sip:third@example.com>", &none()))
        .unwrap();
    let refer = wire.next_request();
    assert_eq!(refer.headers.get(Name::ReferTo), Some("<sip:third@example.com>"));
    wire.send(&respond(&refer, 202, "", CONTACT, ""));
    let notify = |number: u32, state: &str, body: &str| {
        from_called(&invite, "NOTIFY", number, body)
            .replace("application/sdp", "message/sipfrag")
            .replace(
                "Max-Forwards",
                &format!("Event: refer\r\nSubscription-State: {state}\r\nMax-Forwards"),
            )
    };
    wire.send(&notify(1, "active;expires=60", "SIP/2.0 180 Ringing\r\n"));
    assert_eq!(wire.next_status(), 200);
    assert_eq!(wire.call_event(), CallEvent::ReferProgress(Status::RINGING));
    wire.send(&notify(2, "terminated;reason=noresource", "SIP/2.0 200 OK\r\n"));
    assert_eq!(wire.next_status(), 200);
    assert_eq!(wire.call_event(), CallEvent::ReferProgress(Status::OK));
    wire.send(&notify(3, "terminated", "SIP/2.0 200 OK\r\n"));
    assert_eq!(wire.next_status(), 481);
}

#[test]
fn a_subscription_that_is_over_without_an_outcome_is_over() {
    let mut wire = Wire::udp();
    let (key, invite) = up(&mut wire, "");
    wire.act(|e, now| e.refer(now, key, "<sip:c@example.com>", &none()))
        .unwrap();
    wire.next_request();
    for (number, status) in [(1, 200), (2, 481)] {
        let more = "Event: refer\r\nSubscription-State: terminated;reason=giveup\r\nMax-Forwards";
        let notify = from_called(&invite, "NOTIFY", number, "SIP/2.0 180 Ringing\r\n")
            .replace("application/sdp", "message/sipfrag")
            .replace("Max-Forwards", more);
        wire.send(&notify);
        assert_eq!(wire.next_status(), status);
    }
}

#[test]
fn a_transfer_that_is_refused_or_not_answered_is_told_and_may_be_tried_again() {
    let refer = |wire: &mut Wire, key| wire.act(|e, now| e.refer(now, key, "<sip:c@example.com>", &none()));
    let mut wire = Wire::udp();
    let (key, _) = up(&mut wire, "");
    refer(&mut wire, key).unwrap();
    assert!(refer(&mut wire, key).is_err());
    let sent = wire.next_request();
    wire.send(&respond(&sent, 603, "", "", ""));
    assert_eq!(wire.call_event(), CallEvent::ReferProgress(Status::DECLINE));
    refer(&mut wire, key).unwrap();
    wire.pass(seconds(33));
    assert_eq!(
        wire.call_event(),
        CallEvent::ReferProgress(Status::REQUEST_TIMEOUT)
    );
    wire.no_event();
    refer(&mut wire, key).unwrap();
}

#[test]
fn a_notify_of_something_else_is_of_no_subscription_and_an_ended_transfer_does_not_fail() {
    let mut wire = Wire::udp();
    let (key, invite) = up(&mut wire, "");
    wire.act(|e, now| e.refer(now, key, "<sip:c@example.com>", &none()))
        .unwrap();
    let refer = wire.next_request();
    let notify = |number, event: &str| {
        let more = format!("Event: {event}\r\nSubscription-State: terminated\r\nMax-Forwards");
        from_called(&invite, "NOTIFY", number, "SIP/2.0 200 OK\r\n")
            .replace("application/sdp", "message/sipfrag")
            .replace("Max-Forwards", &more)
    };
    wire.send(&notify(1, "presence"));
    assert_eq!(wire.next_status(), 481);
    wire.send(&notify(2, "refer"));
    assert_eq!(wire.next_status(), 200);
    assert_eq!(wire.call_event(), CallEvent::ReferProgress(Status::OK));
    wire.send(&respond(&refer, 603, "", "", ""));
    wire.no_event();
}

#[test]
fn an_update_that_the_other_side_does_not_have_after_all_becomes_a_reinvite() {
    let mut wire = Wire::udp();
    up(
        &mut wire,
        "Allow: UPDATE\r\nSession-Expires: 200;refresher=uac\r\n",
    );
    wire.pass(seconds(100));
    let update = wire.next_request();
    wire.send(&respond(&update, 405, "", "", ""));
    let reinvite = wire.next_request();
    assert_eq!(
        (reinvite.method.as_str(), reinvite.body.as_slice()),
        ("INVITE", OFFER.as_bytes())
    );
    // A refresh that is refused is nobody's offer; it is tried again at a quarter of the interval.
    wire.send(&respond(&reinvite, 501, "", "", ""));
    assert_eq!(wire.next_request().method.as_str(), "ACK");
    wire.nothing();
    wire.no_event();
    wire.pass(seconds(49));
    wire.nothing();
    wire.pass(seconds(1));
    let again = wire.next_request();
    wire.send(&respond(&again, 200, "", CONTACT, ""));
    assert_eq!(wire.next_request().method.as_str(), "ACK");
    wire.no_event();
}

#[test]
fn a_refresh_that_fails_is_tried_until_the_session_is_over() {
    let mut wire = Wire::udp();
    up(
        &mut wire,
        "Allow: UPDATE\r\nSession-Expires: 200;refresher=uac\r\n",
    );
    let mut refuse = |after: u64| {
        wire.pass(seconds(after));
        let update = wire.next_request();
        assert_eq!(update.method.as_str(), "UPDATE");
        wire.send(&respond(&update, 500, "", "", ""));
        wire.nothing();
    };
    refuse(100);
    refuse(50);
    wire.pass(seconds(49));
    wire.nothing();
    wire.pass(seconds(1));
    assert_eq!(wire.next_request().method.as_str(), "BYE");
    assert_eq!(wire.call_event(), CallEvent::Ended(CallEnd::Expired));
}

#[test]
fn a_refresh_of_too_small_an_interval_is_made_again_with_the_one_that_is_asked_for() {
    for (allow, body) in [("Allow: UPDATE\r\n", ""), ("", OFFER)] {
        let mut wire = Wire::udp();
        up(
            &mut wire,
            &format!("{allow}Session-Expires: 200;refresher=uac\r\n"),
        );
        wire.pass(seconds(100));
        let first = wire.next_request();
        wire.send(&respond(&first, 422, "", "Min-SE: 300\r\n", ""));
        if !body.is_empty() {
            assert_eq!(wire.next_request().method.as_str(), "ACK");
        }
        let again = wire.next_request();
        assert_eq!(
            (&again.method, again.body.as_slice()),
            (&first.method, body.as_bytes())
        );
        assert_eq!(again.headers.get(Name::SessionExpires), Some("300;refresher=uac"));
        assert_eq!(again.headers.get(Name::MinSe), Some("300"));
        // What has the interval already is not made again for it.
        wire.send(&respond(&again, 422, "", "Min-SE: 300\r\n", ""));
        assert!(
            !wire
                .lines()
                .iter()
                .any(|l| l.ends_with("INVITE") || l.ends_with("UPDATE"))
        );
        wire.no_event();
    }
}

#[test]
fn an_offer_that_meets_one_of_theirs_each_time_is_given_up() {
    let mut wire = Wire::udp();
    let (key, _) = up(&mut wire, "");
    wire.act(|e, now| e.offer(now, key, OFFER.into())).unwrap();
    for _ in 0..5 {
        let ours = wire.next_request();
        // Where it waited less, it has come again meanwhile.
        wire.sent.clear();
        wire.send(&respond(&ours, 491, "", "", ""));
        assert_eq!(wire.next_request().method.as_str(), "ACK");
        // The owner of the Call-ID waits 2.1 to 4 s (RFC 3261 section 14.1).
        wire.pass(Duration::from_millis(2_099));
        wire.nothing();
        wire.no_event();
        wire.pass(Duration::from_millis(1_901));
    }
    let ours = wire.next_request();
    wire.sent.clear();
    wire.send(&respond(&ours, 491, "", "", ""));
    assert_eq!(
        wire.call_event(),
        CallEvent::OfferRefused(Status::REQUEST_PENDING)
    );
    assert_eq!(wire.next_request().method.as_str(), "ACK");
    wire.pass(seconds(5));
    wire.nothing();
}

#[test]
fn an_offer_that_waits_waits_for_the_end_of_theirs() {
    let mut wire = Wire::udp();
    let (key, invite) = up(&mut wire, "");
    wire.act(|e, now| e.offer(now, key, ANSWER.into())).unwrap();
    let ours = wire.next_request();
    wire.send(&respond(&ours, 491, "", "", ""));
    wire.sent.clear();
    wire.send(&from_called(&invite, "INVITE", 1, OFFER));
    assert_eq!(wire.call_event(), CallEvent::Offer(OFFER.into()));
    wire.pass(seconds(8));
    wire.nothing();
    wire.act(|e, now| e.accept(now, key, ANSWER.into())).unwrap();
    wire.pass(seconds(8));
    assert!(!wire.lines().iter().any(|l| l.ends_with("INVITE")));
    wire.send(&from_called(&invite, "ACK", 1, ""));
    wire.pass(seconds(4));
    assert_eq!(wire.next_request().method.as_str(), "INVITE");
}

#[test]
fn a_refresh_does_not_come_between_an_offer_and_its_answer() {
    let mut wire = Wire::udp();
    let (key, invite) = up(&mut wire, "Session-Expires: 200;refresher=uac\r\n");
    wire.pass(seconds(95));
    wire.send(&from_called(&invite, "INVITE", 1, OFFER));
    wire.pass(seconds(6));
    wire.nothing();
    wire.act(|e, now| e.accept(now, key, ANSWER.into())).unwrap();
    assert_eq!(wire.next_status(), 200);
}

#[test]
fn an_offer_waits_for_a_refresh_and_names_who_refreshes() {
    let mut wire = Wire::udp();
    let (key, _) = up(
        &mut wire,
        "Allow: UPDATE\r\nSession-Expires: 200;refresher=uac\r\n",
    );
    wire.pass(seconds(100));
    assert_eq!(wire.next_request().method.as_str(), "UPDATE");
    assert!(wire.act(|e, now| e.offer(now, key, OFFER.into())).is_err());

    let mut wire = Wire::udp();
    let (key, _) = up(&mut wire, "Session-Expires: 200;refresher=uas\r\n");
    wire.act(|e, now| e.offer(now, key, OFFER.into())).unwrap();
    let offer = wire.next_request();
    assert_eq!(offer.headers.get(Name::SessionExpires), Some("200;refresher=uas"));
    // An answer without a session is none.
    wire.send(&respond(&offer, 200, "", CONTACT, ""));
    assert_eq!(
        wire.call_event(),
        CallEvent::OfferRefused(Status::NOT_ACCEPTABLE_HERE)
    );
}

#[test]
fn an_offer_of_ours_that_finds_no_call_ends_it() {
    let mut wire = Wire::udp();
    let (key, _) = up(&mut wire, "");
    wire.act(|e, now| e.offer(now, key, OFFER.into())).unwrap();
    let ours = wire.next_request();
    wire.send(&respond(&ours, 481, "", "", ""));
    assert_eq!(wire.next_request().method.as_str(), "ACK");
    assert_eq!(wire.next_request().method.as_str(), "BYE");
    assert_eq!(wire.call_event(), CallEvent::Ended(CallEnd::Lost));
    wire.no_event();
}
