//! A made network: packets with content that tells which one is heard, a clock, and what came out of the playout.

// What the parts of a test share is `pub`; nothing is public in a test.
#![allow(unreachable_pub)]
#![allow(dead_code)]

use std::time::{Duration, Instant};

use omnigate_audio::codec::Codec;
use omnigate_audio::g711::Law;
use omnigate_rtp::RtpPacket;
use omnigate_rtp::playout::{PayloadKind, Playout, PlayoutSettings, PlayoutStats, Pulled};

/// A seeded source of chance, so that a failure repeats.
pub struct Chance(pub u64);

impl Chance {
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        if limit == 0 { 0 } else { (self.0 >> 33) % limit }
    }

    pub fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

#[derive(Clone)]
pub struct Sent {
    pub arrival_us: i64,
    pub sequence: u16,
    pub timestamp: u32,
    pub ssrc: u32,
    pub marker: bool,
    pub payload: Vec<u8>,
    pub kind: PayloadKind,
}

/// Levels that tell 80 frames apart: those of successive A-law codes, so that coding changes none.
const LEVELS: i64 = 80;

pub fn level_of(index: i64) -> i16 {
    let code = (40 + index.rem_euclid(LEVELS)) as u8;
    let mut level = [0];
    Law::A.decode(&[(0x80 | code) ^ 0x55], &mut level);
    level[0]
}

/// The index nearest to `around` that has exactly this level.
pub fn index_of(sample: i16, around: i64) -> Option<i64> {
    let level = (0..LEVELS).find(|&level| level_of(level) == sample)?;
    let off = (level - around).rem_euclid(LEVELS);
    Some(around + if off > LEVELS / 2 { off - LEVELS } else { off })
}

/// `count` packets of G.711 of `ptime_ms`, sent at their time, arriving `base_us` later.
pub fn stream(count: i64, ptime_ms: i64, base_us: i64) -> Vec<Sent> {
    (0..count)
        .map(|i| {
            let samples = (ptime_ms * 8) as usize;
            // The level belongs to 20 ms of media time, whatever the packets are.
            let pcm: Vec<i16> = (0..samples)
                .map(|k| level_of((i * samples as i64 + k as i64) / 160))
                .collect();
            let mut payload = vec![0; samples];
            Law::A.encode(&pcm, &mut payload);
            Sent {
                arrival_us: i * ptime_ms * 1_000 + base_us,
                sequence: (i as u16).wrapping_add(65_500),
                timestamp: (i as u32 * samples as u32).wrapping_add(u32::MAX - 50_000),
                ssrc: 1,
                marker: i == 0,
                payload,
                kind: PayloadKind::Speech(Codec::Pcma),
            }
        })
        .collect()
}

pub struct Heard {
    /// For each tick: the kind, and the delay of what is heard in its middle against its sending, microseconds.
    pub ticks: Vec<(Pulled, Option<i64>)>,
    pub stats: PlayoutStats,
    /// Mean of the target over all ticks, microseconds.
    pub mean_target_us: i64,
    /// Ticks in which the content went back by more than a frame.
    pub backwards: usize,
}

impl Heard {
    pub fn count(&self, what: Pulled) -> usize {
        self.ticks.iter().filter(|tick| tick.0 == what).count()
    }

    pub fn mean_delay_us(&self, from: usize) -> i64 {
        let delays: Vec<i64> = self.ticks[from..].iter().filter_map(|tick| tick.1).collect();
        delays.iter().sum::<i64>() / delays.len().max(1) as i64
    }
}

/// Plays what was sent; the listener's ticks are at `phase_us` + n × 20 ms × (1 + `ppm`).
pub fn play(mut sent: Vec<Sent>, phase_us: i64, ppm: i64, ticks: i64) -> Heard {
    sent.sort_by_key(|packet| packet.arrival_us);
    let start = Instant::now();
    let at = |us: i64| start + Duration::from_micros(us.max(0) as u64);
    let mut playout = Playout::new(PlayoutSettings::default()).unwrap();
    let mut waiting = sent.into_iter().peekable();
    let (mut heard, mut target, mut backwards) = (Vec::new(), 0, 0);
    let mut last_index = 0i64;
    for tick in 0..ticks {
        let now = phase_us + tick * 20_000 + tick * 20_000 * ppm / 1_000_000;
        while let Some(packet) = waiting.next_if(|packet| packet.arrival_us <= now) {
            let rtp = RtpPacket {
                ssrc: packet.ssrc,
                sequence: packet.sequence,
                timestamp: packet.timestamp,
                payload_type: 8,
                marker: packet.marker,
                payload: &packet.payload,
            };
            playout.push(at(packet.arrival_us), &rtp, packet.kind);
        }
        let mut out = [0x5a5a; 160];
        let pulled = playout.pull(at(now), &mut out);
        assert!(!out.contains(&0x5a5a), "tick {tick} is not filled");
        target += playout.stats().target.as_micros() as i64;
        // Not where two frames are faded into each other.
        let plain = pulled == Pulled::Audio && out[140..].iter().all(|&sample| sample == out[140]);
        let index = if plain {
            index_of(out[140], now / 20_000 - 3)
        } else {
            None
        };
        if let Some(index) = index {
            // Lengthening repeats a period, which may reach back into the frame before.
            backwards += usize::from(index < last_index - 1);
            last_index = index;
        }
        // What is in the last samples of the tick was sent at its index.
        heard.push((pulled, index.map(|index| now - index * 20_000)));
    }
    Heard {
        ticks: heard,
        stats: playout.stats(),
        mean_target_us: target / ticks.max(1),
        backwards,
    }
}
