use super::*;
use std::sync::Arc;

const SDP: SocketAddr = address([192, 0, 2, 1], 10);
/// The same host, another port: as a NAT does.
const NAT: SocketAddr = address([192, 0, 2, 1], 20);
const NAT_LATER: SocketAddr = address([192, 0, 2, 1], 30);
/// Where the call's SIP comes from, and one of the trunk's networks.
const PEER: SocketAddr = address([203, 0, 113, 5], 10);
const TRUNK: SocketAddr = address([10, 20, 0, 9], 10);
const STRANGER: SocketAddr = address([198, 51, 100, 6], 66);

const fn address(ip: [u8; 4], port: u16) -> SocketAddr {
    let [a, b, c, d] = ip;
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(a, b, c, d)), port)
}

fn latch(now: Instant) -> Latch {
    late(None, now)
}

fn late(stream: Option<Stream>, now: Instant) -> Latch {
    let networks = Arc::new(["10.20.0.0/16".parse().unwrap()]);
    Latch::new(SDP, MediaSources::new(PEER.ip(), networks), stream, now)
}

/// Packets in order, 20 ms apart; the verdict on the last one, and when it came.
fn send(
    latch: &mut Latch,
    source: SocketAddr,
    ssrc: u32,
    sequences: std::ops::RangeInclusive<u16>,
    from: Instant,
) -> (Verdict, Instant) {
    let (mut verdict, mut now) = (Verdict::Reject, from);
    for sequence in sequences {
        verdict = latch.judge(source, ssrc, sequence, now);
        now += Duration::from_millis(20);
    }
    (verdict, now)
}

#[test]
fn the_signalled_source_is_believed_at_once() {
    let now = Instant::now();
    let mut latch = latch(now);
    assert_eq!(latch.judge(SDP, 1, 1, now), Verdict::Accept);
    assert_eq!(latch.destination(), SDP);
}

#[test]
fn another_source_needs_four_packets_in_order() {
    let now = Instant::now();
    let mut ours = latch(now);
    for seq in [1, 2, 3] {
        assert_eq!(ours.judge(NAT, 1, seq, now), Verdict::Reject);
    }
    assert_eq!(ours.judge(NAT, 1, 4, now), Verdict::Learned { from: SDP });
    assert_eq!(ours.destination(), NAT);
    let mut gap = latch(now);
    for seq in [1, 2, 4, 5, 7, 8, 9] {
        assert_eq!(gap.judge(NAT, 1, seq, now), Verdict::Reject, "{seq}");
    }
}

#[test]
fn only_hosts_of_sdp_of_the_peer_and_of_the_trunk_are_learned() {
    let now = Instant::now();
    for source in [NAT, PEER, TRUNK] {
        let verdict = send(&mut latch(now), source, 1, 1..=4, now).0;
        assert_eq!(verdict, Verdict::Learned { from: SDP }, "{source}");
    }
    let mut ours = latch(now);
    assert_eq!(send(&mut ours, STRANGER, 1, 1..=200, now).0, Verdict::Reject);
    assert_eq!(ours.destination(), SDP);
}

#[test]
fn the_signalled_source_takes_its_place_back_whenever_it_speaks() {
    let now = Instant::now();
    for wait in [0, 1, 20, 3_600] {
        let mut latch = latch(now);
        let (_, then) = send(&mut latch, NAT, 9, 1..=4, now);
        let then = then + Duration::from_secs(wait);
        assert_eq!(latch.judge(SDP, 1, 77, then), Verdict::Learned { from: NAT });
        assert_eq!(latch.judge(SDP, 1, 78, then), Verdict::Accept);
        assert_eq!(latch.destination(), SDP);
    }
}

#[test]
fn once_the_signalled_source_has_spoken_nobody_else_is_learned() {
    let now = Instant::now();
    let mut latch = latch(now);
    latch.judge(SDP, 1, 1, now);
    let quiet = now + QUIET * 2;
    assert_eq!(send(&mut latch, NAT, 9, 1..=40, quiet).0, Verdict::Reject);
    assert_eq!(latch.destination(), SDP);
}

#[test]
fn a_stream_that_is_heard_is_not_replaced_and_one_that_is_quiet_is() {
    let now = Instant::now();
    let mut latch = latch(now);
    let (_, mut then) = send(&mut latch, NAT, 9, 1..=4, now);
    for seq in 5..50 {
        assert_eq!(latch.judge(NAT, 9, seq, then), Verdict::Accept);
        assert_eq!(latch.judge(PEER, 7, seq, then), Verdict::Reject);
        then += Duration::from_millis(20);
    }
    let quiet = then + QUIET;
    assert_eq!(
        send(&mut latch, PEER, 7, 50..=53, quiet).0,
        Verdict::Learned { from: NAT }
    );
}

#[test]
fn after_the_window_only_the_same_stream_may_come_from_elsewhere() {
    let now = Instant::now();
    for (first, ssrc) in [(SDP, 1), (NAT, 9)] {
        let mut latch = latch(now);
        let (_, then) = send(&mut latch, first, ssrc, 65_500..=65_530, now);
        let later = then + WINDOW;
        assert_eq!(send(&mut latch, NAT_LATER, 3, 1..=20, later).0, Verdict::Reject);
        assert_eq!(
            send(&mut latch, NAT_LATER, ssrc, 30_000..=30_020, later).0,
            Verdict::Reject
        );
        assert_eq!(
            send(&mut latch, STRANGER, ssrc, 10..=20, later).0,
            Verdict::Reject
        );
        // The numbers went on meanwhile, as they do when a NAT changes its mind.
        assert_eq!(
            send(&mut latch, NAT_LATER, ssrc, 240..=243, later).0,
            Verdict::Learned { from: first }
        );
    }
}

#[test]
fn one_packet_with_a_false_address_costs_a_caller_behind_nat_a_moment_and_not_the_call() {
    let now = Instant::now();
    let mut latch = latch(now);
    let (_, then) = send(&mut latch, NAT, 9, 1..=500, now);
    assert_eq!(latch.judge(SDP, 66, 1, then), Verdict::Learned { from: NAT });
    let (verdict, then) = send(&mut latch, NAT, 9, 501..=529, then);
    assert_eq!(verdict, Verdict::Learned { from: SDP });
    assert_eq!(send(&mut latch, NAT, 9, 530..=540, then).0, Verdict::Accept);
}

#[test]
fn half_a_candidate_does_not_keep_others_out_for_ever() {
    let now = Instant::now();
    let mut latch = latch(now);
    let (_, then) = send(&mut latch, NAT, 9, 1..=2, now);
    assert_eq!(send(&mut latch, NAT_LATER, 7, 1..=4, then).0, Verdict::Reject);
    assert_eq!(
        send(&mut latch, NAT_LATER, 7, 5..=8, then + QUIET).0,
        Verdict::Learned { from: SDP }
    );
}

#[test]
fn a_new_offer_opens_the_window_again() {
    let now = Instant::now();
    let mut latch = latch(now);
    latch.judge(SDP, 1, 1, now);
    let later = now + Duration::from_secs(60);
    latch.renew(SDP, later);
    assert_eq!(
        send(&mut latch, NAT, 5, 1..=4, later).0,
        Verdict::Learned { from: SDP }
    );
    latch.renew(NAT_LATER, later);
    assert_eq!(latch.destination(), NAT_LATER);
    assert_eq!(latch.judge(NAT_LATER, 1, 7, later), Verdict::Accept);
}

#[test]
fn a_caller_behind_nat_who_speaks_late_is_still_learned() {
    let now = Instant::now();
    let mut latch = latch(now);
    let late = now + Duration::from_secs(25);
    assert_eq!(
        send(&mut latch, NAT, 1, 1..=4, late).0,
        Verdict::Learned { from: SDP }
    );
}

#[test]
fn late_packets_of_the_last_call_are_not_those_of_this_one() {
    let now = Instant::now();
    for source in [SDP, NAT, PEER] {
        let last = Stream {
            source,
            ssrc: 5,
            sequence: 900,
            at: now,
        };
        let mut latch = late(Some(last), now);
        let (verdict, then) = send(&mut latch, source, 5, 880..=1_400, now);
        assert_eq!((verdict, latch.heard()), (Verdict::Reject, None), "{source}");
        assert!(latch.is_late(source, 5, then));
        assert!(!latch.is_late(source, 5, now + LATE));
        // A telephone that gives each call the same SSRC begins its numbers anew.
        assert_ne!(
            send(&mut latch, source, 5, 20_000..=20_003, then).0,
            Verdict::Reject
        );
        assert!(!latch.is_late(source, 5, then));
    }
}
