//! The closed enumerations of section 4.

/// Kind of a room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum RoomType {
    AudioCall,
    VideoCall,
    AudioRoom,
    VideoRoom,
    Webinar,
    SipCall,
}

impl RoomType {
    pub(crate) const ALL: [Self; 6] = [
        Self::AudioCall,
        Self::VideoCall,
        Self::AudioRoom,
        Self::VideoRoom,
        Self::Webinar,
        Self::SipCall,
    ];

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::AudioCall => "audiocall",
            Self::VideoCall => "videocall",
            Self::AudioRoom => "audioroom",
            Self::VideoRoom => "videoroom",
            Self::Webinar => "webinar",
            Self::SipCall => "sipcall",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == text)
    }

    /// The kinds that `WS_OFFER_CALL_REQ` makes rooms of.
    pub(crate) fn is_call(self) -> bool {
        matches!(self, Self::AudioCall | Self::VideoCall | Self::SipCall)
    }

    /// Whether cameras are published there.
    pub(crate) fn has_video(self) -> bool {
        self.call_type() == CallType::VideoCall
    }

    /// Whether screens are shared there (section 5).
    pub(crate) fn has_screens(self) -> bool {
        matches!(self, Self::VideoRoom | Self::Webinar)
    }

    /// The call type of the app participants in such a room (section 4).
    pub(crate) fn call_type(self) -> CallType {
        match self {
            Self::AudioCall | Self::AudioRoom => CallType::AudioCall,
            Self::VideoCall | Self::VideoRoom | Self::Webinar => CallType::VideoCall,
            Self::SipCall => CallType::SipCall,
        }
    }
}

/// Kind of a call. `none`, the idle value of one SDK, is never sent: iOS fails on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum CallType {
    AudioCall,
    VideoCall,
    SipCall,
    Unknown,
}

impl CallType {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::AudioCall => "audiocall",
            Self::VideoCall => "videocall",
            Self::SipCall => "sipcall",
            Self::Unknown => "unknown",
        }
    }
}

/// Kind of a media track, in its string form.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Track {
    Audio,
    Video,
}

impl Track {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Audio => "audio",
            Self::Video => "video",
        }
    }
}

/// What a chat message does (`WS_MESSAGE_NOTI`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ChatAction {
    Send,
    Whisper,
    Join,
    Leave,
}

impl ChatAction {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::Whisper => "whisper",
            Self::Join => "join",
            Self::Leave => "leave",
        }
    }
}
