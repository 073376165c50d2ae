//! Two sides that offer and answer in any order always agree.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use omnigate_sip::{Agreed, Direction, LocalMedia, MediaTerms, Negotiator};
use proptest::prelude::*;
use proptest::sample::subsequence;
use std::collections::HashMap;
use std::net::IpAddr;

/// What an offer says beside what its side can do.
#[derive(Debug, Clone)]
struct Turn {
    /// Which side offers: in a request of its own, or because the other one has asked for it.
    first_side: bool,
    direction: Direction,
    /// A hold in the manner of RFC 2543.
    null_address: bool,
    /// Formats that are left out, by their place.
    without: Option<usize>,
}

fn directions() -> impl Strategy<Value = Direction> {
    prop_oneof![
        3 => Just(Direction::SendRecv),
        1 => Just(Direction::SendOnly),
        1 => Just(Direction::RecvOnly),
        1 => Just(Direction::Inactive),
    ]
}

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let without = prop_oneof![2 => Just(None), 1 => (0..4usize).prop_map(Some)];
    let turn = (any::<bool>(), directions(), prop::bool::weighted(0.2), without);
    let turn = turn.prop_map(|(first_side, direction, null_address, without)| Turn {
        first_side,
        direction,
        null_address,
        without,
    });
    prop::collection::vec(turn, 1..12)
}

const FORMATS: [&str; 6] = [
    "PCMU/8000",
    "PCMA/8000",
    "telephone-event/8000",
    "CN/8000",
    "opus/48000/2",
    "telephone-event/48000",
];

/// An offer that neither of the two has written: other media around the audio line, numbers of its own.
fn foreign_offer() -> impl Strategy<Value = String> {
    let lines = prop::collection::vec(
        prop_oneof![
            Just("m=video 6000 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"),
            Just("m=image 5000 udptl t38\r\n"),
            Just("m=audio 7000 RTP/SAVP 0\r\n"),
        ],
        0..3,
    );
    let numbers = subsequence((96..110u8).collect::<Vec<_>>(), FORMATS.len()).prop_shuffle();
    let formats = subsequence(FORMATS.to_vec(), 1..=FORMATS.len()).prop_shuffle();
    let speech = prop_oneof![Just("PCMU/8000"), Just("PCMA/8000")];
    (lines, 0..3usize, numbers, formats, speech, any::<bool>()).prop_map(
        |(mut lines, place, numbers, mut formats, speech, feedback)| {
            if !formats.contains(&speech) {
                formats.insert(0, speech);
            }
            formats.truncate(numbers.len());
            let profile = if feedback { "RTP/AVPF" } else { "RTP/AVP" };
            let list: Vec<String> = numbers.iter().take(formats.len()).map(u8::to_string).collect();
            let mut audio = format!("m=audio 4000 {profile} {}\r\n", list.join(" "));
            for (number, format) in numbers.iter().zip(&formats) {
                audio.push_str(&format!("a=rtpmap:{number} {format}\r\n"));
            }
            lines.insert(place.min(lines.len()), &audio);
            let head = "v=0\r\no=- 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n";
            format!("{head}{}", lines.concat())
        },
    )
}

/// A side, and what it has written last.
struct Side {
    negotiator: Negotiator,
    address: String,
    last: Option<String>,
}

impl Side {
    fn new(host: u8) -> Side {
        let local = LocalMedia {
            ip: IpAddr::from([192, 0, 2, host]),
            port: 20_000,
        };
        Side {
            negotiator: Negotiator::new(local, u64::from(host), MediaTerms::default()),
            address: format!("c=IN IP4 192.0.2.{host}"),
            last: None,
        }
    }

    /// RFC 3264 section 8: the version grows by one with each change, and with nothing else.
    fn wrote(&mut self, text: &str) {
        let parts = |text: &str| {
            let (origin, rest): (Vec<String>, Vec<String>) =
                text.lines().map(str::to_owned).partition(|l| l.starts_with("o="));
            let version: u64 = origin[0].split(' ').nth(2).unwrap().parse().unwrap();
            (version, rest)
        };
        let (version, content) = parts(text);
        if let Some((last, before)) = self.last.as_deref().map(parts) {
            assert_eq!(version, last + u64::from(content != before), "{text}");
        }
        self.last = Some(text.to_owned());
    }

    /// Its offer, as this turn has it.
    fn offer(&mut self, turn: &Turn) -> String {
        let written = self.negotiator.offer();
        self.wrote(&written);
        let mut offer = written.replace("a=sendrecv", &format!("a={}", name(turn.direction)));
        if turn.null_address {
            offer = offer.replace(&self.address, "c=IN IP4 0.0.0.0");
        }
        match turn.without {
            Some(place) => without(&offer, place),
            None => offer,
        }
    }
}

fn name(direction: Direction) -> &'static str {
    match direction {
        Direction::SendRecv => "sendrecv",
        Direction::SendOnly => "sendonly",
        Direction::RecvOnly => "recvonly",
        Direction::Inactive => "inactive",
    }
}

/// Takes a format out of our audio line, unless no codec would be left.
fn without(offer: &str, place: usize) -> String {
    let codecs = offer.matches("PCMU/").count() + offer.matches("PCMA/").count();
    let line = offer.lines().find(|l| l.starts_with("m=audio 20000")).unwrap();
    let mut fields: Vec<&str> = line.split(' ').collect();
    let number = fields[3 + place % (fields.len() - 3)];
    let map = format!("a=rtpmap:{number} ");
    if codecs == 1 && offer.lines().any(|l| l.starts_with(&map) && l.contains(" PCM")) {
        return offer.to_owned();
    }
    fields.retain(|field| *field != number);
    let kept = offer
        .lines()
        .filter(|l| !l.starts_with(&map) && !l.starts_with(&format!("a=fmtp:{number} ")));
    kept.map(|l| format!("{}\r\n", if l == line { fields.join(" ") } else { l.to_owned() }))
        .collect()
}

/// What must hold of all descriptions of a session together.
#[derive(Default)]
struct Session {
    /// Type and place of each media line.
    lines: Vec<String>,
    /// What each number of the audio line stands for.
    numbers: HashMap<String, String>,
}

impl Session {
    fn sees(&mut self, text: &str) {
        let media = text.lines().filter(|l| l.starts_with("m="));
        let lines: Vec<String> = media.map(|l| l.split(' ').next().unwrap().to_owned()).collect();
        if self.lines.is_empty() {
            self.lines = lines.clone();
        }
        assert_eq!(lines, self.lines, "{text}");
        let audio = text
            .split("m=")
            .find(|m| m.starts_with("audio 20000") || m.starts_with("audio 4000"));
        for map in audio
            .into_iter()
            .flat_map(str::lines)
            .filter_map(|l| l.strip_prefix("a=rtpmap:"))
        {
            let (number, format) = map.split_once(' ').unwrap();
            let known = self
                .numbers
                .entry(number.to_owned())
                .or_insert_with(|| format.to_owned());
            assert_eq!(known, format, "number {number} in\n{text}");
        }
    }
}

fn assert_agreed(a: &Agreed, b: &Agreed) {
    assert_eq!(a.codec, b.codec);
    assert!(b.receive.contains(&(a.payload_type, a.codec)), "{a:?}\n{b:?}");
    assert!(a.receive.contains(&(b.payload_type, b.codec)), "{a:?}\n{b:?}");
    let only = |events: &Vec<u8>| events.first().copied();
    assert_eq!(a.telephone_event_sent, only(&b.telephone_events));
    assert_eq!(b.telephone_event_sent, only(&a.telephone_events));
    assert_eq!(a.comfort_noise, b.comfort_noise);
    assert_eq!(a.direction, b.direction.reversed());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn two_sides_agree_whoever_offers_what(foreign in prop::option::of(foreign_offer()), turns in turns()) {
        let (mut a, mut b) = (Side::new(1), Side::new(2));
        let mut session = Session::default();
        // Both have joined a session that began with the description of somebody else.
        if let Some(offer) = foreign {
            session.sees(&offer);
            for side in [&mut a, &mut b] {
                let (answer, _) = side.negotiator.answer(offer.as_bytes()).unwrap();
                side.wrote(&answer);
                session.sees(&answer);
            }
        }
        for turn in &turns {
            let (offerer, answerer) = if turn.first_side { (&mut a, &mut b) } else { (&mut b, &mut a) };
            let offer = offerer.offer(turn);
            let (answer, theirs) = answerer.negotiator.answer(offer.as_bytes()).unwrap();
            answerer.wrote(&answer);
            let ours = offerer.negotiator.accept(answer.as_bytes()).unwrap();
            session.sees(&offer);
            session.sees(&answer);
            assert_agreed(&ours, &theirs);
            let held = turn.direction != Direction::SendRecv || turn.null_address;
            prop_assert_eq!(theirs.held(), held);
            prop_assert_eq!(theirs.remote_rtp.ip().is_unspecified(), turn.null_address);
        }
    }
}
