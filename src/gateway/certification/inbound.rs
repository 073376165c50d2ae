//! What a call that comes in says of its trunk.

use super::outbound::{heard_keys, media, session_expires};
use super::seen::{CallSeen, end_words, words};
use super::shape::Shape;
use super::step::{Step, StepId};
use crate::calls::CallEnd;
use crate::config::{CalledField, CallerField};
use crate::gateway::sight::{Said, Sight};
use crate::trunks::identity;
use omnigate_number::{Country, PhoneNumber};
use omnigate_sip::message::{Name, Request, SessionExpires};
use omnigate_sip::{Direction, Hop};
use std::net::SocketAddr;

/// Fields that may carry the called number, with their names.
const CALLED: [(CalledField, &str, &str); 5] = [
    (CalledField::RequestUri, "request-uri", "Request-URI"),
    (CalledField::To, "to", "To"),
    (CalledField::CalledParty, "called-party", "P-Called-Party-ID"),
    (CalledField::Diversion, "diversion", "Diversion"),
    (CalledField::HistoryInfo, "history-info", "History-Info"),
];

/// Fields that may carry the caller's number.
const CALLER: [(CallerField, &str, &str); 4] = [
    (CallerField::Asserted, "asserted", "P-Asserted-Identity"),
    (CallerField::RemoteParty, "remote-party", "Remote-Party-ID"),
    (CallerField::Preferred, "preferred", "P-Preferred-Identity"),
    (CallerField::From, "from", "From"),
];

/// An INVITE, as far as it is looked at; no numbers.
#[derive(Debug, Clone)]
pub(super) struct InviteSeen {
    pub(super) source: SocketAddr,
    pub(super) transport: &'static str,
    /// Name of the field for `trunk.called_from` and for people, shape of what stands there, and whether that is the
    /// dialled number.
    pub(super) called: Vec<(&'static str, &'static str, Shape, bool)>,
    /// The same for `trunk.caller_from`.
    pub(super) caller: Vec<(&'static str, &'static str, Shape)>,
    pub(super) privacy: Option<String>,
    pub(super) offer: Option<Said>,
    pub(super) supported: Option<String>,
    pub(super) require: Option<String>,
    pub(super) timer: Option<SessionExpires>,
    pub(super) min_se: Option<String>,
    pub(super) allow: Option<String>,
}

impl InviteSeen {
    pub(super) fn of(
        invite: &Request,
        hop: &Hop,
        offer: Option<&[u8]>,
        number: &PhoneNumber,
        country: Country,
    ) -> InviteSeen {
        let headers = &invite.headers;
        let text = |name: Name| headers.get(name).map(str::to_owned);
        let called = CALLED.into_iter().filter_map(|(field, key, name)| {
            let user = identity::called_user(invite, field)?;
            let is_it = PhoneNumber::parse(&user, country).as_ref() == Some(number);
            Some((key, name, Shape::of(&user, country), is_it))
        });
        let caller = CALLER.into_iter().filter_map(|(field, key, name)| {
            let user = identity::calling_user(headers, field)?;
            Some((key, name, Shape::of(&user, country)))
        });
        InviteSeen {
            source: hop.remote,
            transport: hop.transport.param(),
            called: called.collect(),
            caller: caller.collect(),
            privacy: text(Name::Privacy),
            offer: offer.and_then(Said::read),
            supported: text(Name::Supported),
            require: text(Name::Require),
            timer: session_expires(headers),
            min_se: text(Name::MinSe),
            allow: text(Name::Allow),
        }
    }
}

/// Fields that may carry the called number.
pub(super) fn called_fields() -> impl Iterator<Item = CalledField> {
    CALLED.into_iter().map(|(field, ..)| field)
}

/// All that a call in says.
pub(super) fn steps(invite: &InviteSeen, seen: &CallSeen) -> Vec<Step> {
    vec![
        call_in(invite, seen),
        called(invite),
        caller(invite),
        offer(invite),
        extensions(invite),
        media(seen, StepId::MediaIn),
        keys(invite, seen),
        hold(seen),
        end(seen),
    ]
}

fn call_in(invite: &InviteSeen, seen: &CallSeen) -> Step {
    let text = format!("from {} by {}", invite.source, invite.transport);
    match seen.end {
        CallEnd::NoAck => Step::failed(StepId::CallIn, true, format!("{text}; our 200 got no ACK")),
        CallEnd::Invite(status) => {
            let text = format!("{text}; we had to refuse it with {status}: see its offer");
            Step::failed(StepId::CallIn, true, text)
        }
        // Nothing was begun: the caller was never there.
        end if seen.acts.is_empty() => {
            let why = seen.ends().last();
            let why = why.map_or_else(|| end.reason().replace('_', " "), end_words);
            Step::failed(StepId::CallIn, true, format!("{text}; it did not come up: {why}"))
        }
        _ => Step::passed(StepId::CallIn, true, text),
    }
}

fn called(invite: &InviteSeen) -> Step {
    let all: Vec<String> = invite
        .called
        .iter()
        .map(|(_, name, shape, is_it)| match is_it {
            true => format!("{name}: the number, {shape}"),
            false => format!("{name}: another, {shape}"),
        })
        .collect();
    match invite.called.iter().any(|(.., is_it)| *is_it) {
        true => Step::passed(StepId::CalledNumber, true, all.join("; ")),
        false => Step::failed(
            StepId::CalledNumber,
            true,
            format!("in no field ({})", all.join("; ")),
        ),
    }
}

fn caller(invite: &InviteSeen) -> Step {
    let all: Vec<String> = invite
        .caller
        .iter()
        .map(|(_, name, shape)| format!("{name}: {shape}"))
        .collect();
    let privacy = invite
        .privacy
        .as_ref()
        .map(|privacy| format!("; Privacy: {privacy}"));
    let text = format!("{}{}", all.join("; "), privacy.unwrap_or_default());
    match invite.caller.iter().any(|(.., shape)| *shape != Shape::Name) {
        true => Step::passed(StepId::CallerNumber, false, text),
        false => Step::failed(StepId::CallerNumber, false, text),
    }
}

fn offer(invite: &InviteSeen) -> Step {
    let Some(said) = &invite.offer else {
        return Step::passed(StepId::Offer, false, "none: ours stands in the 200");
    };
    let format =
        |one: &omnigate_sip::sdp::Format| format!("{}/{} ({})", one.name, one.clock_rate, one.payload_type);
    let all: Vec<String> = said.formats.iter().map(format).collect();
    let ptime = said.ptime_ms.map(|ms| format!("; ptime {ms}"));
    let maxptime = said.maxptime_ms.map(|ms| format!("; maxptime {ms}"));
    let others = match said.others.is_empty() {
        true => String::new(),
        false => format!("; also {}", said.others.join(", ")),
    };
    let text = format!(
        "{}{}{}{others}",
        all.join(", "),
        ptime.unwrap_or_default(),
        maxptime.unwrap_or_default()
    );
    Step::passed(StepId::Offer, false, text)
}

fn extensions(invite: &InviteSeen) -> Step {
    let field = |name: &str, value: &Option<String>| value.as_ref().map(|value| format!("{name}: {value}"));
    let timer = invite
        .timer
        .as_ref()
        .map(|timer| format!("Session-Expires: {timer}"));
    let all = [
        field("Supported", &invite.supported),
        field("Require", &invite.require),
        timer,
        field("Min-SE", &invite.min_se),
        field("Allow", &invite.allow),
    ];
    let all: Vec<String> = all.into_iter().flatten().collect();
    match all.is_empty() {
        true => Step::not_possible(StepId::Extensions, "none"),
        false => Step::passed(StepId::Extensions, false, all.join("; ")),
    }
}

/// Which keys came, and by which ways.
fn keys(invite: &InviteSeen, seen: &CallSeen) -> Step {
    let (all, ways) = heard_keys(seen);
    let offered = invite.offer.as_ref().is_none_or(|said| {
        said.formats
            .iter()
            .any(|one| one.name.eq_ignore_ascii_case("telephone-event"))
    });
    let none = if offered {
        ""
    } else {
        "; telephone events are not offered"
    };
    match (all, ways.is_empty()) {
        (true, _) => Step::passed(StepId::KeysIn, true, format!("{ways}{none}")),
        (false, true) => Step::failed(StepId::KeysIn, true, format!("none was heard{none}")),
        (false, false) => Step::failed(
            StepId::KeysIn,
            true,
            format!("{ways}{none}: not all, or not as they were to be pressed"),
        ),
    }
}

fn hold(seen: &CallSeen) -> Step {
    let held = |sight: &Sight| matches!(sight, Sight::Taken(Direction::RecvOnly | Direction::Inactive));
    match seen.sights().any(held) {
        true => Step::passed(StepId::HoldIn, false, "they offered a hold, which was taken"),
        false => Step::not_possible(StepId::HoldIn, "they offered no hold"),
    }
}

fn end(seen: &CallSeen) -> Step {
    let end = seen.ends().last();
    let replies = seen.replies(&omnigate_sip::message::Method::Bye);
    let reply = replies
        .last()
        .map(|status| format!(", which got {}", words(*status)));
    let text = end.map_or_else(|| seen.end.reason().replace('_', " "), end_words);
    match seen.end {
        CallEnd::CallerHungUp | CallEnd::Certified => Step::passed(
            StepId::EndIn,
            true,
            format!("{text}{}", reply.unwrap_or_default()),
        ),
        _ => Step::failed(StepId::EndIn, true, text),
    }
}
