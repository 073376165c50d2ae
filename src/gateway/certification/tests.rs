//! What is said of calls that were seen, and which settings fit.

use super::exercise::Act;
use super::fit::{Calls, profile};
use super::inbound::{self, InviteSeen};
use super::outbound;
use super::seen::CallSeen;
use super::step::{Outcome, Step, StepId};
use crate::calls::{CallEnd, CallMedia};
use crate::gateway::sight::{Agreement, Said, Sight, Sights};
use omnigate_audio::codec::Codec;
use omnigate_audio::dtmf::Key;
use omnigate_number::{Country, PhoneNumber};
use omnigate_rtp::digits::Source;
use omnigate_sip::message::{Headers, Message, Method, Name, Request, Status, parse};
use omnigate_sip::{CallEnd as SipEnd, Direction, Hop, ListenerId, Rejection};
use std::time::{Duration, Instant};

const SDP: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
                   m=audio 40000 RTP/AVP 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\na=maxptime:40\r\n";

fn agreed(direction: Direction) -> Sight {
    Sight::Agreed(Agreement {
        codec: Codec::Pcma,
        ptime_ms: 20,
        direction,
        events: true,
        sealed: false,
    })
}

fn response(code: u16, fields: &[(Name, &str)]) -> Sight {
    let mut headers = Headers::default();
    for (name, value) in fields {
        headers.push(*name, value);
    }
    Sight::Response(Status::new(code).unwrap(), headers)
}

fn replied(method: Method, code: u16) -> Sight {
    Sight::Replied(method, Status::new(code).unwrap())
}

fn said() -> Sight {
    Sight::Said(Said::read(SDP.as_bytes()).unwrap())
}

/// A call with these sights, one each 100 ms; acts stand where they began.
fn call(seen: Vec<Result<Sight, Act>>, end: CallEnd) -> CallSeen {
    let began = Instant::now();
    let (mut sights, mut acts) = (Sights::default(), Vec::new());
    for one in seen {
        match one {
            Ok(sight) => {
                let at = began + Duration::from_millis(100) * (sights.all.len() as u32 + 1);
                sights.see(at, sight);
            }
            Err(act) => acts.push((sights.all.len(), act)),
        }
    }
    sights.media = Some(CallMedia {
        received: 500,
        sent: 400,
        lost: 0,
        loss_fraction: 0.0,
        jitter_seconds: 0.001,
        rtt: Some(Duration::from_millis(30)),
    });
    CallSeen {
        began,
        acts,
        done: end == CallEnd::Certified,
        sights,
        end,
    }
}

/// One in which all goes well.
fn good() -> Vec<Result<Sight, Act>> {
    let timer = (Name::SessionExpires, "1800;refresher=uas");
    vec![
        Ok(replied(Method::Invite, 100)),
        Ok(response(183, &[(Name::Require, "100rel")])),
        Ok(said()),
        Ok(agreed(Direction::SendRecv)),
        Ok(replied(Method::Prack, 200)),
        Ok(Sight::FirstPacket),
        Ok(response(200, &[timer, (Name::Allow, "INVITE, UPDATE")])),
        Err(Act::Tone(Duration::from_secs(1))),
        Err(Act::Keys(vec![Key::from_char('1').unwrap()])),
        Err(Act::Hold),
        Ok(replied(Method::Invite, 200)),
        Ok(said()),
        Ok(agreed(Direction::SendOnly)),
        Err(Act::Resume),
        Ok(replied(Method::Invite, 200)),
        Ok(said()),
        Ok(agreed(Direction::SendRecv)),
        Err(Act::Refresh),
        Ok(replied(Method::Update, 200)),
        Err(Act::Silence(Duration::from_secs(60))),
        Ok(replied(Method::Bye, 200)),
        Ok(Sight::Over(Some(SipEnd::LocalHungUp))),
    ]
}

#[track_caller]
fn step(steps: &[Step], id: StepId) -> &Step {
    let found = steps.iter().find(|step| step.id == id);
    found.unwrap_or_else(|| panic!("no {id:?} in {steps:#?}"))
}

#[track_caller]
fn says(steps: &[Step], id: StepId, outcome: Outcome, part: &str) {
    let step = step(steps, id);
    assert!(step.outcome == outcome && step.seen.contains(part), "{step:?}");
}

#[test]
fn a_call_in_which_all_goes_well_fails_in_nothing() {
    let seen = call(good(), CallEnd::Certified);
    let steps = outbound::steps(&seen);
    let failed: Vec<&Step> = steps
        .iter()
        .filter(|step| step.outcome == Outcome::Failed)
        .collect();
    assert!(failed.is_empty(), "{failed:?}");
    says(
        &steps,
        StepId::CallOut,
        Outcome::Passed,
        "100 after 100 ms, 183 after 200 ms, 200 after 700 ms",
    );
    says(
        &steps,
        StepId::SessionDescription,
        Outcome::Passed,
        "in the 183 only, none in the 200",
    );
    says(
        &steps,
        StepId::EarlyMedia,
        Outcome::Passed,
        "heard before the answer",
    );
    says(
        &steps,
        StepId::SessionTimer,
        Outcome::Passed,
        "1800 s, they refresh",
    );
    says(&steps, StepId::Hold, Outcome::Passed, "recvonly");
    says(&steps, StepId::HangUp, Outcome::Passed, "200");
    assert!(step(&steps, StepId::Quality).figures["mos"] > 4.0);
    assert_eq!(
        step(&steps, StepId::PostDialDelay).figures["post_dial_delay_seconds"],
        0.2
    );
}

#[test]
fn a_hold_that_is_answered_as_if_it_were_none_fails_and_so_does_one_that_is_refused() {
    let hold = |answer: Sight| {
        let mut seen = good();
        seen[12] = Ok(answer);
        outbound::steps(&call(seen, CallEnd::Certified))
    };
    says(
        &hold(agreed(Direction::SendRecv)),
        StepId::Hold,
        Outcome::Failed,
        "as if it were sendrecv",
    );
    says(
        &hold(agreed(Direction::Inactive)),
        StepId::Hold,
        Outcome::Passed,
        "inactive",
    );
    let refused = Sight::OfferRefused(Status::NOT_ACCEPTABLE_HERE);
    says(&hold(refused), StepId::Hold, Outcome::Failed, "488");
}

#[test]
fn a_prack_that_is_not_answered_well_fails_and_teaches_to_do_without() {
    for (reply, part) in [
        (replied(Method::Prack, 503), "PRACK of the 183 got 503"),
        (Sight::FirstPacket, "PRACK of the 183 was not answered"),
    ] {
        let mut seen = good();
        seen[4] = Ok(reply);
        let full = call(seen, CallEnd::Certified);
        says(&outbound::steps(&full), StepId::Reliable, Outcome::Failed, part);
        let calls = Calls {
            full: Some(full),
            ..Calls::default()
        };
        let fit = profile(&calls);
        assert!(
            fit.iter()
                .any(|one| one.key == "reliable" && one.value == "\"never\""),
            "{fit:?}"
        );
    }
}

#[test]
fn a_call_that_ends_in_silence_says_why_and_what_it_did_not_come_to() {
    let mut seen = good();
    seen.truncate(18);
    seen.push(Ok(Sight::Over(Some(SipEnd::RemoteHungUp(Vec::new())))));
    let steps = outbound::steps(&call(seen, CallEnd::CalleeHungUp));
    says(&steps, StepId::Silence, Outcome::Failed, "BYE from them");
    says(&steps, StepId::HangUp, Outcome::NotPossible, "BYE from them");
    says(&steps, StepId::Refresh, Outcome::Failed, "not answered");
}

#[test]
fn a_gateway_that_did_not_take_the_call_is_named_before_the_one_that_did() {
    let rejection = Rejection {
        status: Status::SERVICE_UNAVAILABLE,
        phrase: "Full".to_owned(),
        warning: None,
        causes: Vec::new(),
        retry_after: None,
        contacts: Vec::new(),
    };
    let mut seen = vec![
        Ok(replied(Method::Invite, 100)),
        Ok(Sight::Over(Some(SipEnd::Rejected(rejection.clone())))),
    ];
    seen.extend(good());
    let steps = outbound::steps(&call(seen, CallEnd::Certified));
    says(
        &steps,
        StepId::CallOut,
        Outcome::Passed,
        "another gateway: 503 Full; 100 after 100 ms",
    );

    let refused = call(
        vec![Ok(Sight::Over(Some(SipEnd::Rejected(rejection))))],
        CallEnd::Congestion,
    );
    let steps = outbound::steps(&refused);
    assert_eq!(steps.len(), 1, "{steps:?}");
    says(&steps, StepId::CallOut, Outcome::Failed, "503 Full");
}

#[test]
fn settings_follow_what_was_seen() {
    let calls = Calls {
        full: Some(call(good(), CallEnd::Certified)),
        pcma: Some(false),
        pcmu: Some(true),
        inbound: None,
    };
    let fit = profile(&calls);
    let value = |key: &str| {
        fit.iter()
            .find(|one| one.key == key)
            .map(|one| one.value.as_str())
    };
    assert_eq!(value("codecs"), Some("[\"pcmu\"]"));
    assert_eq!(value("session.seconds"), Some("1800"));
    assert_eq!(value("session.refresher"), Some("\"them\""));
    assert_eq!(value("keys"), Some("\"events\""));
    assert_eq!(value("early_media"), Some("\"take\""));
    assert!(profile(&Calls::default()).is_empty());
}

fn invite(uri: &str, fields: &str) -> InviteSeen {
    let text = format!(
        "INVITE sip:{uri}@192.0.2.2 SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n{fields}\r\n"
    );
    let request: Request = match parse(text.as_bytes()).unwrap() {
        Message::Request(request) => request,
        Message::Response(_) => panic!("a request"),
    };
    let at = "192.0.2.1:5060".parse().unwrap();
    let hop = Hop::datagram(ListenerId(0), at, at);
    let korea = Country::korea();
    let number = PhoneNumber::parse("070-1234-5678", korea).unwrap();
    InviteSeen::of(&request, &hop, Some(SDP.as_bytes()), &number, korea)
}

#[test]
fn a_call_in_says_where_its_numbers_stand_and_how_they_are_written() {
    let seen = invite(
        "07099998888",
        "To: <sip:8207012345678@x>\r\nFrom: <sip:anonymous@anonymous.invalid>;tag=1\r\nP-Asserted-Identity: <sip:+821012345678@x>\r\nPrivacy: id\r\n",
    );
    let keys = "12345#"
        .chars()
        .map(|key| Ok(Sight::Key(Key::from_char(key).unwrap(), Source::InBand)));
    let begun = [Err(Act::HearKeys)].into_iter().chain(keys);
    let steps = inbound::steps(&seen, &call(begun.collect(), CallEnd::CallerHungUp));
    says(
        &steps,
        StepId::CallIn,
        Outcome::Passed,
        "from 192.0.2.1:5060 by udp",
    );
    says(
        &steps,
        StepId::CalledNumber,
        Outcome::Passed,
        "Request-URI: another, national; To: the number, country code and national prefix",
    );
    says(
        &steps,
        StepId::CallerNumber,
        Outcome::Passed,
        "P-Asserted-Identity: E.164 with a plus; From: withheld; Privacy: id",
    );
    says(&steps, StepId::KeysIn, Outcome::Passed, "6 of 6 by tones");
    says(
        &steps,
        StepId::Offer,
        Outcome::Passed,
        "PCMA/8000 (8), PCMU/8000 (0), telephone-event/8000 (101); maxptime 40",
    );
    assert!(!format!("{steps:?}").contains("12345678"), "no numbers");
    let calls = Calls {
        inbound: Some(seen),
        ..Calls::default()
    };
    let fit = profile(&calls);
    let of = |key: &str| fit.iter().find(|one| one.key == key).unwrap();
    assert_eq!(of("called_from").value, "[\"to\"]");
    assert!(of("called_from").why.contains("Request-URI has something else"));
    assert_eq!(of("caller_from").value, "[\"asserted\"]");
    assert!(of("number_format").value == "\"plus\"" && !of("number_format").sure);
    assert_eq!(of("codecs").value, "[\"pcma\", \"pcmu\"]");
}

#[test]
fn a_call_in_that_we_had_to_refuse_says_so() {
    let seen = invite("07012345678", "To: <sip:x@y>\r\nFrom: <sip:1@y>;tag=1\r\n");
    let steps = inbound::steps(&seen, &CallSeen::none(CallEnd::Invite(488)));
    says(
        &steps,
        StepId::CallIn,
        Outcome::Failed,
        "refuse it with 488: see its offer",
    );
}

#[test]
fn keys_that_do_not_all_come_or_not_at_all_fail() {
    let seen = invite("07012345678", "To: <sip:x@y>\r\nFrom: <sip:1@y>;tag=1\r\n");
    let heard = |keys: &str| {
        let keys = keys
            .chars()
            .map(|key| Ok(Sight::Key(Key::from_char(key).unwrap(), Source::TelephoneEvent)));
        inbound::steps(&seen, &call(keys.collect(), CallEnd::Certified))
    };
    says(
        &heard("1235#"),
        StepId::KeysIn,
        Outcome::Failed,
        "5 of 6 by telephone events: not all",
    );
    says(&heard(""), StepId::KeysIn, Outcome::Failed, "none was heard");
}

/// What is stopped while it waits says nothing of the trunk, and nothing good above all.
#[test]
fn a_call_that_was_stopped_or_died_in_silence_has_not_outlived_it() {
    let stopped = CallSeen {
        done: false,
        ..call(good(), CallEnd::Certified)
    };
    let mut dead = good();
    dead.pop();
    dead.push(Ok(Sight::Over(Some(SipEnd::NoResponse))));
    for seen in [stopped, call(dead, CallEnd::Certified)] {
        let steps = outbound::steps(&seen);
        assert_eq!(step(&steps, StepId::Silence).outcome, Outcome::Failed);
    }
}

#[test]
fn a_telephone_that_is_busy_says_nothing_of_a_codec_and_one_that_refuses_it_does() {
    for (status, takes, outcome) in [
        (486, None, Outcome::NotPossible),
        (503, None, Outcome::NotPossible),
        (488, Some(false), Outcome::Failed),
    ] {
        let rejection = Rejection {
            status: Status::new(status).unwrap(),
            phrase: String::new(),
            warning: None,
            causes: Vec::new(),
            retry_after: None,
            contacts: Vec::new(),
        };
        let over = Sight::Over(Some(SipEnd::Rejected(rejection)));
        let seen = call(vec![Ok(over)], CallEnd::Busy);
        assert_eq!(outbound::takes(&seen), takes, "{status}");
        assert_eq!(outbound::alone(&seen, StepId::G711A).outcome, outcome, "{status}");
    }
    let seen = call(good(), CallEnd::Certified);
    assert_eq!(outbound::takes(&seen), Some(true));
}

#[test]
fn a_call_in_that_did_not_come_up_fails() {
    let seen = invite("07012345678", "To: <sip:x@y>\r\nFrom: <sip:1@y>;tag=1\r\n");
    for (end, part) in [
        (CallEnd::NoAck, "no ACK"),
        (CallEnd::Overload, "overload"),
        (CallEnd::Cancelled, "cancelled"),
    ] {
        let steps = inbound::steps(&seen, &CallSeen::none(end));
        says(&steps, StepId::CallIn, Outcome::Failed, part);
        assert!(step(&steps, StepId::CallIn).must);
    }
}

#[test]
fn a_hold_of_theirs_is_told_from_another_offer_of_theirs() {
    let seen = invite("07012345678", "To: <sip:x@y>\r\nFrom: <sip:1@y>;tag=1\r\n");
    for (direction, outcome) in [
        (Direction::RecvOnly, Outcome::Passed),
        (Direction::Inactive, Outcome::Passed),
        (Direction::SendRecv, Outcome::NotPossible),
    ] {
        let begun = vec![Err(Act::HearKeys), Ok(Sight::Taken(direction))];
        let steps = inbound::steps(&seen, &call(begun, CallEnd::CallerHungUp));
        assert_eq!(step(&steps, StepId::HoldIn).outcome, outcome, "{direction:?}");
    }
}
