//! Everything that may happen, at random.

use super::world::{STEP, World};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::json;
use std::time::Duration;

const WALKS: usize = 12;
const STEPS: usize = 150;
/// Sessions at one time.
const MOST_APPS: usize = 5;

struct Walk {
    world: World,
    rng: StdRng,
    rooms: Vec<String>,
}

impl Walk {
    /// Somebody whose socket is open; the first comes when there is nobody.
    fn somebody(&mut self) -> usize {
        let apps = &self.world.apps;
        let open: Vec<usize> = (0..apps.len()).filter(|who| !apps[*who].closed).collect();
        if open.is_empty() || (open.len() < MOST_APPS && self.rng.random_range(0..20) == 0) {
            let user = format!("user{}", self.rng.random_range(0..4));
            return self.world.app(&user);
        }
        open[self.rng.random_range(0..open.len())]
    }

    fn room(&mut self, who: usize) -> String {
        if self.rooms.is_empty() || self.rng.random_range(0..8) == 0 {
            let room = self
                .world
                .ask(who, "WS_CREATE_ROOM_REQ", json!({ "room_type": "videoroom" }));
            if let Some(room) = room.as_ref().and_then(|room| room["room_id"].as_str()) {
                self.rooms.push(room.to_owned());
            }
        }
        let count = self.rooms.len().min(3);
        // The last ones are the liveliest; without any a room that is not there is asked for.
        let at = self.rooms.len() - self.rng.random_range(0..count.max(1)).min(self.rooms.len());
        let room = self.rooms.get(at.saturating_sub(1));
        room.cloned().unwrap_or_else(|| "1".to_owned())
    }

    fn telephone(&mut self) -> Option<usize> {
        let count = self.world.telephones.len();
        (count > 0).then(|| self.rng.random_range(0..count))
    }

    fn step(&mut self) {
        let who = self.somebody();
        match self.rng.random_range(0..10) {
            0..=2 => self.enter(who),
            3 => self.lose(who),
            4 => self.call(who),
            5 => self.ask(who),
            6 => {
                let other = self.rng.random_range(0..self.world.apps.len());
                self.world.watch(who, other);
            }
            _ => self.time(),
        }
    }

    fn enter(&mut self, who: usize) {
        let room = self.room(who);
        let (join, speak, show) = self.rng.random();
        if join {
            self.world.join(who, &room);
        }
        if speak {
            self.world.speak(who);
        }
        if show {
            self.world.show(who);
        }
    }

    /// A connection or socket is lost, with a word or without.
    fn lose(&mut self, who: usize) {
        let (now, app) = (self.world.now.instant, &mut self.world.apps[who]);
        let lost = match self.rng.random_range(0..5) {
            0 => return self.world.lose_socket(who),
            1 => app.camera.take(),
            2 => app.screen.take(),
            _ => app.microphone.take(),
        };
        if let Some(mut browser) = lost.filter(|_| self.rng.random()) {
            browser.close(now);
        }
    }

    fn call(&mut self, who: usize) {
        let telephone = self.telephone();
        match (self.rng.random_range(0..4), telephone) {
            (0, Some(which)) => self.world.tell_hung_up(which),
            (1, Some(which)) => self.world.end_leg(which),
            _ => {
                let room = self.room(who);
                if room.len() > 1 {
                    let _ = self.world.call(&room);
                }
            }
        }
    }

    fn ask(&mut self, who: usize) {
        let room = self.room(who);
        let session = self.world.apps[who].session.clone();
        let (cmd, fields) = match self.rng.random_range(0..10) {
            0 => ("WS_LEAVE_REQ", json!({})),
            1 => ("WS_DESTROY_ROOM_REQ", json!({ "room_id": room })),
            2 => ("WS_RECORDING_REQ", json!({ "action": "stop", "track": "audio" })),
            3 => ("WS_MUTE_REQ", json!({ "track": "audio" })),
            4 => ("WS_UNMUTE_REQ", json!({ "track": "audio" })),
            8 => ("WS_MUTE_REQ", json!({ "track": "video" })),
            9 => ("WS_UNMUTE_REQ", json!({ "track": "video" })),
            5 => ("WS_UNSUBSCRIBE_REQ", json!({ "subscribe": session })),
            _ => ("WS_RECORDING_REQ", json!({ "action": "start", "track": "audio" })),
        };
        let _ = self.world.ask(who, cmd, fields);
    }

    /// Long enough for every shard to find out which transports are lost.
    fn rest(&mut self, time: Duration) {
        self.world.deaf = false;
        self.world.run(time);
        self.world.assert_agreed("a rest");
    }

    fn time(&mut self) {
        match self.rng.random_range(0..40) {
            0 => self.rest(Duration::from_secs(45)),
            1..=3 => self.world.run(Duration::from_secs(1)),
            4..=6 => self.world.fill(0),
            7..=9 => self.world.fill(1),
            10..=12 => self.world.deaf = !self.world.deaf,
            13..=15 => self.world.turn(0),
            16..=20 => self.world.turn(1),
            _ => {
                for _ in 0..self.rng.random_range(1..30) {
                    self.world.step(STEP);
                }
            }
        }
    }
}

#[test]
fn whatever_happens_in_whatever_order_nothing_is_left() {
    let mut world = World::new("walk");
    for _ in 0..WALKS {
        let seed = rand::random::<u64>();
        println!("seed {seed}");
        let mut walk = Walk {
            world,
            rng: StdRng::seed_from_u64(seed),
            rooms: Vec::new(),
        };
        for _ in 0..STEPS {
            walk.step();
        }
        walk.world.close(&format!("the walk of seed {seed}"));
        world = walk.world;
    }
}
