//! Telephones that take another key for what they send, in the middle of a call (SDES, RFC 4568).

use crate::browser::{Browser, Sdk};
use crate::capture::{Capture, is_sealed, keys_offered, payloads};
use crate::harness::Service;
use crate::pjsip::Pjsip;
use crate::raw_sip::{Peer, line, request, status, within};
use omnigate_srtp::{MasterKey, Opener, Sealer, Suite};
use serde_json::json;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

const TRUNK: &str = "[[trunk]]\nsrtp = \"required\"\n";
const SDP: &str = "Content-Type: application/sdp\r\n";

#[test]
fn a_telephone_of_another_make_and_an_app_hear_each_other_under_its_new_key() {
    let browser = Browser::take();
    let service = Service::start(TRUNK);
    let file = service.dir.join("wire.pcapng");
    let capture = Capture::start(&file);
    let app = browser.app(&service, Sdk::TypeScript, "bob");
    app.tone(1_000.0);
    let number = app.sip_number(None);
    let uri = format!("sip:07012345678@{}", service.sip_udp);
    let mut phone = Pjsip::dial_sealed(&service, "01012345678", &uri);
    phone.wait_for("hears");
    phone.order(&format!("keys {number}"));
    app.event("RINGING_EVENT", json!({}));
    app.run("await sdk.answerCall()");
    app.event("CONNECTED_EVENT", json!({}));
    app.wait_for_tones(&[440.0]);

    let received = || service.metric("omnigate_rtp_received_packets_total");
    phone.order("renew");
    phone.wait_for("got 200 INVITE");
    let before = received();
    service.until("a second of it has come", || received() > before + 50.0);
    app.wait_for_tones(&[440.0]);
    phone.wait_for("hears");
    app.run("await sdk.leave()");
    phone.wait_for("ended");
    assert_eq!(service.last_reason(), "app_left");

    capture.ends();
    let sip = service.sip_udp.port();
    let keys = keys_offered(&file, sip);
    // An INVITE may have been sent again.
    let [first, .., last] = &keys[..] else {
        panic!("{keys:?}");
    };
    assert!(!first.is_empty() && !last.is_empty(), "{keys:?}");
    assert!(first.is_disjoint(last), "it has other keys");
    let packets = payloads(&file, sip);
    assert!(packets.len() > 200, "{} packets captured", packets.len());
    assert!(packets.iter().all(|packet| packet.len() > 172) && is_sealed(&packets));
}

/// A telephone written by hand.
struct Phone {
    peer: Peer,
    rtp: UdpSocket,
}

/// Its side of a stream: the packets go on where they were, whatever the key.
struct Voice(Sealer);

impl Phone {
    fn describes(&self, key: &MasterKey, version: u32) -> String {
        let port = self.rtp.local_addr().unwrap().port();
        format!(
            "v=0\r\no=- 1 {version} IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/SAVP 8\r\n\
             a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{}\r\n",
            key.to_base64()
        )
    }

    /// Says half a second of silence, from this packet on, and opens what comes; how much of that could be opened, and how
    /// much not.
    fn talks(&self, to: SocketAddr, first: u16, voice: &mut Voice, ear: &mut Opener) -> (u32, u32) {
        let (mut opened, mut others, mut buffer) = (0, 0, [0; 2_048]);
        for number in first..first + 25 {
            let mut packet = vec![0x80, 8];
            packet.extend(number.to_be_bytes());
            packet.extend((u32::from(number) * 160).to_be_bytes());
            packet.extend([0, 0, 0, 7]);
            packet.extend([0xd5; 160]);
            voice.0.seal_rtp(&mut packet).unwrap();
            self.rtp.send_to(&packet, to).unwrap();
            if let Ok(n) = self.rtp.recv(&mut buffer) {
                let is_opened = ear.open_rtp(&mut buffer[..n].to_vec()).is_ok();
                opened += u32::from(is_opened);
                others += u32::from(!is_opened);
            }
        }
        (opened, others)
    }
}

fn key_in(answer: &str) -> MasterKey {
    let text = line(answer, "a=crypto:1 AES_CM_128_HMAC_SHA1_80")
        .split_once("inline:")
        .unwrap()
        .1;
    MasterKey::from_base64(Suite::AesCm128HmacSha1_80, text).unwrap()
}

#[test]
fn what_a_telephone_sends_under_its_new_key_is_heard_from_the_first_packet_and_under_the_old_one_no_more() {
    let service = Service::start(TRUNK);
    let phone = Phone {
        peer: Peer::new(service.sip_udp),
        rtp: UdpSocket::bind("127.0.0.1:0").unwrap(),
    };
    phone
        .rtp
        .set_read_timeout(Some(Duration::from_millis(20)))
        .unwrap();
    let [old, new] = [(); 2].map(|()| MasterKey::random(Suite::AesCm128HmacSha1_80).unwrap());
    let [mut before, mut after] = [&old, &new].map(|key| Voice(Sealer::new(key).unwrap()));
    let invite = request(
        "INVITE sip:07012345678@127.0.0.1 SIP/2.0",
        "INVITE",
        &phone.peer.via(),
        SDP,
        &phone.describes(&old, 1),
    );
    let ok = phone
        .peer
        .call(&invite.replace("Contact: <sip:a@127.0.0.1>", &phone.peer.contact()));
    let port: u16 = line(&ok, "m=audio").split(' ').nth(1).unwrap().parse().unwrap();
    let to = SocketAddr::from(([127, 0, 0, 1], port));
    let mut ear = Opener::new(&key_in(&ok)).unwrap();
    let heard = || service.metric("omnigate_rtp_received_packets_total");
    let rejected = || service.metric("omnigate_rtp_rejected_packets_total");

    let (opened, others) = phone.talks(to, 1, &mut before, &mut ear);
    assert!(opened > 0 && others == 0, "{opened} {others}");
    service.until("all of it is heard", || heard() == 25.0);

    let again = within(
        &ok,
        &phone.peer.via(),
        "INVITE",
        9,
        SDP,
        &phone.describes(&new, 2),
    );
    let ok_again = phone.peer.ask(&again);
    assert_eq!(status(&ok_again), 200, "{ok_again}");
    phone
        .peer
        .send(within(&ok_again, &phone.peer.via(), "ACK", 9, "", "").as_bytes());
    let ours = |answer: &str| key_in(answer).to_base64();
    assert_eq!(ours(&ok_again), ours(&ok), "ours stays");
    let (opened, others) = phone.talks(to, 26, &mut after, &mut ear);
    assert!(opened > 0 && others == 0, "{opened} {others}");
    service.until("all of it is heard", || heard() == 50.0);
    assert_eq!(rejected(), 0.0);

    phone.talks(to, 51, &mut before, &mut ear);
    service.until("none of it is heard", || rejected() == 25.0);
    assert_eq!(heard(), 50.0);
    for key in [&old, &new] {
        assert!(!service.log().contains(&key.to_base64()), "a key is in the log");
    }
}
