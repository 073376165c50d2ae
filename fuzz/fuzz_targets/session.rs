//! Session descriptions of telephones: offers and answers.
#![no_main]

use libfuzzer_sys::fuzz_target;
use omnigate_audio::codec::Codec;
use omnigate_sip::{LocalMedia, Negotiator, MediaTerms};

fuzz_target!(|data: &[u8]| {
    let local = LocalMedia { ip: [192, 0, 2, 2].into(), port: 20_000 };
    let terms = MediaTerms { codecs: Codec::ALL.into() };
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
