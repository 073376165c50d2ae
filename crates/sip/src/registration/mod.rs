//! Keeps a binding at a registrar (RFC 3261 section 10, RFC 5626, Path by RFC 3327, Service-Route by RFC 3608).
//!
//! ```text
//!            start                2xx                     share of the granted time
//!   Idle ───────────▶ Asking ───────────▶ Bound ──────────────────────────┐
//!     ▲               ▲ │ ▲ ▲               │ flow lost                   │
//!     │               └─┘ │ └───────────────┴─────────────────────────────┘
//!     │    401, 407, 423, │
//!     │        494        │
//!     │                   │ back-off, Retry-After
//!     │                Waiting ◀── Asking: 5xx, 408, 480, no answer, not bound
//!     │
//!     └── start ── Failed ◀────── Asking: 3xx, other 4xx, 6xx, credentials refused
//!
//!   stop, from anywhere: Asking (Expires: 0) where something may be bound, then Stopped
//! ```
//!
//! One request at a time, all with one Call-ID and rising CSeq (RFC 3261 section 10.2). Requests come out without Via, which
//! the transaction layer adds; what it says, response or failure, goes in. A binding may outlive a failed refresh: it is
//! lost only when its time is over.
//!
//! | module | what it knows |
//! | --- | --- |
//! | `settings` | where and as whom; limits and times |
//! | `request` | the REGISTER |
//! | `security` | what is agreed on about the security of media |
//! | `granted` | what a 2xx grants: our Contact among several |
//! | `event` | what comes out |
//! | `machine` | the states |
//!
//! ```
//! use omnigate_sip::Random;
//! use omnigate_sip::message::{Name, Response, Status};
//! use omnigate_sip::registration::{Event, Output, Registration, Settings};
//!
//! # let now = std::time::Instant::now();
//! let mut random = Random::new(1);
//! let settings = Settings::new("sip:example.com".parse()?, "sip:alice@example.com".parse()?, "sip:alice@192.0.2.1".parse()?);
//! let mut registration = Registration::new(settings, &mut random);
//! registration.start(now);
//! let Some(Output::Send(request)) = registration.poll() else { return Err("no request".into()) };
//!
//! // What the registrar would answer.
//! let ok = Response::new(&request, Status::OK, Some("tag")).with(Name::Expires, 600);
//! registration.response(&ok, now, &mut random);
//! assert!(matches!(registration.poll(), Some(Output::Event(Event::Registered(_)))));
//! assert!(registration.deadline().is_some_and(|at| at > now));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod event;
mod granted;
mod machine;
mod request;
mod security;
mod settings;

pub use event::{Event, Failure, Output, Setback};
pub use granted::{Granted, MAX_ROUTES};
pub use machine::Registration;
pub use security::verify;
pub use settings::{
    ANSWER_LIMIT, BACK_OFF_BASE, BACK_OFF_MOST, KEEP_ALIVE_DATAGRAM, KEEP_ALIVE_STREAM, MAX_EXPIRES,
    MAX_RETRY_AFTER, MAX_TRIES, MIN_REFRESH, REFRESH_SHARE, Settings,
};
