//! Session descriptions of telephones: offers and answers.
#![no_main]

use libfuzzer_sys::fuzz_target;
use omnigate_audio::codec::Codec;
use omnigate_sip::keying::KeyWay;
use omnigate_sip::sdes::Secrecy;
use omnigate_sip::{LocalMedia, MediaTerms, Negotiator};
use omnigate_srtp::{Fingerprint, HashFunction, MasterKey, Suite};

fuzz_target!(|data: &[u8]| {
    let local = LocalMedia { ip: [192, 0, 2, 2].into(), port: 20_000 };
    let keys = Suite::IN_SDP.into_iter().filter_map(|suite| MasterKey::random(suite).ok()).collect();
    let fingerprint = Fingerprint::of(HashFunction::Sha256, b"ours");
    let ways = [KeyWay::Dtls { fingerprint, peer: None }, KeyWay::Sdes(keys)];
    let terms = MediaTerms {
        codecs: Codec::ALL.into(),
        secrecy: Secrecy::Optional,
        ways: ways.into(),
        ..MediaTerms::default()
    };
    let mut negotiator = Negotiator::new(local, 1, terms);
    for (n, piece) in data.split(|b| *b == 0xff).enumerate() {
        if n % 2 == 0 {
            let _ = negotiator.answer(piece);
        } else {
            let _ = negotiator.offer();
            let _ = negotiator.accept(piece);
        }
    }
});
