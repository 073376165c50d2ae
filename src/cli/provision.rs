//! `omnigate service` and what changes trunks by `omnigate trunk`: provisioning of a running service by its API.

use super::api_client::{ApiClient, ServerArguments, part};
use super::output::{Failure, say};
use crate::config::{Kind, Settings};
use clap::Args;
use serde_json::{Map, Value, json};
use std::io::IsTerminal as _;

/// One that there is, or is to be.
#[derive(Debug, Args)]
pub(super) struct OneArguments {
    /// Its id or name.
    name: String,
    /// What the API says, as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerArguments,
}

/// All of them.
#[derive(Debug, Args)]
pub(super) struct ListArguments {
    /// What the API says, as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerArguments,
}

/// One with its settings.
#[derive(Debug, Args)]
pub(super) struct SetArguments {
    #[command(flatten)]
    one: OneArguments,
    /// Settings, by the keys of the configuration below `[[service]]` or `[[trunk]]`, as quota.rooms=50 or allow=203.0.113.0/28,198.51.100.7/32.
    /// A list or a table may be JSON; KEY=@FILE takes the value from a file, which is the way for secrets.
    #[arg(value_name = "KEY=VALUE")]
    settings: Vec<String>,
}

/// One that is to go.
#[derive(Debug, Args)]
pub(super) struct RemoveArguments {
    #[command(flatten)]
    one: OneArguments,
    /// Does not ask.
    #[arg(long)]
    yes: bool,
}

/// Keys that take the default again.
#[derive(Debug, Args)]
pub(super) struct ChangeArguments {
    #[command(flatten)]
    set: SetArguments,
    /// Takes the default of this key again; may be given several times.
    #[arg(long, value_name = "KEY")]
    unset: Vec<String>,
}

/// Where the API has those of a kind.
fn collection(kind: Kind) -> String {
    format!("/api/v1/{}s", kind.word())
}

/// Where it has one.
pub(super) fn place(kind: Kind, name: &str) -> String {
    format!("{}/{}", collection(kind), part(name))
}

pub(super) async fn add(settings: &Settings, kind: Kind, arguments: SetArguments) -> Result<(), Failure> {
    let SetArguments { one, settings: given } = arguments;
    let mut wish = fields(&given)?;
    wish.insert(kind.name_key().to_owned(), one.name.clone().into());
    let client = ApiClient::new(one.server, settings)?;
    let made = client.post(&collection(kind), &Value::Object(wish)).await?;
    if one.json {
        say(&serde_json::to_string_pretty(&made)?);
        return Ok(());
    }
    match made["key"].as_str() {
        // The only time that it is shown.
        Some(key) => say(key),
        None => say(&line(kind, &made)),
    }
    Ok(())
}

pub(super) async fn list(settings: &Settings, kind: Kind, arguments: ListArguments) -> Result<(), Failure> {
    let all = ApiClient::new(arguments.server, settings)?;
    let all = all.get(&collection(kind)).await?;
    if arguments.json {
        say(&serde_json::to_string_pretty(&all)?);
        return Ok(());
    }
    let key = format!("{}s", kind.word());
    for one in all[&key].as_array().into_iter().flatten() {
        say(&line(kind, one));
    }
    Ok(())
}

pub(super) async fn show(settings: &Settings, kind: Kind, arguments: OneArguments) -> Result<(), Failure> {
    let client = ApiClient::new(arguments.server, settings)?;
    let shown = client.get(&place(kind, &arguments.name)).await?;
    if arguments.json {
        say(&serde_json::to_string_pretty(&shown)?);
        return Ok(());
    }
    for line in lines(kind, &shown) {
        say(&line);
    }
    Ok(())
}

pub(super) async fn set(settings: &Settings, kind: Kind, arguments: ChangeArguments) -> Result<(), Failure> {
    let ChangeArguments { set, unset } = arguments;
    let mut patch = fields(&set.settings)?;
    for key in &unset {
        put(&mut patch, key, Value::Null)?;
    }
    if patch.is_empty() {
        return Err("nothing to set: give KEY=VALUE, or --unset KEY".into());
    }
    let client = ApiClient::new(set.one.server, settings)?;
    let shown = client
        .patch(&place(kind, &set.one.name), &Value::Object(patch))
        .await?;
    if set.one.json {
        say(&serde_json::to_string_pretty(&shown)?);
        return Ok(());
    }
    for line in lines(kind, &shown) {
        say(&line);
    }
    Ok(())
}

pub(super) async fn remove(
    settings: &Settings,
    kind: Kind,
    arguments: RemoveArguments,
) -> Result<(), Failure> {
    let OneArguments { name, json, server } = arguments.one;
    if !arguments.yes && kind == Kind::Service {
        let what = format!("`{name}` goes with its sessions, calls, rooms, numbers and tokens");
        if !std::io::stdin().is_terminal() {
            return Err(format!("{what}; say --yes").into());
        }
        say(&format!("{what}. Its id again, to go on:"));
        let mut given = String::new();
        std::io::stdin().read_line(&mut given)?;
        if given.trim() != name {
            return Err("nothing is removed".into());
        }
    }
    ApiClient::new(server, settings)?
        .delete(&place(kind, &name))
        .await?;
    say(&match json {
        true => json!({ kind.name_key(): name, "state": "removed" }).to_string(),
        false => format!("{name}: removed"),
    });
    Ok(())
}

/// `a.b=1` and the like, as tables.
pub(super) fn fields(given: &[String]) -> Result<Map<String, Value>, Failure> {
    let mut all = Map::new();
    for one in given {
        let (key, text) = one
            .split_once('=')
            .ok_or_else(|| format!("`{one}`: KEY=VALUE is expected, as quota.rooms=50"))?;
        put(&mut all, key, value(key, text)?)?;
    }
    Ok(all)
}

/// JSON where it is some, else text.
fn value(key: &str, text: &str) -> Result<Value, Failure> {
    if let Some(file) = text.strip_prefix('@') {
        let text = std::fs::read_to_string(file).map_err(|error| format!("{key}: {file}: {error}"))?;
        return Ok(text.trim_end_matches(['\r', '\n']).into());
    }
    Ok(serde_json::from_str(text).unwrap_or_else(|_| text.into()))
}

fn put(all: &mut Map<String, Value>, key: &str, value: Value) -> Result<(), Failure> {
    match key.split_once('.') {
        None => drop(all.insert(key.to_owned(), value)),
        Some((first, rest)) => match all.entry(first).or_insert_with(|| json!({})) {
            Value::Object(below) => put(below, rest, value)?,
            _ => return Err(format!("`{first}` is given as a value and as a table").into()),
        },
    }
    Ok(())
}

pub(super) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    }
}

fn line(kind: Kind, one: &Value) -> String {
    let name = text(&one[kind.name_key()]);
    let from = match one["source"].as_str() {
        Some("file") => "from file",
        _ => "made by command",
    };
    format!("{name:<24}  {from:<16}  {}", text(&one["state"]))
}

/// All of one, a key a line.
fn lines(kind: Kind, shown: &Value) -> Vec<String> {
    let mut lines = vec![line(kind, shown)];
    flatten("", &shown["settings"], &mut |key, value| {
        lines.push(format!("  {key} = {value}"))
    });
    let texts = |list: &Value| -> Vec<String> { list.as_array().into_iter().flatten().map(text).collect() };
    lines.extend(
        texts(&shown["secrets"])
            .iter()
            .map(|key| format!("  {key} = (secret)")),
    );
    for key in shown["keys"].as_array().into_iter().flatten() {
        let ends = match key["expires_at"].as_str() {
            Some(end) => format!("ends {end}"),
            None => "does not end".to_owned(),
        };
        lines.push(format!(
            "  key {}  made {}  {ends}",
            text(&key["id"]),
            text(&key["created_at"])
        ));
    }
    for (name, one) in shown["use"].as_object().into_iter().flatten() {
        lines.push(format!("  {name}: {} of {}", one["used"], one["most"]));
    }
    lines.extend(
        texts(&shown["faults"])
            .iter()
            .map(|fault| format!("  FAULT {fault}")),
    );
    lines
}

fn flatten(path: &str, value: &Value, tell: &mut dyn FnMut(&str, &Value)) {
    match value {
        Value::Object(below) => {
            for (name, value) in below {
                let key = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                flatten(&key, value, tell);
            }
        }
        other => tell(path, other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_given_by_the_keys_of_the_configuration() {
        let given = [
            "quota.rooms=50",
            "quota.calls=2",
            "record=all",
            "caller=070-1234-5678",
            "users=[{\"user\":\"a\"}]",
        ];
        let all = fields(&given.map(str::to_owned)).unwrap();
        let wanted = json!({
            "quota": { "rooms": 50, "calls": 2 }, "record": "all", "caller": "070-1234-5678", "users": [{ "user": "a" }],
        });
        assert_eq!(Value::Object(all), wanted);
        assert!(fields(&["quota".to_owned()]).is_err());
        assert!(fields(&["a=1".to_owned(), "a.b=1".to_owned()]).is_err());
        assert!(fields(&["password=@/no/such/file".to_owned()]).is_err());
    }

    #[test]
    fn what_is_shown_is_read_by_people() {
        let shown = json!({
            "id": "shop", "source": "store", "state": "left_out", "settings": { "quota": { "rooms": 5 } },
            "secrets": ["webhook.secret"], "keys": [{ "id": "k1", "created_at": "2026-11-30T00:00:00Z", "expires_at": null }],
            "use": { "rooms": { "used": 1, "most": 5 } }, "faults": ["id: `shop` occurs twice"],
        });
        let wanted = [
            "shop                      made by command   left_out",
            "  quota.rooms = 5",
            "  webhook.secret = (secret)",
            "  key k1  made 2026-11-30T00:00:00Z  does not end",
            "  rooms: 1 of 5",
            "  FAULT id: `shop` occurs twice",
        ];
        assert_eq!(lines(Kind::Service, &shown), wanted);
    }
}
