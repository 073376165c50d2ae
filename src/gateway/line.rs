//! A line: what every telephone call has, whoever runs it. A dialog and a leg, the session that both agree on, and the keys
//! that come by either.
//!
//! A line does not know which script runs it: it tells what happens ([`LineEvent`]) and does what it is told.

mod ear;
mod probe;

use super::refusal::{refusal, warning};
use super::sight::{Sight, Sights};
use crate::calls::{CallEnd, CallEvent, CallMedia, CallTeller};
use crate::config::KeyPath;
use crate::media::{Heard, LegEvent, LegSeat, MediaError, MediaPlane, Playback};
use crate::sip::{IncomingCall, SipCall, reason};
use crate::trunks::Trunk;
use ear::Ear;
use omnigate_audio::dtmf::Key;
use omnigate_rtp::digits::{DigitMerger, Source};
use omnigate_sip::keying::Keying;
use omnigate_sip::message::{Headers, Status};
use omnigate_sip::{
    Agreed, CallEnd as SipEnd, CallEvent as SipEvent, Direction, LocalMedia, Negotiator, ReferTo, info,
};
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tracing::{debug, info, warn};

/// A telephone on hold, which sends no media, is asked this often whether the call is still there.
const HELD_PING: Duration = Duration::from_secs(60);

/// What happens on a line.
#[derive(Debug)]
pub(super) enum LineEvent {
    /// Somebody is there, and a session: media flows in both directions.
    Up,
    /// The first packet came.
    MediaFlows,
    /// A key was pressed.
    Key(Key),
    /// What was played last is over.
    Played,
    /// A telephone that is called rings, or its call is in progress.
    Progress,
    /// The side of a telephone that is called may be heard before it answers.
    Early,
    /// The telephone asks to be transferred; [`Line::refer_answer`] within ten seconds.
    Refer(ReferTo),
    /// There is something new among what is seen, of a trunk that is looked at.
    Seen,
    /// The dialog is over, as SIP says; `None`: SIP itself is. Nothing follows but of another dialog.
    Over(Option<SipEnd>),
}

/// See the module.
pub(super) struct Line {
    /// None before a telephone is called.
    sip: Option<SipCall>,
    ear: Ear,
    session: Session,
    keys: DigitMerger,
    teller: CallTeller,
    /// When a telephone on hold is asked whether the call is still there.
    ping_at: Option<Instant>,
    /// Why we have hung up.
    end: Option<CallEnd>,
    ready: VecDeque<LineEvent>,
    /// Where its trunk is looked at: what has been seen.
    sights: Option<Box<Sights>>,
}

/// What both sides have agreed on.
struct Session {
    trunk: Arc<Trunk>,
    /// Where the call's SIP comes from.
    peer: IpAddr,
    negotiator: Negotiator,
    agreed: Option<Agreed>,
    /// We have called: there is somebody whom we wanted to speak to.
    called: bool,
    /// Somebody is there: the ACK came, or RTP from where SDP said; a telephone that was called has answered. Until then
    /// nothing is sent to a caller and no key counts, for whoever forges an INVITE gets no 200.
    confirmed: bool,
    /// A telephone that is called may be heard before it answers.
    early: bool,
}

impl Session {
    fn new(trunk: Arc<Trunk>, peer: IpAddr, local: LocalMedia, called: bool) -> Session {
        Session {
            early: trunk.terms().takes_early_media(&Headers::default(), false),
            negotiator: Negotiator::new(local, rand::random::<u32>().into(), trunk.media_terms(peer)),
            trunk,
            peer,
            agreed: None,
            called,
            confirmed: false,
        }
    }

    fn takes(&self, agreed: &Agreed) -> Result<(), String> {
        self.trunk.takes_media(agreed.remote_rtp.ip(), self.peer)
    }
}

impl Line {
    /// Opens the leg of a call that comes in, takes its offer, lets it ring and answers.
    ///
    /// # Errors
    /// Why not; the caller has been told.
    pub(super) fn answer(
        media: &MediaPlane,
        incoming: IncomingCall,
        trunk: Arc<Trunk>,
        teller: CallTeller,
    ) -> Result<Line, CallEnd> {
        let sip = incoming.call;
        let peer = incoming.hop.remote.ip();
        let ear = Ear::open(media, &trunk, peer, now()).map_err(|error| {
            warn!(%error, "no media for a call");
            sip.refuse(Status::TEMPORARILY_UNAVAILABLE, reason(503, "no media"));
            CallEnd::Overload
        })?;
        let mut session = Session::new(trunk, peer, ear.leg.local(), false);
        let (answer, agreed) = match &incoming.offer {
            Some(offer) => {
                let taken = session.negotiator.answer(offer).map_err(|why| {
                    let (status, fields) = refusal(&why);
                    (status, fields, why.to_string())
                });
                let taken = taken.and_then(|(answer, agreed)| match session.takes(&agreed) {
                    Ok(()) => Ok((answer, agreed)),
                    Err(why) => Err((Status::NOT_ACCEPTABLE_HERE, warning(399, &why), why)),
                });
                let (answer, agreed) = taken.map_err(|(status, fields, why)| {
                    info!(status = status.code(), reason = %why, "INVITE refused");
                    sip.refuse(status, fields);
                    CallEnd::Invite(status.code())
                })?;
                (answer, Some(agreed))
            }
            None => (session.negotiator.offer(), None),
        };
        sip.set_terms(session.trunk.terms().call());
        sip.progress(Status::RINGING, None, session.trunk.terms().is_reliable());
        sip.answer(answer.into_bytes());
        let mut line = Line::new(Some(sip), ear, session, teller);
        if let Some(agreed) = agreed {
            line.set_media(agreed);
        }
        Ok(line)
    }

    /// Opens the leg of a call to a telephone, of the address family of `peer`.
    ///
    /// # Errors
    /// [`MediaError`]
    pub(super) fn open(
        media: &MediaPlane,
        trunk: Arc<Trunk>,
        peer: IpAddr,
        teller: CallTeller,
    ) -> Result<Line, MediaError> {
        let ear = Ear::open(media, &trunk, peer, now())?;
        let session = Session::new(trunk, peer, ear.leg.local(), true);
        Ok(Line::new(None, ear, session, teller))
    }

    fn new(sip: Option<SipCall>, ear: Ear, session: Session, teller: CallTeller) -> Line {
        Line {
            sip,
            ear,
            sights: session.trunk.terms().call().watched.then(Box::default),
            session,
            keys: DigitMerger::new(),
            teller,
            ping_at: None,
            end: None,
            ready: VecDeque::new(),
        }
    }

    /// Begins anew with another gateway, at `peer`, to which our media is at `own`; our offer to it. What is left of the
    /// dialog with the last one ends.
    pub(super) fn redial(&mut self, trunk: Arc<Trunk>, peer: IpAddr, own: IpAddr) -> Vec<u8> {
        self.sip = None;
        self.ready.clear();
        self.ear.leg.set_sources(trunk.media_sources(peer));
        let local = LocalMedia {
            ip: own,
            port: self.ear.leg.local().port,
        };
        self.session = Session::new(trunk, peer, local, true);
        self.session.negotiator.offer().into_bytes()
    }

    /// The INVITE with the offer of [`Line::redial`] is on its way.
    pub(super) fn dial(&mut self, call: SipCall) {
        self.sip = Some(call);
    }

    /// Why we have hung up, if we have.
    pub(super) fn ours(&self) -> Option<CallEnd> {
        self.end
    }

    /// Says this to the room in the telephone's place until the telephone's side is heard.
    pub(super) fn stand_in(&self, playback: Option<Playback>) {
        self.ear.leg.stand_in(playback);
    }

    /// Presses a key towards the telephone, by the way that its trunk wants and the session has.
    pub(super) fn press(&mut self, key: Key) {
        let Some(agreed) = &self.session.agreed else {
            return debug!("nobody is there to press a key for");
        };
        let events = agreed.telephone_event_sent.is_some();
        if events && self.session.trunk.keys() == KeyPath::Events {
            if let Err(error) = self.ear.leg.press(key) {
                warn!(%error, "a key is lost: the media plane is overloaded");
            }
        } else if let Some(sip) = &self.sip {
            let body = format!("Signal={}\r\nDuration=100\r\n", key.char());
            sip.info("application/dtmf-relay", body.into_bytes());
        }
        self.teller.tell(CallEvent::KeySent);
    }

    /// Answers a [`LineEvent::Refer`].
    pub(super) fn refer_answer(&self, status: Status) {
        if let Some(sip) = &self.sip {
            sip.refer_answer(status);
        }
    }

    /// Tells the telephone how far its transfer is, if it wants to know.
    pub(super) fn refer_progress(&self, status: Status) {
        if let Some(sip) = &self.sip {
            sip.refer_progress(status);
        }
    }

    /// The trunk by which it goes.
    pub(super) fn trunk(&self) -> &Trunk {
        &self.session.trunk
    }

    /// Its leg, for whoever moves it between rooms.
    pub(super) fn seat(&self) -> LegSeat {
        self.ear.leg.seat()
    }

    /// What happens next. It may be dropped while it waits.
    pub(super) async fn event(&mut self) -> LineEvent {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return event;
            }
            let held = sleep_until(self.ping_at);
            tokio::select! {
                event = next(&mut self.sip) => match event {
                    Some(event) => self.sip_event(event),
                    None => self.over(None),
                },
                event = self.ear.events.recv(), if !self.ear.over => match event {
                    Some(event) => self.leg_event(event),
                    // Whatever was said last or lost: the end of its events is the end of the leg.
                    None => {
                        self.ear.over = true;
                        self.hang_up(CallEnd::Fault);
                    }
                },
                () = held => self.ping(),
            }
        }
    }

    /// Plays something to the telephone; [`LineEvent::Played`] follows when it ends by itself.
    pub(super) fn play(&mut self, playback: Playback) {
        match self.ear.leg.play(playback) {
            Ok(id) => self.ear.playing = Some(id),
            Err(error) => self.overloaded(&error),
        }
    }

    /// Stops what plays.
    pub(super) fn silence(&mut self) {
        self.ear.playing = None;
        self.ear.leg.stop_playback();
    }

    /// Ends the dialog as its state allows. The first reason of several counts.
    pub(super) fn hang_up(&mut self, end: CallEnd) {
        self.end.get_or_insert(end);
        match &self.sip {
            Some(sip) => sip.hang_up(reason(end.sip_status(), end.reason())),
            None => self.over(None),
        }
    }

    /// Hands on what is heard of the telephone from now on, each 20 ms; what there is no room for is lost.
    pub(super) fn hear(&self, to: mpsc::Sender<Heard>) {
        self.ear.leg.hear(to);
    }

    /// Lets dialog and leg go; what is left to do is to wait for the leg's last figures, and to tell them.
    pub(super) fn close(self) -> impl Future<Output = Option<CallMedia>> + use<> {
        drop(self.sip);
        let (figures, teller) = (self.ear.close(), self.teller);
        async move {
            let media = figures.await?;
            teller.tell(CallEvent::Media(media));
            Some(media)
        }
    }

    fn see(&mut self, sight: impl FnOnce() -> Sight) {
        if let Some(sights) = &mut self.sights {
            sights.see(now(), sight());
            self.tell(LineEvent::Seen);
        }
    }

    fn tell(&mut self, event: LineEvent) {
        self.ready.push_back(event);
    }

    fn over(&mut self, end: Option<SipEnd>) {
        self.sip = None;
        self.tell(LineEvent::Over(end));
    }

    fn overloaded(&mut self, error: &MediaError) {
        warn!(%error, "the media plane is overloaded");
        self.hang_up(CallEnd::Overload);
    }

    /// On hold no media tells that the telephone is still there.
    fn ping(&mut self) {
        if let Some(sip) = &self.sip {
            sip.ping();
        }
        self.ping_at = Some(now() + HELD_PING);
    }

    fn sip_event(&mut self, event: SipEvent) {
        if let Some(sights) = &mut self.sights {
            sights.sip(now(), &event);
            self.tell(LineEvent::Seen);
        }
        match event {
            SipEvent::Confirmed | SipEvent::Answered { .. } => self.confirm(),
            SipEvent::Progress { headers, .. } => self.progress(&headers),
            SipEvent::Offer(offer) => self.offered(&offer),
            SipEvent::OfferWanted => {
                let offer = self.session.negotiator.offer().into_bytes();
                self.accept(offer);
            }
            SipEvent::Answer(answer) => self.answered(&answer),
            SipEvent::Info { content_type, body } => {
                let key = info::digit(&content_type, &body).and_then(Key::from_char);
                if let Some(key) = key {
                    self.key(key, Source::SipInfo);
                }
            }
            SipEvent::Refer(refer) => self.tell(LineEvent::Refer(refer)),
            SipEvent::Ended(end) => self.over(Some(end)),
            other => debug!(?other, "passed over"),
        }
    }

    fn answered(&mut self, answer: &[u8]) {
        let session = &mut self.session;
        let agreed = session.negotiator.accept(answer).map_err(|why| why.to_string());
        let agreed = agreed.and_then(|agreed| session.takes(&agreed).map(|()| agreed));
        match agreed {
            Ok(agreed) => {
                self.see(|| Sight::Agreed((&agreed).into()));
                self.set_media(agreed);
            }
            Err(why) if session.agreed.is_none() => {
                info!(reason = %why, "the answer cannot be taken");
                let called = session.called;
                self.hang_up(if called {
                    CallEnd::Rejected(488)
                } else {
                    CallEnd::NoAck
                });
            }
            // A refresh without a usable answer leaves the session as it was (RFC 3261 section 14.2).
            Err(why) => debug!(reason = %why, "an answer is passed over"),
        }
    }

    fn offered(&mut self, offer: &[u8]) {
        // An offer that is refused leaves the session as it was (RFC 3261 section 14.2).
        let mut negotiator = self.session.negotiator.clone();
        match negotiator.answer(offer) {
            Ok((answer, agreed)) => match self.session.takes(&agreed) {
                Ok(()) => {
                    self.session.negotiator = negotiator;
                    self.see(|| Sight::Taken(agreed.direction));
                    self.accept(answer.into_bytes());
                    self.set_media(agreed);
                }
                Err(why) => self.reject(Status::NOT_ACCEPTABLE_HERE, warning(399, &why)),
            },
            Err(why) => {
                let (status, fields) = refusal(&why);
                self.reject(status, fields);
            }
        }
    }

    fn accept(&self, session: Vec<u8>) {
        if let Some(sip) = &self.sip {
            sip.accept(session);
        }
    }

    fn reject(&self, status: Status, fields: Headers) {
        if let Some(sip) = &self.sip {
            sip.reject(status, fields);
        }
    }

    /// Somebody is there: media flows in both directions.
    fn confirm(&mut self) {
        if std::mem::replace(&mut self.session.confirmed, true) {
            return;
        }
        debug!("call confirmed");
        if let Some(agreed) = self.session.agreed.clone() {
            self.apply(agreed);
            self.tell(LineEvent::Up);
        }
    }

    fn set_media(&mut self, agreed: Agreed) {
        if self.session.agreed.as_ref() == Some(&agreed) {
            return;
        }
        debug!(
            codec = agreed.codec.name(),
            ptime = agreed.ptime_ms,
            held = agreed.held(),
            events = !agreed.telephone_events.is_empty(),
            "media agreed"
        );
        self.ping_at = agreed.held().then(|| now() + HELD_PING);
        let first = self.session.agreed.is_none();
        self.session.agreed = Some(agreed.clone());
        self.apply(agreed);
        if first && self.session.confirmed {
            self.tell(LineEvent::Up);
        } else if first && self.session.called && self.session.early {
            self.tell(LineEvent::Early);
        }
    }

    fn progress(&mut self, headers: &Headers) {
        let session = &mut self.session;
        let early = session.trunk.terms().takes_early_media(headers, session.early);
        let changed = std::mem::replace(&mut session.early, early) != early;
        self.tell(LineEvent::Progress);
        if changed && let Some(agreed) = self.session.agreed.clone() {
            self.apply(agreed);
            if early {
                self.tell(LineEvent::Early);
            }
        }
    }

    fn apply(&mut self, mut agreed: Agreed) {
        if !self.session.confirmed && !self.session.called {
            agreed.direction = Direction::RecvOnly;
        } else if !self.session.confirmed && !self.session.early {
            agreed.direction = Direction::Inactive;
        }
        // Nobody is sent a handshake who has not proved to be there.
        if let Some(Keying::Dtls(association)) = agreed.srtp.as_deref_mut() {
            association.due = self.session.confirmed;
        }
        if let Err(error) = self.ear.leg.set_media(agreed) {
            self.overloaded(&error);
        }
    }

    fn key(&mut self, key: Key, source: Source) {
        if !self.session.confirmed {
            return;
        }
        self.see(|| Sight::Key(key, source));
        let new = self.keys.accept(source, key, now());
        self.teller.tell(CallEvent::KeyPressed { source, new });
        if new {
            self.tell(LineEvent::Key(key));
        }
    }

    fn leg_event(&mut self, event: LegEvent) {
        match event {
            LegEvent::FirstPacket => {
                if !self.ear.learned && !self.session.called {
                    self.confirm();
                }
                self.see(|| Sight::FirstPacket);
                self.tell(LineEvent::MediaFlows);
            }
            LegEvent::Digit(key, source) => self.key(key, source),
            LegEvent::RemoteLearned { from, to } => self.learned(from, to),
            LegEvent::PlaybackDone(id) if self.ear.playing == Some(id) => {
                self.ear.playing = None;
                self.tell(LineEvent::Played);
            }
            LegEvent::PlaybackDone(_) | LegEvent::Ended(_) => {}
            // Before it answers a telephone need not say anything.
            LegEvent::Silent if self.session.called && !self.session.confirmed => {}
            LegEvent::Silent => {
                info!("no RTP from the telephone");
                self.hang_up(CallEnd::NoMedia);
            }
            LegEvent::Sealed(suite) => debug!(suite = suite.name(), "keys agreed on by DTLS"),
            // Of several telephones that ring another one may answer.
            LegEvent::NoKeys(why) if self.session.called && !self.session.confirmed => {
                debug!(reason = %why, "no keys before the call is answered");
            }
            LegEvent::NoKeys(why) => {
                warn!(reason = %why, "no keys for the media of a call");
                self.hang_up(CallEnd::NoKeys);
            }
            LegEvent::Failed => self.hang_up(CallEnd::Fault),
        }
    }

    fn learned(&mut self, from: SocketAddr, to: SocketAddr) {
        let agreed = self.session.agreed.as_ref();
        self.ear.learned = agreed.is_none_or(|agreed| agreed.remote_rtp != to);
        if self.ear.learned {
            self.see(|| Sight::Elsewhere(to));
            info!(%from, %to, "RTP comes from another address than SDP said");
            return;
        }
        info!(%from, %to, "RTP comes from where SDP said");
        if !self.session.called {
            self.confirm();
        }
    }
}

/// What happens in a dialog next; nothing without one.
async fn next(sip: &mut Option<SipCall>) -> Option<SipEvent> {
    match sip {
        Some(sip) => sip.event().await,
        None => std::future::pending().await,
    }
}

/// Until then; for ever without a time.
pub(super) async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

/// The calls' clock, which a test may stop and turn.
pub(super) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
