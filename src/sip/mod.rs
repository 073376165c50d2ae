//! SIP on sockets: what drives `omnigate_sip`, and who may speak to it.
//!
//! ```text
//!   UDP sockets ──┐                      ┌──▶ calls: a queue of events each, in the order of the wire
//!                 ├──▶ Driver ⇄ Endpoint ┤
//!   streams ──────┘     ▲                └──▶ new calls, to the gateway
//!                       └── what calls want done (SipCall, Sip)
//! ```
//!
//! | file | what it knows |
//! | --- | --- |
//! | `driver` | the one task that owns the endpoint |
//! | `calls` | a call and the whole of SIP, as others have them |
//! | `settings`, `order` | what SIP is started with; what the driver is asked to do |
//! | `network` | what the driver needs of a network; sockets are one, a test has another |
//! | `sockets` | UDP, and the streams beside it |
//! | `streams`, `stream`, `link` | all connections of streams; one of them; in the clear or by TLS |
//! | `doors`, `places`, `dial` | connections that others make to us, how many; and those that we make |
//! | `tls` | what we show by TLS, and whom we believe |
//! | `filter`, `strangers`, `told` | which sources may send, and how much; who sends though it may not; how often that is told |
//! | `names` | names of gateways, asked of the DNS |
//! | `marked` | our id of a call in its responses |

mod calls;
mod dial;
mod doors;
mod driver;
mod filter;
mod link;
mod marked;
mod names;
mod network;
mod order;
mod places;
mod settings;
mod sockets;
mod strangers;
mod stream;
mod streams;
#[cfg(test)]
mod tests;
mod tls;
mod told;

pub use calls::{IncomingCall, NewCall, RefusedCall, Sip, SipCall};
pub use dial::DialFault;
pub(crate) use driver::reason;
pub use filter::SourceFilter;
#[cfg(test)]
pub(crate) use network::{Arrival, Network, OwnSide};
pub use settings::{SipError, SipParts, SipSettings};
pub use strangers::Stranger;
pub use tls::{Tls, TlsOfTrunk, TlsSettings, Versions};
