//! `omnigate phone`: a SIP caller on our own SIP and media cores.

use super::output::{Failure, complain, say};
use super::phone_media::{PhoneMedia, Script, clock};
use super::phone_report::Report;
use crate::config::{SipListen, SipTransport};
use crate::observe::{Health, Metrics};
use crate::sip::{NewCall, Sip, SipCall, SipParts, SipSettings, SourceFilter, Tls, TlsSettings};
use crate::supervise::Supervisor;
use clap::Args;
use omnigate_audio::dtmf::Key;
use omnigate_sip::message::{Headers, Host, Status, Transport, Uri};
use omnigate_sip::{
    CallEnd, CallEvent, CallTerms, Cause, Invitation, LocalMedia, MediaTerms, NatRule, Negotiator,
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
/// What the last message needs to leave.
const GOODBYE: Duration = Duration::from_millis(50);

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

async fn call(a: &PhoneArguments, script: Script, report: &mut Report) -> Result<(), Failure> {
    let uri: Uri = a.uri.parse().map_err(|e| format!("URI: {e}"))?;
    let (transport, target) = target(&uri)?;
    let local = towards(target).await?;
    let (sip, _incoming) = open_sip(local, transport).await?;
    let (rtp, rtcp) = open_media(local).await?;
    let media = LocalMedia {
        ip: local,
        port: rtp.local_addr()?.port(),
    };
    let mut negotiator = Negotiator::new(media, rand::random::<u32>().into(), MediaTerms::default());
    let hop = sip
        .listeners()
        .first_route(transport, target)
        .ok_or("no way to the host")?;
    let invitation = Invitation {
        from: format!("<sip:{}@{}>", a.from, Host::Address(local)),
        to: format!("<{uri}>"),
        uri,
        hop,
        routes: Vec::new(),
        offer: Some(negotiator.offer().into_bytes()),
        credentials: Vec::new(),
        headers: Headers::default(),
        nat: NatRule::Private,
        terms: CallTerms::default(),
    };
    let started = Instant::now();
    let (mut call, _) = sip.invite(invitation).await.ok_or("SIP has ended")?;
    let Some(answer) = answered(&mut call, report).await else {
        return Ok(());
    };
    report.status = 200;
    report.answered = true;
    report.answer_ms = Some(started.elapsed().as_secs_f64() * 1000.0);
    let agreed = negotiator.accept(&answer)?;
    let mut media = PhoneMedia::new(rtp, rtcp, agreed, script)?;
    talk(a, call, negotiator, &mut media, report).await;
    media.fill(report);
    if let Some(path) = &a.hear {
        omnigate_audio::wav::write(path, &media.heard, 8_000)
            .map_err(|e| format!("--hear: {}: {e}", path.display()))?;
    }
    Ok(())
}

/// Waits for the answer, at most [`ANSWER_LIMIT`]; its session description. `None`: the report says why not.
async fn answered(call: &mut SipCall, report: &mut Report) -> Option<Vec<u8>> {
    let mut stop = std::pin::pin!(tokio::signal::ctrl_c());
    let mut limit = std::pin::pin!(tokio::time::sleep(ANSWER_LIMIT));
    let (mut answer, mut up) = (None, false);
    let mut given_up = false;
    loop {
        tokio::select! {
            event = call.event() => match event? {
                CallEvent::Answer(session) => answer = Some(session),
                CallEvent::Answered { .. } => up = true,
                CallEvent::Ended(end) => {
                    if let CallEnd::Rejected(rejection) = end {
                        report.status = rejection.status.code();
                        report.end = "refused";
                        report.reason = Some(rejection.warning.unwrap_or(rejection.phrase));
                    }
                    return None;
                }
                _ => {}
            },
            _ = &mut stop, if !given_up => { given_up = true; call.hang_up(Headers::default()); }
            () = &mut limit, if !given_up => { given_up = true; call.hang_up(Headers::default()); }
        }
        if up && answer.is_some() {
            return answer;
        }
    }
}

/// Runs the answered call to its end.
async fn talk(
    a: &PhoneArguments,
    mut call: SipCall,
    mut negotiator: Negotiator,
    media: &mut PhoneMedia,
    report: &mut Report,
) {
    let mut clock = clock();
    let limit = a
        .seconds
        .map(|s| Instant::now() + Duration::from_secs_f64(s.max(0.0)));
    let (mut done_at, mut hung_up) = (None, false);
    let mut stop = std::pin::pin!(tokio::signal::ctrl_c());
    loop {
        tokio::select! {
            () = media.step(&mut clock) => {}
            event = call.event() => match event {
                Some(CallEvent::Offer(offer)) => match negotiator.answer(&offer) {
                    Ok((answer, agreed)) => {
                        call.accept(answer.into_bytes());
                        media.set_agreed(agreed);
                    }
                    Err(_) => call.reject(Status::NOT_ACCEPTABLE_HERE, Headers::default()),
                },
                Some(CallEvent::OfferWanted) => call.accept(negotiator.offer().into_bytes()),
                Some(CallEvent::Answer(answer)) => {
                    if let Ok(agreed) = negotiator.accept(&answer) {
                        media.set_agreed(agreed);
                    }
                }
                Some(CallEvent::Ended(end)) => {
                    fill_end(&end, report);
                    // Lets the BYE, or the answer to one, leave before the sockets close.
                    tokio::time::sleep(GOODBYE).await;
                    return;
                }
                Some(_) => {}
                None => return,
            },
            _ = &mut stop, if !hung_up => { hung_up = true; call.hang_up(Headers::default()); }
        }
        let now = Instant::now();
        if media.is_done() && done_at.is_none() {
            done_at = Some(now + LISTEN);
        }
        if limit.or(done_at).is_some_and(|at| now >= at) && !hung_up {
            hung_up = true;
            call.hang_up(Headers::default());
        }
    }
}

fn fill_end(end: &CallEnd, report: &mut Report) {
    report.end = "remote_hung_up";
    match end {
        CallEnd::LocalHungUp => report.end = "hung_up",
        CallEnd::RemoteHungUp(causes) => {
            let words = |c: &Cause| {
                let text = c.text.clone().unwrap_or_default();
                format!(
                    "{};cause={};text=\"{text}\"",
                    c.protocol,
                    c.cause.unwrap_or_default()
                )
            };
            report.reason = causes.first().map(words);
        }
        _ => {}
    }
}

/// Transport and address of a URI.
fn target(uri: &Uri) -> Result<(Transport, SocketAddr), Failure> {
    let parts = uri.sip().ok_or("URI: not a sip: address")?;
    let transport = match parts.params.get("transport").and_then(Transport::from_name) {
        Some(Transport::Tcp) => Transport::Tcp,
        _ => Transport::Udp,
    };
    let port = parts.port.unwrap_or(transport.default_port());
    let host = parts.host.to_string();
    let mut found = (host.trim_matches(['[', ']']), port).to_socket_addrs()?;
    Ok((transport, found.next().ok_or("URI: host has no address")?))
}

/// Our address on the way to `target`.
async fn towards(target: SocketAddr) -> Result<IpAddr, Failure> {
    let any: SocketAddr = if target.is_ipv4() {
        "0.0.0.0:0".parse()?
    } else {
        "[::]:0".parse()?
    };
    let probe = UdpSocket::bind(any).await?;
    probe.connect(target).await?;
    Ok(probe.local_addr()?.ip())
}

async fn open_sip(local: IpAddr, transport: Transport) -> Result<(Sip, mpsc::Receiver<NewCall>), Failure> {
    let settings = SipSettings {
        listen: vec![SipListen {
            transport: match transport {
                Transport::Tcp => SipTransport::Tcp,
                _ => SipTransport::Udp,
            },
            address: SocketAddr::new(local, 0),
        }],
        advertise: local,
        connections: 16,
        dns: Vec::new(),
        tls: Arc::new(Tls::load(&TlsSettings::default())?),
    };
    let everywhere = ["0.0.0.0/0", "::/0"].map(|net| net.parse().map(|net| (net, "all".into())));
    let everywhere = everywhere.into_iter().collect::<Result<Vec<_>, _>>()?;
    let parts = SipParts {
        filter: Arc::new(SourceFilter::new(everywhere, 100_000)),
        metrics: Arc::new(Metrics::new()),
        health: Arc::new(Health::default()),
        doorkeeper: None,
    };
    // A test caller needs nobody to look after its parts: it ends with its call.
    Ok(Sip::start(settings, parts, &Supervisor::new().0).await?)
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
