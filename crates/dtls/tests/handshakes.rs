//! Handshakes on a made clock and network: both roles, losses, strangers.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use omnigate_dtls::{Failure, Handshake, Identity, LIMIT, Outcome};
use omnigate_srtp::{Fingerprint, HashFunction, Keys, Opener, Role, Sealer};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

const TICK: Duration = Duration::from_millis(20);

/// One end, and what it has sent.
struct End {
    handshake: Handshake,
    sent: VecDeque<Vec<u8>>,
    outcome: Option<Outcome>,
}

impl End {
    fn new(identity: &Identity, role: Role, of: &[Fingerprint], now: Instant) -> End {
        End {
            handshake: Handshake::new(identity, role, Arc::from(of), now),
            sent: VecDeque::new(),
            outcome: None,
        }
    }

    fn take(&mut self, datagram: &[u8], now: Instant) {
        let sent = &mut self.sent;
        let come = self
            .handshake
            .receive(datagram, now, |out| sent.push_back(out.to_vec()));
        self.come(come);
    }

    fn tick(&mut self, now: Instant) {
        let sent = &mut self.sent;
        let come = self.handshake.timeout(now, |out| sent.push_back(out.to_vec()));
        self.come(come);
    }

    fn come(&mut self, outcome: Option<Outcome>) {
        if outcome.is_some() {
            assert!(self.outcome.is_none(), "it ends once");
            self.outcome = outcome;
        }
    }

    fn keys(&self) -> &Keys {
        self.outcome.as_ref().unwrap().as_ref().unwrap()
    }

    fn failure(&self) -> &Failure {
        self.outcome.as_ref().unwrap().as_ref().unwrap_err()
    }
}

/// A client and a server that know each other's fingerprints.
struct Both {
    client: End,
    server: End,
    now: Instant,
}

impl Both {
    fn new() -> Both {
        let (here, there) = (Identity::new().unwrap(), Identity::new().unwrap());
        Both::with(&here, &[there.fingerprint()], &there, &[here.fingerprint()])
    }

    fn with(client: &Identity, its: &[Fingerprint], server: &Identity, theirs: &[Fingerprint]) -> Both {
        let now = Instant::now();
        let mut both = Both {
            client: End::new(client, Role::Active, its, now),
            server: End::new(server, Role::Passive, theirs, now),
            now,
        };
        both.client.handshake.begin(now);
        both.server.handshake.begin(now);
        both
    }

    /// The next 20 ms; `passes` says whether the n-th datagram of all gets there.
    fn turn(&mut self, passes: &mut impl FnMut() -> bool) {
        self.now += TICK;
        let (to_server, to_client) = (
            std::mem::take(&mut self.client.sent),
            std::mem::take(&mut self.server.sent),
        );
        for datagram in to_server {
            if passes() {
                self.server.take(&datagram, self.now);
            }
        }
        for datagram in to_client {
            if passes() {
                self.client.take(&datagram, self.now);
            }
        }
        self.client.tick(self.now);
        self.server.tick(self.now);
    }

    fn run(&mut self, limit: Duration, mut passes: impl FnMut() -> bool) {
        let until = self.now + limit;
        while self.now < until && (self.client.outcome.is_none() || self.server.outcome.is_none()) {
            self.turn(&mut passes);
        }
    }
}

/// What one end seals the other one opens, in both directions.
fn agree(one: &Keys, other: &Keys) {
    assert!(one.send == other.receive && one.receive == other.send && one.send != one.receive);
    let packet = [&[0x80, 8, 0, 1][..], &[7; 28]].concat();
    let mut sealed = packet.clone();
    Sealer::new(&one.send).unwrap().seal_rtp(&mut sealed).unwrap();
    assert_ne!(sealed, packet);
    Opener::new(&other.receive)
        .unwrap()
        .open_rtp(&mut sealed)
        .unwrap();
    assert_eq!(sealed, packet);
}

#[test]
fn both_sides_get_the_same_keys_within_three_round_trips_and_nothing_is_left_of_it() {
    let mut both = Both::new();
    let began = both.now;
    both.run(LIMIT, || true);
    agree(both.client.keys(), both.server.keys());
    assert!(both.now - began <= TICK * 6, "{:?}", both.now - began);
    assert!(both.client.handshake.is_over(both.now));
    assert!(
        !both.server.handshake.is_over(both.now),
        "its last flight may be lost"
    );
    assert!(both.server.handshake.is_over(both.now + Duration::from_secs(31)));
}

/// Each of the first datagrams is lost in turn, and both of each pair.
#[test]
fn what_the_network_loses_is_sent_again() {
    for (first, second) in (0..8).flat_map(|first| (first..8).map(move |second| (first, second))) {
        let (mut both, mut n) = (Both::new(), 0);
        both.run(LIMIT, || {
            n += 1;
            n - 1 != first && n - 1 != second
        });
        agree(both.client.keys(), both.server.keys());
    }
}

#[test]
fn one_in_five_datagrams_lost_costs_time_and_no_handshake_in_ten() {
    let (mut seed, mut failed) = (1u64, 0);
    for _ in 0..40 {
        let mut both = Both::new();
        both.run(LIMIT + TICK, || {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % 5 != 0
        });
        let keys = |end: &End| end.outcome.as_ref().is_some_and(Result::is_ok);
        failed += u32::from(!keys(&both.client) || !keys(&both.server));
    }
    println!("{failed} of 40 handshakes failed");
    assert!(failed <= 4, "{failed} of 40");
}

#[test]
fn a_certificate_that_sdp_does_not_speak_of_is_refused_by_either_side() {
    let (here, there) = (Identity::new().unwrap(), Identity::new().unwrap());
    let stranger = Identity::new().unwrap().fingerprint();
    let mut both = Both::with(&here, &[stranger], &there, &[here.fingerprint()]);
    both.run(LIMIT * 2, || true);
    assert_eq!(both.client.failure(), &Failure::Fingerprint);
    assert_eq!(both.server.failure(), &Failure::Unfinished);
    let mut both = Both::with(&here, &[there.fingerprint()], &there, &[stranger]);
    both.run(LIMIT * 2, || true);
    assert_eq!(both.server.failure(), &Failure::Fingerprint);
}

#[test]
fn of_several_fingerprints_one_fits_and_a_weaker_hash_does_not_make_up_for_a_stronger_one() {
    let (here, there) = (Identity::new().unwrap(), Identity::new().unwrap());
    let of = |hash, identity: &Identity| match hash {
        HashFunction::Sha256 => identity.fingerprint(),
        // Only the certificate itself has others.
        _ => Fingerprint::of(hash, b"another certificate"),
    };
    let stranger = Identity::new().unwrap().fingerprint();
    let mut both = Both::with(
        &here,
        &[stranger, there.fingerprint()],
        &there,
        &[here.fingerprint()],
    );
    both.run(LIMIT, || true);
    agree(both.client.keys(), both.server.keys());
    let mixed = [there.fingerprint(), of(HashFunction::Sha512, &there)];
    let mut both = Both::with(&here, &mixed, &there, &[here.fingerprint()]);
    both.run(LIMIT * 2, || true);
    assert_eq!(both.client.failure(), &Failure::Fingerprint);
}

#[test]
fn nothing_is_sent_and_no_time_runs_before_the_other_side_is_there() {
    let (identity, now) = (Identity::new().unwrap(), Instant::now());
    let mut client = End::new(&identity, Role::Active, &[identity.fingerprint()], now);
    let mut server = End::new(&identity, Role::Passive, &[identity.fingerprint()], now);
    for end in [&mut client, &mut server] {
        end.tick(now);
        end.tick(now + LIMIT * 10);
        assert!(end.sent.is_empty() && end.outcome.is_none());
        end.handshake.begin(now + LIMIT * 10);
        end.tick(now + LIMIT * 10);
        end.tick(now + LIMIT * 20);
        assert_eq!(end.failure(), &Failure::Silent);
    }
    assert!(!client.sent.is_empty());
    assert!(server.sent.is_empty(), "it waits for the other side");
}

#[test]
fn a_server_answers_a_client_that_begins_before_its_time_runs() {
    let (here, there) = (Identity::new().unwrap(), Identity::new().unwrap());
    let mut both = Both::new();
    both.server = End::new(&there, Role::Passive, &[here.fingerprint()], both.now);
    both.client = End::new(&here, Role::Active, &[there.fingerprint()], both.now);
    both.client.handshake.begin(both.now);
    both.run(LIMIT, || true);
    agree(both.client.keys(), both.server.keys());
}

/// Whoever can send a datagram can send an alert: it shortens the wait, and ends nothing that goes on.
#[test]
fn an_alert_that_nobody_has_signed_ends_a_handshake_only_when_nothing_else_comes() {
    let alert = [21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40];
    let mut both = Both::new();
    both.turn(&mut || true);
    both.client.take(&alert, both.now);
    both.server.take(&alert, both.now);
    both.run(LIMIT, || true);
    agree(both.client.keys(), both.server.keys());

    let mut both = Both::new();
    both.turn(&mut || false);
    both.client.take(&alert, both.now);
    let began = both.now;
    while both.client.outcome.is_none() {
        both.turn(&mut || false);
    }
    assert_eq!(both.client.failure(), &Failure::Refused(40));
    assert!(both.now - began <= Duration::from_millis(2_100));
}

#[test]
fn noise_of_strangers_changes_nothing_and_there_is_an_end_to_it() {
    let mut both = Both::new();
    let mut seed = 7u64;
    for n in 0..60usize {
        let mut noise: Vec<u8> = (0..n * 20)
            .map(|_| {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (seed >> 40) as u8
            })
            .collect();
        if let Some(first) = noise.first_mut() {
            *first = 20 + (n % 44) as u8;
        }
        both.client.take(&noise, both.now);
        both.server.take(&noise, both.now);
    }
    both.run(LIMIT, || true);
    agree(both.client.keys(), both.server.keys());
}

#[test]
fn a_client_that_has_not_heard_the_end_is_told_again() {
    let mut both = Both::new();
    while both.server.outcome.is_none() {
        both.turn(&mut || true);
    }
    // The server's last flight is lost.
    both.server.sent.clear();
    assert!(both.client.outcome.is_none());
    both.run(LIMIT, || true);
    agree(both.client.keys(), both.server.keys());
}
