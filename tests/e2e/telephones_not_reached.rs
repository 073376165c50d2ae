//! Apps on the published SDKs that call a telephone and do not reach it: what they are told, what the record says, and that
//! nothing is left.

use crate::browser::{Browser, Sdk, Tab};
use crate::exchange::Exchange;
use crate::harness::Service;
use crate::kamailio::free_port;
use serde_json::{Value, json};

/// A telephone, what its network says, and the reason in the record.
const ENDS: [(&str, Said, &str); 5] = [
    ("02-111-0001", Said::Status(486), "busy"),
    ("02-111-0002", Said::Status(603), "declined"),
    ("02-222-0003", Said::Ringing, "no_answer"),
    ("02-333-0004", Said::Nothing, "unreachable"),
    ("02-444-0005", Said::Nobody, "unreachable"),
];

/// What a gateway says to an INVITE.
#[derive(Clone, Copy)]
enum Said {
    /// It rings, and then this.
    Status(u16),
    /// It rings, and nobody takes the call.
    Ringing,
    Nothing,
    /// There is none.
    Nobody,
}

/// A trunk for each beginning of a number.
fn service(answers: &Exchange, silent: &Exchange) -> Service {
    let trunks: Vec<String> = [
        ("021110", answers.address(), ""),
        ("022220", answers.address(), "ring_seconds = 1"),
        ("023330", silent.address(), "answer_seconds = 1"),
        ("024440", free_port(), "answer_seconds = 1"),
    ]
    .map(|(begin, at, more)| {
        format!(
            "[[trunk]]\nname = \"to-{begin}\"\ngateways = [\"sip:{at}\"]\ndestinations = [\"{begin}*\"]\ncallers = [{{ number = \"070-1234-5678\", proof = \"a contract\" }}]\n{more}\n"
        )
    })
    .into();
    Service::start(&format!(
        "{}[[service]]\nid = \"demo\"\nkey = \"demo\"\ncaller = \"070-1234-5678\"\n",
        trunks.concat()
    ))
}

/// The names of all messages that the app has got.
fn told(app: &Tab<'_>) -> Vec<Value> {
    let all = app.run("return rig.wire.got.map((message) => message.cmd)");
    all.as_array().unwrap().clone()
}

fn nobody_is_reached_by(sdk: Sdk) {
    let browser = Browser::take();
    let (answers, silent) = (Exchange::new(), Exchange::new());
    let service = service(&answers, &silent);
    let app = browser.app(&service, sdk, "ann");
    for (round, (number, said, reason)) in ENDS.into_iter().enumerate() {
        if round > 0 {
            // The SDK's session has ended with its call.
            app.run("await sdk.createSession('ann')");
        }
        app.run(&format!("await sdk.offerCall('sipcall', '{number}')"));
        app.event("RINGBACK_EVENT", json!({"callee": number}));
        match said {
            Said::Status(status) => {
                let there = answers.rings();
                there.respond(180, "");
                there.refuses(status, "");
            }
            Said::Ringing => {
                let there = answers.rings();
                there.respond(180, "");
                there.is_cancelled();
            }
            Said::Nothing | Said::Nobody => {}
        }
        app.event("LEAVE_EVENT", json!({}));
        // Else the service lets it go after five seconds.
        app.run("await sdk.leave()");
        app.event("close", json!({}));
        service.assert_nothing_is_left();
        let told = told(&app);
        assert!(!told.contains(&json!("WS_CALL_CONNECTED_NOTI")), "{told:?}");
        let calls = service.calls();
        assert_eq!(calls.len(), round + 1, "{calls:?}");
        assert_eq!(service.last_reason(), reason, "{number}");
    }
}

#[test]
fn an_app_on_the_typescript_sdk_is_told_that_a_telephone_was_not_reached_and_nothing_is_left() {
    nobody_is_reached_by(Sdk::TypeScript);
}

#[test]
fn an_app_on_the_react_native_sdk_is_told_that_a_telephone_was_not_reached_and_nothing_is_left() {
    nobody_is_reached_by(Sdk::ReactNative);
}
