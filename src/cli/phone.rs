//! `omnigate phone`: a test caller on the same line as every call.

use super::ears::Ears;
use super::output::{Failure, complain, say};
use super::phone_report::Report;
use crate::config::{Settings, SipListen, SipTransport, Srtp, SrtpKeys, TrunkCodec};
use crate::gateway::{PhoneCall, PhonePlan, phone};
use crate::media::{MediaPlane, MediaSettings};
use crate::observe::{Health, Metrics};
use crate::sip::{NewCall, Sip, SipParts, SipSettings, SourceFilter, Tls, TlsSettings};
use crate::supervise::Supervisor;
use crate::trunks::{Trunk, TrunkNetwork, Trunks};
use clap::Args;
use ipnet::IpNet;
use omnigate_audio::dtmf::Key;
use omnigate_sip::message::{Transport, Uri};
use std::io::IsTerminal;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

/// Frames of 20 ms that may wait to be kept.
const PLACES: usize = 64;
/// What the last message needs to leave.
const GOODBYE: Duration = Duration::from_millis(50);
/// Its RTP ports: not those that a service beside it has by default.
const RTP_PORTS: std::ops::RangeInclusive<u16> = 48_000..=59_999;
/// It waits for sound for as long as it is told to.
const SILENCE: Duration = Duration::from_secs(86_400);

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
    /// Keep what is heard in this WAV file (mono, at the rate of the codec: 8 kHz for G.711).
    #[arg(long, value_name = "WAV")]
    hear: Option<PathBuf>,
    /// Hang up this many seconds after the answer; default: when all is keyed and said.
    #[arg(long = "for", value_name = "SECONDS")]
    seconds: Option<f64>,
    /// Codecs that it has, the preferred one first: pcma, pcmu, g722, l16, opus.
    #[arg(
        long,
        value_name = "CODECS",
        value_delimiter = ',',
        default_value = "pcma,pcmu"
    )]
    codecs: Vec<TrunkCodec>,
    /// Whether its media are sealed (SRTP): off, optional or required.
    #[arg(long, value_name = "SRTP", default_value = "off")]
    srtp: Srtp,
    /// How the keys of sealed media are agreed on, the preferred way first: sdes, dtls.
    #[arg(long, value_name = "WAYS", value_delimiter = ',', default_value = "sdes")]
    srtp_keys: Vec<SrtpKeys>,
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
    let says = match &a.say {
        Some(path) => {
            omnigate_audio::wav::read(path, 8_000).map_err(|e| format!("--say: {}: {e}", path.display()))?
        }
        None => Vec::new(),
    };
    let plan = PhonePlan {
        keys,
        keys_after: time(a.digits_after),
        says: !says.is_empty(),
        stays: a.seconds.map(time),
    };
    let meter = !a.json && std::io::stderr().is_terminal();
    let mut ears = Ears::new(a.hear.is_some(), meter);
    let result = call(&a, plan, says.into(), &mut ears).await;
    if meter {
        complain("");
    }
    let report = result?;
    say(&if a.json {
        serde_json::to_string(&report)?
    } else {
        report.text()
    });
    if !report.answered {
        return Err(format!("the call was not answered: status {}", report.status).into());
    }
    match &a.hear {
        Some(path) => ears
            .keep(path)
            .map_err(|e| format!("--hear: {}: {e}", path.display()).into()),
        None => Ok(()),
    }
}

fn time(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(SILENCE)
}

async fn call(
    a: &PhoneArguments,
    plan: PhonePlan,
    says: Arc<[i16]>,
    ears: &mut Ears,
) -> Result<Report, Failure> {
    let to: Uri = a.uri.parse().map_err(|e| format!("URI: {e}"))?;
    let (transport, at) = target(&to)?;
    let own = towards(at).await?;
    let supervisor = Supervisor::new().0;
    let (sip, _incoming) = open_sip(own, transport, &supervisor).await?;
    let media = open_media(own, &supervisor)?;
    let (heard, sounds) = mpsc::channel(PLACES);
    let call = PhoneCall {
        to,
        at: (transport, at),
        from: a.from.clone(),
        plan,
        says,
        hears: heard,
    };
    let stop = async {
        let _ = tokio::signal::ctrl_c().await;
    };
    let parts = (&*media, &sip, trunk(a)?);
    let (outcome, ()) = tokio::join!(phone(parts, call, stop), ears.listen(sounds));
    // Lets the BYE, or the answer to one, leave before the sockets close.
    tokio::time::sleep(GOODBYE).await;
    Ok(Report::new(outcome?))
}

/// The trunk that it calls by: of nobody's, with the codecs that it has.
fn trunk(a: &PhoneArguments) -> Result<Arc<Trunk>, Failure> {
    let mut settings = Settings::default();
    let trunk = settings.trunk.first_mut().ok_or("no trunk")?;
    trunk.codecs.clone_from(&a.codecs);
    trunk.srtp = a.srtp;
    trunk.srtp_keys.clone_from(&a.srtp_keys);
    // Whoever is called says where its media are, and may send them from elsewhere.
    trunk.media = everywhere()?;
    let trunks = Trunks::new(&settings);
    let trunk = trunks.all().next().cloned();
    Ok(trunk.ok_or("no trunk")?)
}

fn everywhere() -> Result<Vec<IpNet>, Failure> {
    Ok(vec!["0.0.0.0/0".parse()?, "::/0".parse()?])
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

async fn open_sip(
    local: IpAddr,
    transport: Transport,
    supervisor: &Supervisor,
) -> Result<(Sip, mpsc::Receiver<NewCall>), Failure> {
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
    let all = |net| TrunkNetwork::named(net, "all");
    let everywhere = everywhere()?.into_iter().map(all).collect();
    let now = tokio::time::Instant::now().into_std();
    let parts = SipParts {
        filter: Arc::new(SourceFilter::new(everywhere, 100_000, now)),
        metrics: Arc::new(Metrics::new()),
        health: Arc::new(Health::default()),
        doorkeeper: None,
    };
    // A test caller needs nobody to look after its parts: it ends with its call.
    Ok(Sip::start(settings, parts, supervisor).await?)
}

fn open_media(own: IpAddr, supervisor: &Supervisor) -> Result<Arc<MediaPlane>, Failure> {
    let settings = MediaSettings {
        bind: own,
        advertise: vec![own],
        rtp_ports: RTP_PORTS,
        webrtc_port: 0,
        webrtc_tcp: false,
        shards: 1,
        silence_timeout: SILENCE,
        video_codecs: Vec::new(),
    };
    let (events, _) = mpsc::unbounded_channel();
    Ok(MediaPlane::start(
        settings,
        events,
        supervisor,
        &Health::default(),
    )?)
}
