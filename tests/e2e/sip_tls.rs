//! SIP over TLS, towards those who call: whose certificate is taken, what is told when none is, and a certificate that is
//! replaced under a running call.

use crate::authority::{Authority, Pair};
use crate::harness::Service;
use crate::softphone::{Softphone, Trust, is_spoken_to};
use std::io::Write;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::Duration;

/// A service with this certificate by TLS; `trunk` says who may come.
fn service(authority: &Authority, shown: &Pair, trunk: &str) -> Service {
    Service::start(&format!(
        "sip.listen = [\"udp://127.0.0.1:0\", \"tcp://127.0.0.1:0\", \"tls://127.0.0.1:0\"]\n[sip.tls]\n{}ca = \"{}\"\n{trunk}",
        shown.keys(),
        authority.file().display()
    ))
}

/// Only who shows a certificate with this name.
const CERTIFIED: &str = "[[trunk]]\nname = \"carrier\"\nallow = []\nmedia = [\"127.0.0.0/8\"]\ntls.peer = [\"sbc.carrier.example\"]\n";

pub fn handshakes(service: &Service, side: &str, outcome: &str) -> f64 {
    service.metric(&format!(
        "omnigate_sip_tls_handshakes_total{{side=\"{side}\",outcome=\"{outcome}\"}}"
    ))
}

/// What openssl's client says, who asks with OPTIONS; it trusts this authority.
fn openssl(to: SocketAddr, authority: &Authority, more: &[&str]) -> String {
    let mut child = Command::new("timeout")
        .args(["10", "openssl", "s_client", "-connect", &to.to_string()])
        .args(["-verify_return_error", "-CAfile"])
        .arg(authority.file())
        .args(more)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let options = "OPTIONS sip:omnigate@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TLS 127.0.0.1:9;branch=z9hG4bKs\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: s\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 5\r\nContent-Length: 0\r\n\r\n";
    let mut input = child.stdin.take().unwrap();
    let _ = input.write_all(options.as_bytes());
    // As long as its input is open it waits for the answer.
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_secs(2));
        drop(input);
    });
    let output = child.wait_with_output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn shows(pair: &Pair) -> [String; 4] {
    let text = |path: &std::path::Path| path.display().to_string();
    [
        "-cert".into(),
        text(&pair.certificate),
        "-key".into(),
        text(&pair.key),
    ]
}

#[test]
fn tls_1_2_and_1_3_are_spoken_and_nothing_older() {
    let authority = Authority::new();
    let service = service(&authority, &authority.signs("127.0.0.1"), "");
    let to = service.sip_tls.unwrap();
    for version in ["-tls1_2", "-tls1_3"] {
        let said = openssl(to, &authority, &[version, "-verify_ip", "127.0.0.1"]);
        assert!(said.contains("SIP/2.0 200 OK"), "{version}: {said}");
        assert!(said.contains("Verification: OK"), "{version}: {said}");
    }
    let old = ["-tls1_1", "-cipher", "DEFAULT:@SECLEVEL=0"];
    let said = openssl(to, &authority, &old);
    assert!(!said.contains("SIP/2.0"), "{said}");
    service.until("it is counted", || {
        handshakes(&service, "accept", "nothing_in_common") == 1.0
    });
    assert_eq!(handshakes(&service, "accept", "ok"), 2.0);
}

#[test]
fn where_1_3_is_the_least_nothing_older_is_spoken() {
    let authority = Authority::new();
    let service = service(&authority, &authority.signs("127.0.0.1"), "minimum = \"1.3\"\n");
    let to = service.sip_tls.unwrap();
    let said = openssl(to, &authority, &["-tls1_3", "-verify_ip", "127.0.0.1"]);
    assert!(said.contains("SIP/2.0 200 OK"), "{said}");
    let said = openssl(to, &authority, &["-tls1_2"]);
    assert!(!said.contains("SIP/2.0"), "{said}");
    service.until("it is counted", || {
        handshakes(&service, "accept", "nothing_in_common") == 1.0
    });
}

#[test]
fn who_comes_with_a_certificate_is_its_trunk_and_who_does_not_hears_and_is_told_why() {
    let (authority, other) = (Authority::new(), Authority::new());
    let ask = |service: &Service, pair: Option<&Pair>| {
        let more = pair.map(shows);
        let more: Vec<&str> = more.iter().flatten().map(String::as_str).collect();
        openssl(service.sip_tls.unwrap(), &authority, &more)
    };
    let friendly = service(&authority, &authority.signs("127.0.0.1"), CERTIFIED);
    let said = ask(&friendly, Some(&authority.signs("sbc.carrier.example")));
    assert!(said.contains("SIP/2.0 200 OK"), "{said}");
    assert_eq!(handshakes(&friendly, "accept", "ok"), 1.0);
    for (pair, outcome, words) in [
        (
            None,
            "no_certificate",
            "they show no certificate, or none of a trunk",
        ),
        (
            Some(authority.signs("sbc.other.example")),
            "no_certificate",
            "they show no certificate, or none of a trunk",
        ),
        (
            Some(authority.signed_once("sbc.carrier.example")),
            "expired",
            "their certificate has expired",
        ),
        (
            Some(other.signs("sbc.carrier.example")),
            "unknown_authority",
            "their certificate is of an authority that is not trusted",
        ),
    ] {
        let service = service(&authority, &authority.signs("127.0.0.1"), CERTIFIED);
        let said = ask(&service, pair.as_ref());
        assert!(!said.contains("SIP/2.0 200"), "{outcome}: {said}");
        service.until(outcome, || handshakes(&service, "accept", outcome) == 1.0);
        assert!(service.log().contains(words), "{}", service.log());
    }
}

#[test]
fn a_phone_of_somebody_elses_calls_by_tls_and_the_certificate_is_replaced_meanwhile() {
    let authority = Authority::new();
    let shown = authority.signs("127.0.0.1");
    let service = service(&authority, &shown, CERTIFIED);
    let to = service.sip_tls.unwrap();
    let trust = Trust {
        authority: authority.file(),
        shown: Some(
            authority
                .signs("sbc.carrier.example")
                .joined(&authority.dir.join("phone.pem")),
        ),
    };
    let uri = format!("sip:07012345678@{to};transport=tls");
    let mut phone = Softphone::dial_by_tls(&service, "01012345678", &uri, &trust);

    let sent = || service.metric("omnigate_rtp_sent_packets_total");
    service.until("two seconds have been said", || sent() >= 100.0);

    // The old one is gone; new connections get the new one, and the call goes on.
    let serial = |said: &str| {
        let line = said
            .lines()
            .find(|line| line.contains("serial") || line.starts_with("MII"));
        line.map(str::to_owned)
    };
    let before = openssl(to, &authority, &[]);
    authority.signs("127.0.0.1");
    service.signal("HUP");
    service.until("it is read", || {
        service.log().contains("the certificate just read")
    });
    let after = openssl(to, &authority, &[]);
    assert!(
        serial(&before).is_some() && serial(&before) != serial(&after),
        "{after}"
    );

    phone.press("1");
    let keys = || service.metric("omnigate_digits_total{kind=\"rfc4733\"}");
    service.until("the key has come", || keys() > 0.0);
    let heard = phone.hang_up();
    is_spoken_to("by TLS", &heard);
    assert_eq!(service.last_reason(), "caller_hung_up");
    assert_eq!(service.calls()[0]["trunk"], "carrier");
}
