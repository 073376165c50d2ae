//! The task of a call that comes in: carries out what the menu decides, on its line, the directory and the rooms.

use super::ivr::{Ivr, IvrEffect, IvrEvent};
use super::line::{Line, LineEvent, ended_by_sip, now, sleep_until};
use super::shared::{Ended, Gateway, Screened};
use crate::calls::{CallEnd, CallEvent, Stage};
use crate::media::Playback;
use crate::rooms::{Destination, Telephone, ToTelephone};
use crate::sip::IncomingCall;
use crate::sync::lock;
use omnigate_audio::dtmf::Key;
use omnigate_omnitalk::{CallNumber, LookUp};
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
    line: Line,
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
            event = caller.line.event() => caller.line_event(event),
            Some(answer) = sources.directory.recv() => caller.feed(IvrEvent::LookedUp(answer)),
            Some(word) = sources.rooms.recv() => caller.rooms_say(word),
            () = timer => caller.ivr.timeout(now()),
            () = hang_up_all.cancelled(), if !stopping => {
                stopping = true;
                caller.line.hang_up(CallEnd::Shutdown);
            }
        }
        caller.settle().await;
    }
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
            gateway,
            screened,
            line,
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

    /// Leaves the rooms, lets the leg go and takes its last figures.
    async fn finish(self) -> Ended {
        if let Err(error) = self.gateway.rooms.hang_up(self.screened.teller.id()).await {
            warn!(%error, "the rooms were not told that the call is over");
        }
        let ended = Ended {
            end: self.over.unwrap_or(CallEnd::Fault),
            talked: Some(now() - self.answered),
        };
        self.line.close().await;
        ended
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

    fn line_event(&mut self, event: LineEvent) {
        match event {
            LineEvent::Up => self.start(),
            LineEvent::MediaFlows => self.feed(IvrEvent::MediaFlows),
            LineEvent::Key(key) => self.key(key),
            LineEvent::Played => self.feed(IvrEvent::Played),
            LineEvent::Over(sip) => {
                let end = self.line.ours().or(sip.as_ref().map(ended_by_sip));
                self.over = Some(end.unwrap_or(CallEnd::Fault));
            }
            // These are of telephones that are called.
            LineEvent::Progress | LineEvent::Early => {}
        }
    }

    fn start(&mut self) {
        let allowance = lock(&self.gateway.budget).allowance(
            self.screened.caller.shown(),
            self.screened.called.digits(),
            now(),
        );
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
                .for_each(|key| self.line.press(key)),
        }
    }

    async fn effect(&mut self, effect: IvrEffect) {
        let prompts = &self.gateway.prompts;
        let language = self.screened.trunk.language;
        match effect {
            IvrEffect::Play(phrases) => {
                let recordings = prompts.of(language, &phrases);
                self.line.play(Playback::Prompts(recordings));
            }
            IvrEffect::Repeat(phrases, pause) => {
                let recordings = prompts.of(language, &phrases);
                self.line.play(Playback::Repeat(recordings, pause));
            }
            IvrEffect::Tone(tone) => self.line.play(Playback::Tone(tone)),
            IvrEffect::Silence => self.line.silence(),
            IvrEffect::LookUp(number) => self.look_up(number),
            IvrEffect::Wrong => self.wrong(),
            IvrEffect::Connect(to) => self.connect(to).await,
            IvrEffect::Joined(room) => {
                let waited = self.last_digit.map(|d| now() - d).unwrap_or_default();
                self.tell(CallEvent::Joined(room, waited));
            }
            IvrEffect::HangUp(end) => self.line.hang_up(end),
        }
    }

    fn look_up(&self, number: CallNumber) {
        let (directory, answers) = (self.gateway.directory.clone(), self.look_ups.clone());
        let teller = self.screened.teller.clone();
        let look_up = async move {
            let answer = directory.look_up(number).await;
            teller.tell(CallEvent::LookedUp(&answer));
            let _ = answers.send(answer.ok()).await;
        };
        tokio::spawn(tracing::Instrument::in_current_span(look_up));
    }

    async fn connect(&mut self, to: Destination) {
        let telephone = Telephone {
            number: self.screened.caller.shown().to_owned(),
            record: self.screened.trunk.record,
            leg: self.line.seat(),
            notices: self.notices.clone(),
        };
        let id = self.screened.teller.id();
        if let Err(error) = self.gateway.rooms.connect(id, telephone, to).await {
            warn!(%error, "the call cannot be connected");
            self.feed(IvrEvent::NoRooms);
        }
    }

    fn wrong(&self) {
        let mut budget = lock(&self.gateway.budget);
        let too_often = budget.wrong(self.screened.caller.shown(), self.screened.called.digits(), now());
        if too_often {
            self.tell(CallEvent::GuessedTooOften);
        }
    }
}
