//! How packets come and go: sockets, ports, and whose a packet is.

pub(super) mod batch;
pub(super) mod latch;
pub(super) mod port;
pub(super) mod ports;
pub(super) mod routes;
pub(super) mod tcp;
