//! What happens to calls.

use crate::message::{Headers, Method, Status};

/// A call of one endpoint; no number is given twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallKey(pub(crate) u64);

/// What happened to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallEvent {
    /// A provisional response to our INVITE: it rings, or is in progress.
    Progress {
        /// 101 to 199.
        status: Status,
        /// Header fields, for those who want P-Early-Media or Alert-Info.
        headers: Headers,
    },
    /// The other side has accepted our INVITE; the call is up.
    Answered {
        /// Header fields of the 2xx.
        headers: Headers,
    },
    /// The ACK of our 2xx has come; the call is up.
    Confirmed,
    /// The other side offers a session: [`accept`](crate::Endpoint::accept) or [`reject`](crate::Endpoint::reject) it, within
    /// ten seconds.
    Offer(Vec<u8>),
    /// The other side wants an offer from us, by a re-INVITE without one: [`accept`](crate::Endpoint::accept) it with our
    /// offer, within ten seconds.
    OfferWanted,
    /// The other side's answer to our offer. In a provisional response it is early media, which a later answer of another
    /// fork may replace.
    Answer(Vec<u8>),
    /// Our offer was refused, by this status, or withdrawn; the session stays as it was.
    OfferRefused(Status),
    /// An INFO with a body (RFC 6086); it has had its 200.
    Info {
        /// Content-Type without parameters.
        content_type: String,
        /// Body.
        body: Vec<u8>,
    },
    /// The other side asks us to call somebody else (RFC 3515): [`refer_answer`](crate::Endpoint::refer_answer).
    Refer(ReferTo),
    /// A response to a request of ours, of a call that is [watched](crate::CallTerms::watched): 100 to the INVITE, and the
    /// final one to all others. [`CallEvent::Progress`] and the like tell the rest.
    Replied {
        /// Of the request.
        method: Method,
        /// 100, or 200 to 699.
        status: Status,
    },
    /// How far the other side's call of our REFER is: the status of its INVITE.
    ReferProgress(Status),
    /// It is over. Nothing follows.
    Ended(CallEnd),
}

/// Where a REFER points to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferTo {
    /// The URI to call.
    pub uri: String,
    /// Referred-By, when it says who asks.
    pub referred_by: Option<String>,
    /// False when no NOTIFY is wanted (RFC 4488).
    pub subscribed: bool,
}

/// How a call ended, as far as SIP tells.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallEnd {
    /// BYE from the other side, with its Reason fields.
    RemoteHungUp(Vec<Cause>),
    /// BYE from us.
    LocalHungUp,
    /// CANCEL before the answer: theirs to our side, with its Reason fields, or ours.
    Cancelled(Vec<Cause>),
    /// We refused, with this status.
    Refused(Status),
    /// They refused, with this status.
    Rejected(Rejection),
    /// Our 2xx was never acknowledged.
    NoAck,
    /// A reliable provisional response of ours was never acknowledged (RFC 3262 section 3).
    NoPrack,
    /// There was no answer to an offer, or no usable one.
    NoAnswer,
    /// Our INVITE rang for longer than it may.
    RingLimit,
    /// Nothing came back: no response to INVITE or to a request in the call.
    NoResponse,
    /// What had to be sent could not be sent.
    Unreachable,
    /// The other side does not know the call any more (481, or 408 to a request in it).
    Lost,
    /// The session was not refreshed (RFC 4028 section 10).
    Expired,
    /// Another call took its place (RFC 3891).
    Replaced,
}

/// A final response to our INVITE that is no 2xx.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// Status.
    pub status: Status,
    /// Reason-Phrase.
    pub phrase: String,
    /// Text of the first Warning (RFC 3261 section 20.43).
    pub warning: Option<String>,
    /// Reason fields.
    pub causes: Vec<Cause>,
    /// Retry-After, seconds.
    pub retry_after: Option<u32>,
    /// URIs of the Contacts of a redirection, the one with the highest q first.
    pub contacts: Vec<String>,
}

/// One Reason field (RFC 3326), owned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// `SIP`, `Q.850` and others.
    pub protocol: String,
    /// SIP status or Q.850 cause.
    pub cause: Option<u16>,
    /// Words.
    pub text: Option<String>,
}

impl Cause {
    /// The Reason fields of a message.
    pub fn all(headers: &Headers) -> Vec<Cause> {
        let reasons = headers.list(crate::message::Name::Reason);
        reasons
            .filter_map(crate::message::Reason::parse)
            .map(|r| Cause {
                protocol: r.protocol.to_owned(),
                cause: r.cause,
                text: r.text.map(str::to_owned),
            })
            .collect()
    }
}

/// Why something that was asked of a call is not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// There is no such call, or it is over.
    #[error("the call is over")]
    Over,
    /// The call is not in a state for that.
    #[error("the call is not in a state for that")]
    State,
    /// An offer is under way in one direction or the other (RFC 3264 section 4).
    #[error("an offer is not answered yet")]
    OfferPending,
}
