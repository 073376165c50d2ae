//! Whatever a registrar says and in whatever order: never two open requests, never without a deadline, and an end.

use crate::registrar::{Bench, settings};
use omnigate_sip::message::Name;
use omnigate_sip::registration::*;
use proptest::prelude::*;

const CODES: [u16; 16] = [
    100, 200, 200, 200, 302, 400, 401, 401, 403, 404, 407, 423, 480, 500, 503, 603,
];
const FIELDS: [(Name, &str); 12] = [
    (Name::Expires, "60"),
    (Name::Expires, "0"),
    (
        Name::Contact,
        "<sip:0701234@192.0.2.9:5060;transport=tcp>;expires=30",
    ),
    (Name::Contact, "<sip:a@b>, <sip:c@d>;expires=9"),
    (Name::MinExpires, "7200"),
    (Name::MinExpires, "4000"),
    (Name::RetryAfter, "4294967295"),
    (
        Name::WwwAuthenticate,
        "Digest realm=\"a\",nonce=\"1\",stale=true,qop=\"auth\"",
    ),
    (
        Name::WwwAuthenticate,
        "Digest realm=\"b\",nonce=\"2\",algorithm=SHA-256-sess",
    ),
    (Name::ProxyAuthenticate, "Digest realm=\"a\",nonce=\"3\""),
    (Name::FlowTimer, "1"),
    (Name::AuthenticationInfo, "nextnonce=\"4\""),
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn every_run_keeps_its_rules_and_ends(
        steps in prop::collection::vec((0_u8..8, 0_usize..16, prop::collection::vec(0_usize..12, 0..3)), 0..60),
    ) {
        let mut bench = Bench::new(settings());
        let mut over = false;
        for (kind, code, fields) in steps {
            let fields: Vec<(Name, &str)> = fields.into_iter().map(|f| FIELDS[f]).collect();
            let before = bench.sent.as_ref().map(|r| r.headers.cseq().unwrap().number);
            let events = match kind {
                0..=3 if before.is_some() => {
                    let open = bench.sent.clone();
                    let events = bench.answer(CODES[code], &fields);
                    if CODES[code] < 200 {
                        prop_assert!(events.is_empty() && bench.sent.is_none());
                        bench.sent = open;
                    }
                    events
                }
                4 if before.is_some() => bench.fail(),
                5 => {
                    bench.registration.flow_lost(bench.now);
                    bench.drain()
                }
                6 if code == 0 => {
                    bench.registration.stop(bench.now);
                    bench.drain()
                }
                7 if code < 4 => {
                    bench.registration.start(bench.now);
                    bench.drain()
                }
                _ if bench.registration.deadline().is_some() => {
                    let open = bench.sent.take();
                    let (_, events) = bench.next();
                    let waits = matches!(events.as_slice(), [] | [Event::Lost]) && bench.sent.is_none();
                    if waits {
                        bench.sent = open;
                    }
                    events
                }
                _ => Vec::new(),
            };
            let last = events.iter().rev().find(|e| **e != Event::Lost);
            over = match last {
                Some(last) => matches!(last, Event::Failed(_) | Event::Unregistered { .. }),
                None => over && bench.registration.deadline().is_none(),
            };
            prop_assert_eq!(over, bench.registration.deadline().is_none(), "it waits, or it has said that it does not");
            if let (Some(before), Some(sent)) = (before, &bench.sent) {
                prop_assert!(sent.headers.cseq().unwrap().number >= before);
            }
            prop_assert!(bench.registration.granted().is_some() == bench.registration.bound_until().is_some());
        }
        // Stopped, it ends with time alone.
        bench.registration.stop(bench.now);
        for _ in 0..8 {
            bench.drain();
            if bench.registration.deadline().is_none() {
                break;
            }
            bench.next();
        }
        prop_assert_eq!(bench.registration.deadline(), None);
    }
}
