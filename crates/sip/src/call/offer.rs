//! Whose offer waits for whose answer (RFC 3261 section 13.2.1, RFC 3262 section 5, RFC 3311 section 5, RFC 6337).

use super::settings::OFFER_LIMIT;
use crate::message::{Headers, Request, parts};
use crate::transaction::ServerId;
use std::time::Instant;

/// The state of offer and answer.
#[derive(Debug)]
pub(crate) enum Offer {
    /// No offer is on its way.
    None,
    /// Ours waits for the other side's answer; the transaction that carries it has its own end.
    Ours,
    /// Theirs waits for our answer, or they for our offer.
    Theirs(Place, Option<Instant>),
}

/// Where our answer is to go.
#[derive(Debug)]
pub(crate) enum Place {
    /// Into a provisional response or the 2xx of the INVITE that began the call.
    Invite,
    /// Into the 2xx of a re-INVITE; `wanted`: it had no offer and wants one.
    Reinvite {
        id: ServerId,
        request: Box<Request>,
        wanted: bool,
    },
    /// Into the 2xx of an UPDATE.
    Update { id: ServerId, request: Box<Request> },
    /// Into the 2xx of a PRACK.
    Prack { id: ServerId, request: Box<Request> },
    /// Into the ACK of the 2xx to our INVITE, which had no offer.
    Ack { number: u32 },
    /// Into the PRACK of a reliable provisional response to our INVITE: by its fork and RSeq.
    Provisional { tag: Box<str>, rseq: u32 },
}

impl Offer {
    /// Theirs, to be answered within [`OFFER_LIMIT`].
    pub(crate) fn theirs(place: Place, now: Instant) -> Offer {
        Offer::Theirs(place, Some(now + OFFER_LIMIT))
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self {
            Offer::Theirs(_, until) => *until,
            _ => None,
        }
    }

    pub(crate) fn is_none(&self) -> bool {
        matches!(self, Offer::None)
    }

    pub(crate) fn is_ours(&self) -> bool {
        matches!(self, Offer::Ours)
    }
}

/// The session description in a body, alone or among other parts; `Err` when there are parts, but none of them.
///
/// What stands beside it (ISUP of SIP-I trunks, XML) is passed over whatever its handling says: a call that is heard is
/// worth more than a 415.
pub(crate) fn session<'a>(headers: &'a Headers, body: &'a [u8]) -> Result<Option<&'a [u8]>, NoSession> {
    if body.is_empty() {
        return Ok(None);
    }
    let parts = parts(headers, body);
    let found = parts
        .iter()
        .find(|p| p.content_type.eq_ignore_ascii_case("application/sdp"));
    match found {
        Some(part) => Ok(Some(part.content)),
        None if parts.iter().all(|p| !p.required) => Ok(None),
        None => Err(NoSession),
    }
}

/// A body of which nothing is understood: 415.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoSession;

/// Content-Type of session descriptions.
pub(crate) const SDP: &str = "application/sdp";
