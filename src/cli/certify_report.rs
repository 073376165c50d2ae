//! The report of a certification: Markdown that can be sent to the carrier.

use crate::clock::utc;
use crate::gateway::{Certification, Outcome, Progress, Proposal, Step};

/// One step, for a line of progress.
pub(super) fn line(step: &Step) -> String {
    format!("  {:<12} {}: {}", word(step.outcome), step.id.title(), step.seen)
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "passed",
        Outcome::Failed => "failed",
        Outcome::NotPossible => "not possible",
        Outcome::Skipped => "skipped",
    }
}

/// The whole of it.
pub(super) fn report(certification: &Certification) -> String {
    let mut lines = vec![
        format!("# Certification of the trunk `{}`", certification.trunk),
        String::new(),
        format!(
            "{} to {}, by omnigate {}.",
            utc(certification.began_at),
            certification.ended_at.map_or("now".to_owned(), utc),
            env!("CARGO_PKG_VERSION")
        ),
        String::new(),
        format!("**{}**", verdict(certification)),
        String::new(),
        "| what | must | result | seen |".to_owned(),
        "| --- | --- | --- | --- |".to_owned(),
    ];
    lines.extend(certification.steps.iter().map(row));
    lines.push(String::new());
    lines.extend(figures(&certification.steps));
    lines.extend(profile(certification));
    lines.join("\n")
}

fn verdict(certification: &Certification) -> String {
    let wrong = certification.wrong().count();
    match certification.state {
        Progress::Running => "It goes on.".to_owned(),
        Progress::Stopped => "It was ended before it was done.".to_owned(),
        Progress::Done if wrong == 0 => "All that was tried and must be right is.".to_owned(),
        Progress::Done => format!("{wrong} of what must be right is not."),
    }
}

fn row(step: &Step) -> String {
    let must = if step.must { "must" } else { "" };
    let result = match step.outcome {
        Outcome::Failed => "**failed**",
        other => word(other),
    };
    format!(
        "| {} | {must} | {result} | {} |",
        step.id.title(),
        cell(&step.seen)
    )
}

/// Text within a table.
fn cell(text: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    let text: String = text.chars().map(plain).collect();
    text.replace('|', "\\|").replace('<', "&lt;")
}

/// To a tenth of a thousandth, without zeros that say nothing.
fn rounded(value: f64) -> String {
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn figures(steps: &[Step]) -> Vec<String> {
    let mut lines: Vec<String> = steps
        .iter()
        .flat_map(|step| {
            let of = move |(name, value): (&String, &f64)| {
                format!(
                    "| {} | {} | {} |",
                    step.id.title(),
                    name.replace('_', " "),
                    rounded(*value)
                )
            };
            step.figures.iter().map(of)
        })
        .collect();
    if !lines.is_empty() {
        let head = [
            "## Figures",
            "",
            "| what | figure | value |",
            "| --- | --- | --- |",
        ];
        lines.splice(0..0, head.map(str::to_owned));
        lines.push(String::new());
    }
    lines
}

/// A profile, and the line by which the trunk has it.
fn profile(certification: &Certification) -> Vec<String> {
    if certification.profile.is_empty() {
        return Vec::new();
    }
    // A string of JSON is one of TOML.
    let name = serde_json::Value::from(certification.trunk.as_str());
    let mut lines = vec![
        "## Profile".to_owned(),
        String::new(),
        "What was seen, as settings; what stands behind `#` is a guess, to be tried.".to_owned(),
        String::new(),
        "```toml".to_owned(),
        "[[profile]]".to_owned(),
        format!("name = {name}"),
    ];
    lines.extend(certification.profile.iter().map(setting));
    lines.extend(["", "[[trunk]]"].map(str::to_owned).into_iter().chain([
        format!("name = {name}"),
        format!("profile = {name}"),
        "```".to_owned(),
    ]));
    lines
}

fn setting(one: &Proposal) -> String {
    let guess = if one.sure { "" } else { "#" };
    format!("{guess}{} = {}  # {}", one.key, one.value, one.why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load_text;
    use crate::gateway::StepId;
    use std::collections::BTreeMap;

    fn step(id: StepId, must: bool, outcome: Outcome, seen: &str) -> Step {
        Step {
            id,
            must,
            outcome,
            seen: seen.to_owned(),
            figures: BTreeMap::new(),
        }
    }

    fn proposal(key: &str, value: &str, sure: bool) -> Proposal {
        Proposal {
            key: key.to_owned(),
            value: value.to_owned(),
            why: "why".to_owned(),
            sure,
        }
    }

    fn certification() -> Certification {
        let mut media = step(StepId::Quality, true, Outcome::Passed, "MOS 4.30");
        media.figures.insert("mos".to_owned(), 4.3);
        media.figures.insert("jitter_seconds".to_owned(), 0.000_426_675);
        Certification {
            trunk: "carrier".to_owned(),
            state: Progress::Done,
            part: None,
            began_at: 1_764_000_000,
            ended_at: Some(1_764_000_100),
            steps: vec![
                media,
                step(StepId::Hold, true, Outcome::Failed, "a | b <script>\nc"),
                step(StepId::G729, false, Outcome::Skipped, "not here"),
            ],
            profile: vec![
                proposal("codecs", "[\"pcmu\"]", true),
                proposal("session.seconds", "1800", true),
                proposal("number_format", "\"prefixed\"", false),
            ],
        }
    }

    #[test]
    fn a_report_names_what_is_not_right_with_its_figures() {
        let text = report(&certification());
        for part in [
            "# Certification of the trunk `carrier`",
            "**1 of what must be right is not.**",
            "| Speech quality | must | passed | MOS 4.30 |",
            "| Hold | must | **failed** | a \\| b &lt;script> c |",
            "| G.729 |  | skipped | not here |",
            "| Speech quality | jitter seconds | 0.0004 |",
            "| Speech quality | mos | 4.3 |",
            "#number_format = \"prefixed\"  # why",
        ] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
        assert!(!certification().passed());
    }

    #[test]
    fn its_profile_is_a_configuration() {
        let text = report(&certification());
        let toml = text
            .split("```toml\n")
            .nth(1)
            .unwrap()
            .split("```")
            .next()
            .unwrap();
        let settings = load_text(toml, []).unwrap();
        assert_eq!(settings.trunk[0].codecs.len(), 1);
        assert_eq!(settings.trunk[0].session.seconds, 1800);
    }
}
