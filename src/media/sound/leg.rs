//! One phone leg: its sockets, what comes in, what goes out.

use crate::media::event::{LegEvent, LegFigures};
use crate::media::heard::Heard;
use crate::media::ids::{LegId, PlaybackId};
use crate::media::net::batch::{Batch, BatchSocket, Moment};
use crate::media::net::latch::{Latch, Verdict};
use crate::media::net::ports::{Opened, PortLease};
use crate::media::net::sources::MediaSources;
use crate::media::net::stream::Stream;
use crate::media::outlet::Outlet;
use crate::media::playback::Playback;
use crate::media::sound::handshakes::{Handshakes, News, Port};
use crate::media::sound::phone_out::Outbound;
use crate::media::sound::player::Player;
use crate::media::sound::reports::Reports;
use crate::media::sound::shield::Shield;
use crate::media::sound::silence::Silence;
use crate::media::sound::tones::Tones;
use crate::media::stats::ShardFigures;
use crate::media::tap::{Capture, Captured, Tap};
use omnigate_audio::codec::Band;
use omnigate_audio::dtmf::Key;
use omnigate_audio::frame_samples;
use omnigate_audio::level::TalkDetector;
use omnigate_audio::mix::Limiter;
use omnigate_dtls::is_dtls;
use omnigate_room::ParticipantId;
use omnigate_rtp::digits::Source;
use omnigate_rtp::playout::{PayloadKind, Playout};
use omnigate_rtp::telephone_event::Receiver;
use omnigate_rtp::{RtpPacket, is_rtcp};
use omnigate_sip::Agreed;
use omnigate_sip::keying::Keying;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::TrySendError;

/// Rate of a telephone with G.711, Hz.
const NARROW_HZ: u32 = 8_000;

/// A caller's media.
pub(crate) struct Leg {
    pub(crate) id: LegId,
    /// Both are read by the tick: the kernel keeps the times of arrival, so no packet wakes the thread.
    rtp: Arc<BatchSocket>,
    reports: Reports,
    /// Goes back after the sockets, and before the end of the events tells that all of it is gone.
    lease: PortLease,
    events: Sender<LegEvent>,
    agreed: Option<Agreed>,
    sources: MediaSources,
    /// What the last call on this port has sent.
    late: Option<Stream>,
    shield: Shield,
    /// Where they make the keys.
    handshakes: Option<Box<Handshakes>>,
    latch: Option<Latch>,
    playout: Playout,
    outbound: Outbound,
    telephone_events: Receiver,
    tones: Tones,
    player: Option<Player>,
    /// What is said in the telephone's place until it says something itself.
    stand_in: Option<Player>,
    talk: TalkDetector,
    pub(crate) limiter: Limiter,
    /// Rate at which it speaks and hears, Hz.
    rate_hz: u32,
    /// This tick's audio from the caller.
    pub(crate) frame: Vec<i16>,
    /// The caller is heard in this tick.
    pub(crate) talking: bool,
    silence: Silence,
    /// Where what is heard of it goes.
    ear: Option<Sender<Heard>>,
    heard: bool,
    scratch: Vec<u8>,
    /// Who it is in its room; nobody in the IVR.
    pub(crate) participant: Option<ParticipantId>,
    /// Nobody hears it.
    muted: bool,
    pub(crate) captured: Captured,
}

/// Initial values of a leg that come from outside.
pub(crate) struct LegSeed {
    pub(crate) ssrc: u32,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) silence_timeout: Duration,
    pub(crate) sources: MediaSources,
}

impl Leg {
    pub(crate) fn new(
        id: LegId,
        opened: Opened,
        events: Sender<LegEvent>,
        playout: Playout,
        seed: LegSeed,
        now: Instant,
    ) -> Leg {
        let mut silence = Silence::new(seed.silence_timeout, now);
        silence.set_timeout(seed.sources.silence());
        Leg {
            id,
            rtp: Arc::new(opened.rtp),
            reports: Reports::new(opened.rtcp, seed.ssrc, now),
            lease: opened.lease,
            events,
            agreed: None,
            sources: seed.sources,
            late: opened.last,
            shield: Shield::default(),
            handshakes: None,
            latch: None,
            playout,
            outbound: Outbound::new(seed.ssrc, seed.sequence, seed.timestamp),
            telephone_events: Receiver::new(),
            tones: Tones::default(),
            player: None,
            stand_in: None,
            talk: TalkDetector::new(NARROW_HZ),
            limiter: Limiter::default(),
            rate_hz: NARROW_HZ,
            frame: vec![0; frame_samples(NARROW_HZ)],
            talking: false,
            silence,
            ear: None,
            heard: false,
            scratch: Vec::with_capacity(1500),
            participant: None,
            muted: false,
            captured: Captured::default(),
        }
    }

    /// Captures what the caller says from now on, if that is not done yet.
    pub(crate) fn capture(&mut self, capture: Capture, now: Instant, tap: &mut Tap) {
        if let Some(participant) = self.participant {
            self.captured.join(capture, participant.0, self.muted, now, tap);
        }
    }

    /// Who it is in its room from now on: heard by all; or nobody, alone.
    pub(crate) fn take_part(&mut self, participant: Option<ParticipantId>) {
        self.participant = participant;
        self.muted = false;
    }

    /// Takes what it says out of every mix and out of captures, or back in. Its keys are heard all the same.
    pub(crate) fn set_muted(&mut self, muted: bool, now: Instant, tap: &mut Tap) {
        self.muted = muted;
        self.captured.muted(muted, now, tap);
    }

    /// A full queue loses the event: the control plane has 256 places a call and reads at once. When nobody is there any
    /// more, nothing is lost.
    pub(crate) fn tell(&self, event: LegEvent, figures: &ShardFigures) {
        tell(&self.events, event, figures);
    }

    pub(crate) fn set_media(&mut self, agreed: Agreed, now: Instant) {
        match &mut self.latch {
            // A hold in the manner of RFC 2543 says nothing about where the caller is.
            Some(_) if agreed.remote_rtp.ip().is_unspecified() => {}
            Some(latch) => latch.renew(agreed.remote_rtp, now),
            None => {
                let (sources, late) = (self.sources.clone(), self.late);
                self.latch = Some(Latch::new(agreed.remote_rtp, sources, late, now));
            }
        }
        self.reports.latch.renew(agreed.remote_rtcp);
        self.reports.shared = agreed.is_muxed().then(|| self.rtp.clone());
        self.seal(&agreed, now);
        self.outbound.configure(&agreed);
        self.tones.agree(!agreed.telephone_events.is_empty());
        self.silence.broken(now);
        self.agreed = Some(agreed);
    }

    /// Follows how the keys come.
    fn seal(&mut self, agreed: &Agreed, now: Instant) {
        let association = match agreed.srtp.as_deref() {
            Some(Keying::Dtls(association)) => association,
            Some(Keying::Sdes(keys)) => {
                self.handshakes = None;
                return self.shield.follow(Some(keys));
            }
            None => {
                self.handshakes = None;
                return self.shield.follow(None);
            }
        };
        let known = self.handshakes.as_mut();
        if !known.is_some_and(|known| known.go_on_with(association, agreed)) {
            self.shield.wait(!agreed.is_muxed());
            self.handshakes = Some(Box::new(Handshakes::new(association, agreed, now)));
        }
        // Who is held from the beginning is nowhere yet.
        let due = association.due && !agreed.remote_rtp.ip().is_unspecified();
        if let Some(handshakes) = self.handshakes.as_mut().filter(|_| due) {
            handshakes.begin(now);
        }
    }

    /// How much of a voice goes to and fro.
    pub(crate) fn band(&self) -> Band {
        self.agreed
            .as_ref()
            .map_or(Band::Narrow, |agreed| agreed.codec.band())
    }

    /// Follows its codec, and the rate of the room's bus where that has a say. Allocates when it changes.
    pub(crate) fn follow(&mut self, bus_hz: u32) {
        let codec = self.agreed.as_ref().map(|agreed| agreed.codec);
        let rate_hz = codec.map_or(NARROW_HZ, |codec| codec.rate_hz(bus_hz));
        self.outbound.set_rate(rate_hz);
        if rate_hz == self.rate_hz {
            return;
        }
        self.rate_hz = rate_hz;
        let _ = self.playout.set_output_rate(rate_hz);
        self.tones.set_rate(rate_hz);
        self.talk = TalkDetector::new(rate_hz);
        self.frame.clear();
        self.frame.resize(frame_samples(rate_hz), 0);
    }

    pub(crate) fn play(&mut self, id: PlaybackId, playback: Playback) {
        self.player = Some(Player::new(id, playback));
    }

    pub(crate) fn stand_in(&mut self, playback: Option<Playback>) {
        self.stand_in = playback.map(|playback| Player::new(PlaybackId(0), playback));
    }

    /// Hands on what is heard of it.
    pub(crate) fn hear(&mut self, to: Sender<Heard>) {
        self.ear = Some(to);
    }

    /// Somebody else is called, whose media these may send: what was agreed on with the one before has ended.
    pub(crate) fn set_sources(&mut self, sources: MediaSources) {
        self.silence.set_timeout(sources.silence());
        self.sources = sources;
        (self.agreed, self.latch, self.handshakes) = (None, None, None);
    }

    /// One too many is lost: who asks for it has counted how many wait.
    pub(crate) fn press(&mut self, key: Key) {
        self.outbound.press(key);
    }

    pub(crate) fn stop_playback(&mut self) {
        self.player = None;
    }

    fn held(&self) -> bool {
        self.agreed.as_ref().is_none_or(Agreed::held)
    }

    /// Reads what has arrived: RTP at each tick, RTCP now and then.
    pub(crate) fn receive(&mut self, batch: &mut Batch, moment: &Moment, outlet: &Outlet) {
        // Nobody who has not the key is listened to, nor learned from.
        let (mut shield, mut handshakes) = (std::mem::take(&mut self.shield), self.handshakes.take());
        let rejected = || ShardFigures::count(&outlet.figures.rtp_rejected);
        let (socket, now) = (self.rtp.clone(), moment.now);
        batch.receive(&socket, moment, |source, arrival, data| {
            if let Some(handshakes) = &mut handshakes
                && is_dtls(data)
            {
                match self.latch.as_ref().is_some_and(|latch| latch.allows(source)) {
                    true => handshakes.take(Port::Media, data, source, now, &socket, &mut shield),
                    false => rejected(),
                }
                return;
            }
            if is_rtcp(data) {
                match shield.open_rtcp(data) {
                    Some(report) => self.rtcp_packet(report, source, arrival),
                    None => rejected(),
                }
                return;
            }
            match shield.open_rtp(data) {
                Some(packet) => self.rtp_packet(packet, source, arrival, outlet),
                None => rejected(),
            }
        });
        let wanted = handshakes.as_ref().is_some_and(|all| all.wants_reports());
        if self.reports.turn() || wanted {
            let socket = self.reports.socket.clone();
            batch.receive(&socket, moment, |source, arrival, data| {
                if let Some(handshakes) = &mut handshakes
                    && is_dtls(data)
                {
                    let latch = &self.reports.latch;
                    match self
                        .latch
                        .as_ref()
                        .is_some_and(|media| latch.takes(source, media, now))
                    {
                        true => handshakes.take(Port::Reports, data, source, now, &socket, &mut shield),
                        false => rejected(),
                    }
                    return;
                }
                match shield.open_report(data) {
                    Some(report) => self.rtcp_packet(report, source, arrival),
                    None => rejected(),
                }
            });
        }
        if let Some(handshakes) = &mut handshakes {
            self.go_on(handshakes, &mut shield, now, &outlet.figures);
        }
        self.handshakes = handshakes;
        self.shield = shield;
    }

    /// Goes on with the handshakes.
    fn go_on(&self, handshakes: &mut Handshakes, shield: &mut Shield, now: Instant, figures: &ShardFigures) {
        let there = |to: &SocketAddr| to.port() != 0 && !to.ip().is_unspecified();
        let to = self.latch.as_ref().map(Latch::destination).filter(there);
        let reports_to = self.report_destination();
        handshakes.turn(Port::Media, to, now, &self.rtp, shield);
        handshakes.turn(Port::Reports, reports_to, now, &self.reports.socket, shield);
        match handshakes.news() {
            Some(News::Sealed(suite)) => self.tell(LegEvent::Sealed(suite), figures),
            Some(News::Failed(why)) => self.tell(LegEvent::NoKeys(why), figures),
            None => {}
        }
    }

    fn rtp_packet(&mut self, data: &[u8], source: SocketAddr, now: Instant, outlet: &Outlet) {
        let figures: &ShardFigures = &outlet.figures;
        let (Ok(packet), Some(latch), Some(agreed)) = (RtpPacket::parse(data), &mut self.latch, &self.agreed)
        else {
            return;
        };
        match latch.judge(source, packet.ssrc, packet.sequence, now) {
            Verdict::Accept => {}
            Verdict::Learned { from } => self.tell(LegEvent::RemoteLearned { from, to: source }, figures),
            Verdict::Reject => return ShardFigures::count(&figures.rtp_rejected),
        }
        ShardFigures::count(&figures.rtp_received);
        self.silence.broken(now);
        let known = agreed.receive.iter().find(|(pt, _)| *pt == packet.payload_type);
        let known = known.map(|(_, codec)| *codec);
        self.reports
            .on_rtp(&packet, known.unwrap_or(agreed.codec).clock_hz(), now);
        if agreed.telephone_events.contains(&packet.payload_type) {
            self.playout.skip(packet.sequence);
            self.captured
                .event(packet.sequence, now, &mut outlet.tap.borrow_mut());
            let key = self.telephone_events.receive(
                packet.ssrc,
                packet.timestamp,
                packet.sequence,
                packet.payload,
                now,
            );
            if let Some(key) = key {
                self.tones.pressed();
                self.tell(LegEvent::Digit(key, Source::TelephoneEvent), figures);
            }
        } else {
            let noise = agreed.comfort_noise == Some(packet.payload_type) || packet.payload_type == 13;
            let kind = match known {
                Some(codec) => Some(PayloadKind::Speech(codec)),
                None => noise.then_some(PayloadKind::ComfortNoise),
            };
            if let Some(kind) = kind {
                // Who may not be heard yet takes nothing's place.
                if agreed.direction.receives() {
                    self.stand_in = None;
                }
                self.playout.push(now, &packet, kind);
                let tap = &mut outlet.tap.borrow_mut();
                self.captured.media(kind.into(), &packet, now, tap, figures);
            }
        }
        if !self.heard {
            self.heard = true;
            self.tell(LegEvent::FirstPacket, figures);
        }
    }

    /// A caller who only listens, or whose telephone sends nothing in silence, is known to be there by its reports.
    fn rtcp_packet(&mut self, data: &[u8], source: SocketAddr, now: Instant) {
        let Some(latch) = &self.latch else { return };
        if self
            .reports
            .receive(data, source, self.outbound.sender().ssrc(), latch, now)
        {
            self.silence.broken(now);
        }
    }

    /// Takes this tick's audio out of the jitter buffer.
    pub(crate) fn pull(&mut self, now: Instant, outlet: &Outlet) {
        let figures: &ShardFigures = &outlet.figures;
        self.talking = false;
        if let Some(player) = &mut self.stand_in {
            self.frame.fill(0);
            if !player.add(&mut self.frame, self.rate_hz) {
                self.stand_in = None;
            }
            self.talking = true;
            return;
        }
        if self.agreed.is_none() {
            return;
        }
        self.playout.pull(now, &mut self.frame);
        let events = &self.events;
        self.tones.hear(&self.frame, |key| {
            tell(events, LegEvent::Digit(key, Source::InBand), figures);
        });
        let held = self.held();
        if !self.muted {
            self.captured.held(held, now, &mut outlet.tap.borrow_mut());
        }
        if held {
            self.silence.excused(now);
        }
        if held || self.muted {
            self.frame.fill(0);
        }
        if let Some(ear) = &self.ear {
            // Who does not take it in time goes without.
            let _ = ear.try_send(Heard::new(&self.frame, self.rate_hz));
        }
        self.talking = self.talk.push(&self.frame) && !held && !self.muted;
        if self.silence.is_news(now) {
            self.tell(LegEvent::Silent, figures);
        }
    }

    /// Sends this tick's mix with what is played on top.
    pub(crate) fn push(&mut self, mix: &mut [i16], figures: &ShardFigures) {
        // What is played begins when it can be heard; on hold it goes on unheard.
        if self.shield.waits() && !self.held() {
            return self.outbound.pause();
        }
        if let Some(player) = &mut self.player
            && !player.add(mix, self.rate_hz)
        {
            let id = player.id;
            self.player = None;
            self.tell(LegEvent::PlaybackDone(id), figures);
        }
        let (Some(agreed), Some(latch)) = (&self.agreed, &self.latch) else {
            return;
        };
        let destination = latch.destination();
        if !agreed.direction.sends() || destination.port() == 0 || destination.ip().is_unspecified() {
            self.outbound.pause();
            return;
        }
        let (rtp, shield) = (&self.rtp, &mut self.shield);
        self.outbound.push(mix, &mut self.scratch, |packet| {
            let sealed = shield.seal_rtp(packet);
            if sealed.is_some_and(|packet| rtp.send_to(packet, destination).is_ok()) {
                ShardFigures::count(&figures.rtp_sent);
            }
        });
    }

    /// Sends a report when one is due. `ntp` is the wall clock in NTP format.
    pub(crate) fn report(&mut self, now: Instant, ntp: impl Fn() -> u64) {
        if !self.reports.due(now) {
            return;
        }
        if let Some(destination) = self.report_destination() {
            let (sender, shield) = (self.outbound.sender(), &mut self.shield);
            self.reports.send(now, ntp(), sender, shield, destination);
        }
    }

    fn report_destination(&self) -> Option<SocketAddr> {
        let (latch, agreed) = (self.latch.as_ref()?, self.agreed.as_ref()?);
        // A hold by 0.0.0.0 forbids reports too (RFC 3264 section 8.4).
        if agreed.remote_rtp.ip().is_unspecified() {
            return None;
        }
        let media = latch.destination();
        let to = if agreed.is_muxed() {
            Some(media)
        } else {
            self.reports.latch.destination(media, agreed.remote_rtp)
        };
        to.filter(|a| a.port() != 0 && !a.ip().is_unspecified())
    }

    /// Says goodbye by RTCP and reports the last figures.
    pub(crate) fn end(mut self: Box<Self>, now: Instant, figures: &ShardFigures) {
        if let Some(destination) = self.report_destination() {
            let (sender, shield) = (self.outbound.sender(), &mut self.shield);
            self.reports.goodbye(sender, shield, destination);
        }
        let last = self.figures();
        figures
            .rtp_lost
            .fetch_add(last.lost, std::sync::atomic::Ordering::Relaxed);
        self.tell(LegEvent::Ended(last), figures);
        let heard = self.latch.as_ref().and_then(Latch::heard);
        self.lease.end(heard.or(self.late), now);
    }

    fn figures(&self) -> LegFigures {
        let s = self.reports.stats();
        LegFigures {
            received: s.received,
            sent: u64::from(self.outbound.sender().packets()),
            lost: s.lost,
            loss_fraction: s.loss_fraction,
            jitter_seconds: s.jitter_seconds,
            rtt: s.rtt,
            remote_loss_fraction: s.remote_loss_fraction,
        }
    }
}

fn tell(events: &Sender<LegEvent>, event: LegEvent, figures: &ShardFigures) {
    if let Err(TrySendError::Full(_)) = events.try_send(event) {
        ShardFigures::count(&figures.events_lost);
    }
}

#[cfg(test)]
#[path = "leg_tests.rs"]
mod tests;
