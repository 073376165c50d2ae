//! Kamailio between the caller and us: a proxy that stays in the way, an edge that hides who is behind it, and one that takes
//! calls on one transport and hands them on by the other.

use crate::harness::Service;
use crate::sipp::sipp;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

const MODULES: &str = "/usr/lib/x86_64-linux-gnu/kamailio/modules";
/// Longest that it may take to begin on a busy machine.
const LIMIT: Duration = Duration::from_secs(30);

/// Ends when dropped, and its folder with it.
pub struct Kamailio {
    child: Child,
    dir: PathBuf,
    pub address: SocketAddr,
}

impl Kamailio {
    /// Hands every call on to `to`, a SIP URI; `more` goes among its settings.
    pub fn start(service: &Service, to: &str, more: &str) -> Kamailio {
        let hand_on = format!("record_route(); $du = \"{to}\"; t_relay();");
        Kamailio::with(&service.dir.join("kamailio"), free_port(), more, &hand_on)
    }

    /// With `FLOWS` defined, requests of a call go by the connection that its Contact came by, when an alias in it says so.
    /// Works in `dir` at `address`; `begin` is what it does with a request that begins something.
    pub fn with(dir: &Path, address: SocketAddr, more: &str, begin: &str) -> Kamailio {
        std::fs::create_dir_all(dir).unwrap();
        let config = format!(
            r#"#!KAMAILIO
debug=1
log_stderror=yes
children=1
tcp_children=1
auto_aliases=no
listen=udp:{address}
listen=tcp:{address}
mpath="{MODULES}"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "siputils.so"
loadmodule "textops.so"
loadmodule "kex.so"
{more}
request_route {{
    if (!mf_process_maxfwd_header("10")) {{ sl_send_reply("483", "Too Many Hops"); exit; }}
    if (is_method("CANCEL")) {{ if (t_check_trans()) {{ t_relay(); }} exit; }}
    if (has_totag()) {{
        if (loose_route()) {{
#!ifdef FLOWS
            handle_ruri_alias();
#!endif
            t_relay();
            exit;
        }}
        if (is_method("ACK") && t_check_trans()) {{ t_relay(); exit; }}
        sl_send_reply("404", "Not Here");
        exit;
    }}
    t_check_trans();
    {begin}
}}
"#
        );
        let file = dir.join("kamailio.cfg");
        std::fs::write(&file, config).unwrap();
        let child = spawn(dir, &file);
        let dir = dir.to_owned();
        let mut proxy = Kamailio { child, dir, address };
        let until = Instant::now() + LIMIT;
        while proxy.asked_for("nobody", ";tag=none").is_none() {
            assert!(Instant::now() < until, "kamailio does not answer");
            // Somebody's connection may have had one of its ports for a moment.
            if proxy.child.try_wait().unwrap().is_some() {
                proxy.child = spawn(&proxy.dir, &file);
            }
        }
        proxy
    }

    /// The first line of its answer to OPTIONS for `user`; `None` when there is none soon.
    pub fn asked_for(&self, user: &str, tag: &str) -> Option<String> {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        let own = socket.local_addr().unwrap();
        let hello = format!(
            "OPTIONS sip:{user}@{} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bKhello{port}\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:{user}@d>{tag}\r\nCall-ID: hello{port}\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 5\r\nContent-Length: 0\r\n\r\n",
            self.address,
            port = own.port(),
        );
        let _ = socket.send_to(hello.as_bytes(), self.address);
        let mut answer = [0; 2048];
        let length = socket.recv(&mut answer).ok()?;
        let text = String::from_utf8_lossy(&answer[..length]);
        text.lines().next().map(str::to_owned)
    }
}

fn spawn(dir: &Path, config: &Path) -> Child {
    let mut child = Command::new("kamailio")
        .args(["-DD", "-E", "-m", "16", "-M", "4", "-Y"])
        .arg(dir)
        .arg("-f")
        .arg(config)
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("kamailio; scripts/test installs it");
    let said = BufReader::new(child.stderr.take().unwrap());
    std::thread::spawn(move || said.lines().map_while(Result::ok).for_each(drop));
    child
}

/// An address at which nobody listens, by UDP and by TCP; each is given once.
pub fn free_port() -> SocketAddr {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    loop {
        let address = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        if TcpListener::bind(address).is_ok() && GIVEN.lock().unwrap().insert(address.port()) {
            return address;
        }
    }
}

impl Drop for Kamailio {
    fn drop(&mut self) {
        // It ends its own children.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// Both kinds of end: the caller's BYE, and ours, which must find its way back through the proxy.
pub fn calls_pass(service: &Service, proxy: &Kamailio, tcp: bool) {
    for (scenario, reason) in [("proxied", "caller_hung_up"), ("proxied_bye", "no_media")] {
        let run = sipp(service, scenario).through(proxy.address);
        if tcp { run.tcp() } else { run }.passes();
        assert_eq!(service.last_reason(), reason);
    }
}

/// The service hangs up soon, for it hears nothing.
pub const SOON: &str = "media.rtp_timeout_seconds = 2\n";

#[test]
fn a_proxy_that_stays_in_the_way_sees_every_request_of_the_call() {
    let service = Service::start(SOON);
    let proxy = Kamailio::start(&service, &format!("sip:{}", service.sip_udp), "");
    calls_pass(&service, &proxy, false);
}

#[test]
fn one_call_may_go_by_two_transports() {
    let service = Service::start(SOON);
    let by_tcp = format!("sip:{};transport=tcp", service.sip_tcp);
    let proxy = Kamailio::start(&service, &by_tcp, "");
    calls_pass(&service, &proxy, false);
    let by_udp = format!("sip:{};transport=udp", service.sip_udp);
    let proxy = Kamailio::start(&service, &by_udp, "");
    calls_pass(&service, &proxy, true);
}

#[test]
fn an_edge_that_hides_who_is_behind_it_gets_its_own_addresses_back() {
    let service = Service::start(SOON);
    let hide = "loadmodule \"topoh.so\"\nmodparam(\"topoh\", \"mask_key\", \"masked\")\n";
    let proxy = Kamailio::start(&service, &format!("sip:{}", service.sip_udp), hide);
    calls_pass(&service, &proxy, false);
}
