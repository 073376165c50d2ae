//! Status codes and their usual phrases (RFC 3261 section 21 and extensions).

use std::fmt;

/// A status code from 100 to 699.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Status(u16);

impl Status {
    /// 100
    pub const TRYING: Status = Status(100);
    /// 180
    pub const RINGING: Status = Status(180);
    /// 183
    pub const SESSION_PROGRESS: Status = Status(183);
    /// 200
    pub const OK: Status = Status(200);
    /// 202
    pub const ACCEPTED: Status = Status(202);
    /// 400
    pub const BAD_REQUEST: Status = Status(400);
    /// 401
    pub const UNAUTHORIZED: Status = Status(401);
    /// 403
    pub const FORBIDDEN: Status = Status(403);
    /// 404
    pub const NOT_FOUND: Status = Status(404);
    /// 405
    pub const METHOD_NOT_ALLOWED: Status = Status(405);
    /// 407
    pub const PROXY_AUTHENTICATION_REQUIRED: Status = Status(407);
    /// 408
    pub const REQUEST_TIMEOUT: Status = Status(408);
    /// 413
    pub const ENTITY_TOO_LARGE: Status = Status(413);
    /// 415
    pub const UNSUPPORTED_MEDIA_TYPE: Status = Status(415);
    /// 416
    pub const UNSUPPORTED_URI_SCHEME: Status = Status(416);
    /// 420
    pub const BAD_EXTENSION: Status = Status(420);
    /// 421
    pub const EXTENSION_REQUIRED: Status = Status(421);
    /// 422
    pub const SESSION_INTERVAL_TOO_SMALL: Status = Status(422);
    /// 423
    pub const INTERVAL_TOO_BRIEF: Status = Status(423);
    /// 433
    pub const ANONYMITY_DISALLOWED: Status = Status(433);
    /// 480
    pub const TEMPORARILY_UNAVAILABLE: Status = Status(480);
    /// 481
    pub const CALL_DOES_NOT_EXIST: Status = Status(481);
    /// 482
    pub const LOOP_DETECTED: Status = Status(482);
    /// 486
    pub const BUSY_HERE: Status = Status(486);
    /// 487
    pub const REQUEST_TERMINATED: Status = Status(487);
    /// 488
    pub const NOT_ACCEPTABLE_HERE: Status = Status(488);
    /// 489
    pub const BAD_EVENT: Status = Status(489);
    /// 491
    pub const REQUEST_PENDING: Status = Status(491);
    /// 500
    pub const SERVER_INTERNAL_ERROR: Status = Status(500);
    /// 501
    pub const NOT_IMPLEMENTED: Status = Status(501);
    /// 503
    pub const SERVICE_UNAVAILABLE: Status = Status(503);
    /// 504
    pub const SERVER_TIMEOUT: Status = Status(504);
    /// 505
    pub const VERSION_NOT_SUPPORTED: Status = Status(505);
    /// 513
    pub const MESSAGE_TOO_LARGE: Status = Status(513);
    /// 603
    pub const DECLINE: Status = Status(603);

    /// The status with this code; `None` outside 100 to 699.
    pub fn new(code: u16) -> Option<Status> {
        (100..700).contains(&code).then_some(Status(code))
    }

    /// The code.
    pub fn code(self) -> u16 {
        self.0
    }

    /// 1xx.
    pub fn is_provisional(self) -> bool {
        self.0 < 200
    }

    /// 2xx.
    pub fn is_success(self) -> bool {
        (200..300).contains(&self.0)
    }

    /// 200 and above.
    pub fn is_final(self) -> bool {
        self.0 >= 200
    }

    /// The usual phrase.
    pub fn phrase(self) -> &'static str {
        match self.0 {
            100 => "Trying",
            180 => "Ringing",
            181 => "Call Is Being Forwarded",
            182 => "Queued",
            183 => "Session Progress",
            199 => "Early Dialog Terminated",
            200 => "OK",
            202 => "Accepted",
            204 => "No Notification",
            300 => "Multiple Choices",
            301 => "Moved Permanently",
            302 => "Moved Temporarily",
            305 => "Use Proxy",
            380 => "Alternative Service",
            400 => "Bad Request",
            401 => "Unauthorized",
            402 => "Payment Required",
            403 => "Forbidden",
            404 => "Not Found",
            405 => "Method Not Allowed",
            406 => "Not Acceptable",
            407 => "Proxy Authentication Required",
            408 => "Request Timeout",
            410 => "Gone",
            412 => "Conditional Request Failed",
            413 => "Request Entity Too Large",
            414 => "Request-URI Too Long",
            415 => "Unsupported Media Type",
            416 => "Unsupported URI Scheme",
            420 => "Bad Extension",
            421 => "Extension Required",
            422 => "Session Interval Too Small",
            423 => "Interval Too Brief",
            428 => "Use Identity Header",
            433 => "Anonymity Disallowed",
            439 => "First Hop Lacks Outbound Support",
            469 => "Bad Info Package",
            480 => "Temporarily Unavailable",
            481 => "Call/Transaction Does Not Exist",
            482 => "Loop Detected",
            483 => "Too Many Hops",
            484 => "Address Incomplete",
            485 => "Ambiguous",
            486 => "Busy Here",
            487 => "Request Terminated",
            488 => "Not Acceptable Here",
            489 => "Bad Event",
            491 => "Request Pending",
            493 => "Undecipherable",
            494 => "Security Agreement Required",
            500 => "Server Internal Error",
            501 => "Not Implemented",
            502 => "Bad Gateway",
            503 => "Service Unavailable",
            504 => "Server Time-out",
            505 => "Version Not Supported",
            513 => "Message Too Large",
            580 => "Precondition Failure",
            600 => "Busy Everywhere",
            603 => "Decline",
            604 => "Does Not Exist Anywhere",
            606 => "Not Acceptable",
            607 => "Unwanted",
            608 => "Rejected",
            _ => match self.0 / 100 {
                1 => "Progress",
                2 => "Success",
                3 => "Redirection",
                4 => "Request Failure",
                5 => "Server Failure",
                _ => "Global Failure",
            },
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0, self.phrase())
    }
}
