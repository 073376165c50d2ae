//! The task of a call that comes in: carries out what the menu decides, on its line, the directory and the rooms.

use super::control::{Control, Order};
use super::ivr::{Ivr, IvrEffect, IvrEvent};
use super::line::{Line, LineEvent, now, sleep_until};
use super::shared::{Ended, Gateway, Screened};
use super::side::{Side, SideEvent, Who};
use crate::calls::{CallEnd, CallEvent, Stage};
use crate::directory::{Calling, Guesser};
use crate::media::Playback;
use crate::rooms::{Destination, Telephone, ToTelephone};
use crate::sip::IncomingCall;
use omnigate_audio::dtmf::Key;
use omnigate_omnitalk::{CallNumber, LookUp};
use omnigate_sip::CallEnd as SipEnd;
use omnigate_sip::message::Status;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::mpsc;
use tracing::{debug, warn};

/// What comes to a call from elsewhere than its line.
struct Sources {
    /// The look-up that is under way.
    directory: mpsc::Receiver<Option<LookUp>>,
    rooms: mpsc::UnboundedReceiver<ToTelephone>,
}

struct Caller {
    gateway: Arc<Gateway>,
    screened: Screened,
    side: Side,
    control: Control,
    ivr: Ivr,
    look_ups: mpsc::Sender<Option<LookUp>>,
    /// Where the rooms tell what becomes of the call; a handful of notices.
    notices: mpsc::UnboundedSender<ToTelephone>,
    answered: Instant,
    last_digit: Option<Instant>,
    stage: Stage,
    over: Option<CallEnd>,
}

/// Runs a screened call to its end.
pub(super) async fn run(gateway: Arc<Gateway>, incoming: IncomingCall, screened: Screened) -> Ended {
    let (mut caller, mut sources) = match Caller::begin(gateway, incoming, screened) {
        Ok(begun) => begun,
        Err(end) => return Ended { end, talked: None },
    };
    let hang_up_all = caller.gateway.hang_up_all.clone();
    let mut stopping = false;
    caller.settle().await;
    while caller.over.is_none() {
        let timer = sleep_until(caller.ivr.deadline());
        tokio::select! {
            event = caller.side.event() => caller.side_event(event).await,
            order = caller.control.order() => caller.ordered(order).await,
            Some(answer) = sources.directory.recv() => caller.looked_up(answer),
            Some(word) = sources.rooms.recv() => caller.rooms_say(word),
            () = timer => caller.ivr.timeout(now()),
            () = hang_up_all.cancelled(), if !stopping => {
                stopping = true;
                caller.side.line.hang_up(CallEnd::Shutdown);
            }
        }
        caller.settle().await;
    }
    caller.leave().await;
    caller.finish().await
}

impl Caller {
    /// Answers; or says why not, to the caller too.
    fn begin(
        gateway: Arc<Gateway>,
        incoming: IncomingCall,
        screened: Screened,
    ) -> Result<(Caller, Sources), CallEnd> {
        let (look_ups, directory) = mpsc::channel(1);
        let (notices, rooms) = mpsc::unbounded_channel();
        let (trunk, teller) = (screened.trunk.clone(), screened.teller.clone());
        let line = Line::answer(&gateway.media, incoming, trunk, teller)?;
        let caller = Caller {
            ivr: Ivr::new(gateway.ivr, screened.trunk.service.clone()),
            control: gateway.controls.of(screened.teller.id()),
            side: Side::new(
                gateway.clone(),
                screened.teller.clone(),
                line,
                screened.called.clone(),
            ),
            gateway,
            screened,
            look_ups,
            notices,
            answered: now(),
            last_digit: None,
            stage: Stage::Opening,
            over: None,
        };
        caller.tell(CallEvent::Answered(caller.screened.received.elapsed()));
        Ok((caller, Sources { directory, rooms }))
    }

    /// Leaves the rooms.
    async fn leave(&self) {
        if let Err(error) = self.gateway.rooms.hang_up(self.screened.teller.id()).await {
            warn!(%error, "the rooms were not told that the call is over");
        }
    }

    /// Lets the leg go and waits for its last figures: of the call itself nothing is kept meanwhile.
    fn finish(self) -> impl Future<Output = Ended> {
        let ended = Ended {
            end: self.over.unwrap_or(CallEnd::Fault),
            talked: Some(now() - self.answered),
        };
        let closed = self.side.close();
        async {
            closed.await;
            ended
        }
    }

    /// Carries out what the menu has decided, until it has no more.
    async fn settle(&mut self) {
        while let Some(effect) = self.ivr.poll() {
            self.effect(effect).await;
        }
        if let Some(stage) = self.ivr.stage().filter(|stage| *stage != self.stage) {
            self.stage = stage;
            self.tell(CallEvent::Reached(stage));
        }
    }

    fn tell(&self, event: CallEvent<'_>) {
        self.screened.teller.tell(event);
    }

    fn feed(&mut self, event: IvrEvent) {
        self.ivr.handle(event, now());
    }

    async fn side_event(&mut self, event: SideEvent) {
        match event {
            SideEvent::Next(event) => self.side.go_on(event).await,
            SideEvent::TooLong => self.side.line.hang_up(CallEnd::TooLong),
            SideEvent::Line(LineEvent::Over(sip)) => {
                if !self.side.outlives().await {
                    self.line_event(LineEvent::Over(sip));
                }
            }
            SideEvent::Line(LineEvent::Refer(refer)) => {
                let elsewhere = self.side.refer(&refer, self.who()).await;
                self.go_elsewhere(elsewhere);
            }
            SideEvent::Line(event) => self.line_event(event),
        }
    }

    async fn ordered(&mut self, order: Order) {
        let Order::Transfer(order) = order else {
            return self.side.line.hang_up(CallEnd::Ended);
        };
        let elsewhere = self.side.ordered(order, self.who()).await;
        self.go_elsewhere(elsewhere);
    }

    fn who(&self) -> Who {
        if self.ivr.is_talking() {
            Who::Caller
        } else {
            Who::Waits
        }
    }

    fn go_elsewhere(&mut self, to: Option<CallNumber>) {
        if let Some(number) = to {
            self.feed(IvrEvent::Elsewhere(number));
        }
    }

    fn looked_up(&mut self, answer: Option<LookUp>) {
        if let Some(LookUp::Found(target)) = &answer {
            self.side.service = Some(target.service_id.clone());
        }
        self.feed(IvrEvent::LookedUp(answer));
    }

    fn line_event(&mut self, event: LineEvent) {
        match event {
            LineEvent::Up => self.start(),
            LineEvent::MediaFlows => self.feed(IvrEvent::MediaFlows),
            LineEvent::Key(key) => self.key(key),
            LineEvent::Played => self.feed(IvrEvent::Played),
            LineEvent::Over(sip) => {
                let end = self.side.line.ours().or(sip.as_ref().map(ended_by_sip));
                self.over = Some(end.unwrap_or(CallEnd::Fault));
            }
            // These are of telephones that are called, of transfers, and of certifications.
            LineEvent::Progress | LineEvent::Early | LineEvent::Refer(_) | LineEvent::Seen => {}
        }
    }

    fn start(&mut self) {
        self.screened.doubt = None;
        let called = self.screened.called.digits();
        let allowance = self.gateway.guesses.allowance(&self.guesser(), called, now());
        self.feed(IvrEvent::Answered(allowance));
    }

    fn key(&mut self, key: Key) {
        self.last_digit = Some(now());
        self.feed(IvrEvent::Key(key));
    }

    fn rooms_say(&mut self, word: ToTelephone) {
        match word {
            ToTelephone::Notice(notice) => {
                debug!(?notice, "from the rooms");
                self.feed(IvrEvent::Notice(notice));
            }
            ToTelephone::Press(keys) => keys
                .chars()
                .filter_map(Key::from_char)
                .for_each(|key| self.side.line.press(key)),
        }
    }

    async fn effect(&mut self, effect: IvrEffect) {
        let prompts = &self.gateway.prompts;
        let language = self.screened.trunk.language;
        match effect {
            IvrEffect::Play(phrases) => {
                let recordings = prompts.of(language, &phrases);
                self.side.line.play(Playback::Prompts(recordings));
            }
            IvrEffect::Repeat(phrases, pause) => {
                let recordings = prompts.of(language, &phrases);
                self.side.line.play(Playback::Repeat(recordings, pause));
            }
            IvrEffect::Tone(tone) => self.side.line.play(Playback::Tone(tone)),
            IvrEffect::Silence => self.side.line.silence(),
            IvrEffect::LookUp(number) => self.look_up(number),
            IvrEffect::Wrong => self.wrong(),
            IvrEffect::Leave => {
                if let Err(error) = self.gateway.rooms.hang_up(self.screened.teller.id()).await {
                    warn!(%error, "the rooms do not let a call go");
                }
            }
            IvrEffect::Connect(to) => {
                if let Some(service) = &self.side.service {
                    self.tell(CallEvent::Belongs(service));
                }
                self.connect(to).await;
            }
            IvrEffect::Joined(room) => {
                let waited = self.last_digit.map(|d| now() - d).unwrap_or_default();
                self.tell(CallEvent::Joined(room, waited));
                self.side.line.refer_progress(Status::OK);
            }
            IvrEffect::HangUp(end) => self.side.line.hang_up(end),
        }
    }

    fn look_up(&self, number: CallNumber) {
        let (directory, answers) = (self.gateway.directory.clone(), self.look_ups.clone());
        let teller = self.screened.teller.clone();
        let trunk = &self.screened.trunk;
        let calling = Calling {
            call: teller.id(),
            caller: self.screened.caller.international(trunk.country),
            service: trunk.service.clone(),
        };
        let look_up = async move {
            let answer = directory.redeem(number, &calling).await;
            teller.tell(CallEvent::LookedUp(&answer));
            let _ = answers.send(answer.ok()).await;
        };
        tokio::spawn(tracing::Instrument::in_current_span(look_up));
    }

    async fn connect(&mut self, to: Destination) {
        let telephone = Telephone {
            number: self.screened.caller.shown().to_owned(),
            record: self.screened.trunk.record,
            leg: self.side.line.seat(),
            notices: self.notices.clone(),
        };
        let id = self.screened.teller.id();
        if let Err(error) = self.gateway.rooms.connect(id, telephone, to).await {
            warn!(%error, "the call cannot be connected");
            self.feed(IvrEvent::NoRooms);
        }
    }

    fn guesser(&self) -> Guesser {
        Guesser::Caller(self.screened.caller.shown().to_owned())
    }

    fn wrong(&self) {
        let called = self.screened.called.digits();
        if self.gateway.guesses.wrong_on(&self.guesser(), called, now()) {
            self.tell(CallEvent::GuessedTooOften);
        }
    }
}

/// What the end of the SIP call is to a call that came in.
pub(super) fn ended_by_sip(end: &SipEnd) -> CallEnd {
    match end {
        SipEnd::RemoteHungUp(_) => CallEnd::CallerHungUp,
        SipEnd::Cancelled(_) => CallEnd::Cancelled,
        SipEnd::Refused(status) => CallEnd::Invite(status.code()),
        SipEnd::NoAck | SipEnd::NoPrack | SipEnd::NoAnswer => CallEnd::NoAck,
        SipEnd::Unreachable | SipEnd::NoResponse | SipEnd::Lost | SipEnd::Expired => CallEnd::Lost,
        _ => CallEnd::Fault,
    }
}
