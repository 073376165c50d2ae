//! Digest authentication: client against server, and what each refuses.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use omnigate_sip::Random;
use omnigate_sip::digest::{
    Algorithm, Answer, Asker, Client, Credentials, Denial, MAX_NONCES, Proof, Protection, Refused, Server,
    Verdict,
};
use omnigate_sip::message::{Method, Name, Request, Response, Status};
use std::time::{Duration, Instant};

const KEY: [u8; 32] = [7; 32];
const ALL: [Algorithm; 4] = [
    Algorithm::Md5,
    Algorithm::Md5Sess,
    Algorithm::Sha256,
    Algorithm::Sha256Sess,
];

fn request() -> Request {
    let mut request = Request::new(Method::Register, "sip:example.com".parse().unwrap());
    for (name, value) in [
        (Name::Via, "SIP/2.0/UDP a;branch=z9hG4bK1"),
        (Name::From, "<sip:a@example.com>;tag=1"),
        (Name::To, "<sip:a@example.com>"),
        (Name::CallId, "1"),
        (Name::CSeq, "1 REGISTER"),
    ] {
        request.headers.push(name, value);
    }
    request
}

fn unauthorized(fields: &[&str]) -> Response {
    let mut response = Response::new(&request(), Status::UNAUTHORIZED, None);
    for field in fields {
        response.headers.push(Name::WwwAuthenticate, field);
    }
    response
}

fn answer(request: &Request) -> Answer {
    Answer::parse(request.headers.get(Name::Authorization).unwrap()).unwrap()
}

fn alice(user: &str, _: &str, _: Algorithm) -> Option<Proof> {
    (user == "alice").then(|| Proof::Password("wonder\"land".into()))
}

fn client() -> Client {
    Client::new([Credentials::new("alice", "wonder\"land")])
}

/// A server, a client, and a request that the server has accepted.
struct Pair {
    server: Server,
    client: Client,
    random: Random,
    now: Instant,
}

impl Pair {
    fn new(server: impl FnOnce(Server) -> Server) -> Pair {
        let now = Instant::now();
        Pair {
            server: server(Server::new("example.com", &KEY, now)),
            client: client(),
            random: Random::new(1),
            now,
        }
    }

    fn challenge(&mut self, sent: &Request, stale: bool) -> Result<(), Refused> {
        let mut response = Response::new(sent, Status::UNAUTHORIZED, None);
        self.server
            .challenge(&mut response, Asker::Server, stale, self.now, &mut self.random);
        self.client.challenged(sent, &response, &mut self.random)
    }

    fn verify(&mut self, request: &Request) -> Verdict {
        self.server.verify(request, Asker::Server, &alice, self.now)
    }

    /// A request with the next count.
    fn next(&mut self) -> Request {
        let mut request = request();
        self.client.authorize(&mut request);
        request
    }
}

fn accepted() -> Verdict {
    Verdict::Accepted { user: "alice".into() }
}

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
fn a_wrong_password_is_tried_once() {
    let mut pair = Pair::new(|s| s);
    pair.client = Client::new([Credentials::new("alice", "wrong")]);
    pair.challenge(&request(), false).unwrap();
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
