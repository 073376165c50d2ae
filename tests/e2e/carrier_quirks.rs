//! What single carriers want or do otherwise, as far as it is known: each with the setting that a trunk there has.

use crate::app::App;
use crate::exchange::{Exchange, Ringing};
use crate::harness::{Service, conforms};
use crate::raw_sip::{Peer, line, status};
use serde_json::{Value, json};

const NUMBER: &str = "02-123-4567";

/// An app whose call has come to the exchange.
fn call<'a>(service: &Service, exchange: &'a Exchange) -> (App, Ringing<'a>) {
    let mut app = App::sign_in(service, "ann");
    let offer = json!({"call_type": "sipcall", "caller": "ann", "callee": NUMBER, "record": false});
    assert_eq!(app.request("OFFER_CALL", offer)["result"], "success");
    let there = exchange.rings();
    (app, there)
}

fn talks(service: &Service) {
    service.until("they talk", || service.calls()[0]["state"] == "talking");
}

/// Deutsche Telekom: the PRACK goes to the Contact of the 183, and the session stands in that alone.
#[test]
fn a_prack_goes_to_the_contact_of_the_183_whose_session_is_the_only_one() {
    let (exchange, contact) = (Exchange::new(), Exchange::new());
    let service = Service::start(&exchange.of("reliable = \"required\""));
    let (mut app, there) = call(&service, &exchange);
    assert_eq!(there.says_field("Require"), Some("100rel"));
    let of_contact = format!("Contact: <sip:there@{}>\r\n", contact.address());
    there.respond_with(183, &format!("{of_contact}Require: 100rel\r\nRSeq: 7\r\n"));
    let prack = there.takes(&contact, "PRACK");
    assert!(line(&prack, "RAck").contains("RAck: 7 "), "{prack}");
    there.respond(200, &of_contact);
    talks(&service);
    there.hears();
    app.request("LEAVE", json!({}));
    there.takes(&contact, "BYE");
    service.until("it is over", || service.last_reason() == "app_left");
}

/// An Italian operator requires reliable responses and `user=phone`; another one takes neither.
#[test]
fn an_invite_has_what_the_trunk_wants_and_nothing_that_it_does_not() {
    let exchange = Exchange::new();
    let service = Service::start(&exchange.of(
        "reliable = \"never\"\nuser_phone = true\nnumber_format = \"plus\"\ncaller_format = \"e164\"\nidentity = \"preferred\"\nsession = { seconds = 0 }",
    ));
    let (_app, there) = call(&service, &exchange);
    assert_eq!(there.says_field("Supported"), Some("replaces"));
    for none in ["Require", "Session-Expires", "Min-SE"] {
        assert_eq!(there.says_field(none), None, "{none}");
    }
    let invite = there.invite.lines().next().unwrap();
    assert!(
        invite.starts_with("INVITE sip:+8221234567@") && invite.contains(";user=phone"),
        "{invite}"
    );
    // Vonage: E.164 without a plus.
    let identity = there.says_field("P-Preferred-Identity").unwrap();
    assert!(identity.starts_with("<sip:827012345678@"), "{identity}");
    there.refuses(486, "");
}

/// Deutsche Telekom: half an hour, refreshed by whoever calls, and never less than 15 minutes.
#[test]
fn a_carrier_that_wants_longer_session_intervals_gets_them() {
    let exchange = Exchange::new();
    let session = "session = { seconds = 600, refresher = \"us\" }";
    let service = Service::start(&exchange.of(session));
    let (_app, there) = call(&service, &exchange);
    assert_eq!(there.says_field("Session-Expires"), Some("600;refresher=uac"));
    there.refuses(422, "Min-SE: 900\r\n");
    let again = exchange.rings();
    assert_eq!(again.says_field("Session-Expires"), Some("900;refresher=uac"));
    assert_eq!(again.says_field("Min-SE"), Some("900"));
    again.answers();
    talks(&service);
    again.hangs_up();
    service.until("it is over", || service.last_reason() == "callee_hung_up");
}

/// The dialled number stands in P-Called-Party-ID, and To names somebody else; the caller's in P-Preferred-Identity.
#[test]
fn numbers_of_calls_in_stand_where_the_trunk_says() {
    let service = Service::start(
        "[[trunk]]\nname = \"carrier\"\nnumbers = [\"070-1234-5678\"]\ncalled_from = [\"called-party\", \"to\"]\ncaller_from = [\"preferred\", \"from\"]\n",
    );
    let peer = Peer::new(service.sip_udp);
    let fields = "P-Called-Party-ID: <sip:+827012345678@x>\r\nP-Preferred-Identity: <sip:0101112222@x>\r\n";
    let invite = peer.invite(fields).replace("sip:07012345678@", "sip:account99@");
    assert_eq!(status(&peer.call(&invite)), 200);
    let call = service.calls()[0].clone();
    assert_eq!(call["trunk"], "carrier");
    assert!(call["caller"].as_str().unwrap().ends_with("22"), "{call}");
}

/// What the network says of a caller's number is kept with the call; one from abroad is told, and who shows none may be refused.
#[test]
fn what_is_said_of_a_callers_number_is_in_its_record() {
    let service = Service::start(
        "[[trunk]]\nname = \"carrier\"\nnumbers = [\"070-1234-5678\"]\nanonymous = \"refuse\"\nforeign_prefixes = [\"00700\"]\n",
    );
    for (asserted, verstat, foreign) in [
        (
            "sip:0101112222;verstat=TN-Validation-Passed@x",
            json!("TN-Validation-Passed"),
            false,
        ),
        ("sip:0070012125550100@x", json!(null), true),
        (
            "tel:+12125550100;verstat=TN-Validation-Failed",
            json!("TN-Validation-Failed"),
            true,
        ),
    ] {
        let peer = Peer::new(service.sip_udp);
        let invite = peer.invite(&format!("P-Asserted-Identity: <{asserted}>\r\n"));
        assert_eq!(status(&peer.call(&invite)), 200);
        let calls = service.calls();
        let is_it = |call: &Value| call["verstat"] == verstat && call["foreign"] == foreign;
        assert!(calls.iter().any(is_it), "{calls:?}");
    }
    let (code, body) = service.get("/api/v1/calls");
    conforms("get", "/api/v1/calls", code, &body);
    let peer = Peer::new(service.sip_udp);
    let refused = peer.ask(&peer.invite("Privacy: id\r\nP-Asserted-Identity: <sip:0101112222@x>\r\n"));
    assert_eq!(status(&refused), 433);
    assert!(refused.contains("Warning: 399 "), "{refused}");
    let (_, trunks) = service.get("/api/v1/trunks");
    assert!(trunks.contains("trunk.anonymous"), "{trunks}");
}

/// A caller without an offer, whose numbers have the extra 0 behind the country code (82 0 70), in every usual notation.
#[test]
fn a_number_is_the_same_however_the_carrier_writes_it() {
    let service = Service::start("[[trunk]]\nname = \"carrier\"\nnumbers = [\"070-1234-5678\"]\n");
    for written in ["827012345678", "8207012345678", "07012345678", "%2B827012345678"] {
        let peer = Peer::new(service.sip_udp);
        let invite = peer
            .invite("")
            .replace("sip:07012345678@", &format!("sip:{written}@"));
        assert_eq!(status(&peer.call(&invite)), 200, "{written}");
    }
}

/// A gateway that says nothing for a while, then rings and answers although it has been given up: it is hung up.
#[test]
fn a_late_answer_of_a_gateway_that_was_given_up_is_hung_up() {
    let (late, good) = (Exchange::new(), Exchange::new());
    let gateways = [&late, &good].map(|one| format!("sip:{}", one.address()));
    let service = Service::start(&Exchange::trunk(&gateways, "answer_seconds = 1"));
    let (_app, first) = call(&service, &late);
    let second = good.rings();
    second.answers();
    talks(&service);
    first.respond_with_sdp(200);
    // ACK and BYE, or the CANCEL that had waited for a response.
    let gone = first.takes(&late, "BYE");
    assert!(gone.starts_with("BYE"));
    assert!(!second.is_at(&late));
    second.hangs_up();
    service.until("it is over", || service.last_reason() == "callee_hung_up");
}

/// Twilio: PCMU before PCMA, the trunk's name there as the host, and no more calls a second than it takes.
#[test]
fn a_carrier_that_knows_the_trunk_by_a_host_name_and_counts_calls_is_called_so() {
    let exchange = Exchange::new();
    let service = Service::start(&exchange.of(
        "domain = \"omnigate.pstn.twilio.example\"\nnumber_format = \"plus\"\ncodecs = [\"pcmu\", \"pcma\"]\ncalls_per_second = 30\ncalls_per_caller = 1",
    ));
    let (_ann, there) = call(&service, &exchange);
    let invite = there.invite.lines().next().unwrap();
    assert!(
        invite.starts_with("INVITE sip:+8221234567@omnigate.pstn.twilio.example "),
        "{invite}"
    );
    assert!(there.invite.contains(" RTP/AVP 0 8 "), "{}", there.invite);
    // The number is shown by one call at a time.
    let mut bob = App::sign_in(&service, "bob");
    let offer = json!({"call_type": "sipcall", "caller": "bob", "callee": NUMBER, "record": false});
    assert_eq!(bob.request("OFFER_CALL", offer)["result"], "success");
    bob.wait_for("WS_LEAVE_NOTI");
    assert!(
        service.log().contains("trunk.calls_per_caller"),
        "{}",
        service.log()
    );
    there.refuses(486, "");
}

/// DIDWW lets a telephone ring for so long; Microsoft's Communication Services take no call before they have been asked whether they are
/// there; others say 480 where they mean 503.
#[test]
fn limits_of_a_carrier_are_kept() {
    let (first, second) = (Exchange::new(), Exchange::new());
    let gateways = [&first, &second].map(|one| format!("sip:{}", one.address()));
    let service = Service::start(&Exchange::trunk(
        &gateways,
        "options_seconds = 1\nring_seconds = 1\nnext_on = [480, 503]",
    ));
    first.is_asked();
    let (mut app, there) = call(&service, &first);
    there.refuses(480, "");
    let there = second.rings();
    there.respond(180, "");
    there.is_cancelled();
    app.wait_for("WS_LEAVE_NOTI");
    assert_eq!(service.last_reason(), "no_answer");
}

/// Swisscom: the domain is not the proxy that is called, and an INVITE must keep who calls when it is challenged; the trunk's own number
/// stands beside the one that is shown, which whoever is called does not see.
#[test]
fn who_calls_is_said_as_the_carrier_wants_it_and_again_after_a_challenge() {
    let exchange = Exchange::new();
    let settings = exchange
        .of("domain = \"carrier.example\"\nuser = \"shop\"\npassword = \"hush hush\"\npilot = \"02-000-0000\"\npilot_in = \"asserted\"\nidentity = \"preferred\"")
        .replace("callers = [", "callers = [{ number = \"02-000-0000\", proof = \"a contract\" }, ")
        .replace("key = \"demo\"", "key = \"demo\"\nwithhold_number = true");
    let service = Service::start(&settings);
    let (_app, there) = call(&service, &exchange);
    let fields = |there: &Ringing<'_>| {
        let names = ["From", "P-Asserted-Identity", "P-Preferred-Identity", "Privacy"];
        names.map(|name| {
            there
                .says_field(name)
                .unwrap()
                .split(";tag=")
                .next()
                .unwrap()
                .to_owned()
        })
    };
    let before = fields(&there);
    assert_eq!(
        before,
        [
            "\"Anonymous\" <sip:anonymous@anonymous.invalid>",
            "<sip:020000000@carrier.example>",
            "<sip:07012345678@carrier.example>",
            "id"
        ]
    );
    there.refuses(
        407,
        "Proxy-Authenticate: Digest realm=\"carrier.example\", nonce=\"abc\", qop=\"auth\"\r\n",
    );
    let again = exchange.rings();
    assert!(again.says_field("Proxy-Authorization").is_some());
    assert_eq!(fields(&again), before);
    again.refuses(486, "");
}

/// A carrier that forwards by 302: the number is called by our own rules, at our own gateways, and the next INVITE says who was
/// called before.
#[test]
fn a_call_that_is_sent_elsewhere_follows_where_its_service_may_call() {
    let exchange = Exchange::new();
    let service =
        Service::start(&exchange.of("redirects = true\nemergency = true\nforward = \"history-info\""));
    let (mut app, there) = call(&service, &exchange);
    there.respond(180, "");
    // The first one may not be called; the best one is tried first.
    let contacts = "Contact: <sip:0317654321;npdi@192.0.2.99>;q=0.5, <sip:+12125550100@192.0.2.99>;q=0.9\r\n";
    there.refuses(302, contacts);
    let next = exchange.rings();
    let invite = next.invite.lines().next().unwrap();
    let host = exchange.address().to_string();
    assert!(
        invite.starts_with(&format!("INVITE sip:0317654321@{host}")),
        "{invite}"
    );
    let history = next.says_field("History-Info").unwrap();
    assert!(
        history.starts_with("<sip:021234567@")
            && history.contains("?Reason=SIP%3Bcause%3D302>;index=1,")
            && history.contains("<sip:0317654321@"),
        "{history}"
    );
    next.respond(180, "");
    next.answers();
    talks(&service);
    app.request("LEAVE", json!({}));
    next.is_hung_up();
    let sent_to = service.calls()[0]["sent_to"].clone();
    assert!(sent_to.as_str().unwrap().starts_with("8231"), "{sent_to}");
    let (code, body) = service.get("/api/v1/calls");
    conforms("get", "/api/v1/calls", code, &body);
    // Abroad its service may not call, back to where it was it does not go, and nobody is sent to the police.
    for contact in [
        "sip:+12125550100@192.0.2.99",
        "tel:+8221234567",
        "sip:112@192.0.2.99",
    ] {
        let (mut app, there) = call(&service, &exchange);
        there.refuses(302, &format!("Contact: <{contact}>\r\n"));
        app.wait_for("WS_LEAVE_NOTI");
        assert!(
            exchange.is_silent_for(std::time::Duration::from_millis(300)),
            "{contact}"
        );
    }
}
