//! Legs that move between shards, and shards that take nothing.

use super::world::World;
use serde_json::{Value, json};
use std::time::Duration;

/// What ends a telephone.
#[derive(Debug, Clone, Copy)]
enum End {
    HangUp,
    Leg,
    Room,
}

/// Turns of two shards, in every order, up to so many.
fn turns(most: usize) -> Vec<Vec<usize>> {
    let mut all = vec![Vec::new()];
    let mut last = all.clone();
    for _ in 0..most {
        last = last
            .iter()
            .flat_map(|turns| (0..2).map(|shard| [turns.as_slice(), &[shard]].concat()))
            .collect();
        all.extend(last.clone());
    }
    all
}

#[test]
fn a_leg_that_moves_and_is_removed_between_any_two_turns_is_gone() {
    let mut world = World::new("moves");
    let ann = world.app("ann");
    for first in turns(2) {
        for second in turns(3) {
            for ends in [
                &[End::HangUp, End::Leg][..],
                &[End::Leg, End::HangUp],
                &[End::Room, End::Leg],
                &[End::Leg, End::Room],
            ] {
                let room = world.room(ann);
                let leg = world.leg().unwrap();
                first.iter().for_each(|shard| world.turn(*shard));
                let telephone = world.connect(leg, &room);
                second.iter().for_each(|shard| world.turn(*shard));
                for end in ends {
                    match end {
                        End::HangUp => world.tell_hung_up(telephone),
                        End::Leg => world.end_leg(telephone),
                        End::Room => {
                            world.ok(ann, "WS_DESTROY_ROOM_REQ", json!({ "room_id": room }));
                        }
                    }
                }
                world.run(Duration::from_millis(60));
                let figures = world.plane.figures();
                assert_eq!(
                    (figures.legs, figures.rooms, figures.ports_used, figures.queue),
                    (0, 0, 0, 0),
                    "after {first:?}, {second:?}, {ends:?}"
                );
            }
        }
    }
    world.close("moves");
}

fn refused(response: Option<Value>) -> bool {
    response.is_some_and(|response| response["result"] == "failed")
}

#[test]
fn a_full_shard_refuses_what_opens_and_all_hear_of_it() {
    let mut world = World::new("full");
    // Rooms are spread over the shards by chance: a few of them are on each.
    for round in 0..8 {
        let (ann, bob) = (world.app("ann"), world.app("bob"));
        let room = world.room(ann);
        for who in [ann, bob] {
            world.join(who, &room);
            assert!(world.speak(who));
        }
        assert!(world.show(ann));
        world.until("all is up", |world| world.apps.iter().all(super::app::App::is_up));
        let legs = [world.leg().unwrap(), world.leg().unwrap()];
        (0..2).for_each(|shard| world.fill(shard));
        assert!(world.leg().is_none(), "a leg is opened in round {round}");
        for leg in legs {
            let telephone = world.connect(leg, &room);
            let one = &world.telephones[telephone];
            assert!(one.leg.is_none() && !one.admitted, "a telephone is let in");
        }
        assert_eq!(
            world.host.figures().all.telephones,
            0,
            "the hub keeps a telephone"
        );
        assert!(!world.watch(bob, ann), "a viewer is opened");
        assert!(!world.show(bob), "a stream is opened");
        let start = json!({ "action": "start", "track": "audio" });
        let answer = world.ask(ann, "WS_RECORDING_REQ", start);
        assert_eq!(answer.unwrap()["result"], "failed", "a start is answered well");
        assert!(world.host.recordings().is_empty(), "a recording has begun");
        assert_eq!(world.host.figures().all.recordings, 0);
        let _ = world.ask(ann, "WS_MUTE_REQ", json!({ "track": "audio" }));
        let carl = world.app("carl");
        world.join(carl, &room);
        assert!(!world.speak(carl), "a peer is opened");
        assert!(refused(world.ask(
            carl,
            "WS_SUBSCRIBE_REQ",
            json!({ "subscribe": "x" })
        )));
        world.run(Duration::from_millis(100));
        // Whoever wanted to be silent is: her peer is closed, for it could not be muted.
        assert_eq!(world.plane.figures().peers, 1);
        // What was refused can be had later.
        assert!(world.speak(carl));
        assert!(world.watch(bob, ann));
        assert!(world.call(&room).is_some());
        world.until("all is up again", |world| {
            world.apps[carl].is_up() && world.apps[bob].is_up()
        });
        world.close("overload");
    }
}

#[test]
fn what_a_full_shard_does_not_change_is_closed_and_the_hub_hears_of_it() {
    let mut world = World::new("closed");
    let (ann, bob) = (world.app("ann"), world.app("bob"));
    let room = world.room(ann);
    for who in [ann, bob] {
        world.join(who, &room);
        assert!(world.speak(who));
    }
    assert!(world.show(ann));
    assert!(world.show(bob));
    world.until("all is up", |world| world.apps.iter().all(super::app::App::is_up));
    let whom = json!({ "subscribe": world.apps[bob].session });
    world.ok(ann, "WS_SUBSCRIBE_REQ", whom.clone());
    (0..2).for_each(|shard| world.fill(shard));
    let mut answer = whom;
    answer["jsep"] = json!({ "type": "answer", "sdp": "v=0" });
    world.send(ann, "WS_SUBSCRIBE_COMP", answer);
    for track in ["audio", "video"] {
        world.ok(ann, "WS_MUTE_REQ", json!({ "track": track }));
    }
    world.run(Duration::from_millis(100));
    let figures = world.plane.figures();
    assert_eq!((figures.peers, figures.streams, figures.viewers), (1, 1, 0));
    world.assert_agreed("what was not changed");
    for track in ["audio", "video"] {
        let _ = world.ask(ann, "WS_UNMUTE_REQ", json!({ "track": track }));
    }
    assert!(world.speak(ann), "her audio cannot be published again");
    assert!(world.show(ann), "her camera cannot be published again");
    assert!(world.watch(ann, bob), "it cannot be watched again");
    world.close("what was not changed");
}
