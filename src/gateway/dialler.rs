//! Takes the calls that apps want to telephones, looks whether they may be made, and gives each its task.

use super::outgoing::{self, Purpose};
use super::shared::Gateway;
use crate::calls::{CallAbout, CallEnd, CallEvent, CallTeller, Direction, Origin, Refusal};
use crate::clock::{today, unix_millis, unix_now};
use crate::rooms::DialOrder;
use crate::supervise::test_point;
use crate::trunks::{Route, ServiceCall};
use omnigate_number::mask;
use omnigate_omnitalk::DialRefusal;
use omnigate_room::{CallId, RoomId};
use std::sync::Arc;
use tokio::sync::mpsc::UnboundedReceiver;
use tracing::field::Empty;
use tracing::{Span, info_span, warn};

impl Gateway {
    /// Makes the calls that the rooms want, until they want no more.
    pub async fn dial(self: Arc<Self>, mut orders: UnboundedReceiver<DialOrder>) {
        while let Some(order) = orders.recv().await {
            test_point("dialler");
            self.clone().take_order(order);
        }
    }

    fn take_order(self: Arc<Self>, order: DialOrder) {
        let service = &order.dialling.service_id;
        let span = info_span!("call", call = %order.call, %service, trunk = Empty, called = Empty);
        match self.may_call(&order.dialling.service_id, &order.dialling.number) {
            Ok((routes, place)) => {
                let to = Called {
                    call: order.call,
                    service: order.dialling.service_id.clone(),
                    purpose: Purpose::App,
                };
                self.begin_dialling(to, routes, place, span);
            }
            Err(refusal) => self.refuse(order, refusal, span),
        }
    }

    /// Calls a telephone for a service, and brings it into one of its rooms when it answers; the call.
    ///
    /// # Errors
    /// The first rule that forbids it.
    pub fn call_into_room(
        self: &Arc<Self>,
        service: &str,
        room: RoomId,
        number: &str,
    ) -> Result<CallId, DialRefusal> {
        let call = CallId::new(unix_millis(), rand::random());
        let span = info_span!("call", %call, service, trunk = Empty, called = Empty);
        let allowed = self.may_call(service, number);
        if let Err(refusal) = &allowed {
            self.note_refusal(service, "", number, *refusal, &span);
        }
        let (routes, place) = allowed?;
        let to = Called {
            call,
            service: service.to_owned(),
            purpose: Purpose::Room(room),
        };
        self.clone().begin_dialling(to, routes, place, span);
        Ok(call)
    }

    /// The ways for a call of this service to this number, and its place among those of the service.
    ///
    /// # Errors
    /// The first rule that forbids it.
    pub(super) fn may_call(
        &self,
        service: &str,
        number: &str,
    ) -> Result<(Vec<Route>, ServiceCall), DialRefusal> {
        if !self.has_place() {
            return Err(DialRefusal::Unavailable);
        }
        let trunks = self.trunks.get();
        let routes = trunks.routes(service, number, today())?;
        let place = self.usage.call(&trunks, service, unix_now())?;
        Ok((routes, place))
    }

    /// The app is told, too.
    fn refuse(self: Arc<Self>, order: DialOrder, refusal: DialRefusal, span: Span) {
        let dialling = &order.dialling;
        self.note_refusal(
            &dialling.service_id,
            &dialling.user_id,
            &dialling.number,
            refusal,
            &span,
        );
        let gateway = self.clone();
        self.tasks.spawn(async move {
            if let Err(error) = gateway.rooms.dialled(order.call, Err(refusal)).await {
                warn!(%error, "the rooms were not told that a call is refused");
            }
        });
    }

    /// What is refused is one line for whoever looks after tolls, with the rule that says so.
    fn note_refusal(&self, service: &str, user: &str, number: &str, refusal: DialRefusal, span: &Span) {
        self.metrics.dial_refused(rule(refusal));
        self.calls.refused(
            "",
            Refusal {
                direction: Direction::Outbound,
                at: unix_now(),
                reason: rule(refusal),
                why: format!("{} of {service}: {refusal}", mask(number)),
            },
        );
        span.in_scope(|| {
            warn!(
                rule = rule(refusal),
                number = %mask(number),
                user = %mask(user),
                why = %refusal,
                "a call to a telephone is refused"
            );
        });
    }

    fn begin_dialling(self: Arc<Self>, to: Called, routes: Vec<Route>, place: ServiceCall, span: Span) {
        let Called {
            call,
            service,
            purpose,
        } = to;
        let Some(first) = routes.first() else { return };
        span.record("trunk", first.trunk.name.as_str());
        span.record("called", tracing::field::display(&first.called));
        let teller = CallTeller::new(call, &first.trunk.name, &self.calls, &self.metrics);
        span.in_scope(|| {
            teller.tell(CallEvent::Started(CallAbout {
                caller: first.caller.to_string(),
                called: first.called.to_string(),
                origin: Origin::App {
                    service: service.clone(),
                },
            }));
        });
        let (gateway, rooms) = (self.clone(), self.rooms.clone());
        let let_go = async move {
            if purpose != Purpose::App {
                let _ = rooms.hang_up(call).await;
                return;
            }
            let _ = rooms.dialled(call, Err(DialRefusal::Unavailable)).await;
            let _ = rooms.failed(call, CallEnd::Fault.over()).await;
        };
        let run = outgoing::run(gateway, call, routes, (service, place), purpose, teller.clone());
        self.begin(teller, span, run, let_go);
    }
}

/// A call that may be made.
struct Called {
    call: CallId,
    /// Whose it is.
    service: String,
    purpose: Purpose,
}

/// The rule of a refusal, in a word.
fn rule(refusal: DialRefusal) -> &'static str {
    match refusal {
        DialRefusal::NotANumber => "number",
        DialRefusal::Emergency => "trunk.emergency",
        DialRefusal::Forbidden { rule } | DialRefusal::NoCaller { rule } | DialRefusal::TooMany { rule } => {
            rule
        }
        DialRefusal::NoTrunk => "trunk.destinations",
        DialRefusal::MinutesUsed => "service.minutes_a_day",
        _ => "unavailable",
    }
}
