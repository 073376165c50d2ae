//! A browser's video connections: one that publishes, and one for each stream that it views.

use crate::bitrate::START;
use crate::codec::{CodecSet, VideoCodec};
use crate::error::PeerError;
use crate::factory::PeerFactory;
use crate::forward::{Place, VideoPacket};
use crate::path::Path;
use crate::peer::payload_type;
use crate::sdp;
use crate::transport::{Sink, Transport, bounded, token};
use std::time::{Duration, Instant};
use str0m::bwe::{Bitrate, BweKind};
use str0m::change::{SdpAnswer, SdpOffer, SdpPendingOffer};
use str0m::media::{Direction, KeyframeRequestKind, MediaKind, Mid, Pt};
use str0m::rtp::{Extension, ExtensionMap, RtpWrite, Ssrc};
use str0m::{Event, RtcConfig};

/// Takes what a publisher puts out.
pub trait VideoSink: Sink {
    /// Video from the browser, retransmitted packets in their original form.
    fn video(&mut self, packet: VideoPacket);
}

/// The extensions that forwarding needs and no others. Above all not the orientation of the camera (3GPP TS 26.114):
/// without it every sender turns its pictures upright itself.
fn extensions() -> ExtensionMap {
    let mut map = ExtensionMap::empty();
    map.set(3, Extension::TransportSequenceNumber);
    map.set(4, Extension::RtpMid);
    map
}

fn config(base: &RtcConfig, codec: VideoCodec) -> RtcConfig {
    codec.only(base).set_extension_map(extensions())
}

/// The codecs that the video section of `offer` has, in a profile that can be forwarded.
///
/// # Errors
/// [`PeerError`] with the field at fault: too large, or without a video section that sends.
pub fn offered_codecs(offer: &str) -> Result<CodecSet, PeerError> {
    sdp::video_codecs(bounded(offer)?).ok_or(PeerError::NoVideo)
}

impl PeerFactory {
    /// Answers an offer of video with the first codec of `order` that it has. `candidates` are the announced addresses
    /// of the port that the publisher will live on.
    ///
    /// # Errors
    /// [`PeerError`] with the field at fault; nothing is left behind.
    pub fn publish(
        &self,
        offer: &str,
        candidates: &[Path],
        order: &[VideoCodec],
        now: Instant,
    ) -> Result<(Publisher, String), PeerError> {
        let parse =
            |text: &str| SdpOffer::from_sdp_string(text).map_err(|e| PeerError::Malformed(e.to_string()));
        let offered = match offered_codecs(offer) {
            // What is no description at all is to be called so.
            Err(PeerError::NoVideo) => return Err(parse(offer).err().unwrap_or(PeerError::NoVideo)),
            other => other?,
        };
        let wanted = || order.iter().map(|c| c.name()).collect::<Vec<_>>().join(", ");
        let codec = order
            .iter()
            .copied()
            .find(|c| offered.has(*c))
            .ok_or_else(|| PeerError::NoVideoCodec(wanted()))?;
        let parsed = parse(&sdp::sending_only(offer))?;
        let mut transport = Transport::new(config(&self.base, codec), candidates, now)?;
        let answer = transport.rtc.sdp_api().accept_offer(parsed)?.to_sdp_string();
        transport.settle(now)?;
        let mid = sdp::video_mid(offer).map(Mid::from);
        let (mid, pt) = mid
            .and_then(|mid| Some((mid, payload_type(&transport.rtc, mid, codec.codec())?)))
            .ok_or_else(|| PeerError::NoVideoCodec(wanted()))?;
        let publisher = Publisher {
            transport,
            codec,
            mid,
            pt,
            ssrc: None,
        };
        Ok((publisher, sdp::end_candidates(&answer)))
    }

    /// Offers a stream of `codec` to a browser.
    ///
    /// # Errors
    /// [`PeerError::NoCandidate`] without an address; nothing is left behind.
    pub fn view(
        &self,
        codec: VideoCodec,
        candidates: &[Path],
        now: Instant,
    ) -> Result<(Viewer, String), PeerError> {
        let config = config(&self.base, codec).enable_bwe(Some(Bitrate::bps(START)));
        let mut transport = Transport::new(config, candidates, now)?;
        let mut changes = transport.rtc.sdp_api();
        let mid = changes.add_media(
            MediaKind::Video,
            Direction::SendOnly,
            Some(token(16)),
            Some(token(16)),
            None,
        );
        let (offer, pending) = changes.apply().ok_or(PeerError::Declined)?;
        transport.settle(now)?;
        let viewer = Viewer {
            transport,
            codec,
            mid,
            pending: Some(pending),
            pt: None,
            heard: Heard::default(),
        };
        Ok((viewer, sdp::end_candidates(&offer.to_sdp_string())))
    }
}

/// A browser that sends one video.
pub struct Publisher {
    transport: Transport,
    codec: VideoCodec,
    mid: Mid,
    pt: Pt,
    /// The source heard last.
    ssrc: Option<Ssrc>,
}

impl Publisher {
    /// Our ICE user fragment: connectivity checks for this peer name it.
    pub fn ufrag(&self) -> &str {
        self.transport.ufrag()
    }

    /// What it sends.
    pub fn codec(&self) -> VideoCodec {
        self.codec
    }

    /// When [`Publisher::timeout`] wants to be called next.
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
        sink: &mut impl VideoSink,
    ) -> bool {
        let (pt, ssrc) = (self.pt, &mut self.ssrc);
        self.transport
            .receive(source, datagram, now, sink, |sink, event| {
                see(pt, ssrc, sink, event)
            })
    }

    /// The connection that the browser had from `path` has closed.
    pub fn path_closed(&mut self, path: Path) {
        self.transport.path_closed(path);
    }

    /// Lets timers run.
    pub fn timeout(&mut self, now: Instant, sink: &mut impl VideoSink) {
        let (pt, ssrc) = (self.pt, &mut self.ssrc);
        self.transport
            .timeout(now, sink, |sink, event| see(pt, ssrc, sink, event));
    }

    /// Asks for a key frame (PLI, RFC 4585 section 6.3.1). [`KeyFrameRequests`](crate::KeyFrameRequests) spaces it.
    pub fn request_key_frame(&mut self, now: Instant, sink: &mut impl VideoSink) {
        self.tell(now, sink, |rx| rx.request_keyframe(KeyframeRequestKind::Pli));
    }

    /// Asks for at most `bits` a second (REMB). The browser keeps to it until the next one.
    pub fn limit(&mut self, bits: u64, now: Instant, sink: &mut impl VideoSink) {
        self.tell(now, sink, |rx| rx.request_remb(Bitrate::bps(bits)));
    }

    /// Ends the connection from our side (DTLS close).
    pub fn close(&mut self, now: Instant, sink: &mut impl VideoSink) {
        self.transport.close(now, sink);
    }

    fn tell(&mut self, now: Instant, sink: &mut impl VideoSink, say: impl FnOnce(&mut str0m::rtp::StreamRx)) {
        if !self.is_up() {
            return;
        }
        let mut api = self.transport.rtc.direct_api();
        let rx = match self.ssrc {
            Some(ssrc) => api.stream_rx(&ssrc),
            None => api.stream_rx_by_mid(self.mid, None),
        };
        if let Some(rx) = rx {
            say(rx);
        }
        // Feedback goes out with the stack's next look at the time.
        self.timeout(now, sink);
    }
}

fn see(pt: Pt, ssrc: &mut Option<Ssrc>, sink: &mut impl VideoSink, event: Event) {
    if let Event::RtpPacket(p) = event
        && p.header.payload_type == pt
    {
        *ssrc = Some(p.header.ssrc);
        sink.video(VideoPacket {
            ssrc: *p.header.ssrc,
            sequence: *p.seq_no,
            timestamp: p.header.timestamp,
            marker: p.header.marker,
            payload: p.payload,
        });
    }
}

/// What a viewer's browser has said.
#[derive(Debug, Default)]
struct Heard {
    key_frame: bool,
    estimate: Option<u64>,
}

impl Heard {
    fn event(&mut self, event: Event) {
        match event {
            Event::KeyframeRequest(_) => self.key_frame = true,
            Event::EgressBitrateEstimate(BweKind::Twcc { estimate, .. } | BweKind::Remb { estimate, .. }) => {
                self.estimate = Some(estimate.as_u64());
            }
            _ => {}
        }
    }
}

/// A browser that is sent one video.
pub struct Viewer {
    transport: Transport,
    codec: VideoCodec,
    mid: Mid,
    /// Our offer, until it is answered.
    pending: Option<SdpPendingOffer>,
    /// Known once answered.
    pt: Option<Pt>,
    heard: Heard,
}

impl Viewer {
    /// Our ICE user fragment: connectivity checks for this peer name it.
    pub fn ufrag(&self) -> &str {
        self.transport.ufrag()
    }

    /// What it is sent.
    pub fn codec(&self) -> VideoCodec {
        self.codec
    }

    /// When [`Viewer::timeout`] wants to be called next.
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

    /// Takes the browser's answer to our offer.
    ///
    /// # Errors
    /// [`PeerError`] with the field at fault; the viewer is of no more use then.
    pub fn answered(&mut self, answer: &str, now: Instant) -> Result<(), PeerError> {
        let answer =
            SdpAnswer::from_sdp_string(bounded(answer)?).map_err(|e| PeerError::Malformed(e.to_string()))?;
        let pending = self.pending.take().ok_or(PeerError::Answered)?;
        self.transport.rtc.sdp_api().accept_answer(pending, answer)?;
        self.transport.settle(now)?;
        let rtc = &mut self.transport.rtc;
        let takes = rtc.media(self.mid).is_some_and(|m| m.direction().is_sending());
        let pt = payload_type(rtc, self.mid, self.codec.codec()).filter(|_| takes);
        self.pt = Some(pt.ok_or(PeerError::Declined)?);
        // Without feedback there is no estimate: such a browser is sent everything as it comes.
        let feedback = rtc.media(self.mid).is_some_and(|m| {
            m.remote_extmap()
                .id_of(Extension::TransportSequenceNumber)
                .is_some()
        });
        if let Some(tx) = rtc.direct_api().stream_tx_by_mid(self.mid, None)
            && !feedback
        {
            tx.set_unpaced(true);
        }
        Ok(())
    }

    /// Feeds a datagram from `source`; true when it proves by its integrity that the browser sends from there.
    pub fn receive(&mut self, source: Path, datagram: &[u8], now: Instant, sink: &mut impl Sink) -> bool {
        let heard = &mut self.heard;
        // The browser may check before its answer is here; it repeats.
        self.pt.is_some()
            && self
                .transport
                .receive(source, datagram, now, sink, |_, event| heard.event(event))
    }

    /// The connection that the browser had from `path` has closed.
    pub fn path_closed(&mut self, path: Path) {
        self.transport.path_closed(path);
    }

    /// Lets timers run.
    pub fn timeout(&mut self, now: Instant, sink: &mut impl Sink) {
        let heard = &mut self.heard;
        self.transport.timeout(now, sink, |_, event| heard.event(event));
    }

    /// Sends a packet to its place.
    pub fn send(&mut self, packet: &VideoPacket, place: Place, now: Instant, sink: &mut impl Sink) {
        let Some(pt) = self.pt.filter(|_| self.is_up()) else {
            return;
        };
        if let Some(tx) = self.transport.rtc.direct_api().stream_tx_by_mid(self.mid, None) {
            let payload = packet.payload.clone();
            tx.write_rtp(
                RtpWrite::new(pt, place.sequence.into(), place.timestamp, now, payload)
                    .marker(packet.marker)
                    .nackable(true),
            );
        }
        let heard = &mut self.heard;
        self.transport.drain(now, sink, |_, event| heard.event(event));
    }

    /// Tells the bandwidth estimator what the stream may need, bit/s: it probes up to `most`, and fills up to `least`
    /// with padding, so that the estimate of a paused viewer can rise. [`Viewer::timeout`] is due then.
    pub fn wish(&mut self, most: u64, least: u64) {
        self.transport
            .rtc
            .bwe()
            .set_bitrate(Bitrate::bps(least), Bitrate::bps(most));
    }

    /// What the connection is measured to carry, bit/s; `None` before any feedback.
    pub fn estimate(&self) -> Option<u64> {
        self.heard.estimate
    }

    /// How long the oldest waiting packet has waited for its turn.
    pub fn backlog(&mut self, now: Instant) -> Duration {
        let mut api = self.transport.rtc.direct_api();
        api.stream_tx_by_mid(self.mid, None)
            .and_then(|tx| tx.queue_info().and_then(|q| q.first_unsent()))
            .map_or(Duration::ZERO, |first| now.saturating_duration_since(first))
    }

    /// True when the browser has asked for a key frame (PLI or FIR) since the last call.
    pub fn take_key_frame_request(&mut self) -> bool {
        std::mem::take(&mut self.heard.key_frame)
    }

    /// Ends the connection from our side (DTLS close).
    pub fn close(&mut self, now: Instant, sink: &mut impl Sink) {
        self.transport.close(now, sink);
    }
}
