//! Calls of apps to telephones (9.8), as the hub and whoever calls the telephone speak of them.

use crate::masked::Unshown;
use thiserror::Error;

/// A call that an app wants to a telephone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Dialling {
    /// The service whose call it is.
    pub service_id: String,
    /// The number as the app wrote it.
    pub number: Unshown,
    /// The user who calls.
    pub user_id: Unshown,
}

/// Why a telephone is not called. The text becomes `reason` on the wire (3.3): it names the field, or the setting of the
/// server's owner that says so.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum DialRefusal {
    /// What was dialled is no number of the plan.
    #[error("callee is no telephone number: send digits, as 02-123-4567 or +82 2 123 4567")]
    NotANumber,
    /// 112, 119 and the like, and no trunk is for them.
    #[error("callee is an emergency number: no trunk of this server is for those, dial it on a telephone")]
    Emergency,
    /// The service may not call there.
    #[error("callee is not among the numbers that may be called from here: {rule}")]
    Forbidden {
        /// The setting that says so.
        rule: &'static str,
    },
    /// No trunk goes there.
    #[error("No trunk of this server calls that number: trunk.destinations")]
    NoTrunk,
    /// There is no number that the call may show.
    #[error("There is no caller number for this call: {rule}")]
    NoCaller {
        /// The setting that is missing, or the rule that it breaks.
        rule: &'static str,
    },
    /// As many calls as there may be.
    #[error("Too many calls to telephones at the moment: {rule}")]
    TooMany {
        /// The limit.
        rule: &'static str,
    },
    /// The service has used up its minutes.
    #[error("The minutes of today are used up: service.minutes_a_day")]
    MinutesUsed,
    /// The server stops, or is overloaded.
    #[error("No telephone can be called at the moment: call again later")]
    Unavailable,
}
