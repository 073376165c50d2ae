//! What a `[[trunk]]` wants of the calls on it: session timers, early media, where numbers stand.

use super::faults::Faults;
use super::section::{Check, Word, join, section, values, word, words};

section! {
    /// Session timers (RFC 4028), `trunk.session.*`.
    pub struct Session {
        /// The interval that we ask for, seconds; 0: no session timers.
        seconds: u32 = 1800, within 0..=86_400;
        /// The least interval that a call out takes (Min-SE), seconds.
        least_seconds: u32 = 90, within 90..=86_400;
        /// Who refreshes, where we may say so.
        refresher: RefresherRule = RefresherRule::Either;
    }
}

impl Check for Session {
    fn check(&self, path: &str, faults: &mut Faults) {
        if self.seconds > 0 && self.seconds < self.least_seconds {
            faults.add(
                &join(path, "seconds"),
                format!("is less than {}, its least_seconds", self.least_seconds),
            );
        }
    }
}

/// Words that stand for the values of a setting.
macro_rules! choice {
    ($(#[$about:meta])* $name:ident, $default:ident { $( $(#[$doc:meta])* $variant:ident = $text:literal, )+ }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name {
            $( $(#[$doc])* $variant, )+
        }

        impl Default for $name {
            fn default() -> $name {
                $name::$default
            }
        }

        impl Word for $name {
            fn parse(text: &str) -> Result<$name, String> {
                match text {
                    $( $text => Ok($name::$variant), )+
                    _ => Err(format!("`{text}` is none of {}", [$($text),+].join(", "))),
                }
            }
        }
    };
}

choice! {
    /// Who refreshes a session.
    RefresherRule, Either {
        /// Whoever is asked to.
        Either = "either",
        /// We.
        Us = "us",
        /// The trunk, if it can.
        Them = "them",
    }
}

choice! {
    /// Reliable provisional responses (100rel, RFC 3262).
    ReliableRule, Supported {
        /// Not offered.
        Never = "never",
        /// Offered.
        Supported = "supported",
        /// Required of whom we call; those of ours are reliable where the caller can take them.
        Required = "required",
    }
}

choice! {
    /// What is heard of a telephone that is called before it answers.
    EarlyMediaRule, Take {
        /// Whatever the network sends.
        Take = "take",
        /// What the network says may be heard (P-Early-Media, RFC 5009).
        Obey = "obey",
        /// Nothing: our own ring-back tone.
        Ignore = "ignore",
    }
}

choice! {
    /// Whether callers who withhold their number are taken.
    AnonymousRule, Take {
        /// As all others.
        Take = "take",
        /// They get 433 (RFC 5079).
        Refuse = "refuse",
    }
}

choice! {
    /// How a call that somebody else is called in the place of says who was called before.
    ForwardRule, None {
        /// Not at all.
        None = "none",
        /// By Diversion (RFC 5806).
        Diversion = "diversion",
        /// By History-Info (RFC 7044).
        HistoryInfo = "history-info",
    }
}

choice! {
    /// Where the called number stands in an INVITE that comes in.
    CalledField, RequestUri {
        /// The Request-URI.
        RequestUri = "request-uri",
        /// To.
        To = "to",
        /// P-Called-Party-ID (RFC 7315 section 4.2).
        CalledParty = "called-party",
        /// Diversion (RFC 5806): whom the caller dialled before the call was forwarded.
        Diversion = "diversion",
        /// The last entry of History-Info (RFC 7044).
        HistoryInfo = "history-info",
    }
}

choice! {
    /// Where the calling number stands in an INVITE that comes in.
    CallerField, From {
        /// P-Asserted-Identity (RFC 3325).
        Asserted = "asserted",
        /// P-Preferred-Identity (RFC 3325).
        Preferred = "preferred",
        /// Remote-Party-ID.
        RemoteParty = "remote-party",
        /// From.
        From = "from",
    }
}

values! { word; RefresherRule, ReliableRule, EarlyMediaRule, AnonymousRule, ForwardRule }
values! { words; Vec<CalledField>, Vec<CallerField> }
