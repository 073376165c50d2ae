//! Events beside recordings: who took part, and calls; into the outbox of webhooks.

use super::{Event, Outbox, Targets};
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
    Event(Event),
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

    fn tell(&self, scene: &Scene, name: &'static str, subject: String, more: Value) {
        if !self.targets.wants(&scene.service_id, name) {
            return;
        }
        let mut body = json!({ "room_id": scene.room_id, "room_type": scene.room_type, "at": unix_now() });
        if let (Value::Object(body), Value::Object(more)) = (&mut body, more) {
            body.extend(more);
        }
        let event = Event {
            service_id: scene.service_id.clone(),
            name,
            subject,
            body,
        };
        if self.queue.try_send(Entry::Event(event)).is_err() {
            warn!(event = name, "an event is lost: too many wait for the store");
        }
    }

    pub(crate) fn joined(&self, scene: &Scene, person: &Person) {
        let more = json!({
            "session": person.session, "user_id": person.user_id, "user_name": person.user_name,
            "call_type": person.call_type,
        });
        self.tell(scene, "participant_joined", scene.room_id.clone(), more);
    }

    pub(crate) fn left(&self, scene: &Scene, person: &Person, ending: Ending) {
        let more = json!({
            "session": person.session, "user_id": person.user_id, "user_name": person.user_name,
            "call_type": person.call_type, "reason": ending.word(),
        });
        self.tell(scene, "participant_left", scene.room_id.clone(), more);
    }

    /// A 1:1 call has come to its next stage.
    pub fn call(&self, scene: &Scene, call: &CallTold) {
        let mut more = json!({
            "call_type": call.call_type, "caller": call.caller, "callee": call.callee,
            "by_telephone": call.by_telephone, "started_at": call.started_at,
        });
        let name = match call.stage {
            CallStage::Started => "call_started",
            CallStage::Answered => "call_answered",
            CallStage::Ended => "call_ended",
        };
        if call.stage != CallStage::Started {
            more["answered_at"] = call.answered_at.into();
        }
        if call.stage == CallStage::Ended {
            let now = unix_now();
            more["duration"] = call.answered_at.map_or(0, |at| now.saturating_sub(at)).into();
        }
        self.tell(scene, name, scene.room_id.clone(), more);
    }
}
