//! `omnigate trunk certify`: carriers of several kinds, each played by somebody else's program, and what is said of them.

use crate::exchange::Exchange;
use crate::harness::{Service, conforms};
use crate::kamailio::{Kamailio, free_port};
use crate::sipp::sipp;
use crate::softphone::{Softphone, Voice};
use serde_json::Value;
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};

const NUMBER: &str = "02-123-4567";
/// As it stands in a Request-URI.
const DIALLED: &str = "021234567";

/// What the command says.
pub struct Said {
    output: Output,
}

impl Said {
    fn out(&self) -> String {
        String::from_utf8_lossy(&self.output.stdout).into_owned()
    }

    pub fn err(&self) -> String {
        String::from_utf8_lossy(&self.output.stderr).into_owned()
    }

    pub fn passed(&self) -> bool {
        self.output.status.success()
    }

    /// The row of the report about this.
    fn row(&self, title: &str) -> String {
        let (out, start) = (self.out(), format!("| {title} |"));
        let row = out.lines().find(|line| line.starts_with(&start));
        row.unwrap_or_else(|| panic!("no {title} in\n{out}\n{}", self.err()))
            .to_owned()
    }

    #[track_caller]
    pub fn shows(&self, title: &str, parts: &[&str]) {
        let row = self.row(title);
        for part in parts {
            assert!(row.contains(part), "{part} is not in {row}\n{}", self.out());
        }
    }

    /// The profile in the report, which must be a configuration.
    fn profile(&self) -> String {
        let out = self.out();
        let toml = out
            .split("```toml\n")
            .nth(1)
            .and_then(|rest| rest.split("```").next());
        toml.unwrap_or_else(|| panic!("no profile in\n{out}")).to_owned()
    }
}

/// The command, as it runs.
fn begin(service: &Service, more: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_omnigate"))
        .args(["trunk", "certify", "carrier", "--silence", "1"])
        .args(["--server", &format!("http://{}", service.http)])
        .args(more)
        .env("OMNIGATE_TOKEN", service.token())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

pub fn certify(service: &Service, more: &[&str]) -> Said {
    let output = begin(service, more).wait_with_output().unwrap();
    Said { output }
}

fn delete(service: &Service, path: &str) -> u16 {
    service.delete(path).0
}

/// The API's word of it.
fn told(service: &Service) -> Value {
    let path = "/api/v1/trunks/carrier/certification";
    let (status, body) = service.get(path);
    assert_eq!(status, 200, "{body}");
    conforms("get", "/api/v1/trunks/{name}/certification", status, &body);
    serde_json::from_str(&body).unwrap()
}

/// A gateway that answers OPTIONS and hands calls on.
fn gateway(dir: &Path, address: SocketAddr, to: SocketAddr) -> Kamailio {
    let begin = format!(
        "if (is_method(\"OPTIONS\")) {{ append_to_reply(\"Allow: INVITE, ACK, BYE, CANCEL, OPTIONS\\r\\n\"); sl_send_reply(\"200\", \"OK\"); exit; }}\nrecord_route(); $du = \"sip:{to}\"; t_relay();"
    );
    Kamailio::with(&dir.join("kamailio"), address, "", &begin)
}

/// Where sipp sends RTP back from: the first of four ports that nobody has, outside of those that the system gives away.
fn media_ports() -> String {
    static NEXT: AtomicU16 = AtomicU16::new(18_000);
    loop {
        let first = NEXT.fetch_add(4, Ordering::Relaxed);
        assert!(first < 20_000, "no four ports in a row are free");
        if (first..first + 4).all(|port| UdpSocket::bind(("127.0.0.1", port)).is_ok()) {
            return first.to_string();
        }
    }
}

/// A carrier that sipp plays; it ends with this.
struct Played(Child);

impl Played {
    fn at(dir: &Path, address: SocketAddr, scenario: &str) -> Played {
        let file = format!("{}/tests/e2e/sipp/{scenario}.xml", env!("CARGO_MANIFEST_DIR"));
        let child = Command::new("sipp")
            .args(["-sf", &file, "-i", "127.0.0.1", "-p", &address.port().to_string()])
            .args(["-mp", &media_ports(), "-rtp_echo", "-nostdin", "-trace_err"])
            .current_dir(dir)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("sipp; scripts/test installs it");
        Played(child)
    }
}

impl Drop for Played {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// baresip behind Kamailio: nothing is wrong.
#[test]
fn a_good_carrier_passes_and_its_profile_says_what_was_seen() {
    let voice = Voice {
        codec: "PCMA/8000/1,PCMU/8000/1",
        ..Voice::narrow(440.0)
    };
    let phone = Softphone::waits_saying(&format!("{DIALLED};answermode=auto"), &voice);
    let address = free_port();
    let service = Service::start(&Exchange::trunk(
        &[format!("sip:{address}")],
        "options_seconds = 0\n",
    ));
    let _gateway = gateway(&service.dir, address, phone.address());
    let said = certify(&service, &["--call", NUMBER]);
    assert!(said.passed(), "{}\n{}", said.err(), said.out());
    said.shows("Names of gateways", &["passed", "udp", &address.to_string()]);
    said.shows("OPTIONS", &["passed", "200 OK", "Allow: INVITE"]);
    said.shows("Call out", &["passed", "180 after", "200 after"]);
    said.shows("Telephone events (RFC 4733)", &["passed", "8000 Hz"]);
    for title in [
        "Codec",
        "RTP both ways",
        "Speech quality",
        "Hold",
        "Back from hold",
        "Silence",
    ] {
        said.shows(title, &["must", "passed"]);
    }
    said.shows("Hang-up by us", &["passed", "200"]);
    said.shows("G.711 A-law alone", &["passed", "PCMA"]);
    said.shows("G.711 µ-law alone", &["passed", "PCMU"]);
    said.shows("G.729", &["skipped"]);
    let profile = said.profile();
    assert!(profile.contains("keys = \"events\""), "{profile}");
    assert!(profile.contains("codecs = [\"pcma\""), "{profile}");
    assert!(said.err().contains("answer it"), "{}", said.err());
    // They are calls as all others.
    let calls = service.calls();
    assert!(
        calls.iter().all(|call| call["reason"] == "certified"),
        "{calls:?}"
    );
    let told = told(&service);
    assert_eq!((&told["state"], &told["part"]), (&"done".into(), &Value::Null));
}

/// sipp with ways of its own, in both directions.
#[test]
fn a_carrier_with_ways_of_its_own_has_each_named_and_a_profile_with_the_keys_for_them() {
    let address = free_port();
    let service = Service::start(&Exchange::trunk(
        &[format!("sip:{address}")],
        "options_seconds = 0\nnumbers = [\"070-1234-5678\"]\n",
    ));
    let _carrier = Played::at(&service.dir, address, "quirky_carrier");
    let command = begin(&service, &["--call", NUMBER, "--inbound", "070-1234-5678"]);
    service.until_within(
        "a call in is waited for",
        std::time::Duration::from_secs(60),
        || {
            let (_, body) = service.get("/api/v1/trunks/carrier/certification");
            body.contains("\"part\":\"call_in\"")
        },
    );
    sipp(&service, "quirky_caller")
        .with(&["-mp", &media_ports(), "-rtp_echo"])
        .passes();
    let said = Said {
        output: command.wait_with_output().unwrap(),
    };
    assert!(!said.passed());
    said.shows("Session description", &["in the 183 only, none in the 200"]);
    said.shows(
        "Reliable provisional responses (100rel)",
        &["passed", "PRACK got 200"],
    );
    said.shows("P-Early-Media", &["183: sendrecv"]);
    said.shows(
        "Telephone events (RFC 4733)",
        &["must", "**failed**", "the answer has none"],
    );
    said.shows("Keys to the telephone", &["passed", "INFO"]);
    said.shows(
        "Refresh of the session",
        &["passed", "UPDATE got 405", "INVITE got 200"],
    );
    said.shows("Session timer (RFC 4028)", &["1800 s, we refresh", "Min-SE 900"]);
    said.shows(
        "G.711 A-law alone",
        &["**failed**", "answered with PCMU/8000, which was not offered"],
    );
    said.shows("G.711 µ-law alone", &["passed"]);
    said.shows(
        "Dialled number",
        &[
            "P-Called-Party-ID: the number, country code and national prefix",
            "Request-URI: another, no number",
        ],
    );
    said.shows(
        "Caller's number",
        &["P-Asserted-Identity: with an international prefix"],
    );
    said.shows(
        "Keys of the caller",
        &["passed", "6 of 6 by INFO", "telephone events are not offered"],
    );
    said.shows("Extensions asked for", &["100rel, timer", "3600"]);
    said.shows("RTP both ways, call in", &["passed"]);
    said.shows("Hold by the caller", &["passed"]);
    said.shows("End of the call in", &["BYE from them, Reason Q.850 16"]);
    assert!(
        said.err().contains("not as it must be: Telephone events"),
        "{}",
        said.err()
    );
    let profile = said.profile();
    for key in [
        "codecs = [\"pcmu\"]",
        "reliable = \"supported\"",
        "early_media = \"obey\"",
        "session.seconds = 1800",
        "session.refresher = \"us\"",
        "session.least_seconds = 900",
        "keys = \"info\"",
        "called_from = [\"called-party\"]",
        "caller_from = [\"asserted\", \"from\"]",
        "#number_format = \"prefixed\"",
    ] {
        assert!(profile.contains(key), "{key} is not in\n{profile}");
    }
    // It was no call for the menu, and the next one is.
    assert_eq!(service.metric("omnigate_digits_total{kind=\"sip_info\"}"), 6.0);
}

#[test]
fn a_carrier_that_refuses_is_named_with_what_it_says() {
    let exchange = Exchange::new();
    let service = Service::start(&exchange.of("options_seconds = 0\nanswer_seconds = 1\n"));
    let command = begin(&service, &["--call", NUMBER]);
    exchange
        .rings()
        .refuses(403, "Reason: Q.850;cause=57;text=\"barred\"\r\n");
    let said = Said {
        output: command.wait_with_output().unwrap(),
    };
    assert!(!said.passed());
    said.shows(
        "Call out",
        &["must", "**failed**", "403", "Reason Q.850 57", "trunk.callers"],
    );
    // It is not called again and again.
    assert_eq!(service.calls().len(), 1);
    assert!(said.err().contains("not as it must be: Call out"));
}

#[test]
fn a_carrier_that_is_dead_is_named_so() {
    let mute = UdpSocket::bind("127.0.0.1:0").unwrap();
    let gateway = format!("sip:{}", mute.local_addr().unwrap());
    let service = Service::start(&Exchange::trunk(
        &[gateway],
        "options_seconds = 0\nanswer_seconds = 1\n",
    ));
    let said = certify(&service, &["--call", NUMBER]);
    assert!(!said.passed());
    said.shows("OPTIONS", &["**failed**", "no answer"]);
    said.shows("Call out", &["must", "**failed**"]);

    // Without a call there is nothing that must be right; and what the API tells may go to a file.
    let file = service.dir.join("report.json");
    let said = certify(&service, &["--json", "--report", file.to_str().unwrap()]);
    assert!(said.passed() && said.out().is_empty(), "{}", said.err());
    let kept: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    assert_eq!(kept, told(&service));
}

/// Kamailio hands what we call back to us.
#[test]
fn a_call_that_comes_back_to_us_shows_both_sides() {
    let address = free_port();
    let service = Service::start(&Exchange::trunk(
        &[format!("sip:{address}")],
        "options_seconds = 0\nnumbers = [\"070-1234-5678\"]\n",
    ));
    let _gateway = gateway(&service.dir, address, service.sip_udp);
    let said = certify(
        &service,
        &["--call", "070-1234-5678", "--inbound", "070-1234-5678"],
    );
    assert!(said.passed(), "{}\n{}", said.err(), said.out());
    said.shows("Keys of the caller", &["passed", "6 of 6 by telephone events"]);
    said.shows("Keys of the telephone", &["passed", "6 of 6 by telephone events"]);
    said.shows("RTP both ways, call in", &["passed"]);
    said.shows("Hold by the caller", &["passed"]);
    said.shows("Dialled number", &["Request-URI: the number, national"]);
}

#[test]
fn one_goes_on_at_a_time_and_ends_when_it_is_told_to_or_the_service_stops() {
    let exchange = Exchange::new();
    let mut service = Service::start(&exchange.of("options_seconds = 0\nanswer_seconds = 1\n"));
    let path = "/api/v1/trunks/carrier/certification";
    let post = |body: &str| {
        let (status, answer) = service.post(path, body);
        conforms("post", "/api/v1/trunks/{name}/certification", status, &answer);
        status
    };
    assert_eq!(service.get(path).0, 404);
    for (body, status) in [
        ("{\"call\": \"119\"}", 403),
        ("{\"call\": \"02-123-4567\", \"from\": \"02-999-9999\"}", 403),
        ("{\"inbound\": \"nobody\"}", 422),
        ("{\"wait_seconds\": 100000}", 422),
        ("{\"cal\": \"02-123-4567\"}", 400),
        ("{\"call\": \"02-123-4567\"}", 202),
        ("{}", 409),
    ] {
        assert_eq!(post(body), status, "{body}");
    }
    let there = exchange.rings();
    there.answers();
    assert_eq!(delete(&service, path), 204);
    there.is_hung_up();
    service.until("it has ended", || told(&service)["state"] == "stopped");
    assert_eq!(delete(&service, path), 404);

    assert_eq!(post("{\"call\": \"02-123-4567\"}"), 202);
    let there = exchange.rings();
    there.answers();
    service.signal("TERM");
    there.is_hung_up();
    assert_eq!(service.wait(std::time::Duration::from_secs(20)), Some(0));
}
