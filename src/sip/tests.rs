//! Real sockets, and a clock that is turned.

use super::{NewCall, Sip, SipParts, SipSettings, SourceFilter, Tls, TlsSettings};
use crate::config::{SipListen, SipTransport};
use crate::observe::{Health, Metrics};
use crate::supervise::Supervisor;
use crate::trunks::TrunkNetwork;
use omnigate_sip::CallEvent;
use omnigate_sip::message::{Headers, Method, Request, Transport};
use omnigate_sip::resolve::Candidate;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// Reads until there is a whole message without a body, or with one whose last line ends so.
async fn read(stream: &mut TcpStream, end: &str) -> String {
    let mut all = String::new();
    let mut buffer = [0; 4096];
    while !all.ends_with(end) {
        let length = stream.read(&mut buffer).await.unwrap();
        assert!(length > 0, "closed after {all}");
        all.push_str(&String::from_utf8_lossy(&buffer[..length]));
    }
    all
}

fn request(method: &str, to: &str) -> String {
    format!(
        "{method} sip:07012345678@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:9;branch=z9hG4bK{method}\r\nFrom: <sip:a@b>;tag=1\r\n{to}\r\nCall-ID: idle\r\nCSeq: 1 {method}\r\nContact: <sip:a@127.0.0.1:9;transport=tcp>\r\nMax-Forwards: 70\r\n"
    )
}

/// One listener of TCP, for everybody on this machine.
async fn started() -> (Sip, mpsc::Receiver<NewCall>) {
    let settings = SipSettings {
        listen: vec![SipListen {
            transport: SipTransport::Tcp,
            address: "127.0.0.1:0".parse().unwrap(),
        }],
        advertise: [127, 0, 0, 1].into(),
        connections: 8,
        dns: Vec::new(),
        tls: Arc::new(Tls::load(&TlsSettings::default()).unwrap()),
    };
    let parts = SipParts {
        filter: Arc::new(SourceFilter::new(
            vec![TrunkNetwork::named("127.0.0.0/8".parse().unwrap(), "local")],
            1000,
            Instant::now(),
        )),
        metrics: Arc::new(Metrics::new()),
        health: Arc::new(Health::default()),
        doorkeeper: None,
    };
    let supervisor = Supervisor::new().0;
    Sip::start(settings, parts, &supervisor).await.unwrap()
}

#[tokio::test]
async fn a_connection_stays_while_a_call_uses_it_and_one_that_nobody_uses_is_closed() {
    let (sip, mut incoming) = started().await;
    let to = sip.addresses()[0].1;
    let (mut used, mut unused) = (
        TcpStream::connect(to).await.unwrap(),
        TcpStream::connect(to).await.unwrap(),
    );
    // Both are known, for both have been answered.
    unused.write_all(b"\r\n\r\n").await.unwrap();
    read(&mut unused, "\r\n").await;

    let body = "v=0\r\n";
    let invite = request("INVITE", "To: <sip:c@d>");
    let invite = format!(
        "{invite}Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    used.write_all(invite.as_bytes()).await.unwrap();
    let Some(NewCall::Incoming(mut call)) = incoming.recv().await else {
        panic!("no call");
    };
    call.call.answer(b"v=0\r\ns=ours\r\n".to_vec());
    let ok = read(&mut used, "s=ours\r\n").await;
    let tagged = ok.lines().rfind(|l| l.starts_with("To:")).unwrap();
    let ack = request("ACK", tagged).replace("z9hG4bKACK", "z9hG4bKown");
    used.write_all(format!("{ack}Content-Length: 0\r\n\r\n").as_bytes())
        .await
        .unwrap();
    while !matches!(call.call.event().await, Some(CallEvent::Confirmed)) {}

    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(340)).await;
    tokio::time::resume();
    assert_eq!(unused.read(&mut [0; 16]).await.unwrap(), 0);
    call.call.hang_up(Headers::default());
    let bye = read(&mut used, "\r\n\r\n").await;
    assert!(bye.starts_with("BYE "), "{bye}");
}

#[tokio::test]
async fn a_connection_that_we_have_made_is_asked_whether_it_lives_and_its_end_is_noticed() {
    let (sip, _incoming) = started().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = Candidate {
        transport: Transport::Tcp,
        address: listener.local_addr().unwrap(),
        server_name: "127.0.0.1".into(),
    };
    let hop = sip.way(&to, "carrier").unwrap();
    assert!(!sip.keep_alive(hop.clone()).await, "there is no connection");
    sip.watch(hop.clone()).await;

    let options = Request::new(Method::Options, "sip:127.0.0.1".parse().unwrap());
    let asked = tokio::spawn({
        let (sip, hop) = (sip.clone(), hop.clone());
        async move { sip.ask(options, hop).await }
    });
    let mut peer = listener.accept().await.unwrap().0;
    read(&mut peer, "\r\n\r\n").await;
    let mut gone = Box::pin(sip.watch(hop.clone()));
    let alive = tokio::spawn({
        let (sip, hop) = (sip.clone(), hop.clone());
        async move { sip.keep_alive(hop).await }
    });
    assert_eq!(read(&mut peer, "\r\n\r\n").await, "\r\n\r\n");
    peer.write_all(b"\r\n").await.unwrap();
    assert!(alive.await.unwrap());
    assert!(
        tokio::time::timeout(Duration::from_millis(50), &mut gone)
            .await
            .is_err()
    );
    sip.cut(hop);
    gone.await;
    assert_eq!(peer.read(&mut [0; 16]).await.unwrap(), 0);
    drop(asked);
}
