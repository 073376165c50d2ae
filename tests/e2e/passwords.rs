//! Callers with a name and a password, from anywhere: who has it calls, who has not leaves nothing and learns nothing.

use crate::harness::Service;
use crate::raw_sip::{Peer, request, status};
use crate::sipp::sipp;
use crate::softphone::{Softphone, is_spoken_to};
use omnigate_sip::Random;
use omnigate_sip::digest::{Client, Credentials};
use omnigate_sip::message::{Message, Request, Response, parse};
use std::time::Duration;

const TRUNK: &str = "[[trunk]]\nname = \"pbx\"\nallow = []\nmedia = [\"127.0.0.0/8\"]\nusers = [{ user = \"seoul\", password = \"Xk3-secret-q9\" }]\n";

fn outcomes(service: &Service, outcome: &str) -> f64 {
    service.metric(&format!("omnigate_sip_digest_total{{kind=\"{outcome}\"}}"))
}

#[test]
fn who_has_the_password_calls_from_anywhere_and_others_do_not() {
    let service = Service::start(TRUNK);
    let with = |user, password| ["-au", user, "-ap", password];
    sipp(&service, "authenticated")
        .with(&with("seoul", "Xk3-secret-q9"))
        .passes();
    assert_eq!(service.last_reason(), "caller_hung_up");
    assert_eq!(service.calls()[0]["trunk"], "pbx");
    assert_eq!(outcomes(&service, "accepted"), 1.0);
    for (user, password) in [("seoul", "wrong"), ("busan", "Xk3-secret-q9")] {
        sipp(&service, "authenticated_wrong")
            .with(&with(user, password))
            .passes();
    }
    assert_eq!(outcomes(&service, "denied"), 2.0);
    assert_eq!(service.calls().len(), 1);
    let log = service.log();
    assert!(log.contains("\"message\":\"SIP authentication failed\",\"source\":\"127.0.0.1\""));
    assert!(!log.contains("Xk3-secret-q9"), "the password is in the log");
}

#[test]
fn a_call_with_a_password_may_come_by_a_stream_and_last() {
    let service = Service::start(TRUNK);
    sipp(&service, "authenticated")
        .tcp()
        .with(&["-au", "seoul", "-ap", "Xk3-secret-q9"])
        .passes();
    assert_eq!(service.last_reason(), "caller_hung_up");
}

#[test]
fn a_phone_of_somebody_elses_calls_with_a_password() {
    let service = Service::start(TRUNK);
    let uri = format!("sip:07012345678@{}", service.sip_udp);
    let wrong = Softphone::dial_with_password(&service, &uri, ("seoul", "wrong"));
    assert!(wrong.is_err());
    let right = ("seoul", "Xk3-secret-q9");
    let mut phone =
        Softphone::dial_with_password(&service, &uri, right).unwrap_or_else(|said| panic!("{said:#?}"));
    let sent = || service.metric("omnigate_rtp_sent_packets_total");
    service.until("two seconds have been said", || sent() >= 100.0);
    phone.press("1");
    let heard = phone.hang_up();
    is_spoken_to("with a password", &heard);
    assert_eq!(service.last_reason(), "caller_hung_up");
}

fn parsed(text: &str) -> (Option<Request>, Option<Response>) {
    match parse(text.as_bytes()).unwrap() {
        Message::Request(request) => (Some(request), None),
        Message::Response(response) => (None, Some(response)),
    }
}

#[test]
fn a_stranger_gets_one_401_and_a_copied_answer_is_worth_nothing() {
    let service = Service::start(&format!("sip.digest = [\"sha-256\", \"md5\"]\n{TRUNK}"));
    let (peer, thief) = (Peer::new(service.sip_udp), Peer::new(service.sip_udp));
    let silent = |line: &str, method: &str| {
        thief.send(request(line, method, &thief.via(), "", "").as_bytes());
        assert!(
            thief.collect(Duration::from_millis(200), |_| false).is_empty(),
            "{method}"
        );
    };
    silent("OPTIONS sip:omnigate@127.0.0.1 SIP/2.0", "OPTIONS");
    silent("REGISTER sip:127.0.0.1 SIP/2.0", "REGISTER");

    let invite = peer.invite("");
    peer.send(invite.as_bytes());
    let came = peer.collect(Duration::from_millis(1_500), |_| false);
    assert_eq!(came.len(), 1, "it is not sent again: {came:?}");
    assert_eq!(status(&came[0]), 401);
    assert!(
        came[0].contains("algorithm=SHA-256") && came[0].contains("algorithm=MD5"),
        "{}",
        came[0]
    );

    // An answer that is good, and the same again from elsewhere: it is asked anew, and is no call.
    let (asked, challenge) = (parsed(&invite).0.unwrap(), parsed(&came[0]).1.unwrap());
    let mut client = Client::new([Credentials::new("seoul", "Xk3-secret-q9")]);
    client
        .challenged(&asked, &challenge, &mut Random::new(1))
        .unwrap();
    let mut authorized = asked.clone();
    client.authorize(&mut authorized);
    let with = |via: &str| {
        let mut again = authorized.clone();
        again.headers.set(omnigate_sip::message::Name::Via, via);
        String::from_utf8(again.to_bytes()).unwrap()
    };
    peer.call(&with(&format!("{}x", peer.via())));
    let copied = with(&thief.via());
    thief.send(copied.as_bytes());
    let came = thief.collect(Duration::from_secs(1), |came| !came.is_empty());
    assert_eq!(status(&came[0]), 401);
    assert!(came[0].contains("stale=true"), "{}", came[0]);
    assert_eq!(outcomes(&service, "accepted"), 1.0);
    drop(peer);
    assert_eq!(service.last_reason(), "caller_hung_up");
}

#[test]
fn who_guesses_is_left_in_silence() {
    let service = Service::start(TRUNK);
    let with = ["-au", "seoul", "-ap", "wrong", "-m", "10", "-r", "2"];
    sipp(&service, "authenticated_wrong").with(&with).passes();
    assert_eq!(outcomes(&service, "denied"), 10.0);
    let peer = Peer::new(service.sip_udp);
    service.until("it is left in silence", || {
        peer.send(peer.invite("").as_bytes());
        assert!(peer.collect(Duration::from_millis(300), |_| false).is_empty());
        outcomes(&service, "over_budget") >= 1.0
    });
}
