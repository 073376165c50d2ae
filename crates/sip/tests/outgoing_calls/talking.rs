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
