//! The task that empties the outbox.

use super::breaker::{AT_ONCE, Breaker, Leave};
use super::outbox::{Delivery, Outbox};
use super::target::{Target, Targets};
use super::{retry, sign};
use crate::clock::unix_now_signed;
use crate::config::WebhookRules;
use crate::observe::Page;
use crate::store::Result;
use crate::supervise::test_point;
use crate::sync::lock;
use reqwest::header;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tracing::{info, warn};

/// Time for one try (12.6).
const TIMEOUT: Duration = Duration::from_secs(10);
/// Deliveries of one service looked at in one round: those under way, and as many again.
const OF_A_SERVICE: i64 = 2 * AT_ONCE as i64;
/// News of deliveries that may wait; a round looks at all of them anyway.
const NEWS: usize = 64;
/// How often those that wait are counted.
const COUNT: Duration = Duration::from_secs(1);
/// The outbox is looked at at least this often, and at most this often while it has something due.
const IDLE: Duration = Duration::from_secs(60);
const PACE: Duration = Duration::from_millis(200);
/// After a failure of the store.
const STORE_PAUSE: Duration = Duration::from_secs(5);

/// Counters, for metrics.
#[derive(Debug, Default)]
pub struct WebhookFigures {
    /// Tries that ended with 2xx.
    pub delivered: AtomicU64,
    /// Tries that ended otherwise.
    pub failed: AtomicU64,
    /// Deliveries given up.
    pub given_up: AtomicU64,
    /// Deliveries that wait, of each service.
    pending: Mutex<HashMap<String, u64>>,
    /// Events that were not taken: too many of their service wait.
    pub refused: AtomicU64,
    /// Targets that are left alone because they failed.
    pub targets_open: AtomicU64,
}

impl WebhookFigures {
    /// How many of a service wait.
    pub(super) fn waiting_of(&self, service: &str) -> u64 {
        lock(&self.pending).get(service).copied().unwrap_or(0)
    }

    fn set_waiting(&self, waiting: HashMap<String, u64>) {
        *lock(&self.pending) = waiting;
    }

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
        page.counter(
            "webhooks_refused",
            self.refused.load(Relaxed),
            "Events that were not taken, as too many of their service wait",
        );
        page.gauge(
            "webhooks_pending",
            lock(&self.pending).values().sum(),
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
    /// When those that wait were counted last.
    counted: Mutex<Option<Instant>>,
    figures: Arc<WebhookFigures>,
    /// How long a delivery is tried, seconds.
    patience: i64,
    /// Whether bodies outlive their delivery.
    keeps_bodies: bool,
}

impl Deliverer {
    /// A deliverer to these targets, by these rules.
    pub fn new(
        outbox: Outbox,
        targets: Targets,
        rules: &WebhookRules,
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
            counted: Mutex::default(),
            figures,
            patience: i64::try_from(rules.days).unwrap_or(3) * 86_400,
            keeps_bodies: rules.keep_days > 0,
        }))
    }

    /// Runs for ever.
    pub async fn run(self: Arc<Self>) {
        let (done, mut ended) = mpsc::channel::<()>(NEWS);
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
        for service in self.outbox.due_services(now).await? {
            self.round_of(&service, &under_way, now, done).await?;
        }
        let counted = self.count_waiting().await?;
        let next_at = self.outbox.next_due().await?;
        let open = lock(&self.breaker).open(now);
        self.figures.targets_open.store(open as u64, Relaxed);
        let wait = next_at.map_or(IDLE, |at| {
            Duration::from_secs(u64::try_from(at - now).unwrap_or(0))
        });
        let longest = if counted { IDLE } else { COUNT };
        Ok(wait.clamp(PACE, longest))
    }

    /// Starts what of a service is due, as far as its receiver takes it: it costs the others no more than a look.
    async fn round_of(
        self: &Arc<Self>,
        service: &str,
        under_way: &HashSet<String>,
        now: i64,
        done: &mpsc::Sender<()>,
    ) -> Result<()> {
        // Those under way are due still, and come first.
        for delivery in self.outbox.due(service, now, OF_A_SERVICE).await? {
            if under_way.contains(&delivery.id) {
                continue;
            }
            let leave = lock(&self.breaker).ask(service, now);
            match leave {
                Leave::Busy => return Ok(()),
                Leave::Until(open) => return self.outbox.put_off(service, open).await,
                Leave::Granted => {
                    let under_way = UnderWay::new(self.clone(), &delivery, done.clone());
                    tokio::spawn(async move {
                        under_way.deliverer.deliver(&delivery).await;
                    });
                }
            }
        }
        Ok(())
    }

    /// Counting costs as much as there waits, so it is done now and then; false when it is yet to be done.
    async fn count_waiting(&self) -> Result<bool> {
        let now = Instant::now();
        if lock(&self.counted).is_some_and(|at| now.saturating_duration_since(at) < COUNT) {
            return Ok(false);
        }
        let waiting = self.outbox.waiting().await?;
        let of = |(service, count): (String, i64)| (service, u64::try_from(count).unwrap_or(0));
        self.figures.set_waiting(waiting.into_iter().map(of).collect());
        *lock(&self.counted) = Some(now);
        Ok(true)
    }

    async fn deliver(&self, delivery: &Delivery) {
        let service = delivery.service_id.as_str();
        let outcome = match self.targets.of(service) {
            Ok(target) => self.post(&target, delivery).await,
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
            .tried(&delivery.id, state, next_at, &outcome.result, self.keeps_bodies)
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
