//! Apps on the published SDKs, and our page, in headless Chromium: one tab for each app.

mod chromium;
mod files;
mod pool;

use crate::audio::level_at;
use crate::harness::Service;
use chromium::{Chromium, wait};
use fantoccini::wd::WindowHandle;
pub use pool::Place;
use serde_json::{Value, json};
use std::cell::Cell;
use std::net::SocketAddr;

/// Which SDK an app is built on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Sdk {
    TypeScript,
    ReactNative,
}

/// A browser of one test.
pub struct Browser {
    /// `None` only when it is given back.
    chromium: Option<Chromium>,
    /// Whether other tests can go on with it.
    ordinary: bool,
    _place: Place,
}

impl Browser {
    /// Takes one as soon as one is free.
    pub fn take() -> Browser {
        Browser::at(Place::one())
    }

    /// Takes one while no other test has one: for what is measured, and would be worse on a busy machine.
    pub fn alone() -> Browser {
        Browser::at(Place::all())
    }

    fn at(place: Place) -> Browser {
        Browser {
            chromium: Some(pool::browser()),
            ordinary: true,
            _place: place,
        }
    }

    /// One in which `name` stands for 127.0.0.1.
    pub fn that_resolves(name: &str) -> Browser {
        let place = Place::one();
        Browser {
            chromium: Some(Chromium::start(&format!("MAP {name} 127.0.0.1, "))),
            ordinary: false,
            _place: place,
        }
    }

    fn chromium(&self) -> &Chromium {
        self.chromium.as_ref().unwrap()
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
        let files = files::address();
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
        let client = &self.chromium().client;
        let window = wait(async {
            let window = client.new_window(true).await.unwrap().handle;
            client.switch_to_window(window.clone()).await.unwrap();
            client.goto(address).await.unwrap();
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

impl Drop for Browser {
    fn drop(&mut self) {
        let Some(chromium) = self.chromium.take() else {
            return;
        };
        // A test may have failed because of its browser: the next one begins with another.
        if self.ordinary && !std::thread::panicking() {
            pool::keep(chromium);
        } else {
            chromium.quit();
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
        let client = &self.browser.chromium().client;
        let result = wait(async {
            client.switch_to_window(self.window.clone()).await.unwrap();
            client.execute_async(script, args).await
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
        let client = &self.browser.chromium().client;
        let (_, _, width, height) = wait(async {
            client.switch_to_window(self.window.clone()).await.unwrap();
            let before = client.get_window_rect().await.unwrap();
            client.set_window_size(390, 844).await.unwrap();
            before
        });
        self.size.set(Some((width, height)));
    }

    /// Closes the tab as a person does.
    pub fn close(mut self) {
        self.shut();
    }

    /// Ends the tab's process, as a crash does.
    pub fn kill(mut self) {
        let Chromium { client, .. } = self.browser.chromium();
        wait(async {
            client.switch_to_window(self.window.clone()).await.unwrap();
            // The driver complains that the tab has crashed.
            assert!(client.goto("chrome://crash").await.is_err());
        });
        self.shut();
    }

    fn shut(&mut self) {
        if !std::mem::replace(&mut self.open, false) {
            return;
        }
        let Chromium { client, first } = self.browser.chromium();
        wait(async {
            let _ = client.switch_to_window(self.window.clone()).await;
            if let Some((width, height)) = self.size.take() {
                let _ = client.set_window_size(width as u32, height as u32).await;
            }
            let _ = client.close_window().await;
            let _ = client.switch_to_window(first.clone()).await;
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
