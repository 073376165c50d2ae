//! Sealed media whose keys a DTLS handshake makes, with a telephone of somebody else's making, and with one whose certificate is
//! not the one that it speaks of.

use crate::app::App;
use crate::audio::level_at;
use crate::browser::{Browser, Sdk};
use crate::capture::{Capture, is_sealed, payloads};
use crate::exchange::Exchange;
use crate::harness::Service;
use crate::raw_sip::{Peer, line, request, status, within};
use crate::softphone::{Dtls, Softphone, Voice, is_spoken_to};
use omnigate_dtls::{Handshake, Identity, is_dtls};
use omnigate_srtp::{Fingerprint, Keys, Opener, Role, Sealer};
use serde_json::json;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

const SDP: &str = "Content-Type: application/sdp\r\n";
/// Longest that anything may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(30);

fn trunk(srtp: &str, keys: &str) -> String {
    format!("[[trunk]]\nsrtp = \"{srtp}\"\nsrtp_keys = {keys}\n")
}

fn voice(mediaenc: &'static str, hertz: f64, mux: bool) -> Voice {
    Voice {
        mediaenc,
        dtls: Dtls { mux, rsa: false },
        ..Voice::narrow(hertz)
    }
}

/// Calls, hears the menu and presses a key; what it has heard, and whether all RTP on the wire was sealed.
fn call_in(settings: &str, voice: &Voice) -> (Vec<i16>, bool) {
    let service = Service::start(settings);
    let file = service.dir.join("wire.pcapng");
    let capture = Capture::start(&file);
    let uri = format!("sip:07012345678@{}", service.sip_udp);
    let mut phone = Softphone::dial_saying(&service, "01012345678", &uri, voice);
    let sent = || service.metric("omnigate_rtp_sent_packets_total");
    let first = sent();
    service.until("two seconds of it have been sent", || sent() >= first + 100.0);
    phone.press("1");
    let keys = || service.metric("omnigate_digits_total{kind=\"rfc4733\"}");
    service.until("the key has come", || keys() > 0.0);
    let heard = phone.hang_up();
    assert_eq!(service.last_reason(), "caller_hung_up");
    capture.ends();
    let packets = payloads(&file, service.sip_udp.port());
    assert!(packets.len() > 100, "{} packets captured", packets.len());
    // 20 ms of G.711 are 172 bytes, and sealed they are more: not one went as it is.
    let all = packets.iter().all(|packet| packet.len() > 172);
    assert_eq!(all, is_sealed(&packets));
    (heard, all)
}

#[test]
fn a_telephone_that_calls_is_heard_and_hears_and_nothing_goes_in_the_clear() {
    for (srtp, keys, mediaenc, mux) in [
        ("required", "[\"dtls\"]", "dtls_srtp", false),
        ("required", "[\"sdes\", \"dtls\"]", "dtls_srtp", true),
        ("optional", "[\"dtls\"]", "dtls_srtp", true),
    ] {
        let (heard, sealed) = call_in(&trunk(srtp, keys), &voice(mediaenc, 440.0, mux));
        is_spoken_to(mediaenc, &heard);
        assert!(sealed, "{srtp} {keys} {mediaenc}");
    }
    // Who knows nothing of it is spoken to as before, where that may be.
    let (heard, sealed) = call_in(&trunk("optional", "[\"dtls\"]"), &Voice::narrow(440.0));
    is_spoken_to("plain", &heard);
    assert!(!sealed);
}

/// The menu begins when the keys are there: its first sounds are heard, as in the clear.
#[test]
fn the_beginning_of_what_is_played_is_not_lost() {
    let speech = |heard: Vec<i16>| -> Vec<i16> {
        let loud = heard
            .iter()
            .position(|sample| sample.unsigned_abs() > 500)
            .unwrap();
        heard[loud..loud + 4_000].to_vec()
    };
    let (plain, _) = call_in("", &Voice::narrow(440.0));
    let (sealed, _) = call_in(&trunk("required", "[\"dtls\"]"), &voice("dtls_srtp", 440.0, true));
    let (plain, sealed) = (speech(plain), speech(sealed));
    let differ = plain
        .iter()
        .zip(&sealed)
        .filter(|(one, other)| one != other)
        .count();
    assert!(
        differ < 400,
        "{differ} of 4 000 samples of the first half second differ"
    );
}

#[test]
fn a_telephone_that_is_called_is_heard_and_hears() {
    let mut levels = Vec::new();
    for (srtp, mediaenc, mux) in [
        ("off", "", false),
        ("required", "dtls_srtp", false),
        ("required", "dtls_srtp", true),
        // One that wants it takes UDP/TLS/RTP/SAVP alone, and not what `optional` offers.
        ("optional", "", false),
    ] {
        let mut phone = Softphone::waits_saying("021234567", &voice(mediaenc, 1_300.0, mux));
        let gateway = format!("sip:{}", phone.address());
        let more = format!("srtp = \"{srtp}\"\nsrtp_keys = [\"dtls\"]");
        let service = Service::start(&Exchange::trunk(&[gateway], &more));
        let mut app = App::sign_in(&service, "ann");
        let asked =
            json!({"call_type": "sipcall", "caller": "ann", "callee": "02-123-4567", "record": false});
        assert_eq!(app.request("OFFER_CALL", asked)["result"], "success");
        phone.answers();
        service.until("they talk", || service.calls()[0]["state"] == "talking");
        let heard = || service.metric("omnigate_rtp_received_packets_total");
        service.until("two seconds of it have come", || heard() > 100.0);
        app.request("LEAVE", json!({}));
        let said = phone.until_hung_up();
        levels.push(level_at(&said, 8_000, 1_300.0));
        let rejected = service.metric("omnigate_rtp_rejected_packets_total");
        assert!(rejected <= 5.0, "{srtp} {mediaenc}: {rejected}");
        assert_eq!(service.last_reason(), "app_left");
    }
    assert!(
        levels.iter().all(|level| *level < -40.0),
        "nobody hears itself: {levels:?}"
    );
}

/// Level of a tone in the quarter of a second in which it is loudest, dB: where a busy machine has cut it, it is weaker.
fn loudest(heard: &[i16], rate_hz: u32, hertz: f64) -> f64 {
    let parts = heard.chunks_exact(rate_hz as usize / 4);
    let levels = parts.map(|part| level_at(part, rate_hz, hertz));
    levels.fold(f64::MIN, f64::max)
}

/// Calls a person's app and talks to it, with a hold in between, until the app leaves: how loud each hears the other, dB; and the
/// packets on the wire.
fn talks(settings: &str, voice: &Voice, app: &Browser) -> ([f64; 2], Vec<Vec<u8>>) {
    let service = Service::start(settings);
    let file = service.dir.join("wire.pcapng");
    let capture = Capture::start(&file);
    let app = app.app(&service, Sdk::TypeScript, "bob");
    app.tone(1_000.0);
    let number = app.sip_number(None);
    let uri = format!("sip:07012345678@{}", service.sip_udp);
    let mut phone = Softphone::dial_saying(&service, "01077776666", &uri, voice);
    phone.press(&number);
    app.event("RINGING_EVENT", json!({}));
    app.run("await sdk.answerCall()");
    app.event("CONNECTED_EVENT", json!({}));
    app.wait_for_tones(&[440.0]);
    // The telephone listens as long.
    let by_app = loudest(&app.listen(3.0), 48_000, 440.0);
    let sent = || service.metric("omnigate_rtp_sent_packets_total");
    phone.hold(true);
    service.until("nothing is sent any more", || {
        let before = sent();
        std::thread::sleep(Duration::from_millis(200));
        sent() == before
    });
    app.wait_for_silence(440.0);
    phone.hold(false);
    app.wait_for_tones(&[440.0]);
    app.run("await sdk.leave()");
    let heard = phone.until_hung_up();
    assert_eq!(service.last_reason(), "app_left");
    capture.ends();
    let made = service.log().matches("keys agreed on by DTLS").count();
    assert_eq!(
        made,
        usize::from(!voice.mediaenc.is_empty()),
        "one handshake for the whole call"
    );
    let by_phone = loudest(&heard, 8_000, 1_000.0);
    let packets = payloads(&file, service.sip_udp.port());
    assert!(packets.len() > 100, "{} packets captured", packets.len());
    ([by_app, by_phone], packets)
}

#[test]
fn a_telephone_and_an_app_talk_over_a_hold_by_the_same_keys_as_loud_as_in_the_clear() {
    let browser = Browser::take();
    let (plain, _) = talks("", &Voice::narrow(440.0), &browser);
    for mux in [true, false] {
        let voice = voice("dtls_srtp", 440.0, mux);
        let (sealed, packets) = talks(&trunk("required", "[\"dtls\"]"), &voice, &browser);
        println!("app and telephone hear each other at {sealed:.1?} dB, in the clear at {plain:.1?} dB");
        for (one, other) in plain.iter().zip(&sealed) {
            assert!(*one > -35.0 && (one - other).abs() < 1.0, "{plain:?} {sealed:?}");
        }
        assert!(
            packets.iter().all(|packet| packet.len() > 172),
            "all of it was sealed"
        );
    }
}

/// A telephone written by hand: its socket, and the certificate that it shows.
struct Phone {
    peer: Peer,
    rtp: UdpSocket,
    identity: Identity,
}

/// What has come to it.
#[derive(Default)]
struct Heard {
    keys: Option<Keys>,
    /// Packets of RTP that its keys open.
    opened: u32,
    /// Others of RTP.
    others: u32,
}

impl Phone {
    fn new(service: &Service) -> Phone {
        let rtp = UdpSocket::bind("127.0.0.1:0").unwrap();
        rtp.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
        Phone {
            peer: Peer::new(service.sip_udp),
            rtp,
            identity: Identity::new().unwrap(),
        }
    }

    fn describes(&self, fingerprint: &str, setup: &str) -> String {
        let port = self.rtp.local_addr().unwrap().port();
        format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} UDP/TLS/RTP/SAVP 8\r\n\
             a=rtcp-mux\r\na=fingerprint:{fingerprint}\r\na=setup:{setup}\r\n"
        )
    }

    fn invites(&self, body: &str) -> String {
        let fields = if body.is_empty() { "" } else { SDP };
        let line = "INVITE sip:07012345678@127.0.0.1 SIP/2.0";
        let invite = request(line, "INVITE", &self.peer.via(), fields, body);
        invite.replace("Contact: <sip:a@127.0.0.1>", &self.peer.contact())
    }

    /// Speaks DTLS, and sends sound once there are keys, until `done` or a BYE; the BYE.
    fn speaks(&self, ok: &str, role: Role, mut done: impl FnMut(&Heard) -> bool) -> (Heard, Option<String>) {
        let value = |name: &str| line(ok, name).split_once([':', ' ']).unwrap().1.to_owned();
        let theirs = Fingerprint::parse(&value("a=fingerprint")).unwrap();
        let port: u16 = line(ok, "m=audio").split(' ').nth(1).unwrap().parse().unwrap();
        let to = SocketAddr::from(([127, 0, 0, 1], port));
        let mut handshake = Handshake::new(&self.identity, role, Arc::from([theirs]), Instant::now());
        handshake.begin(Instant::now());
        let send = |out: &[u8]| drop(self.rtp.send_to(out, to));
        let (mut heard, mut voice, mut opener) = (Heard::default(), None, None);
        let (until, mut buffer, mut sequence) = (Instant::now() + LIMIT, [0; 2_048], 0u16);
        while Instant::now() < until && !done(&heard) {
            let mut outcome = handshake.timeout(Instant::now(), send);
            if let Ok(n) = self.rtp.recv(&mut buffer) {
                let datagram = &buffer[..n];
                if is_dtls(datagram) {
                    outcome = outcome.or(handshake.receive(datagram, Instant::now(), send));
                } else if datagram[1] & 0x7f == 8 {
                    let opens = |opener: &mut Opener| opener.open_rtp(&mut datagram.to_vec()).is_ok();
                    let opened = opener.as_mut().is_some_and(opens);
                    heard.opened += u32::from(opened);
                    heard.others += u32::from(!opened);
                }
            }
            if let Some(Ok(keys)) = outcome {
                opener = Some(Opener::new(&keys.receive).unwrap());
                voice = Some(Sealer::new(&keys.send).unwrap());
                heard.keys = Some(keys);
            }
            if let Some(voice) = &mut voice {
                sequence += 1;
                let mut packet = vec![0x80, 8];
                packet.extend(sequence.to_be_bytes());
                packet.extend((u32::from(sequence) * 160).to_be_bytes());
                packet.extend([0, 0, 0, 7]);
                packet.extend([0xd5; 160]);
                voice.seal_rtp(&mut packet).unwrap();
                send(&packet);
            }
            let bye = |all: &[String]| all.iter().any(|message| message.starts_with("BYE "));
            let come = self.peer.collect(Duration::from_millis(1), bye);
            if let Some(bye) = come.into_iter().find(|message| message.starts_with("BYE ")) {
                return (heard, Some(bye));
            }
        }
        (heard, None)
    }
}

#[test]
fn a_telephone_whose_certificate_is_not_that_of_its_fingerprint_is_hung_up_on_with_the_reason() {
    for (setup, role) in [("active", Role::Active), ("passive", Role::Passive)] {
        let service = Service::start(&trunk("required", "[\"dtls\"]"));
        let phone = Phone::new(&service);
        let stranger = Identity::new().unwrap().fingerprint();
        let ok = phone
            .peer
            .call(&phone.invites(&phone.describes(&stranger.to_string(), setup)));
        let (heard, bye) = phone.speaks(&ok, role, |_| false);
        let bye = bye.expect("a BYE");
        let reason = line(&bye, "Reason:");
        assert!(
            reason.contains("cause=488") && reason.contains("no_keys"),
            "{bye}"
        );
        assert_eq!((heard.opened, heard.others), (0, 0), "nothing was sent to it");
        assert_eq!(service.last_reason(), "no_keys");
        assert!(service.get("/api/v1/trunks").1.contains("no_keys"));
        assert!(
            service
                .log()
                .contains("the other side's certificate is not that of its a=fingerprint")
        );
    }
}

#[test]
fn an_invite_without_an_offer_gets_ours_and_its_answer_is_followed() {
    for (setup, role) in [("active", Role::Active), ("passive", Role::Passive)] {
        let service = Service::start(&trunk("required", "[\"dtls\"]"));
        let phone = Phone::new(&service);
        phone.peer.send(phone.invites("").as_bytes());
        let is_ok = |message: &String| status(message) == 200;
        let come = phone.peer.collect(LIMIT, |all| all.iter().any(is_ok));
        let ok = come.into_iter().find(is_ok).expect("a 200");
        assert!(
            ok.contains("UDP/TLS/RTP/SAVP") && ok.contains("a=setup:actpass"),
            "{ok}"
        );
        let answer = phone.describes(&phone.identity.fingerprint().to_string(), setup);
        phone
            .peer
            .send(within(&ok, &phone.peer.via(), "ACK", 8, SDP, &answer).as_bytes());
        let (heard, bye) = phone.speaks(&ok, role, |heard| heard.opened > 50);
        assert!(bye.is_none() && heard.opened > 50, "{bye:?}");
        assert_eq!(heard.others, 0, "nothing came but what its keys open");
        let keys = heard.keys.unwrap();
        for key in [keys.send, keys.receive].map(|key| key.to_base64()) {
            assert!(!service.log().contains(&key), "a key is in the log");
        }
        service.until("it is heard", || {
            service.metric("omnigate_rtp_received_packets_total") > 10.0
        });
    }
}

#[test]
fn an_offer_that_cannot_be_sealed_is_refused_with_what_would_be_taken() {
    let service = Service::start(&trunk("required", "[\"dtls\"]"));
    let phone = Phone::new(&service);
    let sha1 = "sha-1 4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB";
    for (offer, why) in [
        (
            crate::raw_sip::SDP.to_owned(),
            "media must be sealed here: UDP/TLS/RTP/SAVP with a=fingerprint",
        ),
        (
            phone.describes(sha1, "actpass"),
            "a=fingerprint is by sha-1, and must be by sha-256, sha-384 or sha-512",
        ),
    ] {
        let peer = Peer::new(service.sip_udp);
        let invite = request(
            "INVITE sip:07012345678@127.0.0.1 SIP/2.0",
            "INVITE",
            &peer.via(),
            SDP,
            &offer,
        );
        let refused = peer.ask(&invite);
        assert_eq!(status(&refused), 488, "{refused}");
        assert!(line(&refused, "Warning:").contains(why), "{refused}");
        peer.send(within(&refused, &peer.via(), "ACK", 8, "", "").as_bytes());
    }
}

/// The library knows no RSA; who has it is told so, and not left without a sound.
#[test]
fn a_telephone_with_a_certificate_of_rsa_is_hung_up_on_with_the_reason() {
    let service = Service::start(&trunk("required", "[\"dtls\"]"));
    let uri = format!("sip:07012345678@{}", service.sip_udp);
    let voice = Voice {
        dtls: Dtls { mux: true, rsa: true },
        ..voice("dtls_srtp", 440.0, true)
    };
    let phone = Softphone::dial_saying(&service, "01012345678", &uri, &voice);
    assert_eq!(service.last_reason(), "no_keys");
    assert!(
        service.log().contains("its certificate must be ECDSA"),
        "{}",
        service.log()
    );
    drop(phone);
}
