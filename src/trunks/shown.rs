//! How numbers stand in a call out: whom it calls, and who it says calls.

use super::Trunk;
use super::rules::SHORT_DIGITS;
use crate::config::{self, IdentityField, NumberFormat};
use omnigate_number::PhoneNumber;
use omnigate_sip::message::Name;

/// What a trunk says about numbers in calls out.
#[derive(Debug, Clone)]
pub(super) struct Shown {
    /// Host of addresses; none: the gateway's and ours.
    pub(super) domain: Option<String>,
    format: NumberFormat,
    pub(super) caller_format: NumberFormat,
    /// Fields that say who calls, beside From.
    pub(super) identity: Vec<IdentityField>,
    user_phone: bool,
}

impl Shown {
    pub(super) fn new(trunk: &config::Trunk) -> Shown {
        Shown {
            domain: trunk.domain.clone(),
            format: trunk.number_format,
            caller_format: trunk.caller_format.unwrap_or(trunk.number_format),
            identity: trunk.identity.clone(),
            user_phone: trunk.user_phone,
        }
    }

    /// What stands behind a number's address.
    pub(super) fn phone(&self) -> &'static str {
        if self.user_phone { ";user=phone" } else { "" }
    }
}

impl IdentityField {
    /// Of the header field.
    pub(super) fn name(self) -> Name {
        match self {
            IdentityField::Asserted => Name::PAssertedIdentity,
            IdentityField::Preferred => Name::PPreferredIdentity,
            IdentityField::RemoteParty => Name::RemotePartyId,
        }
    }
}

impl Trunk {
    /// A number as this trunk writes it.
    pub fn written(&self, number: &PhoneNumber) -> String {
        self.written_as(number, self.out.shown.format)
    }

    pub(super) fn written_as(&self, number: &PhoneNumber, format: NumberFormat) -> String {
        let digits = number.digits();
        let country = self.country;
        let global = digits.len() > *SHORT_DIGITS.end();
        match format {
            _ if !global => digits.to_owned(),
            NumberFormat::National => number.national(country),
            NumberFormat::E164 => digits.to_owned(),
            NumberFormat::Plus => format!("+{digits}"),
            NumberFormat::Prefixed => match digits.strip_prefix(country.calling_code) {
                Some(rest) => format!("{}{}{rest}", country.calling_code, country.trunk_prefix),
                None => digits.to_owned(),
            },
        }
    }
}
