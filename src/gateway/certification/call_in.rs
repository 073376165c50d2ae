//! The call in that a certification waits for.

use super::book::Claim;
use super::inbound::InviteSeen;
use super::look::Look;
use super::seen::CallSeen;
use crate::calls::{CallEnd, CallEvent, Stage};
use crate::gateway::incoming::ended_by_sip;
use crate::gateway::line::{Line, LineEvent, now, sleep_until};
use crate::gateway::shared::{Ended, Gateway, Screened};
use crate::sip::IncomingCall;
use std::sync::Arc;

/// Takes the call in place of the menu, to its end.
pub(in crate::gateway) async fn run(
    gateway: Arc<Gateway>,
    incoming: IncomingCall,
    screened: Screened,
    claim: Claim,
) -> Ended {
    let (trunk, teller) = (screened.trunk.watched(None), screened.teller.clone());
    let offer = incoming.offer.as_deref();
    let invite = InviteSeen::of(
        &incoming.invite,
        &incoming.hop,
        offer,
        &claim.number,
        trunk.country,
    );
    let _ = claim.begun.send(());
    let mut look = Look::new(claim.acts);
    let mut line = match Line::answer(&gateway.media, incoming, trunk, teller.clone()) {
        Ok(line) => line,
        Err(end) => {
            let seen = CallSeen::none(end);
            let _ = claim.seen.send((invite, seen));
            return Ended { end, talked: None };
        }
    };
    let answered = now();
    teller.tell(CallEvent::Answered(screened.received.elapsed()));
    let (mut over, mut stopping) = (None, false);
    while over.is_none() {
        let deadline = look.exercise.deadline();
        tokio::select! {
            event = line.event() => match event {
                LineEvent::Up => {
                    teller.tell(CallEvent::Reached(Stage::Talking));
                    look.exercise.begin(now());
                }
                LineEvent::Over(sip) => {
                    let end = line.ours().or(sip.as_ref().map(ended_by_sip));
                    over = Some(end.unwrap_or(CallEnd::Fault));
                }
                _ => {}
            },
            () = sleep_until(deadline) => look.exercise.timeout(now()),
            () = claim.stop.cancelled(), if !stopping => {
                stopping = true;
                look.exercise.stop();
            }
        }
        if look.settle(&mut line) {
            line.hang_up(CallEnd::Certified);
        }
    }
    let end = over.unwrap_or(CallEnd::Fault);
    let ended = Ended {
        end,
        talked: Some(now() - answered),
    };
    let _ = claim.seen.send((invite, look.close(line, end).await));
    ended
}
