//! What a server accepts, and what it does not.

use super::*;

#[test]
fn client_and_server_agree_with_every_algorithm_and_protection() {
    for algorithm in ALL {
        for protection in [Some(Protection::Auth), Some(Protection::AuthInt), None] {
            let offer: Vec<Protection> = protection.into_iter().collect();
            let mut pair = Pair::new(|s| s.with_algorithms(&[algorithm]).with_protections(&offer));
            let bare = request();
            assert_eq!(pair.verify(&bare), Verdict::NoCredentials);
            pair.challenge(&bare, false).unwrap();
            let mut sent = request().with_body("text/plain", b"body".to_vec());
            pair.client.authorize(&mut sent);
            assert_eq!(answer(&sent).protection, protection);
            let text = sent.headers.get(Name::Authorization).unwrap();
            assert_eq!(Answer::parse(text).unwrap().to_string(), text);
            let mut changed = sent.clone();
            changed.body = b"other".to_vec();
            if protection == Some(Protection::AuthInt) {
                assert_eq!(pair.verify(&changed), Verdict::Denied(Denial::Response));
            }
            changed = sent.clone();
            changed.method = Method::Invite;
            assert_eq!(pair.verify(&changed), Verdict::Denied(Denial::Response));
            assert_eq!(pair.verify(&sent), accepted(), "{algorithm:?} {protection:?}");
            let again = pair.verify(&sent);
            match protection {
                Some(_) => assert_eq!(again, Verdict::Denied(Denial::Replayed)),
                None => assert_eq!(again, Verdict::Stale),
            }
        }
    }
}

#[test]
fn a_nonce_is_used_again_with_higher_counts_in_any_order_but_each_once() {
    let mut pair = Pair::new(|s| s);
    pair.challenge(&request(), false).unwrap();
    let requests: Vec<Request> = (0..300).map(|_| pair.next()).collect();
    assert_eq!(answer(&requests[299]).count, "0000012c");
    for n in [0, 5, 3, 299, 298, 236] {
        assert_eq!(pair.verify(&requests[n]), accepted(), "{n}");
    }
    for n in [0, 3, 299, 236, 235, 7] {
        assert_eq!(
            pair.verify(&requests[n]),
            Verdict::Denied(Denial::Replayed),
            "{n}"
        );
    }
}

#[test]
fn an_old_nonce_is_stale_and_the_client_goes_on() {
    let mut pair = Pair::new(|s| s.with_lifetime(Duration::from_secs(10)));
    pair.challenge(&request(), false).unwrap();
    let sent = pair.next();
    pair.now += Duration::from_secs(10);
    assert_eq!(pair.verify(&sent), accepted());
    pair.now += Duration::from_secs(1);
    let sent = pair.next();
    assert_eq!(pair.verify(&sent), Verdict::Stale);
    pair.challenge(&sent, true).unwrap();
    let sent = pair.next();
    assert_eq!(
        (answer(&sent).count.as_str(), pair.verify(&sent)),
        ("00000001", accepted())
    );
}

#[test]
fn nonces_of_another_run_or_key_are_stale() {
    let mut pair = Pair::new(|s| s);
    pair.challenge(&request(), false).unwrap();
    let sent = pair.next();
    pair.server = Server::new("example.com", &[8; 32], pair.now);
    assert_eq!(pair.verify(&sent), Verdict::Stale);
}

#[test]
fn what_was_not_offered_or_is_wrong_is_denied() {
    let mut pair = Pair::new(|s| s);
    pair.challenge(&request(), false).unwrap();
    let sent = pair.next();
    let verdict = |pair: &mut Pair, from: &str, to: &str| {
        let mut changed = sent.clone();
        let text = changed
            .headers
            .get(Name::Authorization)
            .unwrap()
            .replace(from, to);
        changed.headers.set(Name::Authorization, text);
        pair.verify(&changed)
    };
    for (from, to, denial) in [
        ("SHA-256", "MD5-sess", Denial::Algorithm),
        ("SHA-256", "SHA-1", Denial::Malformed),
        ("qop=auth", "qop=auth-int", Denial::Protection),
        ("qop=auth, ", "", Denial::Protection),
        ("\"alice\"", "\"mallory\"", Denial::User),
        ("sip:example.com", "sip:example.org", Denial::Response),
        ("nc=00000001", "nc=00000002", Denial::Response),
        ("cnonce", "nonsense", Denial::Malformed),
    ] {
        assert_eq!(
            verdict(&mut pair, from, to),
            Verdict::Denied(denial),
            "{from} {to}"
        );
    }
    assert_eq!(
        verdict(&mut pair, "realm=\"example.com\"", "realm=\"b\""),
        Verdict::NoCredentials
    );
    assert_eq!(verdict(&mut pair, "x", "x"), accepted());
}

#[test]
fn a_server_may_know_sums_instead_of_passwords() {
    let mut pair = Pair::new(|s| s.with_algorithms(&[Algorithm::Sha256Sess]));
    pair.challenge(&request(), false).unwrap();
    let sent = pair.next();
    let ha1 = |user: &str, realm: &str, algorithm: Algorithm| {
        Some(Proof::Ha1(
            algorithm.ha1(user, realm, "wonder\"land").to_uppercase(),
        ))
    };
    let verdict = pair.server.verify(&sent, Asker::Server, &ha1, pair.now);
    assert_eq!(verdict, accepted());
}

#[test]
fn nothing_secret_is_shown() {
    let mut pair = Pair::new(|s| s);
    pair.challenge(&request(), false).unwrap();
    let sent = pair.next();
    let verdict = pair.verify(&sent);
    let shown = format!(
        "{:?} {:?} {:?} {:?}",
        pair.client,
        pair.server,
        answer(&sent),
        verdict
    );
    for secret in ["alice", "wonder", answer(&sent).response.as_str()] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn a_full_table_forgets_the_oldest_nonce_and_lets_nobody_use_it_again() {
    let mut pair = Pair::new(|s| s);
    pair.challenge(&request(), false).unwrap();
    let first = pair.next();
    assert_eq!(pair.verify(&first), accepted());
    let mut second = None;
    for _ in 0..MAX_NONCES {
        pair.now += Duration::from_millis(1);
        pair.client = client();
        pair.challenge(&request(), false).unwrap();
        let sent = pair.next();
        assert_eq!(pair.verify(&sent), accepted());
        second = second.or_else(|| Some(pair.next()));
    }
    // Those that are kept go on, and push nobody out.
    let second = second.unwrap();
    assert_eq!(pair.verify(&second), accepted());
    assert_eq!(pair.verify(&second), Verdict::Denied(Denial::Replayed));
    assert_eq!(pair.verify(&first), Verdict::Stale);
    // A new one is not taken for one that was forgotten.
    pair.now += Duration::from_millis(1);
    pair.client = client();
    pair.challenge(&request(), false).unwrap();
    let sent = pair.next();
    assert_eq!(pair.verify(&sent), accepted());
}

#[test]
fn a_nonce_from_a_time_that_has_not_come_is_stale() {
    for ahead in [Duration::from_millis(1), Duration::from_secs(400)] {
        let mut pair = Pair::new(|s| s);
        pair.now += Duration::from_secs(100);
        let before = pair.now;
        pair.now += ahead;
        pair.challenge(&request(), false).unwrap();
        let sent = pair.next();
        pair.now = before;
        assert_eq!(pair.verify(&sent), Verdict::Stale, "{ahead:?}");
    }
}

#[test]
fn nonces_of_a_run_before_this_one_are_stale_although_the_key_is_the_same() {
    let mut pair = Pair::new(|s| s);
    pair.now += Duration::from_secs(100);
    pair.challenge(&request(), false).unwrap();
    let sent = pair.next();
    // The clock of a server begins anew with it: what it has not issued yet is not its own.
    pair.server = Server::new("example.com", &KEY, pair.now);
    assert_eq!(pair.verify(&sent), Verdict::Stale);
}

#[test]
fn a_count_behind_a_gap_is_taken_once_and_the_one_before_it_not_again() {
    let mut pair = Pair::new(|s| s);
    pair.challenge(&request(), false).unwrap();
    let requests: Vec<Request> = (0..3).map(|_| pair.next()).collect();
    for n in [0, 2] {
        assert_eq!(pair.verify(&requests[n]), accepted(), "{n}");
    }
    assert_eq!(pair.verify(&requests[0]), Verdict::Denied(Denial::Replayed));
    assert_eq!(pair.verify(&requests[1]), accepted());
    assert_eq!(pair.verify(&requests[1]), Verdict::Denied(Denial::Replayed));
}
