//! How a call ended: one classified value for logs, metrics, call records and SIP.

use omnigate_room::CallOver;

/// Class of an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Somebody hung up after talking, or gave up.
    Normal,
    /// The caller was turned away.
    Refused,
    /// Something did not work.
    Failed,
}

/// Why a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallEnd {
    /// BYE from the caller.
    CallerHungUp,
    /// BYE from a telephone that was called.
    CalleeHungUp,
    /// CANCEL before the answer.
    Cancelled,
    /// The app left, or its connection ended.
    AppLeft,
    /// Somebody removed the caller from the room.
    KickedOut,
    /// The app, or the telephone that was called, declined.
    Declined,
    /// The app, or the telephone that was called, did not answer in time.
    NoAnswer,
    /// The person is in another call.
    Busy,
    /// The app is not there, or the telephone that was called is switched off.
    Unavailable,
    /// Nobody has the number that was called.
    Unassigned,
    /// The telephone network has no place for the call.
    Congestion,
    /// The telephone network does not let the call through.
    Barred,
    /// No gateway answers, or none reaches the telephone.
    Unreachable,
    /// The telephone network refuses the call with this status, for another reason.
    Rejected(u16),
    /// What a service may not call, or not now.
    NotAllowed,
    /// The longest time for the call, or the minutes of its service, are over.
    TooLong,
    /// Its service, or whoever runs omnigate, had it ended by the API.
    Ended,
    /// The certification of its trunk has seen what it wanted to.
    Certified,
    /// No digits, or not six, in all tries.
    NoEntry,
    /// Wrong call numbers in all tries.
    WrongNumber,
    /// Too many wrong entries from this caller in the last hour.
    TooManyGuesses,
    /// The look-up failed.
    LookUpFailed,
    /// No trunk takes the call.
    NoTrunk,
    /// The INVITE was refused with this status.
    Invite(u16),
    /// The service is draining or full.
    Overload,
    /// The 200 was never acknowledged, or the ACK had no usable answer.
    NoAck,
    /// The caller's side has no such call any more, or cannot be reached.
    Lost,
    /// No RTP from the caller for the configured time.
    NoMedia,
    /// Media must be sealed, and no keys were agreed on: the handshake in their path has failed.
    NoKeys,
    /// The drain time was over.
    Shutdown,
    /// A fault of our own.
    Fault,
}

impl CallEnd {
    /// Its class.
    pub fn class(self) -> Class {
        use CallEnd::*;
        match self {
            CallerHungUp | CalleeHungUp | Cancelled | AppLeft | KickedOut | Declined | NoAnswer | Busy
            | Unavailable | TooLong | Ended | Certified => Class::Normal,
            NoEntry | WrongNumber | TooManyGuesses | NoTrunk | Invite(_) | Overload | Unassigned | Barred
            | Rejected(_) | NotAllowed => Class::Refused,
            LookUpFailed | NoAck | Lost | NoMedia | NoKeys | Shutdown | Fault | Congestion | Unreachable => {
                Class::Failed
            }
        }
    }

    /// Name in logs, metrics and records.
    pub fn reason(self) -> &'static str {
        use CallEnd::*;
        match self {
            CallerHungUp => "caller_hung_up",
            CalleeHungUp => "callee_hung_up",
            Cancelled => "cancelled",
            AppLeft => "app_left",
            KickedOut => "kicked_out",
            Declined => "declined",
            NoAnswer => "no_answer",
            Busy => "busy",
            Unavailable => "unavailable",
            Unassigned => "unassigned",
            Congestion => "congestion",
            Barred => "barred",
            Unreachable => "unreachable",
            Rejected(_) => "rejected",
            NotAllowed => "not_allowed",
            TooLong => "too_long",
            Ended => "ended",
            Certified => "certified",
            NoEntry => "no_entry",
            WrongNumber => "wrong_number",
            TooManyGuesses => "too_many_guesses",
            LookUpFailed => "look_up_failed",
            NoTrunk => "no_trunk",
            Invite(_) => "invite_not_acceptable",
            Overload => "overload",
            NoAck => "no_ack",
            Lost => "lost",
            NoMedia => "no_media",
            NoKeys => "no_keys",
            Shutdown => "shutdown",
            Fault => "fault",
        }
    }

    /// Cause for a Reason header in our BYE (RFC 3326, Q.850 causes by their SIP status).
    pub fn sip_status(self) -> u16 {
        use CallEnd::*;
        match self {
            CallerHungUp | CalleeHungUp | AppLeft | KickedOut | TooLong | Ended | Certified => 200,
            Cancelled => 487,
            Declined => 603,
            NoAnswer => 480,
            Busy => 486,
            Unavailable => 480,
            Unassigned => 404,
            Congestion => 503,
            Barred | NotAllowed => 403,
            Unreachable => 502,
            Rejected(status) => status,
            NoEntry | WrongNumber | NoTrunk => 404,
            TooManyGuesses => 403,
            Invite(status) => status,
            Overload | Shutdown => 503,
            NoAck | Lost | NoMedia => 408,
            NoKeys => 488,
            LookUpFailed | Fault => 500,
        }
    }
}

impl CallEnd {
    /// What it means for the call of an app to a telephone.
    pub fn over(self) -> CallOver {
        use CallEnd::*;
        match self {
            CalleeHungUp => CallOver::CalleeHungUp,
            CallerHungUp | Cancelled | AppLeft | Ended | Certified => CallOver::CallerHungUp,
            KickedOut => CallOver::KickedOut,
            Declined => CallOver::Declined,
            NoAnswer => CallOver::NoAnswer,
            Busy => CallOver::Busy,
            Unavailable => CallOver::Unavailable,
            Unassigned => CallOver::Unassigned,
            Congestion | Overload => CallOver::Congestion,
            Barred | NotAllowed => CallOver::Barred,
            Unreachable | NoTrunk => CallOver::Unreachable,
            TooLong => CallOver::TooLong,
            Lost => CallOver::CalleeLost,
            NoMedia | NoKeys | NoAck => CallOver::NoAudio,
            Shutdown => CallOver::Shutdown,
            Rejected(_) | Invite(_) | NoEntry | WrongNumber | TooManyGuesses | LookUpFailed | Fault => {
                CallOver::Rejected
            }
        }
    }
}

impl Class {
    /// Name in logs, metrics and records.
    pub fn name(self) -> &'static str {
        match self {
            Class::Normal => "normal",
            Class::Refused => "refused",
            Class::Failed => "failed",
        }
    }
}
