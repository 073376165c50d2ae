//! What a shard's members send by and report to.

use crate::media::event::PeerEvent;
use crate::media::net::batch::BatchSocket;
use crate::media::net::tcp::TcpPort;
use crate::media::stats::ShardFigures;
use crate::media::tap::Tap;
use omnigate_rtc::Path;
use std::cell::RefCell;
use std::sync::Arc;
use tokio::sync::mpsc::Sender;

/// The shard's WebRTC port and where its peers report.
pub(crate) struct Outlet {
    pub(crate) socket: Arc<BatchSocket>,
    pub(crate) tcp: RefCell<TcpPort>,
    /// Where what recorded members send goes.
    pub(crate) tap: RefCell<Tap>,
    pub(crate) events: Sender<PeerEvent>,
    pub(crate) figures: Arc<ShardFigures>,
}

impl Outlet {
    pub(super) fn tell(&self, event: PeerEvent) {
        if self.events.try_send(event).is_err() {
            ShardFigures::count(&self.figures.events_lost);
        }
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
