//! Signaling alone: idle sessions, requests, and a crowd that comes, chats and goes.

use super::app::Session;
use super::{cpu, metric, resident, ticks};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

pub fn idle_sessions(http: &str, service: u32, count: usize) {
    let before = resident(service);
    let sessions: Vec<Session> = (0..count).map(|_| Session::open(http)).collect();
    std::thread::sleep(Duration::from_secs(1));
    println!(
        "{count} idle sessions: {:.1} KiB resident a session, {:.2} ms CPU a second in all",
        (resident(service) - before) as f64 / count as f64,
        cpu(service, Duration::from_secs(10)) * 1000.0
    );
    drop(sessions);
}

/// Lists asked for by `clients` sessions in rooms of ten, as fast as they are answered.
pub fn requests(http: &str, service: u32, clients: usize, each: u64) {
    let rooms = rooms(http, clients.div_ceil(10));
    let before = ticks(service);
    let start = Instant::now();
    std::thread::scope(|scope| {
        for i in 0..clients {
            let room = &rooms[i / 10];
            scope.spawn(move || {
                let mut session = Session::open(http);
                session.ask("JOIN_ROOM", json!({"room_id": room}));
                for _ in 0..each {
                    session.ask("PARTI_LIST", json!({"room_id": room}));
                }
            });
        }
    });
    let all = clients as u64 * each;
    println!(
        "{all} requests of {clients} clients in {:.1} s: {:.0} requests a CPU second",
        start.elapsed().as_secs_f64(),
        all as f64 / (ticks(service) - before)
    );
}

fn rooms(http: &str, count: usize) -> Vec<String> {
    let mut maker = Session::open(http);
    (0..count).map(|_| maker.new_room("audioroom")).collect()
}

/// `clients` in `clients / 10` rooms join, chat and leave at random for `time`. Of one sender, whoever is in the room
/// gets every message between the first and the last that it gets.
pub fn crowd(http: &str, service: u32, clients: usize, time: Duration) {
    let rooms = rooms(http, clients / 10);
    let (sent, received, stays) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let run = |time: Duration| {
        let until = Instant::now() + time;
        std::thread::scope(|scope| {
            for i in 0..clients {
                let (rooms, sent, received, stays) = (&rooms, &sent, &received, &stays);
                scope.spawn(move || {
                    let mut random = i as u64 * 0x9e37_79b9 + 1;
                    while Instant::now() < until {
                        random = random
                            .wrapping_mul(6_364_136_223_846_793_005)
                            .wrapping_add(1_442_695_040_888_963_407);
                        let room = &rooms[(random >> 33) as usize % rooms.len()];
                        let messages = (random >> 40) % 20;
                        let pause = Duration::from_millis(20 + (random >> 50) % 200);
                        received.fetch_add(stay(http, room, messages, pause), Relaxed);
                        sent.fetch_add(messages, Relaxed);
                        stays.fetch_add(1, Relaxed);
                    }
                });
            }
        });
    };
    // What a first crowd makes the allocator keep is no growth.
    run(Duration::from_secs(30));
    std::thread::sleep(Duration::from_secs(2));
    let before = resident(service);
    run(time);
    std::thread::sleep(Duration::from_secs(2));
    println!(
        "crowd of {clients} in {} rooms for {} s: {} stays, {} messages sent, {} received, none missing in between; {} KiB growth, {} sessions left",
        rooms.len(),
        time.as_secs(),
        stays.into_inner(),
        sent.into_inner(),
        received.into_inner(),
        resident(service) - before,
        metric("omnigate_signaling_sessions")
    );
}

/// One stay in a room; the messages received.
fn stay(http: &str, room: &str, messages: u64, pause: Duration) -> u64 {
    let mut session = Session::open(http);
    session.ask("JOIN_ROOM", json!({"room_id": room}));
    let mut last: HashMap<String, u64> = HashMap::new();
    let mut received = 0;
    let mut hear = |message: &Value| {
        if message["cmd"] != "WS_MESSAGE_NOTI" || message["action"] != "send" {
            return;
        }
        received += 1;
        let number: u64 = message["message"].as_str().unwrap().parse().unwrap();
        let sender = message["session"].as_str().unwrap().to_owned();
        if let Some(before) = last.insert(sender, number) {
            assert_eq!(number, before + 1, "a message is missing");
        }
    };
    for number in 0..messages {
        let text =
            json!({"action": "send", "transaction": number.to_string(), "message": number.to_string()});
        session.ask_and_hear("MESSAGE", text, &mut hear);
        session.hear_for(pause, &mut hear);
    }
    session.ask_and_hear("LEAVE", json!({}), &mut hear);
    received
}
