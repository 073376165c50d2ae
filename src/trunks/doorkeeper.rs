//! Who calls with a user name and a password (RFC 3261 section 22): who is asked for them, and whose trunk that is.
//!
//! ```text
//!   INVITE ──▶ a trunk takes it as it is? ── yes ──▶ taken
//!                 │ no
//!                 ▼
//!              a trunk with users may be called from there? ── no ──▶ known: refused as ever; unknown: silence
//!                 │ yes
//!                 ▼
//!              too many wrong ones from there? ── yes ──▶ silence
//!                 │ no
//!                 ▼
//!              credentials? ── none, or a nonce that is old ──▶ 401 with a challenge, and nothing is kept
//!                 │                                   wrong ──▶ 403, a line in the log, one guess less
//!                 ▼ right
//!              taken, by the trunk of that user
//! ```
//!
//! Requests within a call are of the call: who knows its tags is not asked again.

use super::{CurrentTrunks, Trunk, Trunks, identity};
use crate::budget::{Bucket, Pace};
use crate::observe::Metrics;
use omnigate_room::Secret;
use omnigate_sip::digest::{Algorithm, Asker, Denial, Proof as Known, Server, Verdict};
use omnigate_sip::message::{Headers, Method, Name, Request, Response, Status};
use omnigate_sip::{Hop, Peer, Proof, Random, Screening};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Instant;
use tracing::warn;

/// Wrong credentials from one source: ten at once, and ten an hour in the long run.
const GUESSES: Pace = Pace {
    rate: 10.0 / 3600.0,
    burst: 10.0,
};
/// Sources that have guessed and are remembered. While there are so many, a new one may not guess at all.
const SOURCES: usize = 10_000;

/// See the module.
pub struct Doorkeeper {
    current: CurrentTrunks,
    /// Those of whom `users` is.
    trunks: Arc<Trunks>,
    users: HashMap<String, (Arc<str>, Secret)>,
    server: Server,
    random: Random,
    guesses: HashMap<IpAddr, Bucket>,
    metrics: Arc<Metrics>,
}

impl Doorkeeper {
    /// For trunks with users, who are asked by this realm and these algorithms, the best first. `seed` is random, and secret.
    pub fn new(
        current: CurrentTrunks,
        asked_by: (&str, &[Algorithm]),
        seed: ([u8; 32], u64),
        metrics: Arc<Metrics>,
        now: Instant,
    ) -> Doorkeeper {
        let trunks = current.get();
        Doorkeeper {
            server: Server::new(asked_by.0, &seed.0, now).with_algorithms(asked_by.1),
            random: Random::new(seed.1),
            guesses: HashMap::new(),
            users: users(&trunks),
            current,
            trunks,
            metrics,
        }
    }

    /// From here on the trunks of this moment are asked.
    fn keep_up(&mut self) {
        let trunks = self.current.get();
        if !Arc::ptr_eq(&trunks, &self.trunks) {
            self.users = users(&trunks);
            self.trunks = trunks;
        }
    }

    /// What is to be done with a request that begins something.
    pub fn screen(&mut self, now: Instant, request: &Request, hop: &Hop) -> Screening {
        let known = hop.peer.is_some();
        let as_ever = if known { Screening::Take } else { Screening::Ignore };
        self.keep_up();
        if self.users.is_empty() || request.method != Method::Invite || request.headers.to_tag().is_some() {
            return as_ever;
        }
        let user = identity::user(request);
        let called = |trunk: &Trunk, account| trunk.called(request, account);
        if self.trunks.find(hop, user.as_deref(), called).is_ok() {
            return Screening::Take;
        }
        let source = hop.remote.ip().to_canonical();
        if !self.trunks.all.iter().any(|trunk| trunk.asks(source)) {
            return as_ever;
        }
        if !self.may_guess(source, now) {
            self.metrics.sip_digest("over_budget");
            return Screening::Ignore;
        }
        let users = &self.users;
        let passwords = |user: &str, _: &str, _: Algorithm| {
            let (_, password) = users.get(user)?;
            Some(Known::Password(password.expose().to_owned()))
        };
        match self.server.verify(request, Asker::Server, &passwords, now) {
            Verdict::Accepted { user } => self.accepted(&user, source, now),
            Verdict::NoCredentials => self.challenge(request, false, now),
            // Whoever sent it knows the password.
            Verdict::Stale | Verdict::Denied(Denial::Replayed) => self.challenge(request, true, now),
            _ => self.denied(source, now),
        }
    }

    fn accepted(&mut self, user: &str, source: IpAddr, now: Instant) -> Screening {
        let found = self.users.get(user).map(|(trunk, _)| trunk.clone());
        let mut trunks = self.trunks.all.iter();
        let asks = |name: &Arc<str>| trunks.any(|trunk| *trunk.name == **name && trunk.asks(source));
        match found.filter(asks) {
            Some(trunk) => {
                self.metrics.sip_digest("accepted");
                Screening::TakeFrom(Peer::new(trunk, Proof::Password))
            }
            // The user of another trunk, which is not called from there.
            None => self.denied(source, now),
        }
    }

    fn challenge(&mut self, request: &Request, stale: bool, now: Instant) -> Screening {
        self.metrics
            .sip_digest(if stale { "stale" } else { "challenged" });
        let mut response = Response::new(request, Status::UNAUTHORIZED, None);
        self.server
            .challenge(&mut response, Asker::Server, stale, now, &mut self.random);
        let mut fields = Headers::default();
        fields.copy(&response.headers, Name::WwwAuthenticate);
        Screening::TurnAway(Status::UNAUTHORIZED, fields)
    }

    /// Whether user or password is wrong is not told to anybody.
    fn denied(&mut self, source: IpAddr, now: Instant) -> Screening {
        self.metrics.sip_digest("denied");
        let bucket = self.guesses.entry(network(source));
        let bucket = bucket.or_insert_with(|| Bucket::full(GUESSES, now));
        let _ = bucket.take(GUESSES, now);
        warn!(%source, "SIP authentication failed");
        Screening::TurnAway(Status::FORBIDDEN, Headers::default())
    }

    fn may_guess(&mut self, source: IpAddr, now: Instant) -> bool {
        if let Some(bucket) = self.guesses.get(&network(source)) {
            return bucket.clone().take(GUESSES, now).is_ok();
        }
        if self.guesses.len() >= SOURCES {
            self.guesses.retain(|_, bucket| !bucket.is_full(GUESSES, now));
        }
        self.guesses.len() < SOURCES
    }
}

/// Who may call with a password: the name of the trunk, and the password.
fn users(trunks: &Trunks) -> HashMap<String, (Arc<str>, Secret)> {
    let of = |trunk: &Arc<Trunk>| {
        let name: Arc<str> = trunk.name.as_str().into();
        let users = trunk.users.clone().into_iter();
        users
            .map(|(user, password)| (user, (name.clone(), password)))
            .collect::<Vec<_>>()
    };
    trunks.all.iter().flat_map(of).collect()
}

/// An IPv4 address, or the /64 network that one may choose IPv6 addresses from.
fn network(source: IpAddr) -> IpAddr {
    match source {
        IpAddr::V6(ip) => Ipv6Addr::from(u128::from(ip) >> 64 << 64).into(),
        ip => ip,
    }
}

impl std::fmt::Debug for Doorkeeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Doorkeeper")
            .field("users", &self.users.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load_text;
    use omnigate_sip::ListenerId;
    use omnigate_sip::digest::{Client, Credentials};
    use omnigate_sip::message::{Message, parse};
    use std::time::Duration;

    const TOML: &str = r#"
        [[trunk]]
        name = "open"
        allow = []
        users = [{ user = "pbx", password = "secret" }, { user = "other", password = "secret too" }]
        [[trunk]]
        name = "office"
        allow = ["192.0.2.0/24"]
        users = [{ user = "desk", password = "secret three" }]
        [[trunk]]
        name = "carrier"
        allow = ["203.0.113.0/24"]
        numbers = ["070-1234-5678"]
    "#;

    fn keeper(toml: &str, now: Instant) -> Doorkeeper {
        let trunks = Trunks::new(&load_text(toml, []).unwrap());
        let algorithms = [Algorithm::Sha256, Algorithm::Md5];
        Doorkeeper::new(
            CurrentTrunks::new(trunks),
            ("omnigate", &algorithms),
            ([7; 32], 7),
            Arc::new(Metrics::new()),
            now,
        )
    }

    fn request(method: &str, number: &str) -> Request {
        let text = format!(
            "{method} sip:{number}@gw SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:x@y>\r\nCall-ID: c\r\nCSeq: 1 {method}\r\n\r\n"
        );
        match parse(text.as_bytes()).unwrap() {
            Message::Request(request) => request,
            Message::Response(_) => panic!("a request"),
        }
    }

    fn from(source: &str, peer: Option<&str>) -> Hop {
        let own = ([192, 0, 2, 1], 5060).into();
        let mut hop = Hop::datagram(ListenerId(0), own, format!("{source}:5060").parse().unwrap());
        hop.peer = peer.map(|name| Peer::new(name, Proof::Address));
        hop
    }

    /// An INVITE that answers the challenge of this one.
    fn answering(screening: &Screening, user: &str, password: &str) -> Request {
        let Screening::TurnAway(Status::UNAUTHORIZED, fields) = screening else {
            panic!("{screening:?}");
        };
        let mut request = request("INVITE", "07011112222");
        let mut response = Response::new(&request, Status::UNAUTHORIZED, None);
        response.headers.extend(fields);
        let mut client = Client::new([Credentials::new(user, password)]);
        client
            .challenged(&request, &response, &mut Random::new(3))
            .unwrap();
        client.authorize(&mut request);
        request
    }

    fn is(screening: &Screening, status: Status) -> bool {
        matches!(screening, Screening::TurnAway(one, _) if *one == status)
    }

    #[test]
    fn who_has_a_password_is_taken_by_the_trunk_of_its_user_and_a_copy_is_not() {
        let now = Instant::now();
        let mut keeper = keeper(TOML, now);
        let stranger = from("198.51.100.7", None);
        let challenge = keeper.screen(now, &request("INVITE", "07011112222"), &stranger);
        let good = answering(&challenge, "pbx", "secret");
        let taken = Screening::TakeFrom(Peer::new("open", Proof::Password));
        assert_eq!(keeper.screen(now, &good, &stranger), taken);
        // The same again is asked anew, as is one with a nonce that is old.
        assert!(is(&keeper.screen(now, &good, &stranger), Status::UNAUTHORIZED));
        let late = answering(&challenge, "pbx", "secret");
        let later = now + Duration::from_secs(3600);
        let again = keeper.screen(later, &late, &stranger);
        assert!(
            matches!(&again, Screening::TurnAway(_, f) if f.get(Name::WwwAuthenticate).unwrap().contains("stale=true"))
        );
        let again = answering(&again, "pbx", "secret");
        assert_eq!(keeper.screen(later, &again, &stranger), taken);
    }

    #[test]
    fn nothing_is_said_to_strangers_but_one_401_and_wrong_guesses_end_in_silence() {
        let now = Instant::now();
        let mut keeper = keeper(TOML, now);
        let stranger = from("198.51.100.7", None);
        for method in ["OPTIONS", "REGISTER", "BYE", "ACK", "CANCEL"] {
            let screening = keeper.screen(now, &request(method, "1"), &stranger);
            assert_eq!(screening, Screening::Ignore, "{method}");
        }
        let invite = request("INVITE", "07011112222");
        for guess in 0..10 {
            let challenge = keeper.screen(now, &invite, &stranger);
            let user = if guess % 2 == 0 { "pbx" } else { "nobody" };
            let wrong = answering(&challenge, user, "wrong");
            assert!(is(&keeper.screen(now, &wrong, &stranger), Status::FORBIDDEN));
        }
        assert_eq!(keeper.screen(now, &invite, &stranger), Screening::Ignore);
        let other = from("198.51.100.8", None);
        assert!(is(&keeper.screen(now, &invite, &other), Status::UNAUTHORIZED));
        let later = now + Duration::from_secs(400);
        assert!(is(
            &keeper.screen(later, &invite, &stranger),
            Status::UNAUTHORIZED
        ));
    }

    #[test]
    fn who_guesses_from_ever_new_addresses_is_bounded() {
        let now = Instant::now();
        let mut keeper = keeper(TOML, now);
        let challenge = keeper.screen(now, &request("INVITE", "1"), &from("198.51.100.7", None));
        let wrong = answering(&challenge, "pbx", "wrong");
        for n in 0..20_000_u32 {
            let [.., b, c, d] = n.to_be_bytes();
            keeper.screen(now, &wrong, &from(&format!("10.{b}.{c}.{d}"), None));
        }
        assert_eq!(keeper.guesses.len(), SOURCES);
        // In one network of IPv6 there is one budget.
        let network = |text: &str| network(text.parse().unwrap());
        assert_eq!(network("2001:db8:1:2::1"), network("2001:db8:1:2:ffff::9"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
    }

    #[test]
    fn a_trunk_with_networks_asks_there_and_a_trunk_without_users_asks_nobody() {
        let now = Instant::now();
        let mut keeper = keeper(&TOML.replace("allow = []", "allow = [\"192.0.2.0/28\"]"), now);
        let office = from("192.0.2.77", Some("office"));
        let challenge = keeper.screen(now, &request("INVITE", "07011112222"), &office);
        let desk = answering(&challenge, "desk", "secret three");
        let taken = Screening::TakeFrom(Peer::new("office", Proof::Password));
        assert_eq!(keeper.screen(now, &desk, &office), taken);
        // The user of a trunk that is not called from there.
        let challenge = keeper.screen(now, &request("INVITE", "07011112222"), &office);
        let pbx = answering(&challenge, "pbx", "secret");
        assert!(is(&keeper.screen(now, &pbx, &office), Status::FORBIDDEN));
        let carrier = from("203.0.113.7", Some("carrier"));
        for number in ["07012345678", "07099999999"] {
            let screening = keeper.screen(now, &request("INVITE", number), &carrier);
            assert_eq!(screening, Screening::Take, "{number}");
        }
        assert_eq!(
            keeper.screen(now, &request("OPTIONS", "1"), &office),
            Screening::Take
        );
        let stranger = from("198.51.100.7", None);
        assert_eq!(
            keeper.screen(now, &request("INVITE", "1"), &stranger),
            Screening::Ignore
        );
    }

    #[test]
    fn who_calls_with_a_password_is_asked_by_the_trunks_of_this_moment() {
        let now = Instant::now();
        let none = TOML
            .replace("users", "# users")
            .replace("[]", "[\"192.0.2.0/24\"]");
        let mut keeper = keeper(&none, now);
        let (stranger, invite) = (from("198.51.100.7", None), request("INVITE", "07011112222"));
        assert_eq!(keeper.screen(now, &invite, &stranger), Screening::Ignore);
        let current = keeper.current.clone();
        let change = |toml: &str| current.set(current.get().changed(&load_text(toml, []).unwrap()));
        change(TOML);
        let challenge = keeper.screen(now, &invite, &stranger);
        change(&TOML.replace("\"secret\"", "\"another\""));
        let old = answering(&challenge, "pbx", "secret");
        assert!(is(&keeper.screen(now, &old, &stranger), Status::FORBIDDEN));
        let challenge = keeper.screen(now, &invite, &stranger);
        let new = answering(&challenge, "pbx", "another");
        let taken = Screening::TakeFrom(Peer::new("open", Proof::Password));
        assert_eq!(keeper.screen(now, &new, &stranger), taken);
    }
}
