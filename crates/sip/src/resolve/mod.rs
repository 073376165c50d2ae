//! Where a request goes: a URI into addresses (RFC 3263), without asking anybody itself.
//!
//! ```text
//!   Target ──▶ Lookup ──▶ Step::Ask(Question) ──▶ the driver's resolver
//!                ▲                                       │
//!                └────────── answer(question, …) ◀───────┘
//!                │
//!                └──▶ Step::Done(Resolved) ──▶ Cache, Candidates: one after the other, none twice
//! ```
//!
//! | module | what it knows |
//! | --- | --- |
//! | `target` | what is looked for, from a URI or a setting |
//! | `question` | questions to the DNS and what it answers |
//! | `order` | NAPTR, SRV and address families in their order |
//! | `lookup` | which question follows from which answer |
//! | `lead` | what is still to be followed |
//! | `outcome` | what a lookup says, its limits |
//! | `candidate` | what came out; failover from one to the next |
//! | `cache` | what came out lately |
//!
//! ```
//! use omnigate_sip::Random;
//! use omnigate_sip::message::{Transport, Uri};
//! use omnigate_sip::resolve::*;
//!
//! let uri: Uri = "sip:alice@example.com:5070".parse()?;
//! let target = uri.sip().as_ref().and_then(Target::of_uri).ok_or("no target")?;
//! let ways = Ways { transports: vec![Transport::Udp], families: Families::V4 };
//! let mut random = Random::new(1);
//! let mut lookup = Lookup::new(&[target], ways, &mut random);
//! let resolved = loop {
//!     match lookup.poll() {
//!         // A driver asks the DNS here, and waits at `Step::Wait` until something comes back.
//!         Step::Ask(question) => {
//!             let records = Records::Addresses(vec![[192, 0, 2, 1].into()]);
//!             let found = Found { records, ttl: std::time::Duration::from_secs(60) };
//!             lookup.answer(&question, Ok(found), &mut random);
//!         }
//!         Step::Done(result) => break result?,
//!         _ => return Err("nothing else comes here".into()),
//!     }
//! };
//! let mut candidates = Candidates::new(resolved.candidates);
//! assert_eq!(candidates.next().map(|c| c.address), Some(([192, 0, 2, 1], 5070).into()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod cache;
mod candidate;
mod lead;
mod lookup;
mod order;
mod outcome;
mod question;
mod target;

pub use cache::{Cache, MAX_ENTRIES, NEGATIVE_TTL};
pub use candidate::{Candidate, Candidates};
pub use lookup::Lookup;
pub use order::{Families, MAX_RECORDS};
pub use outcome::{MAX_CANDIDATES, MAX_QUESTIONS, MAX_TARGETS, MAX_TTL, ResolveError, Resolved, Step};
pub use question::{Failure, Found, Naptr, Question, Records, Srv};
pub use target::{Place, Target, Ways};
