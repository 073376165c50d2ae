//! What both sides say about the security of media when they register (RFC 3329 with the parameter `mediasec` of
//! draft-dawes-sipcore-mediasec-parameter): we say what we can do, the registrar says what it can, and every later request that begins
//! something repeats that, so that nobody in between can have taken something away.

use crate::message::{Headers, Name};

/// Marks mechanisms that are about media, and the extension that those who hear us must have.
const MEDIASEC: &str = "mediasec";
/// Most mechanisms of a registrar that are kept.
const MOST: usize = 16;

/// The agreement of one registration.
#[derive(Debug, Clone, Default)]
pub(super) struct Agreement {
    /// What we can do; none: nothing is agreed on.
    ours: &'static [&'static str],
    /// What the registrar can, as it says it.
    theirs: Vec<String>,
}

impl Agreement {
    pub(super) fn new(ours: &'static [&'static str]) -> Agreement {
        Agreement {
            ours,
            theirs: Vec::new(),
        }
    }

    /// What the registrar can do.
    pub(super) fn theirs(&self) -> &[String] {
        &self.theirs
    }

    /// The next request is a first one again.
    pub(super) fn forget(&mut self) {
        self.theirs.clear();
    }

    /// Takes what a response says; whether that is new.
    pub(super) fn learn(&mut self, response: &Headers) -> bool {
        if self.ours.is_empty() {
            return false;
        }
        let all = response.list(Name::SecurityServer).take(MOST);
        let said: Vec<String> = all.map(str::to_owned).collect();
        let is_new = !said.is_empty() && said != self.theirs;
        if is_new {
            self.theirs = said;
        }
        is_new
    }

    /// What a REGISTER says of it (RFC 3329 section 2.3.1).
    pub(super) fn write(&self, request: &mut Headers) {
        if self.ours.is_empty() {
            return;
        }
        for mechanism in self.ours {
            request.push(Name::SecurityClient, format_args!("{mechanism};{MEDIASEC}"));
        }
        push(&self.theirs, request);
    }
}

/// Puts into a request that begins something what the registrar has said that it can do; nothing, if it has said nothing.
pub fn verify(theirs: &[String], request: &mut Headers) {
    if !theirs.is_empty() {
        push(theirs, request);
    }
}

fn push(theirs: &[String], request: &mut Headers) {
    for mechanism in theirs {
        request.push(Name::SecurityVerify, mechanism);
    }
    request.push(Name::Require, MEDIASEC);
    request.push(Name::ProxyRequire, MEDIASEC);
}
