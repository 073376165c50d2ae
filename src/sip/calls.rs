//! SIP and its calls, as the gateway and the test caller have them.

use super::dial::{DialFault, Troubles};
use super::filter::SourceFilter;
use super::names::Names;
use super::network::OwnSide;
use super::order::Order;
use super::strangers::Stranger;
use omnigate_room::CallId;
use omnigate_sip::message::{Headers, Request, Response, Status};
use omnigate_sip::resolve::{Candidate, ResolveError, Target};
use omnigate_sip::{CallError, CallEvent, CallKey, CallTerms, Endpoint, Hop, Invitation, Listeners, NatRule};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

/// Patience with the answer to a keep-alive (RFC 5626 section 4.4.1).
const PONG: Duration = Duration::from_secs(10);

/// All of SIP.
#[derive(Debug, Clone)]
pub struct Sip {
    /// Calls end without being asked, so what is waiting is a handful a call.
    orders: mpsc::UnboundedSender<Order>,
    addresses: Arc<[(omnigate_sip::message::Transport, SocketAddr)]>,
    listeners: Arc<Listeners>,
    troubles: Arc<Troubles>,
    names: Arc<Names>,
    filter: Arc<SourceFilter>,
}

/// One call. Dropping it hangs up.
#[derive(Debug)]
pub struct SipCall {
    key: CallKey,
    orders: mpsc::UnboundedSender<Order>,
    events: mpsc::Receiver<CallEvent>,
    over: bool,
}

/// What an INVITE has become.
#[derive(Debug)]
pub enum NewCall {
    /// A call, which is to be answered or refused.
    Incoming(IncomingCall),
    /// Nothing: it has been refused.
    Refused(RefusedCall),
}

/// An INVITE that cannot become a call.
#[derive(Debug)]
pub struct RefusedCall {
    /// Our id of it.
    pub id: CallId,
    /// The INVITE.
    pub invite: Box<Request>,
    /// The way that it came.
    pub hop: Hop,
    /// The status that it has got.
    pub status: Status,
}

/// A call that comes in.
#[derive(Debug)]
pub struct IncomingCall {
    /// Our id of it.
    pub id: CallId,
    /// The call.
    pub call: SipCall,
    /// Its INVITE.
    pub invite: Box<Request>,
    /// The way that it came.
    pub hop: Hop,
    /// The offer in it. Without one the answer has ours.
    pub offer: Option<Vec<u8>>,
}

impl Sip {
    pub(super) fn new(
        orders: mpsc::UnboundedSender<Order>,
        own: OwnSide,
        names: Arc<Names>,
        filter: Arc<SourceFilter>,
    ) -> Sip {
        Sip {
            orders,
            addresses: own.addresses.into(),
            listeners: Arc::new(own.listeners),
            troubles: own.troubles,
            names,
            filter,
        }
    }

    /// Listening addresses, with the ports that they have got.
    pub fn addresses(&self) -> &[(omnigate_sip::message::Transport, SocketAddr)] {
        &self.addresses
    }

    /// Our own addresses as others see them.
    pub fn listeners(&self) -> &Listeners {
        &self.listeners
    }

    /// Where these are, best first.
    ///
    /// # Errors
    /// [`ResolveError`]
    pub async fn resolve(&self, targets: &[Target]) -> Result<Vec<Candidate>, ResolveError> {
        self.names.resolve(targets).await
    }

    /// The way for a first request to a gateway or registrar of this trunk, which may send from here on; `None`: no listener
    /// of ours goes there. By TLS it must prove to be the host that was looked for.
    pub fn way(&self, to: &Candidate, trunk: &str) -> Option<Hop> {
        let hop = self.listeners.first_route(to.transport, to.address)?;
        self.filter.expect(to.address.ip(), trunk);
        Some(match to.transport.is_secure() {
            true => hop.certified(trunk, to.server_name.as_str()),
            false => hop,
        })
    }

    /// Why there was no connection to this place, when that was a moment ago.
    pub fn trouble(&self, remote: SocketAddr) -> Option<DialFault> {
        self.troubles
            .lately(remote, tokio::time::Instant::now().into_std())
    }

    /// Makes a call; it and its Call-ID. `None` when SIP has ended.
    pub async fn invite(&self, invitation: Invitation) -> Option<(SipCall, String)> {
        let (reply, call) = oneshot::channel();
        let orders = self.orders.clone();
        let begun = Box::new(move |key, call_id, events| {
            // Where nobody waits for it any more, the call is dropped, which hangs it up.
            let _ = reply.send((SipCall::new(key, orders, events), call_id));
        });
        self.orders
            .send(Order::Invite(Box::new(invitation), begun))
            .ok()?;
        call.await.ok()
    }

    /// Sends a request outside of calls and waits for its final answer; `None`: there is none.
    pub async fn ask(&self, request: Request, hop: Hop) -> Option<Box<Response>> {
        let (reply, answer) = oneshot::channel();
        self.orders.send(Order::Ask(Box::new(request), hop, reply)).ok()?;
        answer.await.ok()
    }

    /// Who has sent though no trunk allows it, the latest first.
    pub fn strangers(&self) -> Vec<Stranger> {
        self.filter.strangers()
    }

    /// Asks the other side of a way whether it is there; false: there is no connection, or no answer for as long as one has
    /// patience (RFC 5626 section 4.4.1).
    pub async fn keep_alive(&self, hop: Hop) -> bool {
        let (pong, ponged) = oneshot::channel();
        let sent = self.orders.send(Order::KeepAlive(hop, pong)).is_ok();
        sent && matches!(tokio::time::timeout(PONG, ponged).await, Ok(Ok(())))
    }

    /// Keeps the connection of a way until this is dropped; it ends when the connection has.
    pub fn watch(&self, hop: Hop) -> impl Future<Output = ()> + Send + use<> {
        let (gone, watched) = oneshot::channel();
        let _ = self.orders.send(Order::Watch(hop, gone));
        async move {
            let _ = watched.await;
        }
    }

    /// Ends the connection of a way: it leads nowhere.
    pub fn cut(&self, hop: Hop) {
        let _ = self.orders.send(Order::Cut(hop));
    }

    /// Ends all of SIP: sockets close.
    pub fn stop(&self) {
        let _ = self.orders.send(Order::Stop);
    }
}

impl SipCall {
    pub(super) fn new(
        key: CallKey,
        orders: mpsc::UnboundedSender<Order>,
        events: mpsc::Receiver<CallEvent>,
    ) -> SipCall {
        SipCall {
            key,
            orders,
            events,
            over: false,
        }
    }

    /// What happens next; `None` when nothing follows.
    pub async fn event(&mut self) -> Option<CallEvent> {
        let event = self.events.recv().await;
        self.over |= matches!(event, None | Some(CallEvent::Ended(_)));
        event
    }

    /// Lets it ring, or tells its progress; see [`Endpoint::progress`].
    pub fn progress(&self, status: Status, session: Option<Vec<u8>>, reliable: bool) {
        self.order(move |e, now, call| e.progress(now, call, status, session, reliable, &Headers::default()));
    }

    /// Answers it; see [`Endpoint::answer`].
    pub fn answer(&self, session: Vec<u8>) {
        self.order(move |e, now, call| e.answer(now, call, Some(session), &Headers::default()));
    }

    /// Refuses it; see [`Endpoint::refuse`].
    pub fn refuse(&self, status: Status, fields: Headers) {
        self.order(move |e, now, call| e.refuse(now, call, status, &fields));
    }

    /// Ends it, whatever state it is in; see [`Endpoint::hang_up`].
    pub fn hang_up(&self, fields: Headers) {
        self.order(move |e, now, call| e.hang_up(now, call, &fields));
    }

    /// Offers another session; see [`Endpoint::offer`].
    pub fn offer(&self, session: Vec<u8>) {
        self.order(move |e, now, call| e.offer(now, call, session));
    }

    /// Refreshes its session before its time; see [`Endpoint::refresh`].
    pub fn refresh(&self) {
        self.order(|e, now, call| e.refresh(now, call));
    }

    /// Answers an offer, or makes the one that is wanted; see [`Endpoint::accept`].
    pub fn accept(&self, session: Vec<u8>) {
        self.order(move |e, now, call| e.accept(now, call, session));
    }

    /// Refuses an offer; see [`Endpoint::reject`].
    pub fn reject(&self, status: Status, fields: Headers) {
        self.order(move |e, now, call| e.reject(now, call, status, &fields));
    }

    /// Asks whether the other side still has the call; see [`Endpoint::ping`].
    pub fn ping(&self) {
        self.order(|e, now, call| e.ping(now, call));
    }

    /// Sends an INFO with a body; see [`Endpoint::info`].
    pub fn info(&self, content_type: &'static str, body: Vec<u8>) {
        self.order(move |e, now, call| e.info(now, call, content_type, body));
    }

    /// How its requests find a peer behind a NAT.
    pub fn set_nat_rule(&self, rule: NatRule) {
        self.order(move |e, _, call| {
            e.set_nat_rule(call, rule);
            Ok(())
        });
    }

    /// Answers a REFER; see [`Endpoint::refer_answer`].
    pub fn refer_answer(&self, status: Status) {
        self.order(move |e, now, call| e.refer_answer(now, call, status));
    }

    /// Tells whoever sent a REFER how far that is; see [`Endpoint::refer_progress`].
    pub fn refer_progress(&self, status: Status) {
        self.order(move |e, now, call| e.refer_progress(now, call, status));
    }

    /// What it wants of the other side; before it rings.
    pub fn set_terms(&self, terms: CallTerms) {
        self.order(move |e, _, call| {
            e.set_terms(call, terms);
            Ok(())
        });
    }

    /// What cannot be done any more, as an answer to a call that was just cancelled, is told by the call's end.
    fn order(
        &self,
        act: impl FnOnce(&mut Endpoint, Instant, CallKey) -> Result<(), CallError> + Send + 'static,
    ) {
        let _ = self.orders.send(Order::Act(self.key, Box::new(act)));
    }
}

impl Drop for SipCall {
    fn drop(&mut self) {
        if !self.over {
            self.hang_up(Headers::default());
        }
    }
}
