//! Where a telephone that is called sends us instead (3xx, RFC 3261 section 8.1.3.4), for trunks that may.
//!
//! Of an address the number alone is taken, and it is called as if the app had asked for it: by the rules of its service, at
//! our trunks' gateways. Nobody may make us call a host.

use super::shared::Gateway;
use super::transfer::referred_to;
use crate::clock::today;
use crate::trunks::{Before, Route};
use omnigate_number::PhoneNumber;
use omnigate_sip::{CallEnd as SipEnd, Rejection};
use std::sync::Arc;
use tracing::info;

/// So often a call is sent elsewhere at most.
const MOST: usize = 5;

/// What one call follows.
pub(super) struct Redirects {
    gateway: Arc<Gateway>,
    /// Whose rules say what may be called.
    service: String,
    /// Who has been called, the one that was asked for first.
    called: Vec<PhoneNumber>,
}

impl Redirects {
    /// Of a call to this number.
    pub(super) fn new(gateway: Arc<Gateway>, service: String, called: PhoneNumber) -> Redirects {
        Redirects {
            gateway,
            service,
            called: vec![called],
        }
    }

    /// Who is called now.
    pub(super) fn called(&self) -> Option<&PhoneNumber> {
        self.called.last()
    }

    /// The ways to where this end of a call sends it; none: it goes nowhere else.
    pub(super) fn follow(&mut self, end: &SipEnd) -> Option<Vec<Route>> {
        let SipEnd::Rejected(rejection) = end else {
            return None;
        };
        let numbers = redirected_to(rejection);
        if self.called.len() > MOST {
            info!("the call has been sent elsewhere too often");
            return None;
        }
        let mut routes = numbers.iter().find_map(|number| self.routes(number))?;
        let to = routes.first()?.called.clone();
        let by = Some(rejection.status.code());
        let before = self.called.iter().cloned();
        let before: Vec<Before> = before.map(|number| Before { number, by }).collect();
        for route in &mut routes {
            route.before.clone_from(&before);
        }
        self.called.push(to);
        Some(routes)
    }

    /// The ways to a number, if it may be called and has not been. Nobody is sent to an emergency number who has not asked for it.
    fn routes(&self, number: &str) -> Option<Vec<Route>> {
        match self.gateway.trunks.get().routes(&self.service, number, today()) {
            Err(why) => info!(%why, "the call is sent to where it may not go"),
            Ok(routes) => {
                let first = routes.first()?;
                if first.is_emergency() {
                    info!("the call is sent to an emergency number");
                } else if self.called.contains(&first.called) {
                    info!("the call is sent back to where it has been");
                } else {
                    return Some(routes);
                }
            }
        }
        None
    }
}

/// The numbers that a redirection names, best first: 301 and 302 alone name somebody else's, 300 asks a person, 305 means the
/// way and 380 a service.
fn redirected_to(rejection: &Rejection) -> Vec<String> {
    if !matches!(rejection.status.code(), 301 | 302) {
        return Vec::new();
    }
    rejection
        .contacts
        .iter()
        .filter_map(|uri| referred_to(uri))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use omnigate_sip::message::Status;

    #[test]
    fn of_where_a_call_is_sent_the_numbers_are_taken() {
        let to = |status: u16, contacts: &[&str]| {
            redirected_to(&Rejection {
                status: Status::new(status).unwrap(),
                phrase: String::new(),
                warning: None,
                causes: Vec::new(),
                retry_after: None,
                contacts: contacts.iter().map(|one| (*one).to_owned()).collect(),
            })
        };
        assert_eq!(to(302, &["sip:0317654321@evil.example"]), ["0317654321"]);
        let ported = "sip:+82317654321;npdi;rn=0312@gw;user=phone";
        assert_eq!(to(302, &[ported]), ["+82317654321;npdi;rn=0312"]);
        let several = ["mailto:a@b", "tel:0317654321", "sip:0311112222@x"];
        assert_eq!(to(301, &several), ["0317654321", "0311112222"]);
        for status in [300, 305, 380, 486] {
            assert!(to(status, &["sip:0317654321@x"]).is_empty(), "{status}");
        }
        assert!(to(302, &["sip:x@h?Replaces=1", "sip:h"]).is_empty());
    }
}
