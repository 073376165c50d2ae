//! The fields of a request: presence, type, length, normalisation (3.1, 10.2, 10.3).

use crate::fault::Fault;
use crate::masked::CallNumber;
use crate::room_secret::GivenSecret;
use crate::words::{RoomType, Track};
use omnigate_room::RoomId;
use serde_json::{Map, Value};

/// `user_id`, `user_name` and `room_id`, in UTF-16 code units.
pub(crate) const NAME_LIMIT: usize = 64;
/// Characters of the keys of one request.
const KEYS_LIMIT: usize = 32;
/// `subject`, `callee`, `caller`, `target`, `to_user` and `subscribe`, in UTF-16 code units.
pub(crate) const LONG_LIMIT: usize = 128;
/// `message`, in UTF-16 code units.
pub(crate) const MESSAGE_LIMIT: usize = 2048;
/// `secret`, in UTF-16 code units.
pub(crate) const SECRET_LIMIT: usize = 6;
/// `service_id` and `service_key`, in UTF-16 code units (ours: the protocol names no limit).
pub(crate) const SERVICE_LIMIT: usize = 256;
/// An SDP body, in UTF-16 code units (ours).
pub(crate) const SDP_LIMIT: usize = 65_536;

/// The latest date, in unix seconds: far beyond milliseconds taken for seconds, far below what a double holds exactly.
const LATEST_DATE: u64 = 1_000_000_000_000_000;

/// The length that clients count: UTF-16 code units.
fn length(text: &str) -> usize {
    text.encode_utf16().count()
}

/// The JSON object of one message. JSON `null` counts as absent.
pub(crate) struct Fields(Map<String, Value>);

impl Fields {
    pub(crate) fn new(map: Map<String, Value>) -> Self {
        Self(map)
    }

    /// The value exactly as received.
    pub(crate) fn raw(&self, field: &str) -> Option<&Value> {
        self.0.get(field).filter(|value| !value.is_null())
    }

    /// A string of any length.
    pub(crate) fn string(&self, field: &str) -> Option<&str> {
        self.raw(field).and_then(Value::as_str)
    }

    pub(crate) fn flag(&self, field: &str) -> bool {
        self.raw(field).and_then(Value::as_bool).unwrap_or(false)
    }

    /// An optional string; the empty one is `Some("")`.
    pub(crate) fn text(&self, field: &'static str, limit: usize) -> Result<Option<&str>, Fault> {
        match self.raw(field) {
            None => Ok(None),
            Some(Value::String(text)) if length(text) <= limit => Ok(Some(text)),
            Some(Value::String(_)) => Err(Fault::TooLong { field, limit }),
            Some(_) => Err(Fault::Invalid {
                field,
                expected: "a string",
            }),
        }
    }

    /// A string that must be there and not be empty.
    pub(crate) fn required(&self, field: &'static str, limit: usize) -> Result<&str, Fault> {
        self.text(field, limit)?
            .filter(|text| !text.is_empty())
            .ok_or(Fault::Missing {
                field,
                expected: "a string that is not empty",
            })
    }

    /// An optional string whose empty form means "not given".
    pub(crate) fn given(&self, field: &'static str, limit: usize) -> Result<Option<&str>, Fault> {
        Ok(self.text(field, limit)?.filter(|text| !text.is_empty()))
    }

    /// A whole number from 0, also written as `5.0`.
    fn integer(&self, field: &'static str, expected: &'static str) -> Result<Option<u64>, Fault> {
        let Some(value) = self.raw(field) else {
            return Ok(None);
        };
        whole(value).map(Some).ok_or(Fault::Invalid { field, expected })
    }

    /// Unix seconds; 0 means "not given". A date goes into the lists of others, so it must be one that all of them
    /// can hold: iOS would lose the whole list (11.23).
    pub(crate) fn date(&self, field: &'static str) -> Result<Option<u64>, Fault> {
        let expected = "unix seconds as a whole number, or nothing";
        match self.integer(field, expected)? {
            Some(date) if date > LATEST_DATE => Err(Fault::Invalid { field, expected }),
            date => Ok(date.filter(|date| *date > 0)),
        }
    }

    /// The page of a list, from 1; 1 when not given (10.2).
    pub(crate) fn page(&self) -> Result<u64, Fault> {
        let expected = "a whole number from 1, or nothing";
        match self.integer("page", expected)? {
            None => Ok(1),
            Some(0) => Err(Fault::Invalid {
                field: "page",
                expected,
            }),
            Some(page) => Ok(page),
        }
    }

    /// A room id that must be there. An id that cannot be ours names no room.
    pub(crate) fn room(&self) -> Result<RoomId, Fault> {
        RoomId::parse(self.required("room_id", NAME_LIMIT)?).ok_or(Fault::NoSuchRoom)
    }

    /// A room id that may be absent.
    pub(crate) fn given_room(&self) -> Result<Option<RoomId>, Fault> {
        let text = self.given("room_id", NAME_LIMIT)?;
        text.map(|text| RoomId::parse(text).ok_or(Fault::NoSuchRoom))
            .transpose()
    }

    /// A room type that must be there; `all` is not one.
    pub(crate) fn room_type(&self) -> Result<RoomType, Fault> {
        const EXPECTED: &str = "audiocall, videocall, audioroom, videoroom, webinar or sipcall";
        let field = "room_type";
        match self.raw(field) {
            None => Err(Fault::Missing {
                field,
                expected: EXPECTED,
            }),
            Some(value) => value.as_str().and_then(RoomType::parse).ok_or(Fault::Invalid {
                field,
                expected: EXPECTED,
            }),
        }
    }

    /// The filter of a room list: `None` for `all`, nothing, or the empty string.
    pub(crate) fn room_filter(&self) -> Result<Option<RoomType>, Fault> {
        const EXPECTED: &str = "all, audiocall, videocall, audioroom, videoroom, webinar or sipcall";
        let field = "room_type";
        match self.raw(field) {
            None => Ok(None),
            Some(Value::String(text)) if text.is_empty() || text == "all" => Ok(None),
            Some(value) => value
                .as_str()
                .and_then(RoomType::parse)
                .map(Some)
                .ok_or(Fault::Invalid {
                    field,
                    expected: EXPECTED,
                }),
        }
    }

    pub(crate) fn track(&self) -> Result<Track, Fault> {
        let (field, expected) = ("track", "audio or video");
        match self.raw(field).map(Value::as_str) {
            None => Err(Fault::Missing { field, expected }),
            Some(Some("audio")) => Ok(Track::Audio),
            Some(Some("video")) => Ok(Track::Video),
            Some(_) => Err(Fault::Invalid { field, expected }),
        }
    }

    /// Whether a recording is to start (or to stop), by `action`.
    pub(crate) fn recording_starts(&self) -> Result<bool, Fault> {
        let (field, expected) = ("action", "start or stop");
        match self.raw(field).map(Value::as_str) {
            None => Err(Fault::Missing { field, expected }),
            Some(Some("start")) => Ok(true),
            Some(Some("stop")) => Ok(false),
            Some(_) => Err(Fault::Invalid { field, expected }),
        }
    }

    /// The SDP of `jsep`, which must be an offer.
    pub(crate) fn offer(&self) -> Result<&str, Fault> {
        self.sdp("offer", "an object with type offer and the sdp")
    }

    /// The SDP of `jsep`, which must be an answer.
    pub(crate) fn answer(&self) -> Result<&str, Fault> {
        self.sdp("answer", "an object with type answer and the sdp")
    }

    /// The size of a picture: width times height, from 1.
    pub(crate) fn pixels(&self) -> Result<u32, Fault> {
        let (field, expected) = ("resolution", "width times height as a whole number");
        let pixels = self
            .integer(field, expected)?
            .ok_or(Fault::Missing { field, expected })?;
        u32::try_from(pixels)
            .ok()
            .filter(|pixels| *pixels > 0)
            .ok_or(Fault::Invalid { field, expected })
    }

    /// The kind of a call that is offered.
    pub(crate) fn call_type(&self) -> Result<RoomType, Fault> {
        let (field, expected) = ("call_type", "audiocall, videocall or sipcall");
        match self.raw(field).map(Value::as_str) {
            None => Err(Fault::Missing { field, expected }),
            Some(word) => word
                .and_then(RoomType::parse)
                .filter(|kind| kind.is_call())
                .ok_or(Fault::Invalid { field, expected }),
        }
    }

    /// Keys that are to be pressed: 0 to 9, *, #, A to D.
    pub(crate) fn keys(&self) -> Result<&str, Fault> {
        let field = "keys";
        let keys = self.required(field, KEYS_LIMIT)?;
        let is_key = |c: char| matches!(c, '0'..='9' | '*' | '#' | 'A'..='D');
        Some(keys)
            .filter(|keys| keys.chars().all(is_key))
            .ok_or(Fault::Invalid {
                field,
                expected: "0 to 9, *, # and A to D",
            })
    }

    fn sdp(&self, kind: &str, expected: &'static str) -> Result<&str, Fault> {
        let field = "jsep";
        let jsep = self.raw(field).ok_or(Fault::Missing { field, expected })?;
        let given = jsep.get("type").and_then(Value::as_str);
        let sdp = jsep.get("sdp").and_then(Value::as_str).unwrap_or_default();
        if given != Some(kind) || sdp.is_empty() {
            return Err(Fault::Invalid { field, expected });
        }
        if length(sdp) > SDP_LIMIT {
            return Err(Fault::TooLong {
                field: "jsep.sdp",
                limit: SDP_LIMIT,
            });
        }
        Ok(sdp)
    }

    /// A call number, as string or number (10.3).
    pub(crate) fn call_number(&self) -> Result<Option<CallNumber>, Fault> {
        let invalid = Fault::Invalid {
            field: "call_number",
            expected: "exactly six digits, or nothing",
        };
        match self.raw("call_number") {
            None => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(Value::String(text)) => CallNumber::parse(text).map(Some).map_err(|_| invalid),
            Some(value) => whole(value)
                .and_then(CallNumber::from_integer)
                .map(Some)
                .ok_or(invalid),
        }
    }

    /// A room secret in its form for comparison (10.3); the empty string means "not given" (11.19).
    pub(crate) fn secret(&self) -> Result<Option<GivenSecret>, Fault> {
        let field = "secret";
        match self.raw(field) {
            None => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(Value::String(text)) if length(text) <= SECRET_LIMIT => Ok(Some(GivenSecret::new(text))),
            Some(Value::String(_)) => Err(Fault::TooLong {
                field,
                limit: SECRET_LIMIT,
            }),
            Some(value) => match whole(value).map(|number| number.to_string()) {
                Some(digits) if digits.len() <= SECRET_LIMIT => Ok(Some(GivenSecret::new(&digits))),
                Some(_) => Err(Fault::TooLong {
                    field,
                    limit: SECRET_LIMIT,
                }),
                None => Err(Fault::Invalid {
                    field,
                    expected: "at most six characters or digits",
                }),
            },
        }
    }
}

/// A JSON number that is a whole one from 0 on, and that every client can hold.
fn whole(value: &Value) -> Option<u64> {
    /// Above, a double no longer holds every whole number.
    const EXACT: u64 = 1 << 53;
    let number = value.as_u64().or_else(|| {
        let number = value
            .as_f64()
            .filter(|number| number.fract() == 0.0 && *number >= 0.0)?;
        // Whole and not negative; what is too large becomes the largest there is, and is refused below.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        Some(number as u64)
    });
    number.filter(|number| *number <= EXACT)
}

#[cfg(test)]
mod tests;
