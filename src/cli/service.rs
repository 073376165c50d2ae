//! The service: all parts put together, and taken apart in order.

use super::output::Failure;
use super::translate::{
    announcement, guess_limits, hub_settings, media_settings, number_rules, own_address, public_url,
};
use crate::access::{TokenFile, Tokens, TokensParts};
use crate::audit::AuditLog;
use crate::calls::CallRegistry;
use crate::config::{Settings, Written};
use crate::directory::{Directory, EmbeddedDirectory, Guesses, HttpDirectory};
use crate::gateway::{Gateway, GatewayParts, Prompts};
use crate::http::{
    Api, ApiOrigins, AppState, Certificates, Denials, Descriptors, Figures, Front, Hosts, HttpServer, Limits,
    Listening, Proxies, certificates,
};
use crate::media::MediaPlane;
use crate::observe::{Audit, Entry, Health, Metrics, Notify};
use crate::provision::{Parts, Plan, Provisioning, tls_settings};
use crate::recording::{Index, Recorder, RecorderParts};
use crate::rooms::{JoinKey, Rooms, RoomsParts};
use crate::sip::{Sip, SipParts, SipSettings, SourceFilter, Tls};
use crate::store::Store;
use crate::supervise::{Death, Supervisor};
use crate::tls::Reload;
use crate::trunks::{CurrentTrunks, Doorkeeper, Minutes, Trunks};
use crate::webhook::{Deliverer, EventSink, Outbox, Targets, WebhookFigures};
use serde_json::json;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
use tokio::sync::mpsc;
use tracing::{error, info, warn};

/// Time that sockets get to say goodbye at the end.
const GOODBYE: Duration = Duration::from_millis(300);
/// Time that webhooks get at the end; what is not delivered by then is delivered after the next start.
const LAST_WEBHOOKS: Duration = Duration::from_secs(3);

/// A running service.
pub(super) struct Service {
    http: HttpServer,
    certificates: Option<Arc<Certificates>>,
    sip_tls: Arc<Tls>,
    sip: Sip,
    gateway: Arc<Gateway>,
    minutes: Arc<Minutes>,
    rooms: Rooms,
    recorder: Arc<Recorder>,
    webhooks: Webhooks,
    media: Arc<MediaPlane>,
    health: Arc<Health>,
    audit: Audit,
    provisioning: Arc<Provisioning>,
}

/// Who may ask, and who did what.
struct Traces {
    tokens: Arc<Tokens>,
    audit: Audit,
    log: AuditLog,
}

/// The way of events to those who want to be told.
struct Webhooks {
    outbox: Outbox,
    targets: Targets,
    events: EventSink,
    figures: Arc<WebhookFigures>,
}

impl Service {
    /// `descriptors`: the limit of open files, if there is one.
    pub(super) async fn start(
        written: Written,
        store: Store,
        descriptors: Option<u64>,
        supervisor: &Supervisor,
    ) -> Result<Service, Failure> {
        let plan = Plan::start(written, &store).await?;
        let settings = &plan.settings().clone();
        let prompts = Prompts::load(settings.ivr.prompts.as_deref())?;
        let certificates = certificates(&settings.http.tls)?.map(Arc::new);
        let trunks = Trunks::new(settings);
        let sip_tls = Arc::new(Tls::load(&tls_settings(settings, &trunks))?);
        let trunks = CurrentTrunks::new(trunks);
        let (metrics, health) = (Arc::new(Metrics::new()), Arc::new(Health::default()));
        let calls = Arc::new(CallRegistry::new(&settings.calls));
        let records = calls.clone();
        supervisor.restarting("call-records", move || records.clone().forget_for_ever());
        let advertise = settings.sip.advertise.unwrap_or_else(own_address);
        let (tell_media, media_events) = mpsc::unbounded_channel();
        let media = media_settings(settings, advertise);
        let media = MediaPlane::start(media, tell_media, supervisor, &health)?;
        let traces = Traces::start(settings, &store, supervisor).await?;
        let webhooks = Webhooks::start(settings, store.clone(), supervisor)?;
        let recorder = webhooks
            .recorder(settings, store.clone(), &media, supervisor)
            .await?;
        settings
            .service
            .iter()
            .for_each(|service| recorder.set_service(service));
        let numbers = Arc::new(EmbeddedDirectory::new(
            store.clone(),
            number_rules(settings),
            rand::random(),
        ));
        let keeper = numbers.clone();
        supervisor.restarting("number-keeper", move || {
            let keeper = keeper.clone();
            async move { keeper.keep().await }
        });
        let guesses = Arc::new(Guesses::new(guess_limits(settings)));
        // One for each request of an app that waits for it.
        let (dials, to_dial) = tokio::sync::mpsc::unbounded_channel();
        let rooms = RoomsParts {
            services: plan.services(),
            settings: hub_settings(settings),
            media: media.clone(),
            media_events,
            recorder: recorder.clone(),
            audit: traces.audit.clone(),
            announcement: announcement(settings, &prompts),
            events: webhooks.events.clone(),
            dials,
            numbers: numbers.clone(),
            guesses: guesses.clone(),
            store: store.clone(),
            beat: health.beat("rooms"),
        };
        let rooms = Rooms::start(rooms, supervisor)?;
        let filter = source_filter(settings, &trunks.get());
        let parts = Parts {
            rooms: rooms.clone(),
            recorder: recorder.clone(),
            targets: webhooks.targets.clone(),
            numbers: numbers.clone(),
            tokens: traces.tokens.clone(),
            trunks: trunks.clone(),
            filter: filter.clone(),
            sip_tls: sip_tls.clone(),
        };
        let provisioning = Provisioning::start(plan, store.clone(), parts, traces.audit.clone(), supervisor);
        let parts = SipParts {
            filter,
            doorkeeper: Some(doorkeeper(settings, trunks.clone(), metrics.clone())),
            metrics: metrics.clone(),
            health: health.clone(),
        };
        let sip_settings = sip_settings(settings, advertise, sip_tls.clone());
        let (sip, incoming) = Sip::start(sip_settings, parts, supervisor).await?;
        let parts = GatewayParts {
            media: media.clone(),
            directory: directory(settings, numbers.clone())?,
            rooms: Arc::new(rooms.clone()),
            guesses: guesses.clone(),
            prompts,
            calls: calls.clone(),
            metrics: metrics.clone(),
            health: health.clone(),
            sip: sip.clone(),
            trunks,
        };
        let gateway = Gateway::new(settings, parts);
        let minutes = Minutes::new(gateway.usage(), store.clone());
        if let Err(error) = minutes.restore().await {
            warn!(%error, "what services have talked today is counted when the store can be read");
        }
        let kept = minutes.clone();
        supervisor.restarting("minutes", move || kept.clone().keep());
        let app = AppState {
            rooms: rooms.clone(),
            guesses,
            directory: numbers.clone(),
            join_key: JoinKey::start(store.clone(), rooms.clone(), supervisor).await,
            numbers,
            gateway: gateway.clone(),
            media: media.clone(),
            recorder: recorder.clone(),
            webhooks: webhooks.figures.clone(),
            calls,
            metrics,
            health: health.clone(),
            api: traces.api(settings, provisioning.clone()),
            origins: settings.http.origins.clone(),
            limits: Arc::new(Limits::new(settings.http.limits.clone())),
            next_socket: AtomicU64::new(1),
        };
        let listening = Listening {
            listen: settings.http.listen,
            certificates: certificates.clone(),
            proxies: Proxies::new(settings.http.trusted_proxies.clone()),
            metrics: settings.metrics.listen,
            descriptors: Descriptors::within(descriptors),
        };
        let http = HttpServer::start(listening, Arc::new(app), supervisor)?;
        supervisor.task("gateway", gateway.clone().run(incoming));
        supervisor.task("dialler", gateway.clone().dial(to_dial));
        let registrars = gateway.clone();
        supervisor.restarting("registrars", move || registrars.clone().register());
        let pings = gateway.clone();
        supervisor.restarting("pings", move || pings.clone().ping_gateways());
        if store.absent().is_none() {
            rooms.restored().await;
        }
        health.set_ready();
        info!(http = %http.address(), %advertise, webrtc = ?media.webrtc_ports(), "serving");
        Ok(Service {
            http,
            certificates,
            sip_tls,
            sip,
            gateway,
            minutes,
            rooms,
            recorder,
            webhooks,
            media,
            health,
            audit: traces.audit,
            provisioning,
        })
    }

    /// What is read again when its files change.
    pub(super) fn certificates(&self) -> Vec<Arc<dyn Reload>> {
        let https = self.certificates.clone();
        let https = https.into_iter().map(|one| one as Arc<dyn Reload>);
        let sip: Arc<dyn Reload> = self.sip_tls.clone();
        https.chain([sip]).collect()
    }

    /// Who takes what has changed in the configuration.
    pub(super) fn provisioning(&self) -> Arc<Provisioning> {
        self.provisioning.clone()
    }

    pub(super) fn health(&self) -> Arc<Health> {
        self.health.clone()
    }

    pub(super) fn ready_line(&self) -> String {
        let sip: Vec<String> = self
            .sip
            .addresses()
            .iter()
            .map(|(transport, address)| format!("{}://{address}", transport.param()))
            .collect();
        let scheme = if self.certificates.is_some() {
            "https://"
        } else {
            ""
        };
        format!(
            "omnigate ready http={scheme}{} sip={}",
            self.http.address(),
            sip.join(",")
        )
    }

    /// Waits for calls to end by themselves, those of telephones and those between apps, at most `limit`.
    pub(super) async fn drain(&self, limit: Duration) {
        self.health.set_draining();
        Notify::stopping();
        tokio::join!(self.gateway.drain(limit), self.rooms.drain(limit));
    }

    /// Ends everything: what has happened until now is told and kept.
    pub(super) async fn stop(&self) {
        if let Err(error) = self.rooms.close_all().await {
            error!(%error, "sessions were not closed");
        }
        self.recorder.stop().await;
        self.webhooks.flush().await;
        self.minutes.flush().await;
        self.audit.note(Entry::new("service_stop", ""));
        self.audit.flush().await;
        self.http.stop();
        tokio::time::sleep(GOODBYE).await;
        self.sip.stop();
        self.media.stop();
    }

    /// A part has died. What the others hold cannot be told from what is lost, so nothing is taken apart in order.
    pub(super) fn mourn(&self, death: Death) -> Failure {
        error!(
            part = death.name,
            why = death.why,
            "a part of the service has ended; the service ends"
        );
        death.into()
    }
}

fn sip_settings(settings: &Settings, advertise: IpAddr, tls: Arc<Tls>) -> SipSettings {
    SipSettings {
        listen: settings.sip.listen.clone(),
        advertise,
        connections: settings.sip.connections,
        tls,
        dns: settings.sip.dns.clone(),
    }
}

fn source_filter(settings: &Settings, trunks: &Trunks) -> Arc<SourceFilter> {
    let now = tokio::time::Instant::now().into_std();
    let filter = SourceFilter::new(Vec::new(), settings.sip.packets_per_second, now);
    filter.set(trunks.networks(), trunks.are_open());
    Arc::new(filter)
}

fn doorkeeper(settings: &Settings, trunks: CurrentTrunks, metrics: Arc<Metrics>) -> Doorkeeper {
    let now = tokio::time::Instant::now().into_std();
    let seed = (rand::random(), rand::random());
    let algorithms: Vec<_> = settings.sip.digest.iter().map(|one| one.0).collect();
    let asked_by = (settings.sip.realm.as_str(), algorithms.as_slice());
    Doorkeeper::new(trunks, asked_by, seed, metrics, now)
}

/// Where callers' numbers are looked up: at another omnigate, or in the numbers given out here.
fn directory(settings: &Settings, own: Arc<EmbeddedDirectory>) -> Result<Arc<dyn Directory>, Failure> {
    Ok(match &settings.directory.url {
        Some(url) => Arc::new(HttpDirectory::new(url, settings.directory.token.clone())?),
        None => own,
    })
}

impl Traces {
    async fn start(settings: &Settings, store: &Store, supervisor: &Supervisor) -> Result<Traces, Failure> {
        let (audit, orders) = Audit::new();
        let keep_days = settings.audit.keep_days;
        crate::audit::start(store.clone(), audit.clone(), orders, keep_days, supervisor);
        audit.note(Entry::new("service_start", "").detail(json!({ "version": env!("CARGO_PKG_VERSION") })));
        let parts = TokensParts {
            store: store.clone(),
            configured: settings.api.token.clone(),
            file: TokenFile::of(&settings.state_dir()),
            audit: audit.clone(),
            keep_days,
        };
        Ok(Traces {
            tokens: Tokens::start(parts, supervisor).await?,
            audit,
            log: AuditLog::of(store.clone()),
        })
    }

    fn api(&self, settings: &Settings, provisioning: Arc<Provisioning>) -> Api {
        Api {
            tokens: self.tokens.clone(),
            audit: self.audit.clone(),
            log: self.log.clone(),
            front: Front {
                hosts: Hosts::new(&settings.http),
                origins: ApiOrigins::new(&settings.http),
            },
            provisioning,
            figures: Figures::new(&settings.metrics),
            denials: Denials::default(),
        }
    }
}

impl Webhooks {
    fn start(settings: &Settings, store: Store, supervisor: &Supervisor) -> Result<Webhooks, Failure> {
        let figures = Arc::new(WebhookFigures::default());
        let outbox = Outbox::new(store.clone());
        let targets = Targets::new(settings);
        let rules = &settings.webhook;
        let deliverer = Deliverer::new(outbox.clone(), targets.clone(), rules, figures.clone())?;
        supervisor.restarting("deliverer", move || deliverer.clone().run());
        let (kept, days) = (outbox.clone(), rules.keep_days);
        supervisor.restarting("webhook-retention", move || {
            kept.clone().retain_for_ever(store.clone(), days)
        });
        let events = EventSink::start(outbox.clone(), targets.clone(), figures.clone(), supervisor);
        Ok(Webhooks {
            outbox,
            targets,
            events,
            figures,
        })
    }

    /// What records, and tells of it.
    async fn recorder(
        &self,
        settings: &Settings,
        store: Store,
        media: &MediaPlane,
        supervisor: &Supervisor,
    ) -> Result<Arc<Recorder>, Failure> {
        let parts = RecorderParts {
            settings: settings.recording.clone(),
            public_url: public_url(settings),
            taps: media.take_taps(),
            index: Index::new(store),
            events: self.events.clone(),
            targets: self.targets.clone(),
        };
        Ok(Recorder::start(parts, supervisor).await?)
    }

    /// Everything that has happened is in the store, and goes out if its receivers take it now.
    async fn flush(&self) {
        self.events.flush().await;
        self.outbox.delivered(LAST_WEBHOOKS).await;
    }
}
