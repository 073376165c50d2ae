//! Who asks, and in which field.

use crate::message::Name;

/// Who asks for credentials, which says where they stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Asker {
    /// A user agent or registrar: 401, WWW-Authenticate, Authorization.
    Server,
    /// A proxy: 407, Proxy-Authenticate, Proxy-Authorization.
    Proxy,
}

impl Asker {
    /// Both.
    pub const ALL: [Asker; 2] = [Asker::Server, Asker::Proxy];

    /// The field of its challenges.
    pub fn challenge(self) -> Name {
        match self {
            Asker::Server => Name::WwwAuthenticate,
            Asker::Proxy => Name::ProxyAuthenticate,
        }
    }

    /// The field of the answers.
    pub fn answer(self) -> Name {
        match self {
            Asker::Server => Name::Authorization,
            Asker::Proxy => Name::ProxyAuthorization,
        }
    }
}
