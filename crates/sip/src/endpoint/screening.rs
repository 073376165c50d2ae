//! Requests that begin something are looked at before anything is kept of them.

use super::Endpoint;
use super::screen::{Screen, Screening};
use crate::hop::Hop;
use crate::message::{Method, Request};
use std::time::Instant;

impl Endpoint {
    /// From here on `screen` sees every request that belongs to no transaction and no call of ours, ACK and CANCEL among
    /// them.
    pub fn screen(&mut self, screen: impl FnMut(Instant, &Request, &Hop) -> Screening + Send + 'static) {
        self.screen = Some(Screen(Box::new(screen)));
    }

    pub(super) fn request(&mut self, now: Instant, request: Request, hop: &Hop) {
        let screening = match &mut self.screen {
            Some(screen) if !self.shared.transactions.knows(&request) => {
                // Who knows our tag is in a call.
                let tag = request.headers.to_tag();
                let call = tag.and_then(|tag| self.calls.get(self.by_tag.get(tag)?));
                match call.is_some_and(|call| call.is_of(&request.headers)) {
                    true => Screening::Take,
                    false => (screen.0)(now, &request, hop),
                }
            }
            _ => Screening::Take,
        };
        let transactions = &mut self.shared.transactions;
        match screening {
            Screening::Take => transactions.request(now, request, hop),
            Screening::TakeFrom(peer) => {
                let hop = Hop {
                    peer: Some(peer),
                    ..hop.clone()
                };
                transactions.request(now, request, &hop);
            }
            // An ACK has no response.
            Screening::TurnAway(..) if request.method == Method::Ack => {}
            Screening::TurnAway(status, fields) => transactions.turn_away(request, status, &fields, hop),
            Screening::Ignore => {}
        }
    }
}
