//! Digest authentication: client against server, and what each refuses.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod client;
mod fields;
mod server;

use omnigate_sip::Random;
use omnigate_sip::digest::{
    Algorithm, Answer, Asker, Client, Credentials, Denial, MAX_NONCES, MAX_REALMS, Proof, Protection,
    Refused, Server, Verdict,
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
