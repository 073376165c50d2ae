//! Calls that go out, as one peer sees them on the wire.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::wire::{PEER, Wire, request, respond};
use common::{ANSWER, OFFER};
use omnigate_sip::digest::Credentials;
use omnigate_sip::message::{Headers, Name, Request, Status};
use omnigate_sip::transaction::Failure;
use omnigate_sip::{CallEnd, CallEvent, CallKey, Event, Invitation, NatRule};
use std::time::Duration;

const CONTACT: &str = "Contact: <sip:called@192.0.2.1:5060>\r\n";

fn none() -> Headers {
    Headers::default()
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn call(wire: &mut Wire, offer: &str) -> (CallKey, Request) {
    call_as(wire, offer, Vec::new())
}

fn call_as(wire: &mut Wire, offer: &str, credentials: Vec<Credentials>) -> (CallKey, Request) {
    let invitation = Invitation {
        uri: format!("sip:07012345678@{PEER}").parse().unwrap(),
        from: "<sip:0212345678@192.0.2.2>".into(),
        to: "<sip:07012345678@192.0.2.1>".into(),
        hop: wire.hop.clone(),
        routes: Vec::new(),
        credentials,
        offer: (!offer.is_empty()).then(|| offer.into()),
        headers: none(),
        nat: NatRule::Never,
    };
    let key = wire.act(|e, now| e.invite(now, invitation));
    (key, wire.next_request())
}

#[track_caller]
fn progress(wire: &mut Wire) -> Status {
    match wire.call_event() {
        CallEvent::Progress { status, .. } => status,
        other => panic!("progress, not {other:?}"),
    }
}

#[track_caller]
fn answered(wire: &mut Wire) {
    assert!(matches!(wire.call_event(), CallEvent::Answered { .. }));
}

#[test]
fn a_call_rings_is_answered_talks_and_is_hung_up_by_us() {
    let mut wire = Wire::udp();
    let (key, invite) = call(&mut wire, OFFER);
    assert_eq!(
        invite.headers.get(Name::Contact),
        Some("<sip:omnigate@192.0.2.2:5060>")
    );
    assert!(invite.headers.via().unwrap().wants_rport());
    wire.send(&respond(&invite, 100, "", "", ""));
    wire.send(&respond(&invite, 180, "t1", CONTACT, ""));
    assert_eq!(progress(&mut wire), Status::RINGING);
    let routes = "Record-Route: <sip:192.0.2.8;lr>, <sip:192.0.2.9;lr>\r\n";
    wire.send(&respond(
        &invite,
        200,
        "t1",
        &format!("{CONTACT}{routes}"),
        ANSWER,
    ));
    answered(&mut wire);
    assert_eq!(wire.call_event(), CallEvent::Answer(ANSWER.into()));
    // Both go by the route set, backwards (RFC 3261 section 12.1.2).
    let hop = wire.sent.front().unwrap().1.hop.clone();
    assert_eq!(hop.remote, "192.0.2.9:5060".parse().unwrap());
    let ack = wire.next_request();
    assert_eq!(
        (ack.method.as_str(), ack.uri.as_str()),
        ("ACK", "sip:called@192.0.2.1:5060")
    );
    assert_eq!(
        ack.headers.list(Name::Route).collect::<Vec<_>>(),
        ["<sip:192.0.2.9;lr>", "<sip:192.0.2.8;lr>"]
    );
    wire.act(|e, now| e.hang_up(now, key, &none())).unwrap();
    assert_eq!(wire.sent.front().unwrap().1.hop, hop);
    let bye = wire.next_request();
    assert_eq!((bye.method.as_str(), &bye.uri), ("BYE", &ack.uri));
    assert_eq!(bye.headers.list(Name::Route).count(), 2);
    assert_eq!(wire.call_event(), CallEvent::Ended(CallEnd::LocalHungUp));
    wire.send(&respond(&bye, 200, "", "", ""));
    wire.nothing_left();
}

#[test]
fn an_invite_that_nobody_answers_is_repeated_and_given_up() {
    let mut wire = Wire::udp();
    call(&mut wire, OFFER);
    wire.pass(seconds(40));
    let lines = wire.lines();
    assert_eq!(
        lines,
        [
            "0.5 INVITE",
            "1.5 INVITE",
            "3.5 INVITE",
            "7.5 INVITE",
            "15.5 INVITE",
            "31.5 INVITE"
        ]
    );
    assert_eq!(wire.call_event(), CallEvent::Ended(CallEnd::NoResponse));
    wire.nothing_left();
}

#[test]
fn an_invite_that_cannot_be_sent_fails_at_once() {
    let mut wire = Wire::udp();
    let invitation_sent = call(&mut wire, OFFER);
    let _ = invitation_sent;
    wire.pass(Duration::from_millis(500));
    let (_, transmit) = wire.sent.pop_front().unwrap();
    wire.fail(transmit.origin);
    assert_eq!(wire.call_event(), CallEvent::Ended(CallEnd::Unreachable));
    wire.nothing_left();
}

#[test]
fn a_refusal_says_why_and_gets_its_ack_each_time() {
    let mut wire = Wire::udp();
    let (_, invite) = call(&mut wire, OFFER);
    let busy = respond(
        &invite,
        486,
        "t1",
        "Reason: Q.850;cause=17;text=\"user busy\"\r\nRetry-After: 60\r\n",
        "",
    );
    wire.send(&busy);
    let ack = wire.next_request();
    assert_eq!((ack.method.as_str(), ack.headers.to_tag()), ("ACK", Some("t1")));
    assert_eq!(ack.headers.get(Name::Via), invite.headers.get(Name::Via));
    let CallEvent::Ended(CallEnd::Rejected(rejection)) = wire.call_event() else {
        panic!("rejected")
    };
    assert_eq!((rejection.status.code(), rejection.retry_after), (486, Some(60)));
    assert_eq!(rejection.causes[0].cause, Some(17));
    wire.send(&busy);
    assert_eq!(wire.next_request().method.as_str(), "ACK");
    wire.no_event();
    wire.nothing_left();
}

#[test]
fn a_repeated_200_gets_its_ack_again() {
    let mut wire = Wire::udp();
    let (_, invite) = call(&mut wire, OFFER);
    let ok = respond(&invite, 200, "t1", CONTACT, ANSWER);
    wire.send(&ok);
    let ack = wire.next();
    wire.send(&ok);
    assert_eq!(wire.next(), ack);
    wire.nothing();
}

#[test]
fn early_media_is_heard_and_an_answer_in_the_183_alone_is_one() {
    let mut wire = Wire::udp();
    let (_, invite) = call(&mut wire, OFFER);
    wire.send(&respond(&invite, 183, "t1", CONTACT, ANSWER));
    assert_eq!(progress(&mut wire), Status::SESSION_PROGRESS);
    assert_eq!(wire.call_event(), CallEvent::Answer(ANSWER.into()));
    wire.send(&respond(&invite, 200, "t1", CONTACT, ""));
    answered(&mut wire);
    assert_eq!(wire.next_request().method.as_str(), "ACK");
    wire.nothing();
    wire.no_event();
}

#[test]
fn a_200_without_any_answer_is_hung_up() {
    let mut wire = Wire::udp();
    let (_, invite) = call(&mut wire, OFFER);
    wire.send(&respond(&invite, 200, "t1", CONTACT, ""));
    assert_eq!(wire.next_request().method.as_str(), "ACK");
    assert_eq!(wire.next_request().method.as_str(), "BYE");
    answered(&mut wire);
    assert_eq!(wire.call_event(), CallEvent::Ended(CallEnd::NoAnswer));
    wire.nothing_left();
}

#[test]
fn a_reliable_183_gets_its_prack_at_its_contact_and_only_in_order() {
    let mut wire = Wire::udp();
    let (_, invite) = call(&mut wire, OFFER);
    let reliable = |n: u32| format!("Contact: <sip:gw@192.0.2.50:5062>\r\nRequire: 100rel\r\nRSeq: {n}\r\n");
    wire.send(&respond(&invite, 183, "t1", &reliable(7), ANSWER));
    assert_eq!(
        wire.sent.front().unwrap().1.hop.remote,
        "192.0.2.50:5062".parse().unwrap()
    );
    let prack = wire.next_request();
    let number = invite.headers.cseq().unwrap().number;
    assert_eq!(
        prack.headers.get(Name::RAck),
        Some(&*format!("7 {number} INVITE"))
    );
    assert_eq!(
        (prack.method.as_str(), prack.uri.as_str()),
        ("PRACK", "sip:gw@192.0.2.50:5062")
    );
    assert_eq!(prack.headers.cseq().unwrap().number, number + 1);
    // Again, and one that is ahead: neither is new.
    wire.send(&respond(&invite, 183, "t1", &reliable(7), ANSWER));
    wire.send(&respond(&invite, 180, "t1", &reliable(9), ""));
    wire.nothing();
    wire.send(&respond(&invite, 180, "t1", &reliable(8), ""));
    assert_eq!(
        wire.next_request().headers.get(Name::RAck),
        Some(&*format!("8 {number} INVITE"))
    );
    // The 200 is not kept waiting by a PRACK without a response.
    wire.send(&respond(
        &invite,
        200,
        "t1",
        "Contact: <sip:gw@192.0.2.50:5062>\r\n",
        "",
    ));
    assert_eq!(wire.next_request().method.as_str(), "ACK");
}

#[test]
fn a_cancel_waits_for_the_first_response() {
    let mut wire = Wire::udp();
    let (key, invite) = call(&mut wire, OFFER);
    wire.act(|e, now| e.hang_up(now, key, &none())).unwrap();
    assert_eq!(
        wire.call_event(),
        CallEvent::Ended(CallEnd::Cancelled(Vec::new()))
    );
    wire.nothing();
    wire.send(&respond(&invite, 100, "", "", ""));
    let cancel = wire.next_request();
    assert_eq!(
        (cancel.method.as_str(), cancel.headers.get(Name::Via)),
        ("CANCEL", invite.headers.get(Name::Via))
    );
    wire.pass(Duration::from_millis(500));
    assert_eq!(wire.lines(), ["0.5 CANCEL"]);
    wire.send(&respond(&cancel, 200, "t1", "", ""));
    wire.send(&respond(&invite, 487, "t1", "", ""));
    assert_eq!(wire.next_request().method.as_str(), "ACK");
    wire.nothing_left();
}

#[test]
fn a_200_that_crosses_the_cancel_is_acknowledged_and_hung_up() {
    let mut wire = Wire::udp();
    let (key, invite) = call(&mut wire, OFFER);
    wire.send(&respond(&invite, 180, "t1", CONTACT, ""));
    wire.act(|e, now| e.hang_up(now, key, &none())).unwrap();
    assert_eq!(wire.next_request().method.as_str(), "CANCEL");
    let ok = respond(&invite, 200, "t1", CONTACT, ANSWER);
    wire.send(&ok);
    assert_eq!(wire.next_request().method.as_str(), "ACK");
    assert_eq!(wire.next_request().method.as_str(), "BYE");
    // It comes again: an ACK again, but no second BYE.
    wire.send(&ok);
    assert_eq!(wire.next_request().method.as_str(), "ACK");
    wire.nothing();
    wire.nothing_left();
}

#[test]
fn a_cancel_without_any_answer_has_an_end() {
    let mut wire = Wire::udp();
    let (key, invite) = call(&mut wire, OFFER);
    wire.send(&respond(&invite, 180, "t1", CONTACT, ""));
    wire.act(|e, now| e.hang_up(now, key, &none())).unwrap();
    wire.nothing_left();
}

#[test]
fn of_two_forks_that_answer_the_first_wins_and_the_other_is_hung_up() {
    let mut wire = Wire::udp();
    let (_, invite) = call(&mut wire, OFFER);
    let contact = |n: u8| format!("Contact: <sip:fork{n}@192.0.2.1{n}>\r\n");
    wire.send(&respond(&invite, 180, "one", &contact(1), ""));
    wire.send(&respond(&invite, 183, "two", &contact(2), ANSWER));
    wire.send(&respond(&invite, 200, "one", &contact(1), ANSWER));
    let ack = wire.next_request();
    assert_eq!(
        (ack.uri.as_str(), ack.headers.to_tag()),
        ("sip:fork1@192.0.2.11", Some("one"))
    );
    wire.events.clear();
    wire.send(&respond(&invite, 200, "two", &contact(2), ANSWER));
    let (ack, bye) = (wire.next_request(), wire.next_request());
    assert_eq!((ack.method.as_str(), ack.headers.to_tag()), ("ACK", Some("two")));
    assert_eq!(
        (bye.method.as_str(), bye.uri.as_str()),
        ("BYE", "sip:fork2@192.0.2.12")
    );
    wire.no_event();
}

#[test]
fn an_invite_without_an_offer_answers_theirs_in_the_ack() {
    let mut wire = Wire::udp();
    let (key, invite) = call(&mut wire, "");
    wire.send(&respond(&invite, 200, "t1", CONTACT, OFFER));
    answered(&mut wire);
    assert_eq!(wire.call_event(), CallEvent::Offer(OFFER.into()));
    wire.nothing();
    wire.act(|e, now| e.accept(now, key, ANSWER.into())).unwrap();
    let ack = wire.next_request();
    assert_eq!(
        (ack.method.as_str(), ack.body.as_slice()),
        ("ACK", ANSWER.as_bytes())
    );
    wire.nothing();
}

#[test]
fn an_offer_in_a_reliable_183_is_answered_in_its_prack() {
    let mut wire = Wire::udp();
    let (key, invite) = call(&mut wire, "");
    let reliable = format!("{CONTACT}Require: 100rel\r\nRSeq: 1\r\n");
    wire.send(&respond(&invite, 183, "t1", &reliable, OFFER));
    progress(&mut wire);
    assert_eq!(wire.call_event(), CallEvent::Offer(OFFER.into()));
    wire.act(|e, now| e.accept(now, key, ANSWER.into())).unwrap();
    let prack = wire.next_request();
    assert_eq!(
        (prack.method.as_str(), prack.body.as_slice()),
        ("PRACK", ANSWER.as_bytes())
    );
    wire.send(&respond(&prack, 200, "", "", ""));
    wire.send(&respond(&invite, 200, "t1", CONTACT, ""));
    assert_eq!(wire.next_request().method.as_str(), "ACK");
    answered(&mut wire);
    wire.no_event();
}

#[test]
fn a_telephone_that_rings_for_too_long_is_given_up() {
    let mut wire = Wire::udp();
    let (_, invite) = call(&mut wire, OFFER);
    wire.send(&respond(&invite, 180, "t1", CONTACT, ""));
    progress(&mut wire);
    wire.pass(seconds(180));
    assert_eq!(wire.next_request().method.as_str(), "CANCEL");
    assert_eq!(wire.call_event(), CallEvent::Ended(CallEnd::RingLimit));
    wire.nothing_left();
}

#[test]
fn a_longer_session_interval_is_tried_once() {
    let mut wire = Wire::udp();
    let (_, invite) = call(&mut wire, OFFER);
    wire.send(&respond(&invite, 422, "t1", "Min-SE: 3600\r\n", ""));
    assert_eq!(wire.next_request().method.as_str(), "ACK");
    let again = wire.next_request();
    assert_eq!(again.headers.get(Name::SessionExpires), Some("3600"));
    assert_eq!(again.headers.get(Name::MinSe), Some("3600"));
    assert_eq!(again.headers.call_id(), invite.headers.call_id());
    assert_eq!(
        again.headers.cseq().unwrap().number,
        invite.headers.cseq().unwrap().number + 1
    );
    wire.send(&respond(&again, 422, "t1", "Min-SE: 7200\r\n", ""));
    assert!(matches!(
        wire.call_event(),
        CallEvent::Ended(CallEnd::Rejected(_))
    ));
    wire.nothing_left();
}

/// A call of ours that is up.
fn up(wire: &mut Wire, more: &str) -> (CallKey, Request) {
    let (key, invite) = call(wire, OFFER);
    wire.send(&respond(&invite, 200, "t1", &format!("{CONTACT}{more}"), ANSWER));
    wire.events.clear();
    wire.sent.clear();
    (key, invite)
}

/// A request of the called side within the call.
fn from_called(invite: &Request, method: &str, number: u32, body: &str) -> String {
    let tag = invite.headers.from_tag().unwrap();
    request(
        method,
        "sip:omnigate@192.0.2.2",
        &format!("{method}{number}"),
        tag,
        number,
        "",
        body,
    )
    .replace("tag=from1", "tag=t1")
    .replace(
        "Call-ID: call1",
        &format!("Call-ID: {}", invite.headers.call_id()),
    )
}

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

#[test]
fn requests_outside_of_a_call_have_their_response_or_their_failure() {
    let mut wire = Wire::udp();
    let mut options = Request::new(
        omnigate_sip::message::Method::Options,
        "sip:192.0.2.1".parse().unwrap(),
    );
    options.headers.push(Name::From, "<sip:a@b>;tag=1");
    options.headers.push(Name::To, "<sip:c@d>");
    options.headers.push(Name::CallId, "ping");
    options.headers.push(Name::CSeq, "1 OPTIONS");
    let hop = wire.hop.clone();
    let id = wire.act(|e, now| e.send(now, options.clone(), hop.clone()));
    let sent = wire.next_request();
    wire.send(&respond(&sent, 200, "x", "", ""));
    assert!(matches!(wire.events.pop_front(), Some(Event::Response(got, _, _)) if got == id));
    let id = wire.act(|e, now| e.send(now, options, hop));
    wire.pass(seconds(33));
    assert_eq!(wire.events.pop_front(), Some(Event::Failed(id, Failure::Timeout)));
    let lines = wire.lines();
    assert_eq!(lines.len(), 11, "{lines:?}");
    wire.nothing_left();
}

const CHALLENGE: &str =
    "WWW-Authenticate: Digest realm=\"carrier\", nonce=\"n1\", algorithm=SHA-256, qop=\"auth\"\r\n";

#[test]
fn a_challenge_is_answered_on_every_request_of_the_call_and_refused_credentials_end_it() {
    let mut wire = Wire::udp();
    let user = || vec![Credentials::new("user", "secret")];
    let (key, invite) = call_as(&mut wire, OFFER, user());
    wire.send(&respond(&invite, 401, "x", CHALLENGE, ""));
    assert_eq!(wire.next_request().method.as_str(), "ACK");
    let again = wire.next_request();
    assert_eq!(again.headers.from_tag(), invite.headers.from_tag());
    assert_eq!(
        again.headers.cseq().unwrap().number,
        invite.headers.cseq().unwrap().number + 1
    );
    assert!(
        again
            .headers
            .get(Name::Authorization)
            .unwrap()
            .contains("nc=00000001")
    );
    assert_eq!(again.body, OFFER.as_bytes());
    wire.send(&respond(&again, 200, "t1", CONTACT, ANSWER));
    let ack = wire.next_request();
    assert!(ack.headers.get(Name::Authorization).is_some());
    wire.events.clear();
    // The answer is sent ahead; one that is not enough is given again.
    wire.act(|e, now| e.hang_up(now, key, &none())).unwrap();
    let bye = wire.next_request();
    assert!(
        bye.headers
            .get(Name::Authorization)
            .unwrap()
            .contains("nc=00000002")
    );
    wire.send(&respond(&bye, 401, "", &CHALLENGE.replace("n1", "n2"), ""));
    let bye = wire.next_request();
    assert!(bye.headers.get(Name::Authorization).unwrap().contains("n2"));
    wire.send(&respond(&bye, 200, "", "", ""));
    wire.events.clear();
    wire.nothing_left();

    let mut wire = Wire::udp();
    let (_, invite) = call_as(&mut wire, OFFER, user());
    wire.send(&respond(&invite, 401, "x", CHALLENGE, ""));
    wire.next();
    let again = wire.next_request();
    wire.send(&respond(&again, 401, "x", CHALLENGE, ""));
    assert!(
        matches!(wire.call_event(), CallEvent::Ended(CallEnd::Rejected(r)) if r.status == Status::UNAUTHORIZED)
    );
    wire.nothing_left();
}

#[test]
fn a_challenged_reinvite_is_made_again_and_its_answer_taken() {
    let mut wire = Wire::udp();
    let (key, invite) = call_as(&mut wire, OFFER, vec![Credentials::new("user", "secret")]);
    wire.send(&respond(&invite, 200, "t1", CONTACT, ANSWER));
    wire.events.clear();
    wire.sent.clear();
    wire.act(|e, now| e.offer(now, key, OFFER.into())).unwrap();
    let ours = wire.next_request();
    wire.send(&respond(&ours, 401, "", CHALLENGE, ""));
    assert_eq!(wire.next_request().method.as_str(), "ACK");
    let again = wire.next_request();
    assert!(again.headers.get(Name::Authorization).is_some());
    wire.send(&respond(&again, 200, "", CONTACT, ANSWER));
    assert_eq!(wire.next_request().method.as_str(), "ACK");
    assert_eq!(wire.call_event(), CallEvent::Answer(ANSWER.into()));
}

#[test]
fn the_highest_number_of_a_reliable_response_has_no_next() {
    let mut wire = Wire::udp();
    let (call, invite) = call(&mut wire, OFFER);
    for _ in 0..2 {
        let more = format!("{CONTACT}Require: 100rel\r\nRSeq: 4294967295\r\n");
        wire.send(&respond(&invite, 183, "a", &more, ""));
    }
    wire.send(&respond(
        &invite,
        183,
        "a",
        &format!("{CONTACT}Require: 100rel\r\nRSeq: 0\r\n"),
        "",
    ));
    assert_eq!(
        wire.next_request()
            .headers
            .get(Name::RAck)
            .map(|r| r.split(' ').next()),
        Some(Some("4294967295"))
    );
    wire.nothing();
    wire.act(|e, now| e.hang_up(now, call, &none())).unwrap();
    wire.nothing_left();
}
