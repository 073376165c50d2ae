//! Offer and answer (RFC 3264) for one audio stream.

mod numbers;
mod refusal;
mod sealing;
mod terms;

pub use refusal::Refusal;
pub use terms::MediaTerms;

use crate::keying::Keying;
use crate::sdes::Secrecy;
use crate::sdp::{self, AudioLine, Description, Direction, MediaLine, Profile};
use numbers::Numbers;
use omnigate_audio::codec::Codec;
use sealing::{Said, Sealing, Turn};
use std::net::{IpAddr, SocketAddr};

/// Where this side receives media.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalMedia {
    /// Address written into SDP (the advertised one).
    pub ip: IpAddr,
    /// Even RTP port; RTCP is on the next one.
    pub port: u16,
}

/// What both sides agreed on. What we send has the numbers of the other side's description, what we receive those of ours
/// (RFC 3264 sections 5.1 and 6.1); they differ only when the other side answered our offer with numbers of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreed {
    /// Where the other side wants RTP.
    pub remote_rtp: SocketAddr,
    /// Where the other side wants RTCP; where RTP goes to when both share a port (RFC 5761).
    pub remote_rtcp: Option<SocketAddr>,
    /// Codec that we send.
    pub codec: Codec,
    /// Payload type number of that codec.
    pub payload_type: u8,
    /// Bits a second that the other side wants at most (`maxaveragebitrate`, RFC 7587 section 6.1).
    pub max_bitrate: Option<u32>,
    /// Every speech payload type that the other side may send.
    pub receive: Vec<(u8, Codec)>,
    /// Payload types of telephone-event (RFC 4733) that the other side sends, when both have it.
    pub telephone_events: Vec<u8>,
    /// Payload type of telephone-event that we send, when both have it with the clock of the codec that we send.
    pub telephone_event_sent: Option<u8>,
    /// Payload type of comfort noise (RFC 3389) that the other side sends, when both have it.
    pub comfort_noise: Option<u8>,
    /// How the keys of both sides come, when media are sealed.
    pub srtp: Option<Box<Keying>>,
    /// Packet time that we send, milliseconds: a multiple of 10 from 10 to 60 that the codec has.
    pub ptime_ms: u32,
    /// Direction from our side.
    pub direction: Direction,
}

impl Agreed {
    /// The other side put us on hold: it does not want to hear us or does not send.
    pub fn held(&self) -> bool {
        self.direction != Direction::SendRecv
    }

    /// RTP and RTCP share a port (RFC 5761).
    pub fn is_muxed(&self) -> bool {
        self.remote_rtcp == Some(self.remote_rtp)
    }

    fn on_one_port(mut self, muxed: bool) -> Agreed {
        if muxed {
            self.remote_rtcp = Some(self.remote_rtp);
        }
        self
    }
}

/// One side's offer/answer state: its own description's identity and version, and what the session is made of.
#[derive(Debug, Clone)]
pub struct Negotiator {
    local: LocalMedia,
    terms: MediaTerms,
    session_id: u64,
    version: u64,
    last_written: Option<String>,
    session: Session,
    /// The numbers of an offer of ours that has no answer yet.
    offered: Option<Numbers>,
}

/// What later offers must keep (RFC 3264 section 8): the lines in their order, and what the numbers of the audio line
/// stand for.
#[derive(Debug, Clone, Default)]
struct Session {
    /// All lines, as the other side wrote them last; none before the first answer.
    lines: Vec<MediaLine>,
    /// Which of them is the one that is taken.
    audio: usize,
    profile: Profile,
    sealing: Sealing,
    numbers: Numbers,
}

impl Negotiator {
    /// `session_id` is any number unlikely to repeat (RFC 8866 section 5.2).
    pub fn new(local: LocalMedia, session_id: u64, terms: MediaTerms) -> Negotiator {
        let session = Session {
            profile: sealing::profile(&terms),
            sealing: Sealing::new(&terms),
            ..Session::default()
        };
        Negotiator {
            local,
            terms,
            session_id,
            version: 1,
            last_written: None,
            session,
            offered: None,
        }
    }

    /// Answers `offer`; the answer and what was agreed. A refusal changes nothing.
    ///
    /// # Errors
    /// [`Refusal`]
    pub fn answer(&mut self, offer: &[u8]) -> Result<(String, Agreed), Refusal> {
        let description = Description::parse(offer)?;
        let (index, line, theirs) = self.choose(&description, Turn::WeAnswer)?;
        // An answer has the numbers of its offer in both directions (RFC 3264 section 6.1).
        let answered = theirs.answered(&self.terms.codecs, self.terms.one_codec);
        let (said, keying) = self.sealed(line, Turn::WeAnswer).unzip();
        let muxed = said
            .as_ref()
            .and_then(|said| said.dtls)
            .is_some_and(|dtls| dtls.mux);
        let agreed = self.agree(line, &answered, &theirs, keying)?.on_one_port(muxed);
        let profile = line.profile;
        self.session.sealing.learn(agreed.srtp.as_deref(), muxed);
        self.session.numbers.learn(line, &theirs, agreed.codec);
        self.session.lines = description.media;
        self.session.audio = index;
        self.session.profile = profile;
        self.offered = None;
        let said = said.unwrap_or_default();
        let answer = self.write(&answered, &said, agreed.ptime_ms, agreed.direction);
        Ok((answer, agreed))
    }

    /// Our own offer: everything that we can do, under the numbers that it has in this session.
    pub fn offer(&mut self) -> String {
        self.offer_in(Direction::SendRecv)
    }

    /// The same that puts the other side on hold (RFC 3264 section 8.4).
    pub fn hold(&mut self) -> String {
        self.offer_in(Direction::SendOnly)
    }

    fn offer_in(&mut self, direction: Direction) -> String {
        let numbers = self.session.numbers.all(&self.terms.codecs);
        let said = self.session.sealing.offered(&self.terms);
        let offer = self.write(&numbers, &said, self.terms.packet_ms, direction);
        self.offered = Some(numbers);
        offer
    }

    /// Takes the other side's answer to our offer. A refusal leaves the session as it was.
    ///
    /// # Errors
    /// [`Refusal`]
    pub fn accept(&mut self, answer: &[u8]) -> Result<Agreed, Refusal> {
        let description = Description::parse(answer)?;
        let offered = self.offered.take();
        let ours = offered.unwrap_or_else(|| self.session.numbers.all(&self.terms.codecs));
        let (index, line, theirs) = self.choose(&description, Turn::TheyAnswer)?;
        let keying = self.sealed(line, Turn::TheyAnswer).map(|(_, keying)| keying);
        let muxed = self.session.sealing.is_muxed(line, &self.terms);
        let agreed = self.agree(line, &theirs, &ours, keying)?.on_one_port(muxed);
        self.session.numbers.learn(line, &ours, agreed.codec);
        self.session.profile = line.profile;
        self.session.sealing.learn(agreed.srtp.as_deref(), muxed);
        // The lines are those of our offer: an answer that lost some does not change them.
        match self.session.lines.get_mut(self.session.audio) {
            Some(known) => *known = line.clone(),
            None => {
                self.session.audio = index;
                self.session.lines = description.media;
            }
        }
        Ok(agreed)
    }

    /// The first audio line that can be taken, and the numbers in it that we know; the one that the session has is
    /// preferred.
    fn choose<'a>(
        &self,
        description: &'a Description,
        turn: Turn,
    ) -> Result<(usize, &'a MediaLine, Numbers), Refusal> {
        let usable = |line: &&MediaLine| self.may(line, turn) && self.reaches(line);
        let all = 0..description.media.len();
        let begun = !self.session.lines.is_empty();
        let current = begun.then_some(self.session.audio);
        // Of several, one that is sealed.
        let is_sealed = |index: &usize| {
            description
                .media
                .get(*index)
                .is_some_and(|line| self.sealed(line, turn).is_some())
        };
        let sealed = all.clone().filter(is_sealed);
        let order = current.into_iter().chain(sealed).chain(all);
        for index in order {
            let Some(line) = description.media.get(index).filter(usable) else {
                continue;
            };
            let theirs = Numbers::of(line, &self.terms.codecs);
            if !theirs.speech.is_empty() {
                return Ok((index, line, theirs));
            }
        }
        Err(self.refusal(description, turn))
    }

    /// Whether our address can send to that of the line. One that is unspecified is a hold, of any family.
    fn reaches(&self, line: &MediaLine) -> bool {
        let ours = self.local.ip.to_canonical().is_ipv4();
        line.null_address || line.rtp.is_some_and(|rtp| rtp.is_ipv4() == ours)
    }

    fn refusal(&self, description: &Description, turn: Turn) -> Refusal {
        let audio = || description.media.iter().filter(|line| self.may(line, turn));
        if audio().next().is_none()
            && let Some(refusal) = sealing::refusal(&self.terms, &description.media)
        {
            return refusal;
        }
        let elsewhere = audio().find(|line| !self.reaches(line));
        if let Some(rtp) = elsewhere.and_then(|line| line.rtp)
            && !audio().any(|line| self.reaches(line))
        {
            return Refusal::AddressFamily { offered: rtp.ip() };
        }
        let offered: Vec<String> = description.media.iter().map(MediaLine::describe).collect();
        let code = if audio().next().is_some() { 305 } else { 304 };
        self.not_acceptable(code, offered.join("; "))
    }

    /// Whether it is a line of audio whose secrecy we can do and want.
    fn may(&self, line: &MediaLine, turn: Turn) -> bool {
        let can_be_sealed = || self.sealed(line, turn).is_some();
        line.is_usable_audio()
            && match self.terms.secrecy {
                Secrecy::Off | Secrecy::Optional => !line.profile.is_sealed() || can_be_sealed(),
                Secrecy::Required => can_be_sealed(),
            }
    }

    /// How the session is sealed by this line: what our description says of it, and how the keys come.
    fn sealed(&self, line: &MediaLine, turn: Turn) -> Option<(Said, Keying)> {
        self.session.sealing.by(line, &self.terms, turn)
    }

    fn not_acceptable(&self, code: u16, offered: String) -> Refusal {
        let codecs = self.terms.codecs.iter();
        let allowed: Vec<String> = codecs
            .map(|codec| format!("{}/{}", codec.name(), codec.clock_hz()))
            .collect();
        Refusal::NotAcceptable {
            code,
            offered,
            allowed: format!("{} over {}", allowed.join(", "), sealing::profiles(&self.terms)),
        }
    }

    /// What is agreed on by a line of the other side, whose numbers are `theirs`, and ours with the numbers `ours`.
    fn agree(
        &self,
        line: &MediaLine,
        theirs: &Numbers,
        ours: &Numbers,
        keying: Option<Keying>,
    ) -> Result<Agreed, Refusal> {
        let both = |codec: Codec| ours.speech.iter().any(|(_, known)| *known == codec);
        let sent = theirs.speech.iter().find(|(_, codec)| both(*codec));
        let (Some((payload_type, codec)), Some(remote_rtp)) = (sent.copied(), line.rtp) else {
            return Err(self.not_acceptable(305, line.describe()));
        };
        let format = line.formats.iter().find(|one| one.payload_type == payload_type);
        let events = |(number, clock): &(u8, u32)| theirs.event(*clock).map(|_| *number);
        let sent_events = theirs.event(codec.clock_hz());
        Ok(Agreed {
            remote_rtp,
            remote_rtcp: line.rtcp,
            srtp: keying.map(Box::new),
            codec,
            payload_type,
            max_bitrate: format.and_then(|format| format.parameter("maxaveragebitrate")),
            receive: ours.speech.clone(),
            telephone_events: ours.events.iter().filter_map(events).collect(),
            telephone_event_sent: sent_events.filter(|_| ours.event(codec.clock_hz()).is_some()),
            comfort_noise: ours.comfort_noise.filter(|_| theirs.comfort_noise.is_some()),
            ptime_ms: codec.packet_ms(packet_time(line.ptime_ms, line.maxptime_ms, self.terms.packet_ms)),
            direction: local_direction(line),
        })
    }

    /// Writes our description of the session. RFC 3264 section 8: the version grows when, and only when, it changes.
    fn write(&mut self, numbers: &Numbers, said: &Said, ptime_ms: u32, direction: Direction) -> String {
        let ours = AudioLine {
            local: SocketAddr::new(self.local.ip, self.local.port),
            profile: self.session.profile,
            speech: &numbers.speech,
            events: &numbers.events,
            comfort_noise: numbers.comfort_noise,
            crypto: &said.crypto,
            dtls: said.dtls,
            to_the_edge: said.to_the_edge,
            ptime_ms,
            direction,
        };
        let lines: Vec<Result<&AudioLine<'_>, &MediaLine>> = match self.session.lines.as_slice() {
            [] => vec![Ok(&ours)],
            known => known
                .iter()
                .enumerate()
                .map(|(i, line)| {
                    if i == self.session.audio {
                        Ok(&ours)
                    } else {
                        Err(line)
                    }
                })
                .collect(),
        };
        let at = |version| sdp::write(self.session_id, version, self.local.ip, &lines);
        let mut text = at(self.version);
        if self.last_written.as_ref().is_some_and(|last| *last != text) {
            self.version += 1;
            text = at(self.version);
        }
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

/// The largest multiple of 10 ms within 10 to 60 that respects what the other side stated; where it states none, the usual one.
fn packet_time(ptime: Option<u32>, maxptime: Option<u32>, usual: u32) -> u32 {
    let wanted = ptime.filter(|p| (10..=60).contains(p)).unwrap_or(usual);
    let limit = maxptime.filter(|m| *m >= 10).unwrap_or(60);
    (wanted.min(limit) / 10 * 10).clamp(10, 60)
}
