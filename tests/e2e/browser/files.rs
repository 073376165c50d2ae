//! The page of the rig and the SDKs, over HTTP on loopback, which browsers count as secure.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

/// Where they are served, as long as the test binary runs.
pub fn address() -> SocketAddr {
    static ADDRESS: OnceLock<SocketAddr> = OnceLock::new();
    *ADDRESS.get_or_init(serve)
}

fn serve() -> SocketAddr {
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
