//! The settings that fit what was seen.

use super::exercise::{Act, is_missing};
use super::inbound::InviteSeen;
use super::outbound::session_expires;
use super::seen::CallSeen;
use super::shape::Shape;
use super::step::Proposal;
use crate::config::TrunkCodec;
use crate::gateway::sight::Sight;
use omnigate_audio::codec::Codec;
use omnigate_sip::CallEnd as SipEnd;
use omnigate_sip::message::{Method, Name, Refresher};

/// All calls of a certification.
#[derive(Debug, Default)]
pub(super) struct Calls {
    /// The one in which everything was tried.
    pub(super) full: Option<CallSeen>,
    /// Whether calls with G.711 A-law and µ-law alone were answered.
    pub(super) pcma: Option<bool>,
    pub(super) pcmu: Option<bool>,
    pub(super) inbound: Option<InviteSeen>,
}

pub(super) fn profile(calls: &Calls) -> Vec<Proposal> {
    let mut all = Vec::new();
    all.extend(codecs(calls));
    if let Some(full) = &calls.full {
        all.extend(reliable(full));
        all.extend(early_media(full));
        all.extend(session(full));
        all.extend(keys(full));
    }
    if let Some(invite) = &calls.inbound {
        all.extend(called_from(invite));
        all.extend(caller_from(invite));
        all.extend(number_format(invite));
    }
    all
}

fn seen(key: &str, value: impl Into<String>, why: impl Into<String>) -> Proposal {
    Proposal {
        key: key.to_owned(),
        value: value.into(),
        why: why.into(),
        sure: true,
    }
}

fn guess(key: &str, value: impl Into<String>, why: impl Into<String>) -> Proposal {
    Proposal {
        sure: false,
        ..seen(key, value, why)
    }
}

fn word(text: &str) -> String {
    format!("\"{text}\"")
}

fn list(words: &[&str]) -> String {
    let all: Vec<String> = words.iter().map(|one| word(one)).collect();
    format!("[{}]", all.join(", "))
}

/// In the order in which they are answered or offered, without what does not work alone.
fn codecs(calls: &Calls) -> Option<Proposal> {
    let answered = calls
        .full
        .as_ref()
        .filter(|full| full.success().is_some())
        .and_then(CallSeen::said);
    let offered = calls.inbound.as_ref().and_then(|invite| invite.offer.as_ref());
    let works = |codec: Codec| match codec {
        Codec::Pcma => calls.pcma,
        Codec::Pcmu => calls.pcmu,
        _ => None,
    };
    let of = |said: &crate::gateway::sight::Said| -> Vec<Codec> {
        let all = said.formats.iter();
        all.filter_map(|one| Codec::of(&one.name, one.clock_rate, one.channels))
            .collect()
    };
    // Their own offer says what they like best; an answer may only follow ours.
    let mut order = offered.map(of).unwrap_or_default();
    for codec in answered.map(of).unwrap_or_default() {
        if !order.contains(&codec) {
            order.push(codec);
        }
    }
    for codec in [Codec::Pcma, Codec::Pcmu] {
        if works(codec) == Some(true) && !order.contains(&codec) {
            order.push(codec);
        }
    }
    order.retain(|codec| works(*codec) != Some(false));
    let names: Vec<String> = order.iter().map(|codec| TrunkCodec(*codec).to_string()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let failed: Vec<&str> = [(calls.pcma, "pcma"), (calls.pcmu, "pcmu")]
        .iter()
        .filter(|(works, _)| *works == Some(false))
        .map(|(_, name)| *name)
        .collect();
    let why = match failed.is_empty() {
        true => "in their order".to_owned(),
        false => format!("in their order; {} alone is not taken", failed.join(", ")),
    };
    (!names.is_empty()).then(|| seen("codecs", list(&names), why))
}

fn reliable(full: &CallSeen) -> Option<Proposal> {
    let asked = full
        .responses()
        .iter()
        .any(|one| one.headers.lists(Name::Require, "100rel"));
    let replies = full.replies(&Method::Prack);
    if asked && (replies.is_empty() || replies.iter().any(|status| !status.is_success())) {
        return Some(seen(
            "reliable",
            word("never"),
            "a PRACK is not answered with 200",
        ));
    }
    if asked {
        return Some(seen(
            "reliable",
            word("supported"),
            "provisional responses ask for a PRACK, which is answered",
        ));
    }
    full.ends().find_map(|end| match end {
        SipEnd::Rejected(why) if why.status.code() == 421 => {
            Some(guess("reliable", word("required"), "421 Extension Required"))
        }
        SipEnd::Rejected(why) if why.status.code() == 420 => {
            Some(guess("reliable", word("never"), "420 Bad Extension"))
        }
        _ => None,
    })
}

fn early_media(full: &CallSeen) -> Option<Proposal> {
    let says = full
        .responses()
        .iter()
        .any(|one| one.headers.get(Name::PEarlyMedia).is_some());
    if says {
        return Some(seen(
            "early_media",
            word("obey"),
            "P-Early-Media says what may be heard",
        ));
    }
    full.heard_early().then(|| {
        seen(
            "early_media",
            word("take"),
            "early media is heard, without P-Early-Media",
        )
    })
}

fn session(full: &CallSeen) -> Vec<Proposal> {
    let Some(success) = full.success() else {
        return Vec::new();
    };
    let mut all = Vec::new();
    let refreshed = refreshed_by(full);
    if let Some(timer) = session_expires(success.headers) {
        let why = format!("granted{refreshed}");
        all.push(seen("session.seconds", timer.seconds.to_string(), why));
        let by = match timer.refresher {
            Some(Refresher::Uas) => "them",
            Some(Refresher::Uac) | None => "us",
        };
        all.push(seen("session.refresher", word(by), "as they answer"));
    }
    let least = success
        .headers
        .get(Name::MinSe)
        .and_then(|least| least.trim().parse::<u32>().ok());
    if let Some(least) = least.filter(|least| *least >= 90) {
        all.push(seen("session.least_seconds", least.to_string(), "their Min-SE"));
    }
    all
}

/// What a refresh taught.
fn refreshed_by(full: &CallSeen) -> &'static str {
    let Some(during) = full.during(|act| *act == Act::Refresh) else {
        return "";
    };
    let mut update_missing = false;
    for sight in during {
        match sight {
            Sight::Replied(Method::Update, status) if is_missing(*status) => update_missing = true,
            Sight::Replied(Method::Update, status) if status.is_success() => return "; refreshed by UPDATE",
            Sight::Replied(Method::Invite, status) if status.is_success() => {
                return match update_missing {
                    true => "; UPDATE is refused, refreshed by re-INVITE",
                    false => "; refreshed by re-INVITE",
                };
            }
            _ => {}
        }
    }
    ""
}

fn keys(full: &CallSeen) -> Option<Proposal> {
    full.success()?;
    let replies = full.replies(&Method::Info);
    if full.agreed().is_some_and(|agreed| agreed.events) {
        return Some(seen("keys", word("events"), "telephone events are answered"));
    }
    let answered = !replies.is_empty() && replies.iter().all(|status| status.is_success());
    answered.then(|| {
        seen(
            "keys",
            word("info"),
            "no telephone events; INFO is answered with 200",
        )
    })
}

fn called_from(invite: &InviteSeen) -> Option<Proposal> {
    let fields: Vec<&(&str, &str, Shape, bool)> = invite.called.iter().filter(|(.., is_it)| *is_it).collect();
    let first = invite.called.first()?;
    let keys: Vec<&str> = fields.iter().map(|(key, ..)| *key).collect();
    let names: Vec<&str> = fields.iter().map(|(_, name, ..)| *name).collect();
    let why = match first.3 {
        true => format!("it stands in {}", names.join(", ")),
        false => format!(
            "it stands in {}; {} has something else",
            names.join(", "),
            first.1
        ),
    };
    (!keys.is_empty()).then(|| seen("called_from", list(&keys), why))
}

fn caller_from(invite: &InviteSeen) -> Option<Proposal> {
    let has = |shape: Shape| !matches!(shape, Shape::Name | Shape::Anonymous);
    let keys: Vec<&str> = invite
        .caller
        .iter()
        .filter(|(.., shape)| has(*shape))
        .map(|(key, ..)| *key)
        .collect();
    (!keys.is_empty()).then(|| {
        seen(
            "caller_from",
            list(&keys),
            "fields of the call in that have a number",
        )
    })
}

/// They may want numbers as they write them.
fn number_format(invite: &InviteSeen) -> Option<Proposal> {
    let callers = invite.caller.iter().map(|(.., shape)| *shape);
    let called = invite
        .called
        .iter()
        .filter(|(.., is_it)| *is_it)
        .map(|(_, _, shape, _)| *shape);
    let format = callers.chain(called).find_map(Shape::format)?;
    Some(guess(
        "number_format",
        word(format),
        "as they write numbers themselves",
    ))
}
