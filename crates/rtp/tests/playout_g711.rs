//! The playout of a telephone leg on networks of every kind, with a made clock.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Chance, Heard, play, stream};
use omnigate_rtp::playout::Pulled;

const MINUTE: i64 = 3_000;

fn assert_in_order(heard: &Heard) {
    assert_eq!(heard.backwards, 0, "something was played twice or out of order");
}

#[test]
fn on_a_clean_network_nothing_is_made_up_and_the_delay_is_about_one_frame() {
    for phase in [0, 1_000, 7_000, 13_000, 19_999] {
        let heard = play(stream(MINUTE, 20, 40_000), 40_000 + phase, 0, MINUTE - 10);
        assert_in_order(&heard);
        assert_eq!(heard.count(Pulled::Concealed), 0, "phase {phase}");
        assert_eq!((heard.stats.lost, heard.stats.late), (0, 0));
        let delay = heard.mean_delay_us(500) - 40_000;
        assert!((0..=32_000).contains(&delay), "{delay} us at phase {phase}");
        assert!(heard.stats.target.as_millis() <= 25, "{:?}", heard.stats.target);
    }
}

#[test]
fn every_packet_length_is_played_whole() {
    for ptime in [10, 20, 30, 40, 60] {
        let count = 60_000 / ptime;
        let heard = play(stream(count, ptime, 5_000), 12_000, 0, MINUTE - 20);
        assert_in_order(&heard);
        let made_up = heard.count(Pulled::Concealed);
        assert!(made_up <= 4, "{made_up} frames made up at {ptime} ms");
        assert!(
            heard.count(Pulled::Audio) > 2_950,
            "{} at {ptime} ms",
            heard.count(Pulled::Audio)
        );
        let delay = heard.mean_delay_us(500) - 5_000;
        assert!(delay < 20_000 + 45_000, "{delay} us at {ptime} ms");
    }
}

#[test]
fn jitter_of_sixty_milliseconds_is_absorbed_and_the_delay_follows_the_target() {
    for seed in 1..6 {
        let mut chance = Chance(seed);
        let mut sent = stream(2 * MINUTE, 20, 10_000);
        for packet in &mut sent {
            packet.arrival_us += chance.below(60_000) as i64;
        }
        let heard = play(sent, 3_000, 0, 2 * MINUTE - 20);
        assert_in_order(&heard);
        let made_up = heard.count(Pulled::Concealed) as f64 / heard.ticks.len() as f64;
        assert!(made_up < 0.035, "{made_up} made up, seed {seed}");
        let (delay, target) = (heard.mean_delay_us(500) - 10_000, heard.mean_target_us);
        assert!(
            delay <= target + 20_000,
            "{delay} us with a target of {target} us"
        );
        assert!((50_000..=90_000).contains(&target), "{target}");
    }
}

#[test]
fn random_loss_is_made_up_and_nothing_else_is() {
    for (seed, percent) in [(1, 1), (2, 5), (3, 5), (4, 10)] {
        let mut chance = Chance(seed);
        let mut sent = stream(2 * MINUTE, 20, 10_000);
        let all = sent.len();
        sent.retain(|_| !chance.percent(percent));
        let lost = (all - sent.len()) as f64 / all as f64;
        let heard = play(sent, 3_000, 0, 2 * MINUTE - 20);
        assert_in_order(&heard);
        let made_up = heard.stats.concealed_ms as f64 / 20.0 / heard.ticks.len() as f64;
        assert!(
            (made_up - lost).abs() <= 0.005,
            "{made_up} made up of {lost} lost"
        );
        let counted = heard.stats.lost as f64 / all as f64;
        assert!(
            (counted - lost).abs() <= 0.002,
            "{counted} counted of {lost} lost"
        );
    }
}

#[test]
fn a_freeze_of_the_network_is_overcome_and_the_delay_comes_back() {
    let mut sent = stream(2 * MINUTE, 20, 10_000);
    for packet in &mut sent {
        // 180 ms each 10 s in which nothing comes, then everything at once.
        let into = packet.arrival_us % 10_000_000;
        if into < 180_000 {
            packet.arrival_us += 180_000 - into;
        }
    }
    let heard = play(sent, 3_000, 0, 2 * MINUTE - 20);
    assert_in_order(&heard);
    assert!(heard.count(Pulled::Audio) as f64 / heard.ticks.len() as f64 > 0.95);
    // 3 s after a freeze the speech is near the target again.
    let delay = heard.ticks[5_650..5_980]
        .iter()
        .filter_map(|tick| tick.1)
        .max()
        .unwrap()
        - 10_000;
    assert!(delay < 80_000, "{delay}");
}

#[test]
fn an_hour_of_clock_drift_is_absorbed_unheard() {
    for ppm in [-100, 100] {
        let mut sent = stream(60 * MINUTE, 20, 10_000);
        for packet in &mut sent {
            // A sender whose clock is fast sends early.
            packet.arrival_us -= packet.arrival_us * ppm / 1_000_000;
        }
        let heard = play(sent, 8_000, 0, 60 * MINUTE - 100);
        assert_in_order(&heard);
        let made_up = heard.count(Pulled::Concealed);
        assert!(made_up < 30, "{made_up} frames made up at {ppm} ppm");
        let (tick, delay) = (0..)
            .zip(&heard.ticks)
            .filter_map(|(i, tick)| Some((i, tick.1?)))
            .last()
            .unwrap();
        // What is heard now was sent so much earlier than its number says: 360 ms in an hour.
        let delay = delay + tick * 20_000 * ppm / 1_000_000 - 10_000;
        assert!((0..50_000).contains(&delay), "{delay} us at {ppm} ppm");
        assert!(
            (heard.stats.drift_ppm - ppm as f64).abs() < 10.0,
            "{} for {ppm}",
            heard.stats.drift_ppm
        );
        assert!(
            heard
                .stats
                .accelerated_ms
                .max(heard.stats.expanded_ms)
                .abs_diff(360)
                < 60
        );
    }
}

#[test]
fn reordered_and_repeated_packets_are_put_right() {
    let mut chance = Chance(9);
    let mut sent = stream(MINUTE, 20, 10_000);
    let copies: Vec<_> = sent.iter().filter(|_| chance.percent(10)).cloned().collect();
    let repeated = copies.len() as u64;
    sent.extend(copies);
    for packet in &mut sent {
        if chance.percent(5) {
            packet.arrival_us += 25_000;
        }
    }
    let heard = play(sent, 3_000, 0, MINUTE - 20);
    assert_in_order(&heard);
    assert!(heard.stats.duplicates + heard.stats.late >= repeated - 5);
    let made_up = heard.count(Pulled::Concealed) as f64 / heard.ticks.len() as f64;
    assert!(made_up < 0.02, "{made_up}");
}

#[test]
fn a_new_source_is_followed_at_once() {
    let mut sent = stream(MINUTE, 20, 10_000);
    for (i, packet) in sent.iter_mut().enumerate() {
        if i >= 1_500 {
            packet.ssrc = 2;
            packet.sequence = packet.sequence.wrapping_add(20_000);
            packet.timestamp = packet.timestamp.wrapping_add(1_000_000_000);
        }
    }
    let heard = play(sent, 3_000, 0, MINUTE - 20);
    assert_in_order(&heard);
    assert_eq!(heard.stats.restarts, 1);
    assert!(heard.count(Pulled::Audio) > MINUTE as usize - 40);
}

#[test]
fn a_jump_of_the_timestamp_is_followed_at_once() {
    for jump in [16_001u32, 80_000, 3_000_000_000, 0u32.wrapping_sub(40_000)] {
        let mut sent = stream(MINUTE, 20, 10_000);
        for packet in &mut sent[1_500..] {
            packet.timestamp = packet.timestamp.wrapping_add(jump);
        }
        let heard = play(sent, 3_000, 0, MINUTE - 20);
        assert_in_order(&heard);
        let audio = heard.count(Pulled::Audio);
        assert!(
            audio > MINUTE as usize - 40,
            "{audio} frames heard with a jump of {jump}"
        );
        assert!(heard.mean_delay_us(2_000) - 10_000 < 50_000);
    }
}

#[test]
fn pauses_of_the_sender_are_silence_and_not_loss() {
    let mut sent = stream(MINUTE, 20, 10_000);
    // Talk 3 s, pause 0.5 s; sequence numbers go on, timestamps count the pause.
    sent.retain(|packet| (packet.arrival_us - 10_000) % 3_500_000 < 3_000_000);
    let mut number = 500u16;
    let mut last = -1_000_000;
    for packet in &mut sent {
        packet.sequence = number;
        number = number.wrapping_add(1);
        packet.marker = packet.arrival_us - last > 30_000;
        last = packet.arrival_us;
    }
    let heard = play(sent, 3_000, 0, MINUTE - 20);
    assert_in_order(&heard);
    assert_eq!(heard.stats.lost, 0);
    let made_up = heard.count(Pulled::Concealed);
    // Until the pause is known, 120 ms are continued for each of the 17.
    assert!(made_up <= 17 * 7, "{made_up}");
    let audio = heard.count(Pulled::Audio) as f64 / heard.ticks.len() as f64;
    assert!((audio - 3.0 / 3.5).abs() < 0.02, "{audio}");
    assert!(heard.mean_delay_us(0) - 10_000 < 45_000);
}

#[test]
fn any_mix_of_troubles_never_plays_backwards_and_fills_every_tick() {
    for seed in 0..60 {
        let mut chance = Chance(seed * 77 + 5);
        let ptime = [10, 20, 30, 40, 60][chance.below(5) as usize];
        let jitter = chance.below(120_000);
        let (loss, twice) = (chance.below(20), chance.below(10));
        let mut sent = stream(40_000 / ptime, ptime, 10_000);
        let copies: Vec<_> = sent.iter().filter(|_| chance.percent(twice)).cloned().collect();
        sent.extend(copies);
        sent.retain(|_| !chance.percent(loss));
        for packet in &mut sent {
            packet.arrival_us += chance.below(jitter) as i64;
        }
        let ppm = chance.below(600) as i64 - 300;
        let heard = play(sent, chance.below(20_000) as i64, ppm, 1_900);
        assert!(
            heard.backwards == 0,
            "seed {seed} ptime {ptime} jitter {jitter} loss {loss} {:?}: {} times backwards",
            heard.stats,
            heard.backwards
        );
        let (audio, made_up) = (heard.count(Pulled::Audio), heard.count(Pulled::Concealed));
        assert!(
            audio > 800,
            "seed {seed}: ptime {ptime} jitter {jitter} loss {loss}: {audio} heard, {made_up} made up, {:?}",
            heard.stats
        );
    }
}
