//! A browser's audio connection.

use crate::error::PeerError;
use crate::factory::PeerFactory;
use crate::path::Path;
use crate::sdp;
use crate::transport::{Sink, Transport, bounded};
use rand::RngExt;
use std::sync::Arc;
use std::time::Instant;
use str0m::change::SdpOffer;
use str0m::format::Codec;
use str0m::media::{Mid, Pt};
use str0m::rtp::{Extension, ExtensionMap, RtpWrite};
use str0m::{Event, Rtc};

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

/// Takes what an audio peer puts out.
pub trait AudioSink: Sink {
    /// Audio from the browser.
    fn audio(&mut self, packet: AudioPacket<'_>);
}

impl PeerFactory {
    /// Answers `offer`. `candidates` are the announced addresses of the port that the peer will live on;
    /// `max_playback_rate` is the highest sampling rate that the room has use for, Hz.
    ///
    /// # Errors
    /// [`PeerError`] with the field at fault; nothing is left behind.
    pub fn answer(
        &self,
        offer: &str,
        candidates: &[Path],
        max_playback_rate: u32,
        now: Instant,
    ) -> Result<(Peer, String), PeerError> {
        let config = self
            .base
            .clone()
            .enable_opus(true, false)
            .set_extension_map(extensions());
        let mut transport = Transport::new(config, candidates, now)?;
        let parsed =
            SdpOffer::from_sdp_string(bounded(offer)?).map_err(|e| PeerError::Malformed(e.to_string()))?;
        let answer = transport.rtc.sdp_api().accept_offer(parsed)?.to_sdp_string();
        transport.settle(now)?;
        // The stack tells of media only once it is connected; what the offer has is known now.
        let audio = sdp::audio_mid(offer).map(Mid::from);
        let (mid, pt) = audio
            .and_then(|mid| Some((mid, payload_type(&transport.rtc, mid, Codec::Opus)?)))
            .ok_or(PeerError::NoAudio)?;
        let peer = Peer {
            transport,
            mid,
            pt,
            sequence: u64::from(rand::rng().random::<u16>() >> 1),
        };
        let answer = sdp::wish(&answer, sdp::OpusWish { max_playback_rate });
        Ok((peer, sdp::end_candidates(&answer)))
    }
}

/// The one extension that sound has use for. Above all not transport-wide congestion control: nothing is done with its
/// feedback, and the stack keeps 90 kB of each peer for it.
fn extensions() -> ExtensionMap {
    let mut map = ExtensionMap::empty();
    map.set(4, Extension::RtpMid);
    map
}

/// The payload type agreed on for `codec` in a section.
pub(crate) fn payload_type(rtc: &Rtc, mid: Mid, codec: Codec) -> Option<Pt> {
    let params = rtc.codec_config().params();
    rtc.media(mid)?
        .remote_pts()
        .iter()
        .copied()
        .find(|pt| params.iter().any(|p| p.pt() == *pt && p.spec().codec == codec))
}

/// A browser's audio connection: ICE, DTLS, SRTP and the data channel that the SDKs open.
pub struct Peer {
    transport: Transport,
    mid: Mid,
    pt: Pt,
    sequence: u64,
}

impl Peer {
    /// Our ICE user fragment: connectivity checks for this peer name it.
    pub fn ufrag(&self) -> &str {
        self.transport.ufrag()
    }

    /// When [`Peer::timeout`] wants to be called next.
    pub fn deadline(&self) -> Instant {
        self.transport.deadline()
    }

    /// True while ICE and DTLS are up.
    pub fn is_up(&self) -> bool {
        self.transport.is_up()
    }

    /// True when the peer will never carry anything again.
    pub fn is_gone(&self) -> bool {
        self.transport.is_gone()
    }

    /// Feeds a datagram from `source`; true when it proves by its integrity that the browser sends from there.
    pub fn receive(
        &mut self,
        source: Path,
        datagram: &[u8],
        now: Instant,
        sink: &mut impl AudioSink,
    ) -> bool {
        let pt = self.pt;
        self.transport
            .receive(source, datagram, now, sink, |sink, event| hear(pt, sink, event))
    }

    /// The connection that the browser had from `path` has closed.
    pub fn path_closed(&mut self, path: Path) {
        self.transport.path_closed(path);
    }

    /// Lets timers run.
    pub fn timeout(&mut self, now: Instant, sink: &mut impl AudioSink) {
        let pt = self.pt;
        self.transport
            .timeout(now, sink, |sink, event| hear(pt, sink, event));
    }

    /// Sends one Opus packet. `timestamp` is in 48 kHz units.
    pub fn send(
        &mut self,
        timestamp: u32,
        marker: bool,
        opus: Arc<[u8]>,
        now: Instant,
        sink: &mut impl AudioSink,
    ) {
        if !self.is_up() {
            return;
        }
        self.sequence += 1;
        let (pt, sequence) = (self.pt, self.sequence);
        if let Some(tx) = self.transport.rtc.direct_api().stream_tx_by_mid(self.mid, None) {
            tx.write_rtp(RtpWrite::new(pt, sequence.into(), timestamp, now, opus).marker(marker));
        }
        self.transport
            .drain(now, sink, |sink, event| hear(pt, sink, event));
    }

    /// Ends the connection from our side (DTLS close).
    pub fn close(&mut self, now: Instant, sink: &mut impl AudioSink) {
        self.transport.close(now, sink);
    }
}

fn hear(pt: Pt, sink: &mut impl AudioSink, event: Event) {
    if let Event::RtpPacket(p) = event
        && p.header.payload_type == pt
    {
        sink.audio(AudioPacket {
            ssrc: *p.header.ssrc,
            sequence: p.header.sequence_number,
            timestamp: p.header.timestamp,
            marker: p.header.marker,
            payload: &p.payload,
        });
    }
}
