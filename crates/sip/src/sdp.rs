//! Reading and writing the parts of SDP (RFC 8866) that a telephone leg needs.

use crate::dtls::{Handshaking, Written};
use crate::sdes::Crypto;
use omnigate_audio::codec::Codec;
use sdp_types::{Attribute, Connection, Media, Origin, RtpMap, Session, Time};
use std::net::{IpAddr, SocketAddr};

/// Attribute that carries a key (RFC 4568).
const CRYPTO: &str = "crypto";
/// Sealed up to the edge of the network (3GPP TS 24.229).
const EDGE: &str = "3ge2ae";

/// Largest session description read, bytes.
pub const MAX_SDP: usize = 16 * 1024;

/// Who sends media, from the side that wrote it (RFC 3264 section 5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Direction {
    /// Both.
    #[default]
    SendRecv,
    /// The writer only sends.
    SendOnly,
    /// The writer only receives.
    RecvOnly,
    /// Nobody sends.
    Inactive,
}

impl Direction {
    /// The same stream seen from the other side, limited to what the answerer is willing to do (all).
    pub fn reversed(self) -> Direction {
        match self {
            Direction::SendRecv => Direction::SendRecv,
            Direction::SendOnly => Direction::RecvOnly,
            Direction::RecvOnly => Direction::SendOnly,
            Direction::Inactive => Direction::Inactive,
        }
    }

    /// True when the side that wrote it sends media.
    pub fn sends(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::SendOnly)
    }

    /// True when the side that wrote it wants to receive media.
    pub fn receives(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::RecvOnly)
    }

    fn name(self) -> &'static str {
        match self {
            Direction::SendRecv => "sendrecv",
            Direction::SendOnly => "sendonly",
            Direction::RecvOnly => "recvonly",
            Direction::Inactive => "inactive",
        }
    }
}

/// The RTP profile of an audio line, which an answer repeats (RFC 4585 section 4.2, RFC 3264 section 6.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Profile {
    /// RTP/AVP (RFC 3551).
    #[default]
    Avp,
    /// RTP/AVPF (RFC 4585): with early feedback, which nobody has to send.
    Avpf,
    /// RTP/SAVP (RFC 3711): sealed.
    Savp,
    /// RTP/SAVPF (RFC 5124): sealed, with early feedback.
    Savpf,
    /// UDP/TLS/RTP/SAVP (RFC 5764): sealed, with keys of a DTLS handshake.
    DtlsSavp,
    /// UDP/TLS/RTP/SAVPF: the same with early feedback.
    DtlsSavpf,
}

impl Profile {
    const ALL: [Profile; 6] = [
        Profile::Avp,
        Profile::Avpf,
        Profile::Savp,
        Profile::Savpf,
        Profile::DtlsSavp,
        Profile::DtlsSavpf,
    ];

    fn name(self) -> &'static str {
        match self {
            Profile::Avp => "RTP/AVP",
            Profile::Avpf => "RTP/AVPF",
            Profile::Savp => "RTP/SAVP",
            Profile::Savpf => "RTP/SAVPF",
            Profile::DtlsSavp => "UDP/TLS/RTP/SAVP",
            Profile::DtlsSavpf => "UDP/TLS/RTP/SAVPF",
        }
    }

    /// Media must be sealed.
    pub fn is_sealed(self) -> bool {
        !matches!(self, Profile::Avp | Profile::Avpf)
    }

    /// Its keys are those of a DTLS handshake, and no others.
    pub fn is_dtls(self) -> bool {
        matches!(self, Profile::DtlsSavp | Profile::DtlsSavpf)
    }

    fn parse(name: &str) -> Option<Profile> {
        Profile::ALL.into_iter().find(|profile| profile.name() == name)
    }
}

/// One format of a media line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Format {
    /// RTP payload type, 0 to 127.
    pub payload_type: u8,
    /// Encoding name as written, `PCMU` and so on; static types are named without an rtpmap.
    pub name: String,
    /// Clock rate, Hz.
    pub clock_rate: u32,
    /// Channels, 1 where none are said.
    pub channels: u32,
    /// Its `fmtp`, as `maxaveragebitrate=32000;useinbandfec=1`; empty without one.
    pub parameters: String,
}

impl Format {
    /// The value of a parameter that is a number.
    pub fn parameter(&self, name: &str) -> Option<u32> {
        let mut all = self.parameters.split(';').filter_map(|one| one.split_once('='));
        let (_, value) = all.find(|(key, _)| key.trim().eq_ignore_ascii_case(name))?;
        value.trim().parse().ok()
    }
}

/// One media line of a description.
#[derive(Debug, Clone)]
pub struct MediaLine {
    /// The line as parsed: its type, protocol and formats are repeated when it is refused.
    raw: Media,
    /// Its profile; one that is not ours makes it unusable.
    pub profile: Profile,
    /// Formats in the writer's order of preference.
    pub formats: Vec<Format>,
    /// Where the writer wants RTP.
    pub rtp: Option<SocketAddr>,
    /// Where the writer wants RTCP (RFC 3605); the next port when it does not say.
    pub rtcp: Option<SocketAddr>,
    /// Direction from the writer's side.
    pub direction: Direction,
    /// The address was 0.0.0.0 or `::`: hold in the manner of RFC 2543.
    pub null_address: bool,
    /// Keys of what the writer sends, as far as we can do their suites, in the writer's order.
    pub crypto: Vec<Crypto>,
    /// What it says of a DTLS handshake.
    pub dtls: Handshaking,
    /// Packet time the writer prefers to receive, milliseconds.
    pub ptime_ms: Option<u32>,
    /// Longest packet time the writer takes, milliseconds.
    pub maxptime_ms: Option<u32>,
}

impl MediaLine {
    /// `audio` over RTP, plain or sealed, with a port that is not zero.
    pub fn is_usable_audio(&self) -> bool {
        self.raw.media == "audio"
            && Profile::parse(&self.raw.proto).is_some()
            && self.raw.port != 0
            && self.rtp.is_some()
    }

    /// What the line offers, for a refusal: `PCMU/8000, G729/8000` or `m=image udptl`.
    pub fn describe(&self) -> String {
        if self.raw.media == "audio" && self.raw.proto.starts_with("RTP/AVP") {
            let names: Vec<String> = self
                .formats
                .iter()
                .map(|f| format!("{}/{}", f.name, f.clock_rate))
                .collect();
            return names.join(", ");
        }
        format!("{} {}", self.raw.media, self.raw.proto)
    }
}

/// A parsed session description.
#[derive(Debug, Clone)]
pub struct Description {
    /// Media lines in order.
    pub media: Vec<MediaLine>,
}

/// Why a description cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SdpError {
    /// Larger than [`MAX_SDP`].
    #[error("session description of {0} bytes is larger than {MAX_SDP}")]
    TooLarge(usize),
    /// Not SDP.
    #[error("session description cannot be parsed: {0}")]
    Malformed(String),
    /// It has no media line.
    #[error("session description has no media line")]
    NoMedia,
}

impl Description {
    /// Parses SDP as carriers send it: Latin-1 names, LF line ends and oversized `o=` numbers are repaired.
    pub fn parse(body: &[u8]) -> Result<Description, SdpError> {
        if body.len() > MAX_SDP {
            return Err(SdpError::TooLarge(body.len()));
        }
        let text = String::from_utf8_lossy(body);
        let repaired = repair_origin(&text);
        let session = Session::parse(repaired.as_bytes()).map_err(|e| SdpError::Malformed(e.to_string()))?;
        let session_direction = direction_of(session.attributes.iter());
        let media: Vec<MediaLine> = session
            .medias
            .iter()
            .map(|m| media_line(m, &session, session_direction))
            .collect();
        if media.is_empty() {
            return Err(SdpError::NoMedia);
        }
        Ok(Description { media })
    }
}

/// `o=` versions above 64 bits and missing fields occur; neither matters to us.
fn repair_origin(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for line in text.split('\n') {
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.is_empty() {
            continue;
        }
        if let Some(rest) = line.strip_prefix("o=") {
            let mut fields: Vec<&str> = rest.split_whitespace().collect();
            if fields.len() > 2 && fields[2].parse::<u64>().is_err() {
                fields[2] = "0";
            }
            out.push_str("o=");
            out.push_str(&fields.join(" "));
        } else {
            out.push_str(line);
        }
        out.push_str("\r\n");
    }
    out
}

fn direction_of<'a>(attributes: impl Iterator<Item = &'a Attribute>) -> Option<Direction> {
    let mut found = None;
    for a in attributes {
        found = match a.attribute.to_ascii_lowercase().as_str() {
            "sendrecv" => Some(Direction::SendRecv),
            "sendonly" => Some(Direction::SendOnly),
            "recvonly" => Some(Direction::RecvOnly),
            "inactive" => Some(Direction::Inactive),
            _ => found,
        };
    }
    found
}

fn media_line(m: &Media, session: &Session, default: Option<Direction>) -> MediaLine {
    let connection = m.connections.first().or(session.connection.as_ref());
    let address: Option<IpAddr> = connection.and_then(|c| {
        c.connection_address
            .split('/')
            .next()
            .and_then(|a| a.parse::<IpAddr>().ok())
            .map(|a| a.to_canonical())
    });
    let number = |name: &str| {
        m.get_first_attribute_value(name)
            .flatten()
            .and_then(|v| v.trim().parse::<f32>().ok())
            .map(|v| v as u32)
    };
    let rtcp = m.get_first_attribute_value("rtcp").flatten().and_then(|v| {
        let mut fields = v.split_whitespace();
        let port: u16 = fields.next()?.parse().ok()?;
        let ip = fields.nth(2).and_then(|a| a.parse().ok()).or(address)?;
        Some(SocketAddr::new(ip, port))
    });
    let rtp = address.map(|ip| SocketAddr::new(ip, m.port));
    MediaLine {
        profile: Profile::parse(&m.proto).unwrap_or_default(),
        formats: formats(m),
        rtp,
        rtcp: rtcp.or_else(|| rtp.and_then(|a| Some(SocketAddr::new(a.ip(), a.port().checked_add(1)?)))),
        direction: direction_of(m.attributes.iter()).or(default).unwrap_or_default(),
        null_address: address.is_some_and(|a| a.is_unspecified()),
        ptime_ms: number("ptime"),
        maxptime_ms: number("maxptime"),
        crypto: crypto(m),
        dtls: Handshaking::read(&m.attributes, &session.attributes),
        raw: without_keys(m),
    }
}

fn crypto(m: &Media) -> Vec<Crypto> {
    let ours = |a: &Attribute| {
        (a.attribute == CRYPTO)
            .then(|| Crypto::parse(a.value.as_deref()?))
            .flatten()
    };
    m.attributes.iter().filter_map(ours).collect()
}

/// Keys are kept where nobody shows them.
fn without_keys(m: &Media) -> Media {
    let mut m = m.clone();
    m.attributes.retain(|a| a.attribute != CRYPTO);
    m
}

fn formats(m: &Media) -> Vec<Format> {
    let maps: Vec<RtpMap> = m.attributes_typed::<RtpMap>().filter_map(Result::ok).collect();
    let format = |payload_type: u8| {
        let map = maps.iter().find(|map| map.payload_type == payload_type);
        let (name, clock_rate) = match map {
            Some(map) => (map.encoding_name.clone(), map.clock_rate),
            None => {
                let (name, clock_rate) = static_format(payload_type);
                (name.to_owned(), clock_rate)
            }
        };
        let channels = map.and_then(|map| map.encoding_params.as_ref()?.trim().parse().ok());
        Format {
            payload_type,
            name,
            clock_rate,
            channels: channels.unwrap_or(1),
            parameters: parameters(m, payload_type),
        }
    };
    let numbers = m.fmt.split_whitespace().filter_map(|f| f.parse().ok());
    numbers.filter(|number| *number < 128).map(format).collect()
}

/// What `a=fmtp` says of a payload type.
fn parameters(m: &Media, payload_type: u8) -> String {
    let of = |a: &Attribute| {
        let (number, rest) = a.value.as_deref()?.trim().split_once(char::is_whitespace)?;
        let its = a.attribute.eq_ignore_ascii_case("fmtp") && number.parse() == Ok(payload_type);
        its.then(|| rest.trim().to_owned())
    };
    m.attributes.iter().find_map(of).unwrap_or_default()
}

/// RFC 3551 table 4, as far as telephones use it.
fn static_format(payload_type: u8) -> (&'static str, u32) {
    match payload_type {
        0 => ("PCMU", 8000),
        3 => ("GSM", 8000),
        4 => ("G723", 8000),
        8 => ("PCMA", 8000),
        9 => ("G722", 8000),
        13 => ("CN", 8000),
        15 => ("G728", 8000),
        18 => ("G729", 8000),
        _ => ("unknown", 8000),
    }
}

/// What one of our own audio lines says.
pub struct AudioLine<'a> {
    /// Our RTP address.
    pub local: SocketAddr,
    /// Profile of the session.
    pub profile: Profile,
    /// Speech formats, payload type and codec.
    pub speech: &'a [(u8, Codec)],
    /// Payload types of telephone-event, each with its clock, Hz.
    pub events: &'a [(u8, u32)],
    /// Payload type of comfort noise.
    pub comfort_noise: Option<u8>,
    /// Our keys.
    pub crypto: &'a [Crypto],
    /// What it says of a DTLS handshake.
    pub dtls: Option<Written>,
    /// It asks to be sealed up to the edge of the network.
    pub to_the_edge: bool,
    /// Packet time, milliseconds.
    pub ptime_ms: u32,
    /// Direction from our side.
    pub direction: Direction,
}

/// Writes a description. `lines` follows the offer's media lines: `Ok` is our audio line, `Err` the refused
/// line that is repeated with port 0 (RFC 3264 section 6).
pub fn write(
    session_id: u64,
    version: u64,
    ip: IpAddr,
    lines: &[Result<&AudioLine<'_>, &MediaLine>],
) -> String {
    let mut session = Session::new(
        Origin::with_ip_addr(session_id.to_string(), version, ip),
        "omnigate",
    );
    session.set_connection(Connection::from_ip_addr(ip));
    session.add_time(Time::new(0, 0));
    for line in lines {
        session.add_media(match line {
            Ok(audio) => audio_media(audio),
            Err(refused) => {
                let mut m = refused.raw.clone();
                m.port = 0;
                m.num_ports = None;
                m.connections.clear();
                m.attributes.clear();
                m.bandwidths.clear();
                m.key = None;
                m.media_title = None;
                m
            }
        });
    }
    let mut out = Vec::new();
    // Writing into a Vec cannot fail.
    let _ = session.write(&mut out);
    String::from_utf8_lossy(&out).into_owned()
}

fn audio_media(audio: &AudioLine<'_>) -> Media {
    let mut types: Vec<String> = audio.speech.iter().map(|(pt, _)| pt.to_string()).collect();
    types.extend(audio.comfort_noise.map(|pt| pt.to_string()));
    types.extend(audio.events.iter().map(|(pt, _)| pt.to_string()));
    let mut m = Media::new(
        sdp_types::MediaType::Audio,
        audio.local.port(),
        sdp_types::TransportProto::RtpAvp,
        types.join(" "),
    );
    m.proto = audio.profile.name().to_owned();
    for (pt, codec) in audio.speech {
        let (name, clock) = (codec.name(), codec.clock_hz());
        let channels = match codec.channels() {
            1 => String::new(),
            more => format!("/{more}"),
        };
        m.add_attribute_with_value("rtpmap", format!("{pt} {name}/{clock}{channels}"));
        if *codec == Codec::Opus {
            m.add_attribute_with_value("fmtp", format!("{pt} useinbandfec=1"));
        }
    }
    if let Some(pt) = audio.comfort_noise {
        m.add_attribute_with_value("rtpmap", format!("{pt} CN/8000"));
    }
    for (pt, clock) in audio.events {
        m.add_attribute_with_value("rtpmap", format!("{pt} telephone-event/{clock}"));
        m.add_attribute_with_value("fmtp", format!("{pt} 0-15"));
    }
    for crypto in audio.crypto {
        m.add_attribute_with_value(CRYPTO, crypto.write());
    }
    if let Some(dtls) = audio.dtls {
        dtls.write(&mut m);
    }
    if audio.to_the_edge {
        m.add_attribute_with_value(EDGE, "requested");
    }
    m.add_attribute_with_value("ptime", audio.ptime_ms);
    m.add_attribute_from_str(audio.direction.name());
    m
}
