//! The task of one call: carries out what the SIP call and the call flow decide.

use super::flow::{CallFlow, FlowEffect, FlowEvent};
use super::marked::marked;
use super::shared::{Gateway, Screened};
use crate::calls::{CallEnd, CallEvent, CallMedia, Stage};
use crate::media::{LegEvent, LegFigures, LegHandle, Playback, PlaybackId};
use crate::rooms::Telephone;
use crate::sip::{DialogKey, Event as TransactionEvent, Flow, Incoming, ServerTransaction};
use crate::sync::lock;
use omnigate_audio::dtmf::Key;
use omnigate_omnitalk::{LookUp, TelephoneNotice};
use omnigate_rtp::digits::{DigitMerger, Source};
use omnigate_sip::call::reason;
use omnigate_sip::message::{Request, StatusCode};
use omnigate_sip::{Call, CallEnd as SipEnd, Input, Output, TransactionId, header};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tracing::{debug, info, warn};

/// Places in the queues of one call.
const QUEUE: usize = 256;
/// How long the media thread may take to hand over its last figures.
const LAST_FIGURES: Duration = Duration::from_millis(250);
/// Turns of the other tasks that a request within the dialog waits, for what came before it.
const STEPS_BEHIND: usize = 3;
/// The INVITE's own transaction.
const FIRST: TransactionId = TransactionId(0);

/// How a call ended and how long it was answered.
pub(super) struct Ended {
    pub(super) end: CallEnd,
    pub(super) talked: Option<Duration>,
}

/// A call's place among the dialogs; given up when it is dropped, whatever becomes of the call.
struct Place {
    gateway: Arc<Gateway>,
    key: DialogKey,
    invite: Request,
}

impl Place {
    fn new(gateway: &Arc<Gateway>, key: DialogKey, invite: Request) -> Place {
        gateway.metrics.dialog_begins();
        Place {
            gateway: gateway.clone(),
            key,
            invite,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.gateway.metrics.dialog_ends();
        self.gateway.endpoint.calls.remove(&self.key, &self.invite);
    }
}

struct CallTask {
    gateway: Arc<Gateway>,
    screened: Screened,
    sip: Call,
    flow: CallFlow,
    way: Flow,
    leg: LegHandle,
    transactions: HashMap<TransactionId, ServerTransaction>,
    next_transaction: u64,
    transaction_events: mpsc::Sender<TransactionEvent>,
    look_ups: mpsc::Sender<Option<LookUp>>,
    /// Where the rooms tell what becomes of the call; a handful of notices.
    notices: mpsc::UnboundedSender<TelephoneNotice>,
    merger: DigitMerger,
    playing: Option<PlaybackId>,
    answered: Option<Instant>,
    flow_started: bool,
    last_digit: Option<Instant>,
    stage: Stage,
    end: Option<CallEnd>,
    over: bool,
}

/// Runs a screened call to its end.
pub(super) async fn run(gateway: Arc<Gateway>, incoming: Incoming, screened: Screened) -> Ended {
    let invite = incoming.transaction.original.clone();
    let (leg_events, mut from_leg) = mpsc::channel(QUEUE);
    let (transaction_events, mut from_transactions) = mpsc::channel(QUEUE);
    let (look_ups, mut from_directory) = mpsc::channel(1);
    let (notices, mut from_rooms) = mpsc::unbounded_channel::<TelephoneNotice>();
    let tag = rsipstack::transaction::random_text(12);
    let first = ServerTransaction::start(incoming.transaction, FIRST, transaction_events.clone());
    let leg = match gateway.media.open_leg(incoming.flow.source.ip(), leg_events) {
        Ok(leg) => leg,
        Err(e) => {
            warn!(error = %e, "no media for a call");
            let busy = vec![header::make("Retry-After", "30")];
            let response =
                omnigate_sip::dialog::response(&invite, StatusCode::ServiceUnavailable, Some(&tag), busy);
            first.respond(marked(response, screened.teller.id()));
            gateway.endpoint.calls.forget_invite(&invite);
            return Ended {
                end: CallEnd::Overload,
                talked: None,
            };
        }
    };
    let contact = gateway.endpoint.contact(&incoming.flow);
    let session_id = rand::random::<u32>().into();
    let sip = match Call::incoming(FIRST, &invite, &tag, &contact, leg.local(), session_id) {
        Ok(sip) => sip,
        Err(refused) => {
            let status = refused.response.status_code.code();
            info!(status, reason = %refused.reason, "INVITE refused");
            first.respond(marked(*refused.response, screened.teller.id()));
            gateway.endpoint.calls.forget_invite(&invite);
            return Ended {
                end: CallEnd::Invite(status),
                talked: None,
            };
        }
    };
    let key: DialogKey = (sip.dialog().call_id().to_owned(), tag);
    let mut in_dialog = gateway.endpoint.calls.insert(key.clone());
    let _place = Place::new(&gateway, key, invite);
    let hang_up_all = gateway.hang_up_all.clone();
    let mut task = CallTask {
        flow: CallFlow::new(gateway.flow, screened.trunk.service.clone()),
        gateway,
        screened,
        sip,
        way: incoming.flow,
        leg,
        transactions: HashMap::from([(FIRST, first)]),
        next_transaction: 1,
        transaction_events,
        look_ups,
        notices,
        merger: DigitMerger::new(),
        playing: None,
        answered: None,
        flow_started: false,
        last_digit: None,
        stage: Stage::Opening,
        end: None,
        over: false,
    };
    task.sip.ring();
    task.sip.answer();
    task.answered = Some(Instant::now());
    task.tell(CallEvent::Answered(task.screened.received.elapsed()));
    task.settle().await;
    let (mut stopping, mut leg_ended) = (false, false);
    while !task.over {
        let deadline = task.flow.deadline();
        let timer = async {
            match deadline {
                Some(at) => tokio::time::sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            Some(event) = from_transactions.recv() => task.transaction(event),
            Some(tx) = in_dialog.recv() => {
                // What came before it on the wire, as the ACK that it follows at once, takes another way and a step more.
                for _ in 0..STEPS_BEHIND {
                    tokio::task::yield_now().await;
                    while let Ok(event) = from_transactions.try_recv() {
                        task.transaction(event);
                    }
                }
                task.request(tx);
            }
            event = from_leg.recv(), if !leg_ended => match event {
                Some(event) => task.media(event),
                // Whatever was said last or lost: the end of its events is the end of the leg.
                None => {
                    leg_ended = true;
                    task.hang_up(CallEnd::Fault);
                }
            },
            Some(answer) = from_directory.recv() => task.flow.handle(FlowEvent::LookedUp(answer), Instant::now()),
            Some(notice) = from_rooms.recv() => task.notice(notice),
            () = timer => task.flow.timeout(Instant::now()),
            () = hang_up_all.cancelled(), if !stopping => {
                stopping = true;
                task.hang_up(CallEnd::Shutdown);
            }
        }
        task.settle().await;
    }
    if let Err(error) = task.gateway.rooms.hang_up(task.screened.teller.id()).await {
        warn!(%error, "the rooms were not told that the call is over");
    }
    let ended = Ended {
        end: task.end.unwrap_or(CallEnd::Fault),
        talked: task.answered.map(|a| a.elapsed()),
    };
    let teller = task.screened.teller.clone();
    drop(task);
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

impl CallTask {
    /// Carries out what both machines have decided, until neither has more.
    async fn settle(&mut self) {
        loop {
            if let Some(output) = self.sip.poll() {
                self.sip_output(output);
            } else if let Some(effect) = self.flow.poll() {
                self.flow_effect(effect).await;
            } else {
                break;
            }
        }
        if let Some(stage) = self.flow.stage().filter(|stage| *stage != self.stage) {
            self.stage = stage;
            self.tell(CallEvent::Reached(stage));
        }
    }

    fn tell(&self, event: CallEvent<'_>) {
        self.screened.teller.tell(event);
    }

    fn sip_output(&mut self, output: Output) {
        match output {
            Output::Respond(id, response) => {
                if let Some(tx) = self.transactions.get(&id) {
                    tx.respond(marked(*response, self.screened.teller.id()));
                }
            }
            Output::Send(request) => self.send(*request),
            Output::Media(agreed) => {
                debug!(
                    codec = agreed.payload.name(),
                    ptime = agreed.ptime_ms,
                    held = agreed.held(),
                    events = agreed.telephone_event.is_some(),
                    "media agreed"
                );
                if let Err(error) = self.leg.set_media(*agreed) {
                    warn!(%error, "the media plane is overloaded");
                    return self.hang_up(CallEnd::Overload);
                }
                if !self.flow_started {
                    self.flow_started = true;
                    let allowance = {
                        let mut budget = lock(&self.gateway.budget);
                        budget.allowance(
                            self.screened.caller.shown(),
                            self.screened.called.digits(),
                            Instant::now(),
                        )
                    };
                    self.flow.handle(FlowEvent::Answered(allowance), Instant::now());
                }
            }
            Output::Confirmed => debug!("call confirmed"),
            Output::Digit(c) => {
                if let Some(key) = Key::from_char(c) {
                    self.digit(key, Source::SipInfo);
                }
            }
            Output::Ended(end) => {
                self.over = true;
                self.end.get_or_insert(match end {
                    SipEnd::RemoteHungUp => CallEnd::CallerHungUp,
                    SipEnd::Cancelled => CallEnd::Cancelled,
                    SipEnd::Refused(status) => CallEnd::Invite(status),
                    SipEnd::NoAck | SipEnd::NoAnswer => CallEnd::NoAck,
                    SipEnd::LocalHungUp => CallEnd::Fault,
                });
            }
        }
    }

    fn send(&self, request: Request) {
        let (endpoint, way) = (self.gateway.endpoint.clone(), self.way.clone());
        let next_hop = self.sip.dialog().next_hop().to_owned();
        self.gateway.tasks.spawn(async move {
            if let Err(e) = endpoint.request(request, &way, &next_hop).await {
                debug!(error = %e, "in-dialog request failed");
            }
        });
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
                if let Err(error) = self
                    .gateway
                    .rooms
                    .connect(self.screened.teller.id(), telephone, to)
                    .await
                {
                    warn!(%error, "the call cannot be connected");
                    self.flow.handle(FlowEvent::NoRooms, Instant::now());
                }
            }
            FlowEffect::Joined(room) => {
                let waited = self.last_digit.map(|d| d.elapsed()).unwrap_or_default();
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
        self.sip.hang_up(vec![reason(end.sip_status(), end.reason())]);
    }

    fn wrong(&self) {
        let mut budget = lock(&self.gateway.budget);
        if budget.wrong(
            self.screened.caller.shown(),
            self.screened.called.digits(),
            Instant::now(),
        ) {
            self.tell(CallEvent::GuessedTooOften);
        }
    }

    fn digit(&mut self, key: Key, source: Source) {
        let now = Instant::now();
        let new = self.merger.accept(source, key, now);
        self.tell(CallEvent::KeyPressed { source, new });
        if new {
            self.last_digit = Some(now);
            self.flow.handle(FlowEvent::Key(key), now);
        }
    }

    fn transaction(&mut self, event: TransactionEvent) {
        match event {
            TransactionEvent::Cancelled(id) => self.sip.handle(Input::Cancelled(id)),
            TransactionEvent::Acknowledged(id, body) => self.sip.handle(Input::Acknowledged(id, &body)),
            TransactionEvent::Ended(id) => {
                self.sip.handle(Input::Unacknowledged(id));
                self.transactions.remove(&id);
            }
        }
    }

    fn request(&mut self, tx: rsipstack::transaction::Transaction) {
        // Whatever reaches us is the way back, also after the caller's NAT has moved it.
        if let Some(way) = self.gateway.endpoint.flow(&tx) {
            self.way = way;
        }
        let id = TransactionId(self.next_transaction);
        self.next_transaction += 1;
        let transaction = ServerTransaction::start(tx, id, self.transaction_events.clone());
        self.sip.handle(Input::Request(id, &transaction.request));
        self.transactions.insert(id, transaction);
    }

    fn media(&mut self, event: LegEvent) {
        match event {
            LegEvent::FirstPacket => self.flow.handle(FlowEvent::MediaFlows, Instant::now()),
            LegEvent::Digit(key, source) => self.digit(key, source),
            LegEvent::RemoteLearned { from, to } => {
                info!(%from, %to, "RTP comes from another address than SDP said")
            }
            LegEvent::PlaybackDone(id) if self.playing == Some(id) => {
                self.playing = None;
                self.flow.handle(FlowEvent::Played, Instant::now());
            }
            LegEvent::PlaybackDone(_) | LegEvent::Ended(_) => {}
            LegEvent::Silent => {
                info!("no RTP from the caller");
                self.hang_up(CallEnd::NoMedia);
            }
            LegEvent::Failed => self.hang_up(CallEnd::Fault),
        }
    }

    fn notice(&mut self, notice: TelephoneNotice) {
        debug!(?notice, "from the rooms");
        self.flow.handle(FlowEvent::Notice(notice), Instant::now());
    }
}
