//! `[[profile]]`: settings that several trunks share.
//!
//! Profiles are a layer of the configuration: what one says stands below what its trunks say themselves, and above the
//! defaults. They are laid there before anything is read, so nobody else knows of them.

use super::faults::{Faults, nearest_of};
use super::section::{Setting, join, table};
use super::trunk::Trunk;
use serde_json::{Map, Value};
use std::fmt::Debug;

/// What a trunk has of its own: who it is, who may call by it, what it may call and show. All else may be shared; of these
/// tables, only what is not here.
const OWN: [&str; 16] = [
    "profile",
    "name",
    "allow",
    "users",
    "tls.peer",
    "numbers",
    "service",
    "gateways",
    "destinations",
    "priority",
    "callers",
    "user",
    "password",
    "register.user",
    "register.password",
    "emergency",
];

/// One `[[profile]]`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Profile {
    /// What trunks call it.
    pub name: Option<String>,
}

impl Setting for Profile {
    /// What it says is read here for its faults; [`lay_under`] gives it to trunks.
    fn read(&mut self, written: Value, path: &str, faults: &mut Faults) {
        let Some(mut written) = table(written, path, faults) else {
            return;
        };
        match written.remove("name") {
            Some(name) => self.name.read(name, &join(path, "name"), faults),
            None => faults.add(&join(path, "name"), "is missing: trunks name it by trunk.profile"),
        }
        own_keys(&mut written, "", path, faults);
        let said = keys_of(&written, path);
        let mut found = Faults::default();
        Trunk::default().read(Value::Object(written), path, &mut found);
        // What it does not say may be said by its trunks.
        let about_it = |key: &str| said.iter().any(|said| is_at(key, said));
        for fault in found.0.into_iter().filter(|fault| about_it(&fault.key)) {
            faults.add(&fault.key, fault.message);
        }
    }

    fn keys(&self, path: &str, visit: &mut dyn FnMut(&str, &dyn Debug)) {
        visit(&join(path, "name"), &self.name);
        Trunk::default().keys("", &mut |key, value| {
            if !is_own(key) {
                visit(&join(path, key), value);
            }
        });
    }
}
super::section::sections! { Profile }

/// Which trunks have a value of which profile.
#[derive(Debug, Default)]
pub(super) struct Laid(Vec<LaidKey>);

#[derive(Debug)]
struct LaidKey {
    /// As `trunk[0].codecs`.
    of_trunk: String,
    /// As `profile[1].codecs`.
    of_profile: String,
    profile: String,
}

/// Gives trunks what their profiles say and they do not.
pub(super) fn lay_under(written: &mut Value, faults: &mut Faults) -> Laid {
    let mut laid = Laid::default();
    let profiles: Vec<Value> = match written.get("profile") {
        Some(Value::Array(profiles)) => profiles.clone(),
        _ => Vec::new(),
    };
    let name = |profile: &Value| profile.get("name").and_then(Value::as_str).map(str::to_owned);
    let names: Vec<Option<String>> = profiles.iter().map(name).collect();
    for (i, name) in names.iter().enumerate() {
        if name.is_some() && names.iter().take(i).any(|other| other == name) {
            let name = name.as_deref().unwrap_or_default();
            faults.add(&format!("profile[{i}].name"), format!("`{name}` occurs twice"));
        }
    }
    let Some(Value::Array(trunks)) = written.get_mut("trunk") else {
        return laid;
    };
    for (i, trunk) in trunks.iter_mut().enumerate() {
        let Value::Object(trunk) = trunk else { continue };
        let Some(Value::String(wanted)) = trunk.get("profile").cloned() else {
            continue;
        };
        let at = names.iter().position(|name| name.as_ref() == Some(&wanted));
        let Some((at, Value::Object(profile))) = at.and_then(|at| Some((at, profiles.get(at)?))) else {
            faults.add(&format!("trunk[{i}].profile"), no_profile(&wanted, &names));
            continue;
        };
        let mut shared = profile.clone();
        shared.remove("name");
        remove_own(&mut shared, "");
        let before = laid.0.len();
        merge(trunk, shared, "", &mut laid.0);
        for key in laid.0.iter_mut().skip(before) {
            key.of_profile = format!("profile[{at}].{}", key.of_trunk);
            key.of_trunk = format!("trunk[{i}].{}", key.of_trunk);
            key.profile.clone_from(&wanted);
        }
    }
    laid
}

impl Laid {
    /// Says of a fault of a trunk that its value is a profile's; what is a fault of the profile itself is told there, once.
    pub(super) fn explain(&self, faults: &mut Faults) {
        let of = |key: &str| self.0.iter().find(|laid| is_at(key, &laid.of_trunk));
        let at_profile: Vec<String> = faults.0.iter().map(|fault| fault.key.clone()).collect();
        let told = |laid: &LaidKey| at_profile.iter().any(|key| is_at(key, &laid.of_profile));
        faults
            .0
            .retain(|fault| of(&fault.key).is_none_or(|laid| !told(laid)));
        for fault in &mut faults.0 {
            if let Some(laid) = of(&fault.key) {
                fault.message += &format!(" (from the profile `{}`)", laid.profile);
            }
        }
    }
}

fn no_profile(wanted: &str, names: &[Option<String>]) -> String {
    let known = names.iter().flatten();
    match nearest_of(wanted, known.clone().map(String::as_str)) {
        Some(near) => format!("`{wanted}` is no [[profile]]; did you mean `{near}`?"),
        None if known.clone().next().is_none() => format!("`{wanted}` is no [[profile]]; there is none"),
        None => {
            let known: Vec<&str> = known.map(String::as_str).collect();
            format!("`{wanted}` is no [[profile]]; there are {}", known.join(", "))
        }
    }
}

/// Puts what is missing in `over` there, table by table.
fn merge(over: &mut Map<String, Value>, under: Map<String, Value>, path: &str, laid: &mut Vec<LaidKey>) {
    for (name, value) in under.into_iter().filter(|(_, value)| !value.is_null()) {
        let key = join(path, &name);
        match (over.get_mut(&name).filter(|own| !own.is_null()), value) {
            (Some(Value::Object(over)), Value::Object(under)) if !is_secret(&under) => {
                merge(over, under, &key, laid);
            }
            (Some(_), _) => {}
            (None, value) => {
                laid.push(LaidKey {
                    of_trunk: key,
                    of_profile: String::new(),
                    profile: String::new(),
                });
                over.insert(name, value);
            }
        }
    }
}

/// `{ file = "…" }` or `{ env = "…" }`: a table that is one value.
fn is_secret(fields: &Map<String, Value>) -> bool {
    fields.keys().all(|name| name == "file" || name == "env")
}

fn is_own(key: &str) -> bool {
    OWN.iter().any(|own| is_at(key, own))
}

/// Whether a key is this one or below it.
fn is_at(key: &str, other: &str) -> bool {
    key.strip_prefix(other)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

fn remove_own(fields: &mut Map<String, Value>, path: &str) -> Vec<String> {
    let mut own = Vec::new();
    fields.retain(|name, value| {
        let key = join(path, name);
        if is_own(&key) {
            own.push(key);
            return false;
        }
        if let Value::Object(below) = value {
            own.extend(remove_own(below, &key));
        }
        true
    });
    own
}

/// Takes out what a trunk has of its own, with a fault.
fn own_keys(fields: &mut Map<String, Value>, at: &str, path: &str, faults: &mut Faults) {
    for key in remove_own(fields, at) {
        let message = "is each trunk's own and cannot be shared; write it in the [[trunk]]";
        faults.add(&join(path, &key), message);
    }
}

/// The keys that have a value.
fn keys_of(fields: &Map<String, Value>, path: &str) -> Vec<String> {
    let key = |(name, value): (&String, &Value)| match value {
        Value::Object(below) => keys_of(below, &join(path, name)),
        _ => vec![join(path, name)],
    };
    fields.iter().flat_map(key).collect()
}

#[cfg(test)]
mod tests {
    use crate::config::faults::Fault;
    use crate::config::{NumberFormat, ReliableRule, load_text};

    fn faults(toml: &str) -> Vec<String> {
        let faults = load_text(toml, []).unwrap_err();
        faults.0.iter().map(Fault::to_string).collect()
    }

    const TWO: &str = r#"
        [[profile]]
        name = "carrier"
        codecs = ["pcmu"]
        number_format = "plus"
        session = { seconds = 600, refresher = "us" }
        register = { registrar = "sip:carrier.example", expires_seconds = 600 }
        [[trunk]]
        name = "seoul"
        profile = "carrier"
        number_format = "e164"
        session.seconds = 900
        register.user = "0212345678"
        [[trunk]]
        name = "busan"
        profile = "carrier"
        reliable = "never"
        register.user = "0511234567"
        [[trunk]]
        name = "other"
    "#;

    #[test]
    fn a_trunk_has_what_its_profile_says_and_it_does_not() {
        let settings = load_text(TWO, []).unwrap();
        let [seoul, busan, other] = &settings.trunk[..] else {
            panic!("three trunks")
        };
        let codec = |trunk: &crate::config::Trunk| trunk.codecs[0].0.name();
        assert_eq!(
            (codec(seoul), codec(busan), codec(other)),
            ("PCMU", "PCMU", "PCMA")
        );
        assert_eq!(
            (seoul.number_format, busan.number_format),
            (NumberFormat::E164, NumberFormat::Plus),
            "its own wins"
        );
        assert_eq!(
            (
                seoul.session.seconds,
                busan.session.seconds,
                other.session.seconds
            ),
            (900, 600, 1800),
            "of a table each key"
        );
        assert_eq!(seoul.session.refresher, crate::config::RefresherRule::Us);
        assert_eq!(
            (seoul.reliable, busan.reliable),
            (ReliableRule::Supported, ReliableRule::Never)
        );
        assert_eq!(busan.register.registrar, ["sip:carrier.example"]);
        assert_eq!(busan.register.expires_seconds, 600);
        assert!(other.register.registrar.is_empty());
        assert_eq!(settings.profile[0].name.as_deref(), Some("carrier"));
    }

    #[test]
    fn a_default_that_is_written_in_the_trunk_wins_over_its_profile() {
        let text = "[[profile]]\nname = \"p\"\nreliable = \"required\"\n\
                    [[trunk]]\nprofile = \"p\"\nreliable = \"supported\"\n";
        assert_eq!(
            load_text(text, []).unwrap().trunk[0].reliable,
            ReliableRule::Supported
        );
    }

    #[test]
    fn a_profile_that_there_is_not_is_named_with_the_nearest_one() {
        let all = faults("[[profile]]\nname = \"telekom\"\n[[trunk]]\nprofile = \"telecom\"\n");
        assert_eq!(
            all,
            ["trunk[0].profile: `telecom` is no [[profile]]; did you mean `telekom`?"]
        );
        let all = faults("[[profile]]\nname = \"telekom\"\n[[trunk]]\nprofile = \"x\"\n");
        assert_eq!(
            all,
            ["trunk[0].profile: `x` is no [[profile]]; there are telekom"]
        );
        let all = faults("[[trunk]]\nprofile = \"x\"\n");
        assert_eq!(all, ["trunk[0].profile: `x` is no [[profile]]; there is none"]);
    }

    #[test]
    fn an_unknown_key_of_a_profile_is_named_with_the_nearest_one() {
        let all = faults("[[profile]]\nname = \"a\"\ncodec = \"pcma\"\nsession.secs = 5\n");
        assert_eq!(
            all,
            [
                "profile[0].session.secs: unknown key; did you mean `profile[].session.seconds`?",
                "profile[0].codec: unknown key; did you mean `profile[].codecs`?"
            ]
        );
    }

    #[test]
    fn what_is_a_trunks_own_cannot_be_shared() {
        let all = faults(
            "[[profile]]\nname = \"a\"\nallow = \"10.0.0.0/8\"\npassword = \"hush\"\nregister.user = \"u\"\n\
             tls.peer = \"p\"\nprofile = \"b\"\n[[trunk]]\nprofile = \"a\"\n",
        );
        let keys: Vec<&str> = all.iter().filter_map(|fault| fault.split(": ").next()).collect();
        assert_eq!(keys.len(), 5, "{all:?}");
        for key in ["allow", "password", "register.user", "tls.peer", "profile"] {
            assert!(keys.contains(&format!("profile[0].{key}").as_str()), "{all:?}");
        }
        assert!(
            all.iter()
                .all(|fault| fault.contains("write it in the [[trunk]]"))
        );
        assert!(!all.concat().contains("hush"));
    }

    #[test]
    fn a_value_that_is_wrong_in_a_profile_is_a_fault_there_once_and_also_when_no_trunk_has_it() {
        let profile = "[[profile]]\nname = \"a\"\nring_seconds = 0\nkeys = \"morse\"\n";
        for trunks in [
            "",
            "[[trunk]]\nname = \"x\"\nprofile = \"a\"\n[[trunk]]\nname = \"y\"\nprofile = \"a\"\n",
        ] {
            let all = faults(&format!("{profile}{trunks}"));
            let keys: Vec<&str> = all.iter().filter_map(|fault| fault.split(": ").next()).collect();
            assert_eq!(keys, ["profile[0].keys", "profile[0].ring_seconds"], "{all:?}");
        }
    }

    #[test]
    fn a_value_of_a_profile_that_does_not_fit_its_trunk_says_where_it_is_from() {
        let all = faults(
            "[[profile]]\nname = \"a\"\nsession.seconds = 600\n\
             [[trunk]]\nname = \"x\"\nprofile = \"a\"\nsession.least_seconds = 900\n",
        );
        assert_eq!(all.len(), 1, "{all:?}");
        assert!(
            all[0].starts_with("trunk[0].session.seconds: is less than 900")
                && all[0].ends_with("(from the profile `a`)"),
            "{all:?}"
        );
    }

    #[test]
    fn a_profile_has_a_name_and_no_other_one_has_it() {
        assert!(faults("[[profile]]\ncodecs = \"pcma\"\n")[0].starts_with("profile[0].name: is missing"));
        let twice = faults("[[profile]]\nname = \"a\"\n[[profile]]\nname = \"a\"\n");
        assert_eq!(twice, ["profile[1].name: `a` occurs twice"]);
        assert!(faults("profile = \"a\"\n")[0].contains("[[profile]]"));
    }

    #[test]
    fn what_a_profile_lets_its_trunks_say_is_no_fault_of_it() {
        // Where to register, but not as whom.
        let text = "[[profile]]\nname = \"a\"\nregister.registrar = \"sip:carrier.example\"\n";
        assert!(load_text(text, []).is_ok());
        let all = faults(&format!("{text}[[trunk]]\nprofile = \"a\"\n"));
        assert!(
            all[0].starts_with("trunk[0].register.user: is missing"),
            "{all:?}"
        );
    }
}
