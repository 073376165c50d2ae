//! One viewer of several is behind a link that becomes too narrow for the video.

use crate::browser::{
    Bottleneck, Browser, Net, Received, STREAM, VIEWER, join, noise, plane, publish, view, view_as,
};
use omnigate_room::{ParticipantId, ViewerId};
use omnigate_rtc::VideoCodec;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// Payload of a video packet, bytes, and the time between two: half a megabit a second.
const PAYLOAD: usize = 1000;
const PERIOD: Duration = Duration::from_millis(16);
/// Too little for the video, enough for the sound (45 kbit/s with its headers).
const NARROW: u64 = 120_000;
const FRAME: Duration = Duration::from_millis(20);

/// All browsers of the room.
struct Room {
    camera: Browser,
    voice: Browser,
    /// The viewer behind the link: its video and its sound.
    narrow: Browser,
    sound: Browser,
    /// A viewer with a good network.
    wide: Browser,
    packets: Vec<Vec<u8>>,
    next: (Instant, Instant),
    asked: usize,
}

impl Room {
    fn step(&mut self) {
        std::thread::sleep(Duration::from_millis(2));
        let all = [
            &mut self.camera,
            &mut self.voice,
            &mut self.narrow,
            &mut self.sound,
            &mut self.wide,
        ];
        all.into_iter().for_each(Browser::step);
        let now = Instant::now();
        if self.camera.connected && now >= self.next.0 {
            self.next.0 = (self.next.0 + PERIOD).max(now - PERIOD);
            let mut payload = [0x55; PAYLOAD];
            payload[..2].copy_from_slice(&[0x10, u8::from(self.camera.key_frames_asked == self.asked)]);
            self.asked = self.camera.key_frames_asked;
            self.camera.send_rtp(1440, &payload, true);
        }
        if self.voice.connected && now >= self.next.1 {
            self.next.1 = (self.next.1 + FRAME).max(now - FRAME);
            let packet = self.voice.sequence as usize % self.packets.len();
            self.voice.send_rtp(960, &self.packets[packet].clone(), false);
        }
    }

    fn run(&mut self, time: Duration) {
        let until = Instant::now() + time;
        while Instant::now() < until {
            self.step();
        }
    }

    fn until(&mut self, limit: Duration, mut done: impl FnMut(&Room) -> bool) -> Option<Duration> {
        let start = Instant::now();
        while start.elapsed() < limit {
            self.step();
            if done(self) {
                return Some(start.elapsed());
            }
        }
        None
    }
}

/// How many different packets came after the first `from`, and how many of those between the lowest and the highest number
/// are missing.
fn whole(received: &[Received], from: usize) -> (usize, u64) {
    let numbers: BTreeSet<u64> = received[from..].iter().map(|p| p.sequence).collect();
    let span = match (numbers.first(), numbers.last()) {
        (Some(first), Some(last)) => last - first + 1,
        _ => 0,
    };
    (numbers.len(), span - numbers.len() as u64)
}

#[test]
fn a_viewer_that_cannot_follow_is_paused_while_its_sound_and_the_other_viewers_go_on() {
    let (plane, _events) = plane(&[VideoCodec::Vp8]);
    let link = Bottleneck::new();
    let now = Instant::now();
    let mut room = Room {
        camera: Browser::new(|c| c),
        voice: Browser::new(|c| c),
        narrow: Browser::by(Net::behind(&link), |c| c),
        sound: Browser::by(Net::behind(&link), |c| c),
        wide: Browser::new(|c| c),
        packets: noise(),
        next: (now, now),
        asked: 0,
    };
    publish(&plane, STREAM, &mut room.camera);
    view(&plane, &mut room.narrow);
    view_as(&plane, ViewerId(2), &mut room.wide);
    join(&plane, ParticipantId(1), &mut room.sound);
    join(&plane, ParticipantId(2), &mut room.voice);
    let seen = room.until(Duration::from_secs(10), |r| {
        r.narrow.received.len() > 100 && r.wide.received.len() > 100 && r.sound.received.len() > 50
    });
    assert!(seen.is_some());
    // Estimates count after three seconds.
    room.run(Duration::from_secs(4));

    link.borrow_mut().bits = Some(NARROW);
    let (mut count, mut since) = (room.narrow.received.len(), Instant::now());
    let paused = room.until(Duration::from_secs(20), |r| {
        if r.narrow.received.len() > count {
            (count, since) = (r.narrow.received.len(), Instant::now());
        }
        since.elapsed() > Duration::from_millis(1_500)
    });
    assert!(paused.is_some(), "still sent video over a link too narrow for it");
    assert!(link.borrow().lost > 0, "the link was wide enough");

    let (sound, video, sent) = (
        room.sound.received.len(),
        room.wide.received.len(),
        room.camera.sequence,
    );
    let narrow = room.narrow.received.len();
    room.run(Duration::from_secs(2));
    assert_eq!(room.narrow.received.len(), narrow, "paused");
    let (heard, missing) = whole(&room.sound.received, sound);
    assert!(
        heard >= 95 && missing == 0,
        "{heard} packets of sound, {missing} missing"
    );
    let (seen, missing) = whole(&room.wide.received, video);
    let sent = room.camera.sequence - sent;
    assert!(
        seen as u64 + 5 >= sent && missing == 0,
        "{seen} of {sent} packets of video, {missing} missing"
    );

    link.borrow_mut().bits = None;
    let before = room.narrow.received.len();
    let back = room.until(Duration::from_secs(25), |r| r.narrow.received.len() > before + 50);
    assert!(back.is_some(), "no video over a link that is wide again");
    assert_eq!(
        room.narrow.received[before].payload[1], 0,
        "begins at a key frame"
    );
    assert_eq!(whole(&room.narrow.received, before).1, 0, "and misses nothing");
    assert_eq!(plane.figures().failures, 0);
    plane.close_viewer(VIEWER);
    plane.stop();
}
