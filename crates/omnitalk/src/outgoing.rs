//! Everything that we send: responses (3.3), notifications (7) and heartbeats (2.1).

use crate::fault::Fault;
use crate::incoming::{Kind, Request};
use crate::words::{CallType, ChatAction, RoomType, Track};
use omnigate_room::CallOver;
use serde_json::{Map, Value, json};

/// The own fields of a successful response.
#[derive(Clone, Default)]
pub(crate) struct Reply(Map<String, Value>);

impl Reply {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn with(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.0.insert(field.to_owned(), value.into());
        self
    }

    /// A field that is text.
    pub(crate) fn string(&self, field: &str) -> Option<&str> {
        self.0.get(field)?.as_str()
    }

    /// The response to a publish, with the server's SDP answer (6.11, 6.12).
    pub(crate) fn published(track: Track, sdp: &str) -> Self {
        Self::new()
            .with("track", track.word())
            .with("jsep", json!({ "type": "answer", "sdp": sdp }))
    }

    /// The common fields of a list (10.4).
    pub(crate) fn list(page: u64, count: usize, list: Vec<Value>) -> Self {
        Self::new()
            .with("page", page)
            .with("count", count)
            .with("list", list)
    }
}

/// A successful response; `session` is the requester's own.
pub(crate) fn success(request: &Request, session: &str, reply: &Reply) -> String {
    let mut body = reply.0.clone();
    echo(request, &mut body);
    finish(body, &request.response, "success", session)
}

/// A failed response. Beside the echoes it carries, with empty values, every field that iOS decodes as non-optional
/// (Appendix A): without one of them the failure itself would be lost there (11.23). The `code` is no field of the
/// protocol's: it goes to our own client alone.
pub(crate) fn failure(request: &Request, session: &str, fault: &Fault, with_code: bool) -> String {
    let mut body = Map::new();
    body.insert("reason".to_owned(), fault.to_string().into());
    if with_code {
        body.insert("code".to_owned(), fault.code().into());
    }
    let text = |field: &str| Value::from(request.fields.string(field).unwrap_or_default());
    let blank = match request.kind {
        Kind::Session => json!({ "user_id": text("user_id"), "turn_id": "", "turn_secret": "" }),
        Kind::MakeNumber => json!({ "call_number": "" }),
        Kind::SessionList => json!({ "page": 1, "count": 0, "list": [] }),
        Kind::CreateRoom | Kind::AnswerCall | Kind::AcceptCall => json!({ "room_id": "" }),
        Kind::DestroyRoom => json!({ "room_id": text("room_id") }),
        Kind::RoomList => json!({ "page": 1, "count": 0, "room_type": "all", "list": [] }),
        Kind::Join => json!({ "room_id": text("room_id"), "room_type": "all", "screen": false }),
        Kind::PartiList | Kind::PublishList | Kind::ScreenList => {
            json!({ "page": 1, "count": 0, "room_id": text("room_id"), "list": [] })
        }
        Kind::Publish => json!({ "track": text("track"), "jsep": { "type": "answer", "sdp": "" } }),
        Kind::Subscribe => {
            json!({ "subscribe": "", "jsep": { "type": "offer", "sdp": "" }, "screen": false })
        }
        Kind::Unsubscribe => json!({ "subscribe": "" }),
        Kind::Message => json!({ "transaction": "", "page": 1, "count": 0, "list": [] }),
        Kind::KickOut => json!({ "target": text("target") }),
        _ => json!({}),
    };
    if let Value::Object(blank) = blank {
        body.extend(blank);
    }
    echo(request, &mut body);
    finish(body, &request.response, "failed", session)
}

/// The correlation fields of 3.2, exactly as received.
fn echo(request: &Request, body: &mut Map<String, Value>) {
    let field = match request.kind {
        Kind::Subscribe | Kind::Unsubscribe => "subscribe",
        Kind::Message => "transaction",
        _ => return,
    };
    if let Some(value) = request.fields.raw(field) {
        body.insert(field.to_owned(), value.clone());
    }
}

fn finish(mut body: Map<String, Value>, cmd: &str, result: &str, session: &str) -> String {
    body.insert("cmd".to_owned(), cmd.into());
    body.insert("result".to_owned(), result.into());
    // A shared screen has a session of its own (8.5).
    body.entry("session").or_insert_with(|| session.into());
    Value::Object(body).to_string()
}

/// `WS_HEARTBEAT_REQ` (2.1): without `event`.
pub(crate) fn heartbeat(session: &str, unix: u64) -> String {
    json!({ "cmd": "WS_HEARTBEAT_REQ", "timestamp": unix, "session": session }).to_string()
}

/// A `WS_LEAVE_NOTI`.
pub(crate) struct Left {
    /// For published SDKs, which know no reason.
    pub(crate) plain: String,
    /// For our own client.
    pub(crate) ours: String,
}

/// Whom a notification is about, and where.
#[derive(Clone, Copy)]
pub(crate) struct About<'a> {
    pub(crate) session: &'a str,
    pub(crate) user_id: &'a str,
    pub(crate) user_name: &'a str,
    pub(crate) call_type: CallType,
    pub(crate) room_id: &'a str,
    pub(crate) room_type: RoomType,
}

impl About<'_> {
    fn noti(&self, cmd: &str) -> Value {
        json!({
            "cmd": cmd,
            "event": true,
            "session": self.session,
            "user_id": self.user_id,
            "user_name": self.user_name,
            "room_id": self.room_id,
            "room_type": self.room_type.word(),
            "call_type": self.call_type.word(),
        })
    }

    pub(crate) fn connected(&self) -> String {
        self.noti("WS_CALL_CONNECTED_NOTI").to_string()
    }

    /// `WS_LEAVE_NOTI`. Our own client is told why a call is over.
    pub(crate) fn left(&self, why: Option<CallOver>) -> Left {
        let mut noti = self.noti("WS_LEAVE_NOTI");
        let plain = noti.to_string();
        if let Some(why) = why {
            noti["reason"] = why.word().into();
        }
        Left {
            plain,
            ours: noti.to_string(),
        }
    }

    pub(crate) fn kicked_out(&self) -> String {
        self.noti("WS_KICKOUT_NOTI").to_string()
    }

    pub(crate) fn muted(&self, muted: bool, track: Track) -> String {
        let mut noti = self.noti(if muted { "WS_MUTE_NOTI" } else { "WS_UNMUTE_NOTI" });
        noti["track"] = track.word().into();
        noti.to_string()
    }

    /// `WS_RECORDING_NOTI`, which only our own client knows: the room is recorded from now on, or no longer.
    pub(crate) fn recorded(&self, runs: bool) -> String {
        let mut noti = self.noti("WS_RECORDING_NOTI");
        noti["recorded"] = runs.into();
        noti.to_string()
    }

    /// `WS_BROADCAST_NOTI`: a camera is on the air. Never for audio (7).
    pub(crate) fn broadcast(&self) -> String {
        let mut noti = self.noti("WS_BROADCAST_NOTI");
        noti["track"] = Track::Video.word().into();
        noti.to_string()
    }

    /// `WS_SCREEN_SHARE_NOTI` and `WS_SCREEN_UNSHARE_NOTI` (9.16); the session is the screen's.
    pub(crate) fn screen(&self, shared: bool) -> String {
        let cmd = if shared {
            "WS_SCREEN_SHARE_NOTI"
        } else {
            "WS_SCREEN_UNSHARE_NOTI"
        };
        self.noti(cmd).to_string()
    }

    /// `WS_RINGING_NOTI` to a callee (9.4, 9.9); the notification is about the caller.
    pub(crate) fn ringing(&self, callee: &str) -> String {
        let mut noti = self.call("WS_RINGING_NOTI", callee);
        let video = self.call_type == CallType::VideoCall;
        noti["track"] = if video { Track::Video } else { Track::Audio }.word().into();
        noti.to_string()
    }

    /// `WS_RINGBACK_NOTI` to the caller (12.24), or to the callee of a telephone (12.8).
    pub(crate) fn ringback(&self, callee: &str) -> String {
        self.call("WS_RINGBACK_NOTI", callee).to_string()
    }

    /// `WS_CANCEL_NOTI` to the callee's other sessions (12.19).
    pub(crate) fn cancelled(&self, callee: &str) -> String {
        self.call("WS_CANCEL_NOTI", callee).to_string()
    }

    fn call(&self, cmd: &str, callee: &str) -> Value {
        let mut noti = self.noti(cmd);
        noti["caller"] = self.user_id.into();
        noti["callee"] = callee.into();
        noti
    }

    /// `WS_MESSAGE_NOTI` (9.12); `message` only with `send` and `whisper`.
    pub(crate) fn chat(&self, action: ChatAction, message: Option<&str>, unix: u64) -> String {
        let mut noti = json!({
            "cmd": "WS_MESSAGE_NOTI",
            "event": true,
            "session": self.session,
            "user_id": self.user_id,
            "user_name": self.user_name,
            "action": action.word(),
            "timestamp": unix,
        });
        if let Some(message) = message {
            noti["message"] = message.into();
        }
        noti.to_string()
    }
}
