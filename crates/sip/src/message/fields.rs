//! Smaller fields with a grammar of their own.

use super::method::Method;
use super::scan::{self, Params, find, number};

/// CSeq (RFC 3261 section 20.16).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CSeq {
    /// Number below 2^31.
    pub number: u32,
    /// Method.
    pub method: Method,
}

impl CSeq {
    /// Reads the field.
    pub fn parse(text: &str) -> Option<CSeq> {
        let (digits, method) = text.trim().split_once([' ', '\t'])?;
        let sequence = number(digits).filter(|n| *n < super::limits::MAX_CSEQ)?;
        let method = method.trim();
        scan::is_token(method).then(|| CSeq {
            number: sequence,
            method: Method::from_name(method),
        })
    }
}

/// RAck (RFC 3262 section 7.2): which reliable provisional response a PRACK acknowledges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RAck {
    /// RSeq of that response.
    pub rseq: u32,
    /// CSeq of that response.
    pub cseq: CSeq,
}

impl RAck {
    /// Reads the field.
    pub fn parse(text: &str) -> Option<RAck> {
        let (rseq, cseq) = text.trim().split_once([' ', '\t'])?;
        Some(RAck {
            rseq: number(rseq)?,
            cseq: CSeq::parse(cseq)?,
        })
    }
}

/// Who refreshes a session (RFC 4028 section 4), by its role in the transaction that says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refresher {
    /// The one that sent the request.
    Uac,
    /// The one that answers it.
    Uas,
}

impl Refresher {
    /// The value in the field.
    pub fn as_str(self) -> &'static str {
        match self {
            Refresher::Uac => "uac",
            Refresher::Uas => "uas",
        }
    }
}

/// Session-Expires (RFC 4028 section 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionExpires {
    /// Seconds.
    pub seconds: u32,
    /// Who refreshes, when it is said.
    pub refresher: Option<Refresher>,
}

impl SessionExpires {
    /// Reads the field.
    pub fn parse(text: &str) -> Option<SessionExpires> {
        let (seconds, params) = value_and_params(text);
        let refresher = match params.get("refresher") {
            Some(r) if r.eq_ignore_ascii_case("uac") => Some(Refresher::Uac),
            Some(r) if r.eq_ignore_ascii_case("uas") => Some(Refresher::Uas),
            _ => None,
        };
        Some(SessionExpires {
            seconds: number(seconds)?,
            refresher,
        })
    }
}

impl std::fmt::Display for SessionExpires {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.seconds)?;
        match self.refresher {
            Some(r) => write!(f, ";refresher={}", r.as_str()),
            None => Ok(()),
        }
    }
}

/// One element of Reason (RFC 3326): why a request was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason<'a> {
    /// `SIP`, `Q.850` and others.
    pub protocol: &'a str,
    /// SIP status or Q.850 cause.
    pub cause: Option<u16>,
    /// Words.
    pub text: Option<&'a str>,
}

impl<'a> Reason<'a> {
    /// Reads one element.
    pub fn parse(text: &'a str) -> Option<Reason<'a>> {
        let (protocol, params) = value_and_params(text);
        scan::is_token(protocol).then(|| Reason {
            protocol,
            cause: params.get("cause").and_then(number),
            text: params.get("text"),
        })
    }
}

impl std::fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.protocol)?;
        if let Some(cause) = self.cause {
            write!(f, ";cause={cause}")?;
        }
        match self.text {
            Some(text) => write!(f, ";text={}", scan::quote(text)),
            None => Ok(()),
        }
    }
}

/// Replaces (RFC 3891 section 6.1): the dialog that an INVITE takes the place of, seen from the one who gets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replaces<'a> {
    /// Call-ID.
    pub call_id: &'a str,
    /// Tag of the one who gets the INVITE.
    pub to_tag: &'a str,
    /// Tag of the other side.
    pub from_tag: &'a str,
    /// Only an early dialog may be replaced.
    pub early_only: bool,
}

impl<'a> Replaces<'a> {
    /// Reads the field.
    pub fn parse(text: &'a str) -> Option<Replaces<'a>> {
        let (call_id, params) = value_and_params(text);
        Some(Replaces {
            call_id: Some(call_id).filter(|c| !c.is_empty())?,
            to_tag: params.get("to-tag")?,
            from_tag: params.get("from-tag")?,
            early_only: params.has("early-only"),
        })
    }
}

/// A value and the parameters behind its first semicolon.
pub(crate) fn value_and_params(text: &str) -> (&str, Params<'_>) {
    match find(text, b';') {
        Some(at) => (
            text.get(..at).unwrap_or_default().trim(),
            Params::new(text.get(at + 1..).unwrap_or_default()),
        ),
        None => (text.trim(), Params::default()),
    }
}

/// Seconds of Expires, Retry-After and their like; a comment or parameters may follow.
pub fn seconds(text: &str) -> Option<u32> {
    let digits = text.trim_start();
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    let rest = digits.get(end..)?.trim_start();
    if !(rest.is_empty() || rest.starts_with([';', '('])) {
        return None;
    }
    // More than the grammar allows is as long as it can be said (RFC 3261 section 20.19).
    let digits = digits.get(..end).filter(|d| !d.is_empty())?;
    Some(digits.parse().unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_begin_behind_the_semicolon() {
        let (value, params) = value_and_params("refer ;id=1");
        assert_eq!(
            (value, params.get("id"), params.has("r")),
            ("refer", Some("1"), false)
        );
        let (_, params) = value_and_params("refer;id=1");
        assert!(!params.has("r"));
    }

    #[test]
    fn cseq_is_a_number_below_two_to_the_31_and_a_method() {
        assert_eq!(
            CSeq::parse("0009   INVITE"),
            Some(CSeq {
                number: 9,
                method: Method::Invite
            })
        );
        assert_eq!(CSeq::parse("2147483647 ACK").unwrap().number, 2_147_483_647);
        for text in [
            "2147483648 ACK",
            "36893488147419103232 REGISTER",
            "-1 ACK",
            "1",
            "1 ",
            "x ACK",
            "1 A B",
            "",
        ] {
            assert_eq!(CSeq::parse(text), None, "{text}");
        }
    }

    #[test]
    fn rack_names_the_response() {
        let rack = RAck::parse("776656 1 INVITE").unwrap();
        assert_eq!(
            (rack.rseq, rack.cseq.number, rack.cseq.method),
            (776_656, 1, Method::Invite)
        );
        assert_eq!(RAck::parse("1 INVITE"), None);
    }

    #[test]
    fn session_expires_says_who_refreshes() {
        let read = SessionExpires::parse("1800 ;refresher=UAS").unwrap();
        assert_eq!((read.seconds, read.refresher), (1800, Some(Refresher::Uas)));
        assert_eq!(read.to_string(), "1800;refresher=uas");
        assert_eq!(SessionExpires::parse("90").unwrap().to_string(), "90");
        assert_eq!(SessionExpires::parse("soon"), None);
    }

    #[test]
    fn reason_and_replaces_are_read() {
        let read = Reason::parse(r#"Q.850;cause=17;text="user busy""#).unwrap();
        assert_eq!(
            (read.protocol, read.cause, read.text),
            ("Q.850", Some(17), Some("user busy"))
        );
        assert_eq!(read.to_string(), r#"Q.850;cause=17;text="user busy""#);
        let read =
            Replaces::parse("425928@bobster.example.org;to-tag=7743;from-tag=6472;early-only").unwrap();
        assert_eq!(
            (read.call_id, read.to_tag, read.from_tag),
            ("425928@bobster.example.org", "7743", "6472")
        );
        assert!(read.early_only);
        assert_eq!(Replaces::parse("a;to-tag=1"), None);
    }

    #[test]
    fn seconds_may_have_a_comment() {
        assert_eq!(seconds("18000;duration=3600"), Some(18000));
        assert_eq!(seconds("120 (I'm in a meeting)"), Some(120));
        assert_eq!(seconds("1000000000000000000"), Some(u32::MAX));
        assert_eq!(seconds("soon"), None);
        assert_eq!(seconds("5 minutes"), None);
    }
}
