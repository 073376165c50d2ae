//! Dialogs (RFC 3261 section 12): identity, sequence numbers, route set and remote target.

use crate::header;
use rsipstack::sip::{Header, HeadersExt, Method, Request, Response, StatusCode, Uri, Version};

/// Methods that this side understands, for Allow headers.
pub const ALLOW: &str = "INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, UPDATE";
/// Body types that this side understands, for Accept headers.
pub const ACCEPT: &str = "application/sdp, application/dtmf-relay, application/dtmf";
/// Name and version in Server and User-Agent headers.
pub const AGENT: &str = concat!("omnigate/", env!("CARGO_PKG_VERSION"));

/// Why a message cannot make a dialog.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DialogError {
    /// A mandatory header is missing or unreadable.
    #[error("header {0} is missing or malformed")]
    Header(&'static str),
}

/// One dialog. Requests and responses of it are built here.
#[derive(Debug, Clone)]
pub struct Dialog {
    call_id: String,
    /// Our From (or To) value with our tag.
    local: String,
    /// The other side's value with its tag.
    remote: String,
    local_tag: String,
    remote_tag: String,
    remote_target: String,
    route_set: Vec<String>,
    contact: String,
    local_cseq: u32,
    remote_cseq: u32,
}

impl Dialog {
    /// The dialog that answering `invite` makes. `contact` is our Contact URI.
    pub fn uas(invite: &Request, local_tag: &str, contact: &str) -> Result<Dialog, DialogError> {
        let h = &invite.headers;
        let from = header::value(h, "From").ok_or(DialogError::Header("From"))?;
        let to = header::value(h, "To").ok_or(DialogError::Header("To"))?;
        let target = header::value(h, "Contact")
            .and_then(|c| header::list(c).into_iter().next())
            .and_then(header::address)
            .ok_or(DialogError::Header("Contact"))?;
        Uri::try_from(target.uri).map_err(|_| DialogError::Header("Contact"))?;
        Ok(Dialog {
            call_id: header::value(h, "Call-ID")
                .ok_or(DialogError::Header("Call-ID"))?
                .to_owned(),
            local: with_tag(to, local_tag),
            remote: from.to_owned(),
            local_tag: local_tag.to_owned(),
            remote_tag: header::tag(from).unwrap_or("").to_owned(),
            remote_target: target.uri.to_owned(),
            route_set: header::values(h, "Record-Route")
                .flat_map(header::list)
                .map(str::to_owned)
                .collect(),
            contact: contact.to_owned(),
            local_cseq: 0,
            remote_cseq: sequence(invite).ok_or(DialogError::Header("CSeq"))?,
        })
    }

    /// The dialog that a 2xx `response` to our `invite` makes.
    pub fn uac(invite: &Request, response: &Response, contact: &str) -> Result<Dialog, DialogError> {
        let h = &response.headers;
        let from = header::value(h, "From").ok_or(DialogError::Header("From"))?;
        let to = header::value(h, "To").ok_or(DialogError::Header("To"))?;
        let target = header::value(h, "Contact")
            .and_then(|c| header::list(c).into_iter().next())
            .and_then(header::address)
            .ok_or(DialogError::Header("Contact"))?;
        let mut route_set: Vec<String> = header::values(h, "Record-Route")
            .flat_map(header::list)
            .map(str::to_owned)
            .collect();
        route_set.reverse();
        Ok(Dialog {
            call_id: header::value(h, "Call-ID")
                .ok_or(DialogError::Header("Call-ID"))?
                .to_owned(),
            local: from.to_owned(),
            remote: to.to_owned(),
            local_tag: header::tag(from).unwrap_or("").to_owned(),
            remote_tag: header::tag(to).unwrap_or("").to_owned(),
            remote_target: target.uri.to_owned(),
            route_set,
            contact: contact.to_owned(),
            local_cseq: sequence(invite).ok_or(DialogError::Header("CSeq"))?,
            remote_cseq: 0,
        })
    }

    /// Call-ID.
    pub fn call_id(&self) -> &str {
        &self.call_id
    }

    /// Our tag.
    pub fn local_tag(&self) -> &str {
        &self.local_tag
    }

    /// True when `request` belongs to this dialog (RFC 3261 section 12.2.2).
    pub fn matches(&self, request: &Request) -> bool {
        let h = &request.headers;
        let tag_of = |name| header::value(h, name).and_then(header::tag).unwrap_or("");
        header::value(h, "Call-ID") == Some(self.call_id.as_str())
            && tag_of("To") == self.local_tag
            && tag_of("From") == self.remote_tag
    }

    /// Checks and takes the request's CSeq; false when it is not higher than the last (RFC 3261 section
    /// 12.2.2). ACK and CANCEL repeat the INVITE's number and are not passed here.
    pub fn take_sequence(&mut self, request: &Request) -> bool {
        match sequence(request) {
            Some(n) if n > self.remote_cseq => {
                self.remote_cseq = n;
                true
            }
            _ => false,
        }
    }

    /// Target refresh by INVITE or UPDATE (RFC 3261 section 12.2.2): takes a new Contact when it is usable.
    pub fn refresh_target(&mut self, request: &Request) {
        let target = header::value(&request.headers, "Contact")
            .and_then(|c| header::list(c).into_iter().next())
            .and_then(header::address);
        if let Some(target) = target
            && Uri::try_from(target.uri).is_ok()
        {
            self.remote_target = target.uri.to_owned();
        }
    }

    /// The URI whose host the next request of this dialog is sent to: the first route, else the target.
    pub fn next_hop(&self) -> &str {
        self.route_set
            .first()
            .and_then(|r| header::address(r))
            .map_or(self.remote_target.as_str(), |a| a.uri)
    }

    /// A new request in this dialog, without Via (the transport adds it).
    pub fn request(&mut self, method: Method, extra: Vec<Header>) -> Request {
        self.local_cseq += 1;
        let strict = self
            .route_set
            .first()
            .and_then(|r| header::address(r))
            .is_some_and(|a| {
                !a.uri.split(';').skip(1).any(|p| {
                    p.trim()
                        .split('=')
                        .next()
                        .is_some_and(|n| n.eq_ignore_ascii_case("lr"))
                })
            });
        let mut routes = self.route_set.clone();
        let mut uri = self.remote_target.clone();
        if strict {
            // RFC 3261 section 12.2.1.1: a strict router wants itself in the Request-URI.
            let first = routes.remove(0);
            routes.push(format!("<{uri}>"));
            uri = header::address(&first).map(|a| a.uri.to_owned()).unwrap_or(uri);
        }
        let mut headers: Vec<Header> = routes.iter().map(|r| header::make("Route", r.as_str())).collect();
        headers.extend([
            header::make("Max-Forwards", "70"),
            header::make("From", self.local.as_str()),
            header::make("To", self.remote.as_str()),
            header::make("Call-ID", self.call_id.as_str()),
            header::make("CSeq", format!("{} {method}", self.local_cseq)),
            header::make("User-Agent", AGENT),
        ]);
        if matches!(method, Method::Invite | Method::Update) {
            headers.push(header::make("Contact", format!("<{}>", self.contact)));
        }
        headers.extend(extra);
        Request {
            method,
            // The target was parsed before it was stored.
            uri: Uri::try_from(uri.as_str()).unwrap_or_default(),
            version: Version::V2,
            headers: headers.into(),
            body: Vec::new(),
        }
    }

    /// A response within this dialog: our tag, Contact and Record-Route where they belong.
    pub fn response(
        &self,
        request: &Request,
        status: StatusCode,
        extra: Vec<Header>,
        body: Option<String>,
    ) -> Response {
        let code = status.code();
        let mut response = response(request, status, Some(&self.local_tag), extra);
        let forms_dialog = request.method == Method::Invite && (101..300).contains(&code);
        if forms_dialog {
            let routes: Vec<Header> = header::values(&request.headers, "Record-Route")
                .map(|v| header::make("Record-Route", v))
                .collect();
            response.headers.extend(routes);
        }
        if forms_dialog || (request.method == Method::Update && code < 300) {
            response
                .headers
                .push(header::make("Contact", format!("<{}>", self.contact)));
        }
        if let Some(body) = body {
            response
                .headers
                .push(header::make("Content-Type", "application/sdp"));
            response
                .headers
                .unique_push(header::make("Content-Length", body.len().to_string()));
            response.body = body.into_bytes();
        }
        response
    }
}

/// A response to `request` (RFC 3261 section 8.2.6) with an empty body.
pub fn response(request: &Request, status: StatusCode, to_tag: Option<&str>, extra: Vec<Header>) -> Response {
    let mut headers: Vec<Header> = Vec::new();
    let code = status.code();
    for h in request.headers.iter() {
        match h {
            Header::Via(_) | Header::From(_) | Header::CallId(_) | Header::CSeq(_) => headers.push(h.clone()),
            Header::To(to) => headers.push(match to_tag {
                Some(tag) if code > 100 => header::make("To", with_tag(to.value(), tag)),
                _ => h.clone(),
            }),
            Header::Timestamp(_) if code == 100 => headers.push(h.clone()),
            _ => {}
        }
    }
    headers.push(header::make("Server", AGENT));
    if request.method == Method::Invite && (200..300).contains(&code)
        || code == 405
        || request.method == Method::Options
    {
        headers.push(header::make("Allow", ALLOW));
    }
    headers.extend(extra);
    headers.push(header::make("Content-Length", "0"));
    Response {
        status_code: status,
        wire_reason: None,
        version: Version::V2,
        headers: headers.into(),
        body: Vec::new(),
    }
}

fn with_tag(value: &str, tag: &str) -> String {
    match header::tag(value) {
        Some(_) => value.to_owned(),
        // A bare addr-spec takes header parameters as they are (RFC 3261 section 20).
        None => format!("{value};tag={tag}"),
    }
}

/// The CSeq number.
pub fn sequence(request: &Request) -> Option<u32> {
    request.cseq_header().ok()?.seq().ok()
}
