//! Session descriptions of browsers: as the offer of a microphone, the offer of a camera, and the answer of a viewer.
#![no_main]

use libfuzzer_sys::fuzz_target;
use omnigate_rtc::{Path, PeerFactory, VideoCodec, stun};
use std::sync::OnceLock;
use std::time::Instant;

static FACTORY: OnceLock<PeerFactory> = OnceLock::new();

fuzz_target!(|data: &[u8]| {
    let factory = FACTORY.get_or_init(|| PeerFactory::new().expect("a certificate"));
    let address = ([127, 0, 0, 1], 40_000).into();
    let candidates = [Path::Udp(address), Path::Tcp(address)];
    let now = Instant::now();
    let _ = stun::local_ufrag(data);
    let text = String::from_utf8_lossy(data);
    let _ = factory.answer(&text, &candidates, 48_000, now);
    let _ = factory.publish(&text, &candidates, &[VideoCodec::Vp8, VideoCodec::H264, VideoCodec::Vp9], now);
    if let Ok((mut viewer, _)) = factory.view(VideoCodec::Vp8, &candidates, now) {
        let _ = viewer.answered(&text, now);
    }
});
