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
    /// Asks the other side of a way whether it is there; a dropped sender: there is no connection.
    KeepAlive(Hop, oneshot::Sender<()>),
    /// Keeps the connection of a way; the sender is dropped when it is gone.
    Watch(Hop, oneshot::Sender<()>),
    /// Ends the connection of a way.
    Cut(Hop),
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
            Order::KeepAlive(..) => "KeepAlive",
            Order::Watch(..) => "Watch",
            Order::Cut(..) => "Cut",
            Order::Resolved(..) => "Resolved",
            Order::Stop => "Stop",
        })
    }
}
