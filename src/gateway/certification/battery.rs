//! All parts of a certification, one after the other.

use super::book::{Claim, Running};
use super::exercise::Act;
use super::fit::{Calls, profile};
use super::inbound::{self, InviteSeen};
use super::order::Plan;
use super::outbound::{self, KEYS};
use super::seen::CallSeen;
use super::step::{Part, Step, StepId};
use super::{call_out, standing};
use crate::gateway::line::{now, sleep_until};
use crate::gateway::shared::Gateway;
use crate::trunks::{Route, Trunk};
use omnigate_audio::codec::Codec;
use omnigate_audio::dtmf::Key;
use omnigate_number::PhoneNumber;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// Between two calls: the telephone is put back.
const BETWEEN: Duration = Duration::from_secs(2);
/// How long the call lasts that is to last: a minute more than the half hour after which some carriers end calls.
const LONG: Duration = Duration::from_secs(31 * 60);
/// How long a caller may take to hang up.
const HANG_UP: Duration = Duration::from_secs(30);
/// Least silence in a call that comes back: for the keys of its other side.
const LOOP: Duration = Duration::from_secs(10);
/// Behind a tone.
const PAUSE: Duration = Duration::from_secs(1);

/// Carries a plan out; whatever stops it, its calls end before it does.
pub(super) async fn run(gateway: Arc<Gateway>, trunk: Arc<Trunk>, plan: Plan, running: Running) {
    tokio::select! {
        () = try_all(&gateway, &trunk, &plan, &running) => {}
        () = guard(&gateway, &running) => {}
    }
    running.end();
}

/// Stops it when the service or the client goes. It does not return: what is stopped ends by itself.
async fn guard(gateway: &Gateway, running: &Running) {
    loop {
        let abandoned = running.abandoned_at();
        tokio::select! {
            () = running.stop.cancelled() => return std::future::pending().await,
            () = gateway.leaving.cancelled() => running.stop.cancel(),
            () = sleep_until(abandoned) => {
                // Somebody may have asked meanwhile.
                if running.abandoned_at().is_some_and(|at| at <= now()) {
                    running.stop.cancel();
                }
            }
        }
    }
}

/// All of it. Of what is stopped nothing is said.
async fn try_all(gateway: &Arc<Gateway>, trunk: &Arc<Trunk>, plan: &Plan, running: &Running) {
    running.reach(Part::Ways);
    let standing = standing::steps(gateway, trunk);
    match running.stop.run_until_cancelled(standing).await {
        Some(steps) => running.add(steps),
        None => return,
    }
    let mut calls = Calls::default();
    if plan.is_loop() {
        let out = async {
            full(gateway, plan, running, &mut calls.full).await;
            // What has not come back by now does not.
            running.wait_for(None);
        };
        tokio::join!(call_in(plan, running, &mut calls.inbound), out);
        running.add(calls.full.as_ref().and_then(outbound::keys_back));
    } else {
        full(gateway, plan, running, &mut calls.full).await;
    }
    if calls.full.as_ref().is_some_and(|full| full.success().is_some()) {
        each_codec(gateway, plan, running, &mut calls).await;
        if plan.long {
            long(gateway, plan, running).await;
        }
    }
    if !plan.is_loop() {
        call_in(plan, running, &mut calls.inbound).await;
    }
    if running.stop.is_cancelled() {
        return;
    }
    running.add(not_tried(plan));
    running.propose(profile(&calls));
}

/// The call in which everything is tried.
async fn full(gateway: &Arc<Gateway>, plan: &Plan, running: &Running, seen: &mut Option<CallSeen>) {
    let silence = if plan.is_loop() {
        plan.silence.max(LOOP)
    } else {
        plan.silence
    };
    let acts = vec![
        Act::Tone(PAUSE),
        Act::Keys(keys()),
        Act::Hold,
        Act::Resume,
        Act::Refresh,
        Act::Silence(silence),
    ];
    *seen = call(gateway, plan, running, Part::Call, None, acts).await;
    if let Some(seen) = seen {
        running.add(outbound::steps(seen));
    }
}

async fn each_codec(gateway: &Arc<Gateway>, plan: &Plan, running: &Running, calls: &mut Calls) {
    let mut steps = Vec::new();
    for (codec, part, id) in [
        (Codec::Pcma, Part::CallPcma, StepId::G711A),
        (Codec::Pcmu, Part::CallPcmu, StepId::G711U),
    ] {
        let acts = vec![Act::Tone(PAUSE)];
        if let Some(seen) = call(gateway, plan, running, part, Some(codec), acts).await {
            let works = if codec == Codec::Pcma {
                &mut calls.pcma
            } else {
                &mut calls.pcmu
            };
            *works = outbound::takes(&seen);
            steps.push(outbound::alone(&seen, id));
        }
    }
    // One of both must work.
    let none = calls.pcma == Some(false) && calls.pcmu == Some(false);
    for step in &mut steps {
        step.must = none;
    }
    running.add(steps);
}

async fn long(gateway: &Arc<Gateway>, plan: &Plan, running: &Running) {
    let longest = plan.call.as_ref().map(|route| route.trunk.limits().longest);
    if longest.is_some_and(|longest| longest < LONG + PAUSE) {
        let text = "trunk.longest_minutes does not let a call last for so long";
        return running.add([Step::not_possible(StepId::Long, text)]);
    }
    let acts = vec![Act::Silence(LONG)];
    if let Some(seen) = call(gateway, plan, running, Part::CallLong, None, acts).await {
        running.add([outbound::stayed(&seen, StepId::Long)]);
    }
}

/// One call out, some time after the one before; none when there is to be none or it was stopped, and when there is no place
/// for it.
async fn call(
    gateway: &Arc<Gateway>,
    plan: &Plan,
    running: &Running,
    part: Part,
    codec: Option<Codec>,
    acts: Vec<Act>,
) -> Option<CallSeen> {
    let route = plan.call.as_ref()?;
    if part != Part::Call {
        running
            .stop
            .run_until_cancelled(tokio::time::sleep(BETWEEN))
            .await?;
    }
    if running.stop.is_cancelled() {
        return None;
    }
    running.reach(part);
    let codecs = codec.as_ref().map(std::slice::from_ref);
    let route = Route {
        trunk: route.trunk.watched(codecs),
        ..route.clone()
    };
    // The first one is waited for by the call in.
    let is_heard = plan.is_loop() && part != Part::Call;
    if let Some(number) = plan.inbound.clone().filter(|_| is_heard) {
        running.wait_for(Some(listener(number, &acts, running)));
    }
    let seen = call_out::call(gateway, route, acts, &running.stop).await;
    if is_heard {
        running.wait_for(None);
    }
    if running.stop.is_cancelled() {
        return None;
    }
    if seen.is_none() {
        let why = "the service has no place for a call";
        running.add([match part {
            Part::CallPcma => Step::not_possible(StepId::G711A, why),
            Part::CallPcmu => Step::not_possible(StepId::G711U, why),
            Part::CallLong => Step::failed(StepId::Long, true, why),
            _ => Step::failed(StepId::CallOut, true, why),
        }]);
    }
    seen
}

/// Whoever takes a call that comes back, in place of the menu: it listens until the call ends.
fn listener(number: PhoneNumber, acts: &[Act], running: &Running) -> Claim {
    let lasts: Duration = acts.iter().map(Act::limit).sum();
    Claim {
        number,
        acts: vec![Act::HearEnd(lasts + HANG_UP)],
        stop: running.stop.clone(),
        begun: oneshot::channel().0,
        seen: oneshot::channel().0,
    }
}

/// Waits for the call in and looks at it.
async fn call_in(plan: &Plan, running: &Running, invite: &mut Option<InviteSeen>) {
    let Some(number) = plan.inbound.clone() else {
        return;
    };
    if !plan.is_loop() {
        running.reach(Part::CallIn);
    }
    let (begun, mut has_begun) = oneshot::channel();
    let (sender, seen) = oneshot::channel();
    running.wait_for(Some(Claim {
        number,
        acts: acts_in(plan),
        stop: running.stop.clone(),
        begun,
        seen: sender,
    }));
    let come = running
        .stop
        .run_until_cancelled(tokio::time::timeout(plan.wait, &mut has_begun))
        .await;
    let mut begun = matches!(come, Some(Ok(Ok(()))));
    if !begun {
        running.wait_for(None);
        // It may have come at the last moment.
        begun = has_begun.try_recv().is_ok();
    }
    // It is seen to its end, which comes by itself, and when this is stopped.
    let seen = if begun { seen.await.ok() } else { None };
    if running.stop.is_cancelled() {
        return;
    }
    match seen {
        Some((seen_invite, seen)) => {
            running.add(inbound::steps(&seen_invite, &seen));
            *invite = Some(seen_invite);
        }
        None => {
            let why = if begun {
                "it came, and ended by a fault of ours"
            } else {
                "no call came in time"
            };
            running.add([Step::failed(StepId::CallIn, true, why)]);
        }
    }
}

fn keys() -> Vec<Key> {
    KEYS.chars().filter_map(Key::from_char).collect()
}

/// What is done in the call in. In a loop it presses keys too, and it is the call out that ends.
fn acts_in(plan: &Plan) -> Vec<Act> {
    let mut acts = vec![Act::Tone(PAUSE), Act::HearKeys];
    match plan.is_loop() {
        true => acts.extend([
            Act::Silence(PAUSE * 2),
            Act::Keys(keys()),
            Act::HearEnd(plan.silence.max(LOOP) + HANG_UP),
        ]),
        false => acts.extend([Act::Tone(PAUSE), Act::HearEnd(HANG_UP)]),
    }
    acts
}

/// What is not tried, and why.
fn not_tried(plan: &Plan) -> Vec<Step> {
    let mut steps = Vec::new();
    if plan.call.is_none() {
        steps.push(Step::skipped(StepId::CallOut, "no number to call was given"));
    }
    if plan.inbound.is_none() {
        steps.push(Step::skipped(
            StepId::CallIn,
            "no number was given that somebody calls",
        ));
    }
    if !plan.long {
        steps.push(Step::skipped(StepId::Long, "not asked for"));
    }
    steps.push(Step::skipped(
        StepId::Transfer,
        "omnigate transfers by a call of its own: the trunk need not do anything but take it",
    ));
    steps.push(Step::skipped(StepId::G729, "omnigate does not have it"));
    steps.push(Step::skipped(
        StepId::T38,
        "omnigate does not have it, and refuses it",
    ));
    steps
}
