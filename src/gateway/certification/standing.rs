//! What can be said of a trunk without a call: its registration, the names of its gateways, their answers to OPTIONS.

use super::seen::{shown, words};
use super::step::{Step, StepId};
use crate::gateway::shared::Gateway;
use crate::trunks::{self, Trunk};
use futures_util::future::join_all;
use omnigate_sip::Random;
use omnigate_sip::message::Name;
use omnigate_sip::resolve::Candidate;
use std::time::{Duration, Instant};

/// For the DNS to say where a gateway is.
const PATIENCE: Duration = Duration::from_secs(10);
/// Addresses of a gateway that are asked at most.
const MOST: usize = 16;

pub(super) async fn steps(gateway: &Gateway, trunk: &Trunk) -> Vec<Step> {
    let mut steps = vec![registration(trunk)];
    if trunk.gateways().is_empty() {
        steps.push(Step::skipped(
            StepId::Names,
            "the trunk has no gateways: no calls out",
        ));
        return steps;
    }
    let mut random = Random::new(rand::random());
    for one in trunk.gateways() {
        let target = std::slice::from_ref(one.target());
        let found = match tokio::time::timeout(PATIENCE, gateway.sip.resolve(target)).await {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => {
                steps.push(Step::failed(StepId::Names, true, format!("{one}: {error}")));
                continue;
            }
            Err(_) => {
                steps.push(Step::failed(
                    StepId::Names,
                    true,
                    format!("{one}: the DNS says nothing"),
                ));
                continue;
            }
        };
        let ways: Vec<String> = found
            .iter()
            .map(|to| format!("{} {}", to.transport.param(), to.address))
            .collect();
        steps.push(Step::passed(
            StepId::Names,
            true,
            format!("{one}: {}", ways.join(", ")),
        ));
        let ids: Vec<String> = found.iter().take(MOST).map(|_| random.token()).collect();
        let asked = found.iter().zip(&ids);
        steps.extend(join_all(asked.map(|(to, id)| options(gateway, trunk, one, to, id))).await);
    }
    steps
}

fn registration(trunk: &Trunk) -> Step {
    let id = StepId::Registration;
    let Some(registration) = trunk.registration() else {
        return Step::skipped(id, "the trunk does not register (trunk.register)");
    };
    let by = registration.transport.map(|transport| format!(" by {transport}"));
    let granted = registration
        .expires_seconds
        .map(|seconds| format!(", for {seconds} s"));
    let why = registration.why.map(|why| format!(": {why}"));
    let text = format!(
        "{}{}{}{}",
        registration.state,
        by.unwrap_or_default(),
        granted.unwrap_or_default(),
        why.unwrap_or_default()
    );
    let step = match registration.state {
        "registered" => Step::passed(id, true, text),
        _ => Step::failed(id, true, text),
    };
    match registration.expires_seconds {
        Some(seconds) => step.with("expires_seconds", seconds as f64),
        None => step,
    }
}

/// Some gateways answer none and take calls all the same, so that nothing depends on it.
async fn options(gateway: &Gateway, trunk: &Trunk, one: &trunks::Gateway, to: &Candidate, id: &str) -> Step {
    let at = format!("{} {}", to.transport.param(), to.address);
    let asked = Instant::now();
    let answer = match gateway.options(trunk, one, to, id).await {
        Ok(Some(answer)) => answer,
        Ok(None) => return Step::failed(StepId::Options, false, format!("{at}: no answer")),
        Err(_) => {
            return Step::failed(
                StepId::Options,
                false,
                format!("{at}: no listener of ours goes there"),
            );
        }
    };
    let after = asked.elapsed();
    let field = |name: Name, shown: &str| {
        answer
            .headers
            .get(name)
            .map(|value| format!("; {shown}: {value}"))
    };
    let text = format!(
        "{at}: {} after {}{}{}",
        words(answer.status),
        shown(after),
        field(Name::Allow, "Allow").unwrap_or_default(),
        field(Name::Supported, "Supported").unwrap_or_default()
    );
    Step::passed(StepId::Options, false, text).with("answered_after_seconds", after.as_secs_f64())
}
