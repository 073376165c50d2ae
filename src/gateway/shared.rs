//! What calls share.

use super::certification::Certifications;
use super::control::Controls;
use super::doubts::{Doubt, Doubts};
use super::ivr::IvrSettings;
use super::prompts::Prompts;
use super::reach::Reach;
use crate::calls::{CallEnd, CallEvent, CallRegistry, CallTeller};
use crate::config::Settings;
use crate::directory::{Directory, Guesses};
use crate::media::MediaPlane;
use crate::observe::{Health, Metrics};
use crate::rooms::RoomPort;
use crate::sip::Sip;
use crate::trunks::{CurrentTrunks, Trunk, Usage, identity};
use omnigate_number::PhoneNumber;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument, Span, warn};

/// Time for BYEs after the drain time.
const LAST_BYES: Duration = Duration::from_secs(2);

/// Everything that calls share.
pub struct Gateway {
    pub(super) media: Arc<MediaPlane>,
    pub(super) directory: Arc<dyn Directory>,
    pub(super) rooms: Arc<dyn RoomPort>,
    pub(super) prompts: Prompts,
    pub(super) ivr: IvrSettings,
    pub(super) guesses: Arc<Guesses>,
    pub(super) calls: Arc<CallRegistry>,
    pub(super) metrics: Arc<Metrics>,
    /// The service stops: nobody is to call it any more.
    pub(super) leaving: CancellationToken,
    pub(super) hang_up_all: CancellationToken,
    pub(super) tasks: TaskTracker,
    pub(super) trunks: CurrentTrunks,
    pub(super) usage: Arc<Usage>,
    pub(super) reach: Arc<Reach>,
    pub(super) controls: Controls,
    pub(super) certifications: Certifications,
    pub(super) sip: Sip,
    pub(super) health: Arc<Health>,
    pub(super) most_calls: usize,
    pub(super) doubts: Arc<Doubts>,
}

/// Who calls whom over which trunk.
pub(super) struct Screened {
    pub(super) teller: CallTeller,
    pub(super) trunk: Arc<Trunk>,
    pub(super) called: PhoneNumber,
    pub(super) caller: identity::Caller,
    pub(super) received: Instant,
    /// Until somebody is there.
    pub(super) doubt: Option<Doubt>,
}

/// How a call ended and how long it was answered.
pub(super) struct Ended {
    pub(super) end: CallEnd,
    pub(super) talked: Option<Duration>,
}

/// Parts that a gateway is made of.
pub struct GatewayParts {
    /// Media plane.
    pub media: Arc<MediaPlane>,
    /// Look-up.
    pub directory: Arc<dyn Directory>,
    /// Rooms.
    pub rooms: Arc<dyn RoomPort>,
    /// The budget for wrong numbers.
    pub guesses: Arc<Guesses>,
    /// Recordings.
    pub prompts: Prompts,
    /// Call records.
    pub calls: Arc<CallRegistry>,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// Readiness.
    pub health: Arc<Health>,
    /// What telephones are called by.
    pub sip: Sip,
    /// The trunks, which SIP has too: where one has found its registrar, both know.
    pub trunks: CurrentTrunks,
}

impl Gateway {
    /// Puts the parts together.
    pub fn new(settings: &Settings, parts: GatewayParts) -> Arc<Gateway> {
        let ivr = &settings.ivr;
        Arc::new(Gateway {
            media: parts.media,
            directory: parts.directory,
            rooms: parts.rooms,
            prompts: parts.prompts,
            ivr: IvrSettings {
                first_digit: Duration::from_secs(ivr.first_digit_seconds),
                inter_digit: Duration::from_secs(ivr.inter_digit_seconds),
                tries: ivr.tries,
            },
            guesses: parts.guesses,
            calls: parts.calls,
            metrics: parts.metrics,
            leaving: CancellationToken::new(),
            hang_up_all: CancellationToken::new(),
            tasks: TaskTracker::new(),
            trunks: parts.trunks,
            usage: Arc::default(),
            reach: Arc::default(),
            controls: Controls::default(),
            certifications: Certifications::default(),
            sip: parts.sip,
            health: parts.health,
            most_calls: settings.sip.calls,
            doubts: Doubts::new(settings.sip.calls),
        })
    }

    /// What services and trunks use.
    pub fn usage(&self) -> Arc<Usage> {
        self.usage.clone()
    }

    /// Whether one more call is taken: not while the service stops, nor when all places are taken.
    pub(super) fn has_place(&self) -> bool {
        !self.health.is_draining() && self.calls.live() < self.most_calls
    }

    /// Gives a call its task, and tells its end whatever becomes of that. A panic of one call must not take its record or
    /// the others along; `let_go` then lets nobody stay behind in the rooms.
    pub(super) fn begin(
        &self,
        teller: CallTeller,
        span: Span,
        call: impl Future<Output = Ended> + Send + 'static,
        let_go: impl Future<Output = ()> + Send + 'static,
    ) {
        // Spawned here and not by the task that waits for it, which would keep room for all of it until the end.
        let call = tokio::spawn(call.instrument(span.clone()));
        let run = async move {
            let ended = match call.await {
                Ok(ended) => ended,
                Err(_) => {
                    let_go.await;
                    Ended {
                        end: CallEnd::Fault,
                        talked: None,
                    }
                }
            };
            teller.tell(CallEvent::Ended {
                end: ended.end,
                talked: ended.talked,
            });
        };
        self.tasks.spawn(run.instrument(span));
    }

    /// Waits for calls to end by themselves, at most `limit`; then hangs up.
    pub async fn drain(&self, limit: Duration) {
        self.leaving.cancel();
        self.tasks.close();
        if tokio::time::timeout(limit, self.tasks.wait()).await.is_err() {
            warn!(calls = self.calls.live(), "drain time is over; hanging up");
            self.hang_up_all.cancel();
            let _ = tokio::time::timeout(LAST_BYES, self.tasks.wait()).await;
        }
    }
}
