//! `[ivr]`

use super::faults::Faults;
use super::section::{Check, section, shown, values};
use serde::Deserialize;
use std::path::PathBuf;

section! {
    /// `ivr.*`
    pub struct Ivr {
        /// Prompt language.
        language: Language = Language::Ko;
        /// Folder of replacements, with `ko/` and `en/`.
        prompts: Option<PathBuf> = None;
        /// Time for the first digit, seconds.
        first_digit_seconds: u64 = 10, within 1..=120;
        /// Time between digits, seconds.
        inter_digit_seconds: u64 = 5, within 1..=60;
        /// Entries a call.
        tries: u32 = 3, within 1..=10;
        /// How long an app rings, seconds.
        ring_seconds: u64 = 60, within 1..=600;
        /// Wrong entries an hour from one caller before it is refused.
        wrong_per_caller: u32 = 10;
        /// Wrong entries an hour on one called number before calls get a single try.
        wrong_per_number: u32 = 200;
    }
}

impl Check for Ivr {
    fn check(&self, _: &str, faults: &mut Faults) {
        if let Some(folder) = &self.prompts
            && !folder.is_dir()
        {
            faults.add("ivr.prompts", format!("`{}` is not a folder", folder.display()));
        }
    }
}

/// A prompt language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// Korean.
    Ko,
    /// English.
    En,
}

values! { shown; Language, Option<Language> }
