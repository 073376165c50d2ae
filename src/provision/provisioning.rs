//! The owner of what is provisioned: carries out changes one after the other, each judged as a whole, written, and then told.

use super::items::{self, Item};
use super::keys;
use super::parts::{Parts, TrunksFault};
use super::plan::Plan;
use crate::clock::unix_now_signed;
use crate::config::{Entry, Fault, Faults, Kind, Written};
use crate::observe::{Audit, Entry as Noted};
use crate::rooms::RoomsError;
use crate::store::{Store, StoreError};
use crate::supervise::Supervisor;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tracing::{error, info, warn};

/// How often a store that is away is tried.
const AGAIN: Duration = Duration::from_secs(2);
/// Services, and trunks, that the API may make.
const MOST: usize = 1000;
/// Longest name, characters.
const LONGEST_NAME: usize = 64;
/// How long the keys of before hold when a new one is made, seconds.
const KEPT: u64 = 7 * 86_400;
/// Longest that may be asked for, seconds.
const LONGEST_KEPT: u64 = 366 * 86_400;

/// Why something is not changed.
#[derive(Debug, thiserror::Error)]
pub enum ProvisionError {
    /// There is none of that name.
    #[error("there is no {} `{name}`", kind.word())]
    Unknown {
        /// Of this kind.
        kind: Kind,
        /// The name.
        name: String,
    },
    /// There is one of that name.
    #[error("{}: there is a {} `{name}` already", kind.name_key(), kind.word())]
    Exists {
        /// Of this kind.
        kind: Kind,
        /// The name.
        name: String,
    },
    /// It is the file's.
    #[error(
        "`{0}` stands in the configuration file: change it there and send SIGHUP (systemctl reload omnigate)"
    )]
    InFile(String),
    /// It does not fit.
    #[error("{0}")]
    Faults(Faults),
    /// It does not fit, of the trunks.
    #[error("{0}")]
    Trunks(#[from] TrunksFault),
    /// There are too many.
    #[error("there are {MOST} of them; remove some")]
    TooMany,
    /// There are too many keys.
    #[error("the service has {} keys that hold; remove some", keys::MOST)]
    TooManyKeys,
    /// There is no such key.
    #[error("the service has no such key")]
    NoKey,
    /// It would have none left.
    #[error("it is the only key of the service; make another one first")]
    LastKey,
    /// The store is not read yet.
    #[error("what was made by command is not read yet; see the log")]
    NotRead,
    /// The store does not take it.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The rooms have not heard of it.
    #[error("it is written, but the rooms did not answer: {0}; it holds after the next start at the latest")]
    Rooms(#[from] RoomsError),
}

/// What has come of a change.
pub struct Provisioned {
    /// As it is now.
    pub shown: Value,
    /// A key that was just made: shown once.
    pub key: Option<String>,
}

/// See the module.
pub struct Provisioning {
    store: Store,
    parts: Parts,
    audit: Audit,
    now: RwLock<Arc<Plan>>,
    /// One change at a time.
    changes: tokio::sync::Mutex<()>,
}

fn fault(key: &str, message: impl Into<String>) -> ProvisionError {
    let mut faults = Faults::default();
    faults.add(key, message);
    ProvisionError::Faults(faults)
}

impl Provisioning {
    /// Goes on from the plan that the service was started by.
    pub fn start(
        plan: Plan,
        store: Store,
        parts: Parts,
        audit: Audit,
        supervisor: &Supervisor,
    ) -> Arc<Provisioning> {
        let is_read = plan.items.is_some();
        let provisioning = Arc::new(Provisioning {
            store,
            parts,
            audit,
            now: RwLock::new(Arc::new(plan)),
            changes: tokio::sync::Mutex::default(),
        });
        if !is_read {
            let running = provisioning.clone();
            supervisor.restarting("provisioning", move || running.clone().read_later());
        }
        provisioning
    }

    fn plan(&self) -> Arc<Plan> {
        self.now.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ids of the services that there are.
    #[must_use]
    pub fn services(&self) -> Vec<String> {
        let plan = self.plan();
        let all = plan.settings.service.iter();
        all.map(|service| service.id.clone()).collect()
    }

    /// All of a kind as they are shown, without their secrets: the file's first.
    #[must_use]
    pub fn all(&self, kind: Kind) -> Vec<Value> {
        self.plan().shown(kind)
    }

    /// One of them.
    ///
    /// # Errors
    /// [`ProvisionError::Unknown`]
    pub fn one(&self, kind: Kind, name: &str) -> Result<Value, ProvisionError> {
        let mut all = self.all(kind).into_iter();
        let found = all.find(|one| one[kind.name_key()] == name);
        found.ok_or_else(|| unknown(kind, name))
    }

    /// Reads the store as soon as it is there.
    async fn read_later(self: Arc<Self>) {
        loop {
            self.store.opened().await;
            let change = self.changes.lock().await;
            let before = self.plan();
            if before.items.is_some() {
                break;
            }
            let items = items::load(&self.store).await;
            let plan =
                items.map(|items| Plan::of(before.written.clone(), Some(items), Some(&before.settings)));
            match plan {
                Ok(Ok(plan)) => {
                    plan.complain();
                    if let Err(error) = self.take(&before, plan, false).await {
                        warn!(%error, "what was made by command is not there yet");
                    }
                    info!("services and trunks that were made by command are there");
                    break;
                }
                Ok(Err(faults)) => error!(%faults, "the configuration has faults"),
                Err(error) => warn!(%error, "what was made by command cannot be read; it is tried again"),
            }
            drop(change);
            tokio::time::sleep(AGAIN).await;
        }
        std::future::pending().await
    }

    /// From now on it is this plan.
    async fn take(&self, before: &Plan, plan: Plan, forget: bool) -> Result<(), RoomsError> {
        let plan = Arc::new(plan);
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = plan.clone();
        self.parts.apply(before, &plan, forget).await
    }

    /// Makes one. A service gets a key, unless it brings one along.
    ///
    /// # Errors
    /// [`ProvisionError`]
    pub async fn add(&self, kind: Kind, mut wish: Entry) -> Result<Provisioned, ProvisionError> {
        let name = name_of(kind, &wish)?;
        let mut shown_once = None;
        let keys = match kind {
            Kind::Trunk => Vec::new(),
            Kind::Service => vec![match wish.remove("key") {
                None => {
                    let (text, key) = keys::new();
                    shown_once = Some(text);
                    key
                }
                Some(given) => given.as_str().and_then(keys::brought).ok_or_else(|| {
                    let least = keys::SHORTEST;
                    fault(
                        "key",
                        format!("{least} to 256 characters are expected; leave it out, and one is made"),
                    )
                })?,
            }],
        };
        let _change = self.changes.lock().await;
        if self.is_there(kind, &name) {
            return Err(ProvisionError::Exists { kind, name });
        }
        let now = unix_now_signed();
        let item = Item {
            written: wish,
            keys,
            created_at: now,
            changed_at: now,
        };
        self.put(kind, &name, item).await?;
        Ok(Provisioned {
            shown: self.one(kind, &name)?,
            key: shown_once,
        })
    }

    /// Changes some keys of one (a JSON merge patch, RFC 7396): null takes the default again.
    ///
    /// # Errors
    /// [`ProvisionError`]
    pub async fn set(&self, kind: Kind, name: &str, patch: Entry) -> Result<Provisioned, ProvisionError> {
        let _change = self.changes.lock().await;
        let mut item = self.item(kind, name)?;
        if kind == Kind::Service && patch.contains_key("key") {
            return Err(fault(
                "key",
                "keys are made and taken back one by one: omnigate service key rotate",
            ));
        }
        let name_key = kind.name_key();
        if patch.get(name_key).is_some_and(|given| given != name) {
            return Err(fault(name_key, "cannot be changed; make another one"));
        }
        merge(&mut item.written, patch);
        item.changed_at = unix_now_signed();
        self.put(kind, name, item).await?;
        Ok(Provisioned {
            shown: self.one(kind, name)?,
            key: None,
        })
    }

    /// Takes one away. A service's sessions and calls end, and its rooms, numbers and tokens are gone; calls by a trunk go on.
    ///
    /// # Errors
    /// [`ProvisionError`]
    pub async fn remove(&self, kind: Kind, name: &str) -> Result<(), ProvisionError> {
        let _change = self.changes.lock().await;
        self.item(kind, name)?;
        let before = self.plan();
        let mut items = before.items.clone().unwrap_or_default();
        items.remove(&(kind, name.to_owned()));
        let plan = self.judge(&before, items, None)?;
        items::remove(&self.store, kind, name).await?;
        Ok(self.take(&before, plan, true).await?)
    }

    /// Makes a new key of a service. Those that there are hold for `kept` seconds more; none: a week.
    ///
    /// # Errors
    /// [`ProvisionError`]
    pub async fn add_key(&self, service: &str, kept: Option<u64>) -> Result<Provisioned, ProvisionError> {
        let kept = kept.unwrap_or(KEPT);
        if kept > LONGEST_KEPT {
            return Err(fault("keep_seconds", format!("0 to {LONGEST_KEPT} is expected")));
        }
        let _change = self.changes.lock().await;
        let mut item = self.item(Kind::Service, service)?;
        let now = unix_now_signed();
        item.keys.retain(|key| key.holds(now));
        if item.keys.len() >= keys::MOST {
            return Err(ProvisionError::TooManyKeys);
        }
        let end = now.saturating_add(i64::try_from(kept).unwrap_or(i64::MAX));
        for key in &mut item.keys {
            key.expires_at = Some(key.expires_at.map_or(end, |already| already.min(end)));
        }
        let (text, key) = keys::new();
        item.keys.push(key);
        item.changed_at = now;
        self.put(Kind::Service, service, item).await?;
        Ok(Provisioned {
            shown: self.one(Kind::Service, service)?,
            key: Some(text),
        })
    }

    /// Takes a key of a service back: it opens no session any more.
    ///
    /// # Errors
    /// [`ProvisionError`]
    pub async fn remove_key(&self, service: &str, key: &str) -> Result<(), ProvisionError> {
        let _change = self.changes.lock().await;
        let mut item = self.item(Kind::Service, service)?;
        let now = unix_now_signed();
        if !item.keys.iter().any(|one| one.id == key) {
            return Err(ProvisionError::NoKey);
        }
        item.keys.retain(|one| one.id != key && one.holds(now));
        if item.keys.is_empty() {
            return Err(ProvisionError::LastKey);
        }
        item.changed_at = now;
        self.put(Kind::Service, service, item).await
    }

    /// Reads the file again: what of services and trunks has changed holds from now on, the rest with the next start. A file with faults
    /// changes nothing.
    pub async fn reload(&self, written: Result<Written, Faults>) {
        let _change = self.changes.lock().await;
        let before = self.plan();
        let plan =
            written.and_then(|written| Plan::of(written, before.items.clone(), Some(&before.settings)));
        let plan = match plan.map(|plan| self.parts.can(&before, &plan).map(|()| plan)) {
            Ok(Ok(plan)) => plan,
            Ok(Err(error)) => {
                return error!(%error, "SIGHUP: the configuration is not taken; nothing has changed");
            }
            Err(faults) => {
                for Fault { key, message } in &faults.0 {
                    error!(key, "SIGHUP: {message}");
                }
                return error!("SIGHUP: the configuration has faults; nothing has changed");
            }
        };
        let changed = changes(&before, &plan);
        for (kind, what, name) in &changed {
            info!(kind = kind.word(), name, "SIGHUP: {what}");
        }
        let later = before.settings.differences(&plan.written.examine().0);
        for key in &later {
            warn!(
                key,
                "SIGHUP: changed in the configuration; it holds after the next start"
            );
        }
        if changed.is_empty() && later.is_empty() {
            info!("SIGHUP: nothing has changed in the configuration");
        }
        plan.complain();
        let told =
            |(kind, what, name): &(Kind, &str, String)| json!(format!("{} {name} {what}", kind.word()));
        let detail =
            json!({ "changed": changed.iter().map(told).collect::<Value>(), "with_the_next_start": later });
        self.audit
            .note(Noted::new("configuration_reload", "").detail(detail));
        if let Err(error) = self.take(&before, plan, false).await {
            error!(%error, "SIGHUP: the rooms have not heard of it");
        }
    }

    /// Judged, written and told.
    async fn put(&self, kind: Kind, name: &str, item: Item) -> Result<(), ProvisionError> {
        let before = self.plan();
        let mut items = before.items.clone().ok_or(ProvisionError::NotRead)?;
        items.insert((kind, name.to_owned()), item.clone());
        if items.keys().filter(|(one, _)| *one == kind).count() > MOST {
            return Err(ProvisionError::TooMany);
        }
        let plan = self.judge(&before, items, Some((kind, name)))?;
        items::put(&self.store, kind, name, &item).await?;
        Ok(self.take(&before, plan, false).await?)
    }

    /// What comes of these items, if this one fits and no other one is left out because of it.
    fn judge(
        &self,
        before: &Plan,
        items: items::Items,
        new: Option<(Kind, &str)>,
    ) -> Result<Plan, ProvisionError> {
        let plan = Plan::of(before.written.clone(), Some(items), Some(&before.settings))
            .map_err(ProvisionError::Faults)?;
        if let Some((kind, name)) = new
            && let Some(faults) = plan.left_out.get(&(kind, name.to_owned()))
        {
            return Err(ProvisionError::Faults(Faults(faults.clone())));
        }
        let mut left_out = plan.left_out.iter();
        if let Some(((kind, name), faults)) = left_out.find(|(key, _)| !before.left_out.contains_key(*key)) {
            let mut all = Faults::default();
            for Fault { key, message } in faults {
                all.add(&format!("{} `{name}`, {key}", kind.word()), message);
            }
            return Err(ProvisionError::Faults(all));
        }
        self.parts.can(before, &plan)?;
        Ok(plan)
    }

    fn is_there(&self, kind: Kind, name: &str) -> bool {
        self.one(kind, name).is_ok()
    }

    /// One that the API has made.
    fn item(&self, kind: Kind, name: &str) -> Result<Item, ProvisionError> {
        let plan = self.plan();
        let items = plan.items.as_ref();
        if let Some(item) = items.and_then(|items| items.get(&(kind, name.to_owned()))) {
            return Ok(item.clone());
        }
        Err(match self.is_there(kind, name) {
            true => ProvisionError::InFile(name.to_owned()),
            false if items.is_none() => ProvisionError::NotRead,
            false => unknown(kind, name),
        })
    }
}

fn unknown(kind: Kind, name: &str) -> ProvisionError {
    let name = name.chars().take(LONGEST_NAME).collect();
    ProvisionError::Unknown { kind, name }
}

/// A name that stands in paths, log lines and figures as it is.
fn name_of(kind: Kind, wish: &Entry) -> Result<String, ProvisionError> {
    let given = wish
        .get(kind.name_key())
        .and_then(Value::as_str)
        .unwrap_or_default();
    let plain = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
    let usable =
        (1..=LONGEST_NAME).contains(&given.len()) && given.chars().all(plain) && !given.starts_with('.');
    match usable {
        true => Ok(given.to_owned()),
        false => Err(fault(
            kind.name_key(),
            format!("1 to {LONGEST_NAME} of a-z, A-Z, 0-9, `.`, `-` and `_` are expected"),
        )),
    }
}

/// A JSON merge patch (RFC 7396).
fn merge(target: &mut Entry, patch: Entry) {
    for (name, value) in patch {
        match value {
            Value::Null => drop(target.remove(&name)),
            Value::Object(below) => {
                // One with only these keys is a value, `{ file = "…" }` or `{ env = "…" }`: it takes the place of what was there.
                let is_value = below.keys().all(|key| key == "file" || key == "env");
                let there = target.entry(name).or_insert_with(|| json!({}));
                match there {
                    Value::Object(there) if !is_value => merge(there, below),
                    there => *there = Value::Object(below),
                }
            }
            value => drop(target.insert(name, value)),
        }
    }
}

/// What is new, changed or gone from plan to plan.
fn changes(before: &Plan, after: &Plan) -> Vec<(Kind, &'static str, String)> {
    let mut all = Vec::new();
    let services = |plan: &Plan| plan.settings.service.clone();
    let trunks = |plan: &Plan| plan.settings.trunk.clone();
    compare(
        Kind::Service,
        &services(before),
        &services(after),
        |one| &one.id,
        &mut all,
    );
    compare(
        Kind::Trunk,
        &trunks(before),
        &trunks(after),
        |one| &one.name,
        &mut all,
    );
    all
}

fn compare<T: PartialEq>(
    kind: Kind,
    before: &[T],
    after: &[T],
    name: impl Fn(&T) -> &String,
    all: &mut Vec<(Kind, &'static str, String)>,
) {
    let names: BTreeSet<&String> = before.iter().chain(after).map(&name).collect();
    for one in names {
        let old = before.iter().find(|it| name(it) == one);
        let new = after.iter().find(|it| name(it) == one);
        match (old, new) {
            (None, Some(_)) => all.push((kind, "is new", one.clone())),
            (Some(_), None) => all.push((kind, "is gone", one.clone())),
            (Some(old), Some(new)) if old != new => all.push((kind, "has changed", one.clone())),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
