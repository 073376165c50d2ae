//! The task of one call: carries out what the call flow decides, on SIP, media, directory and rooms.

use super::flow::{CallFlow, FlowEffect, FlowEvent};
use super::refusal::{refusal, warning};
use super::shared::{Gateway, Screened};
use crate::calls::{CallEnd, CallEvent, CallMedia, Stage};
use crate::media::{LegEvent, LegFigures, LegHandle, Playback, PlaybackId};
use crate::rooms::Telephone;
use crate::sip::{IncomingCall, SipCall, reason};
use crate::sync::lock;
use omnigate_audio::dtmf::Key;
use omnigate_omnitalk::{LookUp, TelephoneNotice};
use omnigate_rtp::digits::{DigitMerger, Source};
use omnigate_sip::message::{Headers, Status};
use omnigate_sip::{Agreed, CallEnd as SipEnd, CallEvent as SipEvent, Direction, Negotiator, info};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tracing::{debug, info, warn};

/// Places in the queues of one call.
const QUEUE: usize = 256;
/// How long the media thread may take to hand over its last figures.
const LAST_FIGURES: Duration = Duration::from_secs(1);
/// A caller on hold, who sends no media, is asked this often whether the call is still there.
const HELD_PING: Duration = Duration::from_secs(60);

/// How a call ended and how long it was answered.
pub(super) struct Ended {
    pub(super) end: CallEnd,
    pub(super) talked: Option<Duration>,
}

/// What comes to a call from elsewhere than SIP.
struct Sources {
    leg: mpsc::Receiver<LegEvent>,
    /// The look-up that is under way.
    directory: mpsc::Receiver<Option<LookUp>>,
    rooms: mpsc::UnboundedReceiver<TelephoneNotice>,
}

struct CallTask {
    gateway: Arc<Gateway>,
    screened: Screened,
    sip: SipCall,
    /// Where its INVITE came from.
    peer: IpAddr,
    negotiator: Negotiator,
    agreed: Option<Agreed>,
    /// Somebody is there: the ACK came, or RTP from where SDP said. Until then nothing is sent and no key counts, for whoever
    /// forges an INVITE gets no 200.
    confirmed: bool,
    /// When a caller on hold is asked whether the call is still there.
    ping_at: Option<Instant>,
    flow: CallFlow,
    leg: LegHandle,
    /// RTP comes from elsewhere than SDP said.
    learned: bool,
    look_ups: mpsc::Sender<Option<LookUp>>,
    /// Where the rooms tell what becomes of the call; a handful of notices.
    notices: mpsc::UnboundedSender<TelephoneNotice>,
    merger: DigitMerger,
    playing: Option<PlaybackId>,
    answered: Instant,
    last_digit: Option<Instant>,
    stage: Stage,
    end: Option<CallEnd>,
    over: bool,
}

/// Runs a screened call to its end.
pub(super) async fn run(gateway: Arc<Gateway>, incoming: IncomingCall, screened: Screened) -> Ended {
    let (mut task, mut sources) = match CallTask::begin(gateway, incoming, screened) {
        Ok(begun) => begun,
        Err(end) => return Ended { end, talked: None },
    };
    let hang_up_all = task.gateway.hang_up_all.clone();
    let (mut stopping, mut leg_ended) = (false, false);
    task.settle().await;
    while !task.over {
        let deadline = task.flow.deadline();
        let timer = sleep_until(deadline);
        let held = sleep_until(task.ping_at);
        tokio::select! {
            event = task.sip.event() => match event {
                Some(event) => task.sip_event(event),
                None => task.over = true,
            },
            event = sources.leg.recv(), if !leg_ended => match event {
                Some(event) => task.media(event),
                // Whatever was said last or lost: the end of its events is the end of the leg.
                None => {
                    leg_ended = true;
                    task.hang_up(CallEnd::Fault);
                }
            },
            Some(answer) = sources.directory.recv() => task.flow.handle(FlowEvent::LookedUp(answer), now()),
            Some(notice) = sources.rooms.recv() => task.notice(notice),
            () = timer => task.flow.timeout(now()),
            () = held => task.ping(),
            () = hang_up_all.cancelled(), if !stopping => {
                stopping = true;
                task.hang_up(CallEnd::Shutdown);
            }
        }
        task.settle().await;
    }
    task.finish(sources.leg).await
}

impl CallTask {
    /// Opens the leg, takes the offer and answers; or says why not, to the caller too.
    fn begin(
        gateway: Arc<Gateway>,
        incoming: IncomingCall,
        screened: Screened,
    ) -> Result<(CallTask, Sources), CallEnd> {
        let (leg_events, leg) = mpsc::channel(QUEUE);
        let (look_ups, directory) = mpsc::channel(1);
        let (notices, rooms) = mpsc::unbounded_channel();
        let sip = incoming.call;
        let peer = incoming.hop.remote.ip();
        let sources = screened.trunk.media_sources(peer);
        let handle = match gateway.media.open_leg_at(sources, leg_events, now()) {
            Ok(handle) => handle,
            Err(error) => {
                warn!(%error, "no media for a call");
                sip.refuse(Status::TEMPORARILY_UNAVAILABLE, reason(503, "no media"));
                return Err(CallEnd::Overload);
            }
        };
        let mut negotiator = Negotiator::new(handle.local(), rand::random::<u32>().into());
        let refuse = |status: Status, fields: Headers, why: &str| {
            info!(status = status.code(), reason = %why, "INVITE refused");
            sip.refuse(status, fields);
            CallEnd::Invite(status.code())
        };
        let (answer, agreed) = match &incoming.offer {
            Some(offer) => {
                let (answer, agreed) = negotiator.answer(offer).map_err(|why| {
                    let (status, fields) = refusal(&why);
                    refuse(status, fields, &why.to_string())
                })?;
                if let Err(why) = screened.trunk.takes_media(agreed.remote_rtp.ip(), peer) {
                    return Err(refuse(Status::NOT_ACCEPTABLE_HERE, warning(399, &why), &why));
                }
                (answer, Some(agreed))
            }
            None => (negotiator.offer(), None),
        };
        sip.progress(Status::RINGING, None, false);
        sip.answer(answer.into_bytes());
        let mut task = CallTask {
            flow: CallFlow::new(gateway.flow, screened.trunk.service.clone()),
            gateway,
            screened,
            sip,
            peer,
            negotiator,
            agreed: None,
            confirmed: false,
            ping_at: None,
            leg: handle,
            learned: false,
            look_ups,
            notices,
            merger: DigitMerger::new(),
            playing: None,
            answered: now(),
            last_digit: None,
            stage: Stage::Opening,
            end: None,
            over: false,
        };
        task.tell(CallEvent::Answered(task.screened.received.elapsed()));
        if let Some(agreed) = agreed {
            task.set_media(agreed);
        }
        let sources = Sources {
            leg,
            directory,
            rooms,
        };
        Ok((task, sources))
    }

    /// Leaves the rooms, lets the leg go and takes its last figures.
    async fn finish(self, mut from_leg: mpsc::Receiver<LegEvent>) -> Ended {
        if let Err(error) = self.gateway.rooms.hang_up(self.screened.teller.id()).await {
            warn!(%error, "the rooms were not told that the call is over");
        }
        let ended = Ended {
            end: self.end.unwrap_or(CallEnd::Fault),
            talked: Some(now() - self.answered),
        };
        let teller = self.screened.teller.clone();
        drop(self);
        if let Some(figures) = last_figures(&mut from_leg).await {
            teller.tell(CallEvent::Media(CallMedia {
                received: figures.received,
                sent: figures.sent,
                lost: figures.lost,
                loss_fraction: figures.loss_fraction,
                jitter_seconds: figures.jitter_seconds,
                rtt: figures.rtt,
            }));
        }
        ended
    }

    /// Carries out what the flow has decided, until it has no more.
    async fn settle(&mut self) {
        while let Some(effect) = self.flow.poll() {
            self.flow_effect(effect).await;
        }
        if let Some(stage) = self.flow.stage().filter(|stage| *stage != self.stage) {
            self.stage = stage;
            self.tell(CallEvent::Reached(stage));
        }
    }

    fn tell(&self, event: CallEvent<'_>) {
        self.screened.teller.tell(event);
    }

    /// On hold no media tells that the caller is still there.
    fn ping(&mut self) {
        self.sip.ping();
        self.ping_at = Some(now() + HELD_PING);
    }

    fn sip_event(&mut self, event: SipEvent) {
        match event {
            SipEvent::Confirmed => self.confirm(),
            SipEvent::Offer(offer) => self.offered(&offer),
            SipEvent::OfferWanted => self.sip.accept(self.negotiator.offer().into_bytes()),
            SipEvent::Answer(answer) => self.answered(&answer),
            SipEvent::Info { content_type, body } => {
                let key = info::digit(&content_type, &body).and_then(Key::from_char);
                if let Some(key) = key {
                    self.digit(key, Source::SipInfo);
                }
            }
            SipEvent::Refer(_) => debug!("a REFER is not taken"),
            SipEvent::Ended(end) => {
                self.over = true;
                self.end.get_or_insert(ended_by_sip(&end));
            }
            other => debug!(?other, "passed over"),
        }
    }

    fn answered(&mut self, answer: &[u8]) {
        let agreed = self.negotiator.accept(answer).map_err(|why| why.to_string());
        let agreed = agreed.and_then(|agreed| self.takes(&agreed).map(|()| agreed));
        match agreed {
            Ok(agreed) => self.set_media(agreed),
            Err(why) if self.agreed.is_none() => {
                info!(reason = %why, "the answer cannot be taken");
                self.hang_up(CallEnd::NoAck);
            }
            // A refresh without a usable answer leaves the session as it was (RFC 3261 section 14.2).
            Err(why) => debug!(reason = %why, "an answer is passed over"),
        }
    }

    fn offered(&mut self, offer: &[u8]) {
        // An offer that is refused leaves the session as it was (RFC 3261 section 14.2).
        let mut negotiator = self.negotiator.clone();
        match negotiator.answer(offer) {
            Ok((answer, agreed)) => match self.takes(&agreed) {
                Ok(()) => {
                    self.negotiator = negotiator;
                    self.sip.accept(answer.into_bytes());
                    self.set_media(agreed);
                }
                Err(why) => self.sip.reject(Status::NOT_ACCEPTABLE_HERE, warning(399, &why)),
            },
            Err(why) => {
                let (status, fields) = refusal(&why);
                self.sip.reject(status, fields);
            }
        }
    }

    fn takes(&self, agreed: &Agreed) -> Result<(), String> {
        self.screened.trunk.takes_media(agreed.remote_rtp.ip(), self.peer)
    }

    /// Somebody is there: media flows in both directions, and the menu begins.
    fn confirm(&mut self) {
        if std::mem::replace(&mut self.confirmed, true) {
            return;
        }
        debug!("call confirmed");
        if let Some(agreed) = self.agreed.clone() {
            self.apply(agreed);
            self.start_flow();
        }
    }

    fn set_media(&mut self, agreed: Agreed) {
        if self.agreed.as_ref() == Some(&agreed) {
            return;
        }
        debug!(
            codec = agreed.payload.name(),
            ptime = agreed.ptime_ms,
            held = agreed.held(),
            events = agreed.telephone_event.is_some(),
            "media agreed"
        );
        self.ping_at = agreed.held().then(|| now() + HELD_PING);
        let first = self.agreed.is_none();
        self.agreed = Some(agreed.clone());
        self.apply(agreed);
        if first && self.confirmed {
            self.start_flow();
        }
    }

    fn apply(&mut self, mut agreed: Agreed) {
        if !self.confirmed {
            agreed.direction = Direction::RecvOnly;
        }
        if let Err(error) = self.leg.set_media(agreed) {
            warn!(%error, "the media plane is overloaded");
            self.hang_up(CallEnd::Overload);
        }
    }

    fn start_flow(&mut self) {
        let allowance = lock(&self.gateway.budget).allowance(
            self.screened.caller.shown(),
            self.screened.called.digits(),
            now(),
        );
        self.flow.handle(FlowEvent::Answered(allowance), now());
    }

    async fn flow_effect(&mut self, effect: FlowEffect) {
        let language = self.screened.trunk.language;
        match effect {
            FlowEffect::Play(phrases) => {
                self.play(Playback::Prompts(self.gateway.prompts.of(language, &phrases)));
            }
            FlowEffect::Repeat(phrases, pause) => {
                let recordings = self.gateway.prompts.of(language, &phrases);
                self.play(Playback::Repeat(recordings, pause));
            }
            FlowEffect::Tone(tone) => self.play(Playback::Tone(tone)),
            FlowEffect::Silence => {
                self.playing = None;
                self.leg.stop_playback();
            }
            FlowEffect::LookUp(number) => {
                let (directory, answers) = (self.gateway.directory.clone(), self.look_ups.clone());
                let teller = self.screened.teller.clone();
                let look_up = async move {
                    let answer = directory.look_up(number).await;
                    teller.tell(CallEvent::LookedUp(&answer));
                    let _ = answers.send(answer.ok()).await;
                };
                tokio::spawn(tracing::Instrument::in_current_span(look_up));
            }
            FlowEffect::Wrong => self.wrong(),
            FlowEffect::Connect(to) => {
                let telephone = Telephone {
                    number: self.screened.caller.shown().to_owned(),
                    record: self.screened.trunk.record,
                    leg: self.leg.seat(),
                    notices: self.notices.clone(),
                };
                let id = self.screened.teller.id();
                if let Err(error) = self.gateway.rooms.connect(id, telephone, to).await {
                    warn!(%error, "the call cannot be connected");
                    self.flow.handle(FlowEvent::NoRooms, now());
                }
            }
            FlowEffect::Joined(room) => {
                let waited = self.last_digit.map(|d| now() - d).unwrap_or_default();
                self.tell(CallEvent::Joined(room, waited));
            }
            FlowEffect::HangUp(end) => self.hang_up(end),
        }
    }

    fn play(&mut self, playback: Playback) {
        match self.leg.play(playback) {
            Ok(id) => self.playing = Some(id),
            Err(error) => {
                warn!(%error, "the media plane is overloaded");
                self.hang_up(CallEnd::Overload);
            }
        }
    }

    fn hang_up(&mut self, end: CallEnd) {
        self.end.get_or_insert(end);
        self.sip.hang_up(reason(end.sip_status(), end.reason()));
    }

    fn wrong(&self) {
        let mut budget = lock(&self.gateway.budget);
        let too_often = budget.wrong(self.screened.caller.shown(), self.screened.called.digits(), now());
        if too_often {
            self.tell(CallEvent::GuessedTooOften);
        }
    }

    fn digit(&mut self, key: Key, source: Source) {
        if !self.confirmed {
            return;
        }
        let now = now();
        let new = self.merger.accept(source, key, now);
        self.tell(CallEvent::KeyPressed { source, new });
        if new {
            self.last_digit = Some(now);
            self.flow.handle(FlowEvent::Key(key), now);
        }
    }

    fn media(&mut self, event: LegEvent) {
        match event {
            LegEvent::FirstPacket => {
                if !self.learned {
                    self.confirm();
                }
                self.flow.handle(FlowEvent::MediaFlows, now());
            }
            LegEvent::Digit(key, source) => self.digit(key, source),
            LegEvent::RemoteLearned { from, to } => self.learned(from, to),
            LegEvent::PlaybackDone(id) if self.playing == Some(id) => {
                self.playing = None;
                self.flow.handle(FlowEvent::Played, now());
            }
            LegEvent::PlaybackDone(_) | LegEvent::Ended(_) => {}
            LegEvent::Silent => {
                info!("no RTP from the caller");
                self.hang_up(CallEnd::NoMedia);
            }
            LegEvent::Failed => self.hang_up(CallEnd::Fault),
        }
    }

    fn learned(&mut self, from: SocketAddr, to: SocketAddr) {
        self.learned = self.agreed.as_ref().is_none_or(|agreed| agreed.remote_rtp != to);
        if self.learned {
            info!(%from, %to, "RTP comes from another address than SDP said");
            return;
        }
        info!(%from, %to, "RTP comes from where SDP said");
        self.confirm();
    }

    fn notice(&mut self, notice: TelephoneNotice) {
        debug!(?notice, "from the rooms");
        self.flow.handle(FlowEvent::Notice(notice), now());
    }
}

/// What the end of the SIP call is to the caller's call.
fn ended_by_sip(end: &SipEnd) -> CallEnd {
    match end {
        SipEnd::RemoteHungUp(_) => CallEnd::CallerHungUp,
        SipEnd::Cancelled(_) => CallEnd::Cancelled,
        SipEnd::Refused(status) => CallEnd::Invite(status.code()),
        SipEnd::NoAck | SipEnd::NoPrack | SipEnd::NoAnswer => CallEnd::NoAck,
        SipEnd::Unreachable | SipEnd::NoResponse | SipEnd::Lost | SipEnd::Expired => CallEnd::Lost,
        _ => CallEnd::Fault,
    }
}

async fn last_figures(from_leg: &mut mpsc::Receiver<LegEvent>) -> Option<LegFigures> {
    let wait = async {
        while let Some(event) = from_leg.recv().await {
            if let LegEvent::Ended(figures) = event {
                return Some(figures);
            }
        }
        None
    };
    tokio::time::timeout(LAST_FIGURES, wait).await.ok().flatten()
}

/// Until then; for ever without a time.
async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

/// The call's clock, which a test may stop and turn.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
