//! G.711 µ-law and A-law by tables that are computed at build time.
//!
//! The conversion is ITU-T G.191's (truncation, one's complement for negative values). Tables: 256 entries to decode,
//! 16 384 (µ-law) and 4 096 (A-law) to encode.

/// Which of the two companding laws.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Law {
    /// µ-law, RTP payload type 0 (`PCMU`).
    Mu,
    /// A-law, RTP payload type 8 (`PCMA`).
    A,
}

impl Law {
    /// The code of digital silence.
    pub const fn silence(self) -> u8 {
        match self {
            Law::Mu => 0xff,
            Law::A => 0xd5,
        }
    }

    /// Decodes code by code; stops at the end of the shorter slice. Returns the number of samples.
    pub fn decode(self, codes: &[u8], pcm: &mut [i16]) -> usize {
        let table = match self {
            Law::Mu => &MU_DECODE,
            Law::A => &A_DECODE,
        };
        for (out, &code) in pcm.iter_mut().zip(codes) {
            *out = table[code as usize];
        }
        pcm.len().min(codes.len())
    }

    /// Encodes sample by sample; stops at the end of the shorter slice. Returns the number of codes.
    pub fn encode(self, pcm: &[i16], codes: &mut [u8]) -> usize {
        match self {
            Law::Mu => {
                for (out, &sample) in codes.iter_mut().zip(pcm) {
                    *out = MU_ENCODE[(sample as u16 >> 2) as usize];
                }
            }
            Law::A => {
                for (out, &sample) in codes.iter_mut().zip(pcm) {
                    *out = A_ENCODE[(sample as u16 >> 4) as usize];
                }
            }
        }
        pcm.len().min(codes.len())
    }
}

static MU_DECODE: [i16; 256] = mu_decode_table();
static A_DECODE: [i16; 256] = a_decode_table();
static MU_ENCODE: [u8; 16_384] = mu_encode_table();
static A_ENCODE: [u8; 4_096] = a_encode_table();

const fn mu_decode_table() -> [i16; 256] {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        let bits = !(code as u8);
        let exponent = (bits >> 4) & 7;
        let step = (((bits & 15) as i32) << 3) + 0x84;
        let magnitude = (step << exponent) - 0x84;
        table[code] = (if bits & 0x80 != 0 { -magnitude } else { magnitude }) as i16;
        code += 1;
    }
    table
}

const fn mu_encode_table() -> [u8; 16_384] {
    let mut table = [0; 16_384];
    let mut index = 0;
    while index < 16_384 {
        // The index is the upper 14 bits of the sample, as an unsigned number.
        let value = if index < 8_192 {
            index as i32
        } else {
            index as i32 - 16_384
        };
        let magnitude = if value < 0 { !value } else { value };
        let biased = if magnitude + 33 > 0x1fff {
            0x1fff
        } else {
            magnitude + 33
        };
        let mut segment = 1;
        let mut rest = biased >> 6;
        while rest != 0 {
            segment += 1;
            rest >>= 1;
        }
        let code = ((8 - segment) << 4) | (0xf - ((biased >> segment) & 0xf));
        table[index] = (code | if value >= 0 { 0x80 } else { 0 }) as u8;
        index += 1;
    }
    table
}

const fn a_decode_table() -> [i16; 256] {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        let bits = code as u8 ^ 0x55;
        let exponent = (bits >> 4) & 7;
        let mut magnitude = (((bits & 15) as i32) << 4) + 8;
        if exponent > 0 {
            magnitude = (magnitude + 256) << (exponent - 1);
        }
        table[code] = (if bits & 0x80 != 0 { magnitude } else { -magnitude }) as i16;
        code += 1;
    }
    table
}

const fn a_encode_table() -> [u8; 4_096] {
    let mut table = [0; 4_096];
    let mut index = 0;
    while index < 4_096 {
        let value = if index < 2_048 {
            index as i32
        } else {
            index as i32 - 4_096
        };
        let mut code = if value < 0 { !value } else { value };
        if code > 15 {
            let mut exponent = 1;
            while code > 31 {
                code >>= 1;
                exponent += 1;
            }
            code = code - 16 + (exponent << 4);
        }
        table[index] = (code | if value >= 0 { 0x80 } else { 0 }) as u8 ^ 0x55;
        index += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(law: Law, code: u8) -> u8 {
        let (mut pcm, mut back) = ([0], [0]);
        law.decode(&[code], &mut pcm);
        law.encode(&pcm, &mut back);
        back[0]
    }

    #[test]
    fn every_a_law_code_survives_decoding_and_encoding() {
        for code in 0..=255 {
            assert_eq!(round_trip(Law::A, code), code);
        }
    }

    #[test]
    fn every_mu_law_code_but_negative_zero_survives_decoding_and_encoding() {
        for code in 0..=255 {
            let expected = if code == 0x7f { 0xff } else { code };
            assert_eq!(round_trip(Law::Mu, code), expected);
        }
    }

    #[test]
    fn silence_decodes_to_the_smallest_level() {
        let mut pcm = [99];
        Law::Mu.decode(&[Law::Mu.silence()], &mut pcm);
        assert_eq!(pcm, [0]);
        Law::A.decode(&[Law::A.silence()], &mut pcm);
        assert_eq!(pcm, [8]);
    }

    #[test]
    fn the_error_is_never_more_than_half_a_step_of_the_segment() {
        for law in [Law::Mu, Law::A] {
            for sample in i16::MIN..=i16::MAX {
                let (mut code, mut back) = ([0], [0]);
                law.encode(&[sample], &mut code);
                law.decode(&code, &mut back);
                let error = (i32::from(sample) - i32::from(back[0])).abs();
                let allowed = (i32::from(sample).abs() / 32 + 9).max(9);
                let clipped = i32::from(sample).abs() > 31_000;
                assert!(error <= allowed || clipped, "{law:?} {sample} -> {}", back[0]);
            }
        }
    }

    #[test]
    fn published_values_hold() {
        let mut pcm = [0; 4];
        Law::Mu.decode(&[0x00, 0x80, 0xf0, 0x7e], &mut pcm);
        assert_eq!(pcm, [-32124, 32124, 120, -8]);
        Law::A.decode(&[0x2a, 0xaa, 0xd5, 0x55], &mut pcm);
        assert_eq!(pcm, [-32256, 32256, 8, -8]);
    }
}
