//! `trunk.srtp`

use super::section::{Word, values, word};
use omnigate_sip::sdes::Secrecy;
use std::str::FromStr;

/// Whether the media of a trunk are sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Srtp(pub Secrecy);

values! { word; Srtp }

impl Word for Srtp {
    fn parse(text: &str) -> Result<Srtp, String> {
        Ok(Srtp(match text {
            "off" => Secrecy::Off,
            "optional" => Secrecy::Optional,
            "required" => Secrecy::Required,
            _ => return Err(format!("`{text}` is not off, optional or required")),
        }))
    }
}

impl FromStr for Srtp {
    type Err = String;

    fn from_str(text: &str) -> Result<Srtp, String> {
        Word::parse(text)
    }
}
