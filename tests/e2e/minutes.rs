//! The minutes a day of a service's calls to telephones (`service.minutes_a_day`) are no more because it was restarted.

use crate::app::App;
use crate::calls_to_telephones::ask;
use crate::exchange::{Exchange, Ringing};
use crate::harness::Service;
use serde_json::json;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const NUMBER: &str = "02-123-4567";

/// An app must have entered the room within 10 s of its call, which these do not: they talk for so long at most.
const TALK: Duration = Duration::from_secs(8);

/// Calls that talk, and since when each has at least.
struct Talk<'a> {
    calls: Vec<(App, Ringing<'a>, Instant)>,
    began: Instant,
}

impl<'a> Talk<'a> {
    /// As many calls as there are users; the first is refused for this reason, or none.
    fn begin(service: &Service, exchange: &'a Exchange, users: &[&str]) -> Result<Talk<'a>, String> {
        let mut apps: Vec<App> = users.iter().map(|user| App::sign_in(service, user)).collect();
        let (began, mut calls) = (Instant::now(), Vec::new());
        for mut app in apps.drain(..) {
            let answer = ask(&mut app, NUMBER);
            if answer["result"] == "failed" {
                return Err(answer["reason"].as_str().unwrap().to_owned());
            }
            let there = exchange.rings();
            there.answers();
            calls.push((app, there, Instant::now()));
        }
        Ok(Talk { calls, began })
    }

    /// Waits until they have talked as long as they may, or none is left; seconds of all together, at least.
    fn talk(&self, service: &Service) -> f64 {
        let live = || service.calls().iter().any(|call| call["state"] != "ended");
        while self.began.elapsed() < TALK && live() {
            std::thread::sleep(Duration::from_millis(100));
        }
        self.calls
            .iter()
            .map(|(_, _, since)| since.elapsed().as_secs_f64())
            .sum()
    }

    fn end(self, service: &Service) -> f64 {
        let talked = self.talk(service);
        for (mut app, there, _) in self.calls {
            app.send_all("LEAVE", [json!({})]);
            there.is_hung_up();
        }
        service.until("they are over", || {
            service.calls().iter().all(|call| call["state"] == "ended")
        });
        talked
    }
}

/// The day (UTC) does not end meanwhile.
fn early_enough() {
    let second = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() % 86_400;
    if second > 86_400 - 150 {
        std::thread::sleep(Duration::from_secs(86_401 - second));
    }
}

#[test]
fn minutes_that_are_used_up_stay_so_over_kills_and_a_kill_in_the_middle_of_calls_gives_few_seconds() {
    early_enough();
    let exchange = Exchange::new();
    let settings = exchange
        .of("")
        .replace("[[service]]\n", "[[service]]\nminutes_a_day = 1\n");
    let service = Service::start(&settings);
    let two = ["ann", "bob"];
    let begin = |service: &Service| Talk::begin(service, &exchange, &two).unwrap();
    let mut talked = begin(&service).end(&service) + begin(&service).end(&service);
    let in_the_middle = begin(&service);
    talked += in_the_middle.talk(&service);
    let service = service.kill_and_restart();
    drop(in_the_middle);

    let (mut after, mut reason) = (0.0, String::new());
    while reason.is_empty() {
        assert!(after < 60.0, "{after} s after {talked} s");
        match Talk::begin(&service, &exchange, &two[..1]) {
            Ok(one) => after += one.end(&service),
            Err(refused) => reason = refused,
        }
    }
    println!("{talked:.1} s before the kill, {after:.1} s after it");
    // Each of the two that were killed may have lost 5 s, and a busy machine hangs up late.
    assert!(talked + after < 60.0 + 10.0 + 8.0, "{talked} s and {after} s");
    assert!(reason.contains("service.minutes_a_day"), "{reason}");
    assert_eq!(service.last_reason(), "too_long");

    let service = service.kill_and_restart();
    assert_eq!(
        Talk::begin(&service, &exchange, &two[..1]).err(),
        Some(reason),
        "and it stays so"
    );
}
