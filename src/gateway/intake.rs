//! Takes new calls, screens them, and gives each its task.

use super::call;
use super::marked::mark;
use super::shared::{Gateway, Screened};
use crate::calls::{CallAbout, CallEnd, CallEvent, CallTeller};
use crate::clock::unix_millis;
use crate::sip::{Incoming, answer};
use crate::supervise::test_point;
use omnigate_number::mask;
use omnigate_room::CallId;
use omnigate_sip::call::warning;
use omnigate_sip::message::{Header, StatusCode};
use omnigate_sip::{header, identity};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::mpsc;
use tracing::field::Empty;
use tracing::{Instrument, Span, info_span};

/// Seconds that a refused caller should wait before it tries again.
const RETRY_AFTER: &str = "30";
/// Characters of a Call-ID that are shown at most.
const SHOWN: usize = 128;

impl Gateway {
    /// Handles calls until the endpoint ends.
    pub async fn run(self: Arc<Self>, mut incoming: mpsc::Receiver<Incoming>) {
        while let Some(call) = incoming.recv().await {
            test_point("gateway");
            self.clone().take(call);
        }
    }

    fn take(self: Arc<Self>, incoming: Incoming) {
        let id = CallId::new(unix_millis(), rand::random());
        let invite = &incoming.transaction.original;
        let caller = identity::caller(&invite.headers);
        let source = incoming.flow.source;
        let sip_call_id = shown(header::value(&invite.headers, "Call-ID").unwrap_or_default());
        let span =
            info_span!("call", call = %id, %sip_call_id, %source, trunk = Empty, %caller, called = Empty);
        if self.health.is_draining() || self.calls.live() >= self.most_calls {
            let teller = self.teller(id, "");
            span.in_scope(|| {
                teller.tell(CallEvent::Refused {
                    end: CallEnd::Overload,
                    why: "draining or full",
                });
            });
            let retry = header::make("Retry-After", RETRY_AFTER);
            return self.refuse(incoming, StatusCode::ServiceUnavailable, retry, id);
        }
        let found = self
            .trunks
            .find(source.ip(), |country| identity::called(invite, country));
        let (trunk, called) = match found {
            Ok((trunk, called)) => (trunk.clone(), called),
            Err(miss) => {
                let teller = self.teller(id, &miss.nearest);
                span.in_scope(|| {
                    teller.tell(CallEvent::Refused {
                        end: CallEnd::NoTrunk,
                        why: &miss.why.to_string(),
                    });
                });
                let text = warning(399, "the called number is not served for this source");
                return self.refuse(incoming, StatusCode::NotFound, text, id);
            }
        };
        span.record("trunk", trunk.name.as_str());
        span.record("called", tracing::field::display(&called));
        let teller = self.teller(id, &trunk.name);
        span.in_scope(|| {
            teller.tell(CallEvent::Started(CallAbout {
                caller: mask(caller.shown()),
                called: called.to_string(),
                source,
                sip_call_id,
            }));
        });
        let screened = Screened {
            teller,
            trunk,
            called,
            caller,
            received: Instant::now(),
        };
        self.begin(incoming, screened, span);
    }

    /// Gives a call its task, and tells its end whatever becomes of that.
    fn begin(self: Arc<Self>, incoming: Incoming, screened: Screened, span: Span) {
        let gateway = self.clone();
        let teller = screened.teller.clone();
        self.tasks.spawn(
            async move {
                // A panic of one call must not take its record or the others along.
                let task = tokio::spawn(call::run(gateway.clone(), incoming, screened).in_current_span());
                let ended = match task.await {
                    Ok(ended) => ended,
                    Err(_) => {
                        // Its task did not come to its end: nobody must stay behind in a room.
                        let _ = gateway.rooms.hang_up(teller.id()).await;
                        call::Ended {
                            end: CallEnd::Fault,
                            talked: None,
                        }
                    }
                };
                teller.tell(CallEvent::Ended {
                    end: ended.end,
                    talked: ended.talked,
                });
            }
            .instrument(span),
        );
    }

    fn teller(&self, id: CallId, trunk: &str) -> CallTeller {
        CallTeller::new(id, trunk, &self.calls, &self.metrics)
    }

    fn refuse(&self, incoming: Incoming, status: StatusCode, extra: Header, id: CallId) {
        self.endpoint.calls.forget_invite(&incoming.transaction.original);
        answer(incoming.transaction, status, vec![extra, mark(id)]);
    }
}

/// A Call-ID as records and log lines show it; carriers may make it as long as they like.
fn shown(sip_call_id: &str) -> String {
    let visible = sip_call_id.chars().filter(|c| !c.is_control());
    visible.take(SHOWN).collect()
}
