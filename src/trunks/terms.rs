//! What a trunk wants of its calls: session timers, reliable provisional responses, early media.

use crate::config::{self, EarlyMediaRule, RefresherRule, ReliableRule};
use omnigate_sip::message::{Headers, Name};
use omnigate_sip::{CallTerms, RefreshedBy, Reliable, SessionSettings, SessionTimers};

/// What the calls of a trunk want.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    call: CallTerms,
    early_media: EarlyMediaRule,
}

impl Terms {
    pub(super) fn new(trunk: &config::Trunk) -> Terms {
        let session = &trunk.session;
        let by = match session.refresher {
            RefresherRule::Either => RefreshedBy::Either,
            RefresherRule::Us => RefreshedBy::Us,
            RefresherRule::Them => RefreshedBy::Them,
        };
        let settings = SessionSettings {
            interval: session.seconds,
            least: session.least_seconds,
        };
        let call = CallTerms {
            timers: match session.seconds {
                0 => SessionTimers::Off,
                _ => SessionTimers::Asked(settings, by),
            },
            reliable: match trunk.reliable {
                ReliableRule::Never => Reliable::Never,
                ReliableRule::Supported => Reliable::Supported,
                ReliableRule::Required => Reliable::Required,
            },
            watched: false,
        };
        Terms {
            call,
            early_media: trunk.early_media,
        }
    }

    /// The same for calls that are watched.
    pub(super) fn watched(self) -> Terms {
        let call = CallTerms {
            watched: true,
            ..self.call
        };
        Terms { call, ..self }
    }

    /// What a call says of it.
    pub fn call(&self) -> CallTerms {
        self.call
    }

    /// Whether our provisional responses to its callers are reliable where the caller can take them.
    pub fn is_reliable(&self) -> bool {
        self.call.reliable == Reliable::Required
    }

    /// Whether a telephone is heard before it answers, as far as this provisional response says; `before` is what was said
    /// until now.
    pub fn takes_early_media(&self, progress: &Headers, before: bool) -> bool {
        match self.early_media {
            EarlyMediaRule::Take => true,
            EarlyMediaRule::Ignore => false,
            EarlyMediaRule::Obey => heard(progress).unwrap_or(before),
        }
    }

    /// Whether a call out says that it understands P-Early-Media (RFC 5009 section 5).
    pub(super) fn says_early_media(&self) -> bool {
        self.early_media == EarlyMediaRule::Obey
    }
}

/// Whether the called side may be heard; `None` when this says nothing of it. The direction is that of whoever writes it, of
/// the first media line (RFC 5009 section 8).
fn heard(progress: &Headers) -> Option<bool> {
    let direction = progress.get(Name::PEarlyMedia)?.split([',', ';']).next()?.trim();
    match direction.to_ascii_lowercase().as_str() {
        "sendrecv" | "sendonly" => Some(true),
        "recvonly" | "inactive" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load_text;

    fn terms(toml: &str) -> Terms {
        let settings = load_text(&format!("[[trunk]]\nname = \"t\"\n{toml}\n"), []).unwrap();
        Terms::new(&settings.trunk[0])
    }

    fn said(direction: &str) -> Headers {
        let mut headers = Headers::default();
        headers.push(Name::PEarlyMedia, direction);
        headers
    }

    #[test]
    fn early_media_is_heard_as_the_trunk_says() {
        let nothing = Headers::default();
        assert!(terms("").takes_early_media(&said("inactive"), false));
        let ignores = terms("early_media = \"ignore\"");
        assert!(!ignores.takes_early_media(&said("sendrecv"), true));
        let obeys = terms("early_media = \"obey\"");
        assert!(obeys.takes_early_media(&said("sendrecv, gated"), false));
        assert!(obeys.takes_early_media(&said("sendonly"), false));
        for silent in ["inactive", "recvonly"] {
            assert!(!obeys.takes_early_media(&said(silent), true), "{silent}");
        }
        assert!(!obeys.takes_early_media(&nothing, false));
        assert!(
            obeys.takes_early_media(&nothing, true),
            "what was said last holds"
        );
    }

    #[test]
    fn session_timers_are_those_of_the_trunk() {
        let of = |toml: &str| terms(toml).call().timers;
        assert_eq!(of("session = { seconds = 0 }"), SessionTimers::Off);
        let settings = SessionSettings {
            interval: 600,
            least: 300,
        };
        assert_eq!(
            of("session = { seconds = 600, least_seconds = 300, refresher = \"them\" }"),
            SessionTimers::Asked(settings, RefreshedBy::Them)
        );
        for wrong in ["seconds = 60", "least_seconds = 30", "refresher = \"me\""] {
            let toml = format!("[[trunk]]\nsession = {{ {wrong} }}\n");
            let faults = load_text(&toml, []).unwrap_err().to_string();
            assert!(faults.contains("trunk[0].session."), "{faults}");
        }
    }
}
