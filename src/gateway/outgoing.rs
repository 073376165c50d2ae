//! The task of a call to a telephone: carries out what `dial` decides, on its line and the rooms. One that an app calls is in the call's
//! room before it answers, so that the app hears the network; one that is called into a room enters it when it has answered.

use super::control::{Control, Order};
use super::dialling::{Dialling, Outcome};
use super::line::{Line, LineEvent, now, sleep_until};
use super::redirects::Redirects;
use super::shared::{Ended, Gateway};
use super::side::{Side, SideEvent, Who};
use super::ways::Ways;
use crate::calls::{CallEnd, CallEvent, CallTeller, Stage};
use crate::rooms::{Destination, Telephone, ToTelephone};
use crate::trunks::{Route, ServiceCall};
use omnigate_audio::dtmf::Key;
use omnigate_omnitalk::{DialRefusal, RecordPolicy, TelephoneNotice};
use omnigate_room::{CallId, RoomId};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tracing::{debug, warn};

/// How long the rooms may take to make the call's room.
const ROOM_LIMIT: Duration = Duration::from_secs(5);

/// Who wants a telephone to be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// An app, which waits in the room of the call.
    App,
    /// A service, for this room.
    Room(RoomId),
}

struct Callee {
    gateway: Arc<Gateway>,
    call: CallId,
    purpose: Purpose,
    /// Of one that is called into a room, until it has answered: as what it enters.
    enters: Option<Telephone>,
    teller: CallTeller,
    side: Side,
    control: Control,
    dialling: Dialling,
    began: Instant,
    answered: Option<Instant>,
    stage: Stage,
    over: Option<CallEnd>,
}

/// Makes a call that may be made, to its end.
pub(super) async fn run(
    gateway: Arc<Gateway>,
    call: CallId,
    routes: Vec<Route>,
    service: (String, ServiceCall),
    purpose: Purpose,
    teller: CallTeller,
) -> Ended {
    let refused = |end| Ended { end, talked: None };
    let Some(first) = routes.first().cloned() else {
        return refused(CallEnd::NoTrunk);
    };
    let family = Ways::family(&first, &gateway.sip);
    let line = match Line::open(&gateway.media, first.trunk.clone(), family, teller.clone()) {
        Ok(line) => line,
        Err(error) => {
            warn!(%error, "no media for a call");
            if purpose == Purpose::App {
                let _ = gateway.rooms.dialled(call, Err(DialRefusal::Unavailable)).await;
            }
            return refused(CallEnd::Overload);
        }
    };
    let (notices, mut rooms) = mpsc::unbounded_channel();
    let telephone = Telephone {
        number: first.called.national(first.trunk.country),
        record: RecordPolicy::default(),
        leg: line.seat(),
        notices,
    };
    let enters = match purpose {
        Purpose::Room(_) => Some(telephone),
        Purpose::App => match waits_for(&gateway, call, telephone, &mut rooms).await {
            Ok(()) => None,
            Err(end) => return refused(end),
        },
    };
    let redirects = Redirects::new(gateway.clone(), service.0.clone(), first.called.clone());
    let mut callee = Callee {
        dialling: Dialling::new(
            Ways::new(&gateway, family, routes),
            Some(redirects),
            teller.clone(),
        ),
        control: gateway.controls.of(call),
        side: Side::of_service(gateway.clone(), teller.clone(), line, first.called, service),
        gateway,
        call,
        purpose,
        enters,
        teller,
        began: now(),
        answered: None,
        stage: Stage::Dialling,
        over: None,
    };
    let hang_up_all = callee.gateway.hang_up_all.clone();
    let mut stopping = false;
    callee.settle().await;
    while callee.over.is_none() {
        let timer = sleep_until(callee.dialling.deadline());
        tokio::select! {
            event = callee.side.event() => callee.side_event(event).await,
            order = callee.control.order() => {
                callee.ordered(order).await;
            }
            word = rooms.recv() => callee.rooms_say(word),
            () = timer => callee.dialling.timeout(),
            () = hang_up_all.cancelled(), if !stopping => {
                stopping = true;
                callee.dialling.leave(CallEnd::Shutdown);
            }
        }
        callee.settle().await;
    }
    callee.leave().await;
    callee.finish().await
}

/// The app that waits gets its room, with the telephone in it.
async fn waits_for(
    gateway: &Gateway,
    call: CallId,
    telephone: Telephone,
    rooms: &mut mpsc::UnboundedReceiver<ToTelephone>,
) -> Result<(), CallEnd> {
    if let Err(error) = gateway.rooms.dialled(call, Ok(telephone)).await {
        warn!(%error, "the rooms do not take a call");
        return Err(CallEnd::Fault);
    }
    match tokio::time::timeout(ROOM_LIMIT, rooms.recv()).await {
        Ok(Some(ToTelephone::Notice(TelephoneNotice::Dialled { .. }))) => Ok(()),
        // The app has gone meanwhile, or has given the call up.
        _ => {
            let _ = gateway.rooms.hang_up(call).await;
            Err(CallEnd::Cancelled)
        }
    }
}

impl Callee {
    async fn ordered(&mut self, order: Order) {
        match order {
            Order::Transfer(order) => {
                let who = self.who();
                self.side.ordered(order, who).await;
            }
            Order::HangUp => self.dialling.leave(CallEnd::Ended),
        }
    }

    async fn side_event(&mut self, event: SideEvent) {
        match event {
            SideEvent::Next(event) => self.side.go_on(event).await,
            SideEvent::TooLong => self.dialling.leave(CallEnd::TooLong),
            SideEvent::Line(LineEvent::Over(sip)) => {
                if !self.side.outlives().await {
                    self.dialling.line_event(&self.side.line, LineEvent::Over(sip));
                }
            }
            SideEvent::Line(LineEvent::Refer(refer)) => {
                self.side.refer(&refer, self.who()).await;
            }
            SideEvent::Line(event) => self.dialling.line_event(&self.side.line, event),
        }
    }

    fn who(&self) -> Who {
        match self.dialling.stage() {
            Some(Stage::Talking) => Who::Called,
            _ => Who::Waits,
        }
    }

    fn rooms_say(&mut self, word: Option<ToTelephone>) {
        match word {
            Some(ToTelephone::Notice(notice)) => {
                debug!(?notice, "from the rooms");
                if notice.is_last() {
                    let end = match self.answered {
                        Some(_) => CallEnd::AppLeft,
                        None => CallEnd::Cancelled,
                    };
                    self.dialling.leave(ended_by_rooms(notice).unwrap_or(end));
                }
            }
            Some(ToTelephone::Press(keys)) => {
                for key in keys.chars().filter_map(Key::from_char) {
                    self.side.line.press(key);
                }
            }
            None => self.dialling.leave(CallEnd::Shutdown),
        }
    }

    async fn settle(&mut self) {
        while let Some(outcome) = self.dialling.settle(&mut self.side.line).await {
            match outcome {
                Outcome::Answered => self.connect().await,
                Outcome::Over(end) => self.over = Some(end),
            }
        }
        if let Some(stage) = self.dialling.stage().filter(|stage| *stage != self.stage) {
            self.stage = stage;
            self.teller.tell(CallEvent::Reached(stage));
        }
    }

    /// Tells the app that the telephone has answered, or brings it into its room.
    async fn connect(&mut self) {
        self.answered = Some(now());
        self.side.answered(&mut self.dialling);
        self.teller.tell(CallEvent::Answered(now() - self.began));
        let (rooms, call) = (&self.gateway.rooms, self.call);
        let told = match (self.purpose, self.enters.take()) {
            (Purpose::Room(room), Some(telephone)) => {
                rooms.connect(call, telephone, Destination::Room(room)).await
            }
            _ => rooms.answered(call).await,
        };
        if let Err(error) = told {
            warn!(%error, "the rooms were not told that the telephone has answered");
            self.dialling.leave(CallEnd::Fault);
        }
    }

    fn end(&self) -> CallEnd {
        self.over.unwrap_or(CallEnd::Fault)
    }

    /// Leaves the rooms.
    async fn leave(&self) {
        let told = match self.purpose {
            Purpose::App => self.gateway.rooms.failed(self.call, self.end().over()).await,
            Purpose::Room(_) => self.gateway.rooms.hang_up(self.call).await,
        };
        if let Err(error) = told {
            warn!(%error, "the rooms were not told that the call is over");
        }
    }

    /// Lets the leg go and waits for its last figures: of the call itself nothing is kept meanwhile.
    fn finish(self) -> impl Future<Output = Ended> {
        let ended = Ended {
            end: self.end(),
            talked: self.answered.map(|at| now() - at),
        };
        let closed = self.side.close();
        async {
            closed.await;
            ended
        }
    }
}

/// The end of a call that the rooms have ended, where it is not just that the app has gone.
fn ended_by_rooms(notice: TelephoneNotice) -> Option<CallEnd> {
    use omnigate_omnitalk::TelephoneEnd::{KickedOut, NoAudio, Shutdown};
    match notice {
        TelephoneNotice::Ended(KickedOut) => Some(CallEnd::KickedOut),
        TelephoneNotice::Ended(Shutdown) => Some(CallEnd::Shutdown),
        TelephoneNotice::Ended(NoAudio) => Some(CallEnd::Unavailable),
        TelephoneNotice::NoAnswer => Some(CallEnd::NoAnswer),
        // The room has gone, or is full.
        TelephoneNotice::Refused(_) => Some(CallEnd::Unavailable),
        _ => None,
    }
}
