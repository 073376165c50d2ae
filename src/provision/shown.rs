//! What is shown of services and trunks: as they are written, without what is secret.

use super::items::Item;
use super::plan::Plan;
use crate::clock::{unix_now_signed, utc};
use crate::config::{Entry, Kind};
use serde_json::{Value, json};

impl Plan {
    /// Those of a kind: the file's, then those that the API has made.
    pub(super) fn shown(&self, kind: Kind) -> Vec<Value> {
        let in_file = self.written.entries(kind).into_iter();
        let in_file = in_file.map(|(name, entry)| one(kind, &name, entry, "file"));
        let made = self.items.iter().flatten().filter(|((one, _), _)| *one == kind);
        let made = made.map(|((_, name), item)| self.item(kind, name, item));
        in_file.chain(made).collect()
    }

    fn item(&self, kind: Kind, name: &str, item: &Item) -> Value {
        let mut shown = one(kind, name, item.written.clone(), "store");
        let time = |at: i64| utc(u64::try_from(at).unwrap_or(0));
        shown["created_at"] = time(item.created_at).into();
        shown["changed_at"] = time(item.changed_at).into();
        if kind == Kind::Service {
            let now = unix_now_signed();
            let keys = item.keys.iter().filter(|key| key.holds(now));
            shown["keys"] = keys.map(|key| key.shown()).collect();
        }
        if let Some(faults) = self.left_out.get(&(kind, name.to_owned())) {
            shown["state"] = "left_out".into();
            shown["faults"] = faults
                .iter()
                .map(|fault| Value::from(fault.to_string()))
                .collect();
        }
        shown
    }
}

fn one(kind: Kind, name: &str, mut entry: Entry, source: &str) -> Value {
    let secrets = hide(kind, &mut entry);
    entry.remove(kind.name_key());
    let mut shown = json!({
        "source": source, "state": "active", "settings": entry, "secrets": secrets, "created_at": null, "changed_at": null,
        "faults": [],
    });
    shown[kind.name_key()] = name.into();
    if kind == Kind::Service {
        shown["keys"] = json!([]);
    }
    shown
}

/// Takes out what is secret; which keys that were.
fn hide(kind: Kind, entry: &mut Entry) -> Vec<String> {
    let mut hidden = Vec::new();
    for secret in kind.secrets() {
        if take_out(entry, secret) {
            hidden.push((*secret).to_owned());
        }
    }
    hidden
}

/// Takes what stands at a dotted key out, `[]` for each of a list; whether there was anything.
fn take_out(entry: &mut Entry, key: &str) -> bool {
    let Some((first, rest)) = key.split_once('.') else {
        return entry.remove(key).is_some();
    };
    match first.strip_suffix("[]") {
        Some(list) => {
            let all = entry.get_mut(list).and_then(Value::as_array_mut);
            let each = all.into_iter().flatten().filter_map(Value::as_object_mut);
            let mut taken = false;
            for one in each {
                taken |= take_out(one, rest);
            }
            taken
        }
        None => {
            let below = entry.get_mut(first).and_then(Value::as_object_mut);
            below.is_some_and(|below| take_out(below, rest))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;

    #[test]
    fn nothing_that_is_secret_is_shown() {
        let trunk = json!({
            "name": "kt", "password": "hush", "register": { "user": "u", "password": { "file": "hush" } },
            "users": [{ "user": "a", "password": "hush" }, { "user": "b", "password": "hush" }], "codecs": ["pcmu"],
        });
        let shown = one(Kind::Trunk, "kt", trunk.as_object().cloned().unwrap(), "store");
        assert!(!shown.to_string().contains("hush"), "{shown}");
        assert_eq!(
            shown["secrets"],
            json!(["password", "register.password", "users[].password"])
        );
        assert_eq!(shown["settings"]["users"][1]["user"], "b");
        assert_eq!(shown["settings"]["register"]["user"], "u");
    }

    /// Keys that hold a secret are known by their names: another one does not slip through.
    #[test]
    fn every_key_that_sounds_like_a_secret_is_one() {
        let settings = Settings::default();
        let mut keys = Vec::new();
        settings.all_keys(&mut |key| keys.push(key.to_owned()));
        for kind in Kind::ALL {
            let below = format!("{}[].", kind.word());
            let ours = keys.iter().filter_map(|key| key.strip_prefix(&below));
            // Files of certificates and switches are not secret themselves.
            let open = ["tls.key", "key_required", "webhook.events"];
            for key in ours.filter(|key| !open.contains(key)) {
                let last = key.rsplit('.').next().unwrap_or_default();
                let secret = [
                    "password",
                    "secret",
                    "previous_secret",
                    "key",
                    "previous_key",
                    "token",
                ];
                if secret.contains(&last) {
                    assert!(kind.secrets().contains(&key), "{key} would be shown");
                }
            }
        }
    }
}
