//! Answers challenges.
//!
//! ```text
//!                 challenge              2xx or any other answer
//!   unknown ───────────────────▶ fresh ─────────────────────────▶ proved ──┐
//!      ▲                          │ │ ▲                             │      │ requests: nc + 1
//!      │ refused again            │ └─┘ stale, at most MAX_STALE    │ ◀────┘
//!      └──────────────────────────┘  ▲                              │
//!          Refused::Rejected         └──────────────────────────────┘ challenge: the nonce is gone
//! ```
//!
//! One session a realm. A refusal of a fresh nonce that is not called stale says that the password is wrong, and ends it:
//! the client never loops. A nonce that has worked may expire without that word, as many servers have it. Of several
//! requests on their way with one nonce only the first refusal counts; the others are made again with what came then.

use super::answer::Answer;
use super::asker::Asker;
use super::challenge::{Challenge, MAX_CHALLENGES, challenges};
use super::credentials::Credentials;
use super::hash::Protection;
use super::syntax::schemes;
use crate::message::{Name, Request, Response, Status};
use crate::random::Random;
use std::fmt;

/// Most realms that a client answers at once; further ones are refused.
pub const MAX_REALMS: usize = 8;
/// Most answers in a row that may be called stale.
pub const MAX_STALE: u32 = 3;

/// Why a request is not tried again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// No challenge that this crate can answer.
    #[error("no digest challenge with a known algorithm")]
    NoChallenge,
    /// No user and password for any realm that asks.
    #[error("no credentials for realm {0:?}")]
    NoCredentials(String),
    /// The answer was wrong: user or password.
    #[error("credentials were refused by realm {0:?}")]
    Rejected(String),
    /// One answer after the other is called stale.
    #[error("more than {MAX_STALE} nonces in a row were stale")]
    Stale,
    /// More than [`MAX_REALMS`] realms.
    #[error("more than {MAX_REALMS} realms")]
    Realms,
}

/// The client's side: one for what shares credentials and a server, such as a registration or a dialog.
pub struct Client {
    credentials: Vec<Credentials>,
    sessions: Vec<Session>,
}

/// What is known of one realm.
struct Session {
    asker: Asker,
    challenge: Challenge,
    user: String,
    ha1: String,
    /// Requests made with the nonce.
    count: u32,
    /// Kept as long as the nonce: a `-sess` key is made of the first (RFC 7616 section 3.4.2).
    cnonce: String,
    proved: bool,
    stale: u32,
}

impl Client {
    /// A client with these credentials; those for a realm go before those for all.
    pub fn new(credentials: impl IntoIterator<Item = Credentials>) -> Client {
        Client {
            credentials: credentials.into_iter().collect(),
            sessions: Vec::new(),
        }
    }

    /// Takes the challenges of a 401 or 407 to `sent`. After `Ok` the request is to be made again, with a higher CSeq, and
    /// given to [`Client::authorize`].
    ///
    /// # Errors
    /// [`Refused`]: another try would end the same.
    pub fn challenged(
        &mut self,
        sent: &Request,
        response: &Response,
        random: &mut Random,
    ) -> Result<(), Refused> {
        let mut refused = None;
        let mut ready = false;
        for (asker, challenge) in offered(response) {
            let realm = challenge.realm.clone();
            match self.take(asker, challenge, sent, random) {
                Ok(()) => ready = true,
                Err(why) => {
                    let here = |s: &Session| s.asker == asker && s.challenge.realm == realm;
                    self.sessions.retain(|s| !here(s));
                    if !matches!(why, Refused::NoCredentials(_)) {
                        return Err(why);
                    }
                    refused = Some(why);
                }
            }
        }
        // Several realms may ask at once; one that cannot be answered does not keep the others from being tried.
        if ready {
            Ok(())
        } else {
            Err(refused.unwrap_or(Refused::NoChallenge))
        }
    }

    fn take(
        &mut self,
        asker: Asker,
        challenge: Challenge,
        sent: &Request,
        random: &mut Random,
    ) -> Result<(), Refused> {
        let realm = &challenge.realm;
        let own = self.credentials.iter().filter(|c| c.fit(realm));
        let Some(credentials) = own.max_by_key(|c| c.is_for_one_realm()) else {
            return Err(Refused::NoCredentials(realm.clone()));
        };
        let at = self
            .sessions
            .iter()
            .position(|s| s.asker == asker && s.challenge.realm == *realm);
        let answered = answers(sent, asker).find(|a| a.realm == *realm);
        let mut stale = 0;
        if let (Some(old), Some(answered)) = (at.and_then(|at| self.sessions.get(at)), answered) {
            if answered.nonce != old.challenge.nonce {
                // Another request was challenged, too, while this one was on its way: what came then is good for both.
                return Ok(());
            }
            if challenge.stale {
                stale = old.stale + 1;
                if stale > MAX_STALE {
                    return Err(Refused::Stale);
                }
            } else if !old.proved {
                return Err(Refused::Rejected(realm.clone()));
            }
        }
        let session = Session {
            asker,
            user: credentials.user().to_owned(),
            ha1: credentials.ha1(challenge.algorithm, realm),
            count: 0,
            cnonce: random.token(),
            proved: false,
            stale,
            challenge,
        };
        if let Some(old) = at.and_then(|at| self.sessions.get_mut(at)) {
            *old = session;
        } else if self.sessions.len() < MAX_REALMS {
            self.sessions.push(session);
        } else {
            return Err(Refused::Realms);
        }
        Ok(())
    }

    /// Puts an answer for every known realm into `request`, in the place of those that stand there: after a challenge, and
    /// ahead of one for later requests. It must be what is sent: method, Request-URI and body are covered.
    pub fn authorize(&mut self, request: &mut Request) {
        for asker in Asker::ALL {
            let mut mine = self.sessions.iter_mut().filter(|s| s.asker == asker).peekable();
            if mine.peek().is_some() {
                request.headers.remove(asker.answer());
            }
            for session in mine {
                let answer = session.answer(request);
                request.headers.push(asker.answer(), answer);
            }
        }
    }

    /// Notes a final response other than 401 and 407 to `sent`: its credentials have worked. A `nextnonce` is taken.
    pub fn accepted(&mut self, sent: &Request, response: &Response) {
        if matches!(
            response.status,
            Status::UNAUTHORIZED | Status::PROXY_AUTHENTICATION_REQUIRED
        ) {
            return;
        }
        for session in &mut self.sessions {
            let asker = session.asker;
            let used = |a: Answer| a.realm == session.challenge.realm && a.nonce == session.challenge.nonce;
            if !answers(sent, asker).any(used) {
                continue;
            }
            session.proved = true;
            session.stale = 0;
            let info = match asker {
                Asker::Server => response.headers.get(Name::AuthenticationInfo),
                Asker::Proxy => response.headers.get_other("Proxy-Authentication-Info"),
            };
            // The field has the parameters of a challenge without a scheme.
            let text = info.map(|info| format!("Digest {info}")).unwrap_or_default();
            if let Some(next) = schemes(&text).first().and_then(|s| s.get("nextnonce")) {
                session.challenge.nonce = next.to_owned();
                session.count = 0;
            }
        }
    }

    /// True when a request is sent with an answer ahead of a challenge.
    pub fn is_prepared(&self) -> bool {
        !self.sessions.is_empty()
    }
}

impl Session {
    fn answer(&mut self, request: &Request) -> Answer {
        self.count = self.count.saturating_add(1);
        let challenge = &self.challenge;
        let protection = challenge
            .protections
            .iter()
            .find(|p| **p == Protection::Auth)
            .or(challenge.protections.first())
            .copied();
        let has_cnonce = protection.is_some() || challenge.algorithm.is_session();
        let mut answer = Answer {
            user: self.user.clone(),
            realm: challenge.realm.clone(),
            nonce: challenge.nonce.clone(),
            uri: request.uri.as_str().to_owned(),
            response: String::new(),
            algorithm: challenge.algorithm,
            protection,
            cnonce: if has_cnonce {
                self.cnonce.clone()
            } else {
                String::new()
            },
            count: format!("{:08x}", self.count),
            opaque: challenge.opaque.clone(),
        };
        answer.response = answer.sum(&self.ha1, request.method.as_str(), &request.body);
        answer
    }
}

/// The challenges of a response: of each realm the first that can be answered, which is the server's preference
/// (RFC 8760 section 2.4).
fn offered(response: &Response) -> Vec<(Asker, Challenge)> {
    let mut out: Vec<(Asker, Challenge)> = Vec::new();
    for asker in Asker::ALL {
        let all = response.headers.all(asker.challenge()).take(MAX_CHALLENGES);
        for challenge in all.flat_map(challenges).take(MAX_CHALLENGES) {
            if !out.iter().any(|(a, c)| *a == asker && c.realm == challenge.realm) {
                out.push((asker, challenge));
            }
        }
    }
    out
}

fn answers(request: &Request, asker: Asker) -> impl Iterator<Item = Answer> {
    request.headers.all(asker.answer()).filter_map(Answer::parse)
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let realms: Vec<&str> = self.sessions.iter().map(|s| s.challenge.realm.as_str()).collect();
        f.debug_struct("Client")
            .field("credentials", &self.credentials)
            .field("realms", &realms)
            .finish()
    }
}
