//! baresip, a phone of somebody else's making: keys pressed by hand, a file for a microphone.

use crate::audio::tone;
use crate::ecdsa;
use crate::harness::Service;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// In which codec a phone speaks, and what it says.
pub struct Voice {
    /// As baresip names it: name, rate of the sound and channels.
    pub codec: &'static str,
    /// What it says, at `rate_hz`.
    pub says: Vec<i16>,
    pub rate_hz: u32,
    /// What it does about sealing its media; empty: nothing.
    pub mediaenc: &'static str,
    /// How it speaks DTLS, when that makes its keys.
    pub dtls: Dtls,
}

/// How a phone speaks DTLS.
#[derive(Clone, Copy, Default)]
pub struct Dtls {
    /// RTP and RTCP share a port.
    pub mux: bool,
    /// It shows its own certificate, of RSA; else one of ECDSA, as newer ones of its kind have.
    pub rsa: bool,
}

impl Voice {
    /// A tone in G.711.
    pub fn narrow(hertz: f64) -> Voice {
        Voice {
            codec: "PCMA/8000/1",
            says: tone(hertz, 60.0),
            rate_hz: 8_000,
            mediaenc: "",
            dtls: Dtls::default(),
        }
    }
}

/// Ends the call when dropped.
pub struct Softphone {
    child: Child,
    rate_hz: u32,
    says: Lines,
    dir: PathBuf,
    /// The folder is not a service's, which goes with that.
    owns_dir: bool,
    address: SocketAddr,
}

/// Whom a phone believes by TLS, and what it shows.
pub struct Trust {
    pub authority: PathBuf,
    /// Certificate and key in one file.
    pub shown: Option<PathBuf>,
}

impl Trust {
    fn settings(&self) -> String {
        let shown = self.shown.as_ref();
        let shown = shown.map(|file| format!("sip_certificate {}\n", file.display()));
        format!(
            "sip_cafile {}\n{}",
            self.authority.display(),
            shown.unwrap_or_default()
        )
    }
}

/// What a program prints, line by line.
pub struct Lines(Receiver<String>);

impl Lines {
    pub fn of(output: impl Read + Send + 'static) -> Lines {
        let (to, says) = channel();
        let output = BufReader::new(output);
        std::thread::spawn(move || {
            for line in output.split(b'\n').map_while(Result::ok) {
                let _ = to.send(String::from_utf8_lossy(&line).into_owned());
            }
        });
        Lines(says)
    }

    /// Waits for a line with this text; that line.
    pub fn wait_for(&self, text: &str) -> String {
        let found = self.within(text, Duration::from_secs(15));
        found.unwrap_or_else(|said| panic!("it does not say `{text}`: {said:#?}"))
    }

    /// The same within some time, or all that was said instead.
    pub fn within(&self, text: &str, limit: Duration) -> Result<String, Vec<String>> {
        let until = Instant::now() + limit;
        let mut said = Vec::new();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let Ok(line) = self.0.recv_timeout(left) else {
                return Err(said);
            };
            if line.contains(text) {
                return Ok(line);
            }
            said.push(line);
        }
    }
}

impl Softphone {
    /// Dials `number` and waits until the call is up; from then on it says a tone.
    pub fn dial(service: &Service, from: &str, number: &str, hertz: f64) -> Softphone {
        let uri = format!("sip:{number}@{}", service.sip_udp);
        Softphone::dial_uri(service, from, &uri, hertz)
    }

    /// The same by any SIP address on this machine, over its transport and family.
    pub fn dial_uri(service: &Service, from: &str, uri: &str, hertz: f64) -> Softphone {
        Softphone::dial_saying(service, from, uri, &Voice::narrow(hertz))
    }

    /// The same in another codec.
    pub fn dial_saying(service: &Service, from: &str, uri: &str, voice: &Voice) -> Softphone {
        let host = if uri.contains('[') { "[::1]" } else { "127.0.0.1" };
        let dir = service.dir.join(format!("baresip-{from}"));
        let any: SocketAddr = format!("{host}:0").parse().unwrap();
        let phone = Softphone::start(dir, any, from, voice, "", &["-e", &format!("/dial {uri}")]);
        phone.says.wait_for("Call established");
        phone
    }

    /// The same with a name and a password; where it is not let in, what it says instead.
    pub fn dial_with_password(
        service: &Service,
        uri: &str,
        (user, password): (&str, &str),
    ) -> Result<Softphone, Vec<String>> {
        let dir = service.dir.join(format!("baresip-{password}"));
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let dial = ["-e", &format!("/dial {uri}")];
        let from = format!("01012345678;auth_user={user};auth_pass={password}");
        let phone = Softphone::start(dir, any, &from, &Voice::narrow(440.0), "", &dial);
        let up = phone.says.within("Call established", Duration::from_secs(5));
        up.map(|_| phone)
    }

    /// The same by TLS.
    pub fn dial_by_tls(service: &Service, from: &str, uri: &str, trust: &Trust) -> Softphone {
        let dir = service.dir.join("baresip");
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let dial = ["-e", &format!("/dial {uri}")];
        let phone = Softphone::start(dir, any, from, &Voice::narrow(440.0), &trust.settings(), &dial);
        phone.says.wait_for("Call established");
        phone
    }

    /// Like [`Softphone::waits`], for calls by TLS too: those come to the port after [`Softphone::address`].
    pub fn waits_for_tls(number: &str, hertz: f64, trust: &Trust) -> Softphone {
        Softphone::wait(number, &Voice::narrow(hertz), &trust.settings())
    }

    /// One with this number that waits for a call, and will say a tone.
    pub fn waits(number: &str, hertz: f64) -> Softphone {
        Softphone::waits_saying(number, &Voice::narrow(hertz))
    }

    /// The same in another codec.
    pub fn waits_saying(number: &str, voice: &Voice) -> Softphone {
        Softphone::wait(number, voice, "")
    }

    fn wait(number: &str, voice: &Voice, settings: &str) -> Softphone {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let mut said = Vec::new();
        // It ends when somebody else was faster to take its ports.
        for _ in 0..5 {
            let n = NEXT.fetch_add(1, Ordering::Relaxed);
            let dir = std::env::temp_dir().join(format!("omnigate-e2e-phone-{}-{n}", std::process::id()));
            let free = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
            let mut phone = Softphone::start(dir, free, number, voice, settings, &[]);
            phone.owns_dir = true;
            match phone.says.within("baresip is ready", Duration::from_secs(15)) {
                Ok(_) => return phone,
                Err(lines) => said = lines,
            }
        }
        panic!("it does not say `baresip is ready`: {said:#?}");
    }

    fn start(
        dir: PathBuf,
        listen: SocketAddr,
        from: &str,
        voice: &Voice,
        settings: &str,
        more: &[&str],
    ) -> Softphone {
        let ip = listen.ip();
        let host = if ip.is_ipv6() { "[::1]" } else { "127.0.0.1" };
        std::fs::create_dir_all(&dir).unwrap();
        let microphone = dir.join("says.wav");
        let rate_hz = voice.rate_hz;
        omnigate_audio::wav::write(&microphone, &voice.says, rate_hz).unwrap();
        let modules = ["/usr/lib/baresip/modules", "/usr/local/lib/baresip/modules"]
            .into_iter()
            .find(|p| std::path::Path::new(p).is_dir())
            .expect("baresip; scripts/test installs it");
        let handshakes = voice.mediaenc.starts_with("dtls");
        let dtls = match (handshakes, voice.dtls.mux) {
            (false, _) => "",
            (true, false) => "module dtls_srtp.so\nrtcp_mux no\n",
            (true, true) => "module dtls_srtp.so\nrtcp_mux yes\n",
        };
        let config = format!(
            "module_path {modules}\nmodule stdio.so\nmodule g711.so\nmodule g722.so\nmodule opus.so\nmodule l16.so\nmodule srtp.so\n{dtls}module aufile.so\nmodule sndfile.so\nmodule aubridge.so\nmodule_app account.so\nmodule_app menu.so\nnet_interface {ip}\nsip_listen {listen}\nrtp_ports 46000-47000\naudio_source aufile,{}\naudio_player aubridge,ear\naudio_alert aubridge,ear\nausrc_srate {rate_hz}\nauplay_srate {rate_hz}\nausrc_channels 1\nauplay_channels 1\nsnd_path {}\n{settings}",
            microphone.display(),
            dir.display()
        );
        std::fs::write(dir.join("config"), config).unwrap();
        // What follows the number are parameters of the account.
        let (number, account) = from.split_once(';').unwrap_or((from, ""));
        let mediaenc = match voice.mediaenc {
            "" => String::new(),
            kind => format!(";mediaenc={kind}"),
        };
        let account = format!(
            "<sip:{number}@{host}>;regint=0;audio_codecs={}{mediaenc};{account}\n",
            voice.codec
        );
        std::fs::write(dir.join("accounts"), account).unwrap();
        std::fs::write(dir.join("contacts"), "").unwrap();
        let mut command = Command::new("baresip");
        if handshakes && !voice.dtls.rsa {
            command.envs(ecdsa::instead_of_rsa(&dir));
        }
        let mut child = command
            .arg("-f")
            .arg(&dir)
            .args(more)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("baresip; scripts/test installs it");
        let says = Lines::of(child.stdout.take().unwrap());
        Softphone {
            child,
            says,
            rate_hz,
            dir,
            owns_dir: false,
            address: listen,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits for a call and takes it.
    pub fn answers(&mut self) {
        self.says.wait_for("Incoming call from");
        self.child.stdin.as_mut().unwrap().write_all(b"a").unwrap();
        self.says.wait_for("Call established");
    }

    /// Waits for the other side to hang up a call of more than a second; what it heard, at the rate of what it says.
    pub fn until_hung_up(mut self) -> Vec<i16> {
        self.says.wait_for("terminated (duration");
        self.quit()
    }

    /// Puts the other side on hold, or ends that.
    pub fn hold(&mut self, holds: bool) {
        let key = if holds { b"x" } else { b"X" };
        let keys = self.child.stdin.as_mut().unwrap();
        keys.write_all(key).unwrap();
        keys.flush().unwrap();
    }

    /// Presses keys one by one; each is held until the phone itself lets it go.
    pub fn press(&mut self, digits: &str) {
        for digit in digits.chars() {
            let keys = self.child.stdin.as_mut().unwrap();
            write!(keys, "{digit}").unwrap();
            keys.flush().unwrap();
            self.says.wait_for(&format!("send DTMF digit end: '{digit}'"));
        }
    }

    /// Hangs up; what it heard, at the rate of what it says.
    pub fn hang_up(mut self) -> Vec<i16> {
        self.child.stdin.as_mut().unwrap().write_all(b"b").unwrap();
        // The end of a call of less than a second is not told; its BYE goes out with this line.
        self.says.wait_for("terminate call");
        self.quit()
    }

    /// Ends it; what it heard.
    fn quit(&mut self) -> Vec<i16> {
        self.child.stdin.as_mut().unwrap().write_all(b"q").unwrap();
        let until = Instant::now() + Duration::from_secs(10);
        while self.child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < until, "baresip does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
        let mut heard: Vec<PathBuf> = std::fs::read_dir(&self.dir)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.to_string_lossy().ends_with("-dec.wav"))
            .collect();
        assert!(!heard.is_empty(), "baresip kept what it heard");
        // After a hold it begins another file; their names have the time.
        heard.sort();
        let read = |path| omnigate_audio::wav::read(path, self.rate_hz).unwrap();
        heard.into_iter().flat_map(read).collect()
    }
}

impl Drop for Softphone {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if self.owns_dir {
            let _ = std::fs::remove_dir_all(&self.dir);
        }
    }
}

/// What a phone of somebody else's making hears over each way that it may come by: the menu.
#[test]
fn a_phone_of_somebody_elses_is_spoken_to_over_udp_tcp_and_ipv6() {
    let service = Service::start("");
    let (udp, tcp) = (service.sip_udp, service.sip_tcp);
    for uri in [
        format!("sip:07012345678@{udp}"),
        format!("sip:07012345678@{tcp};transport=tcp"),
    ] {
        menu_is_heard(&service, &uri);
    }
    let service =
        Service::start("sip.listen = [\"udp://[::1]:0\", \"tcp://[::1]:0\"]\nsip.advertise = \"::1\"\n");
    menu_is_heard(&service, &format!("sip:07012345678@{}", service.sip_udp));
}

fn menu_is_heard(service: &Service, uri: &str) {
    let mut phone = Softphone::dial_uri(service, "01012345678", uri, 440.0);
    // The first key ends the announcement.
    let sent = || service.metric("omnigate_rtp_sent_packets_total");
    let first = sent();
    service.until("two seconds of it have been sent", || sent() >= first + 100.0);
    let keys = || service.metric("omnigate_digits_total{kind=\"rfc4733\"}");
    let before = keys();
    phone.press("1");
    service.until("the key has come", || keys() > before);
    let heard = phone.hang_up();
    is_spoken_to(uri, &heard);
    assert_eq!(service.last_reason(), "caller_hung_up");
}

/// Panics unless there is speech in what was heard.
pub fn is_spoken_to(who: &str, heard: &[i16]) {
    let loud = heard.iter().filter(|s| s.unsigned_abs() > 500).count();
    assert!(loud > 2_000, "{who}: {loud} samples of speech");
}
