//! Asks the gateways of trunks, now and then, whether they are there (OPTIONS, RFC 3261 section 11).

use super::follow;
use super::line::now;
use super::reach::{Change, Place};
use super::shared::Gateway as Calls;
use crate::supervise::test_point;
use crate::trunks::{Gateway, Trunk, Trunks};
use futures_util::future::join_all;
use omnigate_sip::Random;
use omnigate_sip::message::{Name, Response};
use omnigate_sip::resolve::Candidate;
use std::sync::Arc;
use std::time::Duration;
use tracing::{Instrument, info, info_span, warn};

/// Addresses of a gateway that are asked at most.
const MOST: usize = 16;
/// How often one is asked that is passed over, at the least: so that it is soon called again.
const AGAIN: Duration = Duration::from_secs(10);

/// No listener of ours goes there, or its host makes no SIP address.
pub(super) struct NoWay;

impl Calls {
    /// Asks all gateways until the service stops.
    pub async fn ping_gateways(self: Arc<Self>) {
        let pinged = |trunks: &Trunks| {
            let all = trunks.all().filter(|trunk| trunk.ping_every().is_some());
            all.map(|trunk| (trunk.name.clone(), trunk.clone())).collect()
        };
        follow::each(&self.trunks, &self.leaving, pinged, |trunk, end| {
            let span = info_span!("health", trunk = trunk.name);
            let calls = self.clone();
            let ping = async move {
                end.run_until_cancelled(calls.ping_trunk(&trunk)).await;
            };
            ping.instrument(span)
        })
        .await;
    }

    async fn ping_trunk(&self, trunk: &Trunk) {
        let Some(every) = trunk.ping_every() else { return };
        let mut random = Random::new(rand::random());
        loop {
            let rounds = trunk.gateways().iter().map(|gateway| (gateway, random.token()));
            let up = join_all(rounds.map(|(gateway, id)| self.ping(trunk, gateway, id))).await;
            test_point("pings");
            let wait = if up.contains(&false) {
                every.min(AGAIN)
            } else {
                every
            };
            // Not all trunks at one time.
            let share = rand::random_range(0.9..1.1);
            tokio::time::sleep(wait.mul_f64(share)).await;
        }
    }

    /// Asks one gateway, at all of its addresses; whether one of them takes calls.
    async fn ping(&self, trunk: &Trunk, gateway: &Gateway, id: String) -> bool {
        let found = match self.sip.resolve(std::slice::from_ref(gateway.target())).await {
            Ok(found) => found,
            Err(error) => {
                info!(%gateway, %error, "a gateway is not found");
                self.metrics.gateway_up(&trunk.name, &gateway.to_string(), false);
                return false;
            }
        };
        let asked = found.iter().take(MOST).enumerate();
        join_all(asked.map(|(n, to)| self.ping_address(trunk, gateway, to, format!("{id}{n}")))).await;
        let up = found
            .iter()
            .any(|to| !self.reach.is_down((to.transport, to.address), now()));
        self.metrics.gateway_up(&trunk.name, &gateway.to_string(), up);
        up
    }

    /// Asks one address of a gateway. `Err`: no request can be sent there; none: no answer, for as long as one has patience
    /// with a call.
    pub(super) async fn options(
        &self,
        trunk: &Trunk,
        gateway: &Gateway,
        to: &Candidate,
        id: &str,
    ) -> Result<Option<Box<Response>>, NoWay> {
        let hop = self.sip.way(to, &trunk.name).ok_or(NoWay)?;
        let own = self.sip.listeners().own(&hop);
        let request = trunk.options(gateway, &own, id).map_err(|_| NoWay)?;
        let answer = tokio::time::timeout(trunk.limits().answer, self.sip.ask(request, hop)).await;
        Ok(answer.ok().flatten())
    }

    async fn ping_address(&self, trunk: &Trunk, gateway: &Gateway, to: &Candidate, id: String) {
        let Ok(answer) = self.options(trunk, gateway, to, &id).await else {
            return;
        };
        let answer = answer.map(|response| (response.status, retry_after(&response)));
        let place: Place = (to.transport, to.address);
        let address = to.address;
        match self.reach.pinged(place, answer, now()) {
            Some(Change::Down(time)) => {
                let status = answer.map(|(status, _)| status.code());
                warn!(%gateway, %address, status, seconds = time.as_secs(), "a gateway does not answer OPTIONS; it is passed over");
            }
            Some(Change::Up) => info!(%gateway, %address, "a gateway answers OPTIONS again"),
            None => {}
        }
    }
}

fn retry_after(response: &Response) -> Option<Duration> {
    let text = response.headers.get(Name::RetryAfter)?;
    omnigate_sip::message::seconds(text).map(|seconds| Duration::from_secs(seconds.into()))
}
