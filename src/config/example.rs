//! `config/omnigate.toml` and the sections say the same.

use super::layers::layers;
use super::load::examine_text;
use super::section::Setting;
use super::settings::Settings;
use serde_json::Value;
use std::collections::BTreeMap;

const EXAMPLE: &str = include_str!("../../config/omnigate.toml");

/// The example with every setting in it, those of comments too.
fn uncommented() -> String {
    let setting = |line: &str| {
        let name = line.split(" = ").next().unwrap_or_default();
        let key = |c: char| c.is_ascii_lowercase() || matches!(c, '_' | '.');
        line.starts_with("[[") || line.contains(" = ") && name.chars().all(key)
    };
    let line = |line: &'static str| match line.strip_prefix('#') {
        Some(rest) if setting(rest) => rest,
        Some(_) => "",
        None => line,
    };
    EXAMPLE.lines().map(line).collect::<Vec<_>>().join("\n")
}

fn keys(settings: &Settings) -> BTreeMap<String, String> {
    let mut keys = BTreeMap::new();
    settings.keys("", &mut |key, value| {
        keys.insert(key.to_owned(), format!("{value:?}"));
    });
    keys
}

/// Keys that are written, of lists the first entry's.
fn written(value: &Value, path: &str, keys: &mut Vec<String>, known: &BTreeMap<String, String>) {
    match value {
        Value::Object(fields) if !known.contains_key(path) => {
            for (name, value) in fields {
                let key = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                written(value, &key, keys, known);
            }
        }
        Value::Array(all) if all.first().is_some_and(Value::is_object) => {
            for one in all {
                written(one, &format!("{path}[]"), keys, known);
            }
        }
        _ => keys.push(path.to_owned()),
    }
}

#[test]
fn every_key_of_the_example_is_known_and_every_known_key_is_in_it() {
    let known = keys(&Settings::default());
    let mut documented = Vec::new();
    written(&layers(&uncommented(), []).unwrap(), "", &mut documented, &known);
    for key in &documented {
        assert!(known.contains_key(key), "{key} is in the example and not known");
    }
    // What a profile may say is what a trunk may.
    let of_profile = |key: &str| key.starts_with("profile[].") && key != "profile[].name";
    for key in known.keys().filter(|key| !of_profile(key)) {
        assert!(documented.contains(key), "{key} is known and not in the example");
    }
}

#[test]
fn what_the_example_shows_for_a_key_with_a_default_is_the_default() {
    let defaults = keys(&Settings::default());
    let (settings, faults) = examine_text(&uncommented(), []);
    // Files and variables that are examples are not there; nothing else is wrong.
    for fault in &faults.0 {
        let missing = ["cannot be read", "is not set", "is not a folder"];
        let known = missing.iter().any(|text| fault.message.contains(text));
        let follows = fault.message.contains("is missing");
        assert!(known || follows, "{fault}");
    }
    let shown = keys(&settings);
    for (key, default) in defaults {
        let none = ["None", "[]"].contains(&default.as_str());
        assert!(
            none || shown[&key] == default,
            "{key}: {} is shown, and it is {default}",
            shown[&key]
        );
    }
}

#[test]
fn the_example_as_it_is_changes_nothing() {
    let (settings, faults) = examine_text(EXAMPLE, []);
    assert_eq!(faults.0, []);
    assert_eq!(keys(&settings), keys(&Settings::default()));
}
