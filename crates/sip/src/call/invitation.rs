//! What a call of ours begins with.

use super::terms::CallTerms;
use super::way::NatRule;
use crate::digest::Credentials;
use crate::hop::Hop;
use crate::message::{Headers, Uri};

/// A call that is to be made.
#[derive(Debug, Clone)]
pub struct Invitation {
    /// Request-URI.
    pub uri: Uri,
    /// From, without a tag: `"Name" <sip:user@host>`.
    pub from: String,
    /// To.
    pub to: String,
    /// The way of the first message, from [`Listeners`](crate::Listeners) and what was resolved.
    pub hop: Hop,
    /// Routes that are set before (an outbound proxy, Service-Route), in angle brackets.
    pub routes: Vec<String>,
    /// Our offer; without one the other side makes it.
    pub offer: Option<Vec<u8>>,
    /// User and password for those who ask, on the INVITE and on every request of the call.
    pub credentials: Vec<Credentials>,
    /// More header fields: identities, Replaces.
    pub headers: Headers,
    /// How requests of the call find a peer behind a NAT.
    pub nat: NatRule,
    /// What it wants of the other side.
    pub terms: CallTerms,
}
