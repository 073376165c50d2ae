//! Callers whose RTP is written packet by packet: tones in the audio, callers behind NAT.

use crate::harness::Service;
use crate::raw_sip::hang_up;
use omnigate_audio::dtmf::{Generator, Key};
use omnigate_audio::g711::Law;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

/// A caller with a SIP socket and an RTP socket.
struct Caller {
    sip: UdpSocket,
    rtp: UdpSocket,
    server_rtp: SocketAddr,
    sequence: u16,
    clock: Instant,
    server_sip: SocketAddr,
    /// What ends the call.
    bye: String,
}

impl Drop for Caller {
    fn drop(&mut self) {
        let _ = self.sip.send_to(self.bye.as_bytes(), self.server_sip);
    }
}

impl Caller {
    /// Calls; the SDP names `port` (default: where RTP really is) and plain G.711.
    fn call(service: &Service, port: Option<u16>) -> Caller {
        let sip = UdpSocket::bind("127.0.0.1:0").unwrap();
        let rtp = UdpSocket::bind("127.0.0.1:0").unwrap();
        sip.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let own = sip.local_addr().unwrap();
        let port = port.unwrap_or(rtp.local_addr().unwrap().port());
        let sdp = format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/AVP 8\r\n"
        );
        let head = |method: &str, to: &str| {
            format!(
                "{method} sip:07012345678@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK{method}\r\nFrom: <sip:01055550000@x>;tag=1\r\n{to}\r\nCall-ID: raw{own}\r\nCSeq: 1 {method}\r\nContact: <sip:c@{own}>\r\nMax-Forwards: 70\r\n"
            )
        };
        let invite = head("INVITE", "To: <sip:07012345678@x>");
        let invite = format!(
            "{invite}Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}",
            sdp.len()
        );
        sip.send_to(invite.as_bytes(), service.sip_udp).unwrap();
        let mut buffer = [0; 8192];
        let ok = loop {
            let n = sip.recv(&mut buffer).unwrap();
            let text = String::from_utf8_lossy(&buffer[..n]).into_owned();
            if text.starts_with("SIP/2.0 200") {
                break text;
            }
        };
        let to = ok.lines().find(|l| l.starts_with("To:")).unwrap();
        sip.send_to(
            format!("{}Content-Length: 0\r\n\r\n", head("ACK", to)).as_bytes(),
            service.sip_udp,
        )
        .unwrap();
        let media = ok.lines().find_map(|l| l.strip_prefix("m=audio ")).unwrap();
        let server_rtp = format!("127.0.0.1:{}", media.split(' ').next().unwrap())
            .parse()
            .unwrap();
        Caller {
            sip,
            rtp,
            server_rtp,
            sequence: 1,
            clock: Instant::now(),
            server_sip: service.sip_udp,
            bye: hang_up(&ok, &format!("SIP/2.0/UDP {own};branch=z9hG4bK")),
        }
    }

    /// Sends one frame at its time of the 20 ms clock.
    fn frame(&mut self, pcm: &[i16; 160]) {
        let mut packet = vec![0x80, 8];
        packet.extend(self.sequence.to_be_bytes());
        packet.extend((u32::from(self.sequence) * 160).to_be_bytes());
        packet.extend(7u32.to_be_bytes());
        let mut codes = [0; 160];
        Law::A.encode(pcm, &mut codes);
        packet.extend(codes);
        self.rtp.send_to(&packet, self.server_rtp).unwrap();
        self.sequence += 1;
        self.clock += Duration::from_millis(20);
        std::thread::sleep(self.clock.saturating_duration_since(Instant::now()));
    }

    fn key(&mut self, c: char) {
        let mut tone = Generator::new(Key::from_char(c).unwrap(), 8_000, -10.0);
        for _ in 0..5 {
            let mut pcm = [0; 160];
            tone.fill(&mut pcm);
            self.frame(&pcm);
        }
        for _ in 0..5 {
            self.frame(&[0; 160]);
        }
    }
}

#[test]
fn tones_are_digits_when_the_caller_cannot_send_events() {
    let service = Service::start("");
    let mut caller = Caller::call(&service, None);
    for _ in 0..20 {
        caller.frame(&[0; 160]);
    }
    for c in "000001".chars() {
        caller.key(c);
    }
    service.until("the entry is looked up", || {
        service.metric("omnigate_lookups_total{kind=\"unknown\"}") == 1.0
    });
    assert_eq!(service.metric("omnigate_digits_total{kind=\"in_band\"}"), 6.0);
}

#[test]
fn rtp_goes_to_where_a_caller_behind_nat_really_is() {
    let service = Service::start("");
    let signalled = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut caller = Caller::call(&service, Some(signalled.local_addr().unwrap().port()));
    for _ in 0..10 {
        caller.frame(&[0; 160]);
    }
    caller.rtp.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
    let mut buffer = [0; 2048];
    assert_eq!(caller.rtp.recv(&mut buffer).unwrap(), 172);
    service.until("the change is in the log", || {
        service.log().contains("RTP comes from another address")
    });
}

#[test]
fn the_signalled_address_takes_its_place_back_when_it_speaks() {
    let service = Service::start("");
    let mut other = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut caller = Caller::call(&service, Some(other.local_addr().unwrap().port()));
    for socket in [&caller.rtp, &other] {
        socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    }
    // One behind NAT comes first.
    for _ in 0..10 {
        caller.frame(&[0; 160]);
    }
    let mut buffer = [0; 2048];
    assert_eq!(caller.rtp.recv(&mut buffer).unwrap(), 172);
    // What was sent there before anybody spoke.
    other.set_nonblocking(true).unwrap();
    while other.recv(&mut buffer).is_ok() {}
    other.set_nonblocking(false).unwrap();
    std::mem::swap(&mut caller.rtp, &mut other);
    for _ in 0..10 {
        caller.frame(&[0; 160]);
    }
    assert_eq!(caller.rtp.recv(&mut buffer).unwrap(), 172);
    service.until("it is in the log", || {
        service.log().contains("RTP comes from where SDP said")
    });
}

#[test]
fn reports_alone_keep_a_call_and_without_them_it_ends() {
    let service = Service::start("media.rtp_timeout_seconds = 4\n");
    let caller = Caller::call(&service, None);
    let reports = SocketAddr::new(caller.server_rtp.ip(), caller.server_rtp.port() + 1);
    // An empty receiver report (RFC 3550 section 6.4.2).
    let report = [0x80, 201, 0, 1, 0, 0, 0, 7];
    let until = Instant::now() + Duration::from_secs(7);
    while Instant::now() < until {
        caller.rtp.send_to(&report, reports).unwrap();
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(service.calls().iter().all(|c| c["state"] != "ended"));
    assert_eq!(service.last_reason(), "no_media");
}
