//! Dialogs (RFC 3261 section 12): who talks with whom, in which order, by which way.

use crate::message::{Fault, Headers, Method, Name, NameAddr, Request, Response, Status, Uri};

/// One dialog. Its requests and responses are made here.
#[derive(Debug, Clone)]
pub struct Dialog {
    call_id: Box<str>,
    /// Our address with our tag, as it is written.
    local: Box<str>,
    /// The other side's, as it came.
    remote: Box<str>,
    local_tag: Box<str>,
    /// Empty for peers of RFC 2543.
    remote_tag: Box<str>,
    /// Where the other side wants to be reached.
    target: Uri,
    routes: Vec<Box<str>>,
    /// Our Contact, with its brackets.
    contact: Box<str>,
    local_cseq: u32,
    remote_cseq: Option<u32>,
}

impl Dialog {
    /// The dialog that our answer to `invite` makes. `contact` is our address in angle brackets.
    ///
    /// # Errors
    /// The INVITE has no usable Contact.
    pub fn of_server(invite: &Request, local_tag: &str, contact: &str) -> Result<Dialog, Fault> {
        let headers = &invite.headers;
        let to = headers.get(Name::To).unwrap_or_default();
        let local = match headers.to_tag() {
            Some(_) => to.into(),
            None => [to, ";tag=", local_tag].concat().into(),
        };
        Ok(Dialog {
            call_id: headers.call_id().into(),
            local,
            remote: headers.get(Name::From).unwrap_or_default().into(),
            local_tag: local_tag.into(),
            remote_tag: headers.from_tag().unwrap_or_default().into(),
            target: target(headers).ok_or(Fault::Missing("Contact"))?,
            routes: headers.list(Name::RecordRoute).map(Into::into).collect(),
            contact: contact.into(),
            local_cseq: 0,
            remote_cseq: headers.cseq().map(|c| c.number),
        })
    }

    /// The dialog that a response with a To tag to our `invite` makes.
    ///
    /// A 2xx without Contact leaves the Request-URI of the INVITE as the target: better a BYE that may arrive than a call
    /// that stays up.
    pub fn of_client(invite: &Request, response: &Headers) -> Dialog {
        let from = response.get(Name::From).unwrap_or_default();
        let mut routes: Vec<Box<str>> = response.list(Name::RecordRoute).map(Into::into).collect();
        routes.reverse();
        Dialog {
            call_id: invite.headers.call_id().into(),
            local: from.into(),
            remote: response.get(Name::To).unwrap_or_default().into(),
            local_tag: invite.headers.from_tag().unwrap_or_default().into(),
            remote_tag: response.to_tag().unwrap_or_default().into(),
            target: target(response).unwrap_or_else(|| invite.uri.clone()),
            routes,
            contact: invite.headers.get(Name::Contact).unwrap_or_default().into(),
            local_cseq: invite.headers.cseq().map_or(1, |c| c.number),
            remote_cseq: None,
        }
    }

    /// Call-ID.
    pub fn call_id(&self) -> &str {
        &self.call_id
    }

    /// Our tag.
    pub fn local_tag(&self) -> &str {
        &self.local_tag
    }

    /// The other side's tag; empty for peers of RFC 2543.
    pub fn remote_tag(&self) -> &str {
        &self.remote_tag
    }

    /// Where the other side wants to be reached.
    pub fn target(&self) -> &Uri {
        &self.target
    }

    /// True when the other side's requests come and go through proxies that stay in the way.
    pub fn has_routes(&self) -> bool {
        !self.routes.is_empty()
    }

    /// The URI that says where the next request goes: the first route, else the target (RFC 3261 section 12.2.1.1).
    pub fn next_hop(&self) -> &str {
        let route = self.routes.first().and_then(|r| NameAddr::parse(r));
        route.map_or(self.target.as_str(), |r| r.uri)
    }

    /// True when a request with these header fields belongs to this dialog (RFC 3261 section 12.2.2).
    pub fn is_of(&self, request: &Headers) -> bool {
        request.call_id() == &*self.call_id
            && request.to_tag().unwrap_or_default() == &*self.local_tag
            && request.from_tag().unwrap_or_default() == &*self.remote_tag
    }

    /// Takes the number of a request that is neither ACK nor CANCEL; false when it is not above the last (RFC 3261 section
    /// 12.2.2): it came late, or again.
    pub fn take_sequence(&mut self, request: &Headers) -> bool {
        let Some(number) = request.cseq().map(|c| c.number) else {
            return false;
        };
        if self.remote_cseq.is_some_and(|last| number <= last) {
            return false;
        }
        self.remote_cseq = Some(number);
        true
    }

    /// Target refresh (RFC 3261 section 12.2.1.2): takes a new Contact of an accepted INVITE or UPDATE.
    pub fn refresh_target(&mut self, headers: &Headers) {
        if let Some(target) = target(headers) {
            self.target = target;
        }
    }

    /// The route set of the 2xx replaces that of the provisional responses (RFC 3261 section 13.2.2.4).
    pub(crate) fn confirm(&mut self, response: &Headers) {
        self.refresh_target(response);
        self.routes = response.list(Name::RecordRoute).map(Into::into).collect();
        self.routes.reverse();
    }

    /// The number of our last request.
    pub(crate) fn local_cseq(&self) -> u32 {
        self.local_cseq
    }

    /// Takes the next number.
    pub(crate) fn next_number(&mut self) -> u32 {
        self.local_cseq += 1;
        self.local_cseq
    }

    /// A new request of this dialog, without Via.
    pub fn request(&mut self, method: Method) -> Request {
        let number = self.next_number();
        self.numbered(method, number)
    }

    /// The ACK of a 2xx to the INVITE with this number.
    pub fn ack(&self, number: u32) -> Request {
        self.numbered(Method::Ack, number)
    }

    fn numbered(&self, method: Method, number: u32) -> Request {
        let first = self.routes.first().and_then(|r| NameAddr::parse(r));
        let is_loose = |route: NameAddr<'_>| {
            let uri = route.uri.parse::<Uri>().ok();
            uri.as_ref()
                .and_then(Uri::sip)
                .is_some_and(|uri| uri.params.has("lr"))
        };
        // RFC 3261 section 12.2.1.1: a strict router wants itself in the Request-URI, and the target last.
        let strict = first
            .filter(|r| !is_loose(*r))
            .and_then(|r| r.uri.parse::<Uri>().ok());
        let (uri, routes, last) = match strict {
            Some(router) => (
                router,
                self.routes.get(1..).unwrap_or_default(),
                Some(&self.target),
            ),
            None => (self.target.clone(), &self.routes[..], None),
        };
        let mut request = Request::new(method, uri);
        let headers = &mut request.headers;
        for route in routes {
            headers.push(Name::Route, route);
        }
        if let Some(target) = last {
            headers.push(Name::Route, format_args!("<{target}>"));
        }
        headers.push(Name::MaxForwards, 70);
        headers.push(Name::From, &self.local);
        headers.push(Name::To, &self.remote);
        headers.push(Name::CallId, &self.call_id);
        headers.push(Name::CSeq, format_args!("{number} {}", request.method));
        if request.method.refreshes_target() || matches!(request.method, Method::Refer | Method::Notify) {
            request.headers.push(Name::Contact, &self.contact);
        }
        request
    }

    /// A response within this dialog: our tag, and Record-Route and Contact where they belong (RFC 3261 section 12.1.1).
    pub fn response(&self, request: &Request, status: Status) -> Response {
        let mut response = Response::new(request, status, Some(&self.local_tag));
        let code = status.code();
        let makes_dialog = request.method == Method::Invite && (101..300).contains(&code);
        if makes_dialog {
            response.headers.copy(&request.headers, Name::RecordRoute);
        }
        if makes_dialog || (request.method == Method::Update && status.is_success()) {
            response.headers.push(Name::Contact, &self.contact);
        }
        response
    }
}

fn target(headers: &Headers) -> Option<Uri> {
    headers.contact()?.uri.parse().ok()
}
