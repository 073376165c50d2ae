//! What a call to a telephone says of its trunk.

use super::exercise::{Act, is_missing};
use super::seen::{CallSeen, end_words, shown, words};
use super::step::{Step, StepId};
use crate::calls::CallEnd;
use crate::gateway::sight::{Said, Sight};
use omnigate_rtp::digits::Source;
use omnigate_rtp::quality;
use omnigate_sip::message::{Headers, Method, Name, SessionExpires, Status};
use omnigate_sip::{CallEnd as SipEnd, Direction};
use std::time::Duration;

/// Longest time until a telephone rings in all but one of twenty calls abroad (ITU-T E.721 table 2).
const LONGEST_DELAY: Duration = Duration::from_secs(11);
/// What is pressed in both directions.
pub(super) const KEYS: &str = "12345#";
/// Below it many people are not content (ITU-T G.107 Annex B, R = 70).
pub(super) const LEAST_MOS: f64 = 3.6;

/// All that the call in which everything is tried says.
pub(super) fn steps(seen: &CallSeen) -> Vec<Step> {
    let mut steps = vec![call_out(seen)];
    if !seen.responses().is_empty() {
        steps.extend([delay(seen), reliable(seen), p_early_media(seen)]);
    }
    if seen.success().is_none() {
        return steps;
    }
    steps.extend([early_media(seen), description(seen), codec(seen), events(seen)]);
    steps.extend([
        timer(seen),
        methods(seen),
        media(seen, StepId::Media),
        quality(seen),
        keys(seen),
    ]);
    steps.extend([
        hold(seen),
        resume(seen),
        refresh(seen),
        stayed(seen, StepId::Silence),
        hang_up(seen),
    ]);
    steps
}

/// Whether it was answered, and what was said until then.
fn call_out(seen: &CallSeen) -> Step {
    let mut said: Vec<String> = seen
        .tried_after()
        .map(|after| format!("100 after {}", shown(after)))
        .into_iter()
        .collect();
    said.extend(
        seen.responses()
            .iter()
            .map(|one| format!("{} after {}", one.status.code(), shown(one.after))),
    );
    let mut ends: Vec<String> = seen.ends().map(end_words).collect();
    if let Some(success) = seen.success() {
        ends.pop();
        let others = ends
            .iter()
            .map(|end| format!("another gateway: {end}; "))
            .collect::<String>();
        let step = Step::passed(StepId::CallOut, true, format!("{others}{}", said.join(", ")));
        return step.with("answered_after_seconds", success.after.as_secs_f64());
    }
    if ends.is_empty() {
        ends.push(match seen.end {
            CallEnd::Unreachable => "no gateway answers, or all channels of the trunk are in use".to_owned(),
            CallEnd::Congestion => "the trunk's channels or calls a second are used up".to_owned(),
            end => end.reason().replace('_', " "),
        });
    }
    said.extend(ends);
    let refused = seen
        .ends()
        .any(|end| matches!(end, SipEnd::Rejected(why) if matches!(why.status.code(), 403 | 433)));
    if refused {
        said.push(
            "often the number shown, or how or in which field it is written: trunk.callers, caller_format, identity".to_owned(),
        );
    }
    Step::failed(StepId::CallOut, true, said.join("; "))
}

fn delay(seen: &CallSeen) -> Step {
    let Some(first) = seen.responses().first().copied() else {
        return Step::not_possible(StepId::PostDialDelay, "nothing was said before the end");
    };
    let text = format!("{} after {}", words(first.status), shown(first.after));
    let step = match first.after <= LONGEST_DELAY {
        true => Step::passed(StepId::PostDialDelay, false, text),
        false => Step::failed(
            StepId::PostDialDelay,
            false,
            format!("{text}; at most 11 s (ITU-T E.721)"),
        ),
    };
    step.with("post_dial_delay_seconds", first.after.as_secs_f64())
}

/// 100rel, and what became of our PRACK.
fn reliable(seen: &CallSeen) -> Step {
    let id = StepId::Reliable;
    let all = seen.responses();
    let wanted = |one: &&super::seen::Answered<'_>| one.headers.lists(Name::Require, "100rel");
    let Some(first) = all.iter().find(wanted) else {
        return Step::not_possible(id, "no response asked for a PRACK");
    };
    let replies = seen.replies(&Method::Prack);
    match replies.iter().find(|status| !status.is_success()) {
        Some(status) => Step::failed(
            id,
            true,
            format!("PRACK of the {} got {}", first.status.code(), words(*status)),
        ),
        None if replies.is_empty() => Step::failed(
            id,
            true,
            format!("PRACK of the {} was not answered", first.status.code()),
        ),
        None => Step::passed(
            id,
            true,
            format!("{} with 100rel, PRACK got 200", first.status.code()),
        ),
    }
}

fn p_early_media(seen: &CallSeen) -> Step {
    let all = seen.responses();
    let said = all
        .iter()
        .find_map(|one| Some((one.status, one.headers.get(Name::PEarlyMedia)?)));
    match said {
        Some((status, value)) => {
            Step::passed(StepId::PEarlyMedia, false, format!("{}: {value}", status.code()))
        }
        None => Step::not_possible(StepId::PEarlyMedia, "no response has it"),
    }
}

fn early_media(seen: &CallSeen) -> Step {
    let id = StepId::EarlyMedia;
    let all = seen.responses();
    let early = |one: &&super::seen::Answered<'_>| one.status.is_provisional() && one.said.is_some();
    match (all.iter().find(early), seen.heard_early()) {
        (Some(one), true) => Step::passed(
            id,
            false,
            format!(
                "session in the {}, and heard before the answer",
                one.status.code()
            ),
        ),
        (Some(one), false) => Step::failed(
            id,
            false,
            format!(
                "session in the {}, but no RTP came before the answer",
                one.status.code()
            ),
        ),
        (None, _) => Step::not_possible(
            id,
            "no session before the answer: our own ring-back tone is heard",
        ),
    }
}

fn description(seen: &CallSeen) -> Step {
    let all = seen.responses();
    let with = all.iter().filter(|one| one.said.is_some());
    let with: Vec<String> = with.map(|one| one.status.code().to_string()).collect();
    let only_early = seen.success().is_some_and(|one| one.said.is_none());
    let text = match only_early {
        true => format!("in the {} only, none in the 200", with.join(", ")),
        false => format!("in the {}", with.join(", ")),
    };
    Step::passed(StepId::SessionDescription, false, text)
}

fn codec(seen: &CallSeen) -> Step {
    let (Some(agreed), Some(said)) = (seen.agreed(), seen.said()) else {
        return Step::failed(StepId::Codec, true, "none was agreed on");
    };
    let sealed = if agreed.sealed { ", sealed (SRTP)" } else { "" };
    let most = said.maxptime_ms.map(|most| format!(", maxptime {most}"));
    let text = format!(
        "{} with {} ms{sealed}; answered: {}{}",
        agreed.codec.name(),
        agreed.ptime_ms,
        formats(said),
        most.unwrap_or_default()
    );
    let mut step = Step::passed(StepId::Codec, true, text).with("ptime_milliseconds", agreed.ptime_ms.into());
    if let Some(most) = said.maxptime_ms {
        step = step.with("maxptime_milliseconds", most.into());
    }
    step
}

fn events(seen: &CallSeen) -> Step {
    let said = seen
        .said()
        .map(|said| said.formats.as_slice())
        .unwrap_or_default();
    let is_event = |name: &str| name.eq_ignore_ascii_case("telephone-event");
    let all: Vec<String> = said
        .iter()
        .filter(|one| is_event(&one.name))
        .map(|one| format!("payload type {}, {} Hz", one.payload_type, one.clock_rate))
        .collect();
    match all.is_empty() {
        false => Step::passed(StepId::TelephoneEvents, true, all.join("; ")),
        true => Step::failed(StepId::TelephoneEvents, true, "the answer has none"),
    }
}

fn timer(seen: &CallSeen) -> Step {
    let id = StepId::SessionTimer;
    let Some(success) = seen.success() else {
        return Step::not_possible(id, "the call was not answered");
    };
    match session_expires(success.headers) {
        Some(timer) => {
            let by = match timer.refresher {
                Some(omnigate_sip::message::Refresher::Uas) => "they refresh",
                Some(omnigate_sip::message::Refresher::Uac) => "we refresh",
                None => "it does not say who refreshes: we do",
            };
            let least = success
                .headers
                .get(Name::MinSe)
                .map(|least| format!(", Min-SE {least}"));
            let text = format!("{} s, {by}{}", timer.seconds, least.unwrap_or_default());
            Step::passed(id, false, text).with("session_expires_seconds", timer.seconds.into())
        }
        None => Step::not_possible(id, "the 200 has no Session-Expires: we refresh by ourselves"),
    }
}

pub(super) fn session_expires(headers: &Headers) -> Option<SessionExpires> {
    headers.get(Name::SessionExpires).and_then(SessionExpires::parse)
}

fn methods(seen: &CallSeen) -> Step {
    let allow = seen.success().and_then(|one| one.headers.get(Name::Allow));
    match allow {
        Some(allow) => Step::passed(StepId::Methods, false, format!("Allow: {allow}")),
        None => Step::not_possible(StepId::Methods, "the 200 has no Allow"),
    }
}

/// RTP in both directions, as the leg has counted.
pub(super) fn media(seen: &CallSeen, id: StepId) -> Step {
    let Some(media) = seen.sights.media else {
        return Step::not_possible(id, "the leg has told no figures");
    };
    let elsewhere = seen.sights().find_map(|sight| match sight {
        Sight::Elsewhere(from) => Some(format!(
            "; from {from}, not from where SDP says: it was followed (symmetric RTP)"
        )),
        _ => None,
    });
    let from = elsewhere.unwrap_or_default();
    let text = format!("{} packets received, {} sent{from}", media.received, media.sent);
    let step = match media.received > 0 && media.sent > 0 {
        true => Step::passed(id, true, text),
        false => Step::failed(id, true, text),
    };
    step.with("received_packets", media.received as f64)
        .with("sent_packets", media.sent as f64)
}

fn quality(seen: &CallSeen) -> Step {
    let Some(media) = seen.sights.media.filter(|media| media.received > 0) else {
        return Step::not_possible(StepId::Quality, "nothing was heard");
    };
    let jitter = Duration::try_from_secs_f64(media.jitter_seconds).unwrap_or_default();
    let mos = quality::mos(media.loss_fraction, jitter, media.rtt, quality::Codec::G711);
    let rtt = media.rtt.map(|rtt| format!(", round trip {}", shown(rtt)));
    let text = format!(
        "MOS {mos:.2} (E-model), loss {:.2} %, jitter {:.1} ms{}",
        media.loss_fraction * 100.0,
        media.jitter_seconds * 1000.0,
        rtt.unwrap_or_else(|| ", no RTCP from them: no round trip time".to_owned())
    );
    let mut step = match mos >= LEAST_MOS {
        true => Step::passed(StepId::Quality, true, text),
        false => Step::failed(StepId::Quality, true, text),
    };
    if let Some(rtt) = media.rtt {
        step = step.with("round_trip_seconds", rtt.as_secs_f64());
    }
    step.with("mos", (mos * 100.0).round() / 100.0)
        .with("loss_fraction", media.loss_fraction)
        .with("jitter_seconds", media.jitter_seconds)
}

fn keys(seen: &CallSeen) -> Step {
    let id = StepId::KeysOut;
    if !seen.outlived(|act| matches!(act, Act::Keys(_))) {
        return Step::failed(id, true, "the call was over before");
    }
    let replies = seen.replies(&Method::Info);
    match replies.iter().find(|status| !status.is_success()) {
        Some(status) => Step::failed(id, true, format!("sent by INFO, which got {}", words(*status))),
        None if !replies.is_empty() => Step::passed(id, true, "sent by INFO, each answered with 200"),
        None if seen.agreed().is_some_and(|agreed| agreed.events) => Step::passed(
            id,
            true,
            "sent as telephone events; whether they are heard, only the telephone knows",
        ),
        None => Step::failed(
            id,
            true,
            "there are no telephone events, and INFO was not answered",
        ),
    }
}

/// Keys of the side that was called; none: the call was not up.
pub(super) fn keys_back(seen: &CallSeen) -> Option<Step> {
    seen.success()?;
    let (heard, ways) = heard_keys(seen);
    let text = if ways.is_empty() {
        "none was heard".to_owned()
    } else {
        ways
    };
    Some(match heard {
        true => Step::passed(StepId::KeysBack, true, text),
        false => Step::failed(StepId::KeysBack, true, text),
    })
}

/// Whether all keys were heard by some way; how many by which.
pub(super) fn heard_keys(seen: &CallSeen) -> (bool, String) {
    let by = |wanted: Source| -> String {
        let of = |sight: &Sight| match sight {
            Sight::Key(key, source) if *source == wanted => Some(key.char()),
            _ => None,
        };
        seen.sights().filter_map(of).collect()
    };
    let ways = [
        (Source::TelephoneEvent, "telephone events"),
        (Source::SipInfo, "INFO"),
        (Source::InBand, "tones"),
    ];
    let heard = ways.map(|(source, name)| (by(source), name));
    let some = heard.iter().filter(|(keys, _)| !keys.is_empty());
    let text: Vec<String> = some
        .map(|(keys, name)| format!("{} of {} by {name}", keys.len(), KEYS.len()))
        .collect();
    (heard.iter().any(|(keys, _)| keys == KEYS), text.join(", "))
}

/// What an offer of ours was answered with in this act.
fn offered(seen: &CallSeen, wanted: Act) -> Result<Direction, String> {
    let mut during = seen
        .during(|act| *act == wanted)
        .ok_or("the call was over before")?;
    let answer = during.find_map(|sight| match sight {
        Sight::Agreed(agreement) => Some(Ok(agreement.direction)),
        Sight::OfferRefused(status) => Some(Err(format!("the re-INVITE got {}", words(*status)))),
        Sight::Over(Some(end)) => Some(Err(format!("the call ended: {}", end_words(end)))),
        _ => None,
    });
    answer.unwrap_or_else(|| Err("the re-INVITE was not answered".to_owned()))
}

fn hold(seen: &CallSeen) -> Step {
    match offered(seen, Act::Hold) {
        Ok(Direction::SendOnly) => Step::passed(StepId::Hold, true, "sendonly was answered with recvonly"),
        Ok(Direction::Inactive) => Step::passed(StepId::Hold, true, "sendonly was answered with inactive"),
        Ok(_) => Step::failed(StepId::Hold, true, "sendonly was answered as if it were sendrecv"),
        Err(why) => Step::failed(StepId::Hold, true, why),
    }
}

fn resume(seen: &CallSeen) -> Step {
    match offered(seen, Act::Resume) {
        Ok(Direction::SendRecv) => Step::passed(StepId::Resume, true, "sendrecv was answered with sendrecv"),
        Ok(_) => Step::failed(StepId::Resume, true, "sendrecv was not answered with sendrecv"),
        Err(why) => Step::failed(StepId::Resume, true, why),
    }
}

fn refresh(seen: &CallSeen) -> Step {
    let id = StepId::Refresh;
    let Some(during) = seen.during(|act| *act == Act::Refresh) else {
        return Step::failed(id, true, "the call was over before");
    };
    let of = |sight: &Sight| match sight {
        Sight::Replied(method @ (Method::Update | Method::Invite), status) => Some((method.clone(), *status)),
        _ => None,
    };
    let replies: Vec<(Method, Status)> = during.filter_map(of).collect();
    let text: Vec<String> = replies
        .iter()
        .map(|(method, status)| format!("{method} got {}", words(*status)))
        .collect();
    match replies.last() {
        None => Step::failed(id, true, "it was not answered"),
        Some((_, status)) if status.is_success() => Step::passed(id, true, text.join(", ")),
        Some((_, status)) if is_missing(*status) => {
            Step::failed(id, true, format!("{}, and nothing else works", text.join(", ")))
        }
        Some(_) => Step::failed(id, true, text.join(", ")),
    }
}

/// Whether a call stayed in which nothing was said.
pub(super) fn stayed(seen: &CallSeen, id: StepId) -> Step {
    let is_silence = |act: &Act| matches!(act, Act::Silence(_));
    let time = seen.acts.iter().find_map(|(_, act)| match act {
        Act::Silence(time) => Some(*time),
        _ => None,
    });
    let Some(time) = time else {
        return Step::failed(id, true, format!("the call ended before: {}", why(seen)));
    };
    let seconds = time.as_secs_f64();
    match seen.outlived(is_silence) {
        true => {
            Step::passed(id, true, format!("the call stayed for {}", shown(time))).with("seconds", seconds)
        }
        false => Step::failed(id, true, format!("the call ended: {}", why(seen))),
    }
}

fn why(seen: &CallSeen) -> String {
    match seen.end {
        CallEnd::NoMedia => "no RTP came from them".to_owned(),
        _ => seen
            .ends()
            .last()
            .map_or_else(|| seen.end.reason().replace('_', " "), end_words),
    }
}

fn hang_up(seen: &CallSeen) -> Step {
    let id = StepId::HangUp;
    if seen.end != CallEnd::Certified {
        return Step::not_possible(id, format!("the call ended before: {}", why(seen)));
    }
    let replies = seen.replies(&Method::Bye);
    match replies.last() {
        Some(status) if status.is_success() => Step::passed(id, true, "BYE got 200"),
        Some(status) => Step::failed(id, true, format!("BYE got {}", words(*status))),
        None => Step::failed(id, true, "BYE was not answered"),
    }
}

fn formats(said: &Said) -> String {
    let all = said
        .formats
        .iter()
        .map(|one| format!("{}/{}", one.name, one.clock_rate));
    all.collect::<Vec<_>>().join(", ")
}

/// Whether the trunk takes the one codec of a call; none: the call says nothing of it, as when nobody was there.
pub(super) fn takes(seen: &CallSeen) -> Option<bool> {
    if seen.success().is_some() && seen.agreed().is_some() {
        return Some(true);
    }
    // RFC 3261 sections 21.4.13, 21.4.26 and 21.6.4.
    let not_so =
        |end: &SipEnd| matches!(end, SipEnd::Rejected(why) if matches!(why.status.code(), 415 | 488 | 606));
    (seen.said().is_some() || seen.ends().any(not_so)).then_some(false)
}

/// A call with one codec alone.
pub(super) fn alone(seen: &CallSeen, id: StepId) -> Step {
    let words = || {
        let ends: Vec<String> = seen.ends().map(end_words).collect();
        match seen.said() {
            Some(said) => format!("answered with {}, which was not offered", formats(said)),
            None if ends.is_empty() => why(seen),
            None => ends.join("; "),
        }
    };
    match (takes(seen), seen.agreed()) {
        (Some(true), Some(agreed)) => {
            Step::passed(id, false, format!("answered with {}", agreed.codec.name()))
        }
        (None, _) => Step::not_possible(id, words()),
        _ => Step::failed(id, false, words()),
    }
}
