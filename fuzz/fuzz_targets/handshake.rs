//! Datagrams of strangers in the path of a telephone's media, on both sides of a DTLS handshake.
#![no_main]

use libfuzzer_sys::fuzz_target;
use omnigate_dtls::{Handshake, Identity};
use omnigate_srtp::Role;
use std::time::{Duration, Instant};

fuzz_target!(|data: &[u8]| {
    let Some(identity) = Identity::shared() else { return };
    for role in [Role::Active, Role::Passive] {
        let mut now = Instant::now();
        let mut handshake = Handshake::new(identity, role, [identity.fingerprint()].into(), now);
        handshake.begin(now);
        // Two bytes say how long a datagram is.
        let mut rest = data;
        while let Some((length, more)) = rest.split_at_checked(2) {
            let length = usize::from(length[0] & 7) << 8 | usize::from(length[1]);
            let (datagram, more) = more.split_at(length.min(more.len()));
            let _ = handshake.receive(datagram, now, |_| ());
            now += Duration::from_millis(20);
            let _ = handshake.timeout(now, |_| ());
            rest = more;
        }
    }
});
