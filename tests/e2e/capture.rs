//! What is on the wire: a capture by tshark, and what is in it.

use crate::softphone::Lines;
use std::collections::BTreeSet;
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A capture of all datagrams on this machine.
pub struct Capture {
    child: Child,
    says: Lines,
    /// What is sent to be seen, where nobody listens.
    marker: UdpSocket,
}

impl Capture {
    /// Returns when packets are seen.
    pub fn start(file: &Path) -> Capture {
        let mut child = Command::new("tshark")
            .args(["-i", "lo", "-P", "-l", "-f", "udp", "-w"])
            .arg(file)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("tshark; scripts/test installs it");
        let says = Lines::of(child.stdout.take().unwrap());
        let marker = UdpSocket::bind("127.0.0.1:0").unwrap();
        let capture = Capture { child, says, marker };
        capture.sees(1_111);
        capture
    }

    /// Sends datagrams of this many bytes until one is seen: what came before it is seen too.
    fn sees(&self, bytes: usize) {
        let to = self.marker.local_addr().unwrap();
        for _ in 0..75 {
            self.marker.send_to(&vec![0; bytes], to).unwrap();
            let seen = format!("Len={bytes}");
            if self.says.within(&seen, Duration::from_millis(200)).is_ok() {
                return;
            }
        }
        panic!("tshark sees nothing");
    }

    /// Ends it.
    pub fn ends(mut self) {
        self.sees(1_222);
        let pid = self.child.id().to_string();
        Command::new("kill").args(["-INT", &pid]).status().unwrap();
        self.child.wait().unwrap();
    }
}

/// What tshark finds in a capture, field by field.
fn found(file: &Path, sip: u16, filter: &str, field: &str) -> String {
    let out = Command::new("tshark")
        .arg("-r")
        .arg(file)
        .args([
            "-d",
            &format!("udp.port=={sip},sip"),
            "-Y",
            filter,
            "-T",
            "fields",
            "-e",
            field,
        ])
        .output()
        .expect("tshark");
    String::from_utf8_lossy(&out.stdout).into_owned()
}

/// The RTP packets of the call at this SIP port: others call on this machine at the same time.
pub fn payloads(file: &Path, sip: u16) -> Vec<Vec<u8>> {
    let ports = found(
        file,
        sip,
        &format!("sdp.media.port && udp.port == {sip}"),
        "sdp.media.port",
    );
    let ports: BTreeSet<&str> = ports.split_whitespace().collect();
    assert!(ports.len() >= 2, "ours and the telephone's: {ports:?}");
    let between = ["srcport", "dstport"].map(|end| {
        let any: Vec<String> = ports.iter().map(|port| format!("udp.{end} == {port}")).collect();
        format!("({})", any.join(" || "))
    });
    let filter = format!("{} && !icmp", between.join(" && "));
    let text = found(file, sip, &filter, "udp.payload");
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    let packet = |text: &str| text.as_bytes().chunks_exact(2).map(byte).collect::<Vec<u8>>();
    // RTP of payload type 8, and not RTCP.
    let all = text.lines().map(|one| packet(&one.replace(':', "")));
    all.filter(|packet| packet.len() > 100 && packet[0] >> 6 == 2 && packet[1] & 0x7f == 8)
        .collect()
}

/// The keys in each INVITE that has come to this SIP port.
pub fn keys_offered(file: &Path, sip: u16) -> Vec<BTreeSet<String>> {
    let invites = format!("sip.Method == INVITE && udp.dstport == {sip}");
    let text = found(file, sip, &invites, "sdp.media_attr");
    let keys = |line: &str| {
        let words = line.split([' ', ',', '|']);
        words
            .filter(|word| word.starts_with("inline:"))
            .map(str::to_owned)
            .collect()
    };
    text.lines().map(keys).collect()
}

/// Sealed bytes are spread evenly; of speech and tones in A-law most are of few values.
pub fn is_sealed(packets: &[Vec<u8>]) -> bool {
    let mut counts = [0usize; 256];
    let mut all = 0;
    for packet in packets {
        for byte in &packet[12..] {
            counts[usize::from(*byte)] += 1;
            all += 1;
        }
    }
    let most = counts.iter().max().copied().unwrap_or(0);
    most * 256 < all * 2
}
