//! `omnigate webhook …`: what waits in the outbox, and sending again.

use super::output::{Failure, say};
use crate::config;
use crate::store::Store;
use crate::webhook::{Outbox, Replay};
use clap::Subcommand;
use std::path::Path;

#[derive(Subcommand)]
pub(super) enum WebhookCommand {
    /// List deliveries, the newest first.
    List {
        /// Only those in this state: pending, delivered, given_up or withdrawn (the recording was deleted before).
        #[arg(long, value_name = "STATE")]
        state: Option<String>,
        /// At most so many.
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: u32,
        /// One JSON object a line.
        #[arg(long)]
        json: bool,
    },
    /// Send a delivery again, by its running service, with the same webhook-id.
    Replay {
        /// The webhook-id: msg_…
        id: String,
    },
}

pub(super) async fn run(config: Option<&Path>, command: WebhookCommand) -> Result<(), Failure> {
    let settings = config::load(config)?;
    let outbox = Outbox::new(Store::open_beside(settings.store.url.expose()).await?);
    match command {
        WebhookCommand::List { state, limit, json } => {
            for one in outbox.list(state.as_deref(), i64::from(limit)).await? {
                say(&if json {
                    serde_json::to_string(&one)?
                } else {
                    format!(
                        "{}  {}  {}  {}  {} tries  {}",
                        one.id, one.created_at, one.event, one.state, one.attempts, one.result
                    )
                });
            }
            Ok(())
        }
        WebhookCommand::Replay { id } => match outbox.replay(&id).await? {
            Replay::Begun => {
                say(&format!(
                    "{id}: is sent again within a minute while omnigate serves"
                ));
                Ok(())
            }
            Replay::Forgotten => Err(
                "its body is forgotten (webhook.keep_days, or its recording was deleted): it cannot be sent again"
                    .into(),
            ),
            Replay::Unknown => Err("there is no such delivery".into()),
        },
    }
}
