//! A browser's audio connection.

use crate::{dtls, sdp};
use rand::RngExt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;
use str0m::change::SdpOffer;
use str0m::format::Codec;
use str0m::media::{MediaKind, Mid, Pt};
use str0m::net::{DatagramRecv, Protocol, Receive};
use str0m::rtp::RtpWrite;
use str0m::{Candidate, Event, IceConnectionState, IceCreds, Input, Output, Rtc, RtcConfig, RtcError};

/// Most outputs taken from one peer for one input: a bound against endless loops.
const MAX_OUTPUTS: usize = 512;
/// Largest SCTP message taken on the data channel, bytes.
const MAX_CHANNEL_MESSAGE: u32 = 64 * 1024;
/// Largest offer read, bytes.
pub const MAX_OFFER: usize = 64 * 1024;

/// Why a peer cannot be made or has ended.
#[derive(Debug, thiserror::Error)]
pub enum PeerError {
    /// The offer is larger than 64 KiB.
    #[error("jsep.sdp of {0} bytes is larger than {MAX_OFFER}")]
    TooLarge(usize),
    /// The offer is not SDP.
    #[error("jsep.sdp is not a session description: {0}")]
    Malformed(String),
    /// The offer has no audio section with Opus.
    #[error("jsep.sdp offers no audio section with opus/48000/2")]
    NoAudio,
    /// No address to announce.
    #[error("no usable address to announce as candidate")]
    NoCandidate,
    /// No certificate could be made.
    #[error("no DTLS certificate could be made")]
    Certificate,
    /// The stack refused.
    #[error("WebRTC stack: {0}")]
    Stack(#[from] RtcError),
}

/// Makes peers that share one certificate and one DTLS configuration.
pub struct PeerFactory {
    base: RtcConfig,
}

/// State of a peer's transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransportState {
    /// ICE and DTLS are up: media may flow.
    Up,
    /// ICE has lost the client, or DTLS was closed.
    Gone,
}

/// One received audio packet, decrypted.
#[derive(Debug, Clone, Copy)]
pub struct AudioPacket<'a> {
    /// Synchronisation source.
    pub ssrc: u32,
    /// RTP sequence number.
    pub sequence: u16,
    /// RTP timestamp, 48 kHz.
    pub timestamp: u32,
    /// Marker bit.
    pub marker: bool,
    /// One Opus packet.
    pub payload: &'a [u8],
}

/// Takes what a peer puts out.
pub trait Sink {
    /// A datagram to send from the peer's port.
    fn transmit(&mut self, destination: SocketAddr, datagram: &[u8]);
    /// Audio from the browser.
    fn audio(&mut self, packet: AudioPacket<'_>);
    /// The transport came up or is gone.
    fn transport(&mut self, state: TransportState);
}

impl PeerFactory {
    /// Makes the process's certificate.
    pub fn new() -> Result<PeerFactory, PeerError> {
        let certificate = dtls::certificate().ok_or(PeerError::Certificate)?;
        let base = RtcConfig::new()
            .set_crypto_provider(Arc::new(dtls::provider()))
            .set_dtls_cert(certificate)
            .set_rtp_mode(true)
            .set_ice_lite(true)
            .clear_codecs()
            .enable_opus(true, false)
            .set_sctp_max_message_size(MAX_CHANNEL_MESSAGE)
            .set_reordering_size_audio(0)
            .set_reordering_timeout_audio(None);
        Ok(PeerFactory { base })
    }

    /// Answers `offer`. `candidates` are the announced addresses of the port that the peer will live on;
    /// `max_playback_rate` is the highest sampling rate that the room has use for, Hz.
    ///
    /// # Errors
    /// [`PeerError`] with the field at fault; nothing is left behind.
    pub fn answer(
        &self,
        offer: &str,
        candidates: &[SocketAddr],
        max_playback_rate: u32,
        now: Instant,
    ) -> Result<(Peer, String), PeerError> {
        if offer.len() > MAX_OFFER {
            return Err(PeerError::TooLarge(offer.len()));
        }
        let creds = IceCreds {
            ufrag: token(8),
            pass: token(24),
        };
        let mut rtc = self
            .base
            .clone()
            .set_local_ice_credentials(creds.clone())
            .build(now);
        let mut local = Vec::new();
        for address in candidates {
            if let Ok(c) = Candidate::host(*address, "udp")
                && rtc.add_local_candidate(c).is_some()
            {
                local.push(*address);
            }
        }
        if local.is_empty() {
            return Err(PeerError::NoCandidate);
        }
        let parsed = SdpOffer::from_sdp_string(offer).map_err(|e| PeerError::Malformed(e.to_string()))?;
        let answer = rtc.sdp_api().accept_offer(parsed)?.to_sdp_string();
        let mut rng = rand::rng();
        let mut peer = Peer {
            rtc,
            ufrag: creds.ufrag,
            local,
            audio: None,
            sequence: u64::from(rng.random::<u16>() >> 1),
            next: now,
            up: false,
            gone: false,
        };
        peer.settle(now)?;
        // The stack tells of media only once it is connected; what the offer has is known now.
        if let Some(mid) = sdp::audio_mid(offer) {
            peer.media(Mid::from(mid));
        }
        if peer.audio.is_none() {
            return Err(PeerError::NoAudio);
        }
        Ok((peer, sdp::finish(&answer, sdp::OpusWish { max_playback_rate })))
    }
}

/// `n` characters of the ice-char alphabet (RFC 8839 section 5.4).
fn token(n: usize) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut rng = rand::rng();
    (0..n)
        .map(|_| char::from(ALPHABET[usize::from(rng.random::<u8>() & 31)]))
        .collect()
}

/// A browser's audio connection: ICE, DTLS, SRTP and the data channel that the SDKs open.
pub struct Peer {
    rtc: Rtc,
    ufrag: String,
    local: Vec<SocketAddr>,
    audio: Option<(Mid, Pt)>,
    sequence: u64,
    next: Instant,
    up: bool,
    gone: bool,
}

impl Peer {
    /// Our ICE user fragment: connectivity checks for this peer name it.
    pub fn ufrag(&self) -> &str {
        &self.ufrag
    }

    /// When [`Peer::timeout`] wants to be called next.
    pub fn deadline(&self) -> Instant {
        self.next
    }

    /// True once ICE and DTLS are up.
    pub fn is_up(&self) -> bool {
        self.up
    }

    /// True when the peer will never carry anything again.
    pub fn is_gone(&self) -> bool {
        self.gone
    }

    /// Feeds a datagram from `source`.
    pub fn receive(&mut self, source: SocketAddr, datagram: &[u8], now: Instant, sink: &mut impl Sink) {
        let Ok(contents) = DatagramRecv::try_from(datagram) else {
            return;
        };
        // The stack knows itself by its announced addresses only.
        let Some(destination) = self
            .local
            .iter()
            .find(|l| l.is_ipv4() == source.is_ipv4())
            .or(self.local.first())
        else {
            return;
        };
        let receive = Receive {
            proto: Protocol::Udp,
            source,
            destination: *destination,
            contents,
        };
        // A datagram that is refused (a replay, a forged record) is no reason to end the peer.
        let _ = self.rtc.handle_input(Input::Receive(now, receive));
        self.drain(now, sink);
    }

    /// Lets timers run.
    pub fn timeout(&mut self, now: Instant, sink: &mut impl Sink) {
        if self.rtc.handle_input(Input::Timeout(now)).is_err() {
            self.lose(sink);
            return;
        }
        self.drain(now, sink);
    }

    /// Sends one Opus packet. `timestamp` is in 48 kHz units.
    pub fn send(
        &mut self,
        timestamp: u32,
        marker: bool,
        opus: Arc<[u8]>,
        now: Instant,
        sink: &mut impl Sink,
    ) {
        let Some((mid, pt)) = self.audio else { return };
        if !self.up || self.gone {
            return;
        }
        self.sequence += 1;
        let sequence = self.sequence;
        if let Some(tx) = self.rtc.direct_api().stream_tx_by_mid(mid, None) {
            tx.write_rtp(RtpWrite::new(pt, sequence.into(), timestamp, now, opus).marker(marker));
        }
        self.drain(now, sink);
    }

    /// Ends the connection from our side (DTLS close).
    pub fn close(&mut self, now: Instant, sink: &mut impl Sink) {
        let _ = self.rtc.close();
        self.drain(now, sink);
        self.rtc.disconnect();
        self.gone = true;
    }

    fn lose(&mut self, sink: &mut impl Sink) {
        if !self.gone {
            self.gone = true;
            self.rtc.disconnect();
            sink.transport(TransportState::Gone);
        }
    }

    /// Runs to the first timeout after the offer was taken, to learn the media.
    fn settle(&mut self, now: Instant) -> Result<(), PeerError> {
        for _ in 0..MAX_OUTPUTS {
            match self.rtc.poll_output()? {
                Output::Timeout(t) => {
                    self.next = t.max(now);
                    return Ok(());
                }
                Output::Event(Event::MediaAdded(added)) if added.kind == MediaKind::Audio => {
                    self.media(added.mid)
                }
                Output::Event(_) | Output::Transmit(_) => {}
            }
        }
        Ok(())
    }

    fn media(&mut self, mid: Mid) {
        let opus: Vec<Pt> = self
            .rtc
            .codec_config()
            .params()
            .iter()
            .filter(|p| p.spec().codec == Codec::Opus)
            .map(|p| p.pt())
            .collect();
        let pt = self
            .rtc
            .media(mid)
            .and_then(|m| m.remote_pts().iter().copied().find(|pt| opus.contains(pt)));
        if let (Some(pt), None) = (pt, self.audio) {
            self.audio = Some((mid, pt));
        }
    }

    fn drain(&mut self, now: Instant, sink: &mut impl Sink) {
        for _ in 0..MAX_OUTPUTS {
            match self.rtc.poll_output() {
                Ok(Output::Transmit(t)) => sink.transmit(t.destination, &t.contents),
                Ok(Output::Timeout(t)) if t <= now => {
                    if self.rtc.handle_input(Input::Timeout(now)).is_err() {
                        return self.lose(sink);
                    }
                }
                Ok(Output::Timeout(t)) => {
                    self.next = t;
                    return;
                }
                Ok(Output::Event(event)) => self.event(event, sink),
                Err(_) => return self.lose(sink),
            }
        }
        self.next = now;
    }

    fn event(&mut self, event: Event, sink: &mut impl Sink) {
        match event {
            Event::Connected => {
                self.up = true;
                sink.transport(TransportState::Up);
            }
            Event::IceConnectionStateChange(IceConnectionState::Disconnected) | Event::Closed => {
                self.lose(sink)
            }
            Event::MediaAdded(added) if added.kind == MediaKind::Audio => self.media(added.mid),
            Event::RtpPacket(p) if self.audio.is_some_and(|(_, pt)| pt == p.header.payload_type) => sink
                .audio(AudioPacket {
                    ssrc: *p.header.ssrc,
                    sequence: p.header.sequence_number,
                    timestamp: p.header.timestamp,
                    marker: p.header.marker,
                    payload: &p.payload,
                }),
            _ => {}
        }
    }
}
