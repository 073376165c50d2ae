//! `omnigate serve`: runs the service until it is told to end, or until a part of it dies.

use super::output::{Failure, say};
use super::process;
use super::service::Service;
use crate::config::{self, Written};
use crate::observe::{self, Health, Notify};
use crate::provision::Provisioning;
use crate::store::{Owner, Store};
use crate::supervise::Supervisor;
use crate::tls::{self, Reload};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{error, info, warn};

/// Runs until SIGTERM or SIGINT.
pub(super) async fn run(path: Option<&Path>) -> Result<(), Failure> {
    process::keep_files_private();
    let written = Written::load(path)?;
    let settings = written.settings()?;
    observe::init_tracing(&settings.log);
    config::log_warnings(&settings);
    let descriptors = process::raise_descriptors(&settings);
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let hang_up = signal(SignalKind::hangup())?;
    let owner = Owner::take(settings.store.url.expose(), &settings.recording.dir).await?;
    let (store, opener) = Store::start(settings.store.url.expose(), owner).await?;
    let opener = opener.run();
    tokio::pin!(opener);
    let (supervisor, mut deaths) = Supervisor::new();
    let service = Service::start(written, store, descriptors, &supervisor).await?;
    let reload = reload(
        hang_up,
        path.map(Path::to_owned),
        service.certificates(),
        service.provisioning(),
    );
    supervisor.task("reload", reload);
    say(&service.ready_line());
    Notify::ready();
    if let Some(interval) = observe::watchdog_interval() {
        supervisor.task("watchdog", watch(service.health(), interval));
    }
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        death = deaths.next() => return Err(service.mourn(death)),
        // Whoever has the store now has finished our recordings: nothing more may be written.
        lost = &mut opener => return Err(lost.into()),
    }
    info!("draining: no new calls");
    let again = async {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
    };
    tokio::select! {
        () = service.drain(Duration::from_secs(settings.shutdown.drain_seconds)) => {}
        () = again => warn!("second signal: ending at once"),
        death = deaths.next() => return Err(service.mourn(death)),
        lost = &mut opener => return Err(lost.into()),
    }
    supervisor.stopping();
    tokio::select! {
        () = service.stop() => {}
        lost = opener => return Err(lost.into()),
    }
    info!("ended");
    Ok(())
}

/// Tells the service manager that all parts are alive, as long as they are.
async fn watch(health: Arc<Health>, interval: Duration) {
    loop {
        let stalled = health.stalled(Instant::now());
        if stalled.is_empty() {
            Notify::alive();
        } else {
            error!(
                ?stalled,
                "parts hang; the service manager is not told that the service is alive"
            );
        }
        tokio::time::sleep(interval).await;
    }
}

/// Reads the configuration again on SIGHUP, and the certificates then and when their files change.
async fn reload(
    mut hang_up: Signal,
    path: Option<PathBuf>,
    certificates: Vec<Arc<dyn Reload>>,
    provisioning: Arc<Provisioning>,
) {
    tokio::spawn(tls::watch(certificates.clone()));
    while hang_up.recv().await.is_some() {
        provisioning.reload(Written::load(path.as_deref())).await;
        for one in &certificates {
            one.reload();
        }
    }
}
