//! `omnigate check`

use super::output::{Failure, complain, say};
use crate::config;
use crate::gateway::Prompts;
use crate::http::certificates;
use crate::provision::tls_settings;
use crate::sip::Tls;
use crate::trunks::Trunks;
use std::path::Path;

/// Reads configuration, prompts, certificate and key; every fault is an error. Says what will hurt, and what will run.
pub(super) fn run(path: Option<&Path>) -> Result<(), Failure> {
    let (settings, found) = config::examine(path);
    let mut faults: Vec<String> = found.0.iter().map(ToString::to_string).collect();
    if !found.has("ivr.prompts")
        && let Err(error) = Prompts::load(settings.ivr.prompts.as_deref())
    {
        faults.push(error.to_string());
    }
    if !found.has_below("http.tls")
        && let Err(error) = certificates(&settings.http.tls)
    {
        faults.push(error.to_string());
    }
    let is_read = ["sip.tls", "trunk"]
        .iter()
        .all(|section| !found.has_below(section));
    if is_read && let Err(error) = Tls::load(&tls_settings(&settings, &Trunks::new(&settings))) {
        faults.push(error.to_string());
    }
    if !faults.is_empty() {
        return Err(faults.join("\n").into());
    }
    for warning in config::warnings(&settings) {
        complain(&format!("warning: {warning}"));
    }
    say("configuration is good; this will run:");
    for line in config::summary(&settings) {
        say(&line);
    }
    Ok(())
}
