//! What the API shows of a call.

use super::stage::Stage;
use omnigate_room::CallId;
use serde::Serialize;
use std::net::SocketAddr;

/// One call. Numbers are masked.
#[derive(Debug, Clone, Serialize)]
pub struct CallRecord {
    /// Its id.
    pub id: CallId,
    /// Whether a telephone called, or was called by an app.
    pub direction: Direction,
    /// Trunk name.
    pub trunk: String,
    /// Calling number, masked.
    pub caller: String,
    /// Called number, masked.
    pub called: String,
    /// The number that the network has sent a call out to instead, masked.
    pub sent_to: Option<String>,
    /// What is said of the calling number.
    #[serde(flatten)]
    pub provenance: Provenance,
    /// Where the carrier sent the INVITE from.
    pub source: Option<SocketAddr>,
    /// The gateway that was called last.
    pub gateway: Option<SocketAddr>,
    /// The Call-ID of SIP.
    pub sip_call_id: Option<String>,
    /// The service whose app calls, or whose room or person a telephone has reached; none before that.
    pub service: Option<String>,
    /// `dialling`, `ivr`, `ringing`, `talking`, `ending`, `ended`.
    pub state: &'static str,
    /// Where in the menu or call the caller is, or was at its end.
    pub stage: Stage,
    /// Unix seconds of the INVITE.
    pub started_at: u64,
    /// Unix seconds of the 200.
    pub answered_at: Option<u64>,
    /// Unix seconds of the end.
    pub ended_at: Option<u64>,
    /// Class of the end.
    pub class: Option<&'static str>,
    /// Reason of the end.
    pub reason: Option<&'static str>,
    /// SIP status that goes with the reason.
    pub sip_status: Option<u16>,
    /// Cause of ITU-T Q.850 that the network gave.
    pub q850: Option<u16>,
}

/// What is said of a calling number, beside the number; of that of a call out, nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Provenance {
    /// The network's word on whether the caller may show it, as `TN-Validation-Passed` (3GPP TS 24.229 section 7.2A.20); none:
    /// it says nothing.
    pub verstat: Option<String>,
    /// It is none of the trunk's country.
    pub foreign: Option<bool>,
}

/// Which way a call goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// From a telephone.
    Inbound,
    /// To a telephone.
    Outbound,
}
