//! A telephone calls a person: whoever ends it, in whatever order and at whatever stage, leaves nothing.

use super::orders::orders;
use super::world::{STEP, World};
use crate::rooms::port::Destination;
use serde_json::{Value, json};
use std::time::Duration;

/// How far the call has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Ringing,
    Answered,
    Joined,
    /// The audio is on its way up.
    Published,
    Bridged,
}

/// What ends.
#[derive(Debug, Clone, Copy)]
enum End {
    HangUp,
    Leg,
    Decline,
    Microphone,
    Vanishes,
    Leaves,
    Socket,
}

fn called() -> Value {
    json!({ "call_type": "sipcall", "caller": "4930123456", "callee": "bob" })
}

/// Bob and the telephone that calls him.
fn set(world: &mut World, stage: Stage) -> (usize, usize) {
    let bob = world.app("bob");
    let leg = world.leg().unwrap();
    let to = Destination::User {
        service: "demo".to_owned(),
        user: "bob".to_owned(),
    };
    let telephone = world.connect_to(leg, to);
    let told = world.apps[bob].inbox.iter();
    let room = told.filter_map(|message| message["room_id"].as_str()).next_back();
    let room = room.expect("the telephone rings").to_owned();
    if stage >= Stage::Answered {
        world.ok(bob, "WS_ANSWER_CALL_REQ", called());
    }
    if stage >= Stage::Joined {
        world.ok(bob, "WS_JOIN_ROOM_REQ", json!({ "room_id": room }));
    }
    if stage >= Stage::Published {
        assert!(world.speak(bob));
    }
    if stage >= Stage::Bridged {
        world.until("the call is bridged", |world| {
            world.telephones[telephone].admitted
        });
    }
    (bob, telephone)
}

fn end(world: &mut World, (bob, telephone): (usize, usize), end: End) {
    let now = world.now.instant;
    match end {
        End::HangUp => world.tell_hung_up(telephone),
        End::Leg => world.end_leg(telephone),
        End::Decline => drop(world.ask(bob, "WS_REJECT_CALL_REQ", called())),
        End::Microphone => {
            if let Some(mut microphone) = world.apps[bob].microphone.take() {
                microphone.close(now);
            }
        }
        End::Vanishes => world.apps[bob].microphone = None,
        End::Leaves => drop(world.ask(bob, "WS_LEAVE_REQ", json!({}))),
        End::Socket => world.lose_socket(bob),
    }
}

#[test]
fn a_call_to_a_person_ends_in_every_order_at_every_stage() {
    let mut world = World::new("calls");
    for parts in [
        [End::HangUp, End::Leg, End::Microphone, End::Leaves],
        [End::Leg, End::Decline, End::Vanishes, End::Socket],
    ] {
        for order in orders(&parts) {
            for stage in [
                Stage::Ringing,
                Stage::Answered,
                Stage::Joined,
                Stage::Published,
                Stage::Bridged,
            ] {
                for pause in [0, 10] {
                    let both = set(&mut world, stage);
                    for part in &order {
                        end(&mut world, both, *part);
                        (0..pause).for_each(|_| world.step(STEP));
                    }
                    world.run(Duration::from_millis(100));
                    world.close(&format!("{order:?} while {stage:?}, {pause} steps between"));
                }
            }
        }
    }
}
