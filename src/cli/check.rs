//! `omnigate check`

use super::{Failure, say};
use crate::config;
use crate::gateway::Prompts;
use std::path::Path;

/// Reads configuration and prompts; every fault is an error.
pub(super) fn run(path: Option<&Path>) -> Result<(), Failure> {
    let settings = config::load(path)?;
    Prompts::load(settings.ivr.prompts.as_deref())?;
    say("configuration is good");
    Ok(())
}
