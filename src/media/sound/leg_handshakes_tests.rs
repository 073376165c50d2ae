//! Legs whose keys a handshake makes, on a made network and clock.

use super::*;
use crate::media::Playback;
use omnigate_audio::tone::Tone;
use omnigate_dtls::{Failure, Handshake, Identity, LIMIT, Outcome};
use omnigate_sip::dtls::Association;
use omnigate_srtp::{Fingerprint, Keys, Opener, Role, Sealer};

const PORT: u16 = 4_000;

/// One port of a telephone that speaks DTLS on it.
struct Line {
    handshake: Handshake,
    keys: Option<Keys>,
    /// What came that is no DTLS.
    packets: Vec<Vec<u8>>,
}

impl Line {
    /// One that begins, or not.
    fn new(identity: &Identity, role: Role, now: Instant) -> Line {
        let ours = Identity::shared().unwrap().fingerprint();
        let mut handshake = Handshake::new(identity, role, [ours].into(), now);
        handshake.begin(now);
        Line {
            handshake,
            keys: None,
            packets: Vec::new(),
        }
    }

    /// What it does in 20 ms.
    fn turn(&mut self, at: &Port, to: SocketAddr, now: Instant) {
        let come = self.handshake.timeout(now, |out| at.send(out, to));
        self.take(come);
        while let Some((_, datagram)) = at.receive() {
            if is_dtls(&datagram) {
                let come = self.handshake.receive(&datagram, now, |out| at.send(out, to));
                self.take(come);
            } else {
                self.packets.push(datagram);
            }
        }
    }

    fn take(&mut self, come: Option<Outcome>) {
        if let Some(outcome) = come {
            self.keys = Some(outcome.unwrap());
        }
    }
}

fn association(role: Role, fingerprint: Fingerprint) -> Association {
    Association {
        role,
        fingerprints: [fingerprint].into(),
        due: true,
    }
}

/// What is agreed on with a telephone of this certificate.
fn sealed(role: Role, fingerprint: Fingerprint, muxed: bool) -> Agreed {
    let agreed = agreed(PORT);
    let reports = if muxed { PORT } else { PORT + 1 };
    Agreed {
        remote_rtcp: Some(SocketAddr::new(HOST, reports)),
        srtp: Some(Box::new(Keying::Dtls(association(role, fingerprint)))),
        ..agreed
    }
}

fn reports_of(to: SocketAddr) -> SocketAddr {
    SocketAddr::new(to.ip(), to.port() + 1)
}

/// Three seconds at most until the keys are there: a flight that came too early is sent again after one.
fn shake_hands(bench: &mut Bench, phone: &Phone, line: &mut Line) -> Keys {
    for _ in 0..150 {
        if let Some(keys) = line.keys.clone() {
            return keys;
        }
        line.turn(&phone.rtp, phone.to, bench.now);
        bench.turn();
    }
    panic!("no keys");
}

fn rtp(sequence: u16) -> Vec<u8> {
    let mut packet = vec![0x80, 8];
    packet.extend(sequence.to_be_bytes());
    packet.extend((u32::from(sequence) * 160).to_be_bytes());
    packet.extend(7u32.to_be_bytes());
    packet.extend([0x55; 160]);
    packet
}

#[test]
fn before_the_keys_nothing_goes_either_way_and_what_is_played_begins_with_them() {
    let mut bench = Bench::new();
    let plain = bench.phone(PORT, 7);
    plain.leg.play(Playback::Tone(Tone::RingBack)).unwrap();
    let mut first: Vec<Vec<u8>> = Vec::new();
    while first.len() < 10 {
        bench.turn();
        first.extend(plain.rtp.receive().map(|(_, packet)| packet[12..].to_vec()));
    }
    drop(plain);
    for role in [Role::Active, Role::Passive] {
        let theirs = match role {
            Role::Active => Role::Passive,
            Role::Passive => Role::Active,
        };
        let mut bench = Bench::new();
        let identity = Identity::new().unwrap();
        let mut phone = bench.phone_with(PORT, 7, sealed(role, identity.fingerprint(), true));
        phone.leg.play(Playback::Tone(Tone::RingBack)).unwrap();
        for _ in 0..25 {
            phone.speak();
            phone.report();
            bench.turn();
        }
        let come = || {
            std::iter::from_fn(|| phone.rtp.receive()).chain(std::iter::from_fn(|| phone.reports.receive()))
        };
        assert!(come().all(|(_, datagram)| is_dtls(&datagram)), "{role:?}");
        assert_eq!(phone.told(), [], "what is plain is not heard");
        let mut line = Line::new(&identity, theirs, bench.now);
        let keys = shake_hands(&mut bench, &phone, &mut line);
        let (mut opener, mut sealer) = (
            Opener::new(&keys.receive).unwrap(),
            Sealer::new(&keys.send).unwrap(),
        );
        let mut packet = rtp(1);
        sealer.seal_rtp(&mut packet).unwrap();
        phone.rtp.send(&packet, phone.to);
        for _ in 0..20 {
            bench.turn();
            line.turn(&phone.rtp, phone.to, bench.now);
        }
        let told = phone.told();
        assert_eq!(told, [LegEvent::Sealed(keys.send.suite()), LegEvent::FirstPacket]);
        let open = |packet: &Vec<u8>| {
            let mut packet = packet.clone();
            opener.open_rtp(&mut packet).map(|()| packet[12..].to_vec())
        };
        let media = line.packets.iter().filter(|packet| packet[1] & 0x7f == 8);
        let heard: Vec<Vec<u8>> = media.take(10).map(open).collect::<Result<_, _>>().unwrap();
        assert_eq!(heard, first, "the tone begins with the keys");
    }
}

#[test]
fn a_handshake_that_nobody_answers_is_over_after_ten_seconds_and_told_once() {
    for role in [Role::Active, Role::Passive] {
        let mut bench = Bench::new();
        let identity = Identity::new().unwrap();
        let mut phone = bench.phone_with(PORT, 7, sealed(role, identity.fingerprint(), false));
        for _ in 0..LIMIT.as_millis() / 20 - 2 {
            phone.report();
            bench.turn();
        }
        let failed = |event: &LegEvent| matches!(event, LegEvent::NoKeys(_));
        assert!(!phone.told().iter().any(failed));
        for _ in 0..100 {
            bench.turn();
        }
        let told: Vec<LegEvent> = phone.told().into_iter().filter(failed).collect();
        assert_eq!(told, [LegEvent::NoKeys(Failure::Silent)]);
        let sent = std::iter::from_fn(|| phone.rtp.receive()).count();
        assert_eq!(sent > 0, role == Role::Active, "who waits sends nothing");
        assert!(sent < 20, "{sent} datagrams to nobody");
    }
}

#[test]
fn nobody_is_sent_a_handshake_who_has_not_proved_to_be_there() {
    let mut bench = Bench::new();
    let identity = Identity::new().unwrap();
    let mut agreed = sealed(Role::Active, identity.fingerprint(), true);
    let due = |agreed: &mut Agreed, due| {
        if let Some(Keying::Dtls(association)) = agreed.srtp.as_deref_mut() {
            association.due = due;
        }
    };
    due(&mut agreed, false);
    let phone = bench.phone_with(PORT, 7, agreed.clone());
    for _ in 0..100 {
        bench.turn();
    }
    assert!(phone.rtp.receive().is_none());
    due(&mut agreed, true);
    phone.leg.set_media(agreed).unwrap();
    let mut line = Line::new(&identity, Role::Passive, bench.now);
    shake_hands(&mut bench, &phone, &mut line);
}

#[test]
fn a_stranger_gets_no_answer_to_its_handshake() {
    let mut bench = Bench::new();
    let identity = Identity::new().unwrap();
    let phone = bench.phone_with(PORT, 7, sealed(Role::Passive, identity.fingerprint(), true));
    let stranger = bench
        .net
        .bind(SocketAddr::from(([198, 51, 100, 6], PORT)))
        .unwrap();
    let mut line = Line::new(&identity, Role::Active, bench.now);
    for _ in 0..100 {
        line.turn(&stranger, phone.to, bench.now);
        bench.turn();
    }
    assert!(line.keys.is_none() && stranger.receive().is_none());
    assert!(bench.plane.figures().rtp_rejected > 0);
    // Another port of the telephone's own host may be what a NAT makes of it.
    let nat = bench.net.bind(SocketAddr::new(HOST, 5_000)).unwrap();
    let mut line = Line::new(&identity, Role::Active, bench.now);
    for _ in 0..50 {
        line.turn(&nat, phone.to, bench.now);
        bench.turn();
    }
    assert!(line.keys.is_some());
}

#[test]
fn the_same_certificate_goes_on_and_another_one_begins_anew() {
    let mut bench = Bench::new();
    let identity = Identity::new().unwrap();
    let agreed = sealed(Role::Passive, identity.fingerprint(), true);
    let mut phone = bench.phone_with(PORT, 7, agreed.clone());
    let mut line = Line::new(&identity, Role::Active, bench.now);
    let keys = shake_hands(&mut bench, &phone, &mut line);
    let mut sealer = Sealer::new(&keys.send).unwrap();
    let speak = |bench: &mut Bench, phone: &Phone, sealer: &mut Sealer, sequence| {
        let mut packet = rtp(sequence);
        sealer.seal_rtp(&mut packet).unwrap();
        phone.rtp.send(&packet, phone.to);
        bench.turn();
        bench.plane.figures().rtp_received
    };
    assert_eq!(speak(&mut bench, &phone, &mut sealer, 1), 1);
    // A hold by no address, its end, and a refresh that says another role.
    let nowhere = SocketAddr::from(([0, 0, 0, 0], PORT));
    let held = Agreed {
        remote_rtp: nowhere,
        remote_rtcp: Some(nowhere),
        direction: Direction::RecvOnly,
        ..agreed.clone()
    };
    let refreshed = sealed(Role::Active, identity.fingerprint(), true);
    for (n, again) in (2..).zip([held, agreed, refreshed]) {
        phone.leg.set_media(again).unwrap();
        bench.turn();
        assert_eq!(speak(&mut bench, &phone, &mut sealer, n), u64::from(n));
    }
    phone.told();
    let other = Identity::new().unwrap();
    phone
        .leg
        .set_media(sealed(Role::Passive, other.fingerprint(), true))
        .unwrap();
    bench.turn();
    assert_eq!(
        speak(&mut bench, &phone, &mut sealer, 5),
        4,
        "the old keys are none any more"
    );
    let mut line = Line::new(&other, Role::Active, bench.now);
    let keys = shake_hands(&mut bench, &phone, &mut line);
    let mut sealer = Sealer::new(&keys.send).unwrap();
    assert_eq!(speak(&mut bench, &phone, &mut sealer, 6), 5);
    assert!(phone.told().contains(&LegEvent::Sealed(keys.send.suite())));
}

/// RFC 5764 section 5.1.1: a handshake for each port.
#[test]
fn reports_on_a_port_of_their_own_have_a_handshake_of_their_own() {
    for reports_first in [false, true] {
        reports_have_their_own(reports_first);
    }
}

fn reports_have_their_own(first: bool) {
    let mut bench = Bench::new();
    let identity = Identity::new().unwrap();
    let mut phone = bench.phone_with(PORT, 7, sealed(Role::Passive, identity.fingerprint(), false));
    let mut line = Line::new(&identity, Role::Active, bench.now);
    if !first {
        shake_hands(&mut bench, &phone, &mut line);
    }
    let mut reports = Line::new(&identity, Role::Active, bench.now);
    for _ in 0..50 {
        reports.turn(&phone.reports, reports_of(phone.to), bench.now);
        bench.turn();
    }
    if first {
        shake_hands(&mut bench, &phone, &mut line);
    }
    let keys = reports.keys.clone().unwrap();
    assert_ne!(Some(&keys), line.keys.as_ref());
    // Nothing but its reports says that it is there.
    let mut sealer = Sealer::new(&keys.send).unwrap();
    for turn in 0..500 {
        if turn % 25 == 0 {
            let mut report = [&[0x80, 201, 0, 1][..], &7u32.to_be_bytes()].concat();
            sealer.seal_rtcp(&mut report).unwrap();
            phone.reports.send(&report, reports_of(phone.to));
        }
        reports.turn(&phone.reports, reports_of(phone.to), bench.now);
        bench.turn();
    }
    assert!(!phone.told().contains(&LegEvent::Silent));
    let mut opener = Opener::new(&keys.receive).unwrap();
    assert!(!reports.packets.is_empty(), "it is told how it is heard");
    for mut report in reports.packets {
        opener.open_rtcp(&mut report).unwrap();
    }
}

/// Whoever is held from its first offer on has no handshake, and what is played to it ends all the same.
#[test]
fn what_is_played_to_one_who_is_held_from_the_beginning_comes_to_its_end() {
    let mut bench = Bench::new();
    let identity = Identity::new().unwrap();
    let nowhere = SocketAddr::from(([0, 0, 0, 0], PORT));
    let held = Agreed {
        remote_rtp: nowhere,
        remote_rtcp: Some(nowhere),
        direction: Direction::RecvOnly,
        ..sealed(Role::Active, identity.fingerprint(), true)
    };
    let mut phone = bench.phone_with(PORT, 7, held);
    let played = phone.leg.play(Playback::Tone(Tone::Join)).unwrap();
    for _ in 0..LIMIT.as_millis() / 20 + 50 {
        bench.turn();
    }
    assert_eq!(phone.told(), [LegEvent::PlaybackDone(played)]);
    let resumed = sealed(Role::Active, identity.fingerprint(), true);
    phone.leg.set_media(resumed).unwrap();
    let mut line = Line::new(&identity, Role::Passive, bench.now);
    shake_hands(&mut bench, &phone, &mut line);
}

#[test]
fn reports_on_the_port_of_the_media_go_where_the_media_go() {
    let mut bench = Bench::new();
    let identity = Identity::new().unwrap();
    let phone = bench.phone_with(PORT, 7, sealed(Role::Passive, identity.fingerprint(), true));
    let nat = bench.net.bind(SocketAddr::new(HOST, 5_000)).unwrap();
    let neighbour = bench.net.bind(SocketAddr::new(HOST, 5_001)).unwrap();
    let mut line = Line::new(&identity, Role::Active, bench.now);
    let mut sequence = 0;
    let mut sealer = None;
    for _ in 0..500 {
        line.turn(&nat, phone.to, bench.now);
        if let Some(keys) = &line.keys {
            let sealer = sealer.get_or_insert_with(|| Sealer::new(&keys.send).unwrap());
            sequence += 1;
            let mut packet = rtp(sequence);
            sealer.seal_rtp(&mut packet).unwrap();
            nat.send(&packet, phone.to);
        }
        bench.turn();
    }
    let reports = line.packets.iter().filter(|packet| is_rtcp(packet)).count();
    assert!(reports > 0, "of {} packets", line.packets.len());
    assert!(neighbour.receive().is_none());
}

/// A gateway that was given up, or a telephone that did not answer, has nothing to say to the call any more.
#[test]
fn who_is_called_no_more_neither_ends_the_call_nor_is_heard() {
    let mut bench = Bench::new();
    let identity = Identity::new().unwrap();
    let mut phone = bench.phone_with(PORT, 7, sealed(Role::Active, identity.fingerprint(), true));
    let next = Identity::new().unwrap();
    phone.leg.set_sources(HOST.into());
    for _ in 0..LIMIT.as_millis() / 20 + 50 {
        bench.turn();
    }
    assert_eq!(phone.told(), []);
    phone
        .leg
        .set_media(sealed(Role::Active, next.fingerprint(), true))
        .unwrap();
    let mut line = Line::new(&next, Role::Passive, bench.now);
    let keys = shake_hands(&mut bench, &phone, &mut line);
    assert_eq!(phone.told(), [LegEvent::Sealed(keys.send.suite())]);
}

#[test]
fn a_handshake_that_has_failed_is_begun_anew_by_the_next_agreement() {
    let mut bench = Bench::new();
    let identity = Identity::new().unwrap();
    let agreed = sealed(Role::Active, identity.fingerprint(), true);
    let mut phone = bench.phone_with(PORT, 7, agreed.clone());
    for _ in 0..LIMIT.as_millis() / 20 + 50 {
        bench.turn();
    }
    let failed = |event: &LegEvent| matches!(event, LegEvent::NoKeys(_));
    assert!(phone.told().iter().any(failed));
    while phone.rtp.receive().is_some() {}
    phone.leg.set_media(agreed).unwrap();
    let mut line = Line::new(&identity, Role::Passive, bench.now);
    shake_hands(&mut bench, &phone, &mut line);
    assert!(!phone.told().iter().any(failed));
}

/// RFC 5763 section 5: the answer of another fork may say who begins otherwise than the one before it.
#[test]
fn another_role_while_the_handshake_runs_begins_it_anew() {
    let mut bench = Bench::new();
    let identity = Identity::new().unwrap();
    let phone = bench.phone_with(PORT, 7, sealed(Role::Passive, identity.fingerprint(), true));
    phone
        .leg
        .set_media(sealed(Role::Active, identity.fingerprint(), true))
        .unwrap();
    let mut line = Line::new(&identity, Role::Passive, bench.now);
    shake_hands(&mut bench, &phone, &mut line);
}

/// What another host sends that may send media moves no flight away from the one that SDP names.
#[test]
fn nobody_draws_the_handshake_away_from_where_sdp_says() {
    for junk in [
        vec![22; 40],
        [&[21, 0xfe, 0xfd, 0, 0][..], &[0; 6], &[0, 2, 1, 0]].concat(),
    ] {
        let mut bench = Bench::new();
        let identity = Identity::new().unwrap();
        let phone = bench.phone_with(PORT, 7, sealed(Role::Active, identity.fingerprint(), true));
        let other = bench.net.bind(SocketAddr::new(HOST, 5_000)).unwrap();
        let mut line = Line::new(&identity, Role::Passive, bench.now);
        for _ in 0..100 {
            other.send(&junk, phone.to);
            line.turn(&phone.rtp, phone.to, bench.now);
            bench.turn();
        }
        assert!(line.keys.is_some(), "{junk:?}");
        assert!(other.receive().is_none(), "{junk:?}");
    }
    // Nor does a handshake of its own, once the right one is heard.
    let mut bench = Bench::new();
    let identity = Identity::new().unwrap();
    let phone = bench.phone_with(PORT, 7, sealed(Role::Passive, identity.fingerprint(), true));
    let other = bench.net.bind(SocketAddr::new(HOST, 5_000)).unwrap();
    let mut line = Line::new(&identity, Role::Active, bench.now);
    line.turn(&phone.rtp, phone.to, bench.now);
    bench.turn();
    let mut stranger = Line::new(&identity, Role::Active, bench.now);
    for _ in 0..100 {
        stranger.turn(&other, phone.to, bench.now);
        line.turn(&phone.rtp, phone.to, bench.now);
        bench.turn();
    }
    assert!(line.keys.is_some() && stranger.keys.is_none());
}

/// A port that nobody has named has nobody to send a flight to, and its handshake ends with its time.
#[test]
fn a_handshake_of_reports_that_go_nowhere_ends() {
    use crate::media::sound::handshakes::Port::Reports;
    let (net, mut now) = (Net::default(), Instant::now());
    let socket = BatchSocket::made(net.bind(SocketAddr::new(OURS, PORT)).unwrap());
    let identity = Identity::new().unwrap();
    let agreed = sealed(Role::Active, identity.fingerprint(), false);
    let association = association(Role::Active, identity.fingerprint());
    let mut handshakes = Handshakes::new(&association, &agreed, now);
    handshakes.begin(now);
    let mut shield = Shield::default();
    shield.wait(true);
    for _ in 0..LIMIT.as_millis() / 20 + 50 {
        now += FRAME;
        handshakes.turn(Reports, None, now, &socket, &mut shield);
    }
    assert!(!handshakes.wants_reports());
}
