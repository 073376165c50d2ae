//! What one client address may take: open connections, new connections, HTTP requests, new WebSockets; and the pace of one WebSocket.
//!
//! One table for all of them, so that an address costs one entry, which goes once nothing is open and its budgets are full.
//!
//! This machine's own addresses are exempt. Who comes by a reverse proxy on this machine that is not in `http.trusted_proxies` does
//! not: all such clients are one, with [`RAISED`] times the limits, as nobody knows how many they are. They are told apart
//! from programs on this machine by the header that a proxy sends, so that counts for requests, not for connections.

use super::requester::{Requester, Way};
use crate::budget::{Bucket, Pace};
use crate::client::client_of;
use crate::config::HttpLimits;
use crate::sync::lock;
use omnigate_omnitalk::ClientId;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Entries at which idle ones are dropped. Those that remain have open connections or came a moment ago.
const PRUNE: usize = 4096;
/// How many clients those of an unknown proxy count as.
const RAISED: u32 = 10;

#[derive(Debug)]
struct Entry {
    open: u32,
    connections: Bucket,
    /// An answer costs as well, over TLS most of all: there are as many 429 as connections.
    refusals: Bucket,
    sessions: Bucket,
    requests: Bucket,
    /// What the messages of all of its WebSockets cost.
    work: Bucket,
}

/// Whose entry it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Client {
    address: IpAddr,
    /// All clients of an unknown proxy on this machine.
    is_crowd: bool,
}

impl Client {
    fn one(address: IpAddr) -> Client {
        Client {
            address,
            is_crowd: false,
        }
    }

    fn times(self) -> u32 {
        if self.is_crowd { RAISED } else { 1 }
    }
}

#[derive(Debug, Default)]
struct Table {
    open: u32,
    entries: HashMap<Client, Entry>,
    prune_at: usize,
}

/// All addresses and what they have.
#[derive(Debug)]
pub struct Limits {
    settings: HttpLimits,
    table: Mutex<Table>,
}

/// The place of an open connection, or of one request or WebSocket that a proxy passes on; given back on drop.
#[derive(Debug)]
pub(super) struct Place {
    limits: Arc<Limits>,
    /// The client that it counts for.
    client: Option<Client>,
    is_connection: bool,
    /// Set: the address opens connections too fast; it may come back after this time.
    pub(super) too_fast: Option<Duration>,
}

impl Limits {
    /// Nothing is open yet.
    pub fn new(settings: HttpLimits) -> Limits {
        Limits {
            settings,
            table: Mutex::default(),
        }
    }

    /// The pace of one WebSocket's messages.
    pub(super) fn messages(&self) -> Pace {
        Pace::new(self.settings.requests_per_second, self.settings.requests_burst)
    }

    fn connections(&self) -> Pace {
        Pace::new(
            self.settings.connections_per_second,
            self.settings.connections_burst,
        )
    }

    fn sessions(&self) -> Pace {
        Pace::new(
            f64::from(self.settings.sessions_per_minute) / 60.0,
            self.settings.sessions_per_minute,
        )
    }

    fn requests(&self) -> Pace {
        Pace::new(self.settings.http_per_second, self.settings.http_burst)
    }

    fn work(&self) -> Pace {
        Pace::new(self.settings.work_per_second, self.settings.work_burst)
    }

    /// A health check, tests, and a reverse proxy that is not in `http.trusted_proxies` come from this machine.
    fn exempt(&self, address: IpAddr) -> bool {
        address.is_loopback() && !self.settings.loopback
    }

    /// Which client it is that asks; `None`: it is not limited.
    fn limited(&self, requester: &Requester) -> Option<Client> {
        let address = client_of(requester.address);
        match (requester.way, self.exempt(address)) {
            (Way::TrustedProxy, _) | (_, false) => Some(Client::one(address)),
            (Way::UnknownProxy, true) => Some(Client {
                address,
                is_crowd: true,
            }),
            (Way::Direct, true) => None,
        }
    }

    /// Whether a request is counted by itself, as its connection tells nothing of its client.
    pub(super) fn counts_alone(&self, requester: &Requester) -> bool {
        match requester.way {
            Way::TrustedProxy => true,
            Way::UnknownProxy => self.exempt(client_of(requester.address)),
            Way::Direct => false,
        }
    }

    /// The same for the hub. A crowd is nobody there: one of them that guesses must not bar the others.
    pub(super) fn client(&self, requester: &Requester) -> Option<ClientId> {
        let client = self.limited(requester).filter(|client| !client.is_crowd)?;
        let bits = match client.address {
            IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
            IpAddr::V6(v6) => v6.to_bits(),
        };
        Some(ClientId(bits))
    }

    /// A connection was opened. `None`: it is to be closed without a word, since too many are open, or a warning
    /// (`too_fast`) does not help. To a trusted proxy only the total applies; its clients are counted as they `enter`.
    pub(super) fn connect(self: &Arc<Limits>, from: IpAddr, is_proxy: bool, now: Instant) -> Option<Place> {
        let client = Some(client_of(from)).filter(|address| !is_proxy && !self.exempt(*address));
        let client = client.map(Client::one);
        let mut table = lock(&self.table);
        if table.open >= self.settings.total_connections {
            return None;
        }
        let mut too_fast = None;
        if let Some(client) = client {
            let entry = self.entry(&mut table, client, now);
            if entry.open >= self.settings.connections {
                return None;
            }
            too_fast = entry.connections.take(self.connections(), now).err();
            if too_fast.is_some() {
                entry.refusals.take(self.connections(), now).ok()?;
            }
            entry.open += 1;
        }
        table.open += 1;
        Some(Place {
            limits: self.clone(),
            client,
            is_connection: true,
            too_fast,
        })
    }

    /// A proxy passes a request on. `None`: the client has too many under way, WebSockets included.
    pub(super) fn enter(self: &Arc<Limits>, requester: &Requester, now: Instant) -> Option<Place> {
        let client = self.limited(requester);
        if let Some(client) = client {
            let mut table = lock(&self.table);
            let entry = self.entry(&mut table, client, now);
            if entry.open >= self.settings.connections.saturating_mul(client.times()) {
                return None;
            }
            entry.open += 1;
        }
        Some(Place {
            limits: self.clone(),
            client,
            is_connection: false,
            too_fast: None,
        })
    }

    /// A WebSocket is asked for; `Err`: how long to wait.
    pub(super) fn session(&self, requester: &Requester, now: Instant) -> Result<(), Duration> {
        let Some(client) = self.limited(requester) else {
            return Ok(());
        };
        let mut table = lock(&self.table);
        self.entry(&mut table, client, now)
            .sessions
            .take(self.sessions().times(client.times()), now)
    }

    /// A request, whatever it asks for; `Err`: how long to wait.
    pub(super) fn request(&self, requester: &Requester, now: Instant) -> Result<(), Duration> {
        let Some(client) = self.limited(requester) else {
            return Ok(());
        };
        let mut table = lock(&self.table);
        self.entry(&mut table, client, now)
            .requests
            .take(self.requests().times(client.times()), now)
    }

    /// A message of a WebSocket costs so much: how long its client has to wait until that is paid back.
    pub(super) fn spend(&self, requester: &Requester, cost: u32, now: Instant) -> Duration {
        let Some(client) = self.limited(requester) else {
            return Duration::ZERO;
        };
        let mut table = lock(&self.table);
        let pace = self.work().times(client.times());
        self.entry(&mut table, client, now)
            .work
            .borrow_many(cost, pace, now)
    }

    fn entry<'a>(&self, table: &'a mut Table, client: Client, now: Instant) -> &'a mut Entry {
        let (connections, sessions, requests) = (self.connections(), self.sessions(), self.requests());
        let work = self.work();
        if table.entries.len() >= table.prune_at.max(PRUNE) {
            table.entries.retain(|client, e| {
                let times = client.times();
                // Warnings are given after connections only, and refill as fast.
                e.open > 0
                    || !e.connections.is_full(connections, now)
                    || !e.sessions.is_full(sessions.times(times), now)
                    || !e.requests.is_full(requests.times(times), now)
                    || !e.work.is_full(work.times(times), now)
            });
            // Looks at all again only when as many have come as there are.
            table.prune_at = table.entries.len() * 2;
        }
        let times = client.times();
        table.entries.entry(client).or_insert_with(|| Entry {
            open: 0,
            connections: Bucket::full(connections, now),
            refusals: Bucket::full(connections, now),
            sessions: Bucket::full(sessions.times(times), now),
            requests: Bucket::full(requests.times(times), now),
            work: Bucket::full(work.times(times), now),
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut table = lock(&self.limits.table);
        table.open = table.open.saturating_sub(u32::from(self.is_connection));
        if let Some(entry) = self.client.and_then(|client| table.entries.get_mut(&client)) {
            entry.open = entry.open.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(settings: HttpLimits) -> Arc<Limits> {
        Arc::new(Limits::new(settings))
    }

    fn host(n: u32) -> IpAddr {
        IpAddr::V4(std::net::Ipv4Addr::from_bits(0xC633_0000 + n))
    }

    #[test]
    fn a_place_is_free_again_after_a_connection_ends() {
        let limits = limits(HttpLimits {
            connections: 2,
            total_connections: 3,
            ..HttpLimits::default()
        });
        let now = Instant::now();
        let first = limits.connect(host(1), false, now).unwrap();
        let _second = limits.connect(host(1), false, now).unwrap();
        assert!(limits.connect(host(1), false, now).is_none());
        let _other = limits.connect(host(2), false, now).unwrap();
        assert!(
            limits.connect(host(3), false, now).is_none(),
            "the total is reached"
        );
        drop(first);
        assert!(limits.connect(host(1), false, now).is_some());
    }

    #[test]
    fn who_connects_too_fast_hears_when_to_come_back() {
        let limits = limits(HttpLimits {
            connections_per_second: 10,
            connections_burst: 5,
            ..HttpLimits::default()
        });
        let now = Instant::now();
        let places: Vec<_> = (0..10)
            .map(|_| limits.connect(host(1), false, now).unwrap())
            .collect();
        assert!(places[..5].iter().all(|p| p.too_fast.is_none()));
        assert_eq!(places[5].too_fast, Some(Duration::from_millis(100)));
        assert!(
            limits.connect(host(1), false, now).is_none(),
            "nor are there more warnings than connections"
        );
        let later = now + Duration::from_millis(101);
        assert!(limits.connect(host(1), false, later).unwrap().too_fast.is_none());
    }

    #[test]
    fn this_machine_is_not_limited_unless_wanted() {
        let loopback = IpAddr::from([127, 0, 0, 1]);
        let direct = Requester {
            address: loopback,
            way: Way::Direct,
        };
        let one = HttpLimits {
            connections: 1,
            sessions_per_minute: 1,
            ..HttpLimits::default()
        };
        let now = Instant::now();
        let free = limits(one.clone());
        let _places = [
            free.connect(loopback, false, now).unwrap(),
            free.connect(loopback, false, now).unwrap(),
        ];
        assert!((0..9).all(|_| free.session(&direct, now).is_ok()));
        let strict = limits(HttpLimits {
            loopback: true,
            ..one
        });
        let _place = strict.connect(loopback, false, now).unwrap();
        assert!(strict.connect(loopback, false, now).is_none());
        assert!(strict.session(&direct, now).is_ok());
        assert_eq!(strict.session(&direct, now), Err(Duration::from_secs(60)));
    }

    #[test]
    fn behind_a_trusted_proxy_each_client_has_its_own_limits() {
        let limits = limits(HttpLimits {
            connections: 1,
            total_connections: 2,
            sessions_per_minute: 1,
            ..HttpLimits::default()
        });
        let now = Instant::now();
        let proxy = IpAddr::from([127, 0, 0, 1]);
        let behind = |address| Requester {
            address,
            way: Way::TrustedProxy,
        };
        let _connections = [0; 2].map(|_| limits.connect(proxy, true, now).unwrap());
        let place = limits.enter(&behind(host(1)), now).unwrap();
        assert!(limits.enter(&behind(host(1)), now).is_none());
        let _other = limits.enter(&behind(host(2)), now).unwrap();
        drop(place);
        assert!(limits.enter(&behind(host(1)), now).is_some());
        for address in [host(1), host(2), proxy] {
            assert!(limits.session(&behind(address), now).is_ok());
            assert!(limits.session(&behind(address), now).is_err(), "{address}");
            assert!(limits.client(&behind(address)).is_some());
        }
        assert_ne!(limits.client(&behind(host(1))), limits.client(&behind(host(2))));
    }

    #[test]
    fn requests_have_a_budget_of_their_own() {
        let limits = limits(HttpLimits {
            http_per_second: 10,
            http_burst: 3,
            ..HttpLimits::default()
        });
        let now = Instant::now();
        let from = |address| Requester {
            address,
            way: Way::Direct,
        };
        for _ in 0..3 {
            assert!(limits.request(&from(host(1)), now).is_ok());
        }
        assert_eq!(
            limits.request(&from(host(1)), now),
            Err(Duration::from_millis(100))
        );
        assert!(limits.request(&from(host(2)), now).is_ok(), "others have theirs");
        let later = now + Duration::from_millis(101);
        assert!(limits.request(&from(host(1)), later).is_ok());
        assert!((0..99).all(|_| {
            let this_machine = from(IpAddr::from([127, 0, 0, 1]));
            limits.request(&this_machine, now).is_ok()
        }));
    }

    #[test]
    fn all_behind_an_unknown_proxy_on_this_machine_are_one_client_with_more_room() {
        let limits = limits(HttpLimits {
            connections: 1,
            sessions_per_minute: 1,
            http_burst: 1,
            http_per_second: 1,
            ..HttpLimits::default()
        });
        let now = Instant::now();
        let crowd = Requester {
            address: IpAddr::from([127, 0, 0, 1]),
            way: Way::UnknownProxy,
        };
        assert!(limits.counts_alone(&crowd));
        let ten = RAISED as usize;
        let places: Vec<_> = (0..=ten).map_while(|_| limits.enter(&crowd, now)).collect();
        assert_eq!(places.len(), ten);
        assert_eq!(
            (0..99).filter(|_| limits.request(&crowd, now).is_ok()).count(),
            ten
        );
        assert_eq!(
            (0..99).filter(|_| limits.session(&crowd, now).is_ok()).count(),
            ten
        );
        assert!(
            limits.client(&crowd).is_none(),
            "in the hub one of them does not count for another"
        );
        let direct = Requester {
            way: Way::Direct,
            ..crowd
        };
        assert!(
            limits.request(&direct, now).is_ok(),
            "programs on this machine have nothing to do with them"
        );
    }

    #[test]
    fn dear_messages_are_paid_for_by_all_sockets_of_a_client_and_by_no_other() {
        let limits = limits(HttpLimits {
            work_per_second: 10,
            work_burst: 20,
            ..HttpLimits::default()
        });
        let now = Instant::now();
        let from = |n| Requester {
            address: host(n),
            way: Way::Direct,
        };
        let waits: Vec<_> = (0..4)
            .map(|_| limits.spend(&from(1), 10, now).as_secs())
            .collect();
        assert_eq!(waits, [0, 0, 1, 2]);
        assert_eq!(limits.spend(&from(2), 10, now), Duration::ZERO);
        assert_eq!(
            limits.spend(&from(1), 10, now + Duration::from_secs(4)),
            Duration::ZERO
        );
    }

    #[test]
    fn the_table_forgets_addresses_that_have_nothing() {
        let limits = limits(HttpLimits::default());
        let now = Instant::now();
        let kept = limits.connect(host(0), false, now).unwrap();
        for n in 1..200_000 {
            let _ = limits.connect(host(n), false, now + Duration::from_millis(u64::from(n) * 10));
        }
        let entries = lock(&limits.table).entries.len();
        assert!(entries <= PRUNE, "{entries}");
        assert!(lock(&limits.table).entries.contains_key(&kept.client.unwrap()));
    }
}
