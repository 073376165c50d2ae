//! Where a telephone that is called sends us instead (3xx, RFC 3261 section 8.1.3.4), for trunks that may.
//!
//! Of an address the number alone is taken, and it is called as if the app had asked for it: by the rules of its service, at
//! our trunks' gateways. Nobody may make us call a host.

use super::shared::Gateway;
use super::transfer::referred_to;
use crate::clock::today;
use crate::trunks::Route;
use omnigate_number::PhoneNumber;
use omnigate_sip::message::NameAddr;
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

    /// The ways to where this end of a call sends it; none: it goes nowhere else.
    pub(super) fn follow(&mut self, end: &SipEnd) -> Option<Vec<Route>> {
        let SipEnd::Rejected(rejection) = end else {
            return None;
        };
        let number = redirected_to(rejection)?;
        if self.called.len() > MOST {
            info!("the call has been sent elsewhere too often");
            return None;
        }
        let trunks = &self.gateway.trunks;
        let mut routes = match trunks.routes(&self.service, &number, today()) {
            Ok(routes) => routes,
            Err(why) => {
                info!(%why, "the call is sent to where it may not go");
                return None;
            }
        };
        let to = routes.first()?.called.clone();
        if self.called.contains(&to) {
            info!("the call is sent back to where it has been");
            return None;
        }
        for route in &mut routes {
            route.before = self.called.last().cloned();
        }
        info!(%to, "the call is sent elsewhere");
        self.called.push(to);
        Some(routes)
    }
}

/// The number that a redirection names first: 301 and 302 alone name somebody else's, 300 asks a person, 305 means the way and
/// 380 a service.
fn redirected_to(rejection: &Rejection) -> Option<String> {
    if !matches!(rejection.status.code(), 301 | 302) {
        return None;
    }
    let contacts = rejection.contacts.iter();
    let mut addresses = contacts.filter_map(|contact| NameAddr::parse(contact));
    addresses.find_map(|address| referred_to(address.uri))
}

#[cfg(test)]
mod tests {
    use super::*;
    use omnigate_sip::message::Status;

    #[test]
    fn of_where_a_call_is_sent_the_number_is_taken() {
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
        let number = Some("0317654321".to_owned());
        assert_eq!(to(302, &["<sip:0317654321@evil.example>;q=0.9"]), number);
        assert_eq!(to(301, &["<mailto:a@b>", "<tel:0317654321>"]), number);
        for status in [300, 305, 380, 486] {
            assert_eq!(to(status, &["<sip:0317654321@x>"]), None, "{status}");
        }
        assert_eq!(to(302, &["<sip:x@h?Replaces=1>", "<sip:h>"]), None);
    }
}
