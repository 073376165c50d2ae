//! The task that empties the outbox.

use super::breaker::{Breaker, Leave};
use super::outbox::{Delivery, Outbox};
use super::target::{Target, Targets};
use super::{retry, sign};
use crate::clock::unix_now_signed;
use crate::observe::Page;
use crate::store::Result;
use crate::supervise::test_point;
use crate::sync::lock;
use reqwest::header;
use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::mpsc;
use tracing::{info, warn};

/// Time for one try (12.6).
const TIMEOUT: Duration = Duration::from_secs(10);
/// Deliveries looked at in one round.
const ROUND: i64 = 100;
/// The outbox is looked at at least this often, and at most this often while it has something due.
const IDLE: Duration = Duration::from_secs(60);
const PACE: Duration = Duration::from_millis(200);
/// After a failure of the store.
const STORE_PAUSE: Duration = Duration::from_secs(5);
/// Delivered and given up ones are kept for this long, seconds.
const KEEP: i64 = 30 * 86_400;

/// Counters, for metrics.
#[derive(Debug, Default)]
pub struct WebhookFigures {
    /// Tries that ended with 2xx.
    pub delivered: AtomicU64,
    /// Tries that ended otherwise.
    pub failed: AtomicU64,
    /// Deliveries given up.
    pub given_up: AtomicU64,
    /// Deliveries that wait.
    pub pending: AtomicU64,
    /// Targets that are left alone because they failed.
    pub targets_open: AtomicU64,
}

impl WebhookFigures {
    /// Writes them on the metrics page.
    pub fn tell(&self, page: &mut Page) {
        page.counter(
            "webhooks_delivered",
            self.delivered.load(Relaxed),
            "Webhooks delivered",
        );
        page.counter(
            "webhooks_failed",
            self.failed.load(Relaxed),
            "Failed tries at a webhook",
        );
        page.counter(
            "webhooks_given_up",
            self.given_up.load(Relaxed),
            "Webhooks given up",
        );
        page.gauge(
            "webhooks_pending",
            self.pending.load(Relaxed),
            "Webhooks that wait",
        );
        page.gauge(
            "webhook_targets_open",
            self.targets_open.load(Relaxed),
            "Webhook targets that are left alone because they failed",
        );
    }
}

/// A delivery that is tried; over, whatever becomes of the try, when this is dropped.
struct UnderWay {
    deliverer: Arc<Deliverer>,
    id: String,
    done: mpsc::Sender<()>,
}

impl UnderWay {
    fn new(deliverer: Arc<Deliverer>, delivery: &Delivery, done: mpsc::Sender<()>) -> UnderWay {
        lock(&deliverer.under_way).insert(delivery.id.clone());
        UnderWay {
            deliverer,
            id: delivery.id.clone(),
            done,
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        lock(&self.deliverer.under_way).remove(&self.id);
        let _ = self.done.try_send(());
    }
}

/// Empties the outbox.
pub struct Deliverer {
    outbox: Outbox,
    targets: Targets,
    client: reqwest::Client,
    breaker: Mutex<Breaker>,
    /// Tried at the moment.
    under_way: Mutex<HashSet<String>>,
    figures: Arc<WebhookFigures>,
    /// How long a delivery is tried, seconds.
    patience: i64,
}

impl Deliverer {
    /// A deliverer to these targets, for `days` each.
    pub fn new(
        outbox: Outbox,
        targets: Targets,
        days: u64,
        figures: Arc<WebhookFigures>,
    ) -> std::result::Result<Arc<Deliverer>, reqwest::Error> {
        let client = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .dns_resolver(targets.resolver())
            .no_proxy()
            .user_agent(concat!("omnigate/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Arc::new(Deliverer {
            outbox,
            targets,
            client,
            breaker: Mutex::default(),
            under_way: Mutex::default(),
            figures,
            patience: i64::try_from(days).unwrap_or(3) * 86_400,
        }))
    }

    /// Runs for ever.
    pub async fn run(self: Arc<Self>) {
        let (done, mut ended) = mpsc::channel::<()>(ROUND as usize);
        loop {
            test_point("deliverer");
            let pause = match self.round(&done).await {
                Ok(pause) => pause,
                Err(error) => {
                    warn!(%error, "webhooks: the outbox cannot be read");
                    STORE_PAUSE
                }
            };
            tokio::select! {
                () = self.outbox.woken() => {}
                Some(()) = ended.recv() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Starts what is due; how long nothing will be.
    async fn round(self: &Arc<Self>, done: &mpsc::Sender<()>) -> Result<Duration> {
        let now = unix_now_signed();
        // Known before the store is asked: one that ends meanwhile is not due any more, whatever was read.
        let under_way = lock(&self.under_way).clone();
        for delivery in self.outbox.due(now, ROUND).await? {
            if under_way.contains(&delivery.id) {
                continue;
            }
            let leave = lock(&self.breaker).ask(&delivery.service_id, now);
            match leave {
                Leave::Busy => {}
                Leave::Until(open) => self.outbox.put_off(&delivery.id, open).await?,
                Leave::Granted => {
                    let under_way = UnderWay::new(self.clone(), &delivery, done.clone());
                    tokio::spawn(async move {
                        under_way.deliverer.deliver(&delivery).await;
                    });
                }
            }
        }
        let (next_at, pending) = self.outbox.waiting().await?;
        self.figures
            .pending
            .store(u64::try_from(pending).unwrap_or(0), Relaxed);
        let open = lock(&self.breaker).open(now);
        self.figures.targets_open.store(open as u64, Relaxed);
        let wait = next_at.map_or(IDLE, |at| {
            Duration::from_secs(u64::try_from(at - now).unwrap_or(0))
        });
        if wait >= IDLE {
            self.outbox.forget(now - KEEP).await?;
        }
        Ok(wait.clamp(PACE, IDLE))
    }

    async fn deliver(&self, delivery: &Delivery) {
        let service = delivery.service_id.as_str();
        let outcome = match self.targets.of(service) {
            Ok(target) => self.post(target, delivery).await,
            Err(error) => Outcome::bad(error.to_string()),
        };
        let now = unix_now_signed();
        lock(&self.breaker).ended(service, outcome.well, now);
        let (state, next_at) = if outcome.well {
            self.figures.delivered.fetch_add(1, Relaxed);
            info!(
                id = delivery.id,
                event = delivery.event,
                result = outcome.result,
                "webhook delivered"
            );
            ("delivered", 0)
        } else {
            self.figures.failed.fetch_add(1, Relaxed);
            let pause = retry::pause(delivery.attempts + 1, outcome.retry_after);
            if now + pause > delivery.created_at + self.patience {
                self.figures.given_up.fetch_add(1, Relaxed);
                warn!(
                    id = delivery.id,
                    service,
                    result = outcome.result,
                    "webhook given up"
                );
                ("given_up", 0)
            } else {
                warn!(
                    id = delivery.id,
                    service,
                    result = outcome.result,
                    again_in_seconds = pause,
                    "webhook failed"
                );
                ("pending", now + pause)
            }
        };
        // A try that cannot be written down is made again: receivers tell repeated ones by their id.
        if let Err(error) = self
            .outbox
            .tried(&delivery.id, state, next_at, &outcome.result)
            .await
        {
            warn!(%error, id = delivery.id, "webhooks: the outbox cannot be written");
            tokio::time::sleep(STORE_PAUSE).await;
        }
    }

    async fn post(&self, target: &Target, delivery: &Delivery) -> Outcome {
        let timestamp = unix_now_signed();
        let body = match serde_json::from_str::<serde_json::Value>(&delivery.body) {
            Ok(mut body) => {
                body["timestamp"] = timestamp.into();
                if let Some(secret) = target.secrets.first() {
                    sign::sign_links(&mut body, secret.expose(), timestamp);
                }
                body.to_string()
            }
            Err(error) => return Outcome::bad(format!("the event cannot be read: {error}")),
        };
        let secrets: Vec<&str> = target.secrets.iter().map(|secret| secret.expose()).collect();
        let signature = sign::signature(&secrets, &delivery.id, timestamp, body.as_bytes());
        let answer = self
            .client
            .post(&target.url)
            .header(header::CONTENT_TYPE, "application/json")
            .header("webhook-id", &delivery.id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", signature)
            .body(body)
            .send()
            .await;
        // The answer's body is not read: it may be endless.
        match answer {
            Ok(answer) => Outcome {
                well: answer.status().is_success(),
                result: answer.status().to_string(),
                retry_after: answer
                    .headers()
                    .get(header::RETRY_AFTER)
                    .and_then(|value| value.to_str().ok())
                    .and_then(retry::retry_after),
            },
            Err(error) => Outcome::bad(why(&error)),
        }
    }
}

/// The innermost cause, which says most, without the address: it may hold a password.
fn why(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("no answer within {} s", TIMEOUT.as_secs());
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

struct Outcome {
    well: bool,
    result: String,
    retry_after: Option<i64>,
}

impl Outcome {
    fn bad(result: String) -> Outcome {
        Outcome {
            well: false,
            result,
            retry_after: None,
        }
    }
}

#[cfg(test)]
mod tests;
