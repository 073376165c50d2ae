//! `omnigate check`

use super::{Failure, say};
use crate::config;
use crate::gateway::Prompts;
use crate::http::Certificates;
use std::path::Path;

/// Reads configuration, prompts, certificate and key; every fault is an error.
pub(super) fn run(path: Option<&Path>) -> Result<(), Failure> {
    let settings = config::load(path)?;
    Prompts::load(settings.ivr.prompts.as_deref())?;
    Certificates::load(&settings.http.tls)?;
    say("configuration is good");
    Ok(())
}
