//! The twenty clients of the good service: ordinary work, and how long each answer took.

use super::client::{Client, success};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

pub const CLIENTS: u8 = 20;
/// Pause between two requests of a client.
const PACE: Duration = Duration::from_millis(80);

/// What became of a client's requests.
#[derive(Debug, Default)]
pub struct Work {
    pub times: Vec<Duration>,
    /// Of those that wait for the disk: what is promised is written down first.
    pub promises: Vec<Duration>,
    /// Refusals, and answers that did not come.
    pub refused: Vec<String>,
}

/// All clients work until it is over; all meet in `lobby`.
pub fn work(to: SocketAddr, lobby: &str, over: &AtomicBool) -> Work {
    std::thread::scope(|scope| {
        let begin = |n: u8| scope.spawn(move || worker(to, lobby, n, over));
        let working: Vec<_> = (1..=CLIENTS).map(begin).collect();
        let mut all = Work::default();
        for one in working {
            let work = one.join().unwrap();
            all.times.extend(work.times);
            all.promises.extend(work.promises);
            all.refused.extend(work.refused);
        }
        all
    })
}

fn worker(to: SocketAddr, lobby: &str, n: u8, over: &AtomicBool) -> Work {
    let (mut work, mut left) = (Work::default(), None);
    while !over.load(Relaxed) {
        if let Err(fault) = work.stay(to, lobby, n, &mut left) {
            work.refused.push(fault);
            std::thread::sleep(PACE);
        }
    }
    work
}

impl Work {
    /// From a session to its end. `left` is the room of the stay before.
    fn stay(&mut self, to: SocketAddr, lobby: &str, n: u8, left: &mut Option<String>) -> Result<(), String> {
        let mut client = Client::sign_in(to, [127, 0, 1, n], "demo", &format!("good{n}"))?;
        if let Some(room) = left.take() {
            self.ask(&mut client, "DESTROY_ROOM", json!({ "room_id": room }))?;
        }
        let room = json!({ "room_type": "videoroom", "subject": format!("room of {n}") });
        let made = self.ask(&mut client, "CREATE_ROOM", room)?;
        let room = success(&made, "room_id").ok_or("no room_id")?;
        *left = Some(room.clone());
        self.ask(&mut client, "MAKE_SIPNUM", json!({ "room_id": room }))?;
        let list = self.ask(&mut client, "ROOM_LIST", json!({}))?;
        if list["list"].as_array().is_none_or(Vec::is_empty) {
            return Err(format!("no room is listed: {list}"));
        }
        self.ask(&mut client, "JOIN_ROOM", json!({ "room_id": lobby }))?;
        self.ask(&mut client, "PARTI_LIST", json!({}))?;
        for line in 0..3 {
            let message = json!({ "action": "send", "message": format!("line {line} of {n}") });
            self.ask(&mut client, "MESSAGE", message)?;
        }
        self.ask(&mut client, "LEAVE", json!({}))?;
        Ok(())
    }

    fn ask(&mut self, client: &mut Client, command: &str, fields: Value) -> Result<Value, String> {
        std::thread::sleep(PACE);
        let (answer, time) = client.timed(command, fields);
        let answer = answer?;
        match command {
            "CREATE_ROOM" | "DESTROY_ROOM" | "MAKE_SIPNUM" => self.promises.push(time),
            _ => self.times.push(time),
        }
        match answer["result"] == "success" {
            true => Ok(answer),
            false => Err(answer.to_string()),
        }
    }
}

/// The time within which this share of them came.
pub fn within(times: &[Duration], share: f64) -> Duration {
    let mut times = times.to_vec();
    times.sort_unstable();
    let last = times.len().saturating_sub(1);
    times
        .get((last as f64 * share) as usize)
        .copied()
        .unwrap_or_default()
}
