//! Gateways that are names: found by a name server of somebody else's making (dnsmasq), by NAPTR and SRV; over TLS too.

use crate::app::App;
use crate::authority::Authority;
use crate::calls_to_telephones::{NUMBER, ask};
use crate::exchange::Exchange;
use crate::harness::Service;
use crate::sip_tls::handshakes;
use crate::sip_tls_out::{Mute, trusting};
use crate::softphone::{Softphone, Trust};
use serde_json::json;
use std::net::{SocketAddr, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A name server, ended on drop.
struct NameServer {
    child: Child,
    address: SocketAddr,
}

impl NameServer {
    fn start(records: &[String]) -> NameServer {
        let address = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let child = Command::new("dnsmasq")
            .args([
                "--keep-in-foreground",
                "--no-resolv",
                "--no-hosts",
                "--bind-interfaces",
                "--conf-file=/dev/null",
            ])
            .args([
                "--user=root",
                "--group=root",
                "--pid-file",
                "--listen-address=127.0.0.1",
            ])
            .arg(format!("--port={}", address.port()))
            .args(records)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("dnsmasq; scripts/test installs it");
        NameServer { child, address }
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_gateway_that_is_a_name_is_found_by_naptr_and_srv_and_the_next_host_is_asked() {
    let (first, second) = (Exchange::new(), Exchange::new());
    let srv = |host: &str, exchange: &Exchange, priority: u16| {
        let port = exchange.address().port();
        format!("--srv-host=_sip._udp.gw.test,{host}.gw.test,{port},{priority},0")
    };
    let names = NameServer::start(&[
        "--naptr-record=gw.test,10,10,s,SIP+D2U,,_sip._udp.gw.test".to_owned(),
        srv("b", &second, 20),
        srv("a", &first, 10),
        "--address=/gw.test/127.0.0.1".to_owned(),
    ]);
    let trunk = Exchange::trunk(&["sip:gw.test".to_owned()], "");
    let service = Service::start(&format!("sip.dns = [\"{}\"]\n{trunk}", names.address));
    let mut app = App::sign_in(&service, "ann");
    assert_eq!(ask(&mut app, NUMBER)["result"], "success");
    let there = first.rings();
    assert!(
        there.invite.starts_with("INVITE sip:021234567@gw.test SIP/2.0"),
        "{}",
        there.invite
    );
    there.refuses(503, "");
    let there = second.rings();
    there.respond(180, "");
    there.answers();
    app.request("LEAVE", json!({}));
    there.is_hung_up();
}

#[test]
fn hosts_of_a_name_get_the_share_of_calls_that_their_weights_say() {
    let (heavy, light) = (Exchange::new(), Exchange::new());
    let srv = |host: &str, exchange: &Exchange, weight: u16| {
        let port = exchange.address().port();
        format!("--srv-host=_sip._udp.gw.test,{host}.gw.test,{port},10,{weight}")
    };
    let names = NameServer::start(&[
        srv("a", &heavy, 95),
        srv("b", &light, 5),
        "--address=/gw.test/127.0.0.1".to_owned(),
    ]);
    let trunk = Exchange::trunk(&["sip:gw.test".to_owned()], "");
    let service = Service::start(&format!("sip.dns = [\"{}\"]\n{trunk}", names.address));
    let mut app = App::sign_in(&service, "ann");
    // At 19 to 1 the lighter one gets more than half of 24 calls once in a thousand million times.
    let mut calls = 0;
    for _ in 0..24 {
        assert_eq!(ask(&mut app, NUMBER)["result"], "success");
        let there = Exchange::first_of(&[&heavy, &light]);
        calls += usize::from(there.is_at(&heavy));
        there.refuses(486, "");
        app.wait_for("WS_LEAVE_NOTI");
    }
    assert!(calls > 12, "{calls} of 24 calls went to the heavier host");
}

/// RFC 5922: a certificate is of the name that was looked for, whatever the hosts are called that it leads to.
fn is_called_by_tls(authority: &Authority, gateway: &str, more: &str) {
    let of_its_host = Mute::start(&authority.signs("a.gw.test"), &[]);
    let of_the_name = authority
        .signs("gw.test")
        .joined(&authority.dir.join("phone.pem"));
    let trust = Trust {
        authority: authority.file(),
        shown: Some(of_the_name),
    };
    let mut phone = Softphone::waits_for_tls("021234567", 1_300.0, &trust);
    // By TLS it listens at the next port.
    let at = SocketAddr::new(phone.address().ip(), phone.address().port() + 1);
    let plain = Exchange::new();
    let srv = |service: &str, host: &str, at: SocketAddr, priority: u16| {
        format!(
            "--srv-host={service}.gw.test,{host}.gw.test,{},{priority},0",
            at.port()
        )
    };
    let names = NameServer::start(&[
        "--naptr-record=gw.test,10,10,s,SIPS+D2T,,_sips._tcp.gw.test".to_owned(),
        "--naptr-record=gw.test,20,10,s,SIP+D2U,,_sip._udp.gw.test".to_owned(),
        srv("_sips._tcp", "a", of_its_host.1, 10),
        srv("_sips._tcp", "b", at, 20),
        srv("_sip._udp", "c", plain.address(), 10),
        "--address=/gw.test/127.0.0.1".to_owned(),
    ]);
    let trunk = Exchange::trunk(&[gateway.to_owned()], "");
    let believed = trusting(authority);
    let service = Service::start(&format!(
        "sip.dns = [\"{}\"]\n{more}{believed}{trunk}",
        names.address
    ));
    let mut app = App::sign_in(&service, "ann");
    assert_eq!(ask(&mut app, NUMBER)["result"], "success");
    phone.answers();
    service.until("they talk", || service.calls()[0]["state"] == "talking");
    assert_eq!(service.calls()[0]["gateway"], at.to_string());
    assert!(handshakes(&service, "dial", "wrong_name") >= 1.0);
    assert!(handshakes(&service, "dial", "ok") >= 1.0);
    // A call of less than a second is none to the phone.
    let heard = || service.metric("omnigate_rtp_received_packets_total");
    service.until("more than a second of it has come", || heard() > 60.0);
    app.request("LEAVE", json!({}));
    phone.until_hung_up();
    assert_eq!(service.last_reason(), "app_left");
    assert!(
        plain.is_silent_for(Duration::from_millis(100)),
        "called in the clear"
    );
}

#[test]
fn a_gateway_that_is_a_name_is_found_by_naptr_and_called_by_tls_if_it_shows_the_certificate_of_that_name() {
    let authority = Authority::new();
    is_called_by_tls(&authority, "sips:gw.test", "");
    // Where all transports may be used, the name says which one is wanted.
    let own = authority.signs("127.0.0.1").keys();
    let own = own
        .replace("certificate", "sip.tls.certificate")
        .replace("key =", "sip.tls.key =");
    let all = "sip.listen = [\"udp://127.0.0.1:0\", \"tcp://127.0.0.1:0\", \"tls://127.0.0.1:0\"]\n";
    is_called_by_tls(&authority, "sip:gw.test", &format!("{all}{own}"));
}
