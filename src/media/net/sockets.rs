//! Where sockets come from: the kernel, or in tests a made network.

use crate::media::net::batch::BatchSocket;
#[cfg(test)]
use crate::media::net::made::Net;
use std::io;
use std::net::{SocketAddr, UdpSocket};

/// Opens sockets.
#[derive(Debug, Clone)]
pub(crate) enum Sockets {
    /// Those of the kernel.
    Kernel,
    /// Those of a made network.
    #[cfg(test)]
    Made(Net),
}

impl Sockets {
    /// A UDP socket at this address.
    pub(crate) fn udp(&self, address: SocketAddr) -> io::Result<BatchSocket> {
        match self {
            Sockets::Kernel => BatchSocket::new(UdpSocket::bind(address)?),
            #[cfg(test)]
            Sockets::Made(net) => Ok(BatchSocket::made(net.bind(address)?)),
        }
    }
}
