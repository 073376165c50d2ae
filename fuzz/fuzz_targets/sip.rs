//! Datagrams on the SIP port, before the parser, and what is read out of their bodies.
#![no_main]

use libfuzzer_sys::fuzz_target;
use omnigate_sip::shield::inspect;

fuzz_target!(|data: &[u8]| {
    let _ = inspect(data, ([192, 0, 2, 1], 5060).into());
});
