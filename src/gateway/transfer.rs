//! Where a call may be transferred to.

use super::control::TransferRefusal;
use super::shared::Gateway;
use crate::clock::unix_now;
use crate::trunks::{Route, ServiceCall};
use chrono::DateTime;
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

    /// Where `to` leads: six digits are a call number, all else a telephone number.
    pub(super) fn transfer_target(&self, to: &str, service: Option<&str>) -> Result<Target, TransferRefusal> {
        if let Ok(number) = CallNumber::parse(to) {
            return Ok(Target::Elsewhere(number));
        }
        if self.health.is_draining() {
            return Err(TransferRefusal::Unavailable);
        }
        let service = service.ok_or(TransferRefusal::NotTalking)?;
        let now = unix_now();
        let today = DateTime::from_timestamp(i64::try_from(now).unwrap_or_default(), 0);
        let today = today.unwrap_or_default().date_naive();
        let routes = self.trunks.routes(service, to, today);
        let routes = routes.map_err(|refusal| match refusal {
            DialRefusal::NotANumber => TransferRefusal::Target,
            refusal => TransferRefusal::Rule(refusal),
        })?;
        let place = self.usage.call(&self.trunks, service, now);
        Ok(Target::Telephone(routes, place.map_err(TransferRefusal::Rule)?))
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
