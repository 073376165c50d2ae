//! What a client answers, and when it gives up.

use super::*;

#[test]
fn a_wrong_password_is_tried_once() {
    let mut pair = Pair::new(|s| s);
    pair.client = Client::new([Credentials::new("alice", "wrong")]);
    pair.challenge(&request(), false).unwrap();
    assert!(pair.client.is_prepared());
    let sent = pair.next();
    assert_eq!(pair.verify(&sent), Verdict::Denied(Denial::Response));
    assert_eq!(
        pair.challenge(&sent, false),
        Err(Refused::Rejected("example.com".into()))
    );
    assert!(!pair.client.is_prepared());
}

#[test]
fn staleness_without_end_is_an_end() {
    let mut pair = Pair::new(|s| s);
    pair.challenge(&request(), false).unwrap();
    let mut last = Ok(());
    for n in 0..4 {
        assert!(last.is_ok(), "{n}");
        let sent = pair.next();
        last = pair.challenge(&sent, true);
    }
    assert_eq!(last, Err(Refused::Stale));
}

#[test]
fn a_nonce_that_has_worked_may_go_without_being_called_stale() {
    let mut pair = Pair::new(|s| s);
    pair.challenge(&request(), false).unwrap();
    let sent = pair.next();
    let ok = Response::new(&sent, Status::OK, None);
    pair.client.accepted(&sent, &ok);
    let sent = pair.next();
    assert_eq!(pair.challenge(&sent, false), Ok(()));
    let sent = pair.next();
    assert_eq!(
        pair.challenge(&sent, false),
        Err(Refused::Rejected("example.com".into()))
    );
}

#[test]
fn the_next_nonce_is_taken() {
    let mut pair = Pair::new(|s| s);
    pair.challenge(&request(), false).unwrap();
    let sent = pair.next();
    let ok = Response::new(&sent, Status::OK, None)
        .with(Name::AuthenticationInfo, "qop=auth, nextnonce=\"new one\"");
    pair.client.accepted(&sent, &ok);
    let next = answer(&pair.next());
    assert_eq!(
        (next.nonce.as_str(), next.count.as_str()),
        ("new one", "00000001")
    );
    // What was said to a request with the nonce before is late: neither it nor its nonce counts.
    pair.client.accepted(&sent, &ok);
    let next = answer(&pair.next());
    assert_eq!(
        (next.nonce.as_str(), next.count.as_str()),
        ("new one", "00000002")
    );
}

#[test]
fn the_first_algorithm_that_is_known_is_taken_for_each_realm() {
    let mut client = client();
    let mut random = Random::new(1);
    let response = unauthorized(&[
        "Digest realm=\"a\",nonce=\"1\",algorithm=SHA-512-256,qop=\"auth\"",
        "Digest realm=\"a\",nonce=\"2\",algorithm=SHA-256,qop=\"auth\", Digest realm=\"a\",nonce=\"3\",algorithm=MD5",
        "Digest realm=\"b\",nonce=\"4\"",
    ]);
    client.challenged(&request(), &response, &mut random).unwrap();
    let mut sent = request();
    client.authorize(&mut sent);
    let answers: Vec<Answer> = sent
        .headers
        .all(Name::Authorization)
        .filter_map(Answer::parse)
        .collect();
    let nonces: Vec<(&str, Algorithm)> = answers.iter().map(|a| (a.nonce.as_str(), a.algorithm)).collect();
    assert_eq!(nonces, [("2", Algorithm::Sha256), ("4", Algorithm::Md5)]);
    // RFC 2069: neither count nor cnonce.
    assert!(!answers[1].to_string().contains("nc="));
    assert!(
        !sent
            .headers
            .all(Name::Authorization)
            .nth(1)
            .unwrap()
            .contains("cnonce")
    );
}

#[test]
fn credentials_for_a_realm_are_for_no_other() {
    let mut random = Random::new(1);
    let mut client = Client::new([Credentials::new("alice", "secret").for_realm("a")]);
    let other = unauthorized(&["Digest realm=\"b\",nonce=\"1\""]);
    assert_eq!(
        client.challenged(&request(), &other, &mut random),
        Err(Refused::NoCredentials("b".into()))
    );
    let none = unauthorized(&["Basic realm=\"b\""]);
    assert_eq!(
        client.challenged(&request(), &none, &mut random),
        Err(Refused::NoChallenge)
    );
    let both = unauthorized(&["Digest realm=\"b\",nonce=\"1\"", "Digest realm=\"a\",nonce=\"1\""]);
    assert_eq!(client.challenged(&request(), &both, &mut random), Ok(()));
}

#[test]
fn proxy_and_server_are_answered_side_by_side() {
    let mut client = client();
    let mut random = Random::new(1);
    let mut response = unauthorized(&["Digest realm=\"a\",nonce=\"1\""]);
    response
        .headers
        .push(Name::ProxyAuthenticate, "Digest realm=\"a\",nonce=\"2\"");
    client.challenged(&request(), &response, &mut random).unwrap();
    let mut sent = request();
    client.authorize(&mut sent);
    client.authorize(&mut sent);
    assert_eq!(sent.headers.all(Name::Authorization).count(), 1);
    assert!(
        sent.headers
            .get(Name::ProxyAuthorization)
            .unwrap()
            .contains("nonce=\"2\"")
    );
}

#[test]
fn requests_that_were_on_their_way_together_are_refused_once() {
    let mut pair = Pair::new(|s| s.with_lifetime(Duration::from_secs(10)));
    pair.challenge(&request(), false).unwrap();
    let (one, two) = (pair.next(), pair.next());
    pair.now += Duration::from_secs(11);
    for sent in [&one, &two] {
        assert_eq!(pair.verify(sent), Verdict::Stale);
        // Many servers do not say so.
        let stale = std::ptr::eq(sent, &one);
        pair.challenge(sent, stale).unwrap();
    }
    let (one, two) = (pair.next(), pair.next());
    assert_eq!(answer(&one).nonce, answer(&two).nonce);
    assert_eq!((pair.verify(&two), pair.verify(&one)), (accepted(), accepted()));
}

#[test]
fn a_wrong_password_ends_for_requests_that_were_on_their_way_together_too() {
    let mut pair = Pair::new(|s| s);
    pair.client = Client::new([Credentials::new("alice", "wrong")]);
    pair.challenge(&request(), false).unwrap();
    let mut open = vec![pair.next(), pair.next(), pair.next()];
    let mut tries = 0;
    while let Some(sent) = open.pop() {
        tries += 1;
        if pair.challenge(&sent, false).is_ok() {
            let again = pair.next();
            open.insert(0, again);
        }
        assert!(tries < 20, "it has no end");
    }
}

#[test]
fn one_realm_that_refuses_leaves_the_others() {
    let mut client = client();
    let mut random = Random::new(1);
    let both = unauthorized(&["Digest realm=\"a\",nonce=\"1\"", "Digest realm=\"b\",nonce=\"2\""]);
    client.challenged(&request(), &both, &mut random).unwrap();
    let mut sent = request();
    client.authorize(&mut sent);
    let refusal = unauthorized(&["Digest realm=\"b\",nonce=\"3\""]);
    assert_eq!(
        client.challenged(&sent, &refusal, &mut random),
        Err(Refused::Rejected("b".into()))
    );
    let mut sent = request();
    client.authorize(&mut sent);
    let realms: Vec<Answer> = sent
        .headers
        .all(Name::Authorization)
        .filter_map(Answer::parse)
        .collect();
    assert_eq!(realms.iter().map(|a| a.realm.as_str()).collect::<Vec<_>>(), ["a"]);
}

#[test]
fn credentials_for_a_realm_are_taken_before_those_for_all() {
    let own = Credentials::new("special", "secret").for_realm("a");
    let (first, last) = (own.clone(), Credentials::new("general", "secret"));
    for order in [[first, last.clone()], [last, own]] {
        let mut client = Client::new(order);
        let both = unauthorized(&["Digest realm=\"a\",nonce=\"1\""]);
        client.challenged(&request(), &both, &mut Random::new(1)).unwrap();
        let mut sent = request();
        client.authorize(&mut sent);
        assert_eq!(answer(&sent).user, "special");
    }
}

#[test]
fn of_several_protections_the_one_that_does_not_need_the_body_is_taken() {
    for (offered, taken) in [
        ("auth-int,auth", Protection::Auth),
        ("auth,auth-int", Protection::Auth),
        ("auth-int", Protection::AuthInt),
    ] {
        let mut client = client();
        let challenge = unauthorized(&[&format!("Digest realm=\"a\",nonce=\"1\",qop=\"{offered}\"")]);
        client
            .challenged(&request(), &challenge, &mut Random::new(1))
            .unwrap();
        let mut sent = request();
        client.authorize(&mut sent);
        assert_eq!(answer(&sent).protection, Some(taken), "{offered}");
    }
}

#[test]
fn as_many_realms_are_answered_as_is_said() {
    let (mut client, mut random) = (client(), Random::new(1));
    let mut challenged = |n: usize| {
        let challenge = unauthorized(&[&format!("Digest realm=\"{n}\",nonce=\"1\"")]);
        client.challenged(&request(), &challenge, &mut random)
    };
    for n in 0..MAX_REALMS {
        assert_eq!(challenged(n), Ok(()), "{n}");
    }
    assert_eq!(challenged(MAX_REALMS), Err(Refused::Realms));
}
