//! Where a call may be transferred to.

use super::control::TransferRefusal;
use super::shared::Gateway;
use crate::trunks::{Route, ServiceCall};
use omnigate_omnitalk::{CallNumber, DialRefusal};
use omnigate_room::CallId;
use omnigate_sip::message::{Uri, UriParts, unescape};

/// Where a call goes.
pub(super) enum Target {
    /// Another telephone takes its place.
    Telephone(Vec<Route>, ServiceCall),
    /// The telephone goes where this number leads to.
    Elsewhere(CallNumber),
}

impl Gateway {
    /// Transfers a call: to a telephone number, or to a call number.
    ///
    /// # Errors
    /// Why not. What becomes of a transfer that has begun is told by log and metrics.
    pub async fn transfer(&self, call: CallId, to: &str) -> Result<(), TransferRefusal> {
        self.controls.transfer(call, to).await
    }

    /// Has a call ended, whoever talks in it; false: there is none.
    pub async fn hang_up(&self, call: CallId) -> bool {
        self.controls.hang_up(call).await
    }

    /// Where `to` leads: six digits are a call number, all else a telephone number.
    pub(super) fn transfer_target(&self, to: &str, service: Option<&str>) -> Result<Target, TransferRefusal> {
        if let Ok(number) = CallNumber::parse(to) {
            return Ok(Target::Elsewhere(number));
        }
        let service = service.ok_or(TransferRefusal::NotTalking)?;
        match self.may_call(service, to) {
            Ok((routes, place)) => Ok(Target::Telephone(routes, place)),
            Err(DialRefusal::NotANumber) => Err(TransferRefusal::Target),
            Err(DialRefusal::Unavailable) => Err(TransferRefusal::Unavailable),
            Err(refusal) => Err(TransferRefusal::Rule(refusal)),
        }
    }
}

/// The number that a Refer-To names; `None` for one that names a dialog to replace (RFC 3891), or nobody.
pub(super) fn referred_to(uri: &str) -> Option<String> {
    let uri: Uri = uri.parse().ok()?;
    match uri.parts() {
        UriParts::Sip(sip) if sip.headers.is_none() => sip.user.map(unescape),
        UriParts::Tel { number, .. } => Some(unescape(number)),
        _ => None,
    }
}
