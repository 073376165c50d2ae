//! One call: the dialog of an INVITE with its offers, answers and ways to end, as a pure state machine.
//!
//! ```text
//!            invite                 answer            ACK
//!   (new) ───────────▶ Proceeding ─────────▶ Answered ─────▶ Confirmed
//!                          │ CANCEL, refuse     │ no ACK        │ BYE either way
//!                          ▼                    ▼               ▼
//!                        Ended ◀────────────────┴───────────────┘
//! ```
//!
//! A hang-up of ours between answer and ACK waits for the ACK (RFC 3261 section 15).

use crate::dialog::{self, Dialog, DialogError};
use crate::header;
use crate::info;
use crate::negotiation::{Agreed, LocalMedia, Negotiator, Refusal};
use rsipstack::sip::{Header, Method, Request, Response, StatusCode};
use std::collections::VecDeque;

/// A server transaction of this call, named by the driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TransactionId(pub u64);

/// What happened to the call.
#[derive(Debug)]
pub enum Input<'a> {
    /// A request of this dialog that is neither ACK nor CANCEL.
    Request(TransactionId, &'a Request),
    /// CANCEL of an INVITE transaction (the 200 to the CANCEL is the transaction layer's).
    Cancelled(TransactionId),
    /// ACK of a 2xx, with its body.
    Acknowledged(TransactionId, &'a [u8]),
    /// An INVITE transaction ended without its ACK (RFC 3261 section 13.3.1.4).
    Unacknowledged(TransactionId),
}

/// What is to be done.
#[derive(Debug)]
pub enum Output {
    /// Send this response in that transaction.
    Respond(TransactionId, Box<Response>),
    /// Send this request in a new client transaction; the transport adds Via.
    Send(Box<Request>),
    /// The media agreed on is new or has changed.
    Media(Box<Agreed>),
    /// The first INVITE is acknowledged.
    Confirmed,
    /// A key pressed, by INFO.
    Digit(char),
    /// The call is over; nothing follows but responses.
    Ended(CallEnd),
}

/// How a call ended, as far as SIP tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallEnd {
    /// BYE from the other side.
    RemoteHungUp,
    /// BYE from us.
    LocalHungUp,
    /// CANCEL before the answer.
    Cancelled,
    /// We refused, with this status.
    Refused(u16),
    /// Our 2xx was never acknowledged.
    NoAck,
    /// An ACK brought no usable answer to our offer.
    NoAnswer,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Proceeding,
    Answered,
    Confirmed,
    Ended,
}

/// A call and its dialog.
#[derive(Debug)]
pub struct Call {
    state: State,
    dialog: Dialog,
    negotiator: Negotiator,
    invite: Option<(TransactionId, Request)>,
    /// The INVITE (first or re-INVITE) whose 2xx is not acknowledged yet, and whether that 2xx had our offer.
    unacknowledged: Option<(TransactionId, bool)>,
    answer: Option<(String, Agreed)>,
    hang_up_after_ack: Option<Vec<Header>>,
    media: Option<Agreed>,
    out: VecDeque<Output>,
}

/// Why an INVITE is refused before it becomes a call; the response says it.
#[derive(Debug)]
pub struct Refused {
    /// Final response.
    pub response: Box<Response>,
    /// Reason for the log, without numbers.
    pub reason: String,
}

impl Call {
    /// Takes an initial INVITE: checks extensions, body type and offer (RFC 3261 section 8.2).
    ///
    /// # Errors
    /// The final response to send: 400, 415, 420 or 488.
    pub fn incoming(
        transaction: TransactionId,
        invite: &Request,
        local_tag: &str,
        contact: &str,
        media: LocalMedia,
        session_id: u64,
    ) -> Result<Call, Refused> {
        let refuse = |status: StatusCode, extra: Vec<Header>, reason: String| Refused {
            response: Box::new(dialog::response(invite, status, Some(local_tag), extra)),
            reason,
        };
        if let Some((status, extra)) = unsupported(invite) {
            return Err(refuse(
                status,
                extra,
                "extension or body that we do not have is required".into(),
            ));
        }
        let dialog = Dialog::uas(invite, local_tag, contact).map_err(|e| {
            let DialogError::Header(name) = e;
            refuse(
                StatusCode::BadRequest,
                vec![warning(399, &e.to_string())],
                format!("{name}: {e}"),
            )
        })?;
        let mut negotiator = Negotiator::new(media, session_id);
        let answer = if invite.body.is_empty() {
            None
        } else {
            let answered = negotiator.answer(&invite.body).map_err(|e| {
                let (status, extra) = refusal(&e);
                refuse(status, extra, e.to_string())
            })?;
            Some(answered)
        };
        Ok(Call {
            state: State::Proceeding,
            dialog,
            negotiator,
            invite: Some((transaction, invite.clone())),
            unacknowledged: None,
            answer,
            hang_up_after_ack: None,
            media: None,
            out: VecDeque::new(),
        })
    }

    /// The established call that a 2xx to our INVITE made; the negotiator wrote the offer.
    pub fn outgoing(dialog: Dialog, negotiator: Negotiator, media: Agreed) -> Call {
        Call {
            state: State::Confirmed,
            dialog,
            negotiator,
            invite: None,
            unacknowledged: None,
            answer: None,
            hang_up_after_ack: None,
            media: Some(media),
            out: VecDeque::new(),
        }
    }

    /// Next thing to do; call until `None` after every input.
    pub fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// The dialog.
    pub fn dialog(&self) -> &Dialog {
        &self.dialog
    }

    /// What was last agreed on.
    pub fn media(&self) -> Option<&Agreed> {
        self.media.as_ref()
    }

    /// True until the call has ended.
    pub fn is_alive(&self) -> bool {
        self.state != State::Ended
    }

    /// 180 Ringing.
    pub fn ring(&mut self) {
        if self.state == State::Proceeding
            && let Some((id, invite)) = &self.invite
        {
            let response = self.dialog.response(invite, StatusCode::Ringing, vec![], None);
            self.out.push_back(Output::Respond(*id, Box::new(response)));
        }
    }

    /// 200 OK with our answer, or with our offer when the INVITE had none.
    pub fn answer(&mut self) {
        if self.state != State::Proceeding {
            return;
        }
        let Some((id, invite)) = self.invite.take() else {
            return;
        };
        let (body, offered) = match self.answer.take() {
            Some((body, agreed)) => {
                self.set_media(agreed);
                (body, false)
            }
            None => (self.negotiator.offer(), true),
        };
        let extra = vec![header::make("Accept", dialog::ACCEPT)];
        let response = self.dialog.response(&invite, StatusCode::OK, extra, Some(body));
        self.out.push_front(Output::Respond(id, Box::new(response)));
        self.unacknowledged = Some((id, offered));
        self.state = State::Answered;
    }

    /// Refuses the call before it was answered.
    pub fn refuse(&mut self, status: StatusCode, extra: Vec<Header>) {
        if self.state != State::Proceeding {
            return;
        }
        let code = status.code();
        if let Some((id, invite)) = self.invite.take() {
            self.out.push_back(Output::Respond(
                id,
                Box::new(self.dialog.response(&invite, status, extra, None)),
            ));
        }
        self.end(CallEnd::Refused(code));
    }

    /// Ends an answered call by BYE; `extra` may hold a Reason header (RFC 3326).
    pub fn hang_up(&mut self, extra: Vec<Header>) {
        match self.state {
            State::Proceeding => self.refuse(StatusCode::TemporarilyUnavailable, extra),
            State::Answered => self.hang_up_after_ack = Some(extra),
            State::Confirmed => {
                let bye = self.dialog.request(Method::Bye, extra);
                self.out.push_back(Output::Send(Box::new(bye)));
                self.end(CallEnd::LocalHungUp);
            }
            State::Ended => {}
        }
    }

    /// Feeds one input.
    pub fn handle(&mut self, input: Input<'_>) {
        match input {
            Input::Request(id, request) => self.request(id, request),
            Input::Cancelled(id) => self.cancelled(id),
            Input::Acknowledged(id, body) => self.acknowledged(id, body),
            Input::Unacknowledged(id) => self.unacknowledged(id),
        }
    }

    fn end(&mut self, end: CallEnd) {
        if self.state != State::Ended {
            self.state = State::Ended;
            self.out.push_back(Output::Ended(end));
        }
    }

    fn set_media(&mut self, agreed: Agreed) {
        if self.media.as_ref() != Some(&agreed) {
            self.media = Some(agreed.clone());
            self.out.push_back(Output::Media(Box::new(agreed)));
        }
    }

    fn cancelled(&mut self, id: TransactionId) {
        // After a final response CANCEL has no effect (RFC 3261 section 9.2).
        if self.state == State::Proceeding
            && let Some((invite_id, invite)) = self.invite.take()
            && invite_id == id
        {
            let response = self
                .dialog
                .response(&invite, StatusCode::RequestTerminated, vec![], None);
            self.out.push_back(Output::Respond(id, Box::new(response)));
            self.end(CallEnd::Cancelled);
        }
    }

    fn acknowledged(&mut self, id: TransactionId, body: &[u8]) {
        let Some((waiting, offered)) = self.unacknowledged else {
            return;
        };
        if waiting != id {
            return;
        }
        self.unacknowledged = None;
        let first = self.state == State::Answered;
        if first {
            self.state = State::Confirmed;
            self.out.push_back(Output::Confirmed);
        }
        if offered {
            match self.negotiator.accept(body) {
                Ok(agreed) => self.set_media(agreed),
                Err(e) if first => {
                    let bye = self
                        .dialog
                        .request(Method::Bye, vec![reason(488, &e.to_string())]);
                    self.out.push_back(Output::Send(Box::new(bye)));
                    self.end(CallEnd::NoAnswer);
                    return;
                }
                // A refresh without a usable answer leaves the session as it was (RFC 3261 section 14.2).
                Err(_) => {}
            }
        }
        if let Some(extra) = self.hang_up_after_ack.take() {
            self.hang_up(extra);
        }
    }

    fn unacknowledged(&mut self, id: TransactionId) {
        let Some((waiting, _)) = self.unacknowledged else {
            return;
        };
        if waiting != id || self.state == State::Ended {
            return;
        }
        self.unacknowledged = None;
        let bye = self.dialog.request(Method::Bye, vec![reason(408, "no ACK")]);
        self.out.push_back(Output::Send(Box::new(bye)));
        self.end(CallEnd::NoAck);
    }

    fn respond(
        &mut self,
        id: TransactionId,
        request: &Request,
        status: StatusCode,
        extra: Vec<Header>,
        body: Option<String>,
    ) {
        self.out.push_back(Output::Respond(
            id,
            Box::new(self.dialog.response(request, status, extra, body)),
        ));
    }

    fn request(&mut self, id: TransactionId, request: &Request) {
        if !self.dialog.take_sequence(request) {
            return self.respond(
                id,
                request,
                StatusCode::ServerInternalError,
                vec![warning(399, "CSeq is not higher than the last")],
                None,
            );
        }
        if self.state == State::Ended {
            return self.respond(id, request, StatusCode::CallTransactionDoesNotExist, vec![], None);
        }
        if let Some((status, extra)) = unsupported(request) {
            return self.respond(id, request, status, extra, None);
        }
        match request.method {
            Method::Bye => self.bye(id, request),
            Method::Invite => self.reinvite(id, request),
            Method::Update => self.update(id, request),
            Method::Info => self.info(id, request),
            Method::Options => {
                let extra = vec![header::make("Accept", dialog::ACCEPT)];
                self.respond(id, request, StatusCode::OK, extra, None);
            }
            Method::PRack => self.respond(id, request, StatusCode::CallTransactionDoesNotExist, vec![], None),
            _ => self.respond(id, request, StatusCode::MethodNotAllowed, vec![], None),
        }
    }

    fn bye(&mut self, id: TransactionId, request: &Request) {
        self.respond(id, request, StatusCode::OK, vec![], None);
        if let Some((invite_id, invite)) = self.invite.take() {
            // BYE in an early dialog (RFC 3261 section 15.1.2): the INVITE gets 487.
            self.respond(invite_id, &invite, StatusCode::RequestTerminated, vec![], None);
        }
        self.end(CallEnd::RemoteHungUp);
    }

    fn reinvite(&mut self, id: TransactionId, request: &Request) {
        match self.unacknowledged {
            // We have an offer out that is not answered (RFC 3264 section 4).
            Some((_, true)) => return self.respond(id, request, StatusCode::RequestPending, vec![], None),
            // RFC 3261 section 14.2: an INVITE before the last one is finished.
            Some((_, false)) => {
                let extra = vec![header::make("Retry-After", "1")];
                return self.respond(id, request, StatusCode::ServerInternalError, extra, None);
            }
            None if self.state == State::Proceeding => {
                let extra = vec![header::make("Retry-After", "1")];
                return self.respond(id, request, StatusCode::ServerInternalError, extra, None);
            }
            None => {}
        }
        let (body, agreed) = if request.body.is_empty() {
            (self.negotiator.offer(), None)
        } else {
            match self.negotiator.answer(&request.body) {
                Ok((body, agreed)) => (body, Some(agreed)),
                Err(e) => {
                    let (status, extra) = refusal(&e);
                    return self.respond(id, request, status, extra, None);
                }
            }
        };
        self.dialog.refresh_target(request);
        self.respond(id, request, StatusCode::OK, vec![], Some(body));
        self.unacknowledged = Some((id, agreed.is_none()));
        if let Some(agreed) = agreed {
            self.set_media(agreed);
        }
    }

    /// RFC 3311.
    fn update(&mut self, id: TransactionId, request: &Request) {
        if request.body.is_empty() {
            self.dialog.refresh_target(request);
            return self.respond(id, request, StatusCode::OK, vec![], None);
        }
        let blocked = match self.unacknowledged {
            Some((_, true)) => Some(StatusCode::RequestPending),
            // The first offer is not answered yet (RFC 3311 section 5.2).
            _ if self.state == State::Proceeding => Some(StatusCode::ServerInternalError),
            _ => None,
        };
        if let Some(status) = blocked {
            return self.respond(id, request, status, vec![header::make("Retry-After", "1")], None);
        }
        match self.negotiator.answer(&request.body) {
            Ok((body, agreed)) => {
                self.dialog.refresh_target(request);
                self.respond(id, request, StatusCode::OK, vec![], Some(body));
                self.set_media(agreed);
            }
            Err(e) => {
                let (status, extra) = refusal(&e);
                self.respond(id, request, status, extra, None);
            }
        }
    }

    fn info(&mut self, id: TransactionId, request: &Request) {
        let content_type = header::value(&request.headers, "Content-Type").unwrap_or("");
        if request.body.is_empty() {
            return self.respond(id, request, StatusCode::OK, vec![], None);
        }
        match info::digit(content_type, &request.body) {
            Some(digit) => {
                self.respond(id, request, StatusCode::OK, vec![], None);
                self.out.push_back(Output::Digit(digit));
            }
            None if info::is_dtmf(content_type) => {
                self.respond(
                    id,
                    request,
                    StatusCode::BadRequest,
                    vec![warning(399, "Signal is no key")],
                    None,
                );
            }
            None => {
                let extra = vec![header::make("Accept", "application/dtmf-relay, application/dtmf")];
                self.respond(id, request, StatusCode::UnsupportedMediaType, extra, None);
            }
        }
    }
}

/// 420 for required extensions (we have none), 415 for bodies that are not SDP where SDP is due.
fn unsupported(request: &Request) -> Option<(StatusCode, Vec<Header>)> {
    let required = header::option_tags(&request.headers, "Require");
    if !required.is_empty() {
        return Some((
            StatusCode::BadExtension,
            vec![header::make("Unsupported", required.join(", "))],
        ));
    }
    if matches!(request.method, Method::Invite | Method::Update) && !request.body.is_empty() {
        let kind = header::value(&request.headers, "Content-Type").unwrap_or("");
        let kind = kind.split(';').next().unwrap_or("").trim();
        if !kind.eq_ignore_ascii_case("application/sdp") {
            return Some((
                StatusCode::UnsupportedMediaType,
                vec![header::make("Accept", "application/sdp")],
            ));
        }
        if header::value(&request.headers, "Content-Encoding")
            .is_some_and(|e| !e.trim().eq_ignore_ascii_case("identity"))
        {
            return Some((
                StatusCode::UnsupportedMediaType,
                vec![header::make("Accept-Encoding", "identity")],
            ));
        }
    }
    None
}

fn refusal(e: &Refusal) -> (StatusCode, Vec<Header>) {
    match e {
        Refusal::Malformed(_) => (StatusCode::BadRequest, vec![warning(399, &e.to_string())]),
        Refusal::NotAcceptable { code, .. } => (
            StatusCode::NotAcceptableHere,
            vec![warning(*code, &e.to_string())],
        ),
    }
}

/// A Warning header (RFC 3261 section 20.43).
pub fn warning(code: u16, text: &str) -> Header {
    header::make("Warning", format!("{code} omnigate \"{}\"", quotable(text)))
}

/// A Reason header with a SIP cause (RFC 3326).
pub fn reason(cause: u16, text: &str) -> Header {
    header::make("Reason", format!("SIP;cause={cause};text=\"{}\"", quotable(text)))
}

fn quotable(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c == '"' || c == '\\' || c.is_control() {
                ' '
            } else {
                c
            }
        })
        .take(200)
        .collect()
}
