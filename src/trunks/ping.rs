//! What a trunk's gateways are asked, to see whether they are there (OPTIONS, RFC 3261 section 11.1).

use super::{Gateway, Trunk};
use omnigate_sip::Own;
use omnigate_sip::message::{Method, Name, Request, UriError};
use std::time::Duration;

/// User in From and Contact: nobody is called by it.
const USER: &str = "omnigate";

impl Trunk {
    /// How often its gateways are asked; `None`: never.
    pub fn ping_every(&self) -> Option<Duration> {
        let asks = !self.out.gateways.is_empty() && !self.out.options_every.is_zero();
        asks.then_some(self.out.options_every)
    }

    /// An OPTIONS to a gateway; `own` is our address there, and `id` its own.
    ///
    /// # Errors
    /// The gateway's host makes no SIP address.
    pub fn options(&self, gateway: &Gateway, own: &Own, id: &str) -> Result<Request, UriError> {
        let theirs = self.out.shown.domain.as_deref().unwrap_or(&gateway.host);
        let ours = self.out.shown.domain.clone().unwrap_or_else(|| own.to_string());
        let (scheme, transport) = (gateway.scheme(), gateway.parameter());
        let mut request = Request::new(Method::Options, format!("{scheme}:{theirs}{transport}").parse()?);
        let headers = &mut request.headers;
        headers.push(Name::MaxForwards, 70);
        headers.push(Name::From, format_args!("<{scheme}:{USER}@{ours}>;tag={id}"));
        headers.push(Name::To, format_args!("<{scheme}:{theirs}>"));
        headers.push(Name::CallId, format_args!("options-{id}"));
        headers.push(Name::CSeq, "1 OPTIONS");
        headers.push(Name::Contact, own.secured(scheme == "sips").contact(USER));
        headers.push(Name::Accept, "application/sdp");
        Ok(request)
    }
}
