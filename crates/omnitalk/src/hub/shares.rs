//! What clients and sessions have of a service's rooms and numbers, so that one of them cannot take them all.

use crate::ids::{ClientId, SocketId};
use crate::quota::Share;
use std::collections::BTreeMap;

/// Who has made something: it counts for both, for the session as long as that lasts, for the client until the thing is gone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Maker {
    pub(super) client: Option<ClientId>,
    pub(super) socket: SocketId,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Subject {
    Client(ClientId),
    Session(SocketId),
}

impl Maker {
    fn subjects(self) -> impl Iterator<Item = Subject> {
        let client = self.client.map(Subject::Client);
        client.into_iter().chain([Subject::Session(self.socket)])
    }
}

/// How many of one kind each has.
#[derive(Default)]
pub(super) struct Held(BTreeMap<Subject, usize>);

impl Held {
    /// One more for this maker; false when it has its share already.
    pub(super) fn take(&mut self, maker: Maker, share: Share) -> bool {
        let most = |subject| match subject {
            Subject::Client(_) => share.client,
            Subject::Session(_) => share.session,
        };
        if maker.subjects().any(|subject| self.of(subject) >= most(subject)) {
            return false;
        }
        for subject in maker.subjects() {
            *self.0.entry(subject).or_default() += 1;
        }
        true
    }

    pub(super) fn give_back(&mut self, maker: Maker) {
        for subject in maker.subjects() {
            if let Some(count) = self.0.get_mut(&subject) {
                *count -= 1;
                if *count == 0 {
                    self.0.remove(&subject);
                }
            }
        }
    }

    fn of(&self, subject: Subject) -> usize {
        self.0.get(&subject).copied().unwrap_or(0)
    }

    /// All that sessions have.
    pub(super) fn of_sessions(&self) -> usize {
        let sessions = self
            .0
            .iter()
            .filter(|(subject, _)| matches!(subject, Subject::Session(_)));
        sessions.map(|(_, count)| count).sum()
    }
}
