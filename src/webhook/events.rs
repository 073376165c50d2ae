//! Events beside recordings: who took part, and calls; into the outbox of webhooks.

use super::{Outbox, Targets, WebhookEvent};
use crate::clock::unix_now;
use crate::supervise::{Supervisor, test_point};
use omnigate_room::{CallStage, CallTold, Ending, Person, Scene};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tracing::warn;

/// Events that may wait for the store.
const QUEUE: usize = 65_536;
/// Pause after a failure of the store.
const PAUSE: Duration = Duration::from_secs(2);
/// How long the end waits for the store.
const FLUSH: Duration = Duration::from_secs(5);

async fn keep(outbox: Outbox, mut entries: mpsc::Receiver<Entry>) {
    while let Some(entry) = entries.recv().await {
        test_point("events");
        match entry {
            Entry::Event(event) => {
                while let Err(error) = outbox.add_alone(&event).await {
                    warn!(%error, event = event.name, "an event waits for the store");
                    tokio::time::sleep(PAUSE).await;
                }
            }
            // Whoever waited may have given up.
            Entry::Mark(done) => drop(done.send(())),
        }
    }
}

/// What waits for the store.
enum Entry {
    Event(WebhookEvent),
    /// Everything before it is in the store.
    Mark(oneshot::Sender<()>),
}

/// Takes events from the rooms, which never wait.
#[derive(Clone)]
pub struct EventSink {
    outbox: Outbox,
    targets: Targets,
    queue: mpsc::Sender<Entry>,
}

impl EventSink {
    /// Starts the task that puts them into the outbox.
    pub fn start(outbox: Outbox, targets: Targets, supervisor: &Supervisor) -> EventSink {
        let (queue, entries) = mpsc::channel(QUEUE);
        supervisor.task("events", keep(outbox.clone(), entries));
        EventSink {
            outbox,
            targets,
            queue,
        }
    }

    pub(crate) fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// Waits until all that was told before is in the store, at most so long as the end may take.
    pub async fn flush(&self) {
        let (mark, done) = oneshot::channel();
        let flushed = async {
            if self.queue.send(Entry::Mark(mark)).await.is_ok() {
                let _ = done.await;
            }
        };
        if tokio::time::timeout(FLUSH, flushed).await.is_err() {
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
        if self.queue.try_send(Entry::Event(event)).is_err() {
            warn!(event = name, "an event is lost: too many wait for the store");
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
