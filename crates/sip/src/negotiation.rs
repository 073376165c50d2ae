//! Offer and answer (RFC 3264) for one audio stream.

use crate::sdp::{self, AudioLine, Description, Direction, MediaLine, Payload, SdpError};
use std::net::{IpAddr, SocketAddr};

/// Packet time used when the other side states none that we can send, milliseconds.
pub const DEFAULT_PTIME_MS: u32 = 20;
/// Dynamic payload type under which our own offers list telephone-event.
const OFFERED_TELEPHONE_EVENT: u8 = 101;

/// Where this side receives media.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalMedia {
    /// Address written into SDP (the advertised one).
    pub ip: IpAddr,
    /// Even RTP port; RTCP is on the next one.
    pub port: u16,
}

/// What both sides agreed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreed {
    /// Where the other side wants RTP.
    pub remote_rtp: SocketAddr,
    /// Where the other side wants RTCP.
    pub remote_rtcp: Option<SocketAddr>,
    /// Codec that we send.
    pub payload: Payload,
    /// Payload type number of that codec.
    pub payload_type: u8,
    /// Every speech payload type that the other side may send.
    pub receive: Vec<(u8, Payload)>,
    /// Payload type of telephone-event (RFC 4733), when both have it.
    pub telephone_event: Option<u8>,
    /// Payload type of comfort noise (RFC 3389), when both have it.
    pub comfort_noise: Option<u8>,
    /// Packet time that we send, milliseconds: a multiple of 10 from 10 to 60.
    pub ptime_ms: u32,
    /// Direction from our side.
    pub direction: Direction,
}

impl Agreed {
    /// The other side put us on hold: it does not want to hear us or does not send.
    pub fn held(&self) -> bool {
        self.direction != Direction::SendRecv
    }
}

/// Why an offer or answer is refused: the status and the text of a Warning (RFC 3261 section 20.43).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The body is no SDP: 400.
    #[error("{0}")]
    Malformed(#[from] SdpError),
    /// No usable media line: 488 with warn-code 304 or 305.
    #[error("offered {offered}; allowed PCMU/8000 or PCMA/8000 over RTP/AVP")]
    NotAcceptable {
        /// Warn-code: 304 media type not available, 305 incompatible media format.
        code: u16,
        /// What was offered.
        offered: String,
    },
}

/// One side's offer/answer state: its own description's identity and version.
#[derive(Debug, Clone)]
pub struct Negotiator {
    local: LocalMedia,
    session_id: u64,
    version: u64,
    last_written: Option<String>,
    in_band_only: bool,
}

impl Negotiator {
    /// `session_id` is any number unlikely to repeat (RFC 8866 section 5.2).
    pub fn new(local: LocalMedia, session_id: u64) -> Negotiator {
        Negotiator {
            local,
            session_id,
            version: 1,
            last_written: None,
            in_band_only: false,
        }
    }

    /// Answers `offer`; the answer and what was agreed.
    pub fn answer(&mut self, offer: &[u8]) -> Result<(String, Agreed), Refusal> {
        let description = Description::parse(offer)?;
        let (index, mut agreed) = choose(&description)?;
        agreed.direction = local_direction(&description.media[index]);
        let answer = self.write(|n| {
            let lines: Vec<Result<AudioLine<'_>, &MediaLine>> = description
                .media
                .iter()
                .enumerate()
                .map(|(i, line)| {
                    if i == index {
                        Ok(n.line(&agreed, &agreed.receive))
                    } else {
                        Err(line)
                    }
                })
                .collect();
            sdp::write(n.session_id, n.version, n.local.ip, &lines)
        });
        Ok((answer, agreed))
    }

    /// Our own offer: everything that we can do.
    pub fn offer(&mut self) -> String {
        self.write(|n| {
            let line = AudioLine {
                local: SocketAddr::new(n.local.ip, n.local.port),
                speech: &[(0, Payload::Pcmu), (8, Payload::Pcma)],
                telephone_event: (!n.in_band_only).then_some(OFFERED_TELEPHONE_EVENT),
                comfort_noise: Some(13),
                ptime_ms: DEFAULT_PTIME_MS,
                direction: Direction::SendRecv,
            };
            sdp::write(n.session_id, n.version, n.local.ip, &[Ok(line)])
        })
    }

    /// Takes the other side's answer to our offer.
    pub fn accept(&mut self, answer: &[u8]) -> Result<Agreed, Refusal> {
        let description = Description::parse(answer)?;
        let (index, mut agreed) = choose(&description)?;
        agreed.direction = local_direction(&description.media[index]);
        Ok(agreed)
    }

    fn line<'a>(&self, agreed: &Agreed, speech: &'a [(u8, Payload)]) -> AudioLine<'a> {
        AudioLine {
            local: SocketAddr::new(self.local.ip, self.local.port),
            speech,
            telephone_event: agreed.telephone_event,
            comfort_noise: agreed.comfort_noise,
            ptime_ms: agreed.ptime_ms,
            direction: agreed.direction,
        }
    }

    /// RFC 3264 section 8: the version grows when, and only when, the description changes.
    fn write(&mut self, build: impl Fn(&Negotiator) -> String) -> String {
        let same = build(self);
        match &self.last_written {
            None => {}
            Some(last) if *last == same => return same,
            Some(_) => self.version += 1,
        }
        let text = build(self);
        self.last_written = Some(text.clone());
        text
    }
}

fn local_direction(line: &MediaLine) -> Direction {
    if line.null_address {
        // RFC 3264 section 8.4: 0.0.0.0 forbids us to send.
        return match line.direction {
            Direction::Inactive | Direction::RecvOnly => Direction::Inactive,
            _ => Direction::RecvOnly,
        };
    }
    line.direction.reversed()
}

fn choose(description: &Description) -> Result<(usize, Agreed), Refusal> {
    for (index, line) in description.media.iter().enumerate() {
        if let Some(agreed) = agree(line) {
            return Ok((index, agreed));
        }
    }
    let offered: Vec<String> = description.media.iter().map(MediaLine::describe).collect();
    let code = if description.media.iter().any(MediaLine::is_usable_audio) {
        305
    } else {
        304
    };
    Err(Refusal::NotAcceptable {
        code,
        offered: offered.join("; "),
    })
}

fn agree(line: &MediaLine) -> Option<Agreed> {
    if !line.is_usable_audio() {
        return None;
    }
    let mut receive = Vec::new();
    let (mut telephone_event, mut comfort_noise) = (None, None);
    for f in line.formats.iter().filter(|f| f.clock_rate == 8000) {
        match f.name.to_ascii_uppercase().as_str() {
            "PCMU" => receive.push((f.payload_type, Payload::Pcmu)),
            "PCMA" => receive.push((f.payload_type, Payload::Pcma)),
            "TELEPHONE-EVENT" => telephone_event = telephone_event.or(Some(f.payload_type)),
            "CN" => comfort_noise = comfort_noise.or(Some(f.payload_type)),
            _ => {}
        }
    }
    let (payload_type, payload) = *receive.first()?;
    Some(Agreed {
        remote_rtp: line.rtp?,
        remote_rtcp: line.rtcp,
        payload,
        payload_type,
        receive,
        telephone_event,
        comfort_noise,
        ptime_ms: packet_time(line.ptime_ms, line.maxptime_ms),
        direction: Direction::SendRecv,
    })
}

/// The largest multiple of 10 ms within 10 to 60 that respects what the other side stated.
fn packet_time(ptime: Option<u32>, maxptime: Option<u32>) -> u32 {
    let wanted = ptime
        .filter(|p| (10..=60).contains(p))
        .unwrap_or(DEFAULT_PTIME_MS);
    let limit = maxptime.filter(|m| *m >= 10).unwrap_or(60);
    (wanted.min(limit) / 10 * 10).clamp(10, 60)
}
