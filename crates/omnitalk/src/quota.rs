//! What a service may have at one time, and what one client or session may have of it.

/// How many of each a service may have at one time; and, as figures, how many it has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Quota {
    /// Sessions. 10 000.
    pub sessions: usize,
    /// Rooms, those of calls included. 10 000.
    pub rooms: usize,
    /// Participants of all rooms together: apps and telephones. 10 000.
    pub participants: usize,
    /// Calls: 1:1 calls, and telephones in other rooms. 2 000.
    pub calls: usize,
    /// Call numbers of users and rooms. 10 000.
    pub numbers: usize,
    /// Recordings that run. 500.
    pub recordings: usize,
}

impl Default for Quota {
    fn default() -> Self {
        Self {
            sessions: 10_000,
            rooms: 10_000,
            participants: 10_000,
            calls: 2_000,
            numbers: 10_000,
            recordings: 500,
        }
    }
}

impl Quota {
    /// Each with its name in the settings.
    #[must_use]
    pub fn all(&self) -> [(&'static str, usize); 6] {
        [
            ("sessions", self.sessions),
            ("rooms", self.rooms),
            ("participants", self.participants),
            ("calls", self.calls),
            ("numbers", self.numbers),
            ("recordings", self.recordings),
        ]
    }
}

/// The most that one client, over all of its sessions, and one session may have of something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Share {
    /// One client. 2 000.
    pub client: usize,
    /// One session. 1 000.
    pub session: usize,
}

impl Default for Share {
    fn default() -> Self {
        Self {
            client: 2_000,
            session: 1_000,
        }
    }
}

/// What a service has of its quota.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServiceUse {
    /// Which service.
    pub service_id: String,
    /// What it has.
    pub used: Quota,
    /// What it may have.
    pub most: Quota,
}
