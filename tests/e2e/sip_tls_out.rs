//! SIP over TLS, towards those whom we call: whom we believe, what is told, and that the next gateway is asked.

use crate::app::App;
use crate::authority::{Authority, Pair};
use crate::exchange::Exchange;
use crate::harness::Service;
use crate::kamailio::{Kamailio, free_port};
use crate::registrations::BEGIN;
use crate::sip_tls::handshakes;
use crate::sipp::sipp;
use crate::softphone::{Softphone, Trust};
use serde_json::json;
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const NUMBER: &str = "02-123-4567";

/// A server by TLS of somebody else's making that never says a word of SIP; ends when dropped.
pub struct Mute(Child, pub SocketAddr);

impl Mute {
    pub fn start(shown: &Pair, more: &[&str]) -> Mute {
        let address = free_port();
        let child = Command::new("openssl")
            .args(["s_server", "-quiet", "-accept", &address.to_string()])
            .arg("-cert")
            .arg(&shown.certificate)
            .arg("-key")
            .arg(&shown.key)
            .args(more)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let until = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(address).is_err() {
            assert!(Instant::now() < until, "openssl does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        Mute(child, address)
    }
}

impl Drop for Mute {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub fn trusting(authority: &Authority) -> String {
    format!("sip.tls.ca = \"{}\"\n", authority.file().display())
}

fn call(service: &Service) -> App {
    let mut app = App::sign_in(service, "ann");
    let wanted = json!({"call_type": "sipcall", "caller": "ann", "callee": NUMBER, "record": false});
    let answer = app.request("OFFER_CALL", wanted);
    assert_eq!(answer["result"], "success", "{answer}");
    app
}

#[test]
fn a_gateway_without_a_good_certificate_is_passed_over_at_once_and_it_is_told_why() {
    let (authority, other) = (Authority::new(), Authority::new());
    let good = authority.signs("127.0.0.1");
    let ca = authority.file().display().to_string();
    let wants_one = ["-Verify", "1", "-verify_return_error", "-CAfile", &ca];
    let wants_one_1_2 = ["-tls1_2", "-Verify", "1", "-verify_return_error", "-CAfile", &ca];
    let servers = [
        Mute::start(&authority.signed_once("127.0.0.1"), &[]),
        Mute::start(&authority.signs("sip.other.example"), &[]),
        Mute::start(&other.signs("127.0.0.1"), &[]),
        Mute::start(&good, &["-tls1_1", "-cipher", "DEFAULT:@SECLEVEL=0"]),
        Mute::start(&good, &wants_one),
        Mute::start(&good, &wants_one_1_2),
    ];
    let exchange = Exchange::new();
    let mut gateways: Vec<String> = servers.iter().map(|Mute(_, at)| format!("sips:{at}")).collect();
    gateways.push(format!("sip:{}", exchange.address()));
    let service =
        Service::start(&(trusting(&authority) + &Exchange::trunk(&gateways, "answer_seconds = 30")));
    let begun = Instant::now();
    let mut app = call(&service);
    let there = exchange.rings();
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    there.refuses(486, "");
    app.wait_for("WS_LEAVE_NOTI");
    assert_eq!(service.last_reason(), "busy");
    let log = service.log();
    for (outcome, words) in [
        ("expired", "their certificate has expired"),
        ("wrong_name", "does not name the host that was looked for"),
        ("unknown_authority", "of an authority that is not trusted"),
        ("nothing_in_common", "no version or cipher of TLS in common"),
        ("ours_missing", "they want a certificate of ours"),
    ] {
        assert!(handshakes(&service, "dial", outcome) >= 1.0, "{outcome}\n{log}");
        assert!(log.contains(words), "{words}\n{log}");
    }
    assert_eq!(service.metric("omnigate_dials_total{kind=\"carrier\"}"), 7.0);
}

#[test]
fn a_gateway_that_is_too_old_for_its_trunk_is_passed_over() {
    let authority = Authority::new();
    let old = Mute::start(&authority.signs("127.0.0.1"), &["-tls1_2"]);
    let exchange = Exchange::new();
    let gateways = [format!("sips:{}", old.1), format!("sip:{}", exchange.address())];
    let more = "answer_seconds = 30\ntls.minimum = \"1.3\"";
    let service = Service::start(&(trusting(&authority) + &Exchange::trunk(&gateways, more)));
    let _app = call(&service);
    exchange.rings().refuses(486, "");
    // It is asked by OPTIONS, too.
    assert!(handshakes(&service, "dial", "nothing_in_common") >= 1.0);
    assert_eq!(handshakes(&service, "dial", "ok"), 0.0);
}

#[test]
fn a_telephone_is_called_by_tls_and_by_the_name_that_the_trunk_says() {
    let authority = Authority::new();
    let trust = Trust {
        authority: authority.file(),
        shown: Some(
            authority
                .signs("sip.carrier.example")
                .joined(&authority.dir.join("phone.pem")),
        ),
    };
    let mut phone = Softphone::waits_for_tls("021234567", 1_300.0, &trust);
    // By TLS it listens at the next port.
    let at = SocketAddr::new(phone.address().ip(), phone.address().port() + 1);
    let trunk = Exchange::trunk(
        &[format!("sip:{at};transport=tls")],
        "tls.name = \"sip.carrier.example\"",
    );
    let service = Service::start(&(trusting(&authority) + &trunk));
    let app = call(&service);
    phone.answers();
    // A call of less than a second is none to the phone.
    std::thread::sleep(Duration::from_millis(1_200));
    drop(app);
    phone.until_hung_up();
    assert_eq!(handshakes(&service, "dial", "ok"), 1.0);
    assert_eq!(service.calls()[0]["gateway"], at.to_string());
}

/// A registrar by TLS that wants a certificate of `authority` from everybody, and knows who is behind which connection.
fn registrar(authority: &Authority, shown: &Pair, dir: &std::path::Path) -> (Kamailio, SocketAddr) {
    let ports = (free_port(), free_port());
    (registrar_at(authority, shown, dir, ports), ports.1)
}

fn registrar_at(
    authority: &Authority,
    shown: &Pair,
    dir: &std::path::Path,
    (plain, secure): (SocketAddr, SocketAddr),
) -> Kamailio {
    let modules = format!(
        r#"
#!define FLOWS
enable_tls=yes
listen=tls:{secure}
loadmodule "tls.so"
modparam("tls", "private_key", "{}")
modparam("tls", "certificate", "{}")
modparam("tls", "ca_list", "{}")
modparam("tls", "tls_method", "TLSv1.2+")
modparam("tls", "verify_certificate", 1)
modparam("tls", "require_certificate", 1)
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "auth.so"
loadmodule "nathelper.so"
modparam("registrar", "max_expires", 3600)
modparam("nathelper|registrar", "received_avp", "$avp(received)")
onreply_route {{ if (is_present_hf("Contact")) {{ set_contact_alias(); }} return 1; }}
"#,
        shown.key.display(),
        shown.certificate.display(),
        authority.file().display(),
    );
    let begin = BEGIN.replace("save(", "fix_nated_register(); save(");
    Kamailio::with(dir, plain, &modules, &begin)
}

/// A service that registers there.
fn registering(authority: &Authority, at: SocketAddr, shown: &Pair) -> Service {
    Service::start(&format!(
        "{}[[trunk]]\nname = \"carrier\"\nallow = []\nmedia = [\"127.0.0.0/8\"]\n[trunk.tls]\n{}name = \"sip.carrier.example\"\n[trunk.register]\nregistrar = \"sip:{at};transport=tls\"\ndomain = \"carrier.example\"\nuser = \"07012345678\"\npassword = \"secret\"\n",
        trusting(authority),
        shown.keys(),
    ))
}

#[test]
fn it_registers_by_tls_with_a_certificate_and_calls_come_in_by_that_connection() {
    let authority = Authority::new();
    let dir = authority.dir.join("kamailio");
    let (kamailio, at) = registrar(&authority, &authority.signs("sip.carrier.example"), &dir);
    let service = registering(&authority, at, &authority.signs("us.example"));
    let registered = || service.metric("omnigate_trunk_registered{trunk=\"carrier\"}") == 1.0;
    service.until("it is registered", registered);
    assert_eq!(handshakes(&service, "dial", "ok"), 1.0);
    sipp(&service, "proxied").through(kamailio.address).passes();
    assert_eq!(service.last_reason(), "caller_hung_up");
    assert_eq!(service.calls()[0]["trunk"], "carrier");
    // One connection: the call came by it, and nobody could have made another to us.
    assert_eq!(handshakes(&service, "dial", "ok"), 1.0);
    assert_eq!(handshakes(&service, "accept", "ok"), 0.0);
}

#[test]
fn a_registrar_that_does_not_take_our_certificate_or_shows_a_wrong_one_is_told() {
    let (authority, other) = (Authority::new(), Authority::new());
    for (theirs, ours, outcome, words) in [
        (
            "sip.carrier.example",
            other.signs("us.example"),
            "ours_unknown_authority",
            "they do not trust the authority of our certificate",
        ),
        (
            "sip.other.example",
            authority.signs("us.example"),
            "wrong_name",
            "does not name the host that was looked for",
        ),
    ] {
        let dir = authority.dir.join(outcome);
        let (_kamailio, at) = registrar(&authority, &authority.signs(theirs), &dir);
        let service = registering(&authority, at, &ours);
        service.until(outcome, || handshakes(&service, "dial", outcome) >= 1.0);
        let told = || {
            let log = service.log();
            let mut lines = log.lines().filter(|line| line.contains("not registered now"));
            lines.any(|line| line.contains(words))
        };
        service.until("the outcome says it", told);
    }
}

#[test]
fn a_connection_to_the_registrar_that_ends_is_made_anew() {
    let authority = Authority::new();
    let dir = authority.dir.join("kamailio");
    let shown = authority.signs("sip.carrier.example");
    let ports = (free_port(), free_port());
    let kamailio = registrar_at(&authority, &shown, &dir, ports);
    let service = registering(&authority, ports.1, &authority.signs("us.example"));
    let registered = || service.metric("omnigate_trunk_registered{trunk=\"carrier\"}") == 1.0;
    service.until("it is registered", registered);
    drop(kamailio);
    let kamailio = registrar_at(&authority, &shown, &dir, ports);
    let limit = Duration::from_secs(100);
    service.until_within("there is a new one", limit, || {
        handshakes(&service, "dial", "ok") == 2.0
    });
    let known = || {
        kamailio
            .asked_for("07012345678", "")
            .is_some_and(|line| line.contains("200"))
    };
    service.until("it is registered there", known);
    sipp(&service, "proxied").through(kamailio.address).passes();
}
