//! A network without sockets, for tests: what is sent to an address waits there, in its order, until it is read.

#![allow(
    clippy::disallowed_types,
    reason = "no packet of a telephone or browser comes here"
)]

use crate::sync::lock;
use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

/// A datagram, with where it comes from.
pub(crate) type Datagram = (SocketAddr, Vec<u8>);

/// All addresses that somebody is at. What is sent to another one is lost.
#[derive(Debug, Clone, Default)]
pub(crate) struct Net(Arc<Mutex<HashMap<SocketAddr, VecDeque<Datagram>>>>);

/// Somebody's place at an address.
#[derive(Debug)]
pub(crate) struct Port {
    net: Net,
    local: SocketAddr,
}

impl Net {
    /// A place at this address.
    ///
    /// # Errors
    /// Somebody is there already.
    pub(crate) fn bind(&self, local: SocketAddr) -> io::Result<Port> {
        let mut all = lock(&self.0);
        if all.contains_key(&local) {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        all.insert(local, VecDeque::new());
        Ok(Port {
            net: self.clone(),
            local,
        })
    }
}

impl Port {
    pub(crate) fn local(&self) -> SocketAddr {
        self.local
    }

    pub(crate) fn send(&self, datagram: &[u8], to: SocketAddr) {
        if let Some(inbox) = lock(&self.net.0).get_mut(&to) {
            inbox.push_back((self.local, datagram.to_vec()));
        }
    }

    /// The datagram that has waited for longest.
    pub(crate) fn receive(&self) -> Option<Datagram> {
        lock(&self.net.0).get_mut(&self.local)?.pop_front()
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        lock(&self.net.0).remove(&self.local);
    }
}
