//! The REGISTER.

use super::settings::Settings;
use crate::message::{Method, Name, Request, quote};

/// What stays the same over all requests of a registration (RFC 3261 section 10.2).
#[derive(Debug)]
pub(super) struct Identity {
    pub(super) call_id: String,
    pub(super) tag: String,
}

/// A REGISTER for `expires` seconds; 0 takes the binding away.
pub(super) fn build(settings: &Settings, identity: &Identity, cseq: u32, expires: u64) -> Request {
    let mut request = Request::new(Method::Register, settings.registrar.clone());
    let headers = &mut request.headers;
    for proxy in &settings.route {
        headers.push(Name::Route, format_args!("<{proxy}>"));
    }
    headers.push(Name::MaxForwards, 70);
    let address = &settings.address_of_record;
    headers.push(Name::From, format_args!("<{address}>;tag={}", identity.tag));
    headers.push(Name::To, format_args!("<{address}>"));
    headers.push(Name::CallId, &identity.call_id);
    headers.push(Name::CSeq, format_args!("{cseq} REGISTER"));
    let mut contact = format!("<{}>", settings.contact);
    if let Some(instance) = &settings.instance {
        contact.push_str(";+sip.instance=");
        contact.push_str(&quote(&format!("<{instance}>")));
    }
    if let Some((_, flow)) = settings.flow() {
        contact.push_str(&format!(";reg-id={flow}"));
    }
    headers.push(Name::Contact, format_args!("{contact};expires={expires}"));
    // Some registrars read only the field, some only the parameter (RFC 3261 section 10.2.1.1 allows both).
    headers.push(Name::Expires, expires);
    let supported = if settings.flow().is_some() {
        "path, outbound"
    } else {
        "path"
    };
    headers.push(Name::Supported, supported);
    if let Some(agent) = &settings.user_agent {
        headers.push(Name::UserAgent, agent);
    }
    request
}
