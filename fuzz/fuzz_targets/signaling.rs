//! Frames of two clients, a line each, in any order: the hub neither panics nor loses count.
#![no_main]

use libfuzzer_sys::fuzz_target;
use omnigate_omnitalk::{Hub, HubSettings, Now, Service, SocketId};
use std::time::{Duration, Instant};

fuzz_target!(|data: &[u8]| {
    let start = Instant::now();
    let settings = HubSettings { service: Some(Service::open("demo")), ..HubSettings::default() };
    let mut hub = Hub::new(settings, [7; 32]);
    let mut now = Now { instant: start, unix: 1_800_000_000, micros: 0 };
    for id in [1, 2] {
        hub.connected(SocketId(id), None, now);
        let hello = r#"{"cmd":"WS_SESSION_REQ","service_id":"demo","service_key":"demo","sdk":"JS","ver":"2.1.3","heartbeat":true}"#;
        hub.received(SocketId(id), hello, now);
    }
    for line in data.split(|b| *b == b'\n').take(200) {
        let Some((first, frame)) = line.split_first() else { continue };
        now.instant += Duration::from_millis(u64::from(*first));
        hub.expire(now);
        hub.received(SocketId(u64::from(first & 1) + 1), &String::from_utf8_lossy(frame), now);
    }
    for id in [1, 2] {
        hub.disconnected(SocketId(id), now);
    }
    let left = hub.figures();
    assert_eq!((left.sessions, left.participants, left.streams, left.viewers), (0, 0, 0, 0));
});
