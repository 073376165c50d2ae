//! The one task that owns the SIP endpoint: it feeds it what comes and carries out what it wants, in order.

use super::calls::{IncomingCall, NewCall, RefusedCall, Sip, SipCall};
use super::marked;
use super::names::Names;
use super::network::{Arrival, Network, OwnSide};
use super::order::Order;
use super::settings::{SipError, SipParts, SipSettings};
use super::sockets::Sockets;
use crate::supervise::{Supervisor, test_point};
use crate::trunks::Doorkeeper;
use omnigate_sip::message::{Headers, Method, Name, Request, Response, Status, Transport, Uri};
use omnigate_sip::transaction::ClientId;
use omnigate_sip::{
    CallEvent, CallKey, CallSettings, Endpoint, EndpointSettings, Event, Incoming, Output, Screening,
};
use std::collections::HashMap;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};
use tracing::{debug, warn};

/// Events that may wait for their call. More come only from a peer that floods it, so the call is hung up.
const CALL_EVENTS: usize = 64;
/// New calls that may wait for the gateway; one more is refused.
const NEW_CALLS: usize = 256;
/// Name look-ups at once; one more is not made, and the call keeps to the way that its messages came.
const LOOK_UPS: usize = 64;
/// How often connections that nobody uses are looked for.
const SWEEP: Duration = Duration::from_secs(30);
/// Name and version, in Server and User-Agent.
const AGENT: &str = concat!("omnigate/", env!("CARGO_PKG_VERSION"));

struct Driver<N> {
    endpoint: Endpoint,
    network: N,
    parts: SipParts,
    calls: HashMap<CallKey, mpsc::Sender<CallEvent>>,
    /// Who waits for the answer to a request outside of calls. Each transaction ends, so each entry does.
    asked: HashMap<ClientId, oneshot::Sender<Box<Response>>>,
    new_calls: mpsc::Sender<NewCall>,
    orders: mpsc::UnboundedReceiver<Order>,
    own_orders: mpsc::UnboundedSender<Order>,
    look_ups: Arc<tokio::sync::Semaphore>,
}

impl Sip {
    /// Opens the listeners and starts; new calls arrive on the receiver.
    ///
    /// # Errors
    /// [`SipError::Listen`].
    pub async fn start(
        settings: SipSettings,
        parts: SipParts,
        supervisor: &Supervisor,
    ) -> Result<(Sip, mpsc::Receiver<NewCall>), SipError> {
        let (filter, metrics) = (parts.filter.clone(), parts.metrics.clone());
        let sockets = Sockets::open(&settings, filter, metrics, supervisor).await?;
        let own = OwnSide {
            addresses: sockets.addresses(),
            listeners: sockets.listeners(settings.advertise),
            troubles: sockets.troubles(),
        };
        let seed = rand::random();
        Ok(Sip::run(sockets, own, settings.dns, seed, parts, supervisor))
    }

    /// Runs on this network.
    pub(crate) fn run(
        network: impl Network,
        own: OwnSide,
        dns: Vec<SocketAddr>,
        seed: u64,
        mut parts: SipParts,
        supervisor: &Supervisor,
    ) -> (Sip, mpsc::Receiver<NewCall>) {
        let (own_orders, orders) = mpsc::unbounded_channel();
        let (new_calls, incoming) = mpsc::channel(NEW_CALLS);
        let mut endpoint = Endpoint::new(EndpointSettings {
            listeners: own.listeners.clone(),
            calls: CallSettings {
                agent: AGENT.into(),
                ..CallSettings::default()
            },
            seed,
            ..EndpointSettings::default()
        });
        endpoint.mark_calls(|_| marked::mark());
        if let Some(doorkeeper) = parts.doorkeeper.take() {
            screen(&mut endpoint, doorkeeper, &parts);
        }
        let filter = parts.filter.clone();
        let driver = Driver {
            endpoint,
            network,
            parts,
            calls: HashMap::new(),
            asked: HashMap::new(),
            new_calls,
            orders,
            own_orders: own_orders.clone(),
            look_ups: Arc::new(tokio::sync::Semaphore::new(LOOK_UPS)),
        };
        supervisor.task("sip", driver.run());
        let names = Arc::new(Names::new(dns, &own.listeners, seed));
        (Sip::new(own_orders, own, names, filter), incoming)
    }
}

impl<N: Network> Driver<N> {
    async fn run(mut self) {
        let mut sweep = tokio::time::interval(SWEEP);
        loop {
            let deadline = self.endpoint.deadline();
            let timer = async {
                match deadline {
                    Some(at) => tokio::time::sleep_until(at.into()).await,
                    None => std::future::pending().await,
                }
            };
            let network = &mut self.network;
            tokio::select! {
                arrival = poll_fn(|cx| network.poll(cx)) => self.arrived(arrival),
                Some(order) = self.orders.recv() => {
                    if !self.obey(order) {
                        return;
                    }
                }
                () = timer => self.endpoint.timeout(now()),
                _ = sweep.tick() => {
                    let endpoint = &self.endpoint;
                    self.network.sweep(&|connection| endpoint.uses(connection));
                }
            }
            self.carry_out();
        }
    }

    fn arrived(&mut self, arrival: Arrival) {
        test_point("sip");
        match arrival {
            Arrival::Message(hop, bytes) => self.endpoint.receive(now(), &hop, &bytes),
            Arrival::Unreadable(hop, unreadable) => self.endpoint.unreadable(now(), &hop, *unreadable),
            Arrival::Failed(origin) => self.endpoint.failed(now(), origin),
        }
    }

    /// Does what is asked; false when it is the end.
    fn obey(&mut self, order: Order) -> bool {
        match order {
            Order::Act(call, act) => {
                if let Err(error) = act(&mut self.endpoint, now(), call) {
                    debug!(%error, "what a call wanted is not possible any more");
                }
            }
            Order::Invite(invitation, begun) => {
                let key = self.endpoint.invite(now(), *invitation);
                let call_id = self.endpoint.call_id(key).unwrap_or_default().to_owned();
                begun(key, call_id, self.events_of(key));
            }
            Order::Ask(request, hop, reply) => {
                let id = self.endpoint.send(now(), *request, hop);
                self.asked.insert(id, reply);
            }
            Order::KeepAlive(hop, pong) => self.network.keep_alive(&hop, pong),
            Order::Watch(hop, gone) => self.network.watch(&hop, gone),
            Order::Cut(hop) => self.network.cut(&hop),
            Order::Resolved(call, uri, transport, address) => {
                self.endpoint.resolved(call, &uri, transport, address);
            }
            Order::Stop => return false,
        }
        true
    }

    fn events_of(&mut self, key: CallKey) -> mpsc::Receiver<CallEvent> {
        let (events, receiver) = mpsc::channel(CALL_EVENTS);
        self.calls.insert(key, events);
        receiver
    }

    fn carry_out(&mut self) {
        while let Some(output) = self.endpoint.poll() {
            match output {
                Output::Transmit(transmit) => self.network.send(transmit),
                Output::Event(event) => self.event(event),
            }
        }
        self.network.flush();
        self.parts.metrics.dialogs(self.endpoint.alive());
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Incoming(incoming) => self.incoming(incoming),
            Event::Refused(refused) => {
                // When none can wait, only its record is missing.
                let _ = self.new_calls.try_send(NewCall::Refused(RefusedCall {
                    id: marked::id(refused.mark.as_deref()),
                    invite: refused.invite,
                    hop: refused.hop,
                    status: refused.status,
                }));
            }
            Event::Call(key, event) => self.tell(key, event),
            Event::Request(id, request, _) => {
                let response = self.answer(id, &request);
                self.endpoint.respond(now(), id, response);
            }
            Event::Response(id, response, _) if response.status.is_final() => {
                // Whoever asked may not wait any more.
                self.asked.remove(&id).map(|reply| reply.send(response));
            }
            Event::Failed(id, _) => drop(self.asked.remove(&id)),
            Event::Resolve(call, uri) => self.look_up(call, uri),
            Event::Unreadable(fault, hop) => {
                debug!(%hop, %fault, "SIP message cannot be read");
                self.parts.metrics.sip_dropped("malformed");
            }
            // Its bodies may have keys (RFC 4568): they are not for the log.
            _ => debug!("an event that nobody waits for"),
        }
    }

    fn incoming(&mut self, incoming: Incoming) {
        let key = incoming.call;
        let call = IncomingCall {
            id: marked::id(incoming.mark.as_deref()),
            call: SipCall::new(key, self.own_orders.clone(), self.events_of(key)),
            invite: incoming.invite,
            hop: incoming.hop,
            offer: incoming.offer,
        };
        if let Err(refused) = self.new_calls.try_send(NewCall::Incoming(call)) {
            warn!("new calls wait for the gateway; one is refused");
            let _ = self
                .endpoint
                .refuse(now(), key, Status::TEMPORARILY_UNAVAILABLE, &Headers::default());
            drop(refused);
        }
    }

    fn tell(&mut self, key: CallKey, event: CallEvent) {
        let over = matches!(event, CallEvent::Ended(_));
        let told = self.calls.get(&key).map(|call| call.try_send(event));
        if over {
            // What did not fit is told by the end of the queue.
            self.calls.remove(&key);
        } else if let Some(Err(_)) = told {
            warn!("a call does not keep up with its peer, or is gone; it is hung up");
            let _ = self.endpoint.hang_up(now(), key, &Headers::default());
        }
    }

    /// Requests outside of calls: only OPTIONS is served, and says whether calls are taken.
    fn answer(&self, id: omnigate_sip::transaction::ServerId, request: &Request) -> Response {
        let status = match request.method {
            Method::Options if self.parts.health.is_draining() => Status::SERVICE_UNAVAILABLE,
            Method::Options => Status::OK,
            _ => Status::METHOD_NOT_ALLOWED,
        };
        self.endpoint.capabilities(id, request, status)
    }

    fn look_up(&self, call: CallKey, uri: String) {
        let Ok(permit) = self.look_ups.clone().try_acquire_owned() else {
            return;
        };
        let orders = self.own_orders.clone();
        tokio::spawn(async move {
            let _permit = permit;
            if let Some((transport, address)) = look_up(&uri).await {
                let _ = orders.send(Order::Resolved(call, uri, transport, address));
            }
        });
    }
}

/// Callers are asked for passwords before anything is kept of them; who knows one may send from where it is.
fn screen(endpoint: &mut Endpoint, mut doorkeeper: Doorkeeper, parts: &SipParts) {
    let (filter, metrics) = (parts.filter.clone(), parts.metrics.clone());
    endpoint.screen(move |now, request, hop| {
        let screening = doorkeeper.screen(now, request, hop);
        match &screening {
            Screening::TakeFrom(peer) => filter.expect(hop.remote.ip(), &peer.name),
            Screening::Ignore => {
                filter.stranger(hop.remote.ip(), now);
                metrics.sip_dropped("unknown_source");
            }
            _ => {}
        }
        screening
    });
}

/// Where the host of a URI is.
async fn look_up(uri: &str) -> Option<(Transport, SocketAddr)> {
    let uri: Uri = uri.parse().ok()?;
    let parts = uri.sip()?;
    let named = parts.params.get("transport").and_then(Transport::from_name);
    let transport = match named {
        Some(transport) => transport,
        None if parts.secure => Transport::Tls,
        None => Transport::Udp,
    };
    let port = parts.port.unwrap_or(transport.default_port());
    let found = tokio::net::lookup_host((parts.host.to_string(), port)).await;
    Some((transport, found.ok()?.next()?))
}

/// The driver's clock, which a test may stop and turn.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// A Reason field (RFC 3326).
pub(crate) fn reason(status: u16, text: &str) -> Headers {
    let mut fields = Headers::default();
    let reason = omnigate_sip::message::Reason {
        protocol: "SIP",
        cause: Some(status),
        text: Some(text),
    };
    fields.push(Name::Reason, reason);
    fields
}
