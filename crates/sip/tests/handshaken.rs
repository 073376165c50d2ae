//! Keys by a DTLS handshake in descriptions: who begins, whose certificate, in which profile, and what is refused (RFC 5763).
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use omnigate_sip::dtls::Association;
use omnigate_sip::keying::{KeyWay, Keying};
use omnigate_sip::sdes::Secrecy;
use omnigate_sip::{Agreed, LocalMedia, MediaTerms, Negotiator, Refusal};
use omnigate_srtp::{Fingerprint, FingerprintError, HashFunction, MasterKey, Role, Suite};
use std::net::IpAddr;

const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, 7));
const CRYPTO: &str = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj\r\n";
const SHA1: &str = "a=fingerprint:sha-1 4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB\r\n";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Sdes,
    Dtls,
}
use Way::{Dtls, Sdes};

fn ours() -> Fingerprint {
    Fingerprint::of(HashFunction::Sha256, b"ours")
}

fn theirs() -> Fingerprint {
    Fingerprint::of(HashFunction::Sha256, b"theirs")
}

/// A session with a side whose SIP comes from `peer`.
fn session(secrecy: Secrecy, ways: &[Way], peer: IpAddr) -> Negotiator {
    let local = LocalMedia {
        ip: IpAddr::from([192, 0, 2, 9]),
        port: 20_000,
    };
    let way = |way: &Way| match way {
        Sdes => KeyWay::Sdes(
            Suite::IN_SDP
                .map(|suite| MasterKey::random(suite).unwrap())
                .into(),
        ),
        Dtls => KeyWay::Dtls {
            fingerprint: ours(),
            peer: Some(peer),
        },
    };
    let terms = MediaTerms {
        secrecy,
        ways: ways.iter().map(way).collect(),
        ..MediaTerms::default()
    };
    Negotiator::new(local, 42, terms)
}

fn trunk(secrecy: Secrecy, ways: &[Way]) -> Negotiator {
    session(secrecy, ways, THERE)
}

fn description(session: &str, profile: &str, lines: &str) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n{session}m=audio 4000 {profile} \
         8\r\n{lines}"
    )
}

fn attributes(setup: &str) -> String {
    format!("a=fingerprint:{}\r\na=setup:{setup}\r\n", theirs())
}

fn with(setup: &str) -> String {
    description("", "UDP/TLS/RTP/SAVP", &attributes(setup))
}

fn association(agreed: &Agreed) -> Association {
    match agreed.srtp.as_deref() {
        Some(Keying::Dtls(association)) => association.clone(),
        other => panic!("{other:?}"),
    }
}

fn lines<'a>(text: &'a str, start: &str) -> Vec<&'a str> {
    text.lines().filter(|line| line.starts_with(start)).collect()
}

fn says(text: &str, setup: &str) {
    assert_eq!(
        lines(text, "a=fingerprint"),
        [format!("a=fingerprint:{}", ours())]
    );
    assert_eq!(lines(text, "a=setup"), [format!("a=setup:{setup}")]);
}

#[test]
fn an_offer_is_answered_in_its_profile_with_our_fingerprint_and_the_role_that_it_leaves() {
    for secrecy in [Secrecy::Optional, Secrecy::Required] {
        for profile in ["UDP/TLS/RTP/SAVP", "UDP/TLS/RTP/SAVPF", "RTP/SAVP", "RTP/AVP"] {
            for (setup, role, answered) in [
                ("actpass", Role::Active, "active"),
                ("active", Role::Passive, "passive"),
                ("passive", Role::Active, "active"),
            ] {
                let offer = description("", profile, &attributes(setup));
                let (answer, agreed) = trunk(secrecy, &[Dtls]).answer(offer.as_bytes()).unwrap();
                assert_eq!(lines(&answer, "m="), [format!("m=audio 20000 {profile} 8")]);
                says(&answer, answered);
                assert!(!answer.contains("rtcp-mux") && !answer.contains("crypto"));
                let association = association(&agreed);
                assert_eq!(association.role, role);
                assert_eq!(*association.fingerprints, [theirs()]);
                assert!(!association.due);
            }
        }
    }
}

/// What we send may not get behind a NAT before it has sent something itself.
#[test]
fn a_side_whose_media_are_elsewhere_than_its_sip_begins_itself() {
    let mut behind_nat = session(Secrecy::Required, &[Dtls], IpAddr::from([203, 0, 113, 5]));
    let (answer, agreed) = behind_nat.answer(with("actpass").as_bytes()).unwrap();
    says(&answer, "passive");
    assert_eq!(association(&agreed).role, Role::Passive);
    // What it says itself is followed.
    let (answer, _) = session(Secrecy::Required, &[Dtls], IpAddr::from([203, 0, 113, 5]))
        .answer(with("passive").as_bytes())
        .unwrap();
    says(&answer, "active");
}

#[test]
fn what_the_session_says_counts_for_its_line_unless_that_says_something_else() {
    let other = Fingerprint::of(HashFunction::Sha512, b"another");
    let session = format!("a=fingerprint:{other}\r\na=setup:passive\r\n");
    let offer = description(&session, "UDP/TLS/RTP/SAVP", "");
    let (answer, agreed) = trunk(Secrecy::Required, &[Dtls])
        .answer(offer.as_bytes())
        .unwrap();
    says(&answer, "active");
    assert_eq!(*association(&agreed).fingerprints, [other]);
    let offer = description(&session, "UDP/TLS/RTP/SAVP", &attributes("active"));
    let (answer, agreed) = trunk(Secrecy::Required, &[Dtls])
        .answer(offer.as_bytes())
        .unwrap();
    says(&answer, "passive");
    assert_eq!(*association(&agreed).fingerprints, [theirs()]);
}

#[test]
fn one_port_for_rtp_and_rtcp_is_taken_where_there_is_a_handshake() {
    let offer = description(
        "",
        "UDP/TLS/RTP/SAVP",
        &format!("{}a=rtcp-mux\r\n", attributes("actpass")),
    );
    let (answer, agreed) = trunk(Secrecy::Required, &[Dtls])
        .answer(offer.as_bytes())
        .unwrap();
    assert_eq!(lines(&answer, "a=rtcp-mux").len(), 1);
    assert!(agreed.is_muxed());
    let (_, apart) = trunk(Secrecy::Required, &[Dtls])
        .answer(with("actpass").as_bytes())
        .unwrap();
    assert!(!apart.is_muxed());
    let plain = description("", "RTP/AVP", "a=rtcp-mux\r\n");
    let (answer, agreed) = trunk(Secrecy::Optional, &[Dtls])
        .answer(plain.as_bytes())
        .unwrap();
    assert!(!answer.contains("rtcp-mux") && !agreed.is_muxed());
}

#[test]
fn what_cannot_be_taken_is_refused_with_its_reason() {
    let refused =
        |secrecy, ways: &[Way], offer: &str| trunk(secrecy, ways).answer(offer.as_bytes()).unwrap_err();
    let weak = description("", "UDP/TLS/RTP/SAVP", &format!("{SHA1}a=setup:actpass\r\n"));
    for secrecy in [Secrecy::Optional, Secrecy::Required] {
        assert_eq!(
            refused(secrecy, &[Dtls], &weak),
            Refusal::Fingerprint(FingerprintError::Hash("sha-1".to_owned()))
        );
    }
    let cut = description(
        "",
        "UDP/TLS/RTP/SAVP",
        "a=fingerprint:sha-256 AA:BB\r\na=setup:actpass\r\n",
    );
    assert!(matches!(
        refused(Secrecy::Required, &[Dtls], &cut),
        Refusal::Fingerprint(FingerprintError::Malformed { expected: 32 })
    ));
    // A better one beside it is enough.
    let both = description(
        "",
        "UDP/TLS/RTP/SAVP",
        &format!("{SHA1}{}", attributes("actpass")),
    );
    assert!(trunk(Secrecy::Required, &[Dtls]).answer(both.as_bytes()).is_ok());
    let none = description("", "UDP/TLS/RTP/SAVP", "a=setup:actpass\r\n");
    let why = refused(Secrecy::Required, &[Dtls], &none).to_string();
    assert!(
        why.contains("must be sealed here: UDP/TLS/RTP/SAVP with a=fingerprint"),
        "{why}"
    );
    for ways in [&[Dtls][..], &[Sdes, Dtls]] {
        let plain = description("", "RTP/AVP", "");
        assert!(matches!(
            refused(Secrecy::Required, ways, &plain),
            Refusal::SealedOnly(_)
        ));
    }
    assert!(matches!(
        refused(Secrecy::Required, &[Dtls], &with("holdconn")),
        Refusal::SealedOnly(_)
    ));
    // Whoever does not want it does not have it.
    for (secrecy, ways) in [(Secrecy::Off, &[Dtls][..]), (Secrecy::Optional, &[Sdes])] {
        let why = refused(secrecy, ways, &with("actpass"));
        assert!(matches!(why, Refusal::NotAcceptable { code: 304, .. }), "{why}");
        assert!(!why.to_string().contains("UDP/TLS/RTP/SAVP or"), "{why}");
    }
}

#[test]
fn of_both_ways_in_one_line_ours_that_stands_first_is_gone() {
    let offer = description("", "RTP/AVP", &format!("{CRYPTO}{}", attributes("actpass")));
    let taken = |ways: &[Way]| trunk(Secrecy::Optional, ways).answer(offer.as_bytes()).unwrap();
    for (ways, dtls) in [
        (&[Sdes, Dtls][..], false),
        (&[Dtls, Sdes], true),
        (&[Dtls], true),
        (&[Sdes], false),
    ] {
        let (answer, agreed) = taken(ways);
        assert_eq!(
            matches!(agreed.srtp.as_deref(), Some(Keying::Dtls(_))),
            dtls,
            "{ways:?}"
        );
        assert_eq!(answer.contains("a=fingerprint"), dtls);
        assert_eq!(answer.contains("a=crypto"), !dtls);
    }
    // Keys in SDP are none of a line whose profile says that a handshake makes them.
    let dtls = description(
        "",
        "UDP/TLS/RTP/SAVP",
        &format!("{CRYPTO}{}", attributes("actpass")),
    );
    let (answer, _) = trunk(Secrecy::Optional, &[Sdes, Dtls])
        .answer(dtls.as_bytes())
        .unwrap();
    assert!(!answer.contains("a=crypto"));
}

#[test]
fn an_offer_of_ours_leaves_it_to_the_other_side_who_begins() {
    for (secrecy, ways, profile, crypto, dtls) in [
        (Secrecy::Required, &[Dtls][..], "UDP/TLS/RTP/SAVP", false, true),
        (Secrecy::Required, &[Dtls, Sdes], "UDP/TLS/RTP/SAVP", false, true),
        (Secrecy::Required, &[Sdes, Dtls], "RTP/SAVP", true, false),
        (Secrecy::Optional, &[Dtls], "RTP/AVP", false, true),
        (Secrecy::Optional, &[Sdes, Dtls], "RTP/AVP", true, true),
        (Secrecy::Off, &[Sdes, Dtls], "RTP/AVP", false, false),
    ] {
        let offer = trunk(secrecy, ways).offer();
        assert!(
            lines(&offer, "m=")[0].starts_with(&format!("m=audio 20000 {profile} 8")),
            "{offer}"
        );
        assert_eq!(offer.contains("a=crypto"), crypto, "{offer}");
        if dtls {
            says(&offer, "actpass");
        }
        assert_eq!(offer.contains("a=fingerprint"), dtls, "{offer}");
        assert_eq!(offer.contains("a=rtcp-mux"), dtls, "{offer}");
    }
    for (setup, role) in [
        ("a=setup:active\r\n", Role::Passive),
        ("a=setup:passive\r\n", Role::Active),
        // Neither is an answer, and both are seen.
        ("a=setup:actpass\r\n", Role::Passive),
        ("", Role::Passive),
    ] {
        let mut ours = trunk(Secrecy::Required, &[Dtls]);
        ours.offer();
        let answer = description(
            "",
            "UDP/TLS/RTP/SAVP",
            &format!("a=fingerprint:{}\r\n{setup}", theirs()),
        );
        let agreed = ours.accept(answer.as_bytes()).unwrap();
        assert_eq!(association(&agreed).role, role, "{setup}");
        assert!(!agreed.is_muxed());
    }
    let mut ours = trunk(Secrecy::Optional, &[Dtls]);
    ours.offer();
    let plain = description("", "RTP/AVP", "a=rtcp-mux\r\n");
    let agreed = ours.accept(plain.as_bytes()).unwrap();
    assert!(agreed.srtp.is_none() && agreed.is_muxed());
    assert!(!ours.offer().contains("fingerprint"), "the session is plain");
}

#[test]
fn an_answer_by_keys_that_were_not_offered_is_refused() {
    let mut ours = trunk(Secrecy::Required, &[Dtls, Sdes]);
    ours.offer();
    let answer = description("", "RTP/SAVP", CRYPTO);
    assert!(matches!(
        ours.accept(answer.as_bytes()),
        Err(Refusal::SealedOnly(_))
    ));
}

/// Each telephone of a call that forks answers the one offer, and the one that answers last is the one that is there.
#[test]
fn each_answer_of_a_fork_is_judged_by_the_offer_and_not_by_the_answer_before_it() {
    let plain = description("", "RTP/AVP", "");
    let by_dtls = description("", "RTP/AVP", &attributes("active"));
    let by_sdes = description("", "RTP/AVP", CRYPTO);
    let mut ours = trunk(Secrecy::Optional, &[Sdes, Dtls]);
    ours.offer();
    let mut answer = |text: &str| ours.accept(text.as_bytes()).unwrap().srtp;
    assert!(answer(&plain).is_none());
    assert!(matches!(answer(&by_sdes).as_deref(), Some(Keying::Sdes(_))));
    assert!(matches!(answer(&by_dtls).as_deref(), Some(Keying::Dtls(_))));
    assert!(matches!(answer(&by_sdes).as_deref(), Some(Keying::Sdes(_))));
    let offer = ours.offer();
    assert!(
        offer.contains("a=crypto") && !offer.contains("fingerprint"),
        "the session goes the way of the last answer: {offer}"
    );
}

#[test]
fn a_fork_may_have_its_reports_on_a_port_of_their_own_after_one_that_has_not() {
    let mut ours = trunk(Secrecy::Optional, &[Dtls]);
    ours.offer();
    let mut is_muxed = |more: &str| {
        let answer = description("", "RTP/AVP", &format!("{}{more}", attributes("active")));
        ours.accept(answer.as_bytes()).unwrap().is_muxed()
    };
    assert!(!is_muxed(""));
    assert!(is_muxed("a=rtcp-mux\r\n"));
    assert!(!is_muxed(""));
}

#[test]
fn of_many_fingerprints_the_first_eight_are_read() {
    let many: String = (0..100)
        .map(|n: u32| format!("a=fingerprint:{}\r\n", of(&n.to_be_bytes())))
        .collect();
    let setup = "a=setup:active\r\n";
    for (session, line) in [("", format!("{many}{setup}")), (many.as_str(), setup.to_owned())] {
        let offer = description(session, "UDP/TLS/RTP/SAVP", &line);
        let (_, agreed) = trunk(Secrecy::Required, &[Dtls])
            .answer(offer.as_bytes())
            .unwrap();
        assert_eq!(association(&agreed).fingerprints.len(), 8);
    }
}

#[test]
fn who_has_begun_stays_the_one_that_began_and_a_new_certificate_begins_anew() {
    let mut ours = trunk(Secrecy::Required, &[Dtls]);
    let (_, first) = ours.answer(with("active").as_bytes()).unwrap();
    // It leaves the role to us now; there is no new handshake.
    let (answer, again) = ours.answer(with("actpass").as_bytes()).unwrap();
    says(&answer, "passive");
    assert_eq!(association(&first), association(&again));
    // Our own offer, of a refresh, speaks of the same way.
    let offer = ours.offer();
    says(&offer, "actpass");
    assert!(lines(&offer, "m=")[0].contains("UDP/TLS/RTP/SAVP"), "{offer}");
    assert!(!offer.contains("rtcp-mux"), "there are two ports");
    let agreed = ours.accept(with("active").as_bytes()).unwrap();
    assert_eq!(association(&first), association(&agreed));
    let other = with("actpass").replace(&theirs().to_string(), &of(b"a new one").to_string());
    let (answer, agreed) = ours.answer(other.as_bytes()).unwrap();
    says(&answer, "active");
    assert_eq!(*association(&agreed).fingerprints, [of(b"a new one")]);
}

fn of(certificate: &[u8]) -> Fingerprint {
    Fingerprint::of(HashFunction::Sha256, certificate)
}
