//! Starts the service on free ports and looks at it from outside.

use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A running service, ended on drop.
pub struct Service {
    child: Child,
    pub http: SocketAddr,
    pub sip_udp: SocketAddr,
    pub sip_tcp: SocketAddr,
    /// Where there is one.
    pub sip_tls: Option<SocketAddr>,
    pub dir: PathBuf,
    /// What it said when it was ready.
    pub ready: String,
    /// The file that makes it panic.
    panic: Option<PathBuf>,
}

impl Service {
    pub fn start(extra: &str) -> Service {
        Service::start_with(extra, &[])
    }

    /// `extra` is appended to a configuration with free ports.
    pub fn start_with(extra: &str, env: &[(&str, String)]) -> Service {
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("omnigate-e2e-{}-{n}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let config = dir.join("omnigate.toml");
        // Each service has its own stretch of RTP ports.
        let first = 21_000 + (n % 80) * 200;
        let listen = if extra.contains("sip.listen") {
            ""
        } else {
            "sip.listen = [\"udp://127.0.0.1:0\", \"tcp://127.0.0.1:0\"]\n"
        };
        let advertise = if extra.contains("sip.advertise") {
            ""
        } else {
            "sip.advertise = \"127.0.0.1\"\n"
        };
        let base = format!(
            "http.listen = \"127.0.0.1:0\"\n{listen}{advertise}media.rtp_ports = \"{first}-{}\"\nmedia.webrtc_port = 0\nlog.level = \"trace\"\nlog.format = \"json\"\n{extra}",
            first + 199
        );
        std::fs::write(&config, base).unwrap();
        // A variable of its own for the limit of open files, which is no business of the service.
        match env.iter().find(|(name, _)| *name == "NOFILE") {
            Some((_, limit)) => {
                let limit = format!("--nofile={limit}:{limit}");
                let mut limited = Command::new("prlimit");
                limited.args([&limit, env!("CARGO_BIN_EXE_omnigate")]);
                Service::launch_by(limited, dir, env)
            }
            None => Service::launch(dir, env),
        }
    }

    /// Starts on the configuration and the data that are in `dir`.
    fn launch(dir: PathBuf, env: &[(&str, String)]) -> Service {
        Service::launch_by(Command::new(env!("CARGO_BIN_EXE_omnigate")), dir, env)
    }

    fn launch_by(mut omnigate: Command, dir: PathBuf, env: &[(&str, String)]) -> Service {
        let config = dir.join("omnigate.toml");
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(dir.join("log"))
            .unwrap();
        let mut child = omnigate
            .args(["serve", "--config"])
            .arg(&config)
            // The data folder is relative.
            .current_dir(&dir)
            .envs(env.iter().map(|(k, v)| (*k, v.clone())))
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let address = |prefix: &str| -> SocketAddr {
            let at = line.find(prefix).unwrap_or_else(|| {
                panic!(
                    "not ready: {line} {}",
                    std::fs::read_to_string(dir.join("log")).unwrap()
                )
            });
            let rest = &line[at + prefix.len()..];
            let rest = rest.strip_prefix("https://").unwrap_or(rest);
            rest.split([' ', ',', '\n']).next().unwrap().parse().unwrap()
        };
        let (http, sip_udp, sip_tcp) = (address("http="), address("udp://"), address("tcp://"));
        let sip_tls = line.contains("tls://").then(|| address("tls://"));
        Service {
            child,
            http,
            sip_udp,
            sip_tcp,
            sip_tls,
            dir,
            ready: line,
            panic: None,
        }
    }

    /// Kills it without a word, and starts it again on what it has left; other ports, perhaps.
    pub fn kill_and_restart(self) -> Service {
        self.kill_and_restart_at().0
    }

    /// The same, and when it was dead.
    pub fn kill_and_restart_at(mut self) -> (Service, Instant) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let dead = Instant::now();
        let dir = std::mem::take(&mut self.dir);
        (Service::launch(dir, &[]), dead)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A service in which this part will panic when [`Service::panic_now`] says so.
    pub fn with_a_panic_in(part: &str, extra: &str) -> Service {
        let n = NEXT.load(Ordering::Relaxed);
        let now = std::env::temp_dir().join(format!("omnigate-e2e-panic-{}-{n}-{part}", std::process::id()));
        let env = [
            ("OMNIGATE_TEST_PANIC", part.to_owned()),
            ("OMNIGATE_TEST_PANIC_NOW", now.display().to_string()),
        ];
        let mut service = Service::start_with(extra, &env);
        service.panic = Some(now);
        service
    }

    pub fn panic_now(&self) {
        std::fs::write(self.panic.as_ref().unwrap(), "now").unwrap();
    }

    /// Whether the panic has happened.
    pub fn has_panicked(&self) -> bool {
        !self.panic.as_ref().unwrap().exists()
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.join("log")).unwrap()
    }

    pub fn signal(&self, name: &str) {
        Command::new("kill")
            .args([format!("-{name}"), self.child.id().to_string()])
            .status()
            .unwrap();
    }

    /// Waits for the process to end; its exit code.
    pub fn wait(&mut self, limit: Duration) -> Option<i32> {
        let until = Instant::now() + limit;
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        None
    }

    /// The API's admin token, of the file that the first start makes; where the configuration has one (`api.token`), none.
    pub fn token(&self) -> String {
        // Beside the database, or with the recordings where that is not a file.
        let read = |file: &str| std::fs::read_to_string(self.dir.join(file));
        let text = read("data/api-token").or_else(|_| read("data/recordings/api-token"));
        text.map(|text| text.trim().to_owned()).unwrap_or_default()
    }

    /// The page of figures as it is now: admins may ask for a fresh one.
    pub fn figures(&self) -> (u16, String) {
        if self.ready.contains("http=https://") {
            return self.get("/metrics");
        }
        let bearer = self.bearer();
        let headers = [("Authorization", bearer.as_str()), ("Cache-Control", "no-cache")];
        http_get(self.figures_at(), "/metrics", &headers)
    }

    /// Where the page of figures is.
    fn figures_at(&self) -> SocketAddr {
        let settings = std::fs::read_to_string(self.dir.join("omnigate.toml")).unwrap();
        let own = settings
            .lines()
            .find_map(|line| line.strip_prefix("metrics.listen = \""));
        own.map_or(self.http, |rest| rest.trim_end_matches('"').parse().unwrap())
    }

    /// The header that makes an admin.
    pub fn bearer(&self) -> String {
        format!("Bearer {}", self.token())
    }

    /// As an admin.
    pub fn get(&self, path: &str) -> (u16, String) {
        let bearer = self.bearer();
        if self.ready.contains("http=https://") {
            return https_get(self.http, path, &bearer);
        }
        http_get(self.http, path, &[("Authorization", &bearer)])
    }

    /// A POST of JSON as an admin.
    pub fn post(&self, path: &str, json: &str) -> (u16, String) {
        http_post(self.http, path, json, &[("Authorization", &self.bearer())])
    }

    /// A DELETE as an admin.
    pub fn delete(&self, path: &str) -> (u16, String) {
        http_delete(self.http, path, &[("Authorization", &self.bearer())])
    }

    /// Any request without a body, as an admin.
    pub fn request(&self, method: &str, path: &str) -> (u16, Vec<u8>) {
        request(self.http, method, path, &[("Authorization", &self.bearer())])
    }

    /// A GET as an admin; status, head and body of the answer, as bytes.
    pub fn fetch(&self, path: &str, headers: &[(&str, &str)]) -> (u16, String, Vec<u8>) {
        let bearer = self.bearer();
        let mut all = vec![("Authorization", bearer.as_str())];
        all.extend_from_slice(headers);
        fetch(self.http, path, &all)
    }

    /// A figure; panics when there is none of that name. One with labels is 0 until it has counted.
    pub fn metric(&self, name: &str) -> f64 {
        let (_, text) = self.figures();
        figure(&text, name).unwrap_or_else(|| {
            assert!(is_counted(name), "there is no figure {name}:\n{text}");
            0.0
        })
    }

    /// Panics unless everything that calls and browsers take is given back, within some time.
    pub fn assert_nothing_is_left(&self) {
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            let (status, text) = self.figures();
            assert_eq!(status, 200, "{text}");
            let left: Vec<(&str, f64)> = GIVEN_BACK
                .iter()
                .map(|name| (*name, figure(&text, name).unwrap_or(f64::NAN)))
                .filter(|(_, value)| *value != 0.0)
                .collect();
            if left.is_empty() {
                return;
            }
            if Instant::now() >= until {
                panic!("left behind: {left:?}\n{}", tail(&self.log()));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn calls(&self) -> Vec<Value> {
        let (_, body) = self.get("/api/v1/calls");
        serde_json::from_str::<Value>(&body).unwrap()["calls"]
            .as_array()
            .unwrap()
            .clone()
    }

    /// Reason of the call that ended last.
    pub fn last_reason(&self) -> String {
        let mut reason = String::new();
        self.until("a call ends", || {
            let calls = self.calls();
            // Live calls come first, then the newest of those that have ended; ids tell seconds apart, and no more.
            let ended = calls.iter().find(|c| c["state"] == "ended");
            reason = ended
                .map(|c| c["reason"].as_str().unwrap().to_owned())
                .unwrap_or_default();
            !reason.is_empty() && calls.iter().all(|c| c["state"] == "ended")
        });
        reason
    }

    /// Polls until `done`; panics with `what` after 15 s.
    pub fn until(&self, what: &str, done: impl FnMut() -> bool) {
        self.until_within(what, Duration::from_secs(15), done);
    }

    pub fn until_within(&self, what: &str, limit: Duration, mut done: impl FnMut() -> bool) {
        let until = Instant::now() + limit;
        while Instant::now() < until {
            if done() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("not within {limit:?}: {what}\n{}", tail(&self.log()));
    }

    /// Starts `omnigate phone` to `number` with `arguments`.
    pub fn phone(&self, number: &str, arguments: &[&str]) -> Phone {
        let child = Command::new(env!("CARGO_BIN_EXE_omnigate"))
            .args(["phone", &format!("sip:{number}@{}", self.sip_udp), "--json"])
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Phone(Some(child))
    }
}

/// What must be zero when nobody is there any more.
const GIVEN_BACK: [&str; 13] = [
    "omnigate_media_legs",
    "omnigate_media_peers",
    "omnigate_media_streams",
    "omnigate_media_viewers",
    "omnigate_media_captures",
    "omnigate_media_rooms",
    "omnigate_media_ports_used",
    "omnigate_media_failures",
    "omnigate_sip_dialogs",
    "omnigate_signaling_sockets",
    "omnigate_signaling_sessions",
    "omnigate_signaling_participants",
    "omnigate_recordings_active",
];

/// The sample of this name, labels included.
fn figure(page: &str, name: &str) -> Option<f64> {
    let mut lines = page.lines();
    let line = lines.find(|l| l.strip_prefix(name).is_some_and(|rest| rest.starts_with(' ')))?;
    line.rsplit(' ').next()?.parse().ok()
}

/// Whether a figure with labels is one of those that the documentation lists.
fn is_counted(name: &str) -> bool {
    let Some((family, labels)) = name.split_once('{') else {
        return false;
    };
    let label = labels.split('=').next().unwrap_or_default();
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operations.md");
    let text = std::fs::read_to_string(path).unwrap();
    let listed = text.lines().filter_map(|line| line.strip_prefix("| `"));
    listed
        .filter_map(|rest| rest.split_once('{'))
        .any(|(listed, rest)| {
            let labels = rest.split('}').next().unwrap_or_default();
            listed == family && labels.split(',').any(|one| one == label)
        })
}

pub fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}

impl Drop for Service {
    fn drop(&mut self) {
        let runs = matches!(self.child.try_wait(), Ok(None));
        let looked = runs && !std::thread::panicking();
        let left = looked.then(|| catch_unwind(AssertUnwindSafe(|| self.assert_nothing_is_left())));
        let _ = self.child.kill();
        let _ = self.child.wait();
        if !std::thread::panicking() && self.dir.is_absolute() {
            let _ = std::fs::remove_dir_all(&self.dir);
        }
        if let Some(Err(panic)) = left {
            resume_unwind(panic);
        }
    }
}

/// A running `omnigate phone`; it hangs up when it is dropped.
pub struct Phone(Option<Child>);

impl Phone {
    /// Its report, once it has ended.
    pub fn report(mut self) -> Value {
        let output: Output = self.0.take().unwrap().wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        serde_json::from_str(text.trim())
            .unwrap_or_else(|e| panic!("{e}: {text} {}", String::from_utf8_lossy(&output.stderr)))
    }

    /// Hangs up as a person does.
    pub fn hang_up(&self) {
        if let Some(child) = &self.0 {
            Command::new("kill")
                .args(["-INT", &child.id().to_string()])
                .status()
                .unwrap();
        }
    }

    /// Vanishes without a word.
    pub fn vanish(&mut self) {
        if let Some(mut child) = self.0.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for Phone {
    fn drop(&mut self) {
        self.hang_up();
        let until = Instant::now() + Duration::from_secs(5);
        let runs =
            |child: &mut Option<Child>| child.as_mut().is_some_and(|c| matches!(c.try_wait(), Ok(None)));
        while runs(&mut self.0) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(20));
        }
        self.vanish();
    }
}

pub fn http_get(to: SocketAddr, path: &str, headers: &[(&str, &str)]) -> (u16, String) {
    let mut stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut request = format!("GET {path} HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    stream.write_all(format!("{request}\r\n").as_bytes()).unwrap();
    answered(stream)
}

/// A POST of JSON; status and body of the answer.
pub fn http_post(to: SocketAddr, path: &str, json: &str, headers: &[(&str, &str)]) -> (u16, String) {
    http_body(to, "POST", path, json, headers)
}

/// Any request with JSON; status and body of the answer.
pub fn http_body(
    to: SocketAddr,
    method: &str,
    path: &str,
    json: &str,
    headers: &[(&str, &str)],
) -> (u16, String) {
    let mut stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\nContent-Type: application/json\r\n{}Content-Length: {}\r\n\r\n{json}",
        lines(headers),
        json.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    answered(stream)
}

/// A DELETE; status and body of the answer.
pub fn http_delete(to: SocketAddr, path: &str, headers: &[(&str, &str)]) -> (u16, String) {
    let mut stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let request = format!(
        "DELETE {path} HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\n{}\r\n",
        lines(headers)
    );
    stream.write_all(request.as_bytes()).unwrap();
    answered(stream)
}

fn lines(headers: &[(&str, &str)]) -> String {
    let line = |(name, value): &(&str, &str)| format!("{name}: {value}\r\n");
    headers.iter().map(line).collect()
}

fn answered(mut stream: TcpStream) -> (u16, String) {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let body = answer
        .split_once("\r\n\r\n")
        .map(|(_, b)| b.to_owned())
        .unwrap_or_default();
    (status, dechunk(&answer, body))
}

/// The same from a service with whatever certificate.
fn https_get(to: SocketAddr, path: &str, bearer: &str) -> (u16, String) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let client = reqwest::Client::builder().tls_danger_accept_invalid_certs(true);
        let client = client.timeout(Duration::from_secs(10)).build().unwrap();
        let request = client.get(format!("https://{to}{path}"));
        let answer = request.header("Authorization", bearer).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    })
}

fn dechunk(head: &str, body: String) -> String {
    if !head.to_ascii_lowercase().contains("transfer-encoding: chunked") {
        return body;
    }
    let mut out = String::new();
    let mut rest = body.as_str();
    while let Some((size, after)) = rest.split_once("\r\n") {
        let Ok(n) = usize::from_str_radix(size.trim(), 16) else {
            break;
        };
        if n == 0 {
            break;
        }
        out.push_str(&after[..n]);
        rest = &after[n + 2..];
    }
    out
}

/// Any request without a body; status and body of the answer.
pub fn request(to: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)]) -> (u16, Vec<u8>) {
    let (status, _, body) = exchange(to, method, path, headers);
    (status, body)
}

/// A GET; status, head and body of the answer, as bytes.
pub fn fetch(to: SocketAddr, path: &str, headers: &[(&str, &str)]) -> (u16, String, Vec<u8>) {
    exchange(to, "GET", path, headers)
}

/// Any request without a body; status, head and body of the answer.
pub fn exchange(
    to: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
) -> (u16, String, Vec<u8>) {
    let mut stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut request =
        format!("{method} {path} HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\nContent-Length: 0\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    stream.write_all(format!("{request}\r\n").as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head, answer[end + 4..].to_vec())
}

/// Checks an answer against the API's description.
pub fn conforms(method: &str, path: &str, status: u16, body: &str) {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut check = Command::new(root.join(".test/venv/bin/python"))
        .arg(root.join("tests/e2e/rig/conform.py"))
        .arg(root.join("docs/openapi.yaml"))
        .args([method, path, &status.to_string()])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    check.stdin.take().unwrap().write_all(body.as_bytes()).unwrap();
    let out = check.wait_with_output().unwrap();
    assert!(
        out.status.success(),
        "{method} {path}: {}\n{body}",
        String::from_utf8_lossy(&out.stderr)
    );
}
