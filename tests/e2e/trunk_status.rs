//! `omnigate trunk status` and the API below it: registration, gateways as their answers to OPTIONS say, the last calls, who
//! sends though nobody allows it.

use crate::exchange::Exchange;
use crate::harness::{Service, conforms};
use crate::kamailio::{Kamailio, free_port};
use crate::raw_sip::Peer;
use crate::sipp::sipp;
use serde_json::Value;
use std::net::UdpSocket;
use std::process::Command;
use std::time::Duration;

fn status(service: &Service) -> Value {
    let (status, body) = service.get("/api/v1/trunks");
    assert_eq!(status, 200, "{body}");
    conforms("get", "/api/v1/trunks", status, &body);
    serde_json::from_str(&body).unwrap()
}

/// What the command says.
fn command(service: &Service, more: &[&str]) -> String {
    let out = Command::new(env!("CARGO_BIN_EXE_omnigate"))
        .args(["trunk", "status", "--server", &format!("http://{}", service.http)])
        .args(more)
        .env("OMNIGATE_TOKEN", service.token())
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

#[test]
fn a_gateway_that_stops_answering_options_is_passed_over_until_it_answers_again() {
    let address = free_port();
    let dir = std::env::temp_dir().join(format!("omnigate-health-{}", address.port()));
    let answers = || {
        Some(Kamailio::with(
            &dir,
            address,
            "",
            "sl_send_reply(\"405\", \"Not Here\"); exit;",
        ))
    };
    let mut gateway = answers();
    let mute = UdpSocket::bind("127.0.0.1:0").unwrap();
    let gateways = [
        format!("sip:{address}"),
        format!("sip:{}", mute.local_addr().unwrap()),
    ];
    let service = Service::start(&Exchange::trunk(
        &gateways,
        "options_seconds = 1\nanswer_seconds = 1\n",
    ));
    let seen = |n: usize| status(&service)["trunks"][0]["gateways"][n]["addresses"][0].clone();
    let up = || {
        service.metric(&format!(
            "omnigate_trunk_gateway_up{{trunk=\"carrier\",gateway=\"{address}\"}}"
        ))
    };
    service.until("it has answered", || seen(0)["options_status"] == 405);
    assert_eq!((seen(0)["up"].clone(), up()), (true.into(), 1.0));
    gateway.take();
    service.until("it is passed over", || seen(0)["up"] == false && up() == 0.0);
    assert!(command(&service, &[]).contains("passed over for"));
    // One that has never answered them may take calls all the same.
    assert_eq!(seen(1)["up"], true);
    assert_eq!(seen(1)["options_status"], Value::Null);
    let _again = answers();
    service.until_within("it is called again", Duration::from_secs(30), || {
        seen(0)["up"] == true
    });
    assert_eq!(up(), 1.0);
}

#[test]
fn the_last_calls_of_a_trunk_its_last_refusal_and_strangers_are_shown() {
    let service = Service::start(
        "[[trunk]]\nname = \"carrier\"\nallow = [\"127.0.0.1/32\"]\nnumbers = [\"070-1234-5678\"]\n",
    );
    sipp(&service, "call").passes();
    // Waits for the end of the call.
    assert_eq!(service.last_reason(), "caller_hung_up");
    let trunk = status(&service)["trunks"][0].clone();
    assert_eq!(trunk["inbound"]["reason"], "caller_hung_up", "{trunk}");
    assert_eq!(trunk["inbound"]["id"], service.calls()[0]["id"]);
    assert_eq!(trunk["calls"]["inbound"], 0);
    assert_eq!(
        (&trunk["registration"], &trunk["refusal"]),
        (&Value::Null, &Value::Null)
    );

    let stranger = UdpSocket::bind("127.0.0.9:0").unwrap();
    for _ in 0..3 {
        stranger
            .send_to(b"OPTIONS sip:x SIP/2.0\r\n\r\n", service.sip_udp)
            .unwrap();
    }
    let caller = Peer::new(service.sip_udp);
    let to_another = caller.invite("").replace("07012345678", "0311234567");
    caller.ask(&to_another.replace("sip:b@example.com", "sip:0311234567@example.com"));
    service.until("all has come", || {
        let all = status(&service);
        all["strangers"][0]["messages"] == 3 && all["trunks"][0]["refusal"]["reason"] == "no_trunk"
    });
    let all = status(&service);
    assert_eq!(all["strangers"][0]["source"], "127.0.0.9");
    assert_eq!(all["strangers"][0]["nearest"], "carrier");
    let said = command(&service, &[]);
    for part in [
        "carrier: 0 calls in, 0 out",
        "caller_hung_up",
        "no_trunk",
        "127.0.0.9: 3 messages",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let json: Value = serde_json::from_str(&command(&service, &["--json"])).unwrap();
    assert_eq!(json["trunks"], all["trunks"]);
}

#[test]
fn a_command_without_the_token_says_what_it_needs() {
    let service = Service::start("[api]\ntoken = \"Xk3-token-q9\"\n");
    let run = |token: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_omnigate"))
            .args(["trunk", "status", "--server", &format!("http://{}", service.http)])
            .args(token)
            .env_remove("OMNIGATE_TOKEN")
            .output()
            .unwrap()
    };
    let refused = run(&[]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--token"));
    assert!(run(&["--token", "Xk3-token-q9"]).status.success());
}
