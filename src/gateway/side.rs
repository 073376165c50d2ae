//! The telephone's side of a call: a line, and the one that is to take its place.
//!
//! A transfer (RFC 3515, RFC 5589 section 6) puts another telephone into the place of this one, or this one elsewhere. The
//! rooms see one telephone all the time, and whoever is there hears the old one until the new one answers; when the old one
//! hangs up before that, a ring-back tone.

use super::control::{TransferOrder, TransferRefusal};
use super::dialling::{Dialling, Outcome};
use super::line::{Line, LineEvent, now, sleep_until};
use super::redirects::Redirects;
use super::shared::Gateway;
use super::transfer::{Target, referred_to};
use super::ways::Ways;
use crate::calls::{CallEnd, CallEvent, CallTeller};
use crate::clock::unix_now;
use crate::trunks::{Before, Channel, Route, ServiceCall};
use omnigate_number::PhoneNumber;
use omnigate_omnitalk::CallNumber;
use omnigate_room::CallId;
use omnigate_sip::ReferTo;
use omnigate_sip::message::Status;
use std::sync::Arc;
use std::time::Instant;
use tracing::{Instrument, warn};

/// See the module.
pub(super) struct Side {
    pub(super) line: Line,
    gateway: Arc<Gateway>,
    call: CallId,
    teller: CallTeller,
    /// The number that was called here.
    called: PhoneNumber,
    /// Whose call it is: its rules are asked whether another telephone may be called.
    pub(super) service: Option<String>,
    /// Place and minutes of the telephone that was called.
    place: Option<ServiceCall>,
    /// The channel that it has of its trunk.
    channel: Option<Channel>,
    /// Few calls are ever transferred: room is made for those that are.
    next: Option<Box<Next>>,
    /// When the telephone that has taken another's place has talked for as long as it may.
    until: Option<Instant>,
    /// The line is over; the next one is waited for.
    alone: bool,
}

/// The line that is to take its place.
struct Next {
    line: Line,
    dialling: Dialling,
    place: ServiceCall,
}

/// Whose side it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    /// It does not talk.
    Waits,
    /// A telephone that has called.
    Caller,
    /// One that was called.
    Called,
}

/// What happens on it.
pub(super) enum SideEvent {
    Line(LineEvent),
    /// It has talked for as long as it may.
    TooLong,
    /// Something about the next line; [`Side::go_on`] is to be called.
    Next(NextEvent),
}

/// What happens to the next line.
pub(super) enum NextEvent {
    Line(LineEvent),
    Due,
}

impl Side {
    pub(super) fn new(gateway: Arc<Gateway>, teller: CallTeller, line: Line, called: PhoneNumber) -> Side {
        Side {
            line,
            called,
            gateway,
            call: teller.id(),
            teller,
            service: None,
            place: None,
            channel: None,
            next: None,
            until: None,
            alone: false,
        }
    }

    /// The side of a telephone that this service has called.
    pub(super) fn of_service(
        gateway: Arc<Gateway>,
        teller: CallTeller,
        line: Line,
        called: PhoneNumber,
        (service, place): (String, ServiceCall),
    ) -> Side {
        Side {
            service: Some(service),
            place: Some(place),
            ..Side::new(gateway, teller, line, called)
        }
    }

    /// The telephone that this dialling has called has answered: its minutes count.
    pub(super) fn answered(&mut self, dialling: &mut Dialling) {
        self.takes(dialling);
        if let Some(place) = &mut self.place {
            place.answered(now(), unix_now());
        }
    }

    /// The line is that of this dialling.
    fn takes(&mut self, dialling: &mut Dialling) {
        self.channel = dialling.take_channel();
        if let Some(called) = dialling.called() {
            self.called = called.clone();
        }
    }

    /// Lets the legs go; what is left to do is to tell their last figures.
    pub(super) fn close(self) -> impl Future<Output = ()> + use<> {
        if let Some(place) = self.place {
            place.end(now());
        }
        drop(self.next);
        let closed = self.line.close();
        async {
            closed.await;
        }
    }

    /// What happens next. It may be dropped while it waits.
    pub(super) async fn event(&mut self) -> SideEvent {
        let until = sleep_until(self.until);
        let minutes = talks_on(&mut self.place);
        let Some(next) = &mut self.next else {
            return tokio::select! {
                event = self.line.event() => SideEvent::Line(event),
                () = until => self.too_long(),
                () = minutes => SideEvent::TooLong,
            };
        };
        let heard = !self.alone || self.line.ours().is_some();
        tokio::select! {
            // Who has hung up before the other one was refused has done so first.
            biased;
            event = self.line.event(), if heard => SideEvent::Line(event),
            event = next.line.event() => SideEvent::Next(NextEvent::Line(event)),
            () = sleep_until(next.dialling.deadline()) => SideEvent::Next(NextEvent::Due),
            () = until => self.too_long(),
            () = minutes => SideEvent::TooLong,
        }
    }

    /// Told once.
    fn too_long(&mut self) -> SideEvent {
        self.until = None;
        SideEvent::TooLong
    }

    /// The telephone asks to be transferred; it is told whether it is. Where it goes, when that is not another telephone's
    /// place.
    pub(super) async fn refer(&mut self, refer: &ReferTo, who: Who) -> Option<CallNumber> {
        let answer = match referred_to(&refer.uri) {
            None => Err(TransferRefusal::Target),
            Some(_) if !self.line.trunk().transfers() => Err(TransferRefusal::NotAllowed),
            Some(to) => self.transfer(&to, who).await,
        };
        let status = answer
            .as_ref()
            .map_or_else(|why| why.status(), |_| Status::ACCEPTED);
        self.line.refer_answer(status);
        answer.ok().flatten()
    }

    /// Somebody else wants it to be transferred, and is told whether it is. The same.
    pub(super) async fn ordered(&mut self, order: TransferOrder, who: Who) -> Option<CallNumber> {
        let answer = self.transfer(&order.to, who).await;
        let (told, elsewhere) = match answer {
            Ok(elsewhere) => (Ok(()), elsewhere),
            Err(why) => (Err(why), None),
        };
        let _ = order.answer.send(told);
        elsewhere
    }

    async fn transfer(&mut self, to: &str, who: Who) -> Result<Option<CallNumber>, TransferRefusal> {
        if who == Who::Waits {
            return Err(TransferRefusal::NotTalking);
        }
        if self.next.is_some() {
            return Err(TransferRefusal::Pending);
        }
        match self.gateway.transfer_target(to, self.service.as_deref())? {
            Target::Telephone(routes, place) => {
                self.dial(routes, place).await?;
                Ok(None)
            }
            // There is no menu that a telephone which was called could go back to.
            Target::Elsewhere(_) if who == Who::Called => Err(TransferRefusal::Called),
            Target::Elsewhere(number) => Ok(Some(number)),
        }
    }

    async fn dial(&mut self, mut routes: Vec<Route>, place: ServiceCall) -> Result<(), TransferRefusal> {
        for route in &mut routes {
            route.before = vec![Before {
                number: self.called.clone(),
                by: None,
            }];
        }
        let first = routes.first().ok_or(TransferRefusal::Unavailable)?;
        let (gateway, teller) = (&self.gateway, self.teller.clone());
        let family = Ways::family(first, &gateway.sip);
        let line =
            Line::open(&gateway.media, first.trunk.clone(), family, teller.clone()).map_err(|error| {
                warn!(%error, "no media for a transfer");
                TransferRefusal::Unavailable
            })?;
        teller.tell(CallEvent::Transfer(&first.called.to_string()));
        let redirects = self.service.clone();
        let redirects =
            redirects.map(|service| Redirects::new(gateway.clone(), service, first.called.clone()));
        let dialling = Dialling::new(Ways::new(gateway, family, routes), redirects, teller);
        self.next = Some(Box::new(Next {
            line,
            dialling,
            place,
        }));
        self.settle().await;
        Ok(())
    }

    /// Goes on with the transfer.
    pub(super) async fn go_on(&mut self, event: NextEvent) {
        let Some(next) = &mut self.next else {
            return;
        };
        match event {
            NextEvent::Due => next.dialling.timeout(),
            NextEvent::Line(event) => {
                let status = match event {
                    LineEvent::Progress => Some(Status::RINGING),
                    LineEvent::Early => Some(Status::SESSION_PROGRESS),
                    _ => None,
                };
                next.dialling.line_event(&next.line, event);
                if let Some(status) = status {
                    self.line.refer_progress(status);
                }
            }
        }
        self.settle().await;
    }

    /// The line is over. True when the next one goes on in its place.
    pub(super) async fn outlives(&mut self) -> bool {
        if self.line.ours().is_some() {
            // Nobody is there any more whom the next one could talk to.
            self.next = None;
        }
        let Some(next) = &self.next else {
            return false;
        };
        self.alone = true;
        // Whoever is there hears how it rings.
        if let Err(error) = self.gateway.rooms.reseat(self.call, next.line.seat()).await {
            warn!(%error, "the rooms do not take another telephone");
        }
        true
    }

    async fn settle(&mut self) {
        let Some(next) = &mut self.next else {
            return;
        };
        match next.dialling.settle(&mut next.line).await {
            Some(Outcome::Answered) => self.take_place().await,
            Some(Outcome::Over(end)) => self.failed(end),
            None => {}
        }
    }

    /// The next telephone has answered: it is the telephone of the call from here on.
    async fn take_place(&mut self) {
        let Some(mut next) = self.next.take() else {
            return;
        };
        next.place.answered(now(), unix_now());
        self.teller.tell(CallEvent::Transferred(None));
        if !self.alone
            && let Err(error) = self.gateway.rooms.reseat(self.call, next.line.seat()).await
        {
            warn!(%error, "the rooms do not take another telephone");
        }
        self.line.refer_progress(Status::OK);
        self.until = next.dialling.deadline();
        if let Some(place) = self.place.replace(next.place) {
            place.end(now());
        }
        self.takes(&mut next.dialling);
        let old = std::mem::replace(&mut self.line, next.line);
        self.alone = false;
        // Dropped as it is, it hangs up; its last figures come by themselves.
        tokio::spawn(old.close().in_current_span());
    }

    /// The next telephone cannot be had: the old one stays, if it is there.
    fn failed(&mut self, end: CallEnd) {
        self.next = None;
        self.teller.tell(CallEvent::Transferred(Some(end)));
        if self.alone {
            return self.line.hang_up(end);
        }
        let status = Status::new(end.sip_status()).unwrap_or(Status::TEMPORARILY_UNAVAILABLE);
        self.line.refer_progress(status);
    }
}

/// Takes minutes for a telephone that was called as long as there are any; returns when there are none, once.
async fn talks_on(place: &mut Option<ServiceCall>) {
    let Some(place) = place else {
        return std::future::pending().await;
    };
    loop {
        sleep_until(place.due()).await;
        if !place.go_on(now(), unix_now()) {
            return;
        }
    }
}
