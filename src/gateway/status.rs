//! How the trunks are: for `omnigate trunk status` and the API.

use super::line::now;
use super::shared::Gateway;
use crate::calls::{LastCalls, Refusal};
use crate::sip::Stranger;
use crate::trunks::{self, RegistrationState, Trunk};
use futures_util::future::join_all;
use serde::Serialize;
use std::net::SocketAddr;
use std::time::Duration;

/// For the DNS to say where a gateway is.
const PATIENCE: Duration = Duration::from_secs(2);

/// All trunks, and what belongs to none.
#[derive(Debug, Serialize)]
pub struct TrunksStatus {
    /// In the order of the configuration.
    pub trunks: Vec<TrunkStatus>,
    /// The last call that was refused before it was one of a trunk.
    pub refusal: Option<Refusal>,
    /// Who has sent though no trunk allows it, the latest first.
    pub strangers: Vec<Stranger>,
}

/// One trunk.
#[derive(Debug, Serialize)]
pub struct TrunkStatus {
    /// Its name.
    pub name: String,
    /// Calls that live.
    pub calls: CallsNow,
    /// Its registration; none: it does not register.
    pub registration: Option<RegistrationState>,
    /// Where its calls out go.
    pub gateways: Vec<GatewayStatus>,
    /// Its last calls.
    #[serde(flatten)]
    pub last: LastCalls,
}

/// Live calls.
#[derive(Debug, Serialize)]
pub struct CallsNow {
    /// That came in.
    pub inbound: usize,
    /// That went out.
    pub outbound: usize,
    /// How many may go out at once; none: as many as the service may.
    pub channels: Option<u32>,
}

/// A gateway as it is written.
#[derive(Debug, Serialize)]
pub struct GatewayStatus {
    /// Host and port.
    pub gateway: String,
    /// Where that is, best first; empty: it is not found.
    pub addresses: Vec<AddressStatus>,
}

/// One address of a gateway.
#[derive(Debug, Serialize)]
pub struct AddressStatus {
    /// `udp`, `tcp`, …
    pub transport: &'static str,
    /// Address and port.
    pub address: SocketAddr,
    /// Whether it is called.
    pub up: bool,
    /// For how many seconds it is passed over.
    pub passed_over_seconds: Option<u64>,
    /// Status of its last answer to an OPTIONS; none: it has never answered one.
    pub options_status: Option<u16>,
}

impl Gateway {
    /// How the trunks are now.
    pub async fn trunks_status(&self) -> TrunksStatus {
        let trunks = self.trunks.get();
        TrunksStatus {
            trunks: join_all(trunks.all().map(|trunk| self.trunk_status(trunk))).await,
            refusal: self.calls.last("").refusal,
            strangers: self.sip.strangers(),
        }
    }

    async fn trunk_status(&self, trunk: &Trunk) -> TrunkStatus {
        let (inbound, outbound) = self.calls.live_of(&trunk.name);
        let gateways = trunk
            .gateways()
            .iter()
            .map(|gateway| self.gateway_status(gateway));
        TrunkStatus {
            name: trunk.name.clone(),
            calls: CallsNow {
                inbound,
                outbound,
                channels: trunk.channels(),
            },
            registration: trunk.registration(),
            gateways: join_all(gateways).await,
            last: self.calls.last(&trunk.name),
        }
    }

    async fn gateway_status(&self, gateway: &trunks::Gateway) -> GatewayStatus {
        let target = std::slice::from_ref(gateway.target());
        let found = tokio::time::timeout(PATIENCE, self.sip.resolve(target)).await;
        let address = |to: omnigate_sip::resolve::Candidate| {
            let report = self.reach.report((to.transport, to.address), now());
            AddressStatus {
                transport: to.transport.param(),
                address: to.address,
                up: report.passed_over.is_none(),
                passed_over_seconds: report.passed_over.map(|time| time.as_secs() + 1),
                options_status: report.options.map(|status| status.code()),
            }
        };
        GatewayStatus {
            gateway: gateway.to_string(),
            addresses: found
                .ok()
                .and_then(Result::ok)
                .unwrap_or_default()
                .into_iter()
                .map(address)
                .collect(),
        }
    }
}
