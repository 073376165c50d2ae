//! Sealed media in descriptions: whose keys, in which profile, and what is refused (RFC 4568).
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use omnigate_sip::keying::{KeyWay, Keying};
use omnigate_sip::sdes::Secrecy;
use omnigate_sip::{Agreed, LocalMedia, MediaTerms, Negotiator, Refusal};
use omnigate_srtp::{Keys, MasterKey, Suite};
use std::net::IpAddr;

const CM: &str = "AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj";
const OTHER_CM: &str = "AES_CM_128_HMAC_SHA1_80 inline:PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR";

fn trunk(secrecy: Secrecy) -> Negotiator {
    with_terms(secrecy, false)
}

fn with_terms(secrecy: Secrecy, to_the_edge: bool) -> Negotiator {
    let local = LocalMedia {
        ip: IpAddr::from([192, 0, 2, 9]),
        port: 20_000,
    };
    let keys = Suite::IN_SDP.map(|suite| MasterKey::random(suite).unwrap());
    let terms = MediaTerms {
        secrecy,
        ways: [KeyWay::Sdes(keys.into())].into(),
        to_the_edge,
        ..MediaTerms::default()
    };
    Negotiator::new(local, 42, terms)
}

fn keys(agreed: &Agreed) -> Keys {
    match agreed.srtp.as_deref() {
        Some(Keying::Sdes(keys)) => keys.clone(),
        other => panic!("{other:?}"),
    }
}

fn description(lines: &str) -> String {
    format!("v=0\r\no=- 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n{lines}")
}

fn plain() -> String {
    description("m=audio 4000 RTP/AVP 8\r\n")
}

fn sealed(profile: &str, crypto: &str) -> String {
    description(&format!("m=audio 4000 {profile} 8\r\na=crypto:7 {crypto}\r\n"))
}

fn lines<'a>(text: &'a str, start: &str) -> Vec<&'a str> {
    text.lines().filter(|line| line.starts_with(start)).collect()
}

#[test]
fn a_sealed_offer_is_answered_with_our_key_of_its_suite_under_its_tag() {
    for secrecy in [Secrecy::Optional, Secrecy::Required] {
        for profile in ["RTP/SAVP", "RTP/SAVPF", "RTP/AVP"] {
            let (answer, agreed) = trunk(secrecy).answer(sealed(profile, CM).as_bytes()).unwrap();
            let keys = keys(&agreed);
            assert_eq!(lines(&answer, "m="), [format!("m=audio 20000 {profile} 8")]);
            let ours = format!(
                "a=crypto:7 AES_CM_128_HMAC_SHA1_80 inline:{}",
                keys.send.to_base64()
            );
            assert_eq!(lines(&answer, "a=crypto"), [ours]);
            assert!(CM.ends_with(&keys.receive.to_base64()));
        }
    }
}

#[test]
fn what_must_be_sealed_and_is_not_is_refused_and_what_need_not_be_is_taken() {
    let refused = |secrecy, offer: &str| trunk(secrecy).answer(offer.as_bytes()).unwrap_err();
    assert!(matches!(
        refused(Secrecy::Required, &plain()),
        Refusal::SealedOnly(_)
    ));
    let weak = sealed("RTP/SAVP", &CM.replace("_80", "_32"));
    assert!(matches!(
        refused(Secrecy::Required, &weak),
        Refusal::SealedOnly(_)
    ));
    let identified = sealed("RTP/SAVP", &format!("{CM}|2^20|1:4"));
    assert!(matches!(
        refused(Secrecy::Required, &identified),
        Refusal::SealedOnly(_)
    ));
    for secrecy in [Secrecy::Off, Secrecy::Optional] {
        assert!(matches!(
            refused(secrecy, &weak),
            Refusal::NotAcceptable { code: 304, .. }
        ));
        let (answer, agreed) = trunk(secrecy).answer(plain().as_bytes()).unwrap();
        assert!(agreed.srtp.is_none() && !answer.contains("crypto"));
    }
    let off = refused(Secrecy::Off, &sealed("RTP/SAVP", CM));
    assert!(matches!(off, Refusal::NotAcceptable { code: 304, .. }));
}

#[test]
fn of_a_plain_and_a_sealed_line_the_sealed_one_is_taken() {
    let both = description(&format!(
        "m=audio 4000 RTP/AVP 8\r\nm=audio 4002 RTP/SAVP 8\r\na=crypto:1 {CM}\r\n"
    ));
    let (answer, agreed) = trunk(Secrecy::Optional).answer(both.as_bytes()).unwrap();
    assert_eq!(
        lines(&answer, "m="),
        ["m=audio 0 RTP/AVP 8", "m=audio 20000 RTP/SAVP 8"]
    );
    assert!(agreed.srtp.is_some());
    let (answer, _) = trunk(Secrecy::Off).answer(both.as_bytes()).unwrap();
    assert_eq!(
        lines(&answer, "m="),
        ["m=audio 20000 RTP/AVP 8", "m=audio 0 RTP/SAVP 8"]
    );
}

#[test]
fn an_offer_of_ours_has_a_key_of_each_suite_and_the_answer_chooses() {
    for (secrecy, profile) in [(Secrecy::Optional, "RTP/AVP"), (Secrecy::Required, "RTP/SAVP")] {
        let mut ours = trunk(secrecy);
        let offer = ours.offer();
        assert!(
            lines(&offer, "m=")[0].starts_with(&format!("m=audio 20000 {profile} 8 0")),
            "{offer}"
        );
        let crypto = lines(&offer, "a=crypto");
        assert!(
            crypto[0].starts_with("a=crypto:1 AEAD_AES_128_GCM inline:"),
            "{offer}"
        );
        assert!(
            crypto[1].starts_with("a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:"),
            "{offer}"
        );
        let agreed = ours.accept(sealed(profile, CM).as_bytes()).unwrap();
        assert!(crypto[1].ends_with(&keys(&agreed).send.to_base64()));
    }
    assert!(!trunk(Secrecy::Off).offer().contains("crypto"));
    let mut optional = trunk(Secrecy::Optional);
    optional.offer();
    assert!(optional.accept(plain().as_bytes()).unwrap().srtp.is_none());
    assert!(!optional.offer().contains("crypto"), "the session is plain");
    let mut required = trunk(Secrecy::Required);
    required.offer();
    let refused = required.accept(plain().as_bytes());
    assert!(matches!(refused, Err(Refusal::SealedOnly(_))), "{refused:?}");
}

#[test]
fn an_offer_asks_to_be_sealed_up_to_the_edge_where_that_is_wanted_and_an_answer_does_not() {
    let mut ours = trunk(Secrecy::Optional);
    assert!(!ours.offer().contains("3ge2ae"));
    let with = |secrecy| with_terms(secrecy, true);
    let mut ours = with(Secrecy::Optional);
    assert_eq!(lines(&ours.offer(), "a=3ge2ae"), ["a=3ge2ae:requested"]);
    ours.accept(plain().as_bytes()).unwrap();
    assert!(!ours.offer().contains("3ge2ae"), "the session is plain");
    let (answer, _) = with(Secrecy::Required)
        .answer(sealed("RTP/SAVP", CM).as_bytes())
        .unwrap();
    assert!(!answer.contains("3ge2ae"));
}

#[test]
fn another_key_in_a_later_offer_is_taken_and_ours_stays() {
    let mut ours = trunk(Secrecy::Required);
    let (first, before) = ours.answer(sealed("RTP/SAVP", CM).as_bytes()).unwrap();
    let (again, after) = ours.answer(sealed("RTP/SAVP", OTHER_CM).as_bytes()).unwrap();
    let (before, after) = (keys(&before), keys(&after));
    assert_eq!(before.send, after.send);
    assert_ne!(before.receive, after.receive);
    assert_eq!(first, again, "what we say is the same");
}

#[test]
fn no_key_is_shown() {
    let (_, agreed) = trunk(Secrecy::Optional)
        .answer(sealed("RTP/SAVP", CM).as_bytes())
        .unwrap();
    let description = omnigate_sip::sdp::Description::parse(sealed("RTP/SAVP", CM).as_bytes()).unwrap();
    for text in [format!("{agreed:?}"), format!("{description:?}")] {
        assert!(!text.contains("d0Rmdmcm"), "{text}");
    }
}
