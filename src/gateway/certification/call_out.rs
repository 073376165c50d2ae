//! A call out of a certification.

use super::exercise::Act;
use super::look::Look;
use super::seen::CallSeen;
use crate::calls::{CallAbout, CallEnd, CallEvent, CallTeller, Origin, Stage};
use crate::clock::unix_millis;
use crate::gateway::dialling::{Dialling, Outcome};
use crate::gateway::line::{Line, now, sleep_until};
use crate::gateway::shared::{Ended, Gateway};
use crate::gateway::ways::Ways;
use crate::trunks::Route;
use omnigate_room::CallId;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tracing::{info_span, warn};

/// Calls by this way and does this, until `stop` at the latest; all that was seen. None when there is no place for the call.
pub(super) async fn call(
    gateway: &Arc<Gateway>,
    route: Route,
    acts: Vec<Act>,
    stop: &CancellationToken,
) -> Option<CallSeen> {
    if !gateway.has_place() {
        return None;
    }
    let id = CallId::new(unix_millis(), rand::random());
    let teller = CallTeller::new(id, &route.trunk.name, &gateway.calls, &gateway.metrics);
    let span = info_span!("call", call = %id, trunk = route.trunk.name, called = %route.called);
    span.in_scope(|| {
        teller.tell(CallEvent::Started(CallAbout {
            caller: route.caller.to_string(),
            called: route.called.to_string(),
            origin: Origin::Certification,
        }));
    });
    let (sender, seen) = oneshot::channel();
    let run = run(gateway.clone(), route, acts, stop.clone(), teller.clone(), sender);
    gateway.begin(teller, span, run, async {});
    seen.await.ok()
}

struct Callee {
    line: Line,
    dialling: Dialling,
    look: Look,
    teller: CallTeller,
    began: Instant,
    answered: Option<Instant>,
    stage: Stage,
    over: Option<CallEnd>,
}

async fn run(
    gateway: Arc<Gateway>,
    route: Route,
    acts: Vec<Act>,
    stop: CancellationToken,
    teller: CallTeller,
    sender: oneshot::Sender<CallSeen>,
) -> Ended {
    let family = Ways::family(&route, &gateway.sip);
    let line = match Line::open(&gateway.media, route.trunk.clone(), family, teller.clone()) {
        Ok(line) => line,
        Err(error) => {
            warn!(%error, "no media for a call");
            let end = CallEnd::Overload;
            let _ = sender.send(CallSeen::none(end));
            return Ended { end, talked: None };
        }
    };
    let mut callee = Callee {
        dialling: Dialling::new(Ways::new(&gateway, family, vec![route]), None, teller.clone()),
        line,
        look: Look::new(acts),
        teller,
        began: now(),
        answered: None,
        stage: Stage::Dialling,
        over: None,
    };
    callee.settle().await;
    let mut stopping = false;
    while callee.over.is_none() {
        let (dialling, exercise) = (callee.dialling.deadline(), callee.look.exercise.deadline());
        tokio::select! {
            event = callee.line.event() => callee.dialling.line_event(&callee.line, event),
            () = sleep_until(dialling) => callee.dialling.timeout(),
            () = sleep_until(exercise) => callee.look.exercise.timeout(now()),
            () = stop.cancelled(), if !stopping => {
                stopping = true;
                callee.look.exercise.stop();
            }
        }
        callee.settle().await;
    }
    callee.finish(sender).await
}

impl Callee {
    async fn settle(&mut self) {
        loop {
            if self.look.settle(&mut self.line) {
                self.dialling.leave(CallEnd::Certified);
            }
            match self.dialling.settle(&mut self.line).await {
                Some(Outcome::Answered) => {
                    self.answered = Some(now());
                    self.teller.tell(CallEvent::Answered(now() - self.began));
                    self.look.exercise.begin(now());
                }
                Some(Outcome::Over(end)) => {
                    self.over = Some(end);
                    break;
                }
                None => break,
            }
        }
        if let Some(stage) = self.dialling.stage().filter(|stage| *stage != self.stage) {
            self.stage = stage;
            self.teller.tell(CallEvent::Reached(stage));
        }
    }

    async fn finish(self, sender: oneshot::Sender<CallSeen>) -> Ended {
        let end = self.over.unwrap_or(CallEnd::Fault);
        let ended = Ended {
            end,
            talked: self.answered.map(|at| now() - at),
        };
        let _ = sender.send(self.look.close(self.line, end).await);
        ended
    }
}
