//! Secrets: from the file itself, from a file of their own, or from a variable of the environment. No fault shows one.

use super::section::{hidden, values};
use omnigate_room::Secret;
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Written {
    Plain(String),
    Number(i64),
    File { file: String },
    Env { env: String },
}

fn secret(written: Value) -> Result<Option<Secret>, String> {
    let written: Option<Written> =
        hidden(written).map_err(|_| "expected text, { file = \"…\" } or { env = \"…\" }")?;
    let text = match written {
        None => return Ok(None),
        Some(Written::Plain(text)) => text,
        Some(Written::Number(number)) => number.to_string(),
        Some(Written::File { file }) => std::fs::read_to_string(&file)
            .map(|text| text.trim_end_matches(['\r', '\n']).to_owned())
            .map_err(|error| format!("file {file} cannot be read: {error}"))?,
        Some(Written::Env { env }) => {
            std::env::var(&env).map_err(|_| format!("variable {env} is not set"))?
        }
    };
    // An empty secret is one that everybody knows.
    if text.trim().is_empty() {
        return Err("is empty; write a long random text, or leave the key out".to_owned());
    }
    Ok(Some(Secret::new(text)))
}

/// One that there must be.
fn needed(written: Value) -> Result<Secret, String> {
    secret(written)?.ok_or_else(|| "is empty".to_owned())
}

values! { secret; Option<Secret> }
values! { needed; Secret }
