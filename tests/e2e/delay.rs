//! How late an app in Chromium and a telephone that it calls hear each other, with all that the browser adds.

use crate::browser::{Browser, Sdk, Tab};
use crate::busy::{Seen, Watch};
use crate::exchange::Exchange;
use crate::harness::Service;
use omnigate_audio::g711::Law;
use serde_json::json;
use std::time::{SystemTime, UNIX_EPOCH};

const NUMBER: &str = "02-123-4567";
/// Packets between pulses: half a second.
const PERIOD: u64 = 25;
/// Pulses that count, after those during which the jitter buffers learn.
const PULSES: usize = 8;
const WARM_UP: usize = 3;
/// A sample beyond this belongs to the pulse.
const LOUD: u16 = 1_500;
/// Longest median with nothing else on the machine, ms.
const ENOUGH: f64 = 150.0;
/// Calls that are measured on a machine that is busy each time.
const MOST_CALLS: u32 = 6;

/// Of the machine's clock, ms.
fn now() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs_f64()
        * 1_000.0
}

/// How far the page's clock is ahead of ours, ms: seen in the shortest of some round trips.
fn ahead(app: &Tab<'_>) -> f64 {
    let trips = (0..10).map(|_| {
        let before = now();
        let theirs = app.run("return rig.time()").as_f64().unwrap();
        let after = now();
        (after - before, theirs - (before + after) / 2.0)
    });
    trips.min_by(|one, other| one.0.total_cmp(&other.0)).unwrap().1
}

/// 20 ms of 1 kHz, or of silence.
fn frame(pulse: bool) -> [u8; 160] {
    let sample = |i: usize| (std::f64::consts::TAU * (i as f64 + 1.0) / 8.0).sin() * 12_000.0;
    let pcm: [i16; 160] = std::array::from_fn(|i| if pulse { sample(i) as i16 } else { 0 });
    let mut codes = [0; 160];
    Law::A.encode(&pcm, &mut codes);
    codes
}

/// Of each pulse said, how much later the next one was heard, ms.
fn pairs(said: &[f64], heard: &[f64]) -> Vec<f64> {
    let half = PERIOD as f64 * 20.0;
    let said = said.iter().skip(WARM_UP);
    let later = said.filter_map(|said| heard.iter().map(|heard| heard - said).find(|late| *late > 0.0));
    let mut all: Vec<f64> = later.filter(|late| *late < half).collect();
    all.sort_by(f64::total_cmp);
    all
}

fn times(app: &Tab<'_>, which: &str, ahead: f64) -> Vec<f64> {
    let all = app.run_with("return rig.pulses[args]", json!(which));
    all.as_array()
        .unwrap()
        .iter()
        .map(|at| at.as_f64().unwrap() - ahead)
        .collect()
}

/// One call: delays to the app and to the telephone, least first.
fn call(browser: &Browser) -> ([Vec<f64>; 2], Seen) {
    let exchange = Exchange::new();
    let service = Service::start(&exchange.of(""));
    let app = browser.app(&service, Sdk::TypeScript, "ann");
    app.run("rig.pulse()");
    app.run(&format!("await sdk.offerCall('sipcall', '{NUMBER}')"));
    let there = exchange.rings();
    there.answers();
    app.event("CONNECTED_EVENT", json!({"user_id": NUMBER}));
    let ahead = ahead(&app);
    let (mut said, mut heard, mut quiet) = (Vec::new(), Vec::new(), 0);
    let watch = Watch::start();
    there.talks(
        PERIOD * (PULSES + WARM_UP + 1) as u64,
        |number| {
            let pulse = number % PERIOD == PERIOD / 2;
            said.extend(pulse.then(now));
            frame(pulse)
        },
        |codes| {
            let mut pcm = [0; 160];
            Law::A.decode(codes, &mut pcm);
            let first = pcm.iter().position(|sample| sample.unsigned_abs() > LOUD);
            if let Some(first) = first.filter(|_| quiet >= 5) {
                heard.push(now() + first as f64 / 8.0);
            }
            quiet = if first.is_some() { 0 } else { quiet + 1 };
        },
    );
    let seen = watch.end();
    let to_app = pairs(&said, &times(&app, "heard", ahead));
    let to_phone = pairs(&times(&app, "said", ahead), &heard);
    app.run("await sdk.leave()");
    there.is_hung_up();
    ([to_app, to_phone], seen)
}

/// Of pulses of which some were heard; else without end.
fn median_and_most(all: &[f64]) -> (f64, f64) {
    match all.last() {
        Some(most) if all.len() >= PULSES / 2 => (all[all.len() / 2], *most),
        _ => (f64::INFINITY, f64::INFINITY),
    }
}

#[test]
fn an_app_and_a_telephone_that_it_calls_hear_each_other_without_delay() {
    let browser = Browser::take();
    for number in 1..=MOST_CALLS {
        let (delays, seen) = call(&browser);
        let [to_app, to_phone] = delays.each_ref().map(|all| median_and_most(all));
        let told = format!(
            "delay of call {number}, median and most: telephone to app {to_app:.1?} ms, app to telephone {to_phone:.1?} ms, {seen:?}"
        );
        println!("{told}");
        if to_app.0 < ENOUGH && to_phone.0 < ENOUGH {
            return;
        }
        assert!(seen.busy() && number < MOST_CALLS, "{told}");
    }
}
