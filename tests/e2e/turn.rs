//! Debian's coturn, and apps that reach us through it only.

use crate::app::App;
use crate::browser::{Browser, Place, Sdk};
use crate::harness::Service;
use crate::network;
use serde_json::json;
use std::fs::File;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const SECRET: &str = "shared with coturn";

/// A TURN server as docs/turn.md sets it up, on loopback; ended on drop.
struct Coturn {
    child: Child,
    address: SocketAddr,
    dir: PathBuf,
}

impl Coturn {
    fn start() -> Coturn {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        Coturn::start_at(free, "")
    }

    fn start_at(address: SocketAddr, extra: &str) -> Coturn {
        let port = address.port();
        let dir = std::env::temp_dir().join(format!("omnigate-e2e-coturn-{}-{port}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let config = dir.join("turnserver.conf");
        let d = dir.display();
        std::fs::write(
            &config,
            format!(
                "listening-ip=127.0.0.1\nrelay-ip=127.0.0.1\nlistening-port={port}\nrealm=omnitalk.io\n\
                 use-auth-secret\nstatic-auth-secret={SECRET}\nno-cli\nno-tls\nno-dtls\n\
                 no-multicast-peers\nno-tcp-relay\ndenied-peer-ip=0.0.0.0-255.255.255.255\n\
                 denied-peer-ip=::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff\n\
                 allow-loopback-peers\nallowed-peer-ip=127.0.0.1\nuser-quota=12\nmax-bps=500000\n\
                 log-file=stdout\npidfile={d}/pid\nuserdb={d}/db\n{extra}"
            ),
        )
        .unwrap();
        let log = File::create(dir.join("log")).unwrap();
        let child = Command::new("turnserver")
            .arg("-c")
            .arg(&config)
            .stdout(log)
            .stderr(Stdio::null())
            .spawn()
            .expect("turnserver; scripts/test installs it");
        let coturn = Coturn { child, address, dir };
        let until = Instant::now() + Duration::from_secs(15);
        while TcpStream::connect(address).is_err() {
            assert!(Instant::now() < until, "coturn does not listen: {}", coturn.log());
            std::thread::sleep(Duration::from_millis(20));
        }
        coturn
    }

    fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.dir.join("log")).unwrap()).into_owned()
    }

    /// Whether coturn's own client gets relay addresses, and packets between two of them.
    fn relays(&self, id: &str, secret: &str) -> bool {
        let port = self.address.port().to_string();
        let output = Command::new("turnutils_uclient")
            .args(["-u", id, "-w", secret, "-p", &port])
            .args(["-y", "-c", "-n", "1", "-m", "1", "-L", "127.0.0.1", "127.0.0.1"])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success() || said.contains("Cannot complete Allocation"),
            "{said} {}",
            self.log()
        );
        output.status.success()
    }
}

impl Drop for Coturn {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if !std::thread::panicking() {
            let _ = std::fs::remove_dir_all(&self.dir);
        }
    }
}

fn credentials(service: &Service) -> (String, String) {
    let app = App::sign_in(service, "kim");
    let text = |key: &str| app.welcome[key].as_str().unwrap().to_owned();
    (text("turn_id"), text("turn_secret"))
}

#[test]
fn coturn_takes_a_sessions_credentials_until_they_expire() {
    let coturn = Coturn::start();
    let service = Service::start(&format!("turn.secret = \"{SECRET}\"\n"));
    let (id, secret) = credentials(&service);
    assert!(coturn.relays(&id, &secret));
    assert!(!coturn.relays(&id, "wrong"));
    let later = id.replacen('1', "2", 1);
    assert_ne!(later, id);
    assert!(!coturn.relays(&later, &secret), "nobody makes them last longer");

    let service = Service::start(&format!(
        "turn.secret = \"{SECRET}\"\nturn.lifetime_seconds = 1\n"
    ));
    let (id, secret) = credentials(&service);
    service.until("the credentials expire", || !coturn.relays(&id, &secret));
    let service = Service::start("turn.secret = \"another\"\n");
    let (id, secret) = credentials(&service);
    assert!(!coturn.relays(&id, &secret));
    assert!(!service.log().contains(&secret), "the log knows no credentials");
}

#[test]
fn an_app_without_udp_is_heard_and_hears_over_the_relay() {
    let coturn = Coturn::start();
    let service = Service::start(&format!("turn.secret = \"{SECRET}\"\n"));
    let browser = Browser::take();
    let near = browser.app(&service, Sdk::TypeScript, "near");
    let far = browser.app_over_relay(&service, "far", coturn.address);
    near.tone(500.0);
    far.tone(700.0);
    let made = near.run("return await sdk.createRoom('audioroom', 'relay')");
    let room = made["room_id"].as_str().unwrap();
    near.join(room);
    far.join(room);
    near.wait_for_tones(&[700.0]);
    far.wait_for_tones(&[500.0]);
    assert_eq!(far.run("return await rig.ways()"), json!(["relay/tcp"]));
    assert_ne!(near.run("return await rig.ways()"), json!(["relay/tcp"]));
}

#[test]
fn two_browsers_whose_udp_to_us_is_dropped_hear_each_other_over_the_relay_of_the_sdk() {
    let name = "turn::two_browsers_whose_udp_to_us_is_dropped_hear_each_other_over_the_relay_of_the_sdk";
    // Outside it has the place of the browser that is inside.
    let place = Place::one();
    if !network::is_own(name) {
        return;
    }
    drop(place);
    // What sends to our port from another port than the relay's is the browser itself.
    network::give_out_ports("33000 39999");
    network::drop_packets("-p udp --dport 40000:40063 ! --sport 50000:50099");
    network::drop_packets("-p udp --sport 40000:40063 ! --dport 50000:50099");
    let address = SocketAddr::from(([127, 0, 0, 1], 3478));
    let _coturn = Coturn::start_at(address, "min-port=50000\nmax-port=50099\n");
    let service = Service::start_with(
        &format!("turn.secret = \"{SECRET}\"\nmedia.webrtc_tcp = false\n"),
        &[("OMNIGATE__MEDIA__WEBRTC_PORT", "40000".into())],
    );
    // WebRTC asks for the name with a dot at its end.
    let browser = Browser::that_resolves("omnitalk.io.");
    let ann = browser.app(&service, Sdk::TypeScript, "ann");
    let bob = browser.app(&service, Sdk::TypeScript, "bob");
    ann.tone(500.0);
    bob.tone(700.0);
    let room = ann.new_room("audioroom");
    ann.join(&room);
    bob.join(&room);
    ann.wait_for_tones(&[700.0]);
    bob.wait_for_tones(&[500.0]);
    for app in [&ann, &bob] {
        assert_eq!(app.run("return await rig.ways()"), json!(["relay/udp"]));
    }
    let dropped = network::dropped();
    assert!(dropped[0] > 0, "nothing was dropped: {dropped:?}");
    assert_eq!(dropped[1], 0, "we have sent where nothing had come from");
}
