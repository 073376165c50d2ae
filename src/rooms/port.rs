//! What the gateway asks of the rooms: to be connected with somebody, and to be let go.

use crate::media::LegSeat;
use omnigate_omnitalk::{ClientId, DialRefusal, Dialling, RecordPolicy, TelephoneNotice, Unshown};
use omnigate_room::{CallId, CallOver, RoomId};
use std::net::IpAddr;
use std::time::Duration;
use tokio::sync::mpsc;

/// The longest that the rooms may take to take an order.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// A telephone call as the rooms need it.
#[derive(Clone)]
pub struct Telephone {
    /// The number of whoever calls, or is called; empty when withheld.
    pub number: String,
    /// What is recorded because of its trunk.
    pub record: RecordPolicy,
    /// Its leg, which the rooms move to where it is to talk.
    pub leg: LegSeat,
    /// What becomes of it; a handful for each call. The end of these is the end of the rooms.
    pub notices: mpsc::UnboundedSender<ToTelephone>,
}

/// What the rooms say to the call of a telephone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToTelephone {
    /// What has become of it.
    Notice(TelephoneNotice),
    /// Keys that somebody presses for it: 0 to 9, *, #, A to D.
    Press(Unshown),
}

/// Where a socket comes from.
#[derive(Debug, Clone, Copy)]
pub struct SocketOrigin {
    /// The client whose limits it shares; none: it has none.
    pub client: Option<ClientId>,
    /// Its address.
    pub address: IpAddr,
}

/// A call that an app wants to a telephone. One for each request of an app that waits.
#[derive(Debug)]
pub struct DialOrder {
    /// The call that it will be.
    pub call: CallId,
    /// Whose call, and to whom.
    pub dialling: Dialling,
}

/// Whom it calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// A user of a service: rings its sessions.
    User {
        /// The service.
        service: String,
        /// The user id.
        user: String,
    },
    /// A room: enters it.
    Room(RoomId),
}

/// Why the rooms do not take an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RoomsError {
    /// They have ended.
    #[error("the rooms have ended")]
    Ended,
    /// They did not answer in time.
    #[error("the rooms did not answer within {} s", PATIENCE.as_secs())]
    TimeOut,
}

/// The way to the rooms. Every order is acknowledged, and every wait has an end.
#[async_trait::async_trait]
pub trait RoomPort: Send + Sync {
    /// Connects a call; what becomes of it comes by its notices. Its leg is moved before a notice says so.
    async fn connect(&self, call: CallId, telephone: Telephone, to: Destination) -> Result<(), RoomsError>;
    /// Whether the telephone of a [`DialOrder`] is called. What becomes of the call comes by its notices: `Dialled` once it has
    /// a room, `Ended` when the app does not want it any more.
    async fn dialled(&self, call: CallId, answer: Result<Telephone, DialRefusal>) -> Result<(), RoomsError>;
    /// The telephone that was called has answered.
    async fn answered(&self, call: CallId) -> Result<(), RoomsError>;
    /// The call to a telephone is over, because of this.
    async fn failed(&self, call: CallId, why: CallOver) -> Result<(), RoomsError>;
    /// The telephone of a call is another one from now on, with this leg: it takes the place of the old one, which hears
    /// nothing more.
    async fn reseat(&self, call: CallId, leg: LegSeat) -> Result<(), RoomsError>;
    /// The telephone's side is over, in any state.
    async fn hang_up(&self, call: CallId) -> Result<(), RoomsError>;
}
