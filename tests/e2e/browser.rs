//! Apps on the published SDKs: one headless Chromium for all tests, one tab for each app.

use crate::audio::level_at;
use crate::harness::Service;
use fantoccini::wd::WindowHandle;
use fantoccini::{Client, ClientBuilder};
use serde_json::{Value, json};
use std::cell::Cell;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

const CHROMIUM_FLAGS: [&str; 14] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    "--allow-loopback-in-peer-connection",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
    "--disable-background-timer-throttling",
    "--disable-renderer-backgrounding",
    "--disable-backgrounding-occluded-windows",
];

/// Ends the driver and its browser when the test binary has ended: then its standard input ends.
const WATCHED_DRIVER: &str = r#"chromedriver --port=0 & trap '' TERM; cat >/dev/null
kill -TERM 0; wait; rm -rf "$1"; sleep 1; rm -rf "$1"; kill -KILL 0"#;

/// Which SDK an app is built on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Sdk {
    TypeScript,
    ReactNative,
}

struct Chromium {
    runtime: tokio::runtime::Runtime,
    client: Client,
    first: WindowHandle,
    files: SocketAddr,
    // Its end would end the driver.
    _driver: Child,
}

static CHROMIUM: OnceLock<Chromium> = OnceLock::new();
static TURN: Mutex<()> = Mutex::new(());

/// The browser, for one test at a time.
pub struct Browser {
    chromium: &'static Chromium,
    _turn: MutexGuard<'static, ()>,
}

impl Browser {
    pub fn take() -> Browser {
        Browser::take_or_start("")
    }

    /// The first and only one of this process, in which `name` stands for 127.0.0.1.
    pub fn that_resolves(name: &str) -> Browser {
        assert!(CHROMIUM.get().is_none(), "there is a browser without {name}");
        Browser::take_or_start(&format!("MAP {name} 127.0.0.1, "))
    }

    fn take_or_start(names: &str) -> Browser {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        Browser {
            chromium: CHROMIUM.get_or_init(|| start(names)),
            _turn: turn,
        }
    }

    /// Opens an app that talks to `service` and is signed in as `user`.
    pub fn app(&self, service: &Service, sdk: Sdk, user: &str) -> Tab<'_> {
        self.app_with(service, sdk, user, "")
    }

    /// The same without UDP: media goes by TCP to this TURN server, with the credentials that the SDK got.
    pub fn app_over_relay(&self, service: &Service, user: &str, turn: SocketAddr) -> Tab<'_> {
        self.app_with(service, Sdk::TypeScript, user, &format!("&turn={turn}"))
    }

    fn app_with(&self, service: &Service, sdk: Sdk, user: &str, wishes: &str) -> Tab<'_> {
        let name = match sdk {
            Sdk::TypeScript => "ts",
            Sdk::ReactNative => "rn",
        };
        let files = self.chromium.files;
        let tab = self.open(&format!(
            "http://{files}/page.html?sdk={name}&service={}{wishes}",
            service.http
        ));
        let session = tab.run_with("return await sdk.createSession(args.user)", json!({"user": user}));
        assert_eq!(session["user_id"], user, "{session}");
        tab
    }

    /// Opens any page.
    pub fn open(&self, address: &str) -> Tab<'_> {
        let c = self.chromium;
        let window = c.runtime.block_on(async {
            let window = c.client.new_window(true).await.unwrap().handle;
            c.client.switch_to_window(window.clone()).await.unwrap();
            c.client.goto(address).await.unwrap();
            window
        });
        Tab {
            browser: self,
            window,
            open: true,
            size: Cell::new(None),
        }
    }
}

/// An app in its tab.
pub struct Tab<'a> {
    browser: &'a Browser,
    window: WindowHandle,
    open: bool,
    /// That of the window before this tab has changed it.
    size: Cell<Option<(u64, u64)>>,
}

impl Tab<'_> {
    /// Runs the body of an async function with `sdk` and `rig` in scope.
    pub fn run(&self, body: &str) -> Value {
        self.run_with(body, json!({}))
    }

    /// Why the body is rejected; panics when it is not.
    pub fn refusal(&self, body: &str) -> String {
        let caught = format!(
            "return await (async () => {{ {body} }})().then(() => null, (e) => String(e?.message ?? e?.reason ?? e))"
        );
        let reason = self.run(&caught);
        reason
            .as_str()
            .unwrap_or_else(|| panic!("not refused: {body}"))
            .to_owned()
    }

    /// As `run`, with `args` too.
    pub fn run_with(&self, body: &str, args: Value) -> Value {
        let script =
            "const done = arguments[arguments.length - 1]; rig.run(arguments[0], arguments[1]).then(done)";
        self.execute(body, script, vec![json!(body), args])
    }

    /// Runs the body of an async function on a page without the rig.
    pub fn evaluate(&self, body: &str) -> Value {
        let script = format!(
            "const done = arguments[arguments.length - 1]; (async () => {{ {body} }})().then((value) => done({{ value: value ?? null }}), (error) => done({{ error: String(error?.stack ?? error) }}))"
        );
        self.execute(body, &script, Vec::new())
    }

    fn execute(&self, body: &str, script: &str, args: Vec<Value>) -> Value {
        let c = self.browser.chromium;
        let result = c.runtime.block_on(async {
            c.client.switch_to_window(self.window.clone()).await.unwrap();
            c.client.execute_async(script, args).await
        });
        let result = result.unwrap_or_else(|e| panic!("{body}: {e}"));
        assert!(
            result["error"].is_null(),
            "{body}: {}",
            result["error"].as_str().unwrap()
        );
        result["value"].clone()
    }

    /// A number for phone callers: this app's own, or a room's.
    pub fn sip_number(&self, room: Option<&str>) -> String {
        let made = self.run_with(
            "return await sdk.makeSipNumber(undefined, args.room ?? undefined)",
            json!({"room": room}),
        );
        made["call_number"].as_str().unwrap().to_owned()
    }

    /// The next event of this name with these fields.
    pub fn event(&self, name: &str, fields: Value) -> Value {
        self.run_with(
            "return await rig.event(args.name, args.fields)",
            json!({"name": name, "fields": fields}),
        )
    }

    pub fn tone(&self, hertz: f64) {
        self.run_with("rig.tone(args)", json!(hertz));
    }

    /// A new room; its id.
    pub fn new_room(&self, room_type: &str) -> String {
        let made = self.run_with("return await sdk.createRoom(args)", json!(room_type));
        made["room_id"].as_str().unwrap().to_owned()
    }

    pub fn join(&self, room: &str) {
        self.run_with("await sdk.joinRoom(args)", json!(room));
    }

    /// Starts to play 16-bit PCM at 48 kHz into the microphone.
    pub fn speak(&self, pcm: &[u8]) {
        self.run_with("rig.speak(args)", json!(base64(pcm)));
    }

    /// Waits until every one of these frequencies is heard.
    pub fn wait_for_tones(&self, hertz: &[f64]) {
        let mut levels = Vec::new();
        for _ in 0..40 {
            let heard = self.listen(0.25);
            levels = hertz.iter().map(|f| level_at(&heard, 48_000, *f)).collect();
            if levels.iter().all(|l| *l > -30.0) {
                return;
            }
        }
        panic!("not heard within 10 s: {hertz:?} Hz are at {levels:.0?} dB");
    }

    /// Waits until this frequency is heard no more.
    pub fn wait_for_silence(&self, hertz: f64) {
        let quiet = (0..40).any(|_| level_at(&self.listen(0.25), 48_000, hertz) < -50.0);
        assert!(quiet, "{hertz} Hz is still heard after 10 s");
    }

    /// The next `seconds` of what is heard, at 48 kHz.
    pub fn listen(&self, seconds: f64) -> Vec<i16> {
        let text = self.run_with(
            "const [first, last] = await rig.listen(args); return rig.samples(first, last)",
            json!(seconds),
        );
        pcm(text.as_str().unwrap())
    }

    /// Makes the window as narrow as a telephone, until this tab is closed.
    pub fn narrow(&self) {
        let c = self.browser.chromium;
        let (_, _, width, height) = c.runtime.block_on(async {
            c.client.switch_to_window(self.window.clone()).await.unwrap();
            let before = c.client.get_window_rect().await.unwrap();
            c.client.set_window_size(390, 844).await.unwrap();
            before
        });
        self.size.set(Some((width, height)));
    }

    /// Closes the tab as a person does.
    pub fn close(mut self) {
        self.shut();
    }

    fn shut(&mut self) {
        if !std::mem::replace(&mut self.open, false) {
            return;
        }
        let c = self.browser.chromium;
        c.runtime.block_on(async {
            let _ = c.client.switch_to_window(self.window.clone()).await;
            if let Some((width, height)) = self.size.take() {
                let _ = c.client.set_window_size(width as u32, height as u32).await;
            }
            let _ = c.client.close_window().await;
            let _ = c.client.switch_to_window(c.first.clone()).await;
        });
    }
}

impl Drop for Tab<'_> {
    fn drop(&mut self) {
        self.shut();
    }
}

/// 16-bit PCM out of base64.
fn pcm(base64: &str) -> Vec<i16> {
    let mut bytes = Vec::with_capacity(base64.len() / 4 * 3);
    let (mut bits, mut count) = (0u32, 0);
    for c in base64.bytes().filter(|c| *c != b'=') {
        let six = match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'+' => 62,
            _ => 63,
        };
        bits = (bits << 6) | u32::from(six);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    bytes
        .chunks_exact(2)
        .map(|b| i16::from_le_bytes([b[0], b[1]]))
        .collect()
}

/// Base64 of bytes.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let bits = three.iter().fold(0u32, |all, b| (all << 8) | u32::from(*b)) << (8 * (3 - three.len()));
        for i in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * i)) as usize & 63];
            text.push(if i <= three.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

fn start(names: &str) -> Chromium {
    let files = serve_files();
    let profile = std::env::temp_dir().join(format!("omnigate-e2e-chromium-{}", std::process::id()));
    let mut driver = Command::new("sh")
        .args(["-c", WATCHED_DRIVER, "sh"])
        .arg(&profile)
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut said = String::new();
    let mut lines = BufReader::new(driver.stdout.take().unwrap());
    let port: u16 = loop {
        let mut line = String::new();
        assert!(lines.read_line(&mut line).unwrap() > 0, "chromedriver: {said}");
        said.push_str(&line);
        if let Some((_, port)) = line.split_once("successfully on port ") {
            break port.trim().trim_end_matches('.').parse().unwrap();
        }
    };
    // Whatever it says later must not block it.
    std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
    let mut flags: Vec<String> = CHROMIUM_FLAGS.iter().map(|f| (*f).to_owned()).collect();
    flags.push(format!("--user-data-dir={}", profile.display()));
    // The SDKs' STUN and TURN servers do not exist here.
    flags.push(format!(
        "--host-resolver-rules={names}MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
    ));
    let wishes = json!({"goog:chromeOptions": {"args": flags}, "timeouts": {"script": 120_000}});
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (client, first) = runtime.block_on(async {
        let client = ClientBuilder::native()
            .capabilities(wishes.as_object().unwrap().clone())
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .unwrap();
        let first = client.window().await.unwrap();
        (client, first)
    });
    Chromium {
        runtime,
        client,
        first,
        files,
        _driver: driver,
    }
}

/// The page and the SDKs, over HTTP on loopback, which browsers count as secure.
fn serve_files() -> SocketAddr {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (rig, npm) = (root.join("tests/e2e/rig"), root.join(".test/npm/node_modules"));
    let ts = npm.join("omnitalk-ts-sdk/dist/index.js");
    assert!(
        ts.exists(),
        "{} is missing; scripts/test installs it",
        ts.display()
    );
    let rn = bundle(&rig.join("rn"), &npm);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let file = |path: &str| match path {
                "/page.html" => Some(("text/html", rig.join("page.html"))),
                "/rig.js" => Some(("text/javascript", rig.join("rig.js"))),
                "/sdk-ts.js" => Some(("text/javascript", ts.clone())),
                "/sdk-rn.js" => Some(("text/javascript", rn.clone())),
                _ => None,
            };
            let _ = answer(stream, file);
        }
    });
    address
}

fn answer(
    mut stream: TcpStream,
    file: impl Fn(&str) -> Option<(&'static str, PathBuf)>,
) -> std::io::Result<()> {
    // Chromium also opens connections ahead of need and says nothing on them.
    stream.set_read_timeout(Some(Duration::from_millis(500)))?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let target = head.split(' ').nth(1).unwrap_or_default();
    let (status, kind, body) = match file(target.split('?').next().unwrap_or_default()) {
        Some((kind, path)) => ("200 OK", kind, std::fs::read(path)?),
        None => ("404 Not Found", "text/plain", Vec::new()),
    };
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: {kind}; charset=utf-8\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    )?;
    stream.write_all(&body)
}

/// The React Native SDK as one file for browsers.
fn bundle(shims: &Path, npm: &Path) -> PathBuf {
    let out = npm.join(".omnitalk-rn-sdk.js");
    let alias = |name: &str| format!("--alias:{name}={}", shims.join(format!("{name}.js")).display());
    let output = Command::new(npm.join(".bin/esbuild"))
        .arg(npm.join("omnitalk-rn-sdk/dist/index.js"))
        .args([
            "--bundle",
            "--format=iife",
            "--global-name=Omnitalk",
            "--log-level=warning",
        ])
        .args(["react-native", "react-native-permissions", "react-native-webrtc"].map(alias))
        .arg(format!("--outfile={}", out.display()))
        .output()
        .expect("esbuild; scripts/test installs it");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    out
}
