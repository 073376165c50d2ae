//! Certifications that go on, and the last one of each trunk.

use super::exercise::Act;
use super::inbound::InviteSeen;
use super::order::CertificationRefusal;
use super::seen::CallSeen;
use super::step::{Certification, Part, Progress, Proposal, Step};
use crate::clock::unix_now;
use crate::sync::lock;
use crate::trunks::{Trunk, identity};
use omnigate_number::PhoneNumber;
use omnigate_sip::message::Request;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// A certification that nobody has asked after for so long ends: whoever began it is gone.
const LEASE: Duration = Duration::from_secs(60);

/// See the module. One of each trunk: their names bound it.
#[derive(Debug, Clone, Default)]
pub(in crate::gateway) struct Certifications(Arc<Mutex<HashMap<String, Entry>>>);

#[derive(Debug)]
struct Entry {
    told: Certification,
    /// When somebody asked after it last.
    asked: Instant,
    stop: CancellationToken,
    waits: Option<(PhoneNumber, Claim)>,
}

/// What is to be done in the call that is waited for, and who waits.
#[derive(Debug)]
pub(in crate::gateway) struct Claim {
    pub(super) number: PhoneNumber,
    pub(super) acts: Vec<Act>,
    pub(super) stop: CancellationToken,
    /// It has come.
    pub(super) begun: oneshot::Sender<()>,
    /// It is over.
    pub(super) seen: oneshot::Sender<(InviteSeen, CallSeen)>,
}

/// One that goes on; dropping it ends it, whatever has become of its task.
#[derive(Debug)]
pub(super) struct Running {
    book: Certifications,
    trunk: String,
    /// It is to end, and its calls with it.
    pub(super) stop: CancellationToken,
    done: bool,
}

impl Certifications {
    /// Begins one.
    ///
    /// # Errors
    /// [`CertificationRefusal::Running`]
    pub(super) fn begin(&self, trunk: &str, now: Instant) -> Result<Running, CertificationRefusal> {
        let mut all = lock(&self.0);
        if all
            .get(trunk)
            .is_some_and(|one| one.told.state == Progress::Running)
        {
            return Err(CertificationRefusal::Running);
        }
        let stop = CancellationToken::new();
        let told = Certification {
            trunk: trunk.to_owned(),
            state: Progress::Running,
            part: None,
            began_at: unix_now(),
            ended_at: None,
            steps: Vec::new(),
            profile: Vec::new(),
        };
        let entry = Entry {
            told,
            asked: now,
            stop: stop.clone(),
            waits: None,
        };
        all.insert(trunk.to_owned(), entry);
        Ok(Running {
            book: self.clone(),
            trunk: trunk.to_owned(),
            stop,
            done: false,
        })
    }

    /// The last one of a trunk, which somebody asks after.
    pub(super) fn told(&self, trunk: &str, now: Instant) -> Option<Certification> {
        let mut all = lock(&self.0);
        let entry = all.get_mut(trunk)?;
        entry.asked = now;
        Some(entry.told.clone())
    }

    /// Ends the one of a trunk; false: none goes on.
    pub(super) fn stop(&self, trunk: &str) -> bool {
        let all = lock(&self.0);
        let entry = all.get(trunk).filter(|one| one.told.state == Progress::Running);
        entry.map(|one| one.stop.cancel()).is_some()
    }

    /// The number that is waited for by this trunk, when it stands in any field of that INVITE.
    pub(in crate::gateway) fn awaits(&self, trunk: &Trunk, invite: &Request) -> Option<PhoneNumber> {
        let all = lock(&self.0);
        let (number, _) = all.get(&trunk.name)?.waits.as_ref()?;
        let stands = |user: String| PhoneNumber::parse(&user, trunk.country).as_ref() == Some(number);
        let mut fields = super::inbound::called_fields().map(|field| identity::called_user(invite, field));
        fields
            .any(|user| user.is_some_and(stands))
            .then(|| number.clone())
    }

    /// Takes the call that is waited for; the next one is a call as any other.
    pub(in crate::gateway) fn claim(&self, trunk: &Trunk, called: &PhoneNumber) -> Option<Claim> {
        let mut all = lock(&self.0);
        let waits = &mut all.get_mut(&trunk.name)?.waits;
        let (_, claim) = waits.take_if(|(number, _)| number == called)?;
        Some(claim)
    }

    fn with<T>(&self, trunk: &str, act: impl FnOnce(&mut Entry) -> T) -> Option<T> {
        lock(&self.0).get_mut(trunk).map(act)
    }
}

impl Running {
    /// It is at this part.
    pub(super) fn reach(&self, part: Part) {
        self.book.with(&self.trunk, |one| one.told.part = Some(part));
    }

    pub(super) fn add(&self, steps: impl IntoIterator<Item = Step>) {
        self.book.with(&self.trunk, |one| one.told.steps.extend(steps));
    }

    pub(super) fn propose(&self, profile: Vec<Proposal>) {
        self.book.with(&self.trunk, |one| one.told.profile = profile);
    }

    /// Waits for a call to this number, or for no one.
    pub(super) fn wait_for(&self, claim: Option<Claim>) {
        let waits = claim.map(|claim| (claim.number.clone(), claim));
        self.book.with(&self.trunk, |one| one.waits = waits);
    }

    /// When nobody will have asked after it for too long.
    pub(super) fn abandoned_at(&self) -> Option<Instant> {
        self.book.with(&self.trunk, |one| one.asked + LEASE)
    }

    /// All has been done, unless it was stopped.
    pub(super) fn end(mut self) {
        self.done = !self.stop.is_cancelled();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
        let done = self.done;
        self.book.with(&self.trunk, |one| {
            one.told.state = if done { Progress::Done } else { Progress::Stopped };
            (one.told.part, one.told.ended_at) = (None, Some(unix_now()));
            one.waits = None;
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_of_a_trunk_at_a_time_and_its_end_is_told_whatever_becomes_of_its_task() {
        let (book, now) = (Certifications::default(), Instant::now());
        assert!(book.told("a", now).is_none() && !book.stop("a"));
        let running = book.begin("a", now).unwrap();
        assert_eq!(book.begin("a", now).unwrap_err(), CertificationRefusal::Running);
        let other = book.begin("b", now).unwrap();
        drop(running);
        let told = book.told("a", now).unwrap();
        assert_eq!((told.state, told.passed()), (Progress::Stopped, false));
        other.end();
        assert_eq!(book.told("b", now).unwrap().state, Progress::Done);
        let again = book.begin("a", now).unwrap();
        assert!(book.stop("a") && again.stop.is_cancelled());
        again.end();
        assert_eq!(book.told("a", now).unwrap().state, Progress::Stopped);
    }

    #[test]
    fn who_asks_after_it_keeps_it() {
        let (book, now) = (Certifications::default(), Instant::now());
        let running = book.begin("a", now).unwrap();
        assert_eq!(running.abandoned_at(), Some(now + LEASE));
        let later = now + Duration::from_secs(30);
        book.told("a", later);
        assert_eq!(running.abandoned_at(), Some(later + LEASE));
    }
}
