//! What the driver is asked to do.

use omnigate_sip::message::{Request, Response, Transport};
use omnigate_sip::{CallError, CallEvent, CallKey, Endpoint, Hop, Invitation};
use std::fmt;
use std::net::SocketAddr;
use std::time::Instant;
use tokio::sync::{mpsc, oneshot};

/// What the driver is asked to do.
pub(super) enum Order {
    Act(CallKey, Act),
    Invite(Box<Invitation>, Begun),
    /// Sends a request outside of calls; a dropped sender is no answer.
    Ask(Box<Request>, Hop, oneshot::Sender<Box<Response>>),
    Resolved(CallKey, String, Transport, SocketAddr),
    Stop,
}

/// Something that is done with a call.
pub(super) type Act = Box<dyn FnOnce(&mut Endpoint, Instant, CallKey) -> Result<(), CallError> + Send>;
/// Takes the call that was begun, its Call-ID, and what happens to it.
pub(super) type Begun = Box<dyn FnOnce(CallKey, String, mpsc::Receiver<CallEvent>) + Send>;

impl fmt::Debug for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Order::Act(..) => "Act",
            Order::Invite(..) => "Invite",
            Order::Ask(..) => "Ask",
            Order::Resolved(..) => "Resolved",
            Order::Stop => "Stop",
        })
    }
}
