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
