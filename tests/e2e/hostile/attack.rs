//! What an attack is: who runs it, where it knows its victims to be, and what is counted.

use super::client::Client;
use serde_json::Value;
use std::io::{ErrorKind, Read};
use std::net::{SocketAddr, TcpStream};
use std::ops::RangeInclusive;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// All that an attacker knows, which is more than one has in life.
pub struct Scene {
    pub http: SocketAddr,
    pub sip: SocketAddr,
    /// Of the good service: rooms with calls, their numbers, a session and a recording.
    pub rooms: Vec<String>,
    pub numbers: Vec<String>,
    pub session: String,
    pub recording: String,
    /// RTP ports of its calls, and all that there are.
    pub ports: Vec<u16>,
    pub all_ports: RangeInclusive<u16>,
    /// A token of the hostile service, as a header, and the path of a file that is its own.
    pub bearer: String,
    pub download: String,
    pub over: AtomicBool,
}

impl Scene {
    /// Waits; false when it is over.
    pub fn pause(&self, milliseconds: u64) -> bool {
        std::thread::sleep(Duration::from_millis(milliseconds));
        !self.over.load(Relaxed)
    }

    /// A session of the hostile service; refusals are counted.
    pub fn sign_in(&self, tally: &Tally, source: [u8; 4], user: &str) -> Option<Client> {
        let client = Client::sign_in(self.http, source, "hostile", user);
        client.map_err(|_| tally.refused()).ok()
    }
}

/// What was sent, and what was refused or cut off.
#[derive(Debug, Default)]
pub struct Tally {
    pub sent: AtomicU64,
    pub refused: AtomicU64,
    /// How long the answers took, where that matters.
    pub waits: Mutex<Vec<Duration>>,
}

impl Tally {
    pub fn sent(&self) {
        self.sent.fetch_add(1, Relaxed);
    }

    pub fn refused(&self) {
        self.refused.fetch_add(1, Relaxed);
    }

    /// A request whose answer has come, or its connection has ended; whether there is one.
    pub fn answered(&self, answer: &Result<Value, String>) -> bool {
        self.sent();
        if answer
            .as_ref()
            .map_or(true, |answer| answer["result"] != "success")
        {
            self.refused();
        }
        answer.is_ok()
    }
}

/// One attack; it has a thread for each of its addresses.
pub struct Attack {
    /// Its row in the list of what a hostile client may try.
    pub row: &'static str,
    pub what: &'static str,
    pub threads: u8,
    /// Some of it must be refused; else it is delayed, or lost on the way.
    pub is_refused: bool,
    pub run: fn(&Scene, &Tally, [u8; 4]),
}

/// Runs all of them until it is over; what each has done.
pub fn run_all<'a>(scene: &Scene, attacks: &'a [Attack]) -> Vec<(&'a Attack, Tally)> {
    let mut all: Vec<_> = attacks.iter().map(|one| (one, Tally::default())).collect();
    std::thread::scope(|scope| {
        let mut address = 0;
        for (attack, tally) in &all {
            for _ in 0..attack.threads {
                address += 1;
                scope.spawn(move || (attack.run)(scene, tally, [127, 0, 2, address]));
            }
        }
    });
    all.sort_by_key(|(attack, _)| attack.row);
    all
}

/// Takes what has come and waits for nothing; the bytes, none when the connection has ended.
pub fn drain(mut stream: &TcpStream) -> Option<Vec<u8>> {
    let (mut all, mut buffer) = (Vec::new(), [0; 65_536]);
    stream.set_nonblocking(true).ok()?;
    let open = loop {
        match stream.read(&mut buffer) {
            Ok(0) => break false,
            Ok(length) => all.extend_from_slice(&buffer[..length]),
            Err(fault) => break fault.kind() == ErrorKind::WouldBlock,
        }
    };
    stream.set_nonblocking(false).ok()?;
    (open || !all.is_empty()).then_some(all)
}
