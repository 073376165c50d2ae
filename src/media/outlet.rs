//! What a shard's members send by and report to.

use crate::media::event::PeerEvent;
use crate::media::net::batch::BatchSocket;
use crate::media::net::tcp::TcpPort;
use crate::media::stats::ShardFigures;
use crate::media::tap::Tap;
use omnigate_rtc::Path;
use std::cell::RefCell;
use std::sync::Arc;
use tokio::sync::mpsc::UnboundedSender;

/// A shard's WebRTC port, and where its members report.
pub(crate) struct Outlet {
    pub(crate) socket: Arc<BatchSocket>,
    pub(crate) tcp: RefCell<TcpPort>,
    /// Where what recorded members send goes.
    pub(crate) tap: RefCell<Tap>,
    /// Bounded by what is open: a peer is told of twice, a stream or viewer once.
    pub(crate) events: UnboundedSender<PeerEvent>,
    pub(crate) figures: Arc<ShardFigures>,
}

impl Outlet {
    pub(super) fn tell(&self, event: PeerEvent) {
        // The control plane has ended: nobody is left to be told.
        let _ = self.events.send(event);
    }

    pub(super) fn transmit(&self, destination: Path, datagram: &[u8]) {
        let sent = match destination {
            Path::Udp(address) => self.socket.send_to(datagram, address).is_ok(),
            Path::Tcp(address) => self.tcp.borrow_mut().send(address, datagram),
        };
        if sent {
            ShardFigures::count(&self.figures.webrtc_sent);
        }
    }
}
