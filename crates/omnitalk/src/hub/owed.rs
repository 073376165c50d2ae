//! Responses that wait: a publish for the SDP answer of the media plane, a subscription for its SDP offer (6.11 to 6.13), a
//! call number for the directory (6.2), a room that is made or destroyed for the store (6.4, 6.5), the start of a recording for
//! the disk (6.21), a call to a telephone for whoever calls it (6.15). A socket owes at most one at a time,
//! because its requests are answered in their order (3.2).

use super::Hub;
use super::outcome::{Awaited, Owed};
use super::people::{Audio, Life, Sdk};
use crate::effects::Effect;
use crate::fault::Fault;
use crate::ids::SocketId;
use crate::incoming::{Kind, Request};
use crate::kept::StoreFault;
use crate::now::Now;
use crate::outgoing::{self, Reply};
use crate::timers::Timer;
use omnigate_room::RecordingId;

impl Hub {
    pub(super) fn owe(&mut self, socket: SocketId, request: Request, awaited: Awaited, now: Now) {
        if let Some(connection) = self.connections.get_mut(&socket) {
            connection.owed = Some(Owed { request, awaited });
            self.timers
                .set(Timer::Answer(socket), now.instant + self.settings.answer_time);
        }
    }

    /// The socket whose response waits for this; `None` when what was to be opened is gone again.
    pub(super) fn awaiting(&self, awaited: Awaited) -> Option<SocketId> {
        let owner = match awaited {
            Awaited::Peer(participant) => participant,
            Awaited::Stream(stream) => self.streams.get(&stream)?.owner,
            Awaited::Viewer(viewer) => self.viewers.get(&viewer)?.owner,
            // Whoever asked is told with the answer.
            Awaited::Number(_) | Awaited::Dialled(_) => return None,
            // Whoever asked may be out of the room meanwhile. These are rare: all sockets may be looked at.
            Awaited::Recording(_) | Awaited::Kept(_) | Awaited::Struck(_) => {
                let mut sockets = self.connections.keys().copied();
                return sockets.find(|socket| self.owes(Some(*socket), awaited));
            }
        };
        self.participant(owner)?.line.socket()
    }

    /// The media plane has answered. An answer that nobody waits for any more is ignored.
    pub(super) fn media_answered(&mut self, awaited: Awaited, answer: Result<String, String>, now: Now) {
        if let Some(socket) = self.awaiting(awaited) {
            self.settle_answer(socket, awaited, answer.map_err(Fault::NoAnswer), now);
        }
    }

    /// The disk has a recording or does not take it; whether somebody has waited for that.
    pub(super) fn disk_answered(
        &mut self,
        recording: RecordingId,
        taken: Result<(), Fault>,
        now: Now,
    ) -> bool {
        let awaited = Awaited::Recording(recording);
        let socket = self.awaiting(awaited);
        if let Some(socket) = socket {
            self.settle_answer(socket, awaited, taken.map(|()| String::new()), now);
        }
        socket.is_some()
    }

    fn settle_answer(&mut self, socket: SocketId, awaited: Awaited, answer: Result<String, Fault>, now: Now) {
        let handle = |hub: &mut Self| match awaited {
            Awaited::Peer(participant) => hub.peer_ready(participant, answer, now),
            Awaited::Stream(stream) => hub.stream_ready(stream, answer),
            Awaited::Viewer(viewer) => hub.viewer_ready(viewer, answer, now),
            Awaited::Number(_) => Err(Fault::NoNumberNow),
            Awaited::Dialled(call) => {
                hub.forget_dialling(call);
                Err(Fault::DialTooSlow)
            }
            Awaited::Recording(recording) => hub.recording_ready(recording, answer.map(drop)),
            Awaited::Kept(room) => hub.room_ready(room, answer.map(drop).map_err(|_| StoreFault), now),
            Awaited::Struck(_) => Err(Fault::StoreAbsent),
        };
        self.settle(socket, awaited, handle, now);
    }

    /// The answer takes too long: the client is about to give up (11.17).
    pub(super) fn answer_overdue(&mut self, socket: SocketId, now: Now) {
        let Some(owed) = self.connections.get(&socket).and_then(|one| one.owed.as_ref()) else {
            return;
        };
        let awaited = owed.awaited;
        let fault = match awaited {
            Awaited::Number(_) => Fault::NoNumberNow,
            Awaited::Dialled(_) => Fault::DialTooSlow,
            Awaited::Recording(_) => Fault::CannotRecord("the server's disk is too slow"),
            Awaited::Kept(_) | Awaited::Struck(_) => Fault::StoreAbsent,
            // A subscription whose publisher has gone meanwhile is closed already.
            _ if self.awaiting(awaited).is_none() => Fault::VideoEnded,
            _ => Fault::NoAnswer("it took too long".to_owned()),
        };
        if self.awaiting(awaited).is_some() {
            self.effects.extend(match awaited {
                Awaited::Peer(participant) => Some(Effect::ClosePeer { participant }),
                Awaited::Stream(stream) => Some(Effect::CloseStream { stream }),
                Awaited::Viewer(viewer) => Some(Effect::CloseViewer { viewer }),
                Awaited::Number(_)
                | Awaited::Recording(_)
                | Awaited::Dialled(_)
                | Awaited::Kept(_)
                | Awaited::Struck(_) => None,
            });
        }
        self.settle_answer(socket, awaited, Err(fault), now);
    }

    /// Sends the response that was owed, then handles the requests that have waited behind it.
    pub(super) fn settle(
        &mut self,
        socket: SocketId,
        awaited: Awaited,
        handle: impl FnOnce(&mut Self) -> Result<Reply, Fault>,
        now: Now,
    ) {
        let Some(connection) = self.connections.get_mut(&socket) else {
            return;
        };
        let Some(owed) = connection.owed.take_if(|owed| owed.awaited == awaited) else {
            return;
        };
        self.timers.clear(Timer::Answer(socket));
        let mark = self.effects.len();
        let handled = handle(self);
        let own = self.own_id(socket);
        self.respond(mark, socket, &own, &owed.request, &handled);
        self.handle_waiting(socket, now);
    }

    /// Sends a response, before everything that handling its request has brought about since `mark`.
    pub(super) fn respond(
        &mut self,
        mark: usize,
        socket: SocketId,
        own: &str,
        request: &Request,
        handled: &Result<Reply, Fault>,
    ) {
        let text = match handled {
            Ok(reply) => outgoing::success(request, own, reply),
            Err(fault) => outgoing::failure(request, own, fault, self.is_ours(socket, request)),
        };
        let text = text.into();
        self.effects.insert(mark, Effect::Send { socket, text });
        self.note(socket, own, request, handled);
    }

    /// Whether our own client has sent this; the request for a session says so itself, also when it fails.
    fn is_ours(&self, socket: SocketId, request: &Request) -> bool {
        let sdk = match self.session_of(socket) {
            Some(session) => session.sdk,
            None if request.kind == Kind::Session => Sdk::of(&request.fields),
            None => Sdk::Other,
        };
        sdk == Sdk::Own
    }

    /// Whether exactly this is owed to exactly this socket.
    pub(super) fn owes(&self, socket: Option<SocketId>, awaited: Awaited) -> bool {
        let connection = socket.and_then(|socket| self.connections.get(&socket));
        connection
            .and_then(|one| one.owed.as_ref())
            .is_some_and(|owed| owed.awaited == awaited)
    }

    /// Whether what is owed is still on its way; a subscription may have lost its publisher.
    pub(super) fn on_its_way(&self, awaited: Awaited) -> bool {
        match awaited {
            Awaited::Peer(id) => self
                .participant(id)
                .is_some_and(|one| one.audio == Audio::Opening),
            Awaited::Stream(id) => self.streams.get(&id).is_some_and(|stream| !stream.open),
            Awaited::Dialled(call) => self.dialling.contains_key(&call),
            Awaited::Kept(id) => self.rooms.get(&id).is_some_and(|room| room.life == Life::Pending),
            Awaited::Viewer(_) | Awaited::Number(_) | Awaited::Recording(_) | Awaited::Struck(_) => true,
        }
    }
}
