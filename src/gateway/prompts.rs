//! Recordings of every phrase, decoded once at start.

use super::ivr::Phrase;
use crate::config::Language;
use include_dir::{Dir, include_dir};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

static BUILT_IN: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/assets/prompts");

/// Sampling rate of decoded prompts: that of the trunk.
const RATE_HZ: u32 = 8_000;

/// Why prompts cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum PromptError {
    /// A recording is missing from the binary.
    #[error("prompt {0} is missing")]
    Missing(String),
    /// A recording cannot be read.
    #[error("ivr.prompts: {path}: {source} (16-bit PCM WAV is expected)")]
    Unreadable {
        /// Which file.
        path: String,
        /// Cause.
        source: omnigate_audio::Error,
    },
}

/// All phrases in all languages.
#[derive(Debug)]
pub struct Prompts {
    recordings: HashMap<(Language, Phrase), Arc<[i16]>>,
}

impl Prompts {
    /// Decodes the built-in recordings; files of `folder` (`ko/greeting.wav` and so on) replace them one by one.
    pub fn load(folder: Option<&Path>) -> Result<Prompts, PromptError> {
        let mut recordings = HashMap::new();
        for (language, code) in [(Language::Ko, "ko"), (Language::En, "en")] {
            for phrase in all() {
                let name = format!("{code}/{}.wav", file_name(phrase));
                let own = folder.map(|f| f.join(&name)).filter(|p| p.is_file());
                recordings.insert((language, phrase), recording(&name, own)?);
            }
        }
        Ok(Prompts { recordings })
    }

    /// The recordings of `phrases`, ready to play.
    pub fn of(&self, language: Language, phrases: &[Phrase]) -> Vec<Arc<[i16]>> {
        phrases
            .iter()
            .filter_map(|p| self.recordings.get(&(language, *p)).cloned())
            .collect()
    }
}

fn recording(name: &str, own: Option<PathBuf>) -> Result<Arc<[i16]>, PromptError> {
    let unreadable = |path: String| move |source| PromptError::Unreadable { path, source };
    let pcm = match own {
        Some(path) => {
            omnigate_audio::wav::read(&path, RATE_HZ).map_err(unreadable(path.display().to_string()))?
        }
        None => {
            let file = BUILT_IN
                .get_file(name)
                .ok_or_else(|| PromptError::Missing(name.to_owned()))?;
            omnigate_audio::wav::read_from(file.contents(), RATE_HZ).map_err(unreadable(name.to_owned()))?
        }
    };
    Ok(pcm.into())
}

fn all() -> impl Iterator<Item = Phrase> {
    use Phrase::*;
    let words = [
        Greeting,
        EnterNumber,
        NumberPrefix,
        WrongNumber,
        NoEntry,
        Goodbye,
        PleaseWait,
        Recorded,
        Sorry,
        Busy,
        NoAnswer,
        Declined,
        Unavailable,
        TooMany,
    ];
    words.into_iter().chain((0..10).map(Digit))
}

fn file_name(phrase: Phrase) -> String {
    use Phrase::*;
    match phrase {
        Greeting => "greeting",
        EnterNumber => "enter-number",
        NumberPrefix => "number-prefix",
        WrongNumber => "wrong-number",
        NoEntry => "no-entry",
        Goodbye => "goodbye",
        PleaseWait => "please-wait",
        Recorded => "recorded",
        Sorry => "sorry",
        Busy => "busy",
        NoAnswer => "no-answer",
        Declined => "declined",
        Unavailable => "unavailable",
        TooMany => "too-many",
        Digit(d) => return format!("digit-{d}"),
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use omnigate_audio::level::dbov;

    #[test]
    fn every_phrase_is_there_in_both_languages_and_level() {
        let prompts = Prompts::load(None).unwrap();
        for ((language, phrase), pcm) in &prompts.recordings {
            assert!(
                pcm.len() > 1600,
                "{language:?} {phrase:?} is {} samples",
                pcm.len()
            );
            let loud: Vec<i16> = pcm.iter().copied().filter(|s| s.abs() > 100).collect();
            let level = dbov(&loud);
            assert!(
                (-26.0..=-12.0).contains(&level),
                "{language:?} {phrase:?}: {level} dBov"
            );
        }
    }

    #[test]
    fn an_operators_recording_replaces_one_phrase() {
        let folder = std::env::temp_dir().join(format!("omnigate-prompts-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("en")).unwrap();
        omnigate_audio::wav::write(folder.join("en/greeting.wav"), &[77; 800], 8_000).unwrap();
        let prompts = Prompts::load(Some(&folder)).unwrap();
        assert_eq!(prompts.of(Language::En, &[Phrase::Greeting])[0].len(), 800);
        assert_ne!(prompts.of(Language::Ko, &[Phrase::Greeting])[0].len(), 800);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
