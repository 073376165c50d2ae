//! All sections.

use super::api::Api;
use super::audit::Audit;
use super::calls::Calls;
use super::directory::Directory;
use super::faults::Faults;
use super::http::Http;
use super::ivr::Ivr;
use super::log::Log;
use super::media::Media;
use super::metrics::Metrics;
use super::numbers::Numbers;
use super::profile::Profile;
use super::recording::Recording;
use super::rooms::Rooms;
use super::section::{Check, Setting as _, section};
use super::service::Service;
use super::shutdown::Shutdown;
use super::sip::Sip;
use super::store::Store;
use super::trunk::{self, Trunk};
use super::turn::Turn;
use super::webhook::WebhookRules;
use std::collections::BTreeMap;
use std::path::PathBuf;

section! {
    /// Everything that can be set. `config/omnigate.toml` documents it for operators.
    pub struct Settings {
        /// Page, signaling, API, health, metrics.
        http: Http = Http::default();
        /// SIP sockets.
        sip: Sip = Sip::default();
        /// RTP and WebRTC.
        media: Media = Media::default();
        /// What several trunks share.
        profile: Vec<Profile> = Vec::new();
        /// Who may call in.
        trunk: Vec<Trunk> = vec![Trunk::default()];
        /// Records of calls.
        calls: Calls = Calls::default();
        /// Omnitalk services.
        service: Vec<Service> = vec![Service::default()];
        /// The call flow.
        ivr: Ivr = Ivr::default();
        /// Where numbers are looked up.
        directory: Directory = Directory::default();
        /// Recordings.
        recording: Recording = Recording::default();
        /// What holds for the webhooks of all services.
        webhook: WebhookRules = WebhookRules::default();
        /// Persistence.
        store: Store = Store::default();
        /// `/api/v1`.
        api: Api = Api::default();
        /// Who did what.
        audit: Audit = Audit::default();
        /// Figures for Prometheus.
        metrics: Metrics = Metrics::default();
        /// An external TURN server.
        turn: Turn = Turn::default();
        /// Rooms and sessions.
        rooms: Rooms = Rooms::default();
        /// Call numbers.
        numbers: Numbers = Numbers::default();
        /// Logs.
        log: Log = Log::default();
        /// Ending.
        shutdown: Shutdown = Shutdown::default();
    }
}

impl Settings {
    /// Where the service keeps what is its own: the folder of the SQLite database, else that of the recordings.
    pub fn state_dir(&self) -> PathBuf {
        self.store.folder().unwrap_or_else(|| self.recording.dir.clone())
    }
}

impl Settings {
    /// Calls `visit` with every key that there is.
    pub fn all_keys(&self, visit: &mut dyn FnMut(&str)) {
        self.keys("", &mut |key, _| visit(key));
    }

    /// Keys with another value in `other`, those of services, trunks and profiles left out; a section where only a secret is another one
    /// is named as a whole.
    pub fn differences(&self, other: &Settings) -> Vec<String> {
        let shown = |settings: &Settings| {
            let mut all = BTreeMap::new();
            settings.keys("", &mut |key, value| {
                if !key.contains("[]") {
                    all.insert(key.to_owned(), format!("{value:?}"));
                }
            });
            all
        };
        let (ours, theirs) = (shown(self), shown(other));
        let other_value = |(key, value): &(&String, &String)| theirs.get(*key) != Some(*value);
        let mut keys: Vec<String> = ours
            .iter()
            .filter(other_value)
            .map(|(key, _)| key.clone())
            .collect();
        let sections = [
            ("api", self.api == other.api),
            ("directory", self.directory == other.directory),
            ("metrics", self.metrics == other.metrics),
            ("recording", self.recording == other.recording),
            ("store", self.store == other.store),
            ("turn", self.turn == other.turn),
        ];
        for (section, same) in sections {
            if !same && !keys.iter().any(|key| key.starts_with(section)) {
                keys.push(section.to_owned());
            }
        }
        keys
    }
}

impl Check for Settings {
    fn check(&self, _: &str, faults: &mut Faults) {
        trunk::check_all(&self.trunk, &self.service, &self.sip, faults);
    }
}
