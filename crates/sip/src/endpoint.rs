//! All of SIP at one place: bytes and time in; bytes, events and a deadline out.

use crate::call::{
    ALLOW, Call, CallError, CallEvent, CallKey, CallSettings, Context, EXTENSIONS, Invitation, NatRule,
    SUPPORTED, unsupported,
};
use crate::deadlines::Deadlines;
use crate::hop::{ConnectionId, Hop};
use crate::listeners::Listeners;
use crate::message::{
    Fault, Headers, Message, Method, Name, Replaces, Request, Response, Status, Transport, Unreadable, parse,
};
use crate::random::Random;
use crate::transaction::{self, ClientId, Failure, Origin, ServerId, Timers, Transactions, Transmit};
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

/// A SIP endpoint without I/O.
///
/// Every call of a method that changes something is to be followed by [`Endpoint::poll`] until it gives `None`, and then by
/// a look at [`Endpoint::deadline`].
#[derive(Debug)]
pub struct Endpoint {
    transactions: Transactions,
    listeners: Listeners,
    settings: CallSettings,
    random: Random,
    calls: HashMap<CallKey, Call>,
    /// Calls by our tag, which is of 64 random bits.
    by_tag: HashMap<Box<str>, CallKey>,
    servers: HashMap<ServerId, CallKey>,
    clients: HashMap<ClientId, CallKey>,
    deadlines: Deadlines<CallKey>,
    begun: Vec<(ClientId, CallKey)>,
    told: VecDeque<(CallKey, CallEvent)>,
    out: VecDeque<Output>,
    marker: Option<Marker>,
    alive: usize,
    last: u64,
}

/// Makes the fields that a new call has in all of its responses.
struct Marker(Box<dyn FnMut(&Request) -> Headers + Send>);

impl fmt::Debug for Marker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Marker")
    }
}

/// How an endpoint is set up.
#[derive(Debug, Clone, Default)]
pub struct EndpointSettings {
    /// The driver's listeners.
    pub listeners: Listeners,
    /// Times of transactions.
    pub timers: Timers,
    /// What calls have in common.
    pub calls: CallSettings,
    /// From the system's randomness.
    pub seed: u64,
}

/// What is to be done, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Send these bytes.
    Transmit(Transmit),
    /// Take note.
    Event(Event),
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A call comes in; its 100 is on its way. It is to be answered or refused, and may ring before.
    Incoming(Incoming),
    /// An INVITE that cannot become a call was refused.
    Refused(Refused),
    /// Something happened to a call.
    Call(CallKey, CallEvent),
    /// A request outside of any call, as OPTIONS, REGISTER or MESSAGE: [`Endpoint::respond`].
    Request(ServerId, Box<Request>, Hop),
    /// A response to a request of [`Endpoint::send`].
    Response(ClientId, Box<Response>, Hop),
    /// A request of [`Endpoint::send`] has failed.
    Failed(ClientId, Failure),
    /// The host of this URI is the next hop of a call and is a name: [`Endpoint::resolved`]. Until then requests of the call
    /// take the way by which its last message came.
    Resolve(CallKey, String),
    /// A message that could not be read came by this hop. A request has been answered where that is possible.
    Unreadable(Fault, Hop),
}

/// A call that comes in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incoming {
    /// Its number.
    pub call: CallKey,
    /// The INVITE.
    pub invite: Box<Request>,
    /// The way that it came.
    pub hop: Hop,
    /// The offer in it. Without one the answer to the call has ours.
    pub offer: Option<Vec<u8>>,
    /// The call that it is to take the place of (RFC 3891): once this one is answered, that one is to be hung up.
    pub replaces: Option<CallKey>,
    /// Its fields by [`Endpoint::mark_calls`].
    pub mark: Option<Arc<Headers>>,
}

/// An INVITE that was refused: what it requires is not there, or it has no Contact, no session description that can be read,
/// or too small a session interval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The INVITE.
    pub invite: Box<Request>,
    /// The way that it came.
    pub hop: Hop,
    /// 400, 415, 420 or 422.
    pub status: Status,
    /// Its fields by [`Endpoint::mark_calls`].
    pub mark: Option<Arc<Headers>>,
}

impl Endpoint {
    /// An endpoint without calls.
    pub fn new(settings: EndpointSettings) -> Endpoint {
        let mut random = Random::new(settings.seed);
        Endpoint {
            transactions: Transactions::new(settings.timers, random.number()),
            listeners: settings.listeners,
            settings: settings.calls,
            random,
            calls: HashMap::new(),
            by_tag: HashMap::new(),
            servers: HashMap::new(),
            clients: HashMap::new(),
            deadlines: Deadlines::default(),
            begun: Vec::new(),
            told: VecDeque::new(),
            out: VecDeque::new(),
            marker: None,
            alive: 0,
            last: 0,
        }
    }

    /// Next thing to do.
    pub fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// When [`Endpoint::timeout`] is due.
    pub fn deadline(&mut self) -> Option<Instant> {
        let calls = &self.calls;
        let of_calls = self.deadlines.next(|key| calls.get(&key)?.deadline());
        [of_calls, self.transactions.deadline()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Our own addresses.
    pub fn listeners(&self) -> &Listeners {
        &self.listeners
    }

    /// Calls that are there, those that are over but not yet forgotten among them.
    pub fn calls(&self) -> usize {
        self.calls.len()
    }

    /// Calls that are not over.
    pub fn alive(&self) -> usize {
        self.alive
    }

    /// True while a call goes by this connection, which is then to be kept.
    pub fn uses(&self, connection: ConnectionId) -> bool {
        self.calls
            .values()
            .any(|c| c.is_alive() && c.hop().connection == Some(connection))
    }

    /// Server and client transactions that are there.
    pub fn transactions(&self) -> (usize, usize) {
        self.transactions.len()
    }

    /// The way by which the last message of a call came.
    pub fn hop(&self, call: CallKey) -> Option<&Hop> {
        self.calls.get(&call).map(Call::hop)
    }

    /// Takes one message: a datagram, or what was framed out of a stream.
    pub fn receive(&mut self, now: Instant, hop: &Hop, bytes: &[u8]) {
        if bytes.iter().all(|b| matches!(b, b'\r' | b'\n' | 0)) {
            // A keep-alive (RFC 5626 section 3.5.1).
            return;
        }
        match parse(bytes) {
            Ok(Message::Request(request)) => self.transactions.request(now, request, hop),
            Ok(Message::Response(response)) => self.transactions.response(now, response, hop),
            Err(unreadable) => return self.unreadable(now, hop, unreadable),
        }
        self.pump(now);
    }

    /// Answers what could not be read, as far as it can be answered; of a stream, what its framing has found.
    pub fn unreadable(&mut self, now: Instant, hop: &Hop, unreadable: Unreadable) {
        let fault = unreadable.fault;
        if let Some(request) = unreadable.request {
            let words = fault.to_string();
            self.transactions.refuse(*request, fault.status(), &words, hop);
        }
        let event = Event::Unreadable(fault, hop.clone());
        self.out.push_back(Output::Event(event));
        self.pump(now);
    }

    /// Takes the news that a [`Transmit`] could not be sent, for good.
    pub fn failed(&mut self, now: Instant, origin: Origin) {
        match origin {
            Origin::Ack(number) => self.step(now, CallKey(number), |call, ctx| call.ack_failed(ctx)),
            origin => self.transactions.failed(origin),
        }
        self.pump(now);
    }

    /// Lets all happen whose time has come.
    pub fn timeout(&mut self, now: Instant) {
        self.transactions.timeout(now);
        self.pump(now);
        loop {
            let calls = &self.calls;
            let Some(key) = self.deadlines.due(now, |key| calls.get(&key)?.deadline()) else {
                break;
            };
            self.step(now, key, |call, ctx| call.timeout(ctx));
            self.pump(now);
        }
    }

    /// Answers a request outside of a call.
    pub fn respond(&mut self, now: Instant, id: ServerId, response: Response) {
        let response = response.with(Name::Server, &self.settings.agent);
        self.transactions.respond(now, id, &response);
        self.pump(now);
    }

    /// The To tag for responses to this request.
    pub fn tag(&self, id: ServerId) -> Option<&str> {
        self.transactions.tag(id)
    }

    /// Sends a request outside of a call, as OPTIONS or REGISTER; the response or failure comes as an event. Via is added.
    pub fn send(&mut self, now: Instant, request: Request, hop: Hop) -> ClientId {
        let mut request = request;
        request.headers.push(Name::UserAgent, &self.settings.agent);
        let own = self.listeners.own(&hop);
        let id = self.transactions.send(now, request, hop, own);
        self.pump(now);
        id
    }

    /// Makes a call.
    pub fn invite(&mut self, now: Instant, invitation: Invitation) -> CallKey {
        self.last += 1;
        let key = CallKey(self.last);
        let mut ctx = Context {
            now,
            transactions: &mut self.transactions,
            listeners: &self.listeners,
            settings: &self.settings,
            random: &mut self.random,
            begun: &mut self.begun,
            events: &mut self.told,
            mark: None,
        };
        let call = Call::outgoing(&mut ctx, key, invitation);
        self.enter(call);
        self.after(key);
        self.pump(now);
        key
    }

    /// Lets an incoming call ring (180), or tells its progress (181 to 183, 199): reliably where the caller takes it and
    /// `reliable` asks for it. `session` is our answer, or our offer when the INVITE had none.
    ///
    /// # Errors
    /// [`CallError`]: the call is over or answered, or a session is not possible here.
    pub fn progress(
        &mut self,
        now: Instant,
        call: CallKey,
        status: Status,
        session: Option<Vec<u8>>,
        reliable: bool,
        headers: &Headers,
    ) -> Result<(), CallError> {
        self.act(now, call, |c, ctx| {
            c.progress(ctx, status, session, reliable, headers)
        })
    }

    /// Answers an incoming call by 200 with our answer, or our offer when the INVITE had none.
    ///
    /// # Errors
    /// [`CallError`]: the call is over or answered, or the session is missing.
    pub fn answer(
        &mut self,
        now: Instant,
        call: CallKey,
        session: Option<Vec<u8>>,
        headers: &Headers,
    ) -> Result<(), CallError> {
        self.act(now, call, |c, ctx| c.answer(ctx, session, headers))
    }

    /// Refuses an incoming call.
    ///
    /// # Errors
    /// [`CallError`]: the call is over or answered.
    pub fn refuse(
        &mut self,
        now: Instant,
        call: CallKey,
        status: Status,
        headers: &Headers,
    ) -> Result<(), CallError> {
        self.act(now, call, |c, ctx| c.refuse(ctx, status, headers))
    }

    /// Ends a call as its state allows: refuses, cancels, or hangs up, after the ACK where that is still to come. `headers`
    /// may have a Reason (RFC 3326).
    ///
    /// # Errors
    /// [`CallError::Over`].
    pub fn hang_up(&mut self, now: Instant, call: CallKey, headers: &Headers) -> Result<(), CallError> {
        self.act(now, call, |c, ctx| c.hang_up(ctx, headers))
    }

    /// Offers another session in a call that is up.
    ///
    /// # Errors
    /// [`CallError::OfferPending`] while another one is under way.
    pub fn offer(&mut self, now: Instant, call: CallKey, offer: Vec<u8>) -> Result<(), CallError> {
        self.act(now, call, |c, ctx| c.offer(ctx, offer))
    }

    /// Answers the other side's offer, or gives the one that it wants.
    ///
    /// # Errors
    /// [`CallError::State`] when none waits.
    pub fn accept(&mut self, now: Instant, call: CallKey, session: Vec<u8>) -> Result<(), CallError> {
        self.act(now, call, |c, ctx| c.accept(ctx, session))
    }

    /// Refuses the other side's offer, by 488 as a rule; the session stays as it was.
    ///
    /// # Errors
    /// [`CallError::State`] when none waits.
    pub fn reject(
        &mut self,
        now: Instant,
        call: CallKey,
        status: Status,
        headers: &Headers,
    ) -> Result<(), CallError> {
        self.act(now, call, |c, ctx| c.reject(ctx, status, headers))
    }

    /// Sends an INFO with a body (RFC 6086).
    ///
    /// # Errors
    /// [`CallError`]: the call is not up.
    pub fn info(
        &mut self,
        now: Instant,
        call: CallKey,
        content_type: &str,
        body: Vec<u8>,
    ) -> Result<(), CallError> {
        self.act(now, call, |c, ctx| c.send_info(ctx, content_type, body))
    }

    /// Asks whether the other side still has the call; one that has not ends it.
    ///
    /// # Errors
    /// [`CallError`]: the call is not up.
    pub fn ping(&mut self, now: Instant, call: CallKey) -> Result<(), CallError> {
        self.act(now, call, |c, ctx| c.ping(ctx))
    }

    /// Asks the other side to call `to` instead (RFC 3515): a URI in angle brackets.
    ///
    /// # Errors
    /// [`CallError`]: the call is not up, or is being transferred already.
    pub fn refer(
        &mut self,
        now: Instant,
        call: CallKey,
        to: &str,
        headers: &Headers,
    ) -> Result<(), CallError> {
        self.act(now, call, |c, ctx| c.refer(ctx, to, headers))
    }

    /// Answers the other side's REFER: 202, or a refusal.
    ///
    /// # Errors
    /// [`CallError::State`] when none waits.
    pub fn refer_answer(&mut self, now: Instant, call: CallKey, status: Status) -> Result<(), CallError> {
        self.act(now, call, |c, ctx| c.refer_answer(ctx, status))
    }

    /// Tells the other side how far the call of its REFER is; a final status is the last word.
    ///
    /// # Errors
    /// [`CallError`]: nobody wants to know.
    pub fn refer_progress(&mut self, now: Instant, call: CallKey, status: Status) -> Result<(), CallError> {
        self.act(now, call, |c, ctx| c.refer_progress(ctx, status))
    }

    /// Every call that comes in from now on has the fields that `marker` makes for its INVITE in all of its responses, so that
    /// both sides can name it alike.
    pub fn mark_calls(&mut self, marker: impl FnMut(&Request) -> Headers + Send + 'static) {
        self.marker = Some(Marker(Box::new(marker)));
    }

    /// How requests of this call find a peer behind a NAT.
    pub fn set_nat_rule(&mut self, call: CallKey, rule: NatRule) {
        if let Some(call) = self.calls.get_mut(&call) {
            call.set_nat_rule(rule);
        }
    }

    /// Where the host of a URI is that [`Event::Resolve`] asked for.
    pub fn resolved(&mut self, call: CallKey, uri: &str, transport: Transport, address: SocketAddr) {
        if let Some(call) = self.calls.get_mut(&call) {
            call.resolved(uri, transport, address);
        }
    }

    /// Whom a Replaces field of ours would name (RFC 3891): its value for a call that we are in, from the other side's view.
    pub fn replaces(&self, call: CallKey) -> Option<String> {
        let dialog = self.calls.get(&call)?.dialog();
        Some(format!(
            "{};to-tag={};from-tag={}",
            dialog.call_id(),
            dialog.remote_tag(),
            dialog.local_tag()
        ))
    }

    fn act(
        &mut self,
        now: Instant,
        key: CallKey,
        act: impl FnOnce(&mut Call, &mut Context<'_>) -> Result<(), CallError>,
    ) -> Result<(), CallError> {
        if !self.calls.get(&key).is_some_and(Call::is_alive) {
            return Err(CallError::Over);
        }
        let mut result = Ok(());
        self.step(now, key, |call, ctx| result = act(call, ctx));
        self.pump(now);
        result
    }

    /// One step of a call, and what comes of it.
    fn step(&mut self, now: Instant, key: CallKey, step: impl FnOnce(&mut Call, &mut Context<'_>)) {
        let Some(call) = self.calls.get_mut(&key) else {
            return;
        };
        let mut ctx = Context {
            now,
            transactions: &mut self.transactions,
            listeners: &self.listeners,
            settings: &self.settings,
            random: &mut self.random,
            begun: &mut self.begun,
            events: &mut self.told,
            mark: None,
        };
        ctx.mark = call.marks();
        let before = call.deadline();
        step(call, &mut ctx);
        // One that is entered already is not entered again: in a long call that would be a leak.
        let deadline = call.deadline();
        if deadline != before {
            self.deadlines.set(key, deadline);
        }
        self.after(key);
    }

    fn enter(&mut self, call: Call) {
        self.alive += 1;
        self.by_tag.insert(call.dialog().local_tag().into(), call.key());
        self.deadlines.set(call.key(), call.deadline());
        self.calls.insert(call.key(), call);
    }

    fn after(&mut self, key: CallKey) {
        self.clients.extend(self.begun.drain(..));
        for (call, event) in self.told.drain(..) {
            if matches!(event, CallEvent::Ended(_)) {
                self.alive -= 1;
            }
            self.out.push_back(Output::Event(Event::Call(call, event)));
        }
        let Some(call) = self.calls.get_mut(&key) else {
            return;
        };
        if call.is_gone() {
            self.by_tag.remove(call.dialog().local_tag());
            self.calls.remove(&key);
        } else if call.is_alive()
            && let Some(uri) = call.unresolved()
        {
            self.out.push_back(Output::Event(Event::Resolve(key, uri)));
        }
    }

    /// Hands on what the transactions have to say.
    fn pump(&mut self, now: Instant) {
        while let Some(output) = self.transactions.poll() {
            match output {
                transaction::Output::Transmit(transmit) => self.out.push_back(Output::Transmit(transmit)),
                transaction::Output::Event(event) => self.event(now, event),
            }
        }
    }

    fn event(&mut self, now: Instant, event: transaction::Event) {
        use transaction::Event as T;
        match event {
            T::Request(id, request, hop) if request.headers.to_tag().is_some() => {
                self.in_dialog(now, id, request, &hop);
            }
            T::Request(id, request, hop) => self.first(now, id, request, hop),
            T::Ack(request, hop) => {
                if let Some(key) = self.call_of(&request.headers) {
                    self.step(now, key, |call, ctx| call.acknowledged(ctx, &request, &hop));
                }
            }
            T::Cancelled(id, headers) => {
                if let Some(key) = self.servers.get(&id).copied() {
                    self.step(now, key, |call, ctx| call.cancelled(ctx, id, &headers));
                }
            }
            T::Response(id, response, hop) => match self.clients.get(&id).copied() {
                Some(key) => self.step(now, key, |call, ctx| call.response(ctx, id, &response, &hop)),
                None => self
                    .out
                    .push_back(Output::Event(Event::Response(id, response, hop))),
            },
            T::ClientFailed(id, failure) => match self.clients.remove(&id) {
                Some(key) => self.step(now, key, |call, ctx| call.client_failed(ctx, id, failure)),
                None => self.out.push_back(Output::Event(Event::Failed(id, failure))),
            },
            T::ClientGone(id) => {
                if let Some(key) = self.clients.remove(&id) {
                    self.step(now, key, |call, _| call.client_gone(id));
                }
            }
            T::ServerFailed(id, failure) => {
                if let Some(key) = self.servers.remove(&id) {
                    self.step(now, key, |call, ctx| call.server_failed(ctx, id, failure));
                }
            }
            T::ServerGone(id) => {
                self.servers.remove(&id);
            }
        }
    }

    fn call_of(&self, headers: &Headers) -> Option<CallKey> {
        let key = *self.by_tag.get(headers.to_tag()?)?;
        self.calls.get(&key)?.is_of(headers).then_some(key)
    }

    fn in_dialog(&mut self, now: Instant, id: ServerId, request: Box<Request>, hop: &Hop) {
        match self.call_of(&request.headers) {
            Some(key) => {
                if request.method == Method::Invite {
                    self.servers.insert(id, key);
                }
                self.step(now, key, |call, ctx| call.request(ctx, id, request, hop));
            }
            None => self.reply(
                now,
                id,
                &request,
                Status::CALL_DOES_NOT_EXIST,
                &Headers::default(),
            ),
        }
    }

    /// A request without a To tag.
    fn first(&mut self, now: Instant, id: ServerId, request: Box<Request>, hop: Hop) {
        if let Method::Other(_) = request.method {
            return self.reply(now, id, &request, Status::NOT_IMPLEMENTED, &allowed());
        }
        if request.method == Method::Invite {
            return self.incoming(now, id, request, hop);
        }
        if let Some((status, extra)) = unsupported(&request, &EXTENSIONS) {
            return self.reply(now, id, &request, status, &extra);
        }
        match request.method {
            Method::Bye | Method::Info | Method::Update | Method::Prack | Method::Notify => {
                self.reply(
                    now,
                    id,
                    &request,
                    Status::CALL_DOES_NOT_EXIST,
                    &Headers::default(),
                );
            }
            _ => self
                .out
                .push_back(Output::Event(Event::Request(id, request, hop))),
        }
    }

    fn incoming(&mut self, now: Instant, id: ServerId, invite: Box<Request>, hop: Hop) {
        let mark = self.marker.as_mut().map(|marker| Arc::new((marker.0)(&invite)));
        let replaces = match self.replaced(&invite.headers) {
            Ok(replaces) => replaces,
            Err(status) => {
                let response = Response::new(&invite, status, self.transactions.tag(id));
                return self.refused(now, id, invite, hop, response, mark);
            }
        };
        self.last += 1;
        let key = CallKey(self.last);
        let ctx = Context {
            now,
            transactions: &mut self.transactions,
            listeners: &self.listeners,
            settings: &self.settings,
            random: &mut self.random,
            begun: &mut self.begun,
            events: &mut self.told,
            mark: mark.clone(),
        };
        let (call, offer) = match Call::incoming(&ctx, key, id, invite.clone(), &hop) {
            Ok(begun) => begun,
            Err(response) => return self.refused(now, id, invite, hop, *response, mark),
        };
        let mut trying = Response::new(&invite, Status::TRYING, None);
        if let Some(mark) = &mark {
            trying.headers.extend(mark);
        }
        self.transactions.respond(now, id, &trying);
        self.servers.insert(id, key);
        self.enter(call);
        let incoming = Incoming {
            call: key,
            invite,
            hop,
            offer,
            replaces,
            mark,
        };
        // Before anything else is told or asked of it.
        self.out.push_back(Output::Event(Event::Incoming(incoming)));
        self.after(key);
    }

    fn refused(
        &mut self,
        now: Instant,
        id: ServerId,
        invite: Box<Request>,
        hop: Hop,
        mut response: Response,
        mark: Option<Arc<Headers>>,
    ) {
        if let Some(mark) = &mark {
            response.headers.extend(mark);
        }
        let status = response.status;
        self.respond(now, id, response);
        let refused = Refused {
            invite,
            hop,
            status,
            mark,
        };
        self.out.push_back(Output::Event(Event::Refused(refused)));
    }

    /// The call that an INVITE is to take the place of (RFC 3891 section 3).
    fn replaced(&self, headers: &Headers) -> Result<Option<CallKey>, Status> {
        let Some(field) = headers.get(Name::Replaces) else {
            return Ok(None);
        };
        let replaces = Replaces::parse(field).ok_or(Status::BAD_REQUEST)?;
        let found = self
            .by_tag
            .get(replaces.to_tag)
            .and_then(|key| self.calls.get(key));
        let call = found.filter(|call| {
            let dialog = call.dialog();
            call.is_alive()
                && dialog.call_id() == replaces.call_id
                && dialog.remote_tag() == replaces.from_tag
        });
        let call = call.ok_or(Status::CALL_DOES_NOT_EXIST)?;
        if replaces.early_only && !call.is_early() {
            return Err(Status::BUSY_HERE);
        }
        Ok(Some(call.key()))
    }

    fn reply(&mut self, now: Instant, id: ServerId, request: &Request, status: Status, extra: &Headers) {
        let tag = self.transactions.tag(id).map(str::to_owned);
        let mut response = Response::new(request, status, tag.as_deref());
        response.headers.extend(extra);
        self.respond(now, id, response);
    }

    /// The answer to an OPTIONS: what we can do (RFC 3261 section 11.2).
    pub fn capabilities(&self, id: ServerId, options: &Request, status: Status) -> Response {
        let mut response = Response::new(options, status, self.transactions.tag(id));
        response.headers.extend(&allowed());
        response.headers.push(Name::Accept, "application/sdp");
        response.headers.push(Name::Supported, SUPPORTED);
        response
    }
}

fn allowed() -> Headers {
    let mut headers = Headers::default();
    headers.push(Name::Allow, ALLOW);
    headers
}
