//! `omnigate check`

use super::{Failure, say};
use crate::config;
use crate::gateway::Prompts;
use crate::http::Certificates;
use std::path::Path;

/// Reads configuration, prompts, certificate and key; every fault is an error.
pub(super) fn run(path: Option<&Path>) -> Result<(), Failure> {
    let (settings, found) = config::examine(path);
    let mut faults: Vec<String> = found.0.iter().map(ToString::to_string).collect();
    if !found.has("ivr.prompts")
        && let Err(error) = Prompts::load(settings.ivr.prompts.as_deref())
    {
        faults.push(error.to_string());
    }
    if !found.has_below("http.tls")
        && let Err(error) = Certificates::load(&settings.http.tls)
    {
        faults.push(error.to_string());
    }
    if !faults.is_empty() {
        return Err(faults.join("\n").into());
    }
    say("configuration is good");
    Ok(())
}
