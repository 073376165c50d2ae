//! `omnigate service …`: services of a running service.

use super::api_client::{ApiClient, ServerArguments, part};
use super::output::{Failure, say};
use super::provision::{self, ChangeArguments, ListArguments, OneArguments, RemoveArguments, SetArguments};
use crate::config::{self, Kind, Settings};
use clap::Subcommand;
use serde_json::json;
use std::path::Path;

#[derive(Subcommand)]
pub(super) enum ServiceCommand {
    /// Make a service and print its key: the only time that it is shown. `key=@FILE` brings along one that apps have already.
    Add(SetArguments),
    /// List all services, those of the configuration file too.
    List(ListArguments),
    /// Show one: its settings, its keys, and what it has of what it may have.
    Show(OneArguments),
    /// Change settings of one; sessions, rooms and calls go on.
    Set(ChangeArguments),
    /// Remove one: its sessions and calls end, and its rooms, numbers and tokens are gone.
    Remove(RemoveArguments),
    /// Its keys.
    Key {
        #[command(subcommand)]
        command: KeyCommand,
    },
}

#[derive(Subcommand)]
pub(super) enum KeyCommand {
    /// Make another key and print it: the only time that it is shown. Those before hold on for a while.
    Rotate {
        /// The service.
        id: String,
        /// How long the keys before hold on, hours; 0: not at all.
        #[arg(long, value_name = "HOURS", default_value_t = 168)]
        keep: u64,
        /// What the API says, as JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        server: ServerArguments,
    },
    /// Take a key back at once; sessions that there are go on.
    Remove {
        /// The service.
        id: String,
        /// The key's own id, as `service show` lists it.
        key: String,
        #[command(flatten)]
        server: ServerArguments,
    },
}

pub(super) async fn run(path: Option<&Path>, command: ServiceCommand) -> Result<(), Failure> {
    let settings = config::load(path)?;
    let kind = Kind::Service;
    match command {
        ServiceCommand::Add(arguments) => provision::add(&settings, kind, arguments).await,
        ServiceCommand::List(arguments) => provision::list(&settings, kind, arguments).await,
        ServiceCommand::Show(arguments) => provision::show(&settings, kind, arguments).await,
        ServiceCommand::Set(arguments) => provision::set(&settings, kind, arguments).await,
        ServiceCommand::Remove(arguments) => provision::remove(&settings, kind, arguments).await,
        ServiceCommand::Key { command } => key(&settings, command).await,
    }
}

async fn key(settings: &Settings, command: KeyCommand) -> Result<(), Failure> {
    match command {
        KeyCommand::Rotate {
            id,
            keep,
            json,
            server,
        } => {
            let at = format!("{}/keys", provision::place(Kind::Service, &id));
            let order = json!({ "keep_seconds": keep.saturating_mul(3600) });
            let made = ApiClient::new(server, settings)?.post(&at, &order).await?;
            match json {
                true => say(&serde_json::to_string_pretty(&made)?),
                false => say(made["key"].as_str().unwrap_or_default()),
            }
        }
        KeyCommand::Remove { id, key, server } => {
            let at = format!("{}/keys/{}", provision::place(Kind::Service, &id), part(&key));
            ApiClient::new(server, settings)?.delete(&at).await?;
            say(&format!("{key}: opens no session any more"));
        }
    }
    Ok(())
}
