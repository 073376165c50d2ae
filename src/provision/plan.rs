//! What file and store give together: the settings as they are now.

use super::items::{Items, load};
use super::translate::hub_service;
use crate::config::{Fault, Faults, Kept, Kind, Settings, Written, of_kept};
use crate::store::Store;
use omnigate_omnitalk::{Service, ServiceKey};
use std::collections::{BTreeMap, BTreeSet};
use tracing::warn;

/// What is written, and what comes of it.
#[derive(Clone)]
pub struct Plan {
    /// In the file and the environment.
    pub(super) written: Written,
    /// In the store; `None`: not read yet.
    pub(super) items: Option<Items>,
    /// What comes of both. All but services and trunks is as it was at the start.
    pub(super) settings: Settings,
    /// What is left out, and why.
    pub(super) left_out: BTreeMap<(Kind, String), Vec<Fault>>,
    /// Keys of services that the API has made.
    pub(super) keys: BTreeMap<String, Vec<ServiceKey>>,
}

impl Plan {
    /// At the start: what cannot be read of the store is read later.
    ///
    /// # Errors
    /// What is wrong with what is written.
    pub async fn start(written: Written, store: &Store) -> Result<Plan, Faults> {
        let items = match load(store).await {
            Ok(items) => Some(items),
            Err(error) => {
                warn!(%error, "services and trunks that were made by command are not there until the store can be read");
                None
            }
        };
        let plan = Plan::of(written, items, None)?;
        plan.complain();
        Ok(plan)
    }

    /// `before`: whose other settings stay.
    ///
    /// # Errors
    /// What is wrong with what is written.
    pub(super) fn of(
        written: Written,
        items: Option<Items>,
        before: Option<&Settings>,
    ) -> Result<Plan, Faults> {
        let alone = written.settings()?;
        let mut left_out: BTreeMap<(Kind, String), Vec<Fault>> = BTreeMap::new();
        let all = items.iter().flatten().map(|(key, _)| key.clone());
        let mut wanted: BTreeSet<(Kind, String)> = all.collect();
        let found = loop {
            let (kept, names) = kept(items.as_ref(), &wanted);
            let (settings, faults) = written.examine_with(&kept);
            let (ours, others) = of_kept(&written, faults);
            for (kind, at, fault) in ours {
                let Some(name) = names.get(&kind).and_then(|names| names.get(at)) else {
                    continue;
                };
                wanted.remove(&(kind, name.clone()));
                left_out.entry((kind, name.clone())).or_default().push(fault);
            }
            if !others.0.is_empty() {
                // With none of them it was right; which of them disturbs it is not said, so none is taken.
                for key in std::mem::take(&mut wanted) {
                    left_out.entry(key).or_default().extend(others.0.clone());
                }
            }
            if wanted.len() == names.values().map(Vec::len).sum::<usize>() {
                break settings;
            }
        };
        let mut settings = before.cloned().unwrap_or(alone);
        (settings.service, settings.trunk, settings.profile) = (found.service, found.trunk, found.profile);
        let keys = items
            .iter()
            .flatten()
            .filter(|((kind, _), _)| *kind == Kind::Service);
        let keys = keys.map(|((_, name), item)| {
            let judged = item.keys.iter().filter_map(|key| key.judged());
            (name.clone(), judged.collect())
        });
        let keys = keys.filter(|(name, _)| wanted.contains(&(Kind::Service, name.clone())));
        Ok(Plan {
            keys: keys.collect(),
            written,
            items,
            settings,
            left_out,
        })
    }

    /// The settings as they are now.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The services, each for a hub of its own.
    #[must_use]
    pub fn services(&self) -> Vec<Service> {
        let service = |service| hub_service(service, self.keys_of(service));
        self.settings.service.iter().map(service).collect()
    }

    /// Keys of a service that the API has made; none: the file has it.
    pub(super) fn keys_of(&self, service: &crate::config::Service) -> Option<&Vec<ServiceKey>> {
        self.keys.get(&service.id)
    }

    /// Says what is left out.
    pub(super) fn complain(&self) {
        for ((kind, name), faults) in &self.left_out {
            for fault in faults {
                warn!(kind = kind.word(), name, %fault, "what was made by command does not fit the configuration; it is left out");
            }
        }
    }
}

/// Those that are wanted, and their names by their places.
fn kept(items: Option<&Items>, wanted: &BTreeSet<(Kind, String)>) -> (Kept, BTreeMap<Kind, Vec<String>>) {
    let (mut kept, mut names) = (Kept::default(), BTreeMap::<Kind, Vec<String>>::new());
    for ((kind, name), item) in items.into_iter().flatten() {
        if wanted.contains(&(*kind, name.clone())) {
            kept.push(*kind, item.written.clone());
            names.entry(*kind).or_default().push(name.clone());
        }
    }
    (kept, names)
}
