//! What the telephone network says of a call that it does not put through.

use super::end::CallEnd;
use omnigate_sip::{Cause, Rejection};

/// One end for a status and its Reason fields (RFC 3326). A cause of Q.850 says more than the status that it was made into
/// (RFC 3398 section 7.2.4.1), so it comes first where it is a particular one. `rang`: the telephone had rung.
pub fn rejected(rejection: &Rejection, rang: bool) -> CallEnd {
    let status = rejection.status.code();
    let cause = rejection.causes.iter().find_map(q850);
    cause
        .and_then(by_cause)
        .unwrap_or_else(|| by_status(status, rang))
}

/// The Q.850 cause in it, if that is what it is.
fn q850(cause: &Cause) -> Option<u16> {
    cause
        .cause
        .filter(|_| cause.protocol.eq_ignore_ascii_case("Q.850"))
}

/// The Q.850 cause of a rejection, for records.
pub fn cause_of(causes: &[Cause]) -> Option<u16> {
    causes.iter().find_map(q850)
}

/// ITU-T Q.850 section 2.2.7; `None` for those that say nothing in particular (16, 31, 127).
fn by_cause(cause: u16) -> Option<CallEnd> {
    Some(match cause {
        1 | 22 | 28 => CallEnd::Unassigned,
        2 | 3 | 38 | 102 => CallEnd::Unreachable,
        17 => CallEnd::Busy,
        18 | 19 => CallEnd::NoAnswer,
        20 | 27 => CallEnd::Unavailable,
        21 => CallEnd::Declined,
        34 | 41 | 42 | 44 | 47 => CallEnd::Congestion,
        50 | 52 | 53 | 54 | 55 | 57 | 62 | 87 => CallEnd::Barred,
        _ => return None,
    })
}

/// RFC 3261 section 21, as gateways use it (RFC 3398 section 8.2.6.1).
fn by_status(status: u16, rang: bool) -> CallEnd {
    match status {
        404 | 410 | 484 | 485 | 604 => CallEnd::Unassigned,
        486 | 600 => CallEnd::Busy,
        408 | 480 | 487 if rang => CallEnd::NoAnswer,
        480 => CallEnd::Unavailable,
        603 | 607 | 608 => CallEnd::Declined,
        401 | 402 | 403 | 407 | 433 => CallEnd::Barred,
        408 | 502 | 504 => CallEnd::Unreachable,
        500 | 503 => CallEnd::Congestion,
        status => CallEnd::Rejected(status),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use omnigate_sip::message::Status;

    fn end(status: u16, cause: Option<u16>, rang: bool) -> &'static str {
        let causes = cause.map(|cause| Cause {
            protocol: "Q.850".to_owned(),
            cause: Some(cause),
            text: None,
        });
        let rejection = Rejection {
            status: Status::new(status).unwrap(),
            phrase: String::new(),
            warning: None,
            causes: causes.into_iter().collect(),
            retry_after: None,
            contacts: Vec::new(),
        };
        rejected(&rejection, rang).reason()
    }

    #[test]
    fn what_a_status_means() {
        for (status, rang, means) in [
            (486, false, "busy"),
            (600, true, "busy"),
            (404, false, "unassigned"),
            (484, false, "unassigned"),
            (480, false, "unavailable"),
            (480, true, "no_answer"),
            (408, true, "no_answer"),
            (408, false, "unreachable"),
            (603, true, "declined"),
            (403, false, "barred"),
            (503, false, "congestion"),
            (488, false, "rejected"),
            (302, false, "rejected"),
        ] {
            assert_eq!(end(status, None, rang), means, "{status}");
        }
    }

    #[test]
    fn a_particular_cause_says_more_than_the_status() {
        for (status, cause, means) in [
            (480, 19, "no_answer"),
            (480, 20, "unavailable"),
            (503, 1, "unassigned"),
            (500, 34, "congestion"),
            (403, 21, "declined"),
            (404, 22, "unassigned"),
            (486, 16, "busy"),
            (480, 31, "unavailable"),
            (403, 57, "barred"),
        ] {
            assert_eq!(end(status, Some(cause), false), means, "{status}, {cause}");
        }
    }
}
