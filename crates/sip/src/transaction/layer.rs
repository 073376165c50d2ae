//! All transactions, and which message is whose.

use super::client::{self, Client, Taken};
use super::event::{ClientId, Event, Failure, Origin, Output, ServerId, Transmit};
use super::key;
use super::server::{self, Server};
use super::timers::Timers;
use super::via::{stamp, way_back};
use crate::deadlines::Deadlines;
use crate::hop::Hop;
use crate::message::{Headers, Method, Name, Request, Response, Status};
use crate::random::Random;
use bytes::Bytes;
use std::collections::{HashMap, VecDeque};
use std::fmt::Display;
use std::sync::Arc;
use std::time::Instant;

/// Most server transactions at once; a request beyond gets 503 without any state.
const MAX_SERVERS: usize = 200_000;

/// The transaction layer. Every call is to be followed by [`Transactions::poll`] until it gives `None`.
#[derive(Debug)]
pub struct Transactions {
    timers: Timers,
    random: Random,
    servers: HashMap<ServerId, ServerEntry>,
    by_key: HashMap<Arc<str>, ServerId>,
    merged: HashMap<Arc<str>, ServerId>,
    clients: HashMap<ClientId, ClientEntry>,
    deadlines: Deadlines<Owner>,
    out: VecDeque<Output>,
    last: u64,
    /// Where keys are written that are looked up.
    scratch: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Owner {
    Server(ServerId),
    Client(ClientId),
}

#[derive(Debug)]
struct ServerEntry {
    machine: Server,
    key: Arc<str>,
    merged: Option<Arc<str>>,
    /// The way of the responses.
    hop: Hop,
    /// To tag of our responses.
    tag: Box<str>,
}

#[derive(Debug)]
struct ClientEntry {
    machine: Client,
    /// The request with its Via and without its body: ACK and CANCEL are made from it.
    request: Request,
    bytes: Bytes,
    branch: Box<str>,
    hop: Hop,
    cancel: Cancel,
}

/// How far the CANCEL of an INVITE is.
#[derive(Debug)]
enum Cancel {
    No,
    /// It waits for the first response (RFC 3261 section 9.1).
    Wanted(Headers),
    Sent,
}

impl Transactions {
    /// No transaction. `seed` comes from the system's randomness.
    pub fn new(timers: Timers, seed: u64) -> Transactions {
        Transactions {
            timers,
            random: Random::new(seed),
            servers: HashMap::new(),
            by_key: HashMap::new(),
            merged: HashMap::new(),
            clients: HashMap::new(),
            deadlines: Deadlines::default(),
            out: VecDeque::new(),
            last: 0,
            scratch: String::new(),
        }
    }

    /// The times.
    pub fn timers(&self) -> &Timers {
        &self.timers
    }

    /// Server and client transactions that are there.
    pub fn len(&self) -> (usize, usize) {
        (self.servers.len(), self.clients.len())
    }

    /// True without any transaction.
    pub fn is_empty(&self) -> bool {
        self.len() == (0, 0)
    }

    /// Next thing to do.
    pub fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// When [`Transactions::timeout`] is due.
    pub fn deadline(&mut self) -> Option<Instant> {
        let (servers, clients) = (&self.servers, &self.clients);
        self.deadlines.next(|owner| owner.deadline(servers, clients))
    }

    /// The To tag of the responses in this transaction, which is the dialog's local tag too.
    pub fn tag(&self, id: ServerId) -> Option<&str> {
        self.servers.get(&id).map(|s| &*s.tag)
    }

    /// True while the request has had no final response from us.
    pub fn is_open(&self, id: ServerId) -> bool {
        self.servers.get(&id).is_some_and(|s| s.machine.is_open())
    }

    /// True when a request belongs to a transaction that is there: it is the same again, its ACK or its CANCEL.
    pub fn knows(&mut self, request: &Request) -> bool {
        let of = match request.method {
            Method::Cancel => &Method::Invite,
            ref method => method,
        };
        key::server(&mut self.scratch, request, of) && self.by_key.contains_key(&*self.scratch)
    }

    /// Takes a request from the network.
    pub fn request(&mut self, now: Instant, mut request: Request, hop: &Hop) {
        if !key::server(&mut self.scratch, &request, &request.method) {
            return;
        }
        if let Some(id) = self.by_key.get(&*self.scratch).copied() {
            return self.repeated(now, id, request, hop);
        }
        if request.method == Method::Ack {
            return self.tell(Event::Ack(Box::new(request), hop.clone()));
        }
        stamp(&mut request, hop);
        let back = way_back(&request, hop);
        if self.servers.len() >= MAX_SERVERS {
            let tag = self.random.token();
            let response = Response::new(&request, Status::SERVICE_UNAVAILABLE, Some(&tag));
            return self.answer(&response, back);
        }
        let key = Arc::from(&*self.scratch);
        let mergeable = key::merged(&mut self.scratch, &request);
        let looped = mergeable && self.merged.contains_key(&*self.scratch);
        let merged = (mergeable && !looped).then(|| Arc::from(&*self.scratch));
        let id = self.begin(now, &request, key, merged, back);
        if request.method == Method::Cancel {
            self.cancel_came(now, id, &request);
        } else if looped {
            self.reply(now, id, &request, Status::LOOP_DETECTED);
        } else {
            self.tell(Event::Request(id, Box::new(request), hop.clone()));
        }
    }

    fn begin(
        &mut self,
        now: Instant,
        request: &Request,
        key: Arc<str>,
        merged: Option<Arc<str>>,
        back: Hop,
    ) -> ServerId {
        self.last += 1;
        let id = ServerId(self.last);
        let tag = match request.headers.to_tag() {
            Some(tag) => tag.to_owned(),
            None => self.random.token(),
        };
        let (invite, reliable) = (request.method == Method::Invite, back.transport.is_reliable());
        let machine = Server::new(now, &self.timers, invite, reliable);
        self.deadlines.set(Owner::Server(id), machine.deadline());
        self.by_key.insert(key.clone(), id);
        if let Some(merged) = &merged {
            self.merged.insert(merged.clone(), id);
        }
        self.servers.insert(
            id,
            ServerEntry {
                machine,
                key,
                merged,
                hop: back,
                tag: tag.into(),
            },
        );
        id
    }

    fn repeated(&mut self, now: Instant, id: ServerId, request: Request, hop: &Hop) {
        let Some(server) = self.servers.get_mut(&id) else {
            return;
        };
        if request.method == Method::Ack {
            let of_dialog = server.machine.acknowledge(now, &self.timers);
            self.deadlines.set(Owner::Server(id), server.machine.deadline());
            if of_dialog {
                self.tell(Event::Ack(Box::new(request), hop.clone()));
            }
        } else if let Some(bytes) = server.machine.again() {
            self.out.push_back(Output::Transmit(Transmit {
                hop: server.hop.clone(),
                bytes,
                origin: Origin::Server(id),
            }));
        }
    }

    fn cancel_came(&mut self, now: Instant, id: ServerId, request: &Request) {
        let readable = key::server(&mut self.scratch, request, &Method::Invite);
        let invite = self.by_key.get(&*self.scratch).copied();
        let Some(invite) = invite.filter(|_| readable) else {
            return self.reply(now, id, request, Status::CALL_DOES_NOT_EXIST);
        };
        // RFC 3261 section 9.2: both responses have the same To tag.
        if let Some(tag) = self.servers.get(&invite).map(|s| s.tag.clone())
            && let Some(server) = self.servers.get_mut(&id)
        {
            server.tag = tag;
        }
        self.reply(now, id, request, Status::OK);
        // After a final response a CANCEL has no effect.
        if self.is_open(invite) {
            let headers = Box::new(request.headers.clone());
            self.tell(Event::Cancelled(invite, headers));
        }
    }

    fn reply(&mut self, now: Instant, id: ServerId, request: &Request, status: Status) {
        let tag = self.tag(id).map(str::to_owned);
        self.respond(now, id, &Response::new(request, status, tag.as_deref()));
    }

    /// Sends a response in a server transaction; its bytes, so that a dialog can repeat a 2xx. `None` when the transaction
    /// is gone or has had its final response.
    pub fn respond(&mut self, now: Instant, id: ServerId, response: &Response) -> Option<Bytes> {
        let server = self
            .servers
            .get_mut(&id)
            .filter(|s| s.machine.takes(response.status))?;
        let bytes = Bytes::from(response.to_bytes());
        server
            .machine
            .respond(now, &self.timers, response.status, bytes.clone());
        // Whoever was refused may try the same request again by another way (RFC 3263 section 4.3).
        if response.status.code() >= 300
            && let Some(merged) = server.merged.take()
        {
            self.merged.remove(&merged);
        }
        self.out.push_back(Output::Transmit(Transmit {
            hop: server.hop.clone(),
            bytes: bytes.clone(),
            origin: Origin::Server(id),
        }));
        self.deadlines.set(Owner::Server(id), server.machine.deadline());
        Some(bytes)
    }

    /// Sends a 2xx to an INVITE again.
    pub fn repeat(&mut self, id: ServerId, bytes: Bytes) {
        if let Some(server) = self.servers.get(&id) {
            self.out.push_back(Output::Transmit(Transmit {
                hop: server.hop.clone(),
                bytes,
                origin: Origin::Server(id),
            }));
        }
    }

    /// Sends a response outside of any transaction (RFC 3261 section 8.2.7).
    pub fn answer(&mut self, response: &Response, hop: Hop) {
        self.out.push_back(Output::Transmit(Transmit {
            hop,
            bytes: response.to_bytes().into(),
            origin: Origin::Nobody,
        }));
    }

    /// Answers what could not be read, without any state.
    pub fn refuse(&mut self, mut request: Request, status: Status, phrase: &str, hop: &Hop) {
        stamp(&mut request, hop);
        let back = way_back(&request, hop);
        let tag = self.random.token();
        let mut response = Response::new(&request, status, Some(&tag));
        response.phrase = format!("{} ({phrase})", status.phrase()).into();
        self.answer(&response, back);
    }

    /// Answers a request without any state.
    pub fn turn_away(&mut self, mut request: Request, status: Status, fields: &Headers, hop: &Hop) {
        stamp(&mut request, hop);
        let back = way_back(&request, hop);
        let tag = self.random.token();
        let mut response = Response::new(&request, status, Some(&tag));
        response.headers.extend(fields);
        self.answer(&response, back);
    }

    /// Sends a request in a new client transaction. `sent_by` is our host and port on this hop, for Via.
    pub fn send(&mut self, now: Instant, mut request: Request, hop: Hop, sent_by: impl Display) -> ClientId {
        self.last += 1;
        let id = ClientId(self.last);
        let branch = self.branch(id);
        if request.method == Method::Invite {
            // The number of its CANCEL, should there be one.
            self.last += 1;
        }
        add_via(&mut request, &hop, sent_by, &branch);
        self.start(now, id, request, hop, branch);
        id
    }

    fn start(&mut self, now: Instant, id: ClientId, mut request: Request, hop: Hop, branch: Box<str>) {
        let bytes = Bytes::from(request.to_bytes());
        request.body = Vec::new();
        let invite = request.method == Method::Invite;
        let machine = Client::new(now, &self.timers, invite, hop.transport.is_reliable());
        self.deadlines.set(Owner::Client(id), machine.deadline());
        self.out.push_back(Output::Transmit(Transmit {
            hop: hop.clone(),
            bytes: bytes.clone(),
            origin: Origin::Client(id),
        }));
        let entry = ClientEntry {
            machine,
            request,
            bytes,
            branch,
            hop,
            cancel: Cancel::No,
        };
        self.clients.insert(id, entry);
    }

    /// Sends the ACK of a 2xx, which is no transaction (RFC 3261 section 13.2.2.4). Its bytes, for when the 2xx comes again;
    /// `number` comes back when it cannot be sent.
    pub fn acknowledge(&mut self, mut ack: Request, hop: &Hop, sent_by: impl Display, number: u64) -> Bytes {
        self.last += 1;
        let branch = self.branch(ClientId(self.last));
        add_via(&mut ack, hop, sent_by, &branch);
        let bytes = Bytes::from(ack.to_bytes());
        self.acknowledge_again(bytes.clone(), hop, number);
        bytes
    }

    /// Sends that ACK again.
    pub fn acknowledge_again(&mut self, bytes: Bytes, hop: &Hop, number: u64) {
        self.out.push_back(Output::Transmit(Transmit {
            hop: hop.clone(),
            bytes,
            origin: Origin::Ack(number),
        }));
    }

    /// Cancels an INVITE of ours: at once when a response has come, else when the first one comes (RFC 3261 section 9.1).
    /// The INVITE then ends by a final response, mostly 487, or by a failure. `extra` may say why (RFC 3326).
    pub fn cancel(&mut self, now: Instant, id: ClientId, extra: Headers) {
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        if client.request.method == Method::Invite
            && client.machine.is_open()
            && matches!(client.cancel, Cancel::No)
        {
            client.cancel = Cancel::Wanted(extra);
            if client.machine.is_proceeding() {
                self.send_cancel(now, id);
            }
        }
    }

    fn send_cancel(&mut self, now: Instant, id: ClientId) {
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        let Cancel::Wanted(extra) = std::mem::replace(&mut client.cancel, Cancel::Sent) else {
            return;
        };
        client.machine.cancelled(now, &self.timers);
        self.deadlines.set(Owner::Client(id), client.machine.deadline());
        let mut request = of_invite(&client.request, Method::Cancel);
        request.headers.copy(&client.request.headers, Name::To);
        request.headers.extend(&extra);
        let (hop, branch) = (client.hop.clone(), client.branch.clone());
        self.start(now, cancel_of(id), request, hop, branch);
    }

    /// Takes a response from the network; one that belongs to no request of ours is forgotten.
    pub fn response(&mut self, now: Instant, response: Response, hop: &Hop) {
        let Some(id) = self.whose(&response) else {
            return;
        };
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        let taken = client.machine.response(now, &self.timers, response.status);
        self.deadlines.set(Owner::Client(id), client.machine.deadline());
        if matches!(taken, Taken::PassAndAcknowledge | Taken::Acknowledge) {
            let mut ack = of_invite(&client.request, Method::Ack);
            ack.headers.copy(&response.headers, Name::To);
            let transmit = Transmit {
                hop: client.hop.clone(),
                bytes: ack.to_bytes().into(),
                origin: Origin::Client(id),
            };
            self.out.push_back(Output::Transmit(transmit));
        }
        let wanted = client.machine.is_proceeding() && matches!(client.cancel, Cancel::Wanted(_));
        let is_cancel = client.request.method == Method::Cancel;
        if wanted {
            self.send_cancel(now, id);
        }
        if matches!(taken, Taken::Pass | Taken::PassAndAcknowledge) && !is_cancel {
            self.tell(Event::Response(id, Box::new(response), hop.clone()));
        }
    }

    /// The transaction of a response: its branch is ours and names it, and the method is the same (RFC 3261 17.1.3). A CANCEL
    /// has the branch of its INVITE, and may outlive it.
    fn whose(&self, response: &Response) -> Option<ClientId> {
        let branch = response.headers.via()?.branch()?;
        let named = ClientId(u64::from_str_radix(branch.rsplit_once('.')?.1, 16).ok()?);
        let method = response.headers.cseq()?.method;
        let id = if method == Method::Cancel {
            cancel_of(named)
        } else {
            named
        };
        let client = self.clients.get(&id).filter(|c| *c.branch == *branch)?;
        (client.request.method == method).then_some(id)
    }

    /// Takes the news that a message could not be sent.
    pub fn failed(&mut self, origin: Origin) {
        match origin {
            Origin::Client(id) => {
                let open = self.clients.get(&id).is_some_and(|c| c.machine.is_open());
                // Once it has its final response, only its ACK is lost: the other side gives up by itself.
                self.forget_client(
                    id,
                    if open {
                        Event::ClientFailed(id, Failure::Transport)
                    } else {
                        Event::ClientGone(id)
                    },
                );
            }
            Origin::Server(id) => {
                if self.forget(id) {
                    self.tell(Event::ServerFailed(id, Failure::Transport));
                }
            }
            Origin::Ack(_) | Origin::Nobody => {}
        }
    }

    /// Lets all happen whose time has come.
    pub fn timeout(&mut self, now: Instant) {
        loop {
            let (servers, clients) = (&self.servers, &self.clients);
            match self.deadlines.due(now, |owner| owner.deadline(servers, clients)) {
                Some(Owner::Server(id)) => self.server_timeout(now, id),
                Some(Owner::Client(id)) => self.client_timeout(now, id),
                None => break,
            }
        }
    }

    fn server_timeout(&mut self, now: Instant, id: ServerId) {
        let Some(server) = self.servers.get_mut(&id) else {
            return;
        };
        match server.machine.timeout(now, &self.timers) {
            server::Due::Repeat(bytes) => {
                self.out.push_back(Output::Transmit(Transmit {
                    hop: server.hop.clone(),
                    bytes,
                    origin: Origin::Server(id),
                }));
            }
            server::Due::Gone => {
                self.forget(id);
                return self.tell(Event::ServerGone(id));
            }
            server::Due::NoAck => {
                self.forget(id);
                return self.tell(Event::ServerFailed(id, Failure::Timeout));
            }
            server::Due::Nothing => {}
        }
        self.deadlines.set(Owner::Server(id), server.machine.deadline());
    }

    fn client_timeout(&mut self, now: Instant, id: ClientId) {
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        match client.machine.timeout(now, &self.timers) {
            client::Due::Repeat => {
                self.out.push_back(Output::Transmit(Transmit {
                    hop: client.hop.clone(),
                    bytes: client.bytes.clone(),
                    origin: Origin::Client(id),
                }));
            }
            client::Due::Gone => return self.forget_client(id, Event::ClientGone(id)),
            client::Due::TimedOut => {
                return self.forget_client(id, Event::ClientFailed(id, Failure::Timeout));
            }
            client::Due::Nothing => {}
        }
        self.deadlines.set(Owner::Client(id), client.machine.deadline());
    }

    fn tell(&mut self, event: Event) {
        self.out.push_back(Output::Event(event));
    }

    /// Of a CANCEL nothing is told: nobody but its INVITE, which has its own end, knows of it.
    fn forget_client(&mut self, id: ClientId, event: Event) {
        if let Some(client) = self.clients.remove(&id)
            && client.request.method != Method::Cancel
        {
            self.tell(event);
        }
    }

    fn forget(&mut self, id: ServerId) -> bool {
        let Some(server) = self.servers.remove(&id) else {
            return false;
        };
        self.by_key.remove(&server.key);
        if let Some(merged) = &server.merged {
            self.merged.remove(merged);
        }
        true
    }

    /// Random, so that nobody can answer for another; with the transaction's number, so that it is found.
    fn branch(&mut self, id: ClientId) -> Box<str> {
        format!("{}{:016x}.{:x}", key::MAGIC_COOKIE, self.random.number(), id.0).into()
    }
}

impl Owner {
    fn deadline(
        self,
        servers: &HashMap<ServerId, ServerEntry>,
        clients: &HashMap<ClientId, ClientEntry>,
    ) -> Option<Instant> {
        match self {
            Owner::Server(id) => servers.get(&id)?.machine.deadline(),
            Owner::Client(id) => clients.get(&id)?.machine.deadline(),
        }
    }
}

/// The number that is kept for the CANCEL of this INVITE.
fn cancel_of(invite: ClientId) -> ClientId {
    ClientId(invite.0 + 1)
}

fn add_via(request: &mut Request, hop: &Hop, sent_by: impl Display, branch: &str) {
    let transport = hop.transport.as_str();
    // RFC 3581: the answer is to come back the way that the request went, through whatever NAT there is.
    let via = format_args!("SIP/2.0/{transport} {sent_by};branch={branch};rport").to_string();
    request.headers.push_front(Name::Via, via);
}

/// The ACK of a refusal and the CANCEL go where the INVITE went, with its Via, Route, From, Call-ID and number (RFC 3261
/// sections 9.1 and 17.1.1.3). To is the caller's to add.
fn of_invite(invite: &Request, method: Method) -> Request {
    let from = &invite.headers;
    let mut request = Request::new(method, invite.uri.clone());
    let headers = &mut request.headers;
    for name in [Name::Via, Name::Route, Name::From, Name::CallId] {
        headers.copy(from, name);
    }
    let number = from.cseq().map_or(0, |c| c.number);
    headers.push(Name::CSeq, format_args!("{number} {}", request.method));
    headers.push(Name::MaxForwards, 70);
    // Credentials of the INVITE hold for both (RFC 3261 section 22.3).
    headers.copy(from, Name::Authorization);
    headers.copy(from, Name::ProxyAuthorization);
    request
}
