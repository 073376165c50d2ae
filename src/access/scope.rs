//! What somebody may do, and whose things it is done to.

use std::fmt;
use std::sync::Arc;

/// What a route needs, and what a token may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Everything, of all services: trunks, tokens, the audit log, drain.
    Admin,
    /// To look at calls, rooms and numbers.
    Read,
    /// To make and end rooms and numbers, and to move who is in them.
    Rooms,
    /// To call, transfer and hang up.
    Calls,
    /// To list, fetch, pause and delete recordings.
    Recordings,
}

impl Scope {
    /// All, in the order in which they are shown.
    pub const ALL: [Scope; 5] = [
        Scope::Admin,
        Scope::Read,
        Scope::Rooms,
        Scope::Calls,
        Scope::Recordings,
    ];

    /// As commands, the API and the store write it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Scope::Admin => "admin",
            Scope::Read => "read",
            Scope::Rooms => "rooms",
            Scope::Calls => "calls",
            Scope::Recordings => "recordings",
        }
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A set of scopes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scopes(u8);

/// Why words are no [`Scopes`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScopeError {
    /// A word that there is not.
    #[error("scopes: `{0}` is none of admin, read, rooms, calls, recordings")]
    Unknown(String),
    /// No word at all.
    #[error("scopes: name at least one of admin, read, rooms, calls, recordings")]
    None,
    /// `admin` is of all services, and everything.
    #[error("scopes: admin is everything, of all services; leave out the other scopes and the service")]
    AdminAndMore,
    /// The others are of one service.
    #[error("service_id: is missing; a token that is not admin is one service's")]
    NoService,
}

impl Scopes {
    /// These, and no others.
    #[must_use]
    pub fn of(scopes: &[Scope]) -> Scopes {
        Scopes(scopes.iter().fold(0, |all, one| all | one.bit()))
    }

    /// From words.
    ///
    /// # Errors
    /// [`ScopeError::Unknown`], [`ScopeError::None`]
    pub fn parse<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Scopes, ScopeError> {
        let mut all = Scopes::default();
        for word in words {
            let scope = Scope::ALL.iter().find(|scope| scope.word() == word);
            let scope = scope.ok_or_else(|| ScopeError::Unknown(word.chars().take(40).collect()))?;
            all.0 |= scope.bit();
        }
        if all == Scopes::default() {
            return Err(ScopeError::None);
        }
        Ok(all)
    }

    /// Both sets.
    #[must_use]
    pub fn and(self, other: Scopes) -> Scopes {
        Scopes(self.0 | other.0)
    }

    /// Whether it is among them.
    #[must_use]
    pub fn has(self, scope: Scope) -> bool {
        self.0 & scope.bit() != 0
    }

    /// Their words, in the order of [`Scope::ALL`].
    #[must_use]
    pub fn words(self) -> Vec<&'static str> {
        let ours = Scope::ALL.iter().filter(|scope| self.has(**scope));
        ours.map(|scope| scope.word()).collect()
    }

    /// What a token with them stands for.
    ///
    /// # Errors
    /// [`ScopeError::AdminAndMore`], [`ScopeError::NoService`]
    pub fn access(self, service: Option<&str>) -> Result<Access, ScopeError> {
        match (self.has(Scope::Admin), service) {
            (true, None) if self == Scopes::of(&[Scope::Admin]) => Ok(Access::Admin),
            (true, _) => Err(ScopeError::AdminAndMore),
            (false, None) => Err(ScopeError::NoService),
            (false, Some(id)) => Ok(Access::Service {
                id: id.into(),
                scopes: self,
            }),
        }
    }
}

/// Whom a request stands for. Routes get it as an argument, and filter by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// Whoever runs the whole.
    Admin,
    /// One service, and of it no more than the scopes say.
    Service {
        /// Its id.
        id: Arc<str>,
        /// Never [`Scope::Admin`].
        scopes: Scopes,
    },
}

impl Access {
    /// Whether a route that needs this may be used.
    #[must_use]
    pub fn may(&self, need: Scope) -> bool {
        match self {
            Access::Admin => true,
            Access::Service { scopes, .. } => scopes.has(need),
        }
    }

    /// Whether what is this service's is there for it. What is no service's is there for admins alone: `sees(None)`.
    pub fn sees<'a>(&self, service: impl Into<Option<&'a str>>) -> bool {
        match self {
            Access::Admin => true,
            Access::Service { id, .. } => service.into().is_some_and(|one| *one == **id),
        }
    }

    /// The service that it is limited to; `None`: to none.
    #[must_use]
    pub fn only(&self) -> Option<&str> {
        match self {
            Access::Admin => None,
            Access::Service { id, .. } => Some(id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(scopes: &[Scope]) -> Access {
        Scopes::of(scopes).access(Some("shop")).unwrap()
    }

    #[test]
    fn an_admin_may_all_and_sees_all() {
        let admin = Scopes::of(&[Scope::Admin]).access(None).unwrap();
        assert!(Scope::ALL.iter().all(|scope| admin.may(*scope)));
        assert!(admin.sees("shop") && admin.sees(None) && admin.only().is_none());
    }

    #[test]
    fn a_token_of_a_service_may_what_its_scopes_say_and_sees_what_is_its_own() {
        let access = service(&[Scope::Read, Scope::Calls]);
        let may: Vec<bool> = Scope::ALL.iter().map(|scope| access.may(*scope)).collect();
        assert_eq!(may, [false, true, false, true, false]);
        assert!(access.sees("shop") && !access.sees("bank") && !access.sees("shop2"));
        assert!(!access.sees(None), "what is nobody's is the admin's");
        assert_eq!(access.only(), Some("shop"));
    }

    #[test]
    fn admin_is_alone_and_everything_else_is_a_services() {
        let more = Scopes::of(&[Scope::Admin, Scope::Read]);
        assert_eq!(more.access(None), Err(ScopeError::AdminAndMore));
        let admin = Scopes::of(&[Scope::Admin]);
        assert_eq!(admin.access(Some("shop")), Err(ScopeError::AdminAndMore));
        assert_eq!(
            Scopes::of(&[Scope::Read]).access(None),
            Err(ScopeError::NoService)
        );
    }

    #[test]
    fn scopes_are_written_as_they_are_read() {
        let scopes = Scopes::parse(["recordings", "read"]).unwrap();
        assert_eq!(scopes.words(), ["read", "recordings"]);
        assert_eq!(
            Scopes::parse(["reed"]),
            Err(ScopeError::Unknown("reed".to_owned()))
        );
        assert_eq!(Scopes::parse([]), Err(ScopeError::None));
    }
}
