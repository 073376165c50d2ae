//! Events beside recordings: who took part, and calls; into the outbox of webhooks.

use super::{Event, Outbox, Targets};
use crate::clock::unix_now;
use omnigate_recording::manifest::MemberName;
use omnigate_room::{CallStage, CallTold, Ending, Person, Scene};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::sync::mpsc;
use tracing::warn;

/// Events that may wait for the store.
const QUEUE: usize = 65_536;
/// Pause after a failure of the store.
const PAUSE: Duration = Duration::from_secs(2);

/// Takes events from the hub, which never waits.
#[derive(Debug, Clone)]
pub struct EventSink {
    outbox: Outbox,
    targets: Targets,
    queue: mpsc::Sender<Event>,
}

impl EventSink {
    /// Starts the task that puts them into the outbox.
    pub fn start(outbox: Outbox, targets: Targets) -> EventSink {
        let (queue, mut events) = mpsc::channel::<Event>(QUEUE);
        let store = outbox.clone();
        tokio::spawn(async move {
            while let Some(event) = events.recv().await {
                while let Err(error) = store.add_alone(&event).await {
                    warn!(%error, event = event.name, "an event waits for the store");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        });
        EventSink {
            outbox,
            targets,
            queue,
        }
    }

    pub(crate) fn outbox(&self) -> &Outbox {
        &self.outbox
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
        if self.queue.try_send(event).is_err() {
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

    pub(crate) fn left(&self, scene: &Scene, name: &MemberName, ending: Ending) {
        let more = json!({
            "session": name.session, "user_id": name.user_id, "user_name": name.user_name,
            "call_type": name.call_type, "reason": ending.word(),
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
