//! Attacks over WebSockets, by sessions of the hostile service.

use super::attack::{Scene, Tally, drain};
use super::client::{Client, success};
use rand::RngExt;
use serde_json::{Value, json};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A room of one's own.
fn room(client: &mut Client) -> Option<String> {
    let made = client.ask("CREATE_ROOM", json!({ "room_type": "audioroom" }));
    success(&made.ok()?, "room_id")
}

/// Sessions of one client, which all ask before one of them hears an answer.
pub const CROWD: usize = 30;

fn crowd(scene: &Scene, tally: &Tally, source: [u8; 4]) -> Vec<Client> {
    let begin = |n| scene.sign_in(tally, source, &format!("user{n}"));
    (0..CROWD).filter_map(begin).collect()
}

/// H1: rooms that would be kept for a year; where no more can be had, one is destroyed for each that is made.
pub fn rooms_by_the_thousand(scene: &Scene, tally: &Tally, source: [u8; 4]) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let end = (now + Duration::from_secs(365 * 86_400)).as_secs();
    let room = json!({ "room_type": "audioroom", "subject": "mine", "end_date": end });
    let (mut crowd, mut own, mut is_full) = (crowd(scene, tally, source), Vec::new(), false);
    while scene.pause(10) {
        let wish = |room_id: Option<String>| match room_id {
            Some(room_id) => ("DESTROY_ROOM", json!({ "room_id": room_id })),
            None => ("CREATE_ROOM", room.clone()),
        };
        let wishes: Vec<_> = crowd
            .iter()
            .map(|_| wish(is_full.then(|| own.pop()).flatten()))
            .collect();
        let asked = Instant::now();
        for (client, (command, fields)) in crowd.iter_mut().zip(&wishes) {
            let _ = client.send(command, fields.clone());
        }
        is_full = false;
        for (client, (command, _)) in crowd.iter_mut().zip(&wishes) {
            let answer = client.answer(command);
            tally.answered(&answer);
            let made = answer.ok().and_then(|answer| success(&answer, "room_id"));
            is_full |= made.is_none();
            own.extend(made.filter(|_| *command == "CREATE_ROOM"));
        }
        tally.waits.lock().unwrap().push(asked.elapsed());
    }
}

/// H2: numbers at random, each another one.
pub fn numbers_at_random(scene: &Scene, tally: &Tally, source: [u8; 4]) {
    let (mut crowd, mut rng) = (crowd(scene, tally, source), rand::rng());
    while scene.pause(10) {
        for client in &mut crowd {
            let number = rng.random_range(100_000..1_000_000).to_string();
            let _ = client.send("MAKE_SIPNUM", json!({ "call_number": number }));
        }
        for client in &mut crowd {
            tally.answered(&client.answer("MAKE_SIPNUM"));
        }
    }
}

/// H2: numbers of others, and numbers for rooms of others.
pub fn numbers_of_others(scene: &Scene, tally: &Tally, source: [u8; 4]) {
    while scene.pause(100) {
        let sessions = ["ann", "bob"].map(|user| scene.sign_in(tally, source, user));
        let [Some(mut ann), Some(mut bob)] = sessions else {
            continue;
        };
        let anns = room(&mut ann);
        while scene.pause(50) {
            let (room, number) = (&scene.rooms[0], &scene.numbers[0]);
            let wishes = [
                json!({ "room_id": room }),
                json!({ "room_id": anns }),
                json!({ "call_number": number }),
                json!({ "room_id": room, "call_number": number }),
            ];
            let go_on = |wish: Value| tally.answered(&bob.ask("MAKE_SIPNUM", wish));
            if !wishes.into_iter().all(go_on) {
                break;
            }
        }
    }
}

/// H4: lists of all rooms, faster than anybody reads them, on ten sockets.
pub fn lists(scene: &Scene, tally: &Tally, source: [u8; 4]) {
    let mut sockets: Vec<Client> = Vec::new();
    while scene.pause(100) {
        if sockets.len() < 10 {
            sockets.extend(scene.sign_in(tally, source, "reader"));
        }
        sockets.retain_mut(|socket| {
            tally.sent();
            socket.send("ROOM_LIST", json!({ "room_type": "all" })).is_ok()
                && drain(socket.stream()).is_some()
        });
    }
}

/// H5: recordings of as many rooms as there can be, and of ever more.
pub fn recordings(scene: &Scene, tally: &Tally, source: [u8; 4]) {
    let mut held = Vec::new();
    while scene.pause(100) {
        let Some(mut client) = scene.sign_in(tally, source, "recorder") else {
            continue;
        };
        let room = room(&mut client);
        let _ = client.ask("JOIN_ROOM", json!({ "room_id": room }));
        let start = json!({ "action": "start", "track": "audio" });
        tally.answered(&client.ask("RECORDING", start));
        if held.len() < 12 {
            held.push(client);
        }
    }
}

/// M8: lines as long as they may be, each sign six bytes on the wire, in a room with forty others, half of whom never read.
pub fn chat(scene: &Scene, tally: &Tally, source: [u8; 4]) {
    while scene.pause(100) {
        let Some(mut talker) = scene.sign_in(tally, source, "talker") else {
            continue;
        };
        let full = json!({ "room_id": room(&mut talker) });
        let mut others = Vec::new();
        for n in 0..40 {
            let Some(mut other) = scene.sign_in(tally, source, &format!("other{n}")) else {
                continue;
            };
            let _ = other.ask("JOIN_ROOM", full.clone());
            others.push(other);
        }
        let _ = talker.ask("JOIN_ROOM", full);
        let line = json!({ "action": "send", "message": "\u{1}".repeat(2_000) });
        while scene.pause(40) && tally.answered(&talker.ask("MESSAGE", line.clone())) {
            others
                .iter()
                .step_by(2)
                .for_each(|other| drop(drain(other.stream())));
        }
    }
}

/// M9: kicks, ends and enters what is not one's own.
pub fn rooms_of_others(scene: &Scene, tally: &Tally, source: [u8; 4]) {
    while scene.pause(100) {
        let sessions = ["inside", "outside"].map(|user| scene.sign_in(tally, source, user));
        let [Some(mut inside), Some(mut outside)] = sessions else {
            continue;
        };
        let own = room(&mut inside);
        let _ = inside.ask("JOIN_ROOM", json!({ "room_id": own }));
        let mut go_on = true;
        while go_on && scene.pause(50) {
            for room in &scene.rooms {
                let room = json!({ "room_id": room });
                go_on &= tally.answered(&inside.ask("KICKOUT", json!({ "target": scene.session })));
                go_on &= tally.answered(&outside.ask("DESTROY_ROOM", room.clone()));
                go_on &= tally.answered(&outside.ask("JOIN_ROOM", room));
            }
        }
    }
}

/// M1: people come and go, and each time there is something to tell a receiver that never answers.
pub fn events_that_nobody_takes(scene: &Scene, tally: &Tally, source: [u8; 4]) {
    let Some(mut maker) = scene.sign_in(tally, source, "maker") else {
        return;
    };
    let room = json!({ "room_id": room(&mut maker) });
    // As many sessions a minute as an address may begin.
    while scene.pause(300) {
        let Some(mut guest) = scene.sign_in(tally, source, "guest") else {
            continue;
        };
        tally.answered(&guest.ask("JOIN_ROOM", room.clone()));
        tally.answered(&guest.ask("LEAVE", json!({})));
    }
}

/// Low: frames that are longer than any may be.
pub fn endless_frames(scene: &Scene, tally: &Tally, source: [u8; 4]) {
    while scene.pause(400) {
        let Some(mut client) = scene.sign_in(tally, source, "wordy") else {
            continue;
        };
        tally.sent();
        let _ = client.send_text("x".repeat(1 << 20));
        if client.ask("ROOM_LIST", json!({})).is_err() {
            tally.refused();
        }
    }
}

/// Low: asks and never reads.
pub fn sockets_that_do_not_read(scene: &Scene, tally: &Tally, source: [u8; 4]) {
    let mut sockets: Vec<Client> = Vec::new();
    while scene.pause(100) {
        if sockets.len() < 5 {
            let client = scene.sign_in(tally, source, "deaf");
            // A full connection is no reason to wait.
            let limit = Some(Duration::from_millis(5));
            sockets.extend(client.inspect(|client| client.stream().set_write_timeout(limit).unwrap()));
        }
        for socket in &mut sockets {
            tally.sent();
            let _ = socket.send("ROOM_LIST", json!({ "room_type": "all" }));
        }
    }
}
