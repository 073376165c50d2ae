//! Digest authentication as client and as server (RFC 3261 section 22, RFC 7616, RFC 8760).
//!
//! | module | what it knows |
//! | --- | --- |
//! | `syntax` | challenges and credentials within header fields, as raw text |
//! | `challenge`, `answer` | what they mean, read and written |
//! | `asker` | server or proxy, and the fields of each |
//! | `hash` | algorithms, protection, the sum itself |
//! | `credentials` | user and password of a client |
//! | `client` | answers challenges, keeps nonces, gives up in time |
//! | `nonce` | nonces that a server knows again without keeping them, and the counts it has seen |
//! | `server` | challenges, and the verdict about a request |
//!
//! Realm, nonce, opaque and URI are carried and summed as they stand between their quotes; a user name is summed without
//! its escapes. That is what both sides of the wire do, whatever the letter of RFC 7616 section 3.4 says of escapes.
//!
//! ```
//! use omnigate_sip::Random;
//! use omnigate_sip::digest::{Algorithm, Asker, Client, Credentials, Proof, Server, Verdict};
//! use omnigate_sip::message::{Method, Request, Response, Status};
//!
//! # let now = std::time::Instant::now();
//! let mut random = Random::new(1);
//! let mut server = Server::new("example.com", &[7; 32], now);
//! let passwords = |user: &str, _: &str, _: Algorithm| (user == "alice").then(|| Proof::Password("secret".into()));
//! let mut client = Client::new([Credentials::new("alice", "secret")]);
//!
//! let mut request = Request::new(Method::Register, "sip:example.com".parse()?);
//! assert_eq!(server.verify(&request, Asker::Server, &passwords, now), Verdict::NoCredentials);
//! let mut response = Response::new(&request, Status::UNAUTHORIZED, None);
//! server.challenge(&mut response, Asker::Server, false, now, &mut random);
//!
//! client.challenged(&request, &response, &mut random)?;
//! client.authorize(&mut request);
//! let accepted = Verdict::Accepted { user: "alice".into() };
//! assert_eq!(server.verify(&request, Asker::Server, &passwords, now), accepted);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod answer;
mod asker;
mod challenge;
mod client;
mod credentials;
mod hash;
mod nonce;
mod server;
mod syntax;

pub use answer::Answer;
pub use asker::Asker;
pub use challenge::{Challenge, MAX_CHALLENGES, challenges};
pub use client::{Client, MAX_REALMS, MAX_STALE, Refused};
pub use credentials::Credentials;
pub use hash::{Algorithm, Protection, Sum};
pub use nonce::{MAX_NONCES, WINDOW};
pub use server::{Denial, KEY_LENGTH, Passwords, Proof, Server, Verdict};
