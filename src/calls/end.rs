//! How a call ended: one classified value for logs, metrics, call records and SIP.

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
    /// CANCEL before the answer.
    Cancelled,
    /// The app left, or its connection ended.
    AppLeft,
    /// Somebody removed the caller from the room.
    KickedOut,
    /// The app declined.
    Declined,
    /// The app did not answer in time.
    NoAnswer,
    /// The person is in another call.
    Busy,
    /// The app is not there.
    Unavailable,
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
            CallerHungUp | Cancelled | AppLeft | KickedOut | Declined | NoAnswer | Busy | Unavailable => {
                Class::Normal
            }
            NoEntry | WrongNumber | TooManyGuesses | NoTrunk | Invite(_) | Overload => Class::Refused,
            LookUpFailed | NoAck | Lost | NoMedia | Shutdown | Fault => Class::Failed,
        }
    }

    /// Name in logs, metrics and records.
    pub fn reason(self) -> &'static str {
        use CallEnd::*;
        match self {
            CallerHungUp => "caller_hung_up",
            Cancelled => "cancelled",
            AppLeft => "app_left",
            KickedOut => "kicked_out",
            Declined => "declined",
            NoAnswer => "no_answer",
            Busy => "busy",
            Unavailable => "unavailable",
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
            Shutdown => "shutdown",
            Fault => "fault",
        }
    }

    /// Cause for a Reason header in our BYE (RFC 3326, Q.850 causes by their SIP status).
    pub fn sip_status(self) -> u16 {
        use CallEnd::*;
        match self {
            CallerHungUp | AppLeft | KickedOut => 200,
            Cancelled => 487,
            Declined => 603,
            NoAnswer => 480,
            Busy => 486,
            Unavailable => 480,
            NoEntry | WrongNumber | NoTrunk => 404,
            TooManyGuesses => 403,
            Invite(status) => status,
            Overload | Shutdown => 503,
            NoAck | Lost | NoMedia => 408,
            LookUpFailed | Fault => 500,
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
