//! The SIP stack with our sockets under it, and the dispatch of what comes in.

use super::filter::SourceFilter;
use super::flow::Flow;
use super::stream::{StreamContext, guard};
use super::udp::ShieldedUdp;
use crate::config::{SipListen, SipTransport};
use crate::observe::Metrics;
use crate::supervise::Supervisor;
use crate::sync::lock;
use omnigate_sip::dialog::{self, ALLOW};
use omnigate_sip::header;
use rsipstack::EndpointBuilder;
use rsipstack::sip::{
    Header, HeadersExt, Method, Request, Response, SipMessage, StatusCode, StatusCodeKind, Transport,
};
use rsipstack::transaction::endpoint::{EndpointInnerRef, EndpointOption, TransportEventInspector};
use rsipstack::transaction::key::{TransactionKey, TransactionRole};
use rsipstack::transaction::{Transaction, TransactionReceiver};
use rsipstack::transport::udp::UdpConnection;
use rsipstack::transport::{SipAddr, SipConnection, TransportEvent, TransportLayer};
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

/// In-dialog requests that may wait for their call.
const DIALOG_QUEUE: usize = 64;

/// Why SIP cannot start or send.
#[derive(Debug, thiserror::Error)]
pub enum SipError {
    /// A listener cannot be opened.
    #[error("sip.listen {address}: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Cause.
        source: std::io::Error,
    },
    /// The stack refused.
    #[error("SIP stack: {0}")]
    Stack(Box<rsipstack::Error>),
    /// Nothing came back.
    #[error("no response")]
    NoResponse,
}

impl From<rsipstack::Error> for SipError {
    fn from(e: rsipstack::Error) -> SipError {
        SipError::Stack(Box::new(e))
    }
}

/// How the endpoint is set up.
pub struct EndpointSettings {
    /// Listeners.
    pub listen: Vec<SipListen>,
    /// Address in Via and Contact.
    pub advertise: IpAddr,
    /// Most TCP connections.
    pub connections: usize,
    /// Who may send.
    pub filter: Arc<SourceFilter>,
    /// Counters.
    pub metrics: Arc<Metrics>,
}

/// Call-ID and our tag.
pub type DialogKey = (String, String);

/// Calls in progress, by dialog; in-dialog transactions are handed to them.
#[derive(Default)]
pub struct CallTable {
    dialogs: Mutex<HashMap<DialogKey, mpsc::Sender<Transaction>>>,
    /// Initial INVITEs being handled, by Call-ID, From tag and CSeq, with their transaction key (RFC 3261
    /// section 8.2.2.2).
    initial: Mutex<HashMap<(String, String, u32), TransactionKey>>,
}

impl CallTable {
    /// Registers a dialog; in-dialog transactions arrive on the receiver.
    pub fn insert(&self, key: DialogKey) -> mpsc::Receiver<Transaction> {
        let (sender, receiver) = mpsc::channel(DIALOG_QUEUE);
        lock(&self.dialogs).insert(key, sender);
        receiver
    }

    /// Forgets a dialog and its initial INVITE.
    pub fn remove(&self, key: &DialogKey, invite: &Request) {
        lock(&self.dialogs).remove(key);
        self.forget_invite(invite);
    }

    /// Forgets an initial INVITE that made no call.
    pub fn forget_invite(&self, invite: &Request) {
        if let Some(id) = merge_key(invite) {
            lock(&self.initial).remove(&id);
        }
    }

    fn find(&self, request: &Request) -> Option<mpsc::Sender<Transaction>> {
        let call_id = header::value(&request.headers, "Call-ID")?.to_owned();
        let tag = header::value(&request.headers, "To")
            .and_then(header::tag)?
            .to_owned();
        lock(&self.dialogs).get(&(call_id, tag)).cloned()
    }

    /// False when the request was seen already by another way.
    fn first_of_its_kind(&self, tx: &Transaction) -> bool {
        let Some(id) = merge_key(&tx.original) else {
            return true;
        };
        let mut initial = lock(&self.initial);
        match initial.get(&id) {
            Some(key) if *key != tx.key => false,
            _ => {
                initial.insert(id, tx.key.clone());
                true
            }
        }
    }
}

fn merge_key(request: &Request) -> Option<(String, String, u32)> {
    let call_id = header::value(&request.headers, "Call-ID")?.to_owned();
    let tag = header::value(&request.headers, "From")
        .and_then(header::tag)?
        .to_owned();
    Some((call_id, tag, dialog::sequence(request)?))
}

/// A new call.
pub struct Incoming {
    /// The INVITE's transaction; 100 is sent.
    pub transaction: Transaction,
    /// The way back.
    pub flow: Flow,
}

/// A running SIP stack.
pub struct Endpoint {
    inner: EndpointInnerRef,
    advertise: IpAddr,
    addresses: Vec<(Transport, SocketAddr)>,
    context: StreamContext,
    /// Calls by dialog.
    pub calls: Arc<CallTable>,
    stop: CancellationToken,
}

impl Endpoint {
    /// Opens the listeners and starts the stack; new calls arrive on the receiver.
    pub async fn start(
        settings: EndpointSettings,
        supervisor: &Supervisor,
    ) -> Result<(Arc<Endpoint>, mpsc::Receiver<Incoming>), SipError> {
        let stop = CancellationToken::new();
        let layer = TransportLayer::new(stop.clone());
        let context = StreamContext {
            filter: settings.filter.clone(),
            metrics: settings.metrics.clone(),
            stop: stop.clone(),
        };
        let (mut addresses, mut listeners) = (Vec::new(), Vec::new());
        for listen in &settings.listen {
            let failed = |source| SipError::Listen {
                address: listen.address,
                source,
            };
            match listen.transport {
                SipTransport::Udp => {
                    let socket = UdpSocket::bind(listen.address).await.map_err(failed)?;
                    let local = socket.local_addr().map_err(failed)?;
                    addresses.push((Transport::Udp, local));
                    let shim = ShieldedUdp::new(socket, settings.filter.clone(), settings.metrics.clone());
                    let external = SocketAddr::new(settings.advertise, local.port());
                    let udp =
                        UdpConnection::from_socket(Arc::new(shim), Some(external), Some(stop.child_token()))
                            .await?;
                    layer.add_transport(SipConnection::Udp(udp));
                }
                SipTransport::Tcp => {
                    let listener = TcpListener::bind(listen.address).await.map_err(failed)?;
                    addresses.push((Transport::Tcp, listener.local_addr().map_err(failed)?));
                    listeners.push(listener);
                }
            }
        }
        let replay = Arc::new(OnceLock::new());
        let stack = EndpointBuilder::new()
            .with_user_agent(dialog::AGENT)
            .with_transport_layer(layer)
            .with_cancel_token(stop.clone())
            .with_option(EndpointOption {
                callid_suffix: Some("omnigate".into()),
                ..EndpointOption::default()
            })
            .with_transport_inspector(Box::new(NoReplay(replay.clone())))
            .build();
        let _ = replay.set(Arc::downgrade(&stack.inner));
        let transactions = stack.incoming_transactions()?;
        let inner = stack.inner.clone();
        supervisor.task("sip", async move { stack.serve().await });
        let endpoint = Arc::new(Endpoint {
            inner,
            advertise: settings.advertise,
            addresses,
            context,
            calls: Arc::new(CallTable::default()),
            stop,
        });
        let permits = Arc::new(Semaphore::new(settings.connections));
        for listener in listeners {
            supervisor.task("sip-tcp", endpoint.clone().accept(listener, permits.clone()));
        }
        let (calls, incoming) = mpsc::channel(256);
        supervisor.task("sip-calls", endpoint.clone().dispatch(transactions, calls));
        Ok((endpoint, incoming))
    }

    /// Listening addresses.
    pub fn addresses(&self) -> &[(Transport, SocketAddr)] {
        &self.addresses
    }

    /// Our Contact URI for the other side of `flow`.
    pub fn contact(&self, flow: &Flow) -> String {
        let own = self.own_address(flow);
        match flow.transport {
            Transport::Tcp => format!("sip:omnigate@{own};transport=tcp"),
            _ => format!("sip:omnigate@{own}"),
        }
    }

    /// Where the other side of `flow` reaches us: the listener of its transport and address family, under the
    /// advertised address where that is of the family too.
    fn own_address(&self, flow: &Flow) -> SocketAddr {
        let peer = flow.source.ip().to_canonical();
        let of_transport = || {
            self.addresses
                .iter()
                .filter(|(t, _)| *t == flow.transport)
                .map(|(_, a)| *a)
        };
        let listener = of_transport()
            .find(|a| a.is_ipv4() == peer.is_ipv4())
            .or_else(|| of_transport().next())
            .unwrap_or_else(|| SocketAddr::new(self.advertise, 5060));
        let ip = match listener.ip() {
            // A caller on this machine is told this machine.
            ip if peer.is_loopback() => {
                if ip.is_loopback() {
                    ip
                } else {
                    peer
                }
            }
            ip if self.advertise.is_ipv4() != peer.is_ipv4() && !ip.is_unspecified() => ip,
            _ => self.advertise,
        };
        SocketAddr::new(ip, listener.port())
    }

    /// Stops the stack.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    async fn accept(self: Arc<Self>, listener: TcpListener, permits: Arc<Semaphore>) {
        loop {
            let accepted = tokio::select! {
                () = self.stop.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(e) => {
                    warn!(error = %e, "accepting a SIP connection failed");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            // Strangers and crowds are cut off without a word.
            if !self.context.filter.knows(peer.ip()) {
                self.context.metrics.sip_dropped("unknown_source");
                continue;
            }
            let Ok(permit) = permits.clone().try_acquire_owned() else {
                self.context.metrics.sip_dropped("connections");
                continue;
            };
            if let Some(connection) = guard(stream, peer, self.context.clone(), Some(permit)).await {
                self.inner.transport_layer.add_connection(connection);
            }
        }
    }

    async fn dispatch(self: Arc<Self>, mut transactions: TransactionReceiver, calls: mpsc::Sender<Incoming>) {
        while let Some(tx) = transactions.recv().await {
            let Some(flow) = self.flow(&tx) else { continue };
            let in_dialog = header::value(&tx.original.headers, "To")
                .and_then(header::tag)
                .is_some();
            match (tx.original.method, in_dialog) {
                (Method::Ack, _) => {}
                (_, true) => match self.calls.find(&tx.original) {
                    Some(call) => {
                        if let Err(e) = call.try_send(tx) {
                            answer(e.into_inner(), StatusCode::ServiceUnavailable, vec![]);
                        }
                    }
                    None => answer(tx, StatusCode::CallTransactionDoesNotExist, vec![]),
                },
                (Method::Invite, false) => {
                    if !self.calls.first_of_its_kind(&tx) {
                        answer(tx, StatusCode::LoopDetected, vec![]);
                        continue;
                    }
                    let mut tx = tx;
                    if tx.send_trying().await.is_err() {
                        debug!("100 could not be sent");
                    }
                    if let Err(e) = calls.try_send(Incoming {
                        transaction: tx,
                        flow,
                    }) {
                        let retry = vec![header::make("Retry-After", "5")];
                        let refused = e.into_inner().transaction;
                        self.calls.forget_invite(&refused.original);
                        answer(refused, StatusCode::ServiceUnavailable, retry);
                    }
                }
                (Method::Options, false) => {
                    let required = header::option_tags(&tx.original.headers, "Require");
                    if required.is_empty() {
                        answer(tx, StatusCode::OK, vec![header::make("Accept", dialog::ACCEPT)]);
                    } else {
                        answer(
                            tx,
                            StatusCode::BadExtension,
                            vec![header::make("Unsupported", required.join(", "))],
                        );
                    }
                }
                (Method::Bye | Method::Info | Method::Update | Method::PRack, false) => {
                    answer(tx, StatusCode::CallTransactionDoesNotExist, vec![]);
                }
                _ => answer(
                    tx,
                    StatusCode::MethodNotAllowed,
                    vec![header::make("Allow", ALLOW)],
                ),
            }
        }
    }

    /// The way that a transaction's request came.
    pub fn flow(&self, tx: &Transaction) -> Option<Flow> {
        let connection = tx.connection.clone()?;
        let transport = if matches!(connection, SipConnection::Udp(_)) {
            Transport::Udp
        } else {
            Transport::Tcp
        };
        let source = connection.get_remote_addr()?.get_socketaddr().ok()?;
        Some(Flow {
            connection,
            source,
            transport,
        })
    }

    /// Every request of ours starts with where its response is to come.
    fn push_via(&self, request: &mut Request, flow: &Flow) -> Result<(), SipError> {
        let own = SipAddr {
            r#type: Some(flow.transport),
            addr: self.own_address(flow).into(),
        };
        let via = self.inner.get_via(Some(own), None)?;
        request.headers.push_front(Header::Via(via.into()));
        Ok(())
    }

    /// Sends an in-dialog request and waits for its final response.
    pub async fn request(
        &self,
        mut request: Request,
        flow: &Flow,
        next_hop: &str,
    ) -> Result<Response, SipError> {
        self.push_via(&mut request, flow)?;
        let destination = flow.address(next_hop);
        let mut connection = flow.connection.clone();
        if flow.transport == Transport::Tcp && connection.cancel_token().is_some_and(|t| t.is_cancelled()) {
            connection = self.dial(destination.get_socketaddr()?).await?;
        }
        let key = TransactionKey::from_request(&request, TransactionRole::Client)?;
        let mut tx = Transaction::new_client(key, request, self.inner.clone(), Some(connection));
        tx.destination = Some(destination);
        tx.send().await?;
        while let Some(message) = tx.receive().await {
            if let SipMessage::Response(response) = message
                && response.status_code.kind() != StatusCodeKind::Provisional
            {
                return Ok(response);
            }
        }
        Err(SipError::NoResponse)
    }

    async fn dial(&self, to: SocketAddr) -> Result<SipConnection, SipError> {
        let failed = |source| SipError::Listen { address: to, source };
        let connecting = tokio::time::timeout(Duration::from_secs(5), TcpStream::connect(to)).await;
        let stream = connecting.map_err(|_| SipError::NoResponse)?.map_err(failed)?;
        let connection = guard(stream, to, self.context.clone(), None)
            .await
            .ok_or(SipError::NoResponse)?;
        self.inner.transport_layer.add_connection(connection.clone());
        Ok(connection)
    }

    /// A way to `to` for a call of ours: the UDP listener, or a new TCP connection.
    pub async fn flow_to(&self, to: SocketAddr, transport: Transport) -> Result<Flow, SipError> {
        let connection = match transport {
            Transport::Tcp => self.dial(to).await?,
            _ => {
                let target = SipAddr {
                    r#type: Some(Transport::Udp),
                    addr: to.into(),
                };
                self.inner.transport_layer.lookup(&target, None).await?.0
            }
        };
        Ok(Flow {
            connection,
            source: to,
            transport,
        })
    }

    /// Sends an initial INVITE and waits for its final response (a 2xx is acknowledged by the stack). `give_up`
    /// or `limit` cancels it.
    pub async fn invite<E>(
        &self,
        mut request: Request,
        flow: &Flow,
        limit: Duration,
        give_up: impl Future<Output = Result<(), E>>,
    ) -> Result<Response, SipError> {
        self.push_via(&mut request, flow)?;
        let key = TransactionKey::from_request(&request, TransactionRole::Client)?;
        let mut tx = Transaction::new_client(
            key,
            request.clone(),
            self.inner.clone(),
            Some(flow.connection.clone()),
        );
        tx.destination = Some(SipAddr {
            r#type: Some(flow.transport),
            addr: flow.source.into(),
        });
        tx.send().await?;
        let (sender, mut responses) = mpsc::channel(16);
        // The transaction's futures must not be dropped half-way: it has a task of its own.
        tokio::spawn(async move {
            while let Some(message) = tx.receive().await {
                if let SipMessage::Response(response) = message {
                    let _ = sender.send(response).await;
                }
            }
        });
        let mut give_up = std::pin::pin!(give_up);
        let mut limit = std::pin::pin!(tokio::time::sleep(limit));
        let mut cancelled = false;
        loop {
            tokio::select! {
                response = responses.recv() => match response {
                    Some(r) if r.status_code.kind() != StatusCodeKind::Provisional => return Ok(r),
                    Some(_) => {}
                    None => return Err(SipError::NoResponse),
                },
                _ = &mut give_up, if !cancelled => { cancelled = true; self.cancel(&request, flow).await?; }
                () = &mut limit, if !cancelled => { cancelled = true; self.cancel(&request, flow).await?; }
            }
        }
    }

    /// RFC 3261 section 9.1: the INVITE's own headers with another method.
    async fn cancel(&self, invite: &Request, flow: &Flow) -> Result<(), SipError> {
        let mut headers: Vec<Header> = Vec::new();
        for h in invite.headers.iter() {
            match h {
                Header::Via(_)
                | Header::From(_)
                | Header::To(_)
                | Header::CallId(_)
                | Header::MaxForwards(_)
                | Header::Route(_) => {
                    headers.push(h.clone());
                }
                Header::CSeq(c) => {
                    headers.push(header::make("CSeq", c.value().replace("INVITE", "CANCEL")));
                }
                _ => {}
            }
        }
        headers.push(header::make("Content-Length", "0"));
        let cancel = Request {
            method: Method::Cancel,
            headers: headers.into(),
            body: Vec::new(),
            ..invite.clone()
        };
        let to = SipAddr {
            r#type: Some(flow.transport),
            addr: flow.source.into(),
        };
        Ok(flow.connection.send(cancel.into(), Some(&to)).await?)
    }
}

/// Answers a transaction that belongs to no call.
pub(crate) fn answer(mut tx: Transaction, status: StatusCode, extra: Vec<Header>) {
    tokio::spawn(async move {
        let tag = rsipstack::transaction::random_text(10);
        let response = dialog::response(&tx.original, status, Some(&tag), extra);
        if tx.respond(response).await.is_ok() {
            while tx.receive().await.is_some() {}
        }
    });
}

/// Keeps a peer on a stream from making the stack repeat old responses to it: those writes happen inside the
/// stack's one receive loop, and a peer that does not read would stop it.
struct NoReplay(Arc<OnceLock<std::sync::Weak<rsipstack::transaction::endpoint::EndpointInner>>>);

#[async_trait::async_trait]
impl TransportEventInspector for NoReplay {
    async fn handle(&self, event: TransportEvent) -> Option<TransportEvent> {
        if let TransportEvent::Incoming(SipMessage::Request(request), connection, _) = &event
            && connection.is_reliable()
            && !matches!(request.method, Method::Ack | Method::Cancel)
            && request.via_header().is_ok()
        {
            let stack = self.0.get().and_then(std::sync::Weak::upgrade)?;
            let key = TransactionKey::from_request(request, TransactionRole::Server).ok()?;
            if stack.finished_transactions.get(&key).is_some() {
                return None;
            }
        }
        Some(event)
    }
}
