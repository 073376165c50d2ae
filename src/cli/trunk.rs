//! `omnigate trunk …`: how trunks are, and what they would do.

use super::api_client::ServerArguments;
use super::output::{Failure, say};
use super::provision::{self, ChangeArguments, ListArguments, OneArguments, RemoveArguments, SetArguments};
use super::{trunk_certify, trunk_status};
use crate::config::{self, Kind, Settings, Written};
use crate::provision::Plan;
use crate::store::Store;
use crate::trunks::{Route, Trunks};
use chrono::Utc;
use clap::Subcommand;
use omnigate_sip::message::Transport;
use omnigate_sip::{Hop, Invitation, Listener, ListenerId, Listeners};
use serde_json::{Value, json};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;

#[derive(Subcommand)]
pub(super) enum TrunkCommand {
    /// Show how the trunks of a running service are: registration, gateways, the last calls, the last refusal.
    Status {
        /// As JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        server: ServerArguments,
    },
    /// Try how the trunk NAME of a running service behaves, by calls, and report what is right and which settings fit.
    Certify(trunk_certify::CertifyArguments),
    /// Show which trunks, gateways, numbers and headers a call to NUMBER would use. Sends nothing.
    Try {
        /// The number as an app would write it.
        number: String,
        /// The service whose call it would be; default: the first one.
        #[arg(long, value_name = "ID")]
        service: Option<String>,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Make a trunk of a running service: calls come and go by it at once.
    Add(SetArguments),
    /// List all trunks, those of the configuration file too.
    List(ListArguments),
    /// Show how one is set.
    Show(OneArguments),
    /// Change settings of one; calls that there are go on with what they have.
    Set(ChangeArguments),
    /// Remove one: no calls come or go by it any more; those that there are go on.
    Remove(RemoveArguments),
}

pub(super) async fn run(path: Option<&Path>, command: TrunkCommand) -> Result<(), Failure> {
    let settings = config::load(path)?;
    match command {
        TrunkCommand::Status { json, server } => trunk_status::run(&settings, server, json).await,
        TrunkCommand::Certify(arguments) => trunk_certify::run(&settings, arguments).await,
        TrunkCommand::Try {
            number,
            service,
            json,
        } => try_number(&provisioned(path, settings).await?, &number, service, json),
        TrunkCommand::Add(arguments) => provision::add(&settings, Kind::Trunk, arguments).await,
        TrunkCommand::List(arguments) => provision::list(&settings, Kind::Trunk, arguments).await,
        TrunkCommand::Show(arguments) => provision::show(&settings, Kind::Trunk, arguments).await,
        TrunkCommand::Set(arguments) => provision::set(&settings, Kind::Trunk, arguments).await,
        TrunkCommand::Remove(arguments) => provision::remove(&settings, Kind::Trunk, arguments).await,
    }
}

/// The settings with services and trunks that were made by command, as far as the store can be read from here.
async fn provisioned(path: Option<&Path>, settings: Settings) -> Result<Settings, Failure> {
    match Store::open_beside(settings.store.url.expose()).await {
        Ok(store) => Ok(Plan::start(Written::load(path)?, &store)
            .await?
            .settings()
            .clone()),
        Err(_) => Ok(settings),
    }
}

fn try_number(settings: &Settings, number: &str, service: Option<String>, json: bool) -> Result<(), Failure> {
    let first = settings.service.first().map(|one| one.id.clone());
    let service = service.or(first).ok_or("there is no service")?;
    if !settings.service.iter().any(|one| one.id == service) {
        return Err(format!("--service: `{service}` is no [[service]] id").into());
    }
    let today = Utc::now().date_naive();
    let routes = Trunks::new(settings).routes(&service, number, today)?;
    let own = settings.sip.advertise.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let ways = ways(&routes, SocketAddr::new(own, 5060))?;
    if json {
        say(&serde_json::to_string_pretty(
            &json!({ "service": service, "ways": ways }),
        )?);
        return Ok(());
    }
    for (i, way) in ways.iter().enumerate() {
        let text = |key: &str| way[key].as_str().unwrap_or_default().to_owned();
        say(&format!(
            "{}. trunk {}, gateway {}",
            i + 1,
            text("trunk"),
            text("gateway")
        ));
        say(&format!("   INVITE {} SIP/2.0", text("uri")));
        for header in way["headers"].as_array().into_iter().flatten() {
            say(&format!("   {}", header.as_str().unwrap_or_default()));
        }
    }
    Ok(())
}

/// What would be sent, gateway by gateway, in the order in which they are asked.
fn ways(routes: &[Route], own: SocketAddr) -> Result<Vec<Value>, Failure> {
    let listeners = Listeners::new(vec![Listener {
        transport: Transport::Udp,
        bound: own,
        advertised: None,
    }]);
    let hop = Hop::datagram(ListenerId(0), own, own);
    let at = listeners.own(&hop);
    let mut ways = Vec::new();
    for route in routes {
        for gateway in route.trunk.gateways() {
            let invitation = route.invitation(gateway, hop.clone(), &at, Vec::new())?;
            ways.push(json!({
                "trunk": route.trunk.name,
                "gateway": gateway.to_string(),
                "uri": invitation.uri.to_string(),
                "headers": headers(&invitation),
            }));
        }
    }
    Ok(ways)
}

fn headers(invitation: &Invitation) -> Vec<String> {
    let mut all = vec![
        format!("From: {}", invitation.from),
        format!("To: {}", invitation.to),
    ];
    let others = invitation.headers.iter();
    all.extend(others.map(|(name, value)| format!("{name}: {value}")));
    all
}
