//! SIP sockets and trunks: what carries the calls of `omnigate_sip`.
//!
//! Every datagram and every stream is filtered by source and passes the shield before `rsipstack` parses it;
//! above its transaction layer each transaction has one task that reports to the call it belongs to.

mod endpoint;
mod filter;
mod flow;
mod stream;
mod transaction;
mod trunks;
mod udp;

pub(crate) use endpoint::answer;
pub use endpoint::{CallTable, DialogKey, Endpoint, EndpointSettings, Incoming, SipError};
pub use filter::SourceFilter;
pub use flow::Flow;
pub use transaction::{Event, ServerTransaction};
pub use trunks::{Trunk, Trunks};
