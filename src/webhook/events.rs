//! Events beside recordings: who took part, and calls; into the outbox of webhooks.

use super::{Outbox, Targets, WebhookEvent, WebhookFigures};
use crate::clock::unix_now;
use crate::fair::FairQueue;
use crate::supervise::{Supervisor, test_point};
use omnigate_room::{CallStage, CallTold, Ending, Person, Scene};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tracing::warn;

/// Events that may wait for the store, of one service and of all.
const OF_A_SERVICE: usize = 8_192;
const QUEUE: usize = 65_536;
/// Events that are written together.
const BATCH: usize = 64;
/// Pause after a failure of the store.
const PAUSE: Duration = Duration::from_secs(2);
/// How long the end waits for the store.
const FLUSH: Duration = Duration::from_secs(5);

async fn keep(outbox: Outbox, queue: FairQueue<String, WebhookEvent>) {
    loop {
        test_point("events");
        let events = queue.take(BATCH).await;
        while let Err(error) = outbox.add_all(&events).await {
            warn!(%error, waiting = events.len(), "events wait for the store");
            tokio::time::sleep(PAUSE).await;
        }
        queue.done(events.len());
    }
}

/// Takes events from the rooms, which never wait.
#[derive(Clone)]
pub struct EventSink {
    outbox: Outbox,
    targets: Targets,
    queue: FairQueue<String, WebhookEvent>,
    figures: Arc<WebhookFigures>,
}

impl EventSink {
    /// Starts the task that puts them into the outbox.
    pub fn start(
        outbox: Outbox,
        targets: Targets,
        figures: Arc<WebhookFigures>,
        supervisor: &Supervisor,
    ) -> EventSink {
        let queue = FairQueue::new(OF_A_SERVICE, QUEUE);
        supervisor.task("events", keep(outbox.clone(), queue.clone()));
        EventSink {
            outbox,
            targets,
            queue,
            figures,
        }
    }

    pub(crate) fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// Waits until all that was told before is in the store, at most so long as the end may take.
    pub async fn flush(&self) {
        if tokio::time::timeout(FLUSH, self.queue.finished()).await.is_err() {
            warn!("events are lost: the store did not take them in time");
        }
    }

    fn tell(&self, service: &str, name: &'static str, subject: String, about: Value) {
        if !self.targets.wants(service, name) {
            return;
        }
        let event = WebhookEvent {
            service_id: service.to_owned(),
            name,
            subject,
            body: about,
        };
        let full = self.figures.waiting_of(service) >= self.targets.most_waiting(service);
        if full || !self.queue.put(&event.service_id.clone(), event) {
            self.figures.refused.fetch_add(1, Relaxed);
            warn!(
                event = name,
                service,
                "an event is lost: as many of this service wait as service.quota.webhooks allows, or the store takes none"
            );
        }
    }

    pub(crate) fn joined(&self, scene: &Scene, person: &Person) {
        let name = "participant_joined";
        self.tell(
            &scene.service_id,
            name,
            scene.room_id.clone(),
            about_person(scene, person),
        );
    }

    pub(crate) fn left(&self, scene: &Scene, person: &Person, ending: Ending) {
        let mut about = about_person(scene, person);
        about["reason"] = ending.word().into();
        self.tell(
            &scene.service_id,
            "participant_left",
            scene.room_id.clone(),
            about,
        );
    }

    /// A 1:1 call has come to its next stage.
    pub fn call(&self, call: &CallTold) {
        let name = match call.stage {
            CallStage::Started => "call_started",
            CallStage::Answered => "call_answered",
            CallStage::Ended(_) => "call_ended",
        };
        // A call that was refused has no room; it stands for itself.
        let subject = call
            .room
            .map_or_else(|| call.id.to_string(), |room| room.to_string());
        self.tell(&call.service_id, name, subject, about_call(call, unix_now()));
    }
}

fn about_person(scene: &Scene, person: &Person) -> Value {
    let mut about = json!({
        "room_id": scene.room_id, "room_type": scene.room_type, "at": unix_now(),
        "session": person.session, "user_id": person.user_id, "user_name": person.user_name,
        "call_type": person.call_type,
    });
    if let Some(call) = person.telephone {
        about["call_id"] = call.to_string().into();
    }
    about
}

fn about_call(call: &CallTold, now: u64) -> Value {
    let mut about = json!({
        "call_id": call.id.to_string(), "room_type": call.room_type, "at": now,
        "call_type": call.call_type, "caller": call.caller, "callee": call.callee,
        "by_telephone": call.by_telephone, "started_at": call.started_at,
    });
    if let Some(room) = call.room {
        about["room_id"] = room.to_string().into();
    }
    if call.stage != CallStage::Started {
        about["answered_at"] = call.answered_at.into();
    }
    if let CallStage::Ended(why) = call.stage {
        about["reason"] = why.word().into();
        about["duration"] = call.answered_at.map_or(0, |at| now.saturating_sub(at)).into();
    }
    about
}

#[cfg(test)]
mod tests {
    use super::*;
    use omnigate_room::{CallId, CallOver, RoomId};

    fn call(stage: CallStage, room: Option<RoomId>) -> CallTold {
        CallTold {
            id: CallId::new(1_700_000_000_000, 7),
            stage,
            service_id: "demo".to_owned(),
            room,
            room_type: "sipcall",
            caller: "alice".to_owned(),
            callee: "bob".to_owned(),
            call_type: "sipcall",
            by_telephone: true,
            started_at: 1_700_000_000,
            answered_at: None,
        }
    }

    #[test]
    fn the_end_of_a_call_says_which_one_and_why() {
        let about = about_call(
            &call(CallStage::Ended(CallOver::Declined), Some(RoomId(1))),
            1_700_000_009,
        );
        assert_eq!(about["call_id"], CallId::new(1_700_000_000_000, 7).to_string());
        assert_eq!(
            (&about["reason"], &about["duration"]),
            (&json!("declined"), &json!(0))
        );
        assert_eq!(about["room_id"], RoomId(1).to_string());
    }

    #[test]
    fn a_call_that_was_refused_has_no_room() {
        let about = about_call(&call(CallStage::Ended(CallOver::Busy), None), 1_700_000_009);
        assert!(about.get("room_id").is_none());
        let about = about_call(&call(CallStage::Started, Some(RoomId(1))), 1_700_000_009);
        assert!(about.get("reason").is_none());
    }
}
