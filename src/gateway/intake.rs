//! Takes new calls, screens them, and gives each its task.

use super::certification::take_call;
use super::incoming;
use super::refusal::warning;
use super::shared::{Gateway, Screened};
use crate::calls::{CallAbout, CallEnd, CallEvent, CallTeller, Origin};
use crate::sip::{IncomingCall, NewCall, RefusedCall};
use crate::supervise::test_point;
use crate::trunks::identity;
use omnigate_number::mask;
use omnigate_room::CallId;
use omnigate_sip::message::{Headers, Name, Status, readable};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::mpsc;
use tracing::field::Empty;
use tracing::info_span;

/// Seconds after which a carrier may try again when the service stops.
const RETRY_AFTER: &str = "30";
/// Q.850 cause of a call that is one too many.
const CONGESTION: &str = "Q.850;cause=42;text=\"all places are taken\"";
/// Characters of a Call-ID that are shown at most.
const SHOWN: usize = 128;

impl Gateway {
    /// Handles calls until the endpoint ends.
    pub async fn run(self: Arc<Self>, mut incoming: mpsc::Receiver<NewCall>) {
        while let Some(call) = incoming.recv().await {
            test_point("gateway");
            match call {
                NewCall::Incoming(call) => self.clone().take(call),
                NewCall::Refused(call) => self.refused(&call),
            }
        }
    }

    fn take(self: Arc<Self>, incoming: IncomingCall) {
        let (id, invite) = (incoming.id, &incoming.invite);
        let source = incoming.hop.remote;
        let sip_call_id = shown(invite.headers.call_id());
        let span = info_span!("call", call = %id, %sip_call_id, %source, trunk = Empty, caller = Empty, called = Empty);
        if !self.has_place() {
            let teller = self.teller(id, "");
            span.in_scope(|| teller.tell(one_too_many("draining or full")));
            return self.turn_away(incoming);
        }
        let (hop, user) = (&incoming.hop, identity::user(invite));
        let trunks = self.trunks.get();
        let found = trunks.find(hop, user.as_deref(), |trunk, account| {
            trunk.called(invite, account)
        });
        // What no trunk takes may be what a certification waits for: its number, in a field that its trunk does not read.
        let found = found.or_else(|miss| {
            let awaited = trunks.find(hop, user.as_deref(), |trunk, _| {
                self.certifications.awaits(trunk, invite)
            });
            awaited.map_err(|_| miss)
        });
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
                let why = warning(399, "the called number is not served for this source");
                return incoming.call.refuse(Status::NOT_FOUND, why);
            }
        };
        let caller = trunk.caller(&invite.headers);
        span.record("trunk", trunk.name.as_str());
        span.record("caller", tracing::field::display(&caller));
        span.record("called", tracing::field::display(&called));
        if !trunk.takes_caller(&caller) {
            let (teller, why) = (
                self.teller(id, &trunk.name),
                "callers without a number are not taken",
            );
            span.in_scope(|| {
                teller.tell(CallEvent::Refused {
                    end: CallEnd::Invite(Status::ANONYMITY_DISALLOWED.code()),
                    why: "the number is withheld, and trunk.anonymous is refuse",
                });
            });
            return incoming
                .call
                .refuse(Status::ANONYMITY_DISALLOWED, warning(399, why));
        }
        let teller = self.teller(id, &trunk.name);
        let Some(doubt) = self.doubts.begin(&trunk.name) else {
            span.in_scope(|| {
                teller.tell(one_too_many(
                    "too many calls of the trunk wait for an ACK: INVITEs may be forged",
                ));
            });
            return self.turn_away(incoming);
        };
        span.in_scope(|| {
            teller.tell(CallEvent::Started(CallAbout {
                caller: mask(caller.shown()),
                called: called.to_string(),
                origin: Origin::Carrier {
                    source,
                    sip_call_id,
                    provenance: trunk.provenance(&invite.headers, &caller),
                },
            }));
        });
        let screened = Screened {
            teller,
            trunk,
            called,
            caller,
            received: Instant::now(),
            doubt: Some(doubt),
        };
        if let Some(claim) = self.certifications.claim(&screened.trunk, &screened.called) {
            let teller = screened.teller.clone();
            let run = take_call(self.clone(), incoming, screened, claim);
            return self.begin(teller, span, run, async {});
        }
        let (gateway, rooms) = (self.clone(), self.rooms.clone());
        let let_go = async move {
            let _ = rooms.hang_up(id).await;
        };
        let teller = screened.teller.clone();
        self.begin(teller, span, incoming::run(gateway, incoming, screened), let_go);
    }

    fn teller(&self, id: CallId, trunk: &str) -> CallTeller {
        CallTeller::new(id, trunk, &self.calls, &self.metrics)
    }

    /// What cannot become a call was refused by SIP itself; it is told all the same.
    fn refused(&self, call: &RefusedCall) {
        let (id, source) = (call.id, call.hop.remote);
        let sip_call_id = shown(call.invite.headers.call_id());
        let span = info_span!("call", call = %id, %sip_call_id, %source);
        let _in_span = span.enter();
        self.teller(id, "").tell(CallEvent::Refused {
            end: CallEnd::Invite(call.status.code()),
            why: call.status.phrase(),
        });
    }

    /// One call too many is refused as what it is: a 503 with Retry-After would make the carrier send no call at all. While
    /// the service stops, that is what is meant.
    fn turn_away(&self, incoming: IncomingCall) {
        let mut fields = Headers::default();
        if self.health.is_draining() {
            fields.push(Name::RetryAfter, RETRY_AFTER);
            return incoming.call.refuse(Status::SERVICE_UNAVAILABLE, fields);
        }
        fields.push(Name::Reason, CONGESTION);
        incoming.call.refuse(Status::TEMPORARILY_UNAVAILABLE, fields);
    }
}

/// A call for which there is no place.
fn one_too_many(why: &str) -> CallEvent<'_> {
    CallEvent::Refused {
        end: CallEnd::Overload,
        why,
    }
}

/// A Call-ID as records and log lines show it; carriers may make it as long as they like.
fn shown(sip_call_id: &str) -> String {
    let readable = readable(sip_call_id);
    let visible = readable.chars().filter(|c| !c.is_control());
    visible.take(SHOWN).collect()
}
