//! Takes new calls, screens them, and gives each its task.

use super::call;
use super::shared::{Gateway, Screened};
use crate::calls::{CallEnd, CallRecord};
use crate::clock::{unix_millis, unix_now};
use crate::sip::{Incoming, answer};
use crate::supervise::test_point;
use omnigate_room::CallId;
use omnigate_sip::call::warning;
use omnigate_sip::message::{Header, StatusCode};
use omnigate_sip::number::mask;
use omnigate_sip::{header, identity};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::mpsc;
use tracing::{Instrument, Span, info, info_span};

/// Seconds that a refused caller should wait before it tries again.
const RETRY_AFTER: &str = "30";

impl Gateway {
    /// Handles calls until the endpoint ends.
    pub async fn run(self: Arc<Self>, mut incoming: mpsc::Receiver<Incoming>) {
        while let Some(call) = incoming.recv().await {
            test_point("gateway");
            self.metrics.invite();
            self.clone().take(call);
        }
    }

    fn take(self: Arc<Self>, incoming: Incoming) {
        let invite = &incoming.transaction.original;
        let caller = identity::caller(&invite.headers);
        let source = incoming.flow.source.ip();
        if self.health.is_draining() || self.calls.live() >= self.most_calls {
            info!(%source, %caller, "call refused: draining or full");
            let retry = vec![header::make("Retry-After", RETRY_AFTER)];
            return self.refuse(
                incoming,
                StatusCode::ServiceUnavailable,
                retry,
                CallEnd::Overload,
                "",
            );
        }
        let found = self
            .trunks
            .find(source, |country| identity::called(invite, country));
        let (trunk, called) = match found {
            Ok((trunk, called)) => (trunk.clone(), called),
            Err(miss) => {
                info!(%source, %caller, nearest = %miss.nearest, why = %miss.why, "call refused: no trunk takes it");
                let text = vec![warning(399, "the called number is not served for this source")];
                return self.refuse(
                    incoming,
                    StatusCode::NotFound,
                    text,
                    CallEnd::NoTrunk,
                    &miss.nearest,
                );
            }
        };
        let id = CallId::new(unix_millis(), rand::random());
        let span = info_span!("call", %id, trunk = %trunk.name, %caller, %called);
        self.calls.insert(CallRecord {
            id,
            trunk: trunk.name.clone(),
            caller: mask(caller.shown()),
            called: called.to_string(),
            state: "ivr",
            started_at: unix_now(),
            answered_at: None,
            ended_at: None,
            class: None,
            reason: None,
            sip_status: None,
        });
        let screened = Screened {
            id,
            trunk,
            called,
            caller,
            received: Instant::now(),
        };
        self.begin(incoming, screened, span);
    }

    /// Gives a call its task, and tells its end whatever becomes of that.
    fn begin(self: Arc<Self>, incoming: Incoming, screened: Screened, span: Span) {
        let (gateway, id) = (self.clone(), screened.id);
        self.tasks.spawn(
            async move {
                let trunk = screened.trunk.name.clone();
                // A panic of one call must not take its record or the others along.
                let task = tokio::spawn(call::run(gateway.clone(), incoming, screened).in_current_span());
                let ended = match task.await {
                    Ok(ended) => ended,
                    Err(_) => {
                        // Its task did not come to its end: nobody must stay behind in a room.
                        let _ = gateway.rooms.hang_up(id).await;
                        call::Ended {
                            end: CallEnd::Fault,
                            talked: None,
                        }
                    }
                };
                let (class, reason) = (ended.end.class().name(), ended.end.reason());
                gateway.metrics.call_ended(&trunk, class, reason, ended.talked);
                gateway.calls.end(id, ended.end, unix_now());
                let seconds = ended.talked.map(|d| d.as_secs_f64());
                info!(class, reason, seconds, "call ended");
            }
            .instrument(span),
        );
    }

    fn refuse(&self, incoming: Incoming, status: StatusCode, extra: Vec<Header>, end: CallEnd, trunk: &str) {
        self.endpoint.calls.forget_invite(&incoming.transaction.original);
        self.metrics
            .call_ended(trunk, end.class().name(), end.reason(), None);
        answer(incoming.transaction, status, extra);
    }
}
