//! What the driver needs of a network.

use super::dial::Troubles;
use bytes::Bytes;
use omnigate_sip::message::{Transport, Unreadable};
use omnigate_sip::transaction::{Origin, Transmit};
use omnigate_sip::{ConnectionId, Hop, Listeners};
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::sync::oneshot;

/// Something that came from the network.
#[derive(Debug)]
pub(crate) enum Arrival {
    /// A whole message.
    Message(Hop, Bytes),
    /// The framing of a stream found this; the stream is over.
    Unreadable(Hop, Box<Unreadable>),
    /// Something could not be sent.
    Failed(Origin),
}

/// A network: sockets, or what a test has made.
pub(crate) trait Network: Send + 'static {
    /// The next arrival, in the order of the wire; that of different neighbours is as good as any.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Arrival>;

    /// Sends. What cannot be sent arrives as [`Arrival::Failed`]; it does not wait.
    fn send(&mut self, transmit: Transmit);

    /// The end of a turn: what was to be sent goes out together.
    fn flush(&mut self);

    /// Asks the other side whether it is there (RFC 5626 section 3.5.1); `pong` is told when it is, and dropped where there is
    /// no connection. Over datagrams nobody answers: it keeps what lies between open, and is told at once.
    fn keep_alive(&mut self, hop: &Hop, pong: oneshot::Sender<()>);

    /// Keeps a connection, though no call uses it; `gone` is dropped when it is gone.
    fn watch(&mut self, hop: &Hop, gone: oneshot::Sender<()>);

    /// Ends a connection.
    fn cut(&mut self, hop: &Hop);

    /// Lets go of what nobody has used for long; `used` says which connections calls go by.
    fn sweep(&mut self, used: &dyn Fn(ConnectionId) -> bool);
}

/// Our side of a network.
#[derive(Debug, Default)]
pub(crate) struct OwnSide {
    /// Listening addresses, with the ports that they have got.
    pub(crate) addresses: Vec<(Transport, SocketAddr)>,
    /// Our addresses as others see them, those among them by which we only call.
    pub(crate) listeners: Listeners,
    /// Why connections could not be made.
    pub(crate) troubles: Arc<Troubles>,
}
