//! Headless Chromium, over the one driver of the test binary.

use fantoccini::wd::WindowHandle;
use fantoccini::{Client, ClientBuilder};
use serde_json::json;
use std::future::Future;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::runtime::Runtime;

const FLAGS: [&str; 14] = [
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

/// Ends the driver and its browsers when the test binary has ended: then its standard input ends.
const WATCHED_DRIVER: &str = r#"chromedriver --port=0 & trap '' TERM; cat >/dev/null
kill -TERM 0; wait; rm -rf "$1"; sleep 1; rm -rf "$1"; kill -KILL 0"#;

/// One browser with a profile of its own.
pub struct Chromium {
    pub client: Client,
    /// The window that it has started with; tests open tabs beside it.
    pub first: WindowHandle,
}

impl Chromium {
    /// Starts one; `rules` for its resolver of names go before those of all.
    pub fn start(rules: &str) -> Chromium {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let driver = Driver::get();
        let profile = driver
            .profiles
            .join(NEXT.fetch_add(1, Ordering::Relaxed).to_string());
        let mut flags: Vec<String> = FLAGS.iter().map(|f| (*f).to_owned()).collect();
        flags.push(format!("--user-data-dir={}", profile.display()));
        // The SDKs' STUN and TURN servers do not exist here.
        flags.push(format!(
            "--host-resolver-rules={rules}MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
        ));
        let wishes = json!({"goog:chromeOptions": {"args": flags}, "timeouts": {"script": 120_000}});
        wait(async {
            let client = ClientBuilder::native()
                .capabilities(wishes.as_object().unwrap().clone())
                .connect(&format!("http://127.0.0.1:{}", driver.port))
                .await
                .unwrap();
            let first = client.window().await.unwrap();
            Chromium { client, first }
        })
    }

    /// Ends it.
    pub fn quit(self) {
        let _ = wait(self.client.close());
    }
}

/// Runs what is asked of browsers.
pub fn wait<T>(asked: impl Future<Output = T>) -> T {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Runtime::new().unwrap()).block_on(asked)
}

struct Driver {
    port: u16,
    /// The browsers' profiles, a folder each.
    profiles: PathBuf,
    // Its end would end the driver.
    _process: Child,
}

impl Driver {
    fn get() -> &'static Driver {
        static DRIVER: OnceLock<Driver> = OnceLock::new();
        DRIVER.get_or_init(Driver::start)
    }

    fn start() -> Driver {
        let profiles = std::env::temp_dir().join(format!("omnigate-e2e-chromium-{}", std::process::id()));
        let mut process = Command::new("sh")
            .args(["-c", WATCHED_DRIVER, "sh"])
            .arg(&profiles)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut said = String::new();
        let mut lines = BufReader::new(process.stdout.take().unwrap());
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
        Driver {
            port,
            profiles,
            _process: process,
        }
    }
}
