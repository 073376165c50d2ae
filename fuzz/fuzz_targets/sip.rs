//! What comes on the SIP port: one message, and what is read out of it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use omnigate_sip::message::{Message, Name, NameAddr, Via, parse, parts};

fuzz_target!(|data: &[u8]| {
    let Ok(message) = parse(data) else { return };
    let (headers, body) = match &message {
        Message::Request(request) => (&request.headers, &request.body),
        Message::Response(response) => (&response.headers, &response.body),
    };
    let _ = parts(headers, body);
    for name in [Name::From, Name::To, Name::Contact, Name::RecordRoute, Name::PAssertedIdentity] {
        headers.list(name).filter_map(NameAddr::parse).for_each(|a| drop(a.display()));
    }
    headers.list(Name::Via).for_each(|v| {
        let _ = Via::parse(v);
    });
    // What is read is written to something that reads the same.
    let again = parse(&message.to_bytes()).expect("what was written can be read");
    assert_eq!(again.to_bytes(), message.to_bytes());
});
