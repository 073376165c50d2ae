//! What is wrong with a configuration.

use serde_json::Value;
use std::fmt;

/// What is said of a key that there is not.
pub(super) const UNKNOWN: &str = "unknown key";

/// One fault or warning: key, what is wrong, how to mend it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Dotted key, as `ivr.tries` or `trunk[0].allow`.
    pub key: String,
    /// What is wrong with the value and what is expected.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.message)
    }
}

/// All faults of a configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq, thiserror::Error)]
pub struct Faults(pub Vec<Fault>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, fault) in self.0.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            write!(f, "{fault}")?;
        }
        Ok(())
    }
}

impl Faults {
    /// Adds one; what is said of a key that has a fault already only follows from that one.
    pub fn add(&mut self, key: &str, message: impl Into<String>) {
        if !self.has(key) {
            self.0.push(Fault {
                key: key.to_owned(),
                message: message.into(),
            });
        }
    }

    /// Whether this key has a fault.
    pub fn has(&self, key: &str) -> bool {
        self.0.iter().any(|fault| fault.key == key)
    }

    /// Whether a key has a fault that begins so.
    pub fn has_below(&self, prefix: &str) -> bool {
        self.0.iter().any(|fault| fault.key.starts_with(prefix))
    }

    /// A key that there is not, or a whole table of them. Its value may be a secret and is not shown.
    pub(super) fn unknown(&mut self, path: &str, written: &Value) {
        match written {
            Value::Object(fields) if !fields.is_empty() => {
                for (name, value) in fields {
                    self.unknown(&format!("{path}.{name}"), value);
                }
            }
            Value::Array(all) if all.first().is_some_and(Value::is_object) => {
                for (i, value) in all.iter().enumerate() {
                    self.unknown(&format!("{path}[{i}]"), value);
                }
            }
            _ => self.add(path, UNKNOWN),
        }
    }
}

/// Which of these words is written most like that one, if one is at all.
pub(super) fn nearest_of<'a>(wanted: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let distance = |word: &'a str| (strsim::damerau_levenshtein(word, wanted), word);
    known
        .map(distance)
        .filter(|(distance, word)| *distance <= word.len() / 2)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}
