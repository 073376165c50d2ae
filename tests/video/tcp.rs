//! Browsers whose network lets no UDP through.

use crate::browser::{
    Browser, Net, ROOM, STREAM, VIEWER, join, noise, plane, plane_at, publish, until, view,
};
use omnigate_room::ParticipantId;
use omnigate_rtc::VideoCodec;
use omnigate_rtc::framing;
use socket2::{Domain, Socket, Type};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

#[test]
fn video_reaches_a_viewer_where_there_is_only_tcp() {
    let (plane, mut events) = plane(&VideoCodec::ALL);
    // The shard of the room, which both would know from its candidate.
    let port = plane.webrtc_ports()[ROOM.0 as usize % 2];
    let by_tcp = || Browser::by(Net::tcp(port), |c| c);
    let (mut a, mut b) = (by_tcp(), by_tcp());
    publish(&plane, STREAM, &mut a);
    view(&plane, &mut b);
    assert!(until(&mut a, &mut b, |_, b| b.received.len() > 50));
    assert_eq!(b.received[0].payload[1], 0, "a key frame");
    assert_eq!(plane.figures().tcp_connections, 2);

    // The viewer's connection breaks: it makes another one, and the video goes on.
    let broken = b.net.candidate();
    b.net = Net::tcp(port);
    b.rtc.direct_api().invalidate_candidate(&broken);
    b.rtc.add_local_candidate(b.net.candidate());
    let (before, start) = (b.received.len(), Instant::now());
    assert!(until(&mut a, &mut b, |_, b| b.received.len() > before));
    // Both paths are equal, so the stack by itself keeps to the first until 15 s without a check have passed there.
    let back = start.elapsed();
    assert!(back < Duration::from_secs(2), "back after {back:?}");
    assert!(until(&mut a, &mut b, |_, b| b.received.len() > before + 20));
    assert_eq!(plane.figures().tcp_connections, 2);

    plane.close_viewer(VIEWER);
    plane.close_stream(STREAM);
    let ended = until(&mut a, &mut b, |a, _| !a.rtc.is_alive());
    assert!(ended && events.try_recv().is_err());
    assert_eq!(plane.figures().failures, 0);
    plane.stop();
}

#[test]
fn tcp_and_udp_of_the_same_address_are_two_paths() {
    let (plane, _events) = plane(&VideoCodec::ALL);
    let port = plane.webrtc_ports()[ROOM.0 as usize % 2];
    let (tcp, udp) = (0..100)
        .find_map(|_| {
            let tcp = Net::tcp(port);
            let udp = UdpSocket::bind(tcp.local()).ok()?;
            udp.set_nonblocking(true).unwrap();
            Some((tcp, Net::Udp(udp)))
        })
        .unwrap();
    let (mut a, mut b) = (Browser::by(tcp, |c| c), Browser::by(udp, |c| c));
    publish(&plane, STREAM, &mut a);
    view(&plane, &mut b);
    assert!(until(&mut a, &mut b, |_, b| b.received.len() > 20));
    plane.stop();
}

#[test]
fn tcp_of_strangers_is_closed_and_their_number_is_bounded() {
    let (plane, _events) = plane(&VideoCodec::ALL);
    let port = plane.webrtc_ports()[0];
    let connect = || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    let closed = |mut stream: &TcpStream| {
        stream.set_read_timeout(Some(Duration::from_secs(15))).unwrap();
        let end = stream.read(&mut [0; 16]);
        matches!(&end, Ok(0)) || end.is_err_and(|e| e.kind() == std::io::ErrorKind::ConnectionReset)
    };
    // Another protocol, and a datagram of nobody's.
    for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0, 4, 0x80, 0, 0, 1]] {
        let mut stream = connect();
        let start = Instant::now();
        stream.write_all(bytes).unwrap();
        assert!(closed(&stream) && start.elapsed() < Duration::from_secs(5));
    }
    let start = Instant::now();
    let many: Vec<TcpStream> = (0..80).map(|_| connect()).collect();
    assert!(closed(&many[79]) && start.elapsed() < Duration::from_secs(5));
    assert_eq!(plane.figures().tcp_connections, 64);
    // A check for somebody who is not here does not keep a connection.
    let mut check = vec![0, 1, 0, 8, 0x21, 0x12, 0xa4, 0x42];
    check.extend([0; 12]);
    check.extend(*b"\0\x06\0\x03a:b\0");
    let framed = [&framing::header(check.len()).unwrap()[..], &check].concat();
    (&many[0]).write_all(&framed).unwrap();
    assert!(closed(&many[0]) && start.elapsed() > Duration::from_secs(8));
    assert!(many.iter().take(64).all(closed));
    // The last one is counted a moment after its end was seen.
    let until = Instant::now() + Duration::from_secs(5);
    while plane.figures().tcp_connections > 0 {
        assert!(
            Instant::now() < until,
            "{} are left",
            plane.figures().tcp_connections
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    plane.stop();
}

#[test]
fn video_comes_over_tcp_of_ipv6_too() {
    let (plane, _events) = plane_at(Ipv6Addr::LOCALHOST.into(), &VideoCodec::ALL);
    let address = (Ipv6Addr::LOCALHOST, plane.webrtc_ports()[ROOM.0 as usize % 2]);
    let by_tcp = || Browser::by(Net::tcp_to(address.into()), |c| c);
    let (mut a, mut b) = (by_tcp(), by_tcp());
    let answer = publish(&plane, STREAM, &mut a);
    assert!(answer.contains(" tcp ") && answer.contains(" ::1 "), "{answer}");
    view(&plane, &mut b);
    assert!(until(&mut a, &mut b, |_, b| b.received.len() > 20));
    assert_eq!(plane.figures().tcp_connections, 2);
    plane.stop();
}

/// Runs a speaker and a listener for a while; without the listener it reads nothing, as behind a path that stalls.
fn talk(speaker: &mut Browser, mut listener: Option<&mut Browser>, packets: &[Vec<u8>], time: Duration) {
    let start = Instant::now();
    let mut next = start;
    while start.elapsed() < time {
        std::thread::sleep(Duration::from_millis(2));
        speaker.step();
        if let Some(listener) = &mut listener {
            listener.step();
        }
        if speaker.connected && Instant::now() >= next {
            next += Duration::from_millis(20);
            let packet = &packets[speaker.sequence as usize % packets.len()];
            speaker.send_rtp(960, packet, false);
        }
    }
}

#[test]
fn after_a_stall_a_listener_hears_what_is_said_now() {
    const STALL: u32 = 5;
    let (plane, _events) = plane(&[VideoCodec::Vp8]);
    let port = plane.webrtc_ports()[ROOM.0 as usize % 2];
    // The least that the kernel gives: what fits there has arrived, as far as the sender can know.
    let stream = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    stream.set_recv_buffer_size(2048).unwrap();
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    stream.connect(&address.into()).unwrap();
    let (mut speaker, mut listener) = (Browser::new(|c| c), Browser::by(Net::by(stream.into()), |c| c));
    join(&plane, ParticipantId(1), &mut speaker);
    join(&plane, ParticipantId(2), &mut listener);
    let packets = noise();
    talk(
        &mut speaker,
        Some(&mut listener),
        &packets,
        Duration::from_secs(2),
    );
    let before = listener.received.len();
    assert!(before > 30, "{before} packets");
    let last = listener.received[before - 1].timestamp;

    talk(&mut speaker, None, &packets, Duration::from_secs(STALL.into()));
    talk(
        &mut speaker,
        Some(&mut listener),
        &packets,
        Duration::from_secs(1),
    );
    // Milliseconds of the service's clock behind the last packet before the stall.
    let heard: Vec<u32> = listener.received[before..]
        .iter()
        .map(|p| p.timestamp.wrapping_sub(last) / 48)
        .collect();
    let within = |from: u32, to: u32| heard.iter().filter(|at| (from..to).contains(at)).count();
    let late = within(2_000, STALL * 1_000 - 500);
    assert!(
        within(0, 2_000) < 90 && late == 0,
        "{late} packets of the stall come late: {heard:?}"
    );
    assert!(within(STALL * 1_000 + 100, STALL * 1_000 + 900) > 35, "{heard:?}");
    assert_eq!(
        (plane.figures().tcp_connections, plane.figures().failures),
        (1, 0)
    );
    plane.stop();
}
