//! What is written in the file and the environment, before it is read: services and trunks that are kept in the store are read beside
//! it, by the same rules.

use super::faults::{Fault, Faults};
use super::layers::{Source, layers, name_the_nearest, without_source};
use super::profile;
use super::section::Setting;
use super::settings::Settings;
use serde_json::{Map, Value};
use std::path::Path;

/// What there may be several of, and is provisioned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `[[service]]`
    Service,
    /// `[[trunk]]`
    Trunk,
}

impl Kind {
    /// Both.
    pub const ALL: [Kind; 2] = [Kind::Service, Kind::Trunk];

    /// As the configuration, commands and the store write it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Kind::Service => "service",
            Kind::Trunk => "trunk",
        }
    }

    /// The key of what it is called.
    #[must_use]
    pub fn name_key(self) -> &'static str {
        match self {
            Kind::Service => "id",
            Kind::Trunk => "name",
        }
    }

    /// Its keys that are secrets.
    #[must_use]
    pub fn secrets(self) -> &'static [&'static str] {
        match self {
            Kind::Service => &["key", "previous_key", "webhook.secret", "webhook.previous_secret"],
            Kind::Trunk => &["password", "register.password", "users[].password"],
        }
    }

    /// What one without any key is called.
    fn built_in_name(self) -> String {
        match self {
            Kind::Service => super::Service::default().id,
            Kind::Trunk => super::Trunk::default().name,
        }
    }
}

/// One service or trunk, as it is written.
pub type Entry = Map<String, Value>;

/// Those that are kept elsewhere, in their order.
#[derive(Clone, Default)]
pub struct Kept {
    /// Services. Their keys are kept apart, and are not in the settings.
    pub services: Vec<Entry>,
    /// Trunks.
    pub trunks: Vec<Entry>,
}

impl Kept {
    /// Those of this kind.
    #[must_use]
    pub fn of(&self, kind: Kind) -> &[Entry] {
        match kind {
            Kind::Service => &self.services,
            Kind::Trunk => &self.trunks,
        }
    }

    /// Adds one.
    pub fn push(&mut self, kind: Kind, entry: Entry) {
        match kind {
            Kind::Service => self.services.push(entry),
            Kind::Trunk => self.trunks.push(entry),
        }
    }
}

/// What is written in the file and the environment. It holds secrets, so it shows nothing.
#[derive(Clone)]
pub struct Written(Value);

impl Written {
    /// Reads `path` (or what `OMNIGATE_CONFIG` names, or nothing) and the environment.
    ///
    /// # Errors
    /// What cannot be read, or is no TOML.
    pub fn load(path: Option<&Path>) -> Result<Written, Faults> {
        Source::of(path).and_then(|source| Written::parse(&source.text, source.env))
    }

    pub(super) fn parse(
        toml: &str,
        env: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Written, Faults> {
        let mut faults = Faults::default();
        match layers(toml, env) {
            Ok(written) => Ok(Written(written)),
            Err(error) => {
                faults.add("configuration", without_source(&error.to_string()));
                Err(faults)
            }
        }
    }

    /// The settings.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn settings(&self) -> Result<Settings, Faults> {
        match self.examine() {
            (settings, faults) if faults.0.is_empty() => Ok(settings),
            (_, faults) => Err(faults),
        }
    }

    /// The settings; what has faults has its default instead.
    #[must_use]
    pub fn examine(&self) -> (Settings, Faults) {
        self.examine_with(&Kept::default())
    }

    /// The settings with what is kept elsewhere behind what is written here. A fault there is one of `service[N]` or `trunk[N]`, with N
    /// counted from [`Written::many`].
    #[must_use]
    pub fn examine_with(&self, kept: &Kept) -> (Settings, Faults) {
        let mut all = self.0.clone();
        for kind in Kind::ALL {
            add(&mut all, kind, kept.of(kind));
        }
        let (mut settings, mut faults) = (Settings::default(), Faults::default());
        let laid = profile::lay_under(&mut all, &mut faults);
        settings.read(all, "", &mut faults);
        name_the_nearest(&mut faults);
        laid.explain(&mut faults);
        for service in settings.service.iter_mut().skip(self.many(Kind::Service)) {
            service.key = None;
            service.previous_key = None;
        }
        (settings, faults)
    }

    /// How many of a kind there are, the built-in one included where none is written.
    #[must_use]
    pub fn many(&self, kind: Kind) -> usize {
        self.entries(kind).len()
    }

    /// Those of a kind, with their names.
    #[must_use]
    pub fn entries(&self, kind: Kind) -> Vec<(String, Entry)> {
        let Some(Value::Array(all)) = self.0.get(kind.word()) else {
            return vec![(kind.built_in_name(), Entry::new())];
        };
        let named = |one: &Value| {
            let entry = one.as_object().cloned().unwrap_or_default();
            let name = entry.get(kind.name_key()).and_then(Value::as_str);
            (name.map_or_else(|| kind.built_in_name(), str::to_owned), entry)
        };
        all.iter().map(named).collect()
    }
}

/// Adds those that are kept elsewhere. The built-in one is there with them as without.
fn add(all: &mut Value, kind: Kind, kept: &[Entry]) {
    if kept.is_empty() {
        return;
    }
    if all.is_null() {
        *all = Value::Object(Map::new());
    }
    let Value::Object(sections) = all else { return };
    let built_in = || Value::Array(vec![Value::Object(Map::new())]);
    let list = sections.entry(kind.word()).or_insert_with(built_in);
    if let Value::Array(list) = list {
        list.extend(kept.iter().cloned().map(Value::Object));
    }
}

/// Splits the faults of what is kept elsewhere from the others: by its place among the kept ones of its kind, without the beginning of
/// its key.
#[must_use]
pub fn of_kept(written: &Written, faults: Faults) -> (Vec<(Kind, usize, Fault)>, Faults) {
    let (mut ours, mut others) = (Vec::new(), Faults::default());
    for fault in faults.0 {
        let place = Kind::ALL.into_iter().find_map(|kind| {
            let rest = fault.key.strip_prefix(kind.word())?.strip_prefix('[')?;
            let (index, rest) = rest.split_once(']')?;
            let at = index.parse::<usize>().ok()?.checked_sub(written.many(kind))?;
            Some((kind, at, rest.trim_start_matches('.').to_owned()))
        });
        match place {
            Some((kind, at, key)) => ours.push((
                kind,
                at,
                Fault {
                    key,
                    message: fault.message,
                },
            )),
            None => others.0.push(fault),
        }
    }
    (ours, others)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn entry(value: Value) -> Entry {
        value.as_object().cloned().unwrap()
    }

    fn kept(services: &[Value], trunks: &[Value]) -> Kept {
        Kept {
            services: services.iter().cloned().map(entry).collect(),
            trunks: trunks.iter().cloned().map(entry).collect(),
        }
    }

    #[test]
    fn what_is_kept_elsewhere_stands_behind_what_is_written_and_the_built_in_stays() {
        let shop = json!({ "id": "shop", "quota": { "rooms": 5 } });
        let carrier = json!({ "name": "carrier", "allow": "203.0.113.0/28" });
        let kept = kept(&[shop], &[carrier]);
        for (toml, first) in [("", "demo"), ("[[service]]\nid = \"own\"\nkey = \"k\"\n", "own")] {
            let written = Written::parse(toml, []).unwrap();
            let (settings, faults) = written.examine_with(&kept);
            assert!(faults.0.is_empty(), "{faults}");
            let ids: Vec<&str> = settings.service.iter().map(|one| one.id.as_str()).collect();
            assert_eq!(ids, [first, "shop"]);
            assert_eq!(settings.service[1].quota.rooms, 5);
            assert!(settings.service[1].key.is_none(), "never the built-in key");
            assert!(settings.service[0].key.is_some());
            let names: Vec<&str> = settings.trunk.iter().map(|one| one.name.as_str()).collect();
            assert_eq!(names, ["local", "carrier"]);
        }
    }

    #[test]
    fn a_fault_of_what_is_kept_elsewhere_is_told_by_its_own_key() {
        let shop = json!({ "id": "shop", "quota": { "rooms": 0 }, "recod": "all" });
        let carrier = json!({ "name": "local", "allow": "x" });
        let written = Written::parse("[ivr]\ntries = 77\n", []).unwrap();
        let (_, faults) = written.examine_with(&kept(&[json!({ "id": "ok" }), shop], &[carrier]));
        let (ours, others) = of_kept(&written, faults);
        let shown = |(kind, at, fault): &(Kind, usize, Fault)| format!("{} {at} {}", kind.word(), fault.key);
        let all: Vec<String> = ours.iter().map(shown).collect();
        assert_eq!(
            all,
            [
                "trunk 0 allow",
                "service 1 quota.rooms",
                "service 1 recod",
                "trunk 0 name"
            ]
        );
        assert!(ours[2].2.message.contains("service[].record"), "{}", ours[2].2);
        assert_eq!(others.0.len(), 1);
        assert_eq!(others.0[0].key, "ivr.tries");
    }

    #[test]
    fn a_profile_of_the_file_is_shared_with_trunks_that_are_kept_elsewhere() {
        let written = Written::parse("[[profile]]\nname = \"kt\"\ncodecs = \"pcmu\"\n", []).unwrap();
        let carrier = json!({ "name": "carrier", "profile": "kt" });
        let (settings, faults) = written.examine_with(&kept(&[], &[carrier]));
        assert!(faults.0.is_empty(), "{faults}");
        assert_eq!(settings.trunk[1].codecs[0].0.name(), "PCMU");
    }
}
