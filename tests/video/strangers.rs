//! Who has heard of a connection's names but does not know its password.

use crate::browser::{Browser, Net, ROOM, STREAM, VIEWER, plane, publish, until};
use omnigate_rtc::VideoCodec;
use std::io::Read;
use std::time::{Duration, Instant};
use str0m::change::SdpOffer;
use str0m::{IceCreds, RtcConfig};

const PASSWORD: &str = "apasswordofenoughlength1";

/// A browser whose own names are known: they go over the network in every check.
fn known(config: RtcConfig) -> RtcConfig {
    config.set_local_ice_credentials(IceCreds {
        ufrag: "known".into(),
        pass: PASSWORD.into(),
    })
}

#[test]
fn strangers_that_name_a_viewer_without_its_password_take_no_place_from_it() {
    let (plane, _events) = plane(&VideoCodec::ALL);
    let port = plane.webrtc_ports()[ROOM.0 as usize % 2];
    let (mut a, mut b) = (Browser::new(|c| c), Browser::new(known));
    publish(&plane, STREAM, &mut a);
    let offer = plane.open_viewer(VIEWER, STREAM, ROOM).unwrap();
    let parse = |text: &str| SdpOffer::from_sdp_string(text).unwrap();
    let answer = b.rtc.sdp_api().accept_offer(parse(&offer)).unwrap();
    plane.answer_viewer(VIEWER, answer.to_sdp_string());

    let (before, password) = offer.split_once("a=ice-pwd:").unwrap();
    let (password, after) = password.split_once("\r\n").unwrap();
    let wrong = format!("{before}a=ice-pwd:{}\r\n{after}", "x".repeat(password.len()));
    // More than there are places for one peer.
    let mut strangers: Vec<Browser> = (0..12)
        .map(|i| if i < 11 { Net::udp() } else { Net::tcp(port) })
        .map(|net| {
            let mut stranger = Browser::by(net, known);
            stranger.rtc.sdp_api().accept_offer(parse(&wrong)).unwrap();
            stranger
        })
        .collect();
    let received = plane.figures().webrtc_received;
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(1_000) {
        strangers.iter_mut().for_each(Browser::step);
        std::thread::sleep(Duration::from_millis(5));
    }
    let checks = plane.figures().webrtc_received - received;
    assert!(checks >= 24, "only {checks} checks have come");

    assert!(until(&mut a, &mut b, |_, b| b.received.len() > 10));
    assert!(strangers.iter().all(|s| !s.connected && s.received.is_empty()));
    // A connection on which nothing was proven is not kept.
    let Net::Tcp(stream, _) = &mut strangers[11].net else {
        unreachable!()
    };
    stream.set_nonblocking(false).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(12))).unwrap();
    assert!(matches!(stream.read(&mut [0; 16]), Ok(0)), "closed");
    assert_eq!(plane.figures().failures, 0);
    plane.stop();
}
