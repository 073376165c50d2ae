//! Receivers of every kind.

use super::*;
use crate::webhook::WebhookEvent;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Takes requests and answers each by `answer`.
async fn receiver<F, R>(answer: F) -> SocketAddr
where
    F: Fn(TcpStream) -> R + Send + 'static,
    R: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = vec![0; 8_192];
            let _ = stream.read(&mut request).await;
            tokio::spawn(answer(stream));
        }
    });
    address
}

/// What became of one event for a service whose webhook is this, once it was tried.
async fn outcome(name: &str, url: &str) -> Delivery {
    let (store, folder) = crate::store::tests::store(name).await;
    let outbox = Outbox::new(store);
    let toml = format!(
        "webhook.allow_private = \"127.0.0.0/8\"\n[[service]]\nid = \"demo\"\nwebhook.url = \"{url}\"\nwebhook.secret = \"s\""
    );
    let settings = crate::config::load_text(&toml, []).unwrap();
    let deliverer = Deliverer::new(
        outbox.clone(),
        Targets::new(&settings),
        &settings.webhook,
        Arc::default(),
    )
    .unwrap();
    let event = WebhookEvent {
        service_id: "demo".into(),
        name: "call_started",
        subject: "a".into(),
        body: serde_json::json!({}),
    };
    outbox.add_alone(&event).await.unwrap();
    let task = tokio::spawn(deliverer.run());
    let tried = loop {
        let one = outbox.list(None, 1).await.unwrap().remove(0);
        if one.attempts > 0 {
            break one;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    task.abort();
    std::fs::remove_dir_all(folder).unwrap();
    tried
}

async fn says(mut stream: TcpStream, answer: &str) {
    let _ = stream.write_all(answer.as_bytes()).await;
}

#[tokio::test]
async fn a_redirection_is_a_failure_and_not_followed() {
    let elsewhere = receiver(async |_| panic!("the redirection was followed")).await;
    let address = receiver(move |stream| async move {
        let answer =
            format!("HTTP/1.1 302 Found\r\nlocation: http://{elsewhere}/\r\ncontent-length: 0\r\n\r\n");
        says(stream, &answer).await;
    })
    .await;
    let one = outcome("redirect", &format!("http://{address}/")).await;
    assert_eq!(
        (one.state.as_str(), one.result.as_str()),
        ("pending", "302 Found")
    );
}

#[tokio::test]
async fn an_endless_answer_is_not_read() {
    let address = receiver(async |mut stream| {
        let mut answer = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
        while stream.write_all(&answer).await.is_ok() {
            answer = [b"1000\r\n".to_vec(), vec![b'x'; 4_096], b"\r\n".to_vec()].concat();
        }
    })
    .await;
    let one = outcome("endless", &format!("http://{address}/")).await;
    assert_eq!((one.state.as_str(), one.result.as_str()), ("delivered", "200 OK"));
}

#[tokio::test]
async fn a_receiver_that_says_nothing_is_left_after_ten_seconds() {
    let address = receiver(async |_stream| tokio::time::sleep(Duration::from_secs(60)).await).await;
    let one = outcome("silent", &format!("http://{address}/")).await;
    assert_eq!(
        (one.state.as_str(), one.result.as_str()),
        ("pending", "no answer within 10 s")
    );
}

#[tokio::test]
async fn a_receiver_may_ask_for_more_time() {
    let address = receiver(async |stream| {
        says(
            stream,
            "HTTP/1.1 503 Service Unavailable\r\nretry-after: 900\r\ncontent-length: 0\r\n\r\n",
        )
        .await;
    })
    .await;
    let one = outcome("retry-after", &format!("http://{address}/")).await;
    assert_eq!(one.state, "pending");
    assert!(
        one.next_at >= one.created_at + 900,
        "{} after {}",
        one.next_at,
        one.created_at
    );
}

#[tokio::test]
async fn nobody_there_and_no_certificate_are_failures_with_a_reason() {
    let gone = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let one = outcome("gone", &format!("http://{gone}/")).await;
    assert!(one.result.contains("refused"), "{}", one.result);

    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = acceptor.accept(stream).await;
        }
    });
    let one = outcome("untrusted", &format!("https://localhost:{port}/")).await;
    assert_eq!(one.state, "pending");
    assert!(
        one.result.to_lowercase().contains("certificate"),
        "{}",
        one.result
    );
}

#[tokio::test]
async fn a_receiver_that_stalls_holds_up_nobody_elses_events_however_many_wait_for_it() {
    let stalls = receiver(async |_stream| tokio::time::sleep(Duration::from_secs(60)).await).await;
    let answers = receiver(async |stream| {
        says(
            stream,
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        )
        .await;
    })
    .await;
    let (store, folder) = crate::store::tests::store("stalls").await;
    let outbox = Outbox::new(store);
    let service = |id: &str, url: SocketAddr| {
        format!("[[service]]\nid = \"{id}\"\nwebhook.url = \"http://{url}/\"\nwebhook.secret = \"s\"\n")
    };
    let toml = "webhook.allow_private = \"127.0.0.0/8\"\n".to_owned()
        + &service("flood", stalls)
        + &service("quiet", answers);
    let settings = crate::config::load_text(&toml, []).unwrap();
    let event = |service: &str, n: usize| WebhookEvent {
        service_id: service.into(),
        name: "call_started",
        subject: format!("{service}-{n}"),
        body: serde_json::json!({}),
    };
    let mut events: Vec<WebhookEvent> = (0..300).map(|n| event("flood", n)).collect();
    events.extend((0..20).map(|n| event("quiet", n)));
    outbox.add_all(&events).await.unwrap();
    let figures = Arc::new(WebhookFigures::default());
    let deliverer = Deliverer::new(
        outbox.clone(),
        Targets::new(&settings),
        &settings.webhook,
        figures.clone(),
    )
    .unwrap();
    let task = tokio::spawn(deliverer.run());
    let delivered = async {
        while outbox.list(Some("delivered"), 100).await.unwrap().len() < 20 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        while (figures.waiting_of("flood"), figures.waiting_of("quiet")) != (300, 0) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    // None of those that stall has been given up by then.
    tokio::time::timeout(Duration::from_secs(9), delivered)
        .await
        .unwrap();
    assert!(
        outbox
            .list(None, 400)
            .await
            .unwrap()
            .iter()
            .all(|one| one.service_id == "quiet" || one.attempts == 0)
    );
    task.abort();
    std::fs::remove_dir_all(folder).unwrap();
}
