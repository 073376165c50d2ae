//! Sealing and opening, against another implementation and against strangers.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use omnigate_srtp::{Error, MAX_OVERHEAD, MasterKey, Opener, Sealer, Suite};

fn key(suite: Suite) -> MasterKey {
    let bytes: Vec<u8> = (1..=44).collect();
    MasterKey::new(suite, &bytes[..suite.key_bytes() + suite.salt_bytes()]).unwrap()
}

/// Pairs of what is sealed and what it becomes, of `vectors.txt`: four of RTP, over the roll-over of the sequence number, with
/// a header extension and with a source, and two of RTCP.
fn vectors(suite: Suite) -> Vec<(Vec<u8>, Vec<u8>)> {
    let name = match suite {
        Suite::AeadAes256Gcm => "gcm256",
        Suite::AeadAes128Gcm => "gcm",
        Suite::AesCm128HmacSha1_80 => "cm",
    };
    let bytes = |text: &str| -> Vec<u8> {
        let pairs = text.as_bytes().as_chunks::<2>().0.iter();
        pairs
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    };
    let lines = include_str!("vectors.txt")
        .lines()
        .skip_while(|line| *line != name);
    let pairs = lines.skip(1).map_while(|line| line.split_once(' '));
    pairs
        .map(|(plain, sealed)| (bytes(plain), bytes(sealed)))
        .collect()
}

fn is_report(packet: &[u8]) -> bool {
    packet[1] == 201
}

fn seal(sealer: &mut Sealer, packet: &[u8]) -> Vec<u8> {
    let mut sealed = packet.to_vec();
    if is_report(packet) {
        sealer.seal_rtcp(&mut sealed).unwrap();
    } else {
        sealer.seal_rtp(&mut sealed).unwrap();
    }
    sealed
}

fn open(opener: &mut Opener, packet: &[u8]) -> Result<Vec<u8>, Error> {
    let mut opened = packet.to_vec();
    if is_report(packet) {
        opener.open_rtcp(&mut opened)?;
    } else {
        opener.open_rtp(&mut opened)?;
    }
    Ok(opened)
}

#[test]
fn packets_are_those_of_another_implementation_both_ways() {
    for suite in Suite::ALL {
        let (mut sealer, mut opener) = (
            Sealer::new(&key(suite)).unwrap(),
            Opener::new(&key(suite)).unwrap(),
        );
        let vectors = vectors(suite);
        assert_eq!(vectors.len(), 6);
        for (plain, sealed) in vectors {
            assert_eq!(seal(&mut sealer, &plain), sealed, "{suite:?}");
            assert_eq!(open(&mut opener, &sealed), Ok(plain), "{suite:?}");
        }
    }
}

#[test]
fn what_was_here_before_is_refused_and_what_was_overtaken_is_not() {
    for suite in Suite::ALL {
        let mut opener = Opener::new(&key(suite)).unwrap();
        let vectors = vectors(suite);
        for n in [0, 2, 1, 3, 5, 4] {
            let (plain, sealed) = &vectors[n];
            assert_eq!(open(&mut opener, sealed).as_ref(), Ok(plain), "{suite:?} {n}");
        }
        for (_, sealed) in &vectors {
            assert_eq!(open(&mut opener, sealed), Err(Error::Replayed), "{suite:?}");
        }
    }
}

#[test]
fn one_bit_of_difference_anywhere_is_refused_and_spoils_nothing() {
    for suite in Suite::ALL {
        let mut opener = Opener::new(&key(suite)).unwrap();
        for (plain, sealed) in vectors(suite) {
            for bit in 0..sealed.len() * 8 {
                let mut changed = sealed.clone();
                changed[bit / 8] ^= 1 << (bit % 8);
                if is_report(&changed) == is_report(&sealed) {
                    assert!(open(&mut opener, &changed).is_err(), "{suite:?} bit {bit}");
                }
            }
            for length in 0..sealed.len() {
                assert!(opener.open_rtp(&mut sealed[..length].to_vec()).is_err());
                assert!(opener.open_rtcp(&mut sealed[..length].to_vec()).is_err());
            }
            assert_eq!(open(&mut opener, &sealed), Ok(plain));
        }
    }
}

#[test]
fn another_key_opens_nothing() {
    for suite in Suite::ALL {
        let mut opener = Opener::new(&MasterKey::random(suite).unwrap()).unwrap();
        for (_, sealed) in vectors(suite) {
            assert_eq!(open(&mut opener, &sealed), Err(Error::NotAuthentic));
        }
    }
}

#[test]
fn a_long_stream_with_losses_and_another_source_is_opened_over_every_roll_over() {
    for suite in Suite::ALL {
        let (mut sealer, mut opener) = (
            Sealer::new(&key(suite)).unwrap(),
            Opener::new(&key(suite)).unwrap(),
        );
        for n in 0..200_000u32 {
            let ssrc = if n % 50_000 == 7 { 9 } else { 8 };
            let sequence = if ssrc == 9 { (n / 50_000) as u16 } else { n as u16 };
            let mut packet = vec![0x80, 8];
            packet.extend(sequence.to_be_bytes());
            packet.extend((n * 160).to_be_bytes());
            packet.extend(u32::to_be_bytes(ssrc));
            packet.extend([5; 20]);
            let plain = packet.clone();
            // A sealer has one stream: the other source has one of its own.
            if ssrc == 9 {
                Sealer::new(&key(suite)).unwrap().seal_rtp(&mut packet).unwrap();
            } else {
                sealer.seal_rtp(&mut packet).unwrap();
            }
            assert!(packet.len() <= plain.len() + MAX_OVERHEAD);
            if n % 97 != 0 {
                opener.open_rtp(&mut packet).unwrap();
                assert_eq!(packet, plain);
            }
        }
    }
}

#[test]
fn what_is_no_packet_is_refused() {
    let suite = Suite::AeadAes128Gcm;
    let (mut sealer, mut opener) = (
        Sealer::new(&key(suite)).unwrap(),
        Opener::new(&key(suite)).unwrap(),
    );
    for packet in [&[][..], &[0x80], &[0; 12], &[0x9f; 14], &[0x80, 200, 0, 1]] {
        assert_eq!(sealer.seal_rtp(&mut packet.to_vec()), Err(Error::Malformed));
        assert!(opener.open_rtp(&mut packet.to_vec()).is_err());
        assert!(opener.open_rtcp(&mut packet.to_vec()).is_err());
    }
    assert_eq!(sealer.seal_rtcp(&mut vec![0x80, 200, 0]), Err(Error::Malformed));
}
