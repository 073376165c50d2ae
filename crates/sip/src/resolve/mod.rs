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
