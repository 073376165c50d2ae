//! The HTTP listener as clients of good and of bad will meet it: TLS, origins, limits.

use crate::app::App;
use crate::harness::{Service, http_get};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_tungstenite::tungstenite::http::{HeaderMap, Uri};
use tokio_tungstenite::tungstenite::{ClientRequestBuilder, Error, Message, WebSocket, client, connect};

const NAME: &str = "rooms.example";

/// A certificate and its key, in files that are gone in the end.
struct Files(PathBuf);

impl Files {
    fn new(test: &str) -> Files {
        let dir = std::env::temp_dir().join(format!("omnigate-e2e-{test}-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        Files(dir)
    }

    fn certificate(&self) -> PathBuf {
        self.0.join("cert.pem")
    }

    fn key(&self) -> PathBuf {
        self.0.join("key.pem")
    }

    fn renew(&self) -> CertificateDer<'static> {
        let made = rcgen::generate_simple_self_signed([NAME.to_owned()]).unwrap();
        std::fs::write(self.certificate(), made.cert.pem()).unwrap();
        std::fs::write(self.key(), made.signing_key.serialize_pem()).unwrap();
        made.cert.der().clone()
    }

    fn settings(&self) -> String {
        let line = |key: &str, path: &Path| format!("http.tls.{key} = \"{}\"\n", path.display());
        line("certificate", &self.certificate()) + &line("key", &self.key())
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

type TlsStream = StreamOwned<ClientConnection, TcpStream>;

/// A TLS connection of a client that trusts this certificate and no other.
fn trusting(certificate: &CertificateDer<'static>, to: SocketAddr) -> std::io::Result<TlsStream> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let name = ServerName::try_from(NAME).unwrap();
    let mut connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = TcpStream::connect(to)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    while connection.is_handshaking() {
        connection.complete_io(&mut stream)?;
    }
    Ok(StreamOwned::new(connection, stream))
}

fn secure_get(stream: &mut TlsStream, path: &str) -> String {
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn secure_socket(stream: TlsStream) -> WebSocket<TlsStream> {
    client(format!("wss://{NAME}/ws"), stream).unwrap().0
}

fn hello() -> Message {
    let hello = json!({"cmd": "WS_SESSION_REQ", "service_id": "demo", "service_key": "demo", "sdk": "JS", "ver": "2.1.3", "heartbeat": false, "user_id": "kim"});
    Message::text(hello.to_string())
}

fn answer<S: Read + Write>(socket: &mut WebSocket<S>) -> Value {
    loop {
        if let Message::Text(text) = socket.read().unwrap() {
            return serde_json::from_str(&text).unwrap();
        }
    }
}

/// A connection from another address of this machine: another client to the limits.
pub fn from(source: [u8; 4], to: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((source, 0)).into()).unwrap();
    socket.connect(&to.into()).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(Duration::from_secs(15))).unwrap();
    stream
}

/// The whole answer; empty when the connection is just closed.
fn get_on(mut stream: TcpStream, path: &str) -> String {
    let _ = write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    );
    let mut answer = String::new();
    match stream.read_to_string(&mut answer) {
        Err(fault) if fault.kind() == ErrorKind::ConnectionReset => {}
        other => drop(other.unwrap()),
    }
    answer
}

#[derive(Debug, PartialEq)]
struct Refusal {
    status: u16,
    headers: HeaderMap,
    body: String,
}

fn upgrade(service: &Service, origin: Option<&str>) -> Result<(), Box<Refusal>> {
    let uri: Uri = format!("ws://{}/ws", service.http).parse().unwrap();
    let mut request = ClientRequestBuilder::new(uri);
    if let Some(origin) = origin {
        request = request.with_header("Origin", origin);
    }
    match connect(request) {
        Ok(_) => Ok(()),
        Err(Error::Http(answer)) => {
            let body = answer.body().clone().unwrap_or_default();
            Err(Box::new(Refusal {
                status: answer.status().as_u16(),
                headers: answer.headers().clone(),
                body: String::from_utf8_lossy(&body).into_owned(),
            }))
        }
        Err(fault) => panic!("{fault}"),
    }
}

#[test]
fn with_a_certificate_everything_is_served_over_tls_and_nothing_without() {
    let files = Files::new("tls");
    let certificate = files.renew();
    let service = Service::start(&files.settings());
    assert!(
        service.ready.contains(&format!("http=https://{} ", service.http)),
        "{}",
        service.ready
    );

    let mut stream = trusting(&certificate, service.http).unwrap();
    assert_eq!(stream.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
    assert!(secure_get(&mut stream, "/").starts_with("HTTP/1.1 200"));
    let mut socket = secure_socket(trusting(&certificate, service.http).unwrap());
    socket.send(hello()).unwrap();
    assert_eq!(answer(&mut socket)["result"], "success");

    let plain = get_on(TcpStream::connect(service.http).unwrap(), "/");
    assert!(!plain.contains("HTTP/"), "{plain}");
    for address in [service.http.to_string(), format!("https://{}", service.http)] {
        let health = Command::new(env!("CARGO_BIN_EXE_omnigate"))
            .args(["health", &address])
            .status()
            .unwrap();
        assert!(health.success(), "{address}");
    }
}

#[test]
fn a_new_certificate_is_for_new_sockets_and_open_ones_go_on() {
    let files = Files::new("renewal");
    let old = files.renew();
    let service = Service::start(&files.settings());
    let mut socket = secure_socket(trusting(&old, service.http).unwrap());
    socket.send(hello()).unwrap();
    let session = answer(&mut socket)["session"].clone();

    let new = files.renew();
    service.signal("HUP");
    service.until("the new certificate is served", || {
        trusting(&new, service.http).is_ok()
    });
    assert!(trusting(&old, service.http).is_err());
    let request = json!({"cmd": "WS_MAKE_SIPNUM_REQ", "session": session});
    socket.send(Message::text(request.to_string())).unwrap();
    let number = answer(&mut socket);
    assert_eq!(
        (&number["cmd"], &number["result"]),
        (&json!("WS_MAKE_SIPNUM_RSP"), &json!("success"))
    );
}

#[test]
fn a_faulty_new_certificate_is_a_warning_and_the_old_one_stays() {
    let files = Files::new("faulty");
    let old = files.renew();
    let service = Service::start(&files.settings());
    std::fs::write(files.certificate(), "not a certificate").unwrap();
    service.signal("HUP");
    service.until("the warning", || {
        service.log().contains("the certificate stays as it was")
    });
    let log = service.log();
    let line = log.lines().find(|l| l.contains("stays as it was")).unwrap();
    assert!(
        line.contains("WARN") && line.contains("http.tls.certificate") && line.contains("cert.pem"),
        "{line}"
    );
    assert!(trusting(&old, service.http).is_ok());

    let config = files.0.join("omnigate.toml");
    std::fs::write(&config, files.settings()).unwrap();
    let check = Command::new(env!("CARGO_BIN_EXE_omnigate"))
        .args(["check", "--config"])
        .arg(&config)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&check.stderr).into_owned();
    assert!(
        !check.status.success() && said.starts_with("http.tls.certificate: "),
        "{said}"
    );
}

#[test]
fn pages_of_other_origins_open_no_websocket() {
    let service = Service::start("http.origins = [\"https://app.example.com\", \"https://*.example.org\"]\n");
    assert_eq!(upgrade(&service, None), Ok(()), "native apps send no origin");
    assert_eq!(upgrade(&service, Some("https://app.example.com")), Ok(()));
    assert_eq!(upgrade(&service, Some("https://a.b.example.org")), Ok(()));
    for origin in ["https://evil.example", "http://app.example.com", "null"] {
        let refusal = upgrade(&service, Some(origin)).unwrap_err();
        assert_eq!(
            (refusal.status, &refusal.headers["content-type"]),
            (403, &"application/problem+json".parse().unwrap())
        );
        assert_eq!(
            serde_json::from_str::<Value>(&refusal.body).unwrap()["status"],
            403
        );
    }
    assert_eq!(
        service.metric("omnigate_http_refused_total{kind=\"origin\"}"),
        3.0
    );
    assert!(service.log().contains("https://evil.example"));
}

#[test]
fn an_address_that_connects_too_fast_hears_429_and_others_are_served() {
    let service = Service::start(
        "[http.limits]\nloopback = true\nconnections_per_second = 1\nconnections_burst = 20\n",
    );
    let mut answers = Vec::new();
    service.until("a refusal", || {
        answers.push(get_on(from([127, 0, 0, 2], service.http), "/healthz"));
        answers.last().unwrap().starts_with("HTTP/1.1 429")
    });
    assert!(answers.len() > 20, "{answers:?}");
    assert!(
        answers[..20].iter().all(|a| a.starts_with("HTTP/1.1 200")),
        "{answers:?}"
    );
    let refusal = answers.last().unwrap().to_ascii_lowercase();
    assert!(
        refusal.contains("retry-after: ") && refusal.contains("problem+json"),
        "{refusal}"
    );
    assert_eq!(service.get("/healthz").0, 200);
    assert!(service.metric("omnigate_http_refused_total{kind=\"rate_limit\"}") > 0.0);
}

#[test]
fn an_address_opens_only_so_many_sessions_a_minute() {
    let service = Service::start("[http.limits]\nloopback = true\nsessions_per_minute = 2\n");
    assert_eq!(upgrade(&service, None), Ok(()));
    assert_eq!(upgrade(&service, None), Ok(()));
    let refusal = upgrade(&service, None).unwrap_err();
    assert_eq!(refusal.status, 429);
    let seconds: u64 = refusal.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=31).contains(&seconds), "{seconds}");
    assert_eq!(
        service.metric("omnigate_http_refused_total{kind=\"sessions\"}"),
        1.0
    );
}

#[test]
fn a_client_that_talks_too_fast_is_heard_later_but_wholly() {
    let service = Service::start("[http.limits]\nrequests_per_second = 50\nrequests_burst = 10\n");
    let mut app = App::sign_in(&service, "kim");
    let start = Instant::now();
    let rooms: Vec<String> = (0..60).map(|n| format!("room {n}")).collect();
    app.send_all(
        "CREATE_ROOM",
        rooms
            .iter()
            .map(|name| json!({"room_type": "audioroom", "subject": name})),
    );
    for _ in &rooms {
        assert_eq!(app.wait_for("WS_CREATE_ROOM_RSP")["result"], "success");
    }
    // 60 messages, of which 10 at once; the last one is read after 49 waits of 20 ms.
    let least = Duration::from_millis(970);
    assert!(start.elapsed() > least, "after {:?}", start.elapsed());
}

#[test]
fn hundreds_of_silent_sockets_stop_nobody_and_are_closed() {
    let files = Files::new("silent");
    let certificate = files.renew();
    let secure = Service::start(&files.settings());
    let plain = Service::start("");
    let silent: Vec<TcpStream> = (0..300)
        .flat_map(|n| {
            let mut streams = [
                from([127, 0, 0, 2], secure.http),
                from([127, 0, 0, 2], plain.http),
            ];
            if n % 2 == 0 {
                // Half of them begin to speak: a TLS record's head, a request's first line.
                streams[0].write_all(&[22, 3, 1, 2, 0, 1]).unwrap();
                streams[1].write_all(b"GET / HTTP/1.1\r\n").unwrap();
            }
            streams
        })
        .collect();
    let mut socket = secure_socket(trusting(&certificate, secure.http).unwrap());
    socket.send(hello()).unwrap();
    assert_eq!(answer(&mut socket)["result"], "success");
    let _app = App::sign_in(&plain, "lee");
    for mut stream in silent {
        let mut rest = Vec::new();
        let end = stream.read_to_end(&mut rest);
        assert!(
            end.is_ok() || end.is_err_and(|e| e.kind() == ErrorKind::ConnectionReset),
            "still open after 15 s"
        );
    }
    let figures = secure_get(&mut trusting(&certificate, secure.http).unwrap(), "/metrics");
    assert!(
        figures.contains("omnigate_http_refused_total{kind=\"tls\"} 300"),
        "{figures}"
    );
}

#[test]
fn an_address_has_only_so_many_connections_open() {
    let service = Service::start("[http.limits]\nloopback = true\nconnections = 50\n");
    let mut held: Vec<TcpStream> = (0..50).map(|_| from([127, 0, 0, 2], service.http)).collect();
    service.until("a further one is closed at once", || {
        get_on(from([127, 0, 0, 2], service.http), "/healthz").is_empty()
    });
    assert_eq!(
        http_get(service.http, "/healthz", &[]).0,
        200,
        "others are served"
    );
    held.truncate(40);
    service.until("places are free again", || {
        get_on(from([127, 0, 0, 2], service.http), "/healthz").starts_with("HTTP/1.1 200")
    });
}
