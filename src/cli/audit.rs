//! `omnigate audit`: who did what.

use super::api_client::{ApiClient, ServerArguments};
use super::output::{Failure, say};
use crate::config;
use clap::Args;
use serde_json::Value;
use std::path::Path;
use url::form_urlencoded::Serializer;

/// Entries that are asked for at once.
const PAGE: usize = 500;

/// What is looked for, the newest first.
#[derive(Debug, Args)]
pub(super) struct AuditArguments {
    /// From this time on: 2026-11-30T12:00:00Z, or a day (UTC).
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Before this time.
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// Of this token or session, by its id, or of a kind: token, session, system, stranger.
    #[arg(long, value_name = "WHO")]
    who: Option<String>,
    /// Of this action only, as token_add, recording_delete, denied.
    #[arg(long, value_name = "ACTION")]
    what: Option<String>,
    /// At most so many.
    #[arg(long, default_value_t = 50, value_name = "N")]
    limit: usize,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerArguments,
}

pub(super) async fn run(path: Option<&Path>, arguments: AuditArguments) -> Result<(), Failure> {
    let settings = config::load(path)?;
    let client = ApiClient::new(arguments.server, &settings)?;
    let mut left = arguments.limit;
    let mut before: Option<String> = None;
    while left > 0 {
        let page = left.min(PAGE);
        let mut query = Serializer::new(String::new());
        query.append_pair("limit", &page.to_string());
        for (name, value) in [
            ("from", &arguments.from),
            ("to", &arguments.to),
            ("who", &arguments.who),
            ("what", &arguments.what),
            ("before", &before),
        ] {
            if let Some(value) = value {
                query.append_pair(name, value);
            }
        }
        let answer = client.get(&format!("/api/v1/audit?{}", query.finish())).await?;
        let entries = answer["entries"].as_array().cloned().unwrap_or_default();
        for entry in &entries {
            say(&if arguments.json {
                entry.to_string()
            } else {
                line(entry)
            });
        }
        if entries.len() < page {
            break;
        }
        left -= entries.len();
        before = entries
            .last()
            .and_then(|last| last["id"].as_str().map(str::to_owned));
    }
    Ok(())
}

fn line(entry: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let who = match entry["who"]["id"].as_str() {
        Some(id) => format!("{} {id}", text(&entry["who"]["kind"])),
        None => text(&entry["who"]["kind"]),
    };
    let mut line = format!(
        "{}  {:<20}  {}  {}  from {}  by {who}",
        text(&entry["at"]),
        text(&entry["what"]),
        text(&entry["subject"]),
        text(&entry["result"]),
        text(&entry["from"])
    );
    if let Some(service) = entry["service_id"].as_str() {
        line += &format!("  of {service}");
    }
    if !entry["detail"].is_null() {
        line += &format!("  {}", entry["detail"]);
    }
    line
}
