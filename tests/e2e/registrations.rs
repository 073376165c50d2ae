//! A trunk that registers, at Kamailio as the carrier's registrar: calls come in by there, it is kept over a restart of the
//! registrar, a wrong password is told, and a service that stops takes it away.

use crate::app::App;
use crate::certify::certify;
use crate::harness::{Service, conforms, http_body};
use crate::kamailio::{Kamailio, free_port};
use crate::sipp::sipp;
use crate::softphone::{Softphone, Voice};
use serde_json::json;
use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::time::Duration;

const NUMBER: &str = "07012345678";

/// What a registrar needs, which asks for the password `secret` and grants ten seconds.
const MODULES: &str = r#"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "auth.so"
modparam("registrar", "max_expires", 10)
modparam("registrar", "use_path", 1)
"#;
pub const BEGIN: &str = r#"
    if (is_method("REGISTER")) {
        if (!pv_www_authenticate("carrier.example", "secret", "0")) {
            www_challenge("carrier.example", "0");
            exit;
        }
        save("location");
        exit;
    }
    if (!lookup("location")) { sl_send_reply("404", "Not Registered"); exit; }
    record_route();
    t_relay();
"#;

struct Carrier {
    dir: PathBuf,
    begin: String,
    kamailio: Option<Kamailio>,
    address: SocketAddr,
}

impl Carrier {
    fn start() -> Carrier {
        Carrier::of(BEGIN)
    }

    /// One that does this with a request that begins something.
    fn of(begin: &str) -> Carrier {
        let address = free_port();
        let dir = std::env::temp_dir().join(format!(
            "omnigate-registrar-{}-{}",
            std::process::id(),
            address.port()
        ));
        let mut carrier = Carrier {
            dir,
            begin: begin.to_owned(),
            kamailio: None,
            address,
        };
        carrier.restart();
        carrier
    }

    /// It has forgotten all afterwards.
    fn restart(&mut self) {
        self.kamailio = None;
        self.kamailio = Some(Kamailio::with(&self.dir, self.address, MODULES, &self.begin));
    }

    /// A service whose only trunk registers here, and that takes nothing from elsewhere.
    fn service(&self, transport: &str, password: &str) -> Service {
        let registrar = format!("sip:{}{transport}", self.address);
        Service::start(&format!(
            "shutdown.drain_seconds = 60\n[[trunk]]\nname = \"carrier\"\nallow = []\nmedia = [\"127.0.0.0/8\"]\n[trunk.register]\nregistrar = \"{registrar}\"\ndomain = \"carrier.example\"\nuser = \"{NUMBER}\"\npassword = \"{password}\"\n"
        ))
    }

    fn first_line(&self) -> Option<String> {
        self.kamailio.as_ref()?.asked_for(NUMBER, "")
    }
}

impl Drop for Carrier {
    fn drop(&mut self) {
        self.kamailio = None;
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

fn outcomes(service: &Service, outcome: &str) -> f64 {
    service.metric(&format!(
        "omnigate_trunk_registrations_total{{trunk=\"carrier\",outcome=\"{outcome}\"}}"
    ))
}

fn is_registered(service: &Service) -> bool {
    service.metric("omnigate_trunk_registered{trunk=\"carrier\"}") == 1.0
}

#[test]
fn calls_come_in_where_it_has_registered_and_it_is_kept_until_the_service_stops() {
    for transport in ["", ";transport=tcp"] {
        let mut carrier = Carrier::start();
        let mut service = carrier.service(transport, "secret");
        service.until("it is registered", || is_registered(&service));
        let (_, status) = service.get("/api/v1/trunks");
        conforms("get", "/api/v1/trunks", 200, &status);
        let status: serde_json::Value = serde_json::from_str(&status).unwrap();
        let registration = &status["trunks"][0]["registration"];
        let by = transport.strip_prefix(";transport=").unwrap_or("udp");
        assert_eq!(registration["transport"], by, "{registration}");
        assert!(
            registration["expires_seconds"].as_u64() > Some(0),
            "{registration}"
        );
        sipp(&service, "proxied").through(carrier.address).passes();
        assert_eq!(service.last_reason(), "caller_hung_up");
        assert_eq!(service.calls()[0]["trunk"], "carrier");

        carrier.restart();
        assert!(carrier.first_line().unwrap().contains("404"), "it remembers");
        let known = || carrier.first_line().is_some_and(|line| line.contains("200"));
        service.until_within("it registers again", Duration::from_secs(60), known);
        sipp(&service, "proxied").through(carrier.address).passes();
        assert_eq!(outcomes(&service, "failed"), 0.0);

        service.signal("TERM");
        assert_eq!(
            service.wait(Duration::from_secs(30)),
            Some(0),
            "{}",
            service.log()
        );
        assert!(carrier.first_line().unwrap().contains("404"), "{}", service.log());
    }
}

#[test]
fn a_trunk_that_is_made_while_the_service_runs_registers_and_one_that_is_removed_takes_it_away() {
    let carrier = Carrier::start();
    let service = Service::start("[[trunk]]\nname = \"other\"\nallow = [\"192.0.2.0/24\"]\n");
    let wish = json!({
        "name": "carrier", "allow": [], "media": ["127.0.0.0/8"], "register": {
            "registrar": format!("sip:{}", carrier.address), "domain": "carrier.example", "user": NUMBER, "password": "secret",
        },
    });
    let (status, made) = service.post("/api/v1/trunks", &wish.to_string());
    assert_eq!(status, 201, "{made}");
    assert!(!made.contains("\"secret\":\"secret") && !service.log().contains("secret\""));
    service.until("it is registered", || is_registered(&service));
    sipp(&service, "proxied").through(carrier.address).passes();
    assert_eq!(service.calls()[0]["trunk"], "carrier");
    // Something else of it changes: it stays registered, and is not registered again.
    let registered = outcomes(&service, "registered");
    let patch = json!({ "channels": 7 }).to_string();
    let bearer = service.bearer();
    let headers = [("Authorization", bearer.as_str())];
    let (status, set) = http_body(service.http, "PATCH", "/api/v1/trunks/carrier", &patch, &headers);
    assert_eq!(status, 200, "{set}");
    assert!(is_registered(&service));
    assert!(
        outcomes(&service, "registered") <= registered + 1.0,
        "a refresh at most"
    );
    sipp(&service, "proxied").through(carrier.address).passes();
    assert_eq!(service.delete("/api/v1/trunks/carrier").0, 204);
    service.until("it is taken away", || {
        carrier.first_line().is_some_and(|line| line.contains("404"))
    });
    service.until("its figure is gone", || {
        !service.figures().1.contains("omnigate_trunk_registered{")
    });
}

#[test]
fn a_certification_of_a_trunk_that_registers_tells_how_that_stands() {
    let carrier = Carrier::start();
    for (password, passes, says) in [
        ("secret", true, "registered by udp, for "),
        ("wrong", false, "failed: "),
    ] {
        let service = carrier.service("", password);
        service.until("it has been told", || {
            outcomes(&service, "registered") + outcomes(&service, "failed") >= 1.0
        });
        let said = certify(&service, &[]);
        assert_eq!(said.passed(), passes, "{}", said.err());
        said.shows("Registration", &["must", says]);
        said.shows("Names of gateways", &["skipped"]);
    }
}

#[test]
fn a_wrong_password_is_told_and_is_not_tried_again_and_again() {
    let carrier = Carrier::start();
    let service = carrier.service("", "Xk3-wrong-q9");
    service.until("it is told", || outcomes(&service, "failed") == 1.0);
    assert!(!is_registered(&service));
    let (_, status) = service.get("/api/v1/trunks");
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    let registration = &status["trunks"][0]["registration"];
    assert_eq!(registration["state"], "failed");
    assert!(
        registration["why"]
            .as_str()
            .unwrap()
            .contains("credentials were refused"),
        "{registration}"
    );
    let log = service.log();
    assert!(log.contains("trunk.register"), "{log}");
    assert!(!log.contains("Xk3-wrong-q9"), "the password is in the log");
    assert!(carrier.first_line().unwrap().contains("404"));
}

#[test]
fn a_registrar_that_has_gone_does_not_keep_the_service_from_stopping() {
    let mut carrier = Carrier::start();
    let mut service = carrier.service("", "secret");
    service.until("it is registered", || is_registered(&service));
    carrier.kamailio = None;
    // Somebody listens and says nothing: a transaction gives up after 32 s.
    let _silent = UdpSocket::bind(carrier.address).unwrap();
    service.signal("TERM");
    assert_eq!(
        service.wait(Duration::from_secs(25)),
        Some(0),
        "{}",
        service.log()
    );
}

#[test]
fn of_several_registrars_the_next_is_asked_when_one_is_not_there() {
    let carrier = Carrier::start();
    let service = Service::start(&format!(
        "[[trunk]]\nname = \"carrier\"\nallow = []\nmedia = [\"127.0.0.0/8\"]\n[trunk.register]\nregistrar = [\"sip:{};transport=tcp\", \"sip:{};transport=tcp\"]\ndomain = \"carrier.example\"\nuser = \"{NUMBER}\"\npassword = \"secret\"\n",
        // Nobody is at the first one.
        free_port(),
        carrier.address
    ));
    service.until("it is registered", || is_registered(&service));
    sipp(&service, "proxied").through(carrier.address).passes();
    assert_eq!(service.last_reason(), "caller_hung_up");
}

/// RFC 3327: calls come back by the edge that the registration went through.
#[test]
fn calls_come_in_by_the_edge_that_it_registers_through() {
    let carrier = Carrier::start();
    let inside = format!(
        r#"
    if (is_method("REGISTER")) {{ add_path(); $du = "sip:{}"; t_relay(); exit; }}
    loose_route();
    record_route();
    t_relay();
"#,
        carrier.address
    );
    let at = free_port();
    let edge = Kamailio::with(&carrier.dir.join("edge"), at, "loadmodule \"path.so\"\n", &inside);
    let service = Service::start(&format!(
        "[[trunk]]\nname = \"carrier\"\nallow = []\nmedia = [\"127.0.0.0/8\"]\n[trunk.register]\nregistrar = \"sip:{}\"\ndomain = \"carrier.example\"\nuser = \"{NUMBER}\"\npassword = \"secret\"\n",
        edge.address
    ));
    service.until("it is registered", || is_registered(&service));
    // The registrar may not reach the service but by the edge: nobody else's calls are taken.
    sipp(&service, "proxied").through(carrier.address).passes();
    assert_eq!(service.last_reason(), "caller_hung_up");
    let source = service.calls()[0]["source"].as_str().unwrap().to_owned();
    assert_eq!(source, edge.address.to_string());
}

/// RFC 3329 with `mediasec`, as a German carrier wants it: 403 without; then its own words, in REGISTER and INVITE, and SDP that asks for
/// its edge. Calls out go by the route that it grants (RFC 3608).
#[test]
fn a_registrar_that_wants_to_agree_on_the_security_of_media_is_registered_with_and_called() {
    let said = r#"
        if (!is_present_hf("Security-Client") || $hdr(Proxy-Require) != "mediasec") { sl_send_reply("403", "Forbidden"); exit; }
        if (is_present_hf("Authorization") && ($(hdr(Security-Verify)[0]) != "msrp-tls;mediasec" || $(hdr(Security-Verify)[1]) != "sdes-srtp;mediasec")) {
            sl_send_reply("494", "Security Agreement Required"); exit;
        }
        append_to_reply("Security-Server: msrp-tls;mediasec, sdes-srtp;mediasec\r\nService-Route: <sip:orig@$Ri:$Rp;lr>\r\n");
"#;
    let call = r#"
    if (is_method("INVITE") && $rU == "021234567") {
        if ($hdr(Proxy-Require) != "mediasec" || $(hdr(Security-Verify)[1]) != "sdes-srtp;mediasec" || !search_body("a=3ge2ae:requested")) {
            sl_send_reply("494", "Security Agreement Required"); exit;
        }
        if (!($(hdr(Route)[0]) =~ "^<sip:orig@")) { sl_send_reply("403", "No Route"); exit; }
        loose_route();
        remove_hf("Require"); remove_hf("Proxy-Require"); remove_hf("Security-Verify");
        record_route();
        $du = "sip:PHONE"; t_relay(); exit;
    }
"#;
    let voice = Voice {
        mediaenc: "srtp-mand",
        ..Voice::narrow(440.0)
    };
    let mut phone = Softphone::waits_saying("021234567", &voice);
    let register = "if (is_method(\"REGISTER\")) {";
    let begin = BEGIN.replace(
        register,
        &format!(
            "{}{register}{said}",
            call.replace("PHONE", &phone.address().to_string())
        ),
    );
    let carrier = Carrier::of(&begin);
    let settings = |mediasec: bool| {
        format!(
            "[[trunk]]\nname = \"carrier\"\nallow = []\nmedia = [\"127.0.0.0/8\"]\nsrtp = \"required\"\nmediasec = {mediasec}\ngateways = [\"sip:{}\"]\ndestinations = [\"*\"]\ncallers = [{{ number = \"{NUMBER}\", proof = \"a contract\" }}]\n[trunk.register]\nregistrar = \"sip:{}\"\ndomain = \"carrier.example\"\nuser = \"{NUMBER}\"\npassword = \"secret\"\n[[service]]\nid = \"demo\"\nkey = \"demo\"\ncaller = \"{NUMBER}\"\n",
            carrier.address, carrier.address
        )
    };
    let without = Service::start(&settings(false));
    without.until("it is refused", || outcomes(&without, "failed") == 1.0);
    drop(without);
    let service = Service::start(&settings(true));
    service.until("it is registered", || is_registered(&service));
    let mut app = App::sign_in(&service, "ann");
    let asked = json!({"call_type": "sipcall", "caller": "ann", "callee": "02-123-4567", "record": false});
    assert_eq!(app.request("OFFER_CALL", asked)["result"], "success");
    phone.answers();
    service.until("they talk", || service.calls()[0]["state"] == "talking");
    let heard = || service.metric("omnigate_rtp_received_packets_total");
    service.until("a second of it has come", || heard() > 50.0);
    app.request("LEAVE", json!({}));
    phone.until_hung_up();
    assert_eq!(service.last_reason(), "app_left");
}

/// Another trunk may be called from anywhere, with a password: that is not asked of the registrar.
#[test]
fn a_registrar_is_not_asked_for_the_password_of_another_trunk() {
    let carrier = Carrier::start();
    let service = Service::start(&format!(
        "[[trunk]]\nname = \"carrier\"\nallow = []\nmedia = [\"127.0.0.0/8\"]\n[trunk.register]\nregistrar = \"sip:{}\"\ndomain = \"carrier.example\"\nuser = \"{NUMBER}\"\npassword = \"secret\"\n[[trunk]]\nname = \"open\"\nallow = []\nmedia = [\"127.0.0.0/8\"]\nusers = [{{ user = \"desk\", password = \"secret too\" }}]\n",
        carrier.address
    ));
    service.until("it is registered", || is_registered(&service));
    sipp(&service, "proxied").through(carrier.address).passes();
    assert_eq!(service.calls()[0]["trunk"], "carrier");
}
