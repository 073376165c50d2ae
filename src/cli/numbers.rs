//! `omnigate number …`: call numbers of a running service.

use super::api_client::{ApiClient, ServerArguments, part};
use super::output::{Failure, say};
use super::provision::{fields, text};
use crate::config;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::path::Path;

#[derive(Subcommand)]
pub(super) enum NumberCommand {
    /// Make a number that leads to a room (room_id=ID) or a user (service_id=ID user_id=ID) and print it.
    Add {
        /// Where it leads, and what narrows it: number, expires_at, uses, callers, purpose, as uses=1 callers='["010-1234-5678"]'.
        #[arg(value_name = "KEY=VALUE", required = true)]
        wish: Vec<String>,
        #[command(flatten)]
        more: More,
    },
    /// List the numbers of a service that lead somewhere, the newest first.
    List {
        /// The service; default: that of the token.
        #[arg(long, value_name = "ID")]
        service: Option<String>,
        /// How many at most.
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: u32,
        #[command(flatten)]
        more: More,
    },
    /// Show one.
    Show {
        /// Six digits.
        number: String,
        #[command(flatten)]
        more: More,
    },
    /// Change what narrows one; what is not given narrows it no more.
    Set {
        /// Six digits.
        number: String,
        /// expires_at, uses, callers, purpose.
        #[arg(value_name = "KEY=VALUE", required = true)]
        terms: Vec<String>,
        #[command(flatten)]
        more: More,
    },
    /// Make another number in the place of one, and print it.
    Replace {
        /// Six digits.
        number: String,
        #[command(flatten)]
        more: More,
    },
    /// End one.
    Remove {
        /// Six digits.
        number: String,
        #[command(flatten)]
        more: More,
    },
}

#[derive(Args)]
pub(super) struct More {
    /// What the API says, as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerArguments,
}

const NUMBERS: &str = "/api/v1/numbers";

pub(super) async fn run(path: Option<&Path>, command: NumberCommand) -> Result<(), Failure> {
    let settings = config::load(path)?;
    let client = |more: More| Ok::<_, Failure>((ApiClient::new(more.server, &settings)?, more.json));
    let show = |answer: &Value, json: bool, brief: fn(&Value) -> String| -> Result<(), Failure> {
        say(&match json {
            true => serde_json::to_string_pretty(answer)?,
            false => brief(answer),
        });
        Ok(())
    };
    match command {
        NumberCommand::Add { wish, more } => {
            let (client, json) = client(more)?;
            let made = client.post(NUMBERS, &Value::Object(fields(&wish)?)).await?;
            show(&made, json, |made| text(&made["call_number"]))
        }
        NumberCommand::List { service, limit, more } => {
            let (client, json) = client(more)?;
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            query.append_pair("limit", &limit.to_string());
            if let Some(service) = &service {
                query.append_pair("service_id", service);
            }
            let all = client.get(&format!("{NUMBERS}?{}", query.finish())).await?;
            if json {
                return show(&all, json, text);
            }
            for one in all["numbers"].as_array().into_iter().flatten() {
                say(&line(one));
            }
            Ok(())
        }
        NumberCommand::Show { number, more } => {
            let (client, json) = client(more)?;
            show(&client.get(&at(&number)).await?, json, line)
        }
        NumberCommand::Set { number, terms, more } => {
            let (client, json) = client(more)?;
            let terms = Value::Object(fields(&terms)?);
            show(&client.patch(&at(&number), &terms).await?, json, line)
        }
        NumberCommand::Replace { number, more } => {
            let (client, json) = client(more)?;
            let at = format!("{}/replace", at(&number));
            let made = client.post(&at, &Value::Null).await?;
            show(&made, json, |made| text(&made["call_number"]))
        }
        NumberCommand::Remove { number, more } => {
            let (client, json) = client(more)?;
            client.delete(&at(&number)).await?;
            let ended = json!({ "call_number": number, "state": "ended" });
            show(&ended, json, |ended| {
                format!("{}: leads nowhere any more", text(&ended["call_number"]))
            })
        }
    }
}

/// Its place in the API.
fn at(number: &str) -> String {
    format!("{NUMBERS}/{}", part(number))
}

fn line(one: &Value) -> String {
    let target = &one["target"];
    let callers = one["callers"].as_array().map_or(0, Vec::len);
    let for_whom = match callers {
        0 => "all callers".to_owned(),
        callers => format!("{callers} callers"),
    };
    format!(
        "{}  {}  {} {}  ends {}  uses {}  {for_whom}  {}",
        text(&one["call_number"]),
        text(&one["service_id"]),
        text(&target["kind"]),
        text(&target["id"]),
        text(&one["expires_at"]),
        text(&one["uses"]),
        text(&one["purpose"])
    )
}
