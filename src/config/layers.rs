//! The layers: where they come from, and how they become what is written.

use super::faults::{Faults, UNKNOWN, nearest_of};
use super::section::Setting;
use super::settings::Settings;
use serde_json::Value;
use std::path::Path;

/// Where the layers come from.
pub(super) struct Source {
    pub(super) text: String,
    pub(super) env: Vec<(String, String)>,
}

impl Source {
    /// `path`, else the file that `OMNIGATE_CONFIG` names, else nothing; and the environment.
    pub(super) fn of(path: Option<&Path>) -> Result<Source, Faults> {
        let named = std::env::var_os("OMNIGATE_CONFIG").map(std::path::PathBuf::from);
        let text = match path.or(named.as_deref()) {
            Some(path) => std::fs::read_to_string(path).map_err(|error| {
                let mut faults = Faults::default();
                faults.add(&path.display().to_string(), format!("cannot be read: {error}"));
                faults
            })?,
            None => String::new(),
        };
        Ok(Source {
            text,
            env: std::env::vars().collect(),
        })
    }
}

/// A fault of the parser shows the line that it stumbled over, `4 | token = …`, and a secret may stand there. Place and reason remain.
pub(super) fn without_source(fault: &str) -> String {
    let is_source = |line: &&str| {
        let (number, _) = line.split_once('|').unwrap_or(("x", ""));
        number.trim().chars().all(|c| c.is_ascii_digit())
    };
    let lines: Vec<&str> = fault.lines().filter(|line| !is_source(line)).collect();
    lines.join(": ")
}

/// Adds to unknown keys the key that is written most like them.
pub(super) fn name_the_nearest(faults: &mut Faults) {
    for fault in faults.0.iter_mut().filter(|fault| fault.message == UNKNOWN) {
        if let Some(key) = nearest(&fault.key) {
            fault.message += &format!("; did you mean `{key}`?");
        }
    }
}

fn nearest(path: &str) -> Option<String> {
    let mut known = Vec::new();
    Settings::default().keys("", &mut |key, _| known.push(key.to_owned()));
    nearest_of(&generalised(path), known.iter().map(String::as_str)).map(str::to_owned)
}

/// `trunk[0].name` to `trunk[].name`.
fn generalised(path: &str) -> String {
    let mut inside = false;
    let outside = |c: &char| {
        inside = (inside || *c == '[') && *c != ']';
        !inside || *c == '['
    };
    path.chars().filter(outside).collect()
}

/// All that is written, as it is written.
pub(super) fn layers(
    toml: &str,
    env: impl IntoIterator<Item = (String, String)>,
) -> Result<Value, config::ConfigError> {
    let ours = |(name, _): &(String, String)| name.starts_with("OMNIGATE__");
    let environment = config::Environment::with_prefix("OMNIGATE")
        .prefix_separator("__")
        .separator("__")
        .try_parsing(true)
        .source(Some(env.into_iter().filter(ours).collect()));
    config::Config::builder()
        .add_source(config::File::from_str(toml, config::FileFormat::Toml))
        .add_source(environment)
        .build()?
        .try_deserialize()
}
