//! Values that never show themselves.

use super::section::{hidden, values};
use serde::{Deserialize, Deserializer};
use std::fmt;

/// A secret from the file itself, from a file of its own, or from a variable of the environment.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The value itself, for comparison and for the wire.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Secret {
        Secret(text.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Written {
    Plain(String),
    Number(i64),
    File { file: String },
    Env { env: String },
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Secret, D::Error> {
        use serde::de::Error;
        let written = Written::deserialize(d)
            .map_err(|_| D::Error::custom("expected text, { file = \"…\" } or { env = \"…\" }"))?;
        match written {
            Written::Plain(text) => Ok(Secret(text)),
            Written::Number(n) => Ok(Secret(n.to_string())),
            Written::File { file } => std::fs::read_to_string(&file)
                .map(|t| Secret(t.trim_end_matches(['\r', '\n']).to_owned()))
                .map_err(|e| D::Error::custom(format!("file {file} cannot be read: {e}"))),
            Written::Env { env } => std::env::var(&env)
                .map(Secret)
                .map_err(|_| D::Error::custom(format!("variable {env} is not set"))),
        }
    }
}

values! { hidden; Option<Secret> }
