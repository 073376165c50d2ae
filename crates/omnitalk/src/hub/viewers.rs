//! Subscriptions to published video (6.13); `video` draws their stages.

use super::Hub;
use super::outcome::{Awaited, Handled};
use super::people::{Room, Source, Viewer, Watching};
use crate::effects::Effect;
use crate::fault::Fault;
use crate::fields::{Fields, LONG_LIMIT};
use crate::ids::SocketId;
use crate::now::Now;
use crate::outgoing::Reply;
use crate::timers::Timer;
use omnigate_room::{StreamId, ViewerId};
use serde_json::json;

/// Subscriptions of one session (10.2).
const MOST_SUBSCRIPTIONS: usize = 32;

impl Hub {
    /// The answered stream that subscribers of the room call so.
    fn stream_named(&self, room: &Room, name: &str) -> Option<StreamId> {
        let camera = room.by_session(name).and_then(|one| one.camera);
        let candidates = [camera, room.screen].into_iter().flatten();
        candidates.into_iter().find(|id| {
            let stream = self.streams.get(id);
            stream.is_some_and(|stream| stream.open && stream.session == name)
        })
    }

    /// What this session calls so and is subscribed to.
    fn subscription(&self, socket: SocketId, fields: &Fields) -> Option<ViewerId> {
        let (room, me) = self.inside(socket).ok()?;
        let room = self.rooms.get(&room)?;
        let stream = self.stream_named(room, fields.string("subscribe")?)?;
        room.participants.get(&me)?.watches.get(&stream).copied()
    }

    /// `WS_SUBSCRIBE_REQ`. A second one to the same video replaces the first: its client has lost that one.
    pub(super) fn subscribe(&mut self, socket: SocketId, fields: &Fields) -> Handled {
        let name = fields.required("subscribe", LONG_LIMIT)?;
        let (room_id, me) = self.inside(socket)?;
        let room = self.rooms.get(&room_id).ok_or(Fault::NotInRoom)?;
        let stream = self.stream_named(room, name).ok_or(Fault::NoSuchVideo)?;
        let watches = &room.participants.get(&me).ok_or(Fault::NotInRoom)?.watches;
        let (before, count) = (watches.get(&stream).copied(), watches.len());
        if self.streams.get(&stream).is_some_and(|stream| stream.owner == me) {
            return Err(Fault::VideoIsOwn);
        }
        if let Some(before) = before {
            self.close_viewer(before);
        } else if count >= MOST_SUBSCRIPTIONS {
            let limit = MOST_SUBSCRIPTIONS;
            return Err(Fault::TooManySubscriptions { limit });
        }
        let viewer = self.next.viewer();
        let opening = Viewer {
            stream,
            owner: me,
            stage: Watching::Opening,
        };
        self.viewers.insert(viewer, opening);
        if let Some(stream) = self.streams.get_mut(&stream) {
            stream.viewers.insert(viewer);
        }
        if let Some(participant) = self.participant_mut(me) {
            participant.watches.insert(stream, viewer);
        }
        self.effects.push(Effect::OpenViewer {
            viewer,
            stream,
            room: room_id,
        });
        Ok(Awaited::Viewer(viewer).into())
    }

    /// The media plane has its offer for the subscription, or not.
    pub(super) fn viewer_ready(
        &mut self,
        id: ViewerId,
        offer: Result<String, Fault>,
        now: Now,
    ) -> Result<Reply, Fault> {
        let sdp = offer.inspect_err(|_| self.forget_viewer(id))?;
        let viewer = self.viewers.get_mut(&id).ok_or(Fault::VideoEnded)?;
        viewer.stage = Watching::Offered;
        let stream = self.streams.get(&viewer.stream).ok_or(Fault::VideoEnded)?;
        self.timers
            .set(Timer::HalfOpen(id), now.instant + self.settings.subscribe_time);
        Ok(Reply::new()
            .with("jsep", json!({ "type": "offer", "sdp": sdp }))
            .with("screen", stream.source == Source::Screen))
    }

    /// `WS_SUBSCRIBE_COMP`: never answered. What does not fit an offered subscription is ignored; that one is
    /// dropped after its time.
    pub(super) fn complete_subscription(&mut self, socket: SocketId, fields: &Fields) {
        let Some(id) = self.subscription(socket, fields) else {
            return;
        };
        if let Ok(answer) = fields.answer()
            && let Some(viewer) = self.viewers.get_mut(&id)
            && viewer.stage == Watching::Offered
        {
            viewer.stage = Watching::Answered;
            self.timers.clear(Timer::HalfOpen(id));
            self.effects.push(Effect::AnswerViewer {
                viewer: id,
                answer: answer.to_owned().into(),
            });
        }
    }

    /// `WS_UNSUBSCRIBE_REQ`: always a success, also when the video has vanished (11.1, 11.26).
    pub(super) fn unsubscribe(&mut self, socket: SocketId, fields: &Fields) -> Reply {
        if let Some(viewer) = self.subscription(socket, fields) {
            self.close_viewer(viewer);
        }
        Reply::new()
    }

    /// Ends a subscription by our doing.
    pub(super) fn close_viewer(&mut self, id: ViewerId) {
        if self.viewers.contains_key(&id) {
            self.forget_viewer(id);
            self.effects.push(Effect::CloseViewer { viewer: id });
        }
    }

    /// The transport of an offered subscription is lost.
    pub(super) fn viewer_lost(&mut self, id: ViewerId) {
        let offered = |viewer: &Viewer| viewer.stage != Watching::Opening;
        if self.viewers.get(&id).is_some_and(offered) {
            self.forget_viewer(id);
        }
    }

    fn forget_viewer(&mut self, id: ViewerId) {
        self.timers.clear(Timer::HalfOpen(id));
        let Some(viewer) = self.viewers.remove(&id) else {
            return;
        };
        if let Some(stream) = self.streams.get_mut(&viewer.stream) {
            stream.viewers.remove(&id);
        }
        if let Some(participant) = self.participant_mut(viewer.owner) {
            participant.watches.remove(&viewer.stream);
        }
    }
}
