//! What a 2xx grants.

use super::settings::{MAX_EXPIRES, Settings};
use crate::message::{Headers, Name, NameAddr, Response, UriParts, seconds, unquote};
use std::fmt;
use std::time::Duration;

/// Most elements of Service-Route, Path and P-Associated-URI that are kept of each.
pub const MAX_ROUTES: usize = 16;

/// A binding as the registrar has it.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Granted {
    /// How long it lasts from the answer on.
    pub expires: Duration,
    /// Route of our later requests, elements as they came (RFC 3608 section 5).
    pub service_route: Vec<String>,
    /// Proxies that calls to us will pass, elements as they came (RFC 3327 section 5).
    pub path: Vec<String>,
    /// Other identities that are ours now, the default one first, elements as they came (RFC 7315 section 4.1).
    pub associated: Vec<String>,
    /// The registrar uses our flow (RFC 5626 section 6).
    pub outbound: bool,
    /// How long the flow may be silent (RFC 5626 section 4.4.1).
    pub flow_timer: Option<Duration>,
    /// What the registrar can do about the security of media, as it says it, for [`verify`](super::verify).
    pub media_security: Vec<String>,
}

impl fmt::Debug for Granted {
    /// Without the routes and identities, which hold numbers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Granted")
            .field("expires", &self.expires)
            .field("outbound", &self.outbound)
            .field("flow_timer", &self.flow_timer)
            .finish_non_exhaustive()
    }
}

impl Granted {
    /// Reads a 2xx; `None` when it does not bind our contact. `asked` is what the request has asked for.
    pub(super) fn read(response: &Response, settings: &Settings, asked: Duration) -> Option<Granted> {
        let headers = &response.headers;
        let general = headers.get(Name::Expires).and_then(seconds);
        let expires = match own(headers, settings) {
            Own::Found(contact) => contact.params.get("expires").and_then(seconds).or(general),
            Own::Silent => general,
            Own::Missing => return None,
        };
        let expires = expires.map_or(asked, |s| Duration::from_secs(s.into()));
        (!expires.is_zero()).then(|| Granted {
            expires: expires.min(MAX_EXPIRES),
            service_route: elements(headers, Name::ServiceRoute),
            path: elements(headers, Name::Path),
            associated: associated(headers),
            outbound: headers.lists(Name::Require, "outbound"),
            flow_timer: headers
                .get(Name::FlowTimer)
                .and_then(seconds)
                .filter(|s| *s > 0)
                .map(|s| Duration::from_secs(s.into())),
            media_security: Vec::new(),
        })
    }
}

enum Own<'a> {
    Found(NameAddr<'a>),
    /// No Contact at all: some registrars leave it out.
    Silent,
    /// Others' contacts alone.
    Missing,
}

/// Our Contact among all that are bound to the address of record.
fn own<'a>(headers: &'a Headers, settings: &Settings) -> Own<'a> {
    let all: Vec<NameAddr<'a>> = headers.list(Name::Contact).filter_map(NameAddr::parse).collect();
    let flow = |c: &NameAddr<'_>| settings.flow().is_some_and(|flow| is_flow(c, flow));
    let same = |c: &NameAddr<'_>| is_same(c.parts(), settings.contact.parts());
    let found = all
        .iter()
        .find(|c| flow(c))
        .or_else(|| all.iter().find(|c| same(c)));
    match (found, all.as_slice()) {
        (Some(contact), _) => Own::Found(*contact),
        (None, []) => Own::Silent,
        // A single one is ours, written anew by something in between.
        (None, [only]) => Own::Found(*only),
        (None, _) => Own::Missing,
    }
}

fn is_flow(contact: &NameAddr<'_>, (instance, flow): (&str, u32)) -> bool {
    let said = contact.params.get("+sip.instance").map(unquote);
    said.is_some_and(|s| s.trim_matches(['<', '>']).eq_ignore_ascii_case(instance))
        && contact.params.get("reg-id") == Some(flow.to_string().as_str())
}

/// Compares what a registrar must not change: scheme, user, host, port and transport (RFC 3261 section 19.1.4).
fn is_same(a: UriParts<'_>, b: UriParts<'_>) -> bool {
    let (UriParts::Sip(a), UriParts::Sip(b)) = (a, b) else {
        return a == b;
    };
    let host = |h: &str, i: &str| h.eq_ignore_ascii_case(i);
    let transport = |p: &crate::message::Params<'_>| p.get("transport").unwrap_or("udp").to_ascii_lowercase();
    (a.secure, a.user, a.port) == (b.secure, b.user, b.port)
        && host(&a.host.to_string(), &b.host.to_string())
        && transport(&a.params) == transport(&b.params)
}

fn elements(headers: &Headers, name: Name) -> Vec<String> {
    headers.list(name).take(MAX_ROUTES).map(str::to_owned).collect()
}

fn associated(headers: &Headers) -> Vec<String> {
    let fields = headers
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("P-Associated-URI"));
    let all = fields.flat_map(|(_, value)| crate::message::list(value));
    all.take(MAX_ROUTES).map(str::to_owned).collect()
}
