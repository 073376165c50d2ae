//! What happens to a telephone call, told in one place: log line, metrics and record are made from the same event. The
//! webhooks of a call come from the room that it reaches.

use super::end::CallEnd;
use super::last::Refusal;
use super::record::{CallRecord, Direction, Provenance};
use super::registry::CallRegistry;
use super::stage::Stage;
use crate::clock::unix_now;
use crate::directory::LookUpError;
use crate::observe::Metrics;
use omnigate_omnitalk::LookUp;
use omnigate_room::{CallId, RoomId};
use omnigate_rtp::digits::Source;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tracing::{debug, info, warn};

/// Who calls whom. Numbers are masked.
#[derive(Debug, Clone)]
pub struct CallAbout {
    /// Calling number.
    pub caller: String,
    /// Called number.
    pub called: String,
    /// Where it comes from.
    pub origin: Origin,
}

/// Where a call comes from.
#[derive(Debug, Clone)]
pub enum Origin {
    /// From a telephone.
    Carrier {
        /// Where the carrier sent the INVITE from.
        source: SocketAddr,
        /// The carrier's Call-ID.
        sip_call_id: String,
        /// What is said of the caller's number.
        provenance: Provenance,
    },
    /// From an app of this service.
    App {
        /// Its id.
        service: String,
    },
    /// From a certification of the trunk.
    Certification,
}

/// What a leg has counted.
#[derive(Debug, Clone, Copy)]
pub struct CallMedia {
    /// RTP packets received.
    pub received: u64,
    /// RTP packets sent.
    pub sent: u64,
    /// Packets that never came.
    pub lost: u64,
    /// Share lost, 0.0 to 1.0.
    pub loss_fraction: f64,
    /// RFC 3550 jitter, seconds.
    pub jitter_seconds: f64,
    /// Round trip time.
    pub rtt: Option<Duration>,
}

/// What happens to a call.
#[derive(Debug)]
pub enum CallEvent<'a> {
    /// Its INVITE was turned away before there was a call.
    Refused {
        /// How that counts.
        end: CallEnd,
        /// For the log.
        why: &'a str,
    },
    /// A trunk takes it.
    Started(CallAbout),
    /// An INVITE goes to this gateway, under this Call-ID.
    Tried {
        /// Name of its trunk.
        trunk: &'a str,
        /// The gateway.
        gateway: SocketAddr,
        /// Our Call-ID.
        sip_call_id: String,
    },
    /// The network has sent it to this number, masked.
    SentElsewhere(&'a str),
    /// Another telephone is called, which is to take this one's place; its number, masked.
    Transfer(&'a str),
    /// It has, or not, because of this.
    Transferred(Option<CallEnd>),
    /// The network gave this cause of Q.850.
    Cause(u16),
    /// The 200 goes out, or has come, so long after the INVITE.
    Answered(Duration),
    /// It has come to this stage.
    Reached(Stage),
    /// A key press came in this way; `new`: and not in another one before.
    KeyPressed {
        /// By which way.
        source: Source,
        /// Whether it counts.
        new: bool,
    },
    /// A key was pressed towards the telephone.
    KeySent,
    /// The directory has answered.
    LookedUp(&'a Result<LookUp, LookUpError>),
    /// It goes to a room or person of this service.
    Belongs(&'a str),
    /// The called number has passed the limit of wrong entries.
    GuessedTooOften,
    /// The caller is in a room, so long after the last digit.
    Joined(RoomId, Duration),
    /// Its leg is closed.
    Media(CallMedia),
    /// It is over.
    Ended {
        /// Why.
        end: CallEnd,
        /// How long it was answered.
        talked: Option<Duration>,
    },
}

/// Tells what happens to one call. Log lines stand in the call's span, which has its id.
#[derive(Clone)]
pub struct CallTeller {
    id: CallId,
    trunk: String,
    calls: Arc<CallRegistry>,
    metrics: Arc<Metrics>,
}

impl CallTeller {
    /// For the call of this id and the trunk of this name: the nearest one, or none, for a call that is refused.
    pub fn new(id: CallId, trunk: &str, calls: &Arc<CallRegistry>, metrics: &Arc<Metrics>) -> CallTeller {
        CallTeller {
            id,
            trunk: trunk.to_owned(),
            calls: calls.clone(),
            metrics: metrics.clone(),
        }
    }

    /// Whose events these are.
    pub fn id(&self) -> CallId {
        self.id
    }

    /// Something has happened.
    pub fn tell(&self, event: CallEvent<'_>) {
        match event {
            CallEvent::Refused { end, why } => self.refused(end, why),
            CallEvent::Started(about) => self.started(about),
            CallEvent::Tried {
                trunk,
                gateway,
                sip_call_id,
            } => self.tried(trunk, gateway, sip_call_id),
            CallEvent::SentElsewhere(to) => {
                info!(%to, "the call is sent elsewhere");
                self.calls
                    .update(self.id, |record| record.sent_to = Some(to.to_owned()));
            }
            CallEvent::Transfer(to) => info!(%to, "a transfer begins"),
            CallEvent::Transferred(failed) => self.transferred(failed),
            CallEvent::Cause(cause) => self.calls.update(self.id, |r| r.q850 = Some(cause)),
            CallEvent::Answered(after) => {
                self.metrics.answered(after);
                self.calls.update(self.id, |r| r.answered_at = Some(unix_now()));
            }
            CallEvent::Reached(stage) => self.reached(stage),
            CallEvent::KeyPressed { source, new } => {
                let source = match source {
                    Source::TelephoneEvent => "rfc4733",
                    Source::SipInfo => "sip_info",
                    Source::InBand => "in_band",
                };
                self.metrics.digit(source);
                debug!(source, new, "key press");
            }
            CallEvent::KeySent => {
                self.metrics.digit("sent");
                debug!("key sent");
            }
            CallEvent::LookedUp(answer) => self.looked_up(answer),
            CallEvent::Belongs(service) => self
                .calls
                .update(self.id, |record| record.service = Some(service.to_owned())),
            CallEvent::GuessedTooOften => {
                self.metrics.guess_alarm();
                warn!("called number has passed ivr.wrong_per_number: callers get a single try");
            }
            CallEvent::Joined(room, waited) => {
                self.metrics.bridged(waited);
                info!(%room, "caller joined");
            }
            CallEvent::Media(media) => self.media(media),
            CallEvent::Ended { end, talked } => self.ended(end, talked),
        }
    }

    fn refused(&self, end: CallEnd, why: &str) {
        let (class, reason) = (end.class().name(), end.reason());
        self.metrics.invite();
        self.metrics.call_ended(&self.trunk, class, reason, None);
        self.calls.refused(
            &self.trunk,
            Refusal {
                direction: Direction::Inbound,
                at: unix_now(),
                reason,
                why: why.to_owned(),
            },
        );
        info!(reason, nearest = %self.trunk, why, "call refused");
    }

    fn started(&self, about: CallAbout) {
        let mut record = CallRecord {
            id: self.id,
            direction: Direction::Outbound,
            trunk: self.trunk.clone(),
            caller: about.caller,
            called: about.called,
            sent_to: None,
            provenance: Provenance::default(),
            source: None,
            gateway: None,
            sip_call_id: None,
            service: None,
            state: Stage::Dialling.state(),
            stage: Stage::Dialling,
            started_at: unix_now(),
            answered_at: None,
            ended_at: None,
            class: None,
            reason: None,
            sip_status: None,
            q850: None,
        };
        match about.origin {
            Origin::Carrier {
                source,
                sip_call_id,
                provenance,
            } => {
                self.metrics.invite();
                record.provenance = provenance;
                record.direction = Direction::Inbound;
                record.source = Some(source);
                record.sip_call_id = Some(sip_call_id);
                record.stage = Stage::Opening;
                record.state = Stage::Opening.state();
            }
            Origin::App { service } => record.service = Some(service),
            Origin::Certification => {}
        }
        self.metrics.call_enters(record.state);
        self.calls.insert(record);
        info!("call started");
    }

    fn tried(&self, trunk: &str, gateway: SocketAddr, sip_call_id: String) {
        self.metrics.dial(trunk);
        info!(trunk, %gateway, sip_call_id, "INVITE to a gateway");
        self.calls.tried(self.id, trunk, gateway, sip_call_id);
    }

    fn transferred(&self, failed: Option<CallEnd>) {
        self.metrics
            .transfer(failed.map_or("transferred", CallEnd::reason));
        match failed {
            None => info!("the call is transferred"),
            Some(end) => info!(reason = end.reason(), "a transfer has failed"),
        }
    }

    fn reached(&self, stage: Stage) {
        self.calls.update(self.id, |record| {
            if record.state != stage.state() {
                self.metrics.call_leaves(record.state);
                self.metrics.call_enters(stage.state());
                record.state = stage.state();
            }
            record.stage = stage;
        });
        debug!(stage = stage.word(), "stage of the call");
    }

    fn looked_up(&self, answer: &Result<LookUp, LookUpError>) {
        self.metrics.lookup(match answer {
            Ok(LookUp::Found(_)) => "found",
            Ok(LookUp::Unknown) => "unknown",
            Ok(LookUp::Expired) => "expired",
            Ok(LookUp::NotForCaller) => "not_for_caller",
            Err(_) => "failed",
        });
        if let Err(error) = answer {
            warn!(%error, "look-up failed");
        }
    }

    fn media(&self, media: CallMedia) {
        self.metrics.quality(media.loss_fraction, media.jitter_seconds);
        info!(
            received = media.received,
            sent = media.sent,
            lost = media.lost,
            jitter_ms = media.jitter_seconds * 1000.0,
            rtt_ms = media.rtt.map(|r| r.as_secs_f64() * 1000.0),
            "call media"
        );
    }

    fn ended(&self, end: CallEnd, talked: Option<Duration>) {
        let (class, reason) = (end.class().name(), end.reason());
        let Some((last, trunk)) = self.calls.end(self.id, end, unix_now()) else {
            return;
        };
        self.metrics.call_leaves(last.state());
        self.metrics.call_ended(&trunk, class, reason, talked);
        let seconds = talked.map(|d| d.as_secs_f64());
        info!(class, reason, stage = last.word(), seconds, "call ended");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn teller() -> (CallTeller, Arc<CallRegistry>, Arc<Metrics>) {
        let (calls, metrics) = (Arc::new(CallRegistry::default()), Arc::new(Metrics::new()));
        let id = CallId::new(1_700_000_000_000, 7);
        let teller = CallTeller::new(id, "carrier", &calls, &metrics);
        teller.tell(CallEvent::Started(CallAbout {
            caller: "0100*****00".to_owned(),
            called: "8270******78".to_owned(),
            origin: Origin::Carrier {
                source: ([127, 0, 0, 1], 5060).into(),
                sip_call_id: "1@carrier".to_owned(),
                provenance: Provenance::default(),
            },
        }));
        (teller, calls, metrics)
    }

    fn figure(metrics: &Metrics, line: &str) -> String {
        let text = metrics.page().finish();
        let found = text.lines().find_map(|one| one.strip_prefix(line));
        found.unwrap_or_default().trim().to_owned()
    }

    #[test]
    fn a_record_says_in_which_stage_the_call_ended_and_where_it_came_from() {
        let (teller, calls, _) = teller();
        teller.tell(CallEvent::Answered(Duration::from_millis(3)));
        teller.tell(CallEvent::Reached(Stage::Entering));
        let record = calls.get(teller.id()).unwrap();
        assert_eq!((record.state, record.stage), ("ivr", Stage::Entering));
        teller.tell(CallEvent::Ended {
            end: CallEnd::CallerHungUp,
            talked: None,
        });
        let record = serde_json::to_value(calls.get(teller.id()).unwrap()).unwrap();
        for (key, value) in [
            ("id", "018bcfe5680000000000000000000007"),
            ("state", "ended"),
            ("stage", "entering"),
            ("reason", "caller_hung_up"),
            ("source", "127.0.0.1:5060"),
            ("sip_call_id", "1@carrier"),
        ] {
            assert_eq!(record[key], value, "{key}");
        }
    }

    #[test]
    fn a_call_is_counted_in_one_state_until_it_ends_once() {
        let (teller, _, metrics) = teller();
        let active = |state: &str| figure(&metrics, &format!("omnigate_calls_active{{kind=\"{state}\"}}"));
        assert_eq!(active("ivr"), "1");
        teller.tell(CallEvent::Reached(Stage::Ringing));
        assert_eq!((active("ivr"), active("ringing")), ("0".into(), "1".into()));
        for _ in 0..2 {
            teller.tell(CallEvent::Ended {
                end: CallEnd::Fault,
                talked: None,
            });
        }
        assert_eq!(active("ringing"), "0");
        let ended = figure(
            &metrics,
            "omnigate_calls_ended_total{trunk=\"carrier\",class=\"failed\",reason=\"fault\"}",
        );
        assert_eq!(ended, "1");
    }
}
