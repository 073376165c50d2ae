//! How packets come and go: sockets, ports, and whose a packet is.

pub(super) mod batch;
pub(super) mod latch;
#[cfg(test)]
pub(super) mod made;
pub(super) mod port;
pub(super) mod ports;
pub(super) mod report_latch;
pub(super) mod routes;
pub(super) mod sockets;
pub(super) mod sources;
pub(super) mod stream;
pub(super) mod tcp;
