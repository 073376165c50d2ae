//! Takes new calls, screens them, and gives each its task.

use super::call;
use super::flow::FlowSettings;
use super::guesses::GuessBudget;
use super::prompts::Prompts;
use crate::calls::{CallEnd, CallRecord, CallRegistry};
use crate::clock::{unix_millis, unix_now};
use crate::config::Settings;
use crate::directory::Directory;
use crate::media::MediaPlane;
use crate::observe::{Health, Metrics};
use crate::rooms::RoomPort;
use crate::sip::{Endpoint, Incoming, Trunk, Trunks, answer};
use crate::supervise::test_point;
use omnigate_room::CallId;
use omnigate_sip::call::warning;
use omnigate_sip::message::{Header, StatusCode};
use omnigate_sip::number::mask;
use omnigate_sip::{PhoneNumber, header, identity};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument, info, info_span, warn};

/// Seconds that a refused caller should wait before it tries again.
const RETRY_AFTER: &str = "30";
/// Time for BYEs after the drain time.
const LAST_BYES: Duration = Duration::from_secs(2);

/// Everything that calls share.
pub struct Gateway {
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) media: Arc<MediaPlane>,
    pub(super) directory: Arc<dyn Directory>,
    pub(super) rooms: Arc<dyn RoomPort>,
    pub(super) prompts: Prompts,
    pub(super) flow: FlowSettings,
    pub(super) budget: Mutex<GuessBudget>,
    pub(super) calls: Arc<CallRegistry>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) hang_up_all: CancellationToken,
    pub(super) tasks: TaskTracker,
    trunks: Trunks,
    health: Arc<Health>,
    most_calls: usize,
}

/// Who calls whom over which trunk.
pub(super) struct Screened {
    pub(super) id: CallId,
    pub(super) trunk: Trunk,
    pub(super) called: PhoneNumber,
    pub(super) caller: identity::Caller,
    pub(super) received: Instant,
}

/// Parts that a gateway is made of.
pub struct GatewayParts {
    /// SIP stack.
    pub endpoint: Arc<Endpoint>,
    /// Media plane.
    pub media: Arc<MediaPlane>,
    /// Look-up.
    pub directory: Arc<dyn Directory>,
    /// Rooms.
    pub rooms: Arc<dyn RoomPort>,
    /// Recordings.
    pub prompts: Prompts,
    /// Call records.
    pub calls: Arc<CallRegistry>,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// Readiness.
    pub health: Arc<Health>,
}

impl Gateway {
    /// Puts the parts together.
    pub fn new(settings: &Settings, parts: GatewayParts) -> Arc<Gateway> {
        let ivr = &settings.ivr;
        Arc::new(Gateway {
            endpoint: parts.endpoint,
            media: parts.media,
            directory: parts.directory,
            rooms: parts.rooms,
            prompts: parts.prompts,
            flow: FlowSettings {
                first_digit: Duration::from_secs(ivr.first_digit_seconds),
                inter_digit: Duration::from_secs(ivr.inter_digit_seconds),
                tries: ivr.tries,
            },
            budget: Mutex::new(GuessBudget::new(ivr.wrong_per_caller, ivr.wrong_per_number)),
            calls: parts.calls,
            metrics: parts.metrics,
            hang_up_all: CancellationToken::new(),
            tasks: TaskTracker::new(),
            trunks: Trunks::new(settings),
            health: parts.health,
            most_calls: settings.sip.calls,
        })
    }

    /// Handles calls until the endpoint ends.
    pub async fn run(self: Arc<Self>, mut incoming: mpsc::Receiver<Incoming>) {
        while let Some(call) = incoming.recv().await {
            test_point("gateway");
            self.metrics.invite();
            self.clone().take(call);
        }
    }

    /// Waits for calls to end by themselves, at most `limit`; then hangs up.
    pub async fn drain(&self, limit: Duration) {
        self.tasks.close();
        if tokio::time::timeout(limit, self.tasks.wait()).await.is_err() {
            warn!(calls = self.calls.live(), "drain time is over; hanging up");
            self.hang_up_all.cancel();
            let _ = tokio::time::timeout(LAST_BYES, self.tasks.wait()).await;
        }
    }

    fn take(self: Arc<Self>, incoming: Incoming) {
        let invite = &incoming.transaction.original;
        let caller = identity::caller(&invite.headers);
        let source = incoming.flow.source.ip();
        if self.health.is_draining() || self.calls.live() >= self.most_calls {
            info!(%source, %caller, "call refused: draining or full");
            let retry = vec![header::make("Retry-After", RETRY_AFTER)];
            return self.refuse(
                incoming,
                StatusCode::ServiceUnavailable,
                retry,
                CallEnd::Overload,
                "",
            );
        }
        let found = self
            .trunks
            .find(source, |country| identity::called(invite, country));
        let (trunk, called) = match found {
            Ok((trunk, called)) => (trunk.clone(), called),
            Err(miss) => {
                info!(%source, %caller, nearest = %miss.nearest, why = %miss.why, "call refused: no trunk takes it");
                let text = vec![warning(399, "the called number is not served for this source")];
                return self.refuse(
                    incoming,
                    StatusCode::NotFound,
                    text,
                    CallEnd::NoTrunk,
                    &miss.nearest,
                );
            }
        };
        let id = CallId::new(unix_millis(), rand::random());
        let span = info_span!("call", %id, trunk = %trunk.name, %caller, %called);
        self.calls.insert(CallRecord {
            id,
            trunk: trunk.name.clone(),
            caller: mask(caller.shown()),
            called: called.to_string(),
            state: "ivr",
            started_at: unix_now(),
            answered_at: None,
            ended_at: None,
            class: None,
            reason: None,
            sip_status: None,
        });
        let screened = Screened {
            id,
            trunk,
            called,
            caller,
            received: Instant::now(),
        };
        let gateway = self.clone();
        self.tasks.spawn(
            async move {
                let trunk = screened.trunk.name.clone();
                // A panic of one call must not take its record or the others along.
                let task = tokio::spawn(call::run(gateway.clone(), incoming, screened).in_current_span());
                let ended = match task.await {
                    Ok(ended) => ended,
                    Err(_) => {
                        // Its task did not come to its end: nobody must stay behind in a room.
                        let _ = gateway.rooms.hang_up(id).await;
                        call::Ended {
                            end: CallEnd::Fault,
                            talked: None,
                        }
                    }
                };
                let (class, reason) = (ended.end.class().name(), ended.end.reason());
                gateway.metrics.call_ended(&trunk, class, reason, ended.talked);
                gateway.calls.end(id, ended.end, unix_now());
                let seconds = ended.talked.map(|d| d.as_secs_f64());
                info!(class, reason, seconds, "call ended");
            }
            .instrument(span),
        );
    }

    fn refuse(&self, incoming: Incoming, status: StatusCode, extra: Vec<Header>, end: CallEnd, trunk: &str) {
        self.endpoint.calls.forget_invite(&incoming.transaction.original);
        self.metrics
            .call_ended(trunk, end.class().name(), end.reason(), None);
        answer(incoming.transaction, status, extra);
    }
}
