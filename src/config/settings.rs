//! All settings with their defaults. `config/omnigate.toml` documents them one by one.

use super::origin::OriginPattern;
use super::recording::{Recording, Webhook, WebhookRules, policy};
use super::secret::Secret;
use ipnet::IpNet;
use omnigate_omnitalk::RecordPolicy;
use omnigate_rtc::VideoCodec;
use serde::Deserialize;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

/// Everything that can be set.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Page, signaling, API, health, metrics.
    pub http: Http,
    /// SIP sockets.
    pub sip: Sip,
    /// RTP and WebRTC.
    pub media: Media,
    /// Who may call in.
    pub trunk: Vec<Trunk>,
    /// Omnitalk services.
    pub service: Vec<Service>,
    /// The call flow.
    pub ivr: Ivr,
    /// Where numbers are looked up.
    pub directory: Directory,
    /// Recordings.
    pub recording: Recording,
    /// What holds for the webhooks of all services.
    pub webhook: WebhookRules,
    /// Persistence.
    pub store: Store,
    /// `/api/v1`.
    pub api: Api,
    /// An external TURN server.
    pub turn: Turn,
    /// Rooms and sessions.
    pub rooms: Rooms,
    /// Logs.
    pub log: Log,
    /// Ending.
    pub shutdown: Shutdown,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            http: Http::default(),
            sip: Sip::default(),
            media: Media::default(),
            trunk: vec![Trunk::default()],
            service: vec![Service::default()],
            ivr: Ivr::default(),
            directory: Directory::default(),
            recording: Recording::default(),
            webhook: WebhookRules::default(),
            store: Store::default(),
            api: Api::default(),
            turn: Turn::default(),
            rooms: Rooms::default(),
            log: Log::default(),
            shutdown: Shutdown::default(),
        }
    }
}

/// `http.*`
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub struct Http {
    /// Address and port.
    pub listen: SocketAddr,
    /// With both files: HTTPS and WSS only.
    pub tls: Tls,
    /// Address of this server as others reach it, without a path: for links in webhooks.
    pub public_url: Option<String>,
    /// Origins whose pages may open WebSockets; empty: any.
    #[serde(deserialize_with = "one_or_many")]
    pub origins: Vec<OriginPattern>,
    /// Reverse proxies whose word about their clients' addresses is believed.
    #[serde(deserialize_with = "one_or_many")]
    pub trusted_proxies: Vec<IpNet>,
    /// What one client may take.
    pub limits: HttpLimits,
}

impl Default for Http {
    fn default() -> Http {
        Http {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            tls: Tls::default(),
            public_url: None,
            origins: Vec::new(),
            trusted_proxies: Vec::new(),
            limits: HttpLimits::default(),
        }
    }
}

/// `http.tls.*`: both or neither.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Tls {
    /// PEM file: the certificate, then those of the authorities between.
    pub certificate: Option<PathBuf>,
    /// PEM file: its private key.
    pub key: Option<PathBuf>,
}

/// `http.limits.*`. An address is an IPv4 address or an IPv6 /64 network.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub struct HttpLimits {
    /// Open connections of one address.
    pub connections: u32,
    /// Open connections of all addresses.
    pub total_connections: u32,
    /// New connections a second of one address, in the long run.
    pub connections_per_second: u32,
    /// New connections of one address at once.
    pub connections_burst: u32,
    /// New WebSockets a minute of one address, and as many at once.
    pub sessions_per_minute: u32,
    /// Messages a second of one WebSocket, in the long run.
    pub requests_per_second: u32,
    /// Messages of one WebSocket at once.
    pub requests_burst: u32,
    /// Counts this machine's own addresses as well.
    pub loopback: bool,
}

impl Default for HttpLimits {
    fn default() -> HttpLimits {
        HttpLimits {
            connections: 200,
            total_connections: 20_000,
            connections_per_second: 20,
            connections_burst: 100,
            sessions_per_minute: 200,
            requests_per_second: 50,
            requests_burst: 200,
            loopback: false,
        }
    }
}

/// `sip.*`
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub struct Sip {
    /// `udp://ADDRESS:PORT` and `tcp://ADDRESS:PORT`.
    pub listen: Vec<SipListen>,
    /// Address in Contact, Via and SDP; `None`: first non-loopback address, else 127.0.0.1.
    pub advertise: Option<IpAddr>,
    /// Packets a second taken from one address, in a burst of twice as many.
    pub packets_per_second: u32,
    /// TCP connections from all peers.
    pub connections: usize,
    /// Calls at once; more are refused with 503.
    pub calls: usize,
}

impl Default for Sip {
    fn default() -> Sip {
        let any = |port| SocketAddr::from(([0, 0, 0, 0], port));
        Sip {
            listen: vec![
                SipListen {
                    transport: SipTransport::Udp,
                    address: any(5060),
                },
                SipListen {
                    transport: SipTransport::Tcp,
                    address: any(5060),
                },
            ],
            advertise: None,
            packets_per_second: 1000,
            connections: 256,
            calls: 2000,
        }
    }
}

/// How SIP is carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SipTransport {
    /// Datagrams.
    Udp,
    /// Streams.
    Tcp,
}

/// One SIP listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SipListen {
    /// UDP or TCP.
    pub transport: SipTransport,
    /// Where.
    pub address: SocketAddr,
}

impl<'de> Deserialize<'de> for SipListen {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<SipListen, D::Error> {
        let text = String::deserialize(d)?;
        let parsed = text.split_once("://").and_then(|(scheme, address)| {
            let transport = match scheme {
                "udp" => SipTransport::Udp,
                "tcp" => SipTransport::Tcp,
                _ => return None,
            };
            Some(SipListen {
                transport,
                address: address.parse().ok()?,
            })
        });
        parsed.ok_or_else(|| {
            serde::de::Error::custom(format!(
                "`{text}` is not udp://ADDRESS:PORT or tcp://ADDRESS:PORT"
            ))
        })
    }
}

/// `media.*`
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub struct Media {
    /// Addresses in SDP and ICE candidates; empty: as `sip.advertise`.
    #[serde(deserialize_with = "one_or_many")]
    pub advertise: Vec<IpAddr>,
    /// Ports of phone legs, `FIRST-LAST`.
    pub rtp_ports: PortRange,
    /// First WebRTC port, one a shard from there; 0: any free port.
    pub webrtc_port: u16,
    /// Takes WebRTC over TCP on the same port numbers.
    pub webrtc_tcp: bool,
    /// Media threads; 0: number of cores.
    pub shards: usize,
    /// A leg without RTP for this many seconds, while not on hold, ends.
    pub rtp_timeout_seconds: u64,
    /// Video codecs, the preferred one first.
    #[serde(deserialize_with = "video_codecs")]
    pub video_codecs: Vec<VideoCodec>,
}

impl Default for Media {
    fn default() -> Media {
        Media {
            advertise: Vec::new(),
            rtp_ports: PortRange {
                first: 20_000,
                last: 29_999,
            },
            webrtc_port: 40_000,
            webrtc_tcp: true,
            shards: 0,
            rtp_timeout_seconds: 30,
            video_codecs: VideoCodec::ALL.to_vec(),
        }
    }
}

/// `FIRST-LAST`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortRange {
    /// First port.
    pub first: u16,
    /// Last port.
    pub last: u16,
}

impl<'de> Deserialize<'de> for PortRange {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<PortRange, D::Error> {
        let text = String::deserialize(d)?;
        let parsed = text.split_once('-').and_then(|(a, b)| {
            let range = PortRange {
                first: a.trim().parse().ok()?,
                last: b.trim().parse().ok()?,
            };
            (range.first > 0 && range.first < range.last).then_some(range)
        });
        parsed.ok_or_else(|| serde::de::Error::custom(format!("`{text}` is not FIRST-LAST, as 20000-29999")))
    }
}

/// One `[[trunk]]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub struct Trunk {
    /// Name in logs and metrics.
    pub name: String,
    /// Networks that may send.
    #[serde(deserialize_with = "one_or_many")]
    pub allow: Vec<IpNet>,
    /// Numbers that may be dialled; a trailing `*` stands for any rest; empty: any number.
    #[serde(deserialize_with = "one_or_many")]
    pub numbers: Vec<String>,
    /// Numbering plan, ISO code.
    pub country: String,
    /// Prompt language; `None`: `ivr.language`.
    pub language: Option<Language>,
    /// Only call numbers of this service are connected; `None`: of any.
    pub service: Option<String>,
    /// What is recorded because a caller comes by this trunk.
    #[serde(deserialize_with = "policy")]
    pub record: RecordPolicy,
}

impl Default for Trunk {
    fn default() -> Trunk {
        let loopback = ["127.0.0.0/8", "::1/128"];
        Trunk {
            name: "local".into(),
            allow: loopback.iter().filter_map(|n| n.parse().ok()).collect(),
            numbers: Vec::new(),
            country: "KR".into(),
            language: None,
            service: None,
            record: RecordPolicy::default(),
        }
    }
}

/// One `[[service]]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub struct Service {
    /// Service ID of the SDK.
    pub id: String,
    /// Service Key of the SDK.
    pub key: Option<Secret>,
    /// Refuse sessions without a key (services of mobile apps).
    pub key_required: bool,
    /// What is recorded without being asked.
    #[serde(deserialize_with = "policy")]
    pub record: RecordPolicy,
    /// Where events are posted.
    pub webhook: Webhook,
}

impl Default for Service {
    fn default() -> Service {
        Service {
            id: "demo".into(),
            key: Some("demo".into()),
            key_required: false,
            record: RecordPolicy::default(),
            webhook: Webhook::default(),
        }
    }
}

/// A prompt language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// Korean.
    Ko,
    /// English.
    En,
}

/// `ivr.*`
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub struct Ivr {
    /// Prompt language.
    pub language: Language,
    /// Folder of replacements, with `ko/` and `en/`.
    pub prompts: Option<PathBuf>,
    /// Time for the first digit, seconds.
    pub first_digit_seconds: u64,
    /// Time between digits, seconds.
    pub inter_digit_seconds: u64,
    /// Entries a call.
    pub tries: u32,
    /// How long an app rings, seconds.
    pub ring_seconds: u64,
    /// Wrong entries an hour from one caller before it is refused.
    pub wrong_per_caller: u32,
    /// Wrong entries an hour on one called number before calls get a single try.
    pub wrong_per_number: u32,
}

impl Default for Ivr {
    fn default() -> Ivr {
        Ivr {
            language: Language::Ko,
            prompts: None,
            first_digit_seconds: 10,
            inter_digit_seconds: 5,
            tries: 3,
            ring_seconds: 60,
            wrong_per_caller: 10,
            wrong_per_number: 200,
        }
    }
}

/// `directory.*`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Directory {
    /// Base address of another omnigate, `https://host`; `None`: embedded.
    pub url: Option<String>,
    /// Bearer token.
    pub token: Option<Secret>,
}

/// `store.*`
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub struct Store {
    /// Database.
    pub url: String,
}

impl Default for Store {
    fn default() -> Store {
        Store {
            url: "sqlite://data/omnigate.db".into(),
        }
    }
}

/// `api.*`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Api {
    /// Bearer token; `None`: loopback only.
    pub token: Option<Secret>,
}

/// `turn.*`
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub struct Turn {
    /// The TURN server's `static-auth-secret`; `None`: no TURN server.
    pub secret: Option<Secret>,
    /// How long a session's credentials are valid, seconds.
    pub lifetime_seconds: u64,
}

impl Default for Turn {
    fn default() -> Turn {
        Turn {
            secret: None,
            lifetime_seconds: 86_400,
        }
    }
}

/// `rooms.*`
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub struct Rooms {
    /// A room without participants goes after this many seconds.
    pub empty_seconds: u64,
    /// Heartbeat of sessions, seconds.
    pub heartbeat_seconds: u64,
    /// Wrong room secrets of one client before rooms with a secret are barred to it.
    pub wrong_secrets: u32,
    /// Wrong secrets for one room, whoever gives them, after which the first wrong one bars.
    pub wrong_secrets_per_room: u32,
    /// How long the bar is, seconds; wrong secrets are forgotten after as long without another one.
    pub secret_bar_seconds: u64,
}

impl Default for Rooms {
    fn default() -> Rooms {
        Rooms {
            empty_seconds: 600,
            heartbeat_seconds: 20,
            wrong_secrets: 10,
            wrong_secrets_per_room: 100,
            secret_bar_seconds: 60,
        }
    }
}

/// `log.*`
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub struct Log {
    /// `error`, `warn`, `info`, `debug` or `trace`.
    pub level: LogLevel,
    /// `auto`: for people on a terminal, JSON otherwise.
    pub format: LogFormat,
}

impl Default for Log {
    fn default() -> Log {
        Log {
            level: LogLevel::Info,
            format: LogFormat::Auto,
        }
    }
}

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

/// How logs look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum LogFormat {
    Auto,
    Text,
    Json,
}

/// `shutdown.*`
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub struct Shutdown {
    /// Time that running calls get after SIGTERM, seconds.
    pub drain_seconds: u64,
}

impl Default for Shutdown {
    fn default() -> Shutdown {
        Shutdown { drain_seconds: 30 }
    }
}

/// Names of video codecs; a fault says which is nearest.
fn video_codecs<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Vec<VideoCodec>, D::Error> {
    let names: Vec<String> = one_or_many(d)?;
    let codec = |name: &String| {
        name.parse().map_err(|e| {
            let nearest = VideoCodec::ALL
                .into_iter()
                .min_by_key(|c| strsim::damerau_levenshtein(c.name(), &name.to_ascii_lowercase()))
                .filter(|c| strsim::damerau_levenshtein(c.name(), &name.to_ascii_lowercase()) <= 2)
                .map(|c| format!("; did you mean `{c}`?"))
                .unwrap_or_default();
            serde::de::Error::custom(format!("`{name}` {e}{nearest}"))
        })
    };
    names.iter().map(codec).collect()
}

/// A list, or one value in its place.
pub(super) fn one_or_many<'de, D, T>(d: D) -> Result<Vec<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        One(String),
        Many(Vec<String>),
    }
    let all = match Written::deserialize(d)? {
        Written::One(one) => one
            .split(',')
            .map(|s| s.trim().to_owned())
            .filter(|s| !s.is_empty())
            .collect(),
        Written::Many(many) => many,
    };
    all.iter()
        .map(|t| {
            t.parse()
                .map_err(|e| serde::de::Error::custom(format!("`{t}`: {e}")))
        })
        .collect()
}
