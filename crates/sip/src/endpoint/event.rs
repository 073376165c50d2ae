//! What an endpoint has to say to its driver.

use crate::call::{CallEvent, CallKey};
use crate::hop::Hop;
use crate::message::{Fault, Headers, Request, Response, Status};
use crate::transaction::{ClientId, Failure, ServerId, Transmit};
use std::sync::Arc;

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
    /// A request outside of any call, as OPTIONS, REGISTER or MESSAGE: [`respond`](crate::Endpoint::respond).
    Request(ServerId, Box<Request>, Hop),
    /// A response to a request of [`send`](crate::Endpoint::send).
    Response(ClientId, Box<Response>, Hop),
    /// A request of [`send`](crate::Endpoint::send) has failed.
    Failed(ClientId, Failure),
    /// The host of this URI is the next hop of a call and is a name: [`resolved`](crate::Endpoint::resolved). Until then requests of the call
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
    /// Its fields by [`mark_calls`](crate::Endpoint::mark_calls).
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
    /// Its fields by [`mark_calls`](crate::Endpoint::mark_calls).
    pub mark: Option<Arc<Headers>>,
}
