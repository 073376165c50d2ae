//! `omnigate serve`: puts all parts together, and takes them apart in order.

use super::{Failure, say};
use crate::calls::CallRegistry;
use crate::config::{self, Settings};
use crate::directory::{Directory, HttpDirectory};
use crate::gateway::{Gateway, GatewayParts, Phrase, Prompts};
use crate::http::{AppState, Certificates, Limits, Listening, Proxies};
use crate::media::{Announcement, MediaPlane, MediaSettings};
use crate::observe::{self, Health, Metrics, Notify};
use crate::recording::{Index, Recorder, RecorderParts};
use crate::rooms::HubHandle;
use crate::sip::{Endpoint, EndpointSettings, SourceFilter, Trunks};
use crate::store::{Owner, Store};
use crate::webhook::{Deliverer, EventSink, Outbox, Targets, WebhookFigures};
use omnigate_omnitalk::{HubSettings, Secret, Service, TurnSettings};
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// Peer events that may wait for the hub.
const PEER_EVENTS: usize = 4096;
/// Time that sockets get to say goodbye at the end.
const GOODBYE: Duration = Duration::from_millis(300);

/// Runs until SIGTERM or SIGINT.
pub(super) async fn run(path: Option<&Path>) -> Result<(), Failure> {
    let settings = config::load(path)?;
    observe::init_tracing(&settings.log);
    config::log_warnings(&settings);
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let hang_up = signal(SignalKind::hangup())?;
    let owner = Owner::take(&settings.store.url, &settings.recording.dir).await?;
    let service = start(&settings).await?;
    tokio::spawn(reload(hang_up, service.certificates.clone()));
    say(&service.ready_line());
    Notify::ready();
    if let Some(interval) = observe::watchdog_interval() {
        tokio::spawn(async move {
            loop {
                Notify::alive();
                tokio::time::sleep(interval).await;
            }
        });
    }
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        // Whoever has the store now has finished our recordings: nothing more may be written.
        lost = owner.lost() => return Err(lost.into()),
    }
    info!("draining: no new calls");
    let again = async {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
    };
    tokio::select! {
        () = service.drain(Duration::from_secs(settings.shutdown.drain_seconds)) => {}
        () = again => warn!("second signal: ending at once"),
    }
    service.stop().await;
    info!("ended");
    Ok(())
}

/// Reads the certificate again on SIGHUP, and when its files change.
async fn reload(mut hang_up: Signal, certificates: Option<Arc<Certificates>>) {
    if let Some(certificates) = &certificates {
        tokio::spawn(certificates.clone().watch());
    }
    while hang_up.recv().await.is_some() {
        match &certificates {
            Some(certificates) => certificates.reload(),
            None => info!("SIGHUP: there is no certificate to read again"),
        }
    }
}

struct Running {
    http: std::net::SocketAddr,
    certificates: Option<Arc<Certificates>>,
    endpoint: Arc<Endpoint>,
    gateway: Arc<Gateway>,
    hub: HubHandle,
    recorder: Arc<Recorder>,
    media: Arc<MediaPlane>,
    health: Arc<Health>,
    stop_http: CancellationToken,
}

async fn start(settings: &Settings) -> Result<Running, Failure> {
    let prompts = Prompts::load(settings.ivr.prompts.as_deref())?;
    let certificates = Certificates::load(&settings.http.tls)?.map(Arc::new);
    let (metrics, health) = (Arc::new(Metrics::new()), Arc::new(Health::default()));
    let calls = Arc::new(CallRegistry::default());
    let advertise = settings.sip.advertise.unwrap_or_else(own_address);
    let media = media_settings(settings, advertise);
    let (peer_events, from_peers) = mpsc::channel(PEER_EVENTS);
    let media = MediaPlane::start(media, peer_events)?;
    let webhooks = Arc::new(WebhookFigures::default());
    let recorder = recorder(settings, &media, &prompts, webhooks.clone()).await?;
    let hub = HubHandle::start(
        hub_settings(settings),
        media.clone(),
        recorder.clone(),
        from_peers,
    );
    let filter = SourceFilter::new(Trunks::new(settings).networks(), settings.sip.packets_per_second);
    let (endpoint, incoming) = Endpoint::start(EndpointSettings {
        listen: settings.sip.listen.clone(),
        advertise,
        connections: settings.sip.connections,
        filter: Arc::new(filter),
        metrics: metrics.clone(),
    })
    .await?;
    let directory: Arc<dyn Directory> = match &settings.directory.url {
        Some(url) => Arc::new(HttpDirectory::new(url, settings.directory.token.clone())?),
        None => Arc::new(hub.clone()),
    };
    let parts = GatewayParts {
        endpoint: endpoint.clone(),
        media: media.clone(),
        directory,
        rooms: Arc::new(hub.clone()),
        prompts,
        calls: calls.clone(),
        metrics: metrics.clone(),
        health: health.clone(),
    };
    let gateway = Gateway::new(settings, parts);
    let app = Arc::new(AppState {
        hub: hub.clone(),
        media: media.clone(),
        recorder: recorder.clone(),
        webhooks,
        calls,
        metrics,
        health: health.clone(),
        api_token: settings.api.token.clone(),
        origins: settings.http.origins.clone(),
        limits: Arc::new(Limits::new(settings.http.limits.clone())),
        next_socket: AtomicU64::new(1),
    });
    let stop_http = CancellationToken::new();
    let listening = Listening {
        listen: settings.http.listen,
        certificates: certificates.clone(),
        proxies: Proxies::new(settings.http.trusted_proxies.clone()),
        stop: stop_http.clone(),
    };
    let http = crate::http::serve(listening, app).await?;
    tokio::spawn(gateway.clone().run(incoming));
    health.set_ready();
    info!(%http, %advertise, webrtc = ?media.webrtc_ports(), "serving");
    Ok(Running {
        http,
        certificates,
        endpoint,
        gateway,
        hub,
        recorder,
        media,
        health,
        stop_http,
    })
}

impl Running {
    fn ready_line(&self) -> String {
        let sip: Vec<String> = self
            .endpoint
            .addresses()
            .iter()
            .map(|(transport, address)| format!("{}://{address}", transport.to_string().to_ascii_lowercase()))
            .collect();
        let scheme = if self.certificates.is_some() {
            "https://"
        } else {
            ""
        };
        format!("omnigate ready http={scheme}{} sip={}", self.http, sip.join(","))
    }

    async fn drain(&self, limit: Duration) {
        self.health.set_draining();
        Notify::stopping();
        self.gateway.drain(limit).await;
    }

    async fn stop(&self) {
        self.hub.close_all().await;
        self.recorder.stop().await;
        self.stop_http.cancel();
        tokio::time::sleep(GOODBYE).await;
        self.endpoint.stop();
        self.media.stop();
    }
}

/// The store, webhooks, and what records.
async fn recorder(
    settings: &Settings,
    media: &Arc<MediaPlane>,
    prompts: &Prompts,
    webhooks: Arc<WebhookFigures>,
) -> Result<Arc<Recorder>, Failure> {
    let store = Store::open(&settings.store.url).await?;
    let outbox = Outbox::open(store.clone()).await?;
    let targets = Targets::new(settings);
    let deliverer = Deliverer::new(outbox.clone(), targets.clone(), settings.webhook.days, webhooks)?;
    tokio::spawn(deliverer.run());
    let recording = &settings.recording;
    let announcement = Announcement {
        prompts: if recording.announce {
            prompts.of(settings.ivr.language, &[Phrase::Recorded])
        } else {
            Vec::new()
        },
        beep_each: (recording.beep_seconds > 0).then(|| Duration::from_secs(recording.beep_seconds)),
    };
    let silent = announcement.prompts.is_empty() && announcement.beep_each.is_none();
    let parts = RecorderParts {
        settings: recording.clone(),
        public_url: public_url(settings),
        media: media.clone(),
        announcement: (!silent).then_some(announcement),
        index: Index::new(store),
        events: EventSink::start(outbox, targets.clone()),
        targets,
    };
    Ok(Recorder::start(parts).await?)
}

/// Where others reach this server: as configured, or as far as one can tell.
fn public_url(settings: &Settings) -> String {
    if let Some(url) = &settings.http.public_url {
        return url.trim_end_matches('/').to_owned();
    }
    let scheme = if settings.http.tls.certificate.is_some() {
        "https"
    } else {
        "http"
    };
    let mut listen = settings.http.listen;
    if listen.ip().is_unspecified() {
        listen.set_ip(own_address());
    }
    format!("{scheme}://{listen}")
}

fn media_settings(settings: &Settings, advertise: IpAddr) -> MediaSettings {
    let given = &settings.media.advertise;
    MediaSettings {
        bind: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        advertise: if given.is_empty() {
            vec![advertise]
        } else {
            given.clone()
        },
        rtp_ports: settings.media.rtp_ports.first..=settings.media.rtp_ports.last,
        webrtc_port: settings.media.webrtc_port,
        webrtc_tcp: settings.media.webrtc_tcp,
        shards: settings.media.threads(),
        silence_timeout: Duration::from_secs(settings.media.rtp_timeout_seconds),
        video_codecs: settings.media.video_codecs.clone(),
    }
}

fn hub_settings(settings: &Settings) -> HubSettings {
    let service = |s: &config::Service| Service {
        id: s.id.clone(),
        key: s.key.as_ref().map(|k| Secret::new(k.expose())),
        key_required: s.key_required,
        record: s.record,
    };
    HubSettings {
        services: settings.service.iter().map(service).collect(),
        heartbeat: Duration::from_secs(settings.rooms.heartbeat_seconds),
        ring_time: Duration::from_secs(settings.ivr.ring_seconds),
        empty_room: Duration::from_secs(settings.rooms.empty_seconds),
        wrong_secrets: settings.rooms.wrong_secrets,
        wrong_secrets_per_room: settings.rooms.wrong_secrets_per_room,
        secret_bar: Duration::from_secs(settings.rooms.secret_bar_seconds),
        turn: settings.turn.secret.as_ref().map(|secret| TurnSettings {
            secret: Secret::new(secret.expose()),
            lifetime: Duration::from_secs(settings.turn.lifetime_seconds),
        }),
        ..HubSettings::default()
    }
}

/// First non-loopback IPv4 address, else 127.0.0.1.
fn own_address() -> IpAddr {
    let all = if_addrs::get_if_addrs().unwrap_or_default();
    all.iter()
        .map(|i| i.ip())
        .find(|ip| ip.is_ipv4() && !ip.is_loopback())
        .unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
}
