//! Digest authentication: published sums, and what is read of odd fields.

use omnigate_sip::digest::{Algorithm, Answer, Protection, Sum, challenges};

/// The body of the published examples for `auth-int`.
const SDP: &[u8] = b"v=0\r\no=bob 2890844526 2890844526 IN IP4 media.biloxi.com\r\ns=-\r\nc=IN IP4 media.biloxi.com\r\nt=0 0\r\nm=audio 49170 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\nm=video 51372 RTP/AVP 31\r\na=rtpmap:31 H261/90000\r\nm=video 53000 RTP/AVP 32\r\na=rtpmap:32 MPV/90000\r\n";

#[test]
fn published_sums_come_out() {
    let sum = |algorithm, protection, nonce, cnonce| Sum {
        algorithm,
        protection,
        nonce,
        count: "00000001",
        cnonce,
        method: "GET",
        uri: "/dir/index.html",
        body: b"",
    };
    let auth = Some(Protection::Auth);
    // RFC 2617 section 3.5, and RFC 2069 section 2.4 with its erratum.
    let nonce = "dcd98b7102dd2f0e8b11d0f600bfb0c093";
    let ha1 = Algorithm::Md5.ha1("Mufasa", "testrealm@host.com", "Circle Of Life");
    assert_eq!(ha1, "939e7578ed9e3c518a452acee763bce9");
    assert_eq!(
        sum(Algorithm::Md5, auth, nonce, "0a4f113b").response(&ha1),
        "6629fae49393a05397450978507c4ef1"
    );
    let ha1 = Algorithm::Md5.ha1("Mufasa", "testrealm@host.com", "CircleOfLife");
    assert_eq!(
        sum(Algorithm::Md5, None, nonce, "").response(&ha1),
        "1949323746fe6a43ef61f9606e7febea"
    );
    // RFC 7616 section 3.9.1.
    let (nonce, cnonce) = (
        "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
        "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
    );
    for (algorithm, response) in [
        (Algorithm::Md5, "8ca523f5e9506fed4657c9700eebdbec"),
        (
            Algorithm::Sha256,
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
        ),
    ] {
        let ha1 = algorithm.ha1("Mufasa", "http-auth@example.org", "Circle of Life");
        assert_eq!(sum(algorithm, auth, nonce, cnonce).response(&ha1), response);
    }
}

#[test]
fn sums_of_the_sip_examples_come_out() {
    // draft-smith-sipping-auth-examples-01 sections 3.1 to 3.3.
    let ha1 = Algorithm::Md5.ha1("bob", "biloxi.com", "zanzibar");
    let sum = |algorithm, protection| {
        let sum = Sum {
            algorithm,
            protection,
            nonce: "dcd98b7102dd2f0e8b11d0f600bfb0c093",
            count: "00000001",
            cnonce: "0a4f113b",
            method: "INVITE",
            uri: "sip:bob@biloxi.com",
            body: SDP,
        };
        sum.response(&ha1)
    };
    assert_eq!(sum(Algorithm::Md5, None), "bf57e4e0d0bffc0fbaedce64d59add5e");
    assert_eq!(
        sum(Algorithm::Md5, Some(Protection::Auth)),
        "89eb0059246c02b2f6ee02c7961d5ea3"
    );
    assert_eq!(
        sum(Algorithm::Md5Sess, Some(Protection::Auth)),
        "e4e4ea61d186d07a92c9e1f6919902e9"
    );
    assert_eq!(
        sum(Algorithm::Md5, Some(Protection::AuthInt)),
        "bdbeebb2da6adb6bca02599c2239e192"
    );
    assert_eq!(
        sum(Algorithm::Md5Sess, Some(Protection::AuthInt)),
        "91984da2d8663716e91554859c22ca70"
    );
}

#[test]
fn challenges_are_told_apart_within_one_field() {
    let found = challenges(
        r#"Negotiate, Basic realm="x, Digest", Digest realm="a \"b\", c", nonce = "n=,1", qop="auth-int, auth , new", stale=TRUE,opaque="", DIGEST algorithm=SHA-256,realm=token,nonce="2", Digest realm="no nonce", Digest realm="y",nonce="3",algorithm=SHA-512-256, Digest nonce="4",nonce="5",realm="twice""#,
    );
    assert_eq!(found.len(), 2);
    assert_eq!(
        (found[0].realm.as_str(), found[0].nonce.as_str()),
        (r#"a \"b\", c"#, "n=,1")
    );
    assert_eq!(found[0].protections, [Protection::AuthInt, Protection::Auth]);
    assert!(found[0].stale && found[0].opaque.as_deref() == Some(""));
    assert_eq!(
        (found[1].algorithm, found[1].realm.as_str()),
        (Algorithm::Sha256, "token")
    );
    assert!(found[1].protections.is_empty());
    for odd in [
        "",
        ",,,",
        "Digest",
        "Digest ,=,\"",
        "Digest realm=\"open",
        "=",
        "Digest qop=\"new\",realm=a,nonce=b",
    ] {
        assert!(challenges(odd).is_empty(), "{odd}");
    }
}

#[test]
fn counts_are_hexadecimal_and_go_past_255() {
    let text = |count: &str| {
        format!(
            "Digest username=\"a\\\"b\",realm=\"r\",nonce=\"n\",uri=\"sip:x\",response=\"00\",qop=auth,cnonce=\"c\",nc={count}"
        )
    };
    assert_eq!(Answer::parse(&text("0000000a")).unwrap().count(), Some(10));
    assert_eq!(Answer::parse(&text("00000100")).unwrap().count(), Some(256));
    assert_eq!(Answer::parse(&text("FFFFFFFF")).unwrap().count(), Some(u32::MAX));
    assert_eq!(Answer::parse(&text("1")).unwrap().user, "a\"b");
    for bad in ["", "00000000", "000000001", "g", "-1", "+1"] {
        assert!(Answer::parse(&text(bad)).is_none(), "{bad}");
    }
}

#[test]
fn an_answer_is_one_digest_without_doubts() {
    let whole = "username=\"u\", realm=\"r\", nonce=\"n\", uri=\"sip:a\", response=\"0\"";
    assert!(Answer::parse(&format!("Digest {whole}")).is_some());
    assert!(Answer::parse(&format!("Basic {whole}")).is_none());
    assert!(Answer::parse(&format!("Digest {whole}, realm=\"other\"")).is_none());
    // A backslash is one only between quotes.
    let odd = whole.replace("\"n\"", "n\\");
    assert_eq!(Answer::parse(&format!("Digest {odd}")).unwrap().nonce, "n\\");
}
