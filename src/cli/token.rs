//! `omnigate token …`: who may ask the API.

use super::api_client::{ApiClient, ServerArguments, part};
use super::output::{Failure, say};
use crate::clock::{unix_now, utc};
use crate::config;
use clap::Subcommand;
use serde_json::{Value, json};
use std::path::Path;

#[derive(Subcommand)]
pub(super) enum TokenCommand {
    /// Make a token and print it: the only time that it is shown.
    Add {
        /// For people: whose it is, or what for.
        name: String,
        /// What it may: admin (everything), or of one service: read, rooms, calls, recordings; several allowed. Default: admin, with
        /// --service read.
        #[arg(long, value_name = "SCOPE", value_delimiter = ',')]
        scope: Vec<String>,
        /// The service whose it is.
        #[arg(long, value_name = "ID")]
        service: Option<String>,
        /// When it ends: a time as 2027-12-31T23:59:59Z, or after so long: 90d, 12h, 30m.
        #[arg(long, value_name = "WHEN")]
        expires: Option<String>,
        /// What the API says, as JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        server: ServerArguments,
    },
    /// List all tokens, those that open nothing any more too.
    List {
        /// What the API says, as JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        server: ServerArguments,
    },
    /// Show one.
    Show {
        /// Its id.
        id: String,
        /// What the API says, as JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        server: ServerArguments,
    },
    /// Take one back: from now on it opens nothing.
    Remove {
        /// Its id; `file`: that of the first start.
        id: String,
        /// What the API says, as JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        server: ServerArguments,
    },
}

pub(super) async fn run(path: Option<&Path>, command: TokenCommand) -> Result<(), Failure> {
    let settings = config::load(path)?;
    let client = |server| ApiClient::new(server, &settings);
    match command {
        TokenCommand::Add {
            name,
            scope,
            service,
            expires,
            json,
            server,
        } => {
            let order = order(name, scope, service, expires.as_deref())?;
            let made = client(server)?.post("/api/v1/tokens", &order).await?;
            say(&match json {
                true => serde_json::to_string_pretty(&made)?,
                false => made["token"].as_str().unwrap_or_default().to_owned(),
            });
        }
        TokenCommand::List { json, server } => {
            let all = client(server)?.get("/api/v1/tokens").await?;
            if json {
                say(&serde_json::to_string_pretty(&all)?);
                return Ok(());
            }
            for token in all["tokens"].as_array().into_iter().flatten() {
                say(&line(token));
            }
        }
        TokenCommand::Show { id, json, server } => {
            let token = client(server)?.get(&at(&id)).await?;
            say(&match json {
                true => serde_json::to_string_pretty(&token)?,
                false => line(&token),
            });
        }
        TokenCommand::Remove { id, json, server } => {
            client(server)?.delete(&at(&id)).await?;
            say(&match json {
                true => json!({ "id": id, "state": "revoked" }).to_string(),
                false => format!("{id}: opens nothing any more"),
            });
        }
    }
    Ok(())
}

/// Its place in the API.
fn at(id: &str) -> String {
    format!("/api/v1/tokens/{}", part(id))
}

fn order(
    name: String,
    scopes: Vec<String>,
    service: Option<String>,
    expires: Option<&str>,
) -> Result<Value, Failure> {
    let usual = if service.is_some() { "read" } else { "admin" };
    let scopes = if scopes.is_empty() {
        vec![usual.to_owned()]
    } else {
        scopes
    };
    let expires_at = expires.map(|text| ends(text, unix_now())).transpose()?;
    Ok(json!({ "name": name, "scopes": scopes, "service_id": service, "expires_at": expires_at }))
}

/// A time, or one that is so far from `now`, unix seconds.
fn ends(text: &str, now: u64) -> Result<String, Failure> {
    let unit = match text.chars().last() {
        Some('d') => 86_400,
        Some('h') => 3600,
        Some('m') => 60,
        _ => return Ok(text.to_owned()),
    };
    let many = text
        .get(..text.len() - 1)
        .and_then(|many| many.parse::<u64>().ok());
    let at = many.and_then(|many| now.checked_add(many.checked_mul(unit)?));
    let at = at.filter(|at| *at < 1 << 36);
    Ok(utc(at.ok_or(
        "--expires: as 90d, 12h or 30m, or a time as 2027-12-31T23:59:59Z",
    )?))
}

fn line(token: &Value) -> String {
    let text = |key: &str| token[key].as_str().unwrap_or("-").to_owned();
    let scopes: Vec<&str> = token["scopes"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    format!(
        "{:<16}  {:<8}  {}  {}  made {}  ends {}  used {}  {}",
        text("id"),
        text("state"),
        scopes.join(","),
        text("service_id"),
        text("created_at"),
        text("expires_at"),
        text("last_used_at"),
        text("name")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_ends_at_a_time_or_after_one() {
        assert_eq!(ends("2d", 0).unwrap(), "1970-01-03T00:00:00Z");
        assert_eq!(ends("90m", 0).unwrap(), "1970-01-01T01:30:00Z");
        assert_eq!(ends("2027-12-31T23:59:59Z", 0).unwrap(), "2027-12-31T23:59:59Z");
        for text in ["d", "xd", "99999999999999999999d", "9999999999999d"] {
            assert!(ends(text, 0).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_not_said_is_an_admin_or_a_reader_of_the_service() {
        let scopes = |service: Option<&str>| {
            let order = order("n".to_owned(), Vec::new(), service.map(str::to_owned), None).unwrap();
            order["scopes"].clone()
        };
        assert_eq!(scopes(None), json!(["admin"]));
        assert_eq!(scopes(Some("shop")), json!(["read"]));
    }
}
