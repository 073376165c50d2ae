//! Challenges to requests of ours (RFC 3261 section 22), in calls; and requests without a call.

use super::*;

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
fn a_request_is_still_made_again_when_another_one_of_the_call_is_over() {
    let mut wire = Wire::udp();
    let (key, invite) = call_as(&mut wire, OFFER, vec![Credentials::new("user", "secret")]);
    wire.send(&respond(&invite, 200, "t1", CONTACT, ANSWER));
    wire.sent.clear();
    wire.act(|e, now| e.info(now, key, "application/dtmf", b"5".to_vec()))
        .unwrap();
    let info = wire.next_request();
    wire.act(|e, now| e.ping(now, key)).unwrap();
    let options = wire.next_request();
    wire.send(&respond(&info, 200, "", "", ""));
    wire.pass(seconds(6));
    wire.sent.clear();
    wire.send(&respond(&options, 401, "", CHALLENGE, ""));
    let again = wire.next_request();
    assert_eq!(again.method.as_str(), "OPTIONS");
    assert!(again.headers.get(Name::Authorization).is_some());
}
