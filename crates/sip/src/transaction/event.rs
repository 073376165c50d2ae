//! What comes out of the transactions.

use crate::hop::Hop;
use crate::message::{Headers, Request, Response};
use bytes::Bytes;

/// A server transaction: a request that came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServerId(pub(super) u64);

/// A client transaction: a request that went out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientId(pub(super) u64);

/// Bytes to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transmit {
    /// Which way.
    pub hop: Hop,
    /// One whole message.
    pub bytes: Bytes,
    /// Who is told when it cannot be sent; to be handed back with the failure.
    pub origin: Origin,
}

/// Whose bytes they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Origin {
    /// The request of a client transaction, or the ACK that ends it.
    Client(ClientId),
    /// A response.
    Server(ServerId),
    /// The ACK of a 2xx, with the number that it was given.
    Ack(u64),
    /// Nobody's: an answer to something unreadable.
    Nobody,
}

/// Why a request has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// No final response within 64 T1; 408 (RFC 3261 section 8.1.3.1).
    #[error("no final response in time")]
    Timeout,
    /// It could not be sent; 503 (RFC 3261 section 8.1.3.1).
    #[error("it could not be sent")]
    Transport,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A request that begins a server transaction, and the way that it came. It is never an ACK or a CANCEL.
    Request(ServerId, Box<Request>, Hop),
    /// The INVITE of this transaction is cancelled, by a CANCEL with these fields, which has had its 200. The INVITE wants a
    /// 487.
    Cancelled(ServerId, Box<Headers>),
    /// An ACK that belongs to no transaction: that of a 2xx.
    Ack(Box<Request>, Hop),
    /// A response to a request of ours, and the way that it came.
    Response(ClientId, Box<Response>, Hop),
    /// A request of ours has failed without a final response, and is forgotten.
    ClientFailed(ClientId, Failure),
    /// A request of ours is forgotten; no event of it follows.
    ClientGone(ClientId),
    /// A request that came is forgotten; no event of it follows.
    ServerGone(ServerId),
    /// A response could not be sent, or the ACK of a refusal never came; the request is forgotten.
    ServerFailed(ServerId, Failure),
}

/// What is to be done, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Send.
    Transmit(Transmit),
    /// Take note.
    Event(Event),
}
