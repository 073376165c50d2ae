//! Codecs in `trunk.codecs`.

use super::faults::Faults;
use super::section::{Word, values, words};
use omnigate_audio::codec::Codec;
use std::fmt;
use std::str::FromStr;

/// A codec by its name in settings: that of SDP in small letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrunkCodec(pub Codec);

values! { words; Vec<TrunkCodec> }

impl TrunkCodec {
    fn name(self) -> String {
        self.0.name().to_ascii_lowercase()
    }
}

impl fmt::Display for TrunkCodec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

impl Word for TrunkCodec {
    /// A fault says which name is nearest.
    fn parse(text: &str) -> Result<TrunkCodec, String> {
        let all = Codec::ALL.map(TrunkCodec);
        if let Some(codec) = all.into_iter().find(|codec| codec.name() == text) {
            return Ok(codec);
        }
        if text.eq_ignore_ascii_case("g729") {
            return Err("`g729` is not built in: nobody of either side hears better by it. Carriers that have it have G.711 \
                        too: name pcma and pcmu, and ask the carrier to offer one of them"
                .to_owned());
        }
        let distance =
            |codec: &TrunkCodec| strsim::damerau_levenshtein(&codec.name(), &text.to_ascii_lowercase());
        let nearest = all
            .into_iter()
            .min_by_key(distance)
            .filter(|codec| distance(codec) <= 2)
            .map(|codec| format!("; did you mean `{codec}`?"))
            .unwrap_or_default();
        let known = all.map(TrunkCodec::name).join(", ");
        Err(format!("`{text}` is not a codec; known are {known}{nearest}"))
    }
}

impl FromStr for TrunkCodec {
    type Err = String;

    fn from_str(text: &str) -> Result<TrunkCodec, String> {
        Word::parse(text)
    }
}

/// What is wrong with a list of them.
pub(super) fn check_codecs(codecs: &[TrunkCodec], path: &str, faults: &mut Faults) {
    if codecs.is_empty() {
        faults.add(
            path,
            "is empty: no call could have sound; name at least one, as [\"pcma\", \"pcmu\"]",
        );
    }
    for (i, codec) in codecs.iter().enumerate() {
        if codecs.iter().take(i).any(|other| other == codec) {
            faults.add(path, format!("`{codec}` occurs twice"));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Settings;
    use crate::config::load_text;

    fn load(codecs: &str) -> Result<Settings, String> {
        load_text(&format!("[[trunk]]\n{codecs}"), []).map_err(|faults| faults.0[0].to_string())
    }

    fn order(codecs: &str) -> String {
        let names: Vec<String> = load(codecs).unwrap().trunk[0]
            .codecs
            .iter()
            .map(|codec| codec.to_string())
            .collect();
        names.join(" ")
    }

    #[test]
    fn codecs_are_an_ordered_list_and_g711_by_default() {
        assert_eq!(order(""), "pcma pcmu");
        assert_eq!(
            order("codecs = [\"opus\", \"g722\", \"l16\", \"pcmu\"]"),
            "opus g722 l16 pcmu"
        );
        assert_eq!(order("codecs = \"g722,pcma\""), "g722 pcma");
    }

    #[test]
    fn one_that_is_unknown_has_its_nearest_named_and_g729_says_what_to_do() {
        for (codecs, says) in [
            (
                "[\"g711\"]",
                "`g711` is not a codec; known are pcma, pcmu, g722, opus, l16; did you mean",
            ),
            ("[\"OPUS\"]", "did you mean `opus`?"),
            ("[\"pcma\", \"g729\"]", "name pcma and pcmu"),
            ("[]", "is empty"),
            ("[\"pcma\", \"pcma\"]", "`pcma` occurs twice"),
        ] {
            let fault = load(&format!("codecs = {codecs}")).unwrap_err();
            assert!(
                fault.contains("trunk[0].codecs") && fault.contains(says),
                "{fault}"
            );
        }
    }
}
