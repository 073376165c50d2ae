//! What goes over the wire, as tshark sees it: while phones and proxies of several makers call, no message of ours may be
//! malformed or draw a warning.

use crate::harness::Service;
use crate::kamailio::{Kamailio, SOON, calls_pass};
use crate::pjsip::Pjsip;
use crate::raw_sip::{Peer, request};
use crate::sipp::sipp;
use crate::softphone::{Lines, Softphone};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// What tshark itself finds fault with: warnings and errors, not notes, which are for fields that it does not know.
const FAULTY: &str = "_ws.malformed || _ws.expert.severity >= 6291456 || _ws.unreassembled || sip.content_length.invalid || sip.Via.sent-by.port.invalid";
/// A message in which it does not find what each must have (RFC 3261 section 8.1.1, RFC 8866 section 5), or no message at all.
const INCOMPLETE: &str = "data || sip && !(sip.Via.branch && sip.Via.sent-by.address && sip.CSeq.seq && sip.CSeq.method && sip.Call-ID && sip.from.tag && sip.from.addr && sip.to.addr && sip.Content-Length) || sip.contact.uri && !sip.contact.host || sdp && !(sdp.version && sdp.owner.address && sdp.session_name && sdp.connection_info.address && sdp.time.start && sdp.media.port && sdp.media.format)";

/// A capture of what comes to and goes from the SIP ports of a service.
struct Capture<'a> {
    service: &'a Service,
    child: Child,
    says: Lines,
    file: PathBuf,
}

impl Capture<'_> {
    /// Returns when packets are seen.
    fn start(service: &Service) -> Capture<'_> {
        let file = service.dir.join("wire.pcap");
        let (udp, tcp) = (service.sip_udp.port(), service.sip_tcp.port());
        let mut child = Command::new("tshark")
            .args(["-i", "lo", "-P", "-l", "-f"])
            .arg(format!("udp port {udp} or tcp port {tcp}"))
            .args(as_sip(service))
            .arg("-w")
            .arg(&file)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("tshark; scripts/test installs it");
        let says = Lines::of(child.stdout.take().unwrap());
        let capture = Capture {
            service,
            child,
            says,
            file,
        };
        capture.sees("begins");
        capture
    }

    /// Sends something until it is seen: what came before it is seen too.
    fn sees(&self, name: &str) {
        let peer = Peer::new(self.service.sip_udp);
        let line = format!("OPTIONS sip:{name}@b SIP/2.0");
        let options = request(&line, "OPTIONS", &peer.via(), "", "");
        for _ in 0..75 {
            peer.send(options.as_bytes());
            if self.says.within(name, Duration::from_millis(200)).is_ok() {
                return;
            }
        }
        panic!("tshark does not see `{name}`");
    }

    /// Ends it; how many messages of ours went by UDP and by TCP. Panics when one of them is not as it should be.
    fn finds_no_fault(mut self) -> (usize, usize) {
        self.sees("ends");
        let pid = self.child.id().to_string();
        Command::new("kill").args(["-INT", &pid]).status().unwrap();
        self.child.wait().unwrap();
        for wrong in [FAULTY, INCOMPLETE] {
            let found = self.ours(wrong);
            assert!(found.is_empty(), "{}", found.join("\n"));
        }
        let by = |way: &str| self.ours(&format!("sip && {way}")).len();
        (by("udp"), by("tcp"))
    }

    /// Packets that the service has sent for which this holds: what tshark says about each.
    fn ours(&self, filter: &str) -> Vec<String> {
        let (udp, tcp) = (self.service.sip_udp.port(), self.service.sip_tcp.port());
        let output = Command::new("tshark")
            .arg("-r")
            .arg(&self.file)
            .args(as_sip(self.service))
            // How TCP fares is not the question.
            .args(["-o", "tcp.analyze_sequence_numbers:FALSE", "-Y"])
            .arg(format!(
                "(udp.srcport == {udp} || tcp.srcport == {tcp}) && ({filter})"
            ))
            .args(["-T", "fields", "-e", "frame.number", "-e", "_ws.col.Info"])
            .args([
                "-e",
                "_ws.expert.message",
                "-e",
                "udp.payload",
                "-e",
                "tcp.payload",
            ])
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.lines().map(str::to_owned).collect()
    }
}

impl Drop for Capture<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The ports are not those of SIP.
fn as_sip(service: &Service) -> [String; 4] {
    let (udp, tcp) = (service.sip_udp.port(), service.sip_tcp.port());
    let option = || "-d".to_owned();
    [
        option(),
        format!("udp.port=={udp},sip"),
        option(),
        format!("tcp.port=={tcp},sip"),
    ]
}

#[test]
fn what_is_sent_to_phones_of_every_make_is_well_formed() {
    let service = Service::start("");
    let capture = Capture::start(&service);
    for scenario in [
        "call",
        "hold_resume",
        "offerless",
        "info_digits",
        "overlapping",
        "old_cseq",
        "options",
    ] {
        sipp(&service, scenario).passes();
    }
    for scenario in ["unsupported_codec", "require", "no_dialog"] {
        sipp(&service, scenario).passes();
    }
    for scenario in ["call", "hold_resume"] {
        sipp(&service, scenario).tcp().passes();
    }
    let by_udp = format!("sip:07012345678@{}", service.sip_udp);
    let by_tcp = format!("sip:07012345678@{};transport=tcp", service.sip_tcp);
    for uri in [&by_udp, &by_tcp] {
        Softphone::dial_uri(&service, "01012345678", uri, 440.0).hang_up();
        let mut phone = Pjsip::dial(&service, "01012345678", uri);
        phone.wait_for("got 200 INVITE");
        phone.order("hold");
        phone.wait_for("media held");
        phone.order("update");
        phone.wait_for("got 200 UPDATE");
        phone.hang_up();
    }
    let (udp, tcp) = capture.finds_no_fault();
    assert!(udp > 40 && tcp > 20, "{udp} messages by UDP, {tcp} by TCP");
}

#[test]
fn what_is_sent_through_a_proxy_is_well_formed() {
    let service = Service::start(SOON);
    let capture = Capture::start(&service);
    for (to, tcp) in [
        (format!("sip:{}", service.sip_udp), false),
        (format!("sip:{};transport=tcp", service.sip_tcp), false),
        (format!("sip:{};transport=udp", service.sip_udp), true),
    ] {
        let proxy = Kamailio::start(&service, &to, "");
        calls_pass(&service, &proxy, tcp);
    }
    let (udp, tcp) = capture.finds_no_fault();
    assert!(udp > 10 && tcp > 5, "{udp} messages by UDP, {tcp} by TCP");
}
