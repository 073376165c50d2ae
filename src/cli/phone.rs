//! `omnigate phone`: a SIP caller on our own SIP and media cores.

use super::output::{Failure, complain, say};
use super::phone_media::{PhoneMedia, Script, clock};
use super::phone_report::Report;
use crate::config::{SipListen, SipTransport};
use crate::observe::Metrics;
use crate::sip::{Endpoint, EndpointSettings, Event, Flow, ServerTransaction, SourceFilter};
use crate::supervise::Supervisor;
use clap::Args;
use omnigate_audio::dtmf::Key;
use omnigate_sip::message::{Header, Method, Request, StatusCodeKind, Transport, Uri, Version};
use omnigate_sip::{
    Call, CallEnd, Dialog, Input, LocalMedia, Negotiator, Output, TransactionId, dialog, header,
};
use std::io::IsTerminal;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

/// An unanswered INVITE is given up after this long.
const ANSWER_LIMIT: Duration = Duration::from_secs(64);
/// What is said and keyed is followed by this much listening when no time is given.
const LISTEN: Duration = Duration::from_secs(2);

/// Arguments of `omnigate phone`.
#[derive(Args)]
pub(super) struct PhoneArguments {
    /// Whom to call: `sip:NUMBER@HOST[:PORT][;transport=tcp]`.
    #[arg(value_name = "URI")]
    uri: String,
    /// Keys to press after the answer (RFC 4733): 0-9, *, #; a comma waits one second.
    #[arg(long, value_name = "D", default_value = "")]
    digits: String,
    /// Wait after the answer before the first key, seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 0.5)]
    digits_after: f64,
    /// Calling number.
    #[arg(long, value_name = "NUMBER", default_value = "01000000000")]
    from: String,
    /// A WAV file to say after the digits.
    #[arg(long, value_name = "WAV")]
    say: Option<PathBuf>,
    /// Keep what is heard in this WAV file (8 kHz mono).
    #[arg(long, value_name = "WAV")]
    hear: Option<PathBuf>,
    /// Hang up this many seconds after the answer; default: when all is keyed and said.
    #[arg(long = "for", value_name = "SECONDS")]
    seconds: Option<f64>,
    /// Print figures as JSON.
    #[arg(long)]
    json: bool,
}

/// Places the call; an error when it was not answered or did not end normally.
pub(super) async fn run(a: PhoneArguments) -> Result<(), Failure> {
    let step = |c| {
        if c == ',' {
            Ok(None)
        } else {
            Key::from_char(c).map(Some).ok_or(c)
        }
    };
    let keys = a.digits.chars().map(step).collect::<Result<Vec<_>, _>>();
    let keys = keys.map_err(|c| format!("--digits: `{c}` is no key; use 0-9, *, # and the comma"))?;
    let said = match &a.say {
        Some(path) => {
            omnigate_audio::wav::read(path, 8_000).map_err(|e| format!("--say: {}: {e}", path.display()))?
        }
        None => Vec::new(),
    };
    let meter = !a.json && std::io::stderr().is_terminal();
    let script = Script {
        digits: keys,
        say: said,
        keep: a.hear.is_some(),
        meter,
        digits_after: Duration::from_secs_f64(a.digits_after.max(0.0)),
    };
    let mut report = Report {
        end: "no_response",
        ..Report::default()
    };
    let result = call(&a, script, &mut report).await;
    if meter {
        complain("");
    }
    say(&if a.json {
        serde_json::to_string(&report)?
    } else {
        report.text()
    });
    result?;
    if report.answered {
        Ok(())
    } else {
        Err(format!("the call was not answered: status {}", report.status).into())
    }
}

struct Line {
    endpoint: Arc<Endpoint>,
    flow: Flow,
    local: IpAddr,
}

async fn call(a: &PhoneArguments, script: Script, report: &mut Report) -> Result<(), Failure> {
    let uri = Uri::try_from(a.uri.as_str()).map_err(|e| format!("URI: {e}"))?;
    let tcp = a.uri.to_ascii_lowercase().contains("transport=tcp");
    let port = uri
        .host_with_port
        .port
        .map_or(5060, |p| p.to_string().parse().unwrap_or(5060));
    let host = uri.host_with_port.host.to_string();
    let target = (host.trim_matches(['[', ']']), port)
        .to_socket_addrs()?
        .next()
        .ok_or("URI: host has no address")?;
    let line = open_line(target, tcp).await?;
    let (rtp, rtcp) = open_media(line.local).await?;
    let media = LocalMedia {
        ip: line.local,
        port: rtp.local_addr()?.port(),
    };
    let mut negotiator = Negotiator::new(media, rand::random::<u32>().into());
    let contact = line.endpoint.contact(&line.flow);
    let invite = invite(&a.uri, &a.from, line.local, &contact, negotiator.offer());
    let started = Instant::now();
    let response = line
        .endpoint
        .invite(invite.clone(), &line.flow, ANSWER_LIMIT, tokio::signal::ctrl_c())
        .await?;
    report.status = response.status_code.code();
    if response.status_code.kind() != StatusCodeKind::Successful {
        report.end = "refused";
        report.reason = header::value(&response.headers, "Warning").map(str::to_owned);
        return Ok(());
    }
    report.answered = true;
    report.answer_ms = Some(started.elapsed().as_secs_f64() * 1000.0);
    let agreed = negotiator.accept(&response.body)?;
    let dialog = Dialog::uac(&invite, &response, &contact)?;
    let sip = Call::outgoing(dialog, negotiator, agreed.clone());
    let mut media = PhoneMedia::new(rtp, rtcp, agreed, script)?;
    let outcome = talk(a, &line, sip, &mut media, report).await;
    media.fill(report);
    if let Some(path) = &a.hear {
        omnigate_audio::wav::write(path, &media.heard, 8_000)
            .map_err(|e| format!("--hear: {}: {e}", path.display()))?;
    }
    outcome
}

/// Runs the answered call to its end.
async fn talk(
    a: &PhoneArguments,
    line: &Line,
    mut sip: Call,
    media: &mut PhoneMedia,
    report: &mut Report,
) -> Result<(), Failure> {
    let key = (
        sip.dialog().call_id().to_owned(),
        sip.dialog().local_tag().to_owned(),
    );
    let mut requests = line.endpoint.calls.insert(key);
    let (events, mut from_transactions) = mpsc::channel(64);
    let mut transactions = Vec::new();
    let mut clock = clock();
    let limit = a
        .seconds
        .map(|s| Instant::now() + Duration::from_secs_f64(s.max(0.0)));
    let mut done_at = None;
    let mut stop = std::pin::pin!(tokio::signal::ctrl_c());
    let mut next_id = 1;
    loop {
        tokio::select! {
            () = media.step(&mut clock) => {}
            Some(tx) = requests.recv() => {
                let reason = header::value(&tx.original.headers, "Reason").map(str::to_owned);
                if tx.original.method == Method::Bye { report.reason = reason; }
                let tx = ServerTransaction::start(tx, TransactionId(next_id), events.clone());
                next_id += 1;
                sip.handle(Input::Request(tx.id, &tx.request));
                transactions.push(tx);
            }
            Some(event) = from_transactions.recv() => match event {
                Event::Acknowledged(id, body) => sip.handle(Input::Acknowledged(id, &body)),
                Event::Cancelled(_) | Event::Ended(_) => {}
            },
            _ = &mut stop => { if sip.is_alive() { sip.hang_up(vec![]); } }
        }
        let now = Instant::now();
        if media.is_done() && done_at.is_none() {
            done_at = Some(now + LISTEN);
        }
        if limit.or(done_at).is_some_and(|at| now >= at) && sip.is_alive() {
            sip.hang_up(vec![]);
        }
        while let Some(output) = sip.poll() {
            match output {
                Output::Respond(id, response) => {
                    if let Some(tx) = transactions.iter().find(|t| t.id == id) {
                        tx.respond(*response);
                    }
                }
                Output::Send(request) => {
                    let hop = sip.dialog().next_hop().to_owned();
                    let _ = line.endpoint.request(*request, &line.flow, &hop).await;
                }
                Output::Media(agreed) => media.set_agreed(*agreed),
                Output::Ended(end) => {
                    report.end = if end == CallEnd::LocalHungUp {
                        "hung_up"
                    } else {
                        "remote_hung_up"
                    };
                    // Lets the answer to a BYE leave before the sockets close.
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    return Ok(());
                }
                Output::Confirmed | Output::Digit(_) => {}
            }
        }
    }
}

async fn open_line(target: SocketAddr, tcp: bool) -> Result<Line, Failure> {
    let any: SocketAddr = if target.is_ipv4() {
        "0.0.0.0:0".parse()?
    } else {
        "[::]:0".parse()?
    };
    let probe = UdpSocket::bind(any).await?;
    probe.connect(target).await?;
    let local = probe.local_addr()?.ip();
    let transport = if tcp { SipTransport::Tcp } else { SipTransport::Udp };
    let everywhere = vec!["0.0.0.0/0".parse()?, "::/0".parse()?];
    let settings = EndpointSettings {
        listen: vec![SipListen {
            transport,
            address: SocketAddr::new(local, 0),
        }],
        advertise: local,
        connections: 16,
        filter: Arc::new(SourceFilter::new(everywhere, 100_000)),
        metrics: Arc::new(Metrics::new()),
    };
    // A test caller needs nobody to look after its parts: it ends with its call.
    let (endpoint, _calls) = Endpoint::start(settings, &Supervisor::new().0).await?;
    let flow = endpoint
        .flow_to(target, if tcp { Transport::Tcp } else { Transport::Udp })
        .await?;
    Ok(Line {
        endpoint,
        flow,
        local,
    })
}

/// An even port and the next one.
async fn open_media(ip: IpAddr) -> Result<(UdpSocket, UdpSocket), Failure> {
    for _ in 0..100 {
        let rtp = UdpSocket::bind((ip, 0)).await?;
        let port = rtp.local_addr()?.port();
        if port % 2 == 0
            && let Ok(rtcp) = UdpSocket::bind((ip, port + 1)).await
        {
            return Ok((rtp, rtcp));
        }
    }
    Err("no free pair of ports".into())
}

fn invite(uri: &str, from: &str, local: IpAddr, contact: &str, offer: String) -> Request {
    let tag = rsipstack::transaction::random_text(10);
    let call_id = rsipstack::transaction::random_text(20);
    let headers: Vec<Header> = vec![
        header::make("Max-Forwards", "70"),
        header::make("From", format!("<sip:{from}@{}>;tag={tag}", bracketed(local))),
        header::make("To", format!("<{uri}>")),
        header::make("Call-ID", call_id),
        header::make("CSeq", "1 INVITE"),
        header::make("Contact", format!("<{contact}>")),
        header::make("User-Agent", dialog::AGENT),
        header::make("Allow", dialog::ALLOW),
        header::make("Content-Type", "application/sdp"),
        header::make("Content-Length", offer.len().to_string()),
    ];
    Request {
        method: Method::Invite,
        uri: Uri::try_from(uri).unwrap_or_default(),
        version: Version::V2,
        headers: headers.into(),
        body: offer.into_bytes(),
    }
}

fn bracketed(ip: IpAddr) -> String {
    if ip.is_ipv6() {
        format!("[{ip}]")
    } else {
        ip.to_string()
    }
}
