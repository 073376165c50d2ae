//! Identifiers that the driver gives: of sockets and clients.

/// One WebSocket connection. The driver numbers them and never uses a number twice.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct SocketId(pub u64);

/// Whoever the driver takes for one client, over all its connections.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct ClientId(pub u128);
