//! Opening a shard's WebRTC port: UDP, and TCP of the same number.

#![allow(clippy::disallowed_macros, reason = "nothing here runs a packet")]

use crate::media::net::batch::BatchSocket;
use crate::media::settings::MediaSettings;
use mio::net::TcpListener;
use omnigate_rtc::Path;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use tracing::warn;

/// Receive buffer asked for on a WebRTC port, bytes: a burst of 50 packets of each of 100 peers.
const BUFFER: usize = 4 << 20;
/// Tries to find a number that is free for both, when any may be taken.
const TRIES: usize = 16;

/// An open port.
pub(crate) struct WebrtcPort {
    pub(crate) udp: BatchSocket,
    pub(crate) tcp: Option<TcpListener>,
    pub(crate) announced: Announced,
}

/// What is told of a port.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Announced {
    pub(crate) port: u16,
    tcp: bool,
}

impl WebrtcPort {
    /// Opens the port of the shard with this index. A TCP port that is taken is a warning.
    pub(crate) fn open(settings: &MediaSettings, index: usize) -> io::Result<WebrtcPort> {
        let wanted = match settings.webrtc_port {
            0 => 0,
            first => first.saturating_add(index as u16),
        };
        let mut tries = 1;
        loop {
            let udp = UdpSocket::bind((settings.bind, wanted))?;
            let _ = socket2::SockRef::from(&udp).set_recv_buffer_size(BUFFER);
            let port = udp.local_addr()?.port();
            let tcp = settings
                .webrtc_tcp
                .then(|| TcpListener::bind(SocketAddr::new(settings.bind, port)));
            let tcp = match tcp {
                Some(Err(_)) if wanted == 0 && tries < TRIES => {
                    tries += 1;
                    continue;
                }
                Some(Err(error)) => {
                    warn!(port, %error, "media.webrtc_port: no TCP there; browsers need UDP");
                    None
                }
                Some(Ok(listener)) => Some(listener),
                None => None,
            };
            let announced = Announced {
                port,
                tcp: tcp.is_some(),
            };
            let udp = BatchSocket::new(udp)?;
            return Ok(WebrtcPort { udp, tcp, announced });
        }
    }
}

#[cfg(test)]
impl WebrtcPort {
    /// The port of the shard with this index, UDP alone, of other sockets than the kernel's.
    pub(crate) fn made(
        settings: &MediaSettings,
        index: usize,
        sockets: &crate::media::net::sockets::Sockets,
    ) -> io::Result<WebrtcPort> {
        let port = settings.webrtc_port + index as u16;
        Ok(WebrtcPort {
            udp: sockets.udp(SocketAddr::new(settings.bind, port))?,
            tcp: None,
            announced: Announced { port, tcp: false },
        })
    }
}

impl Announced {
    /// Its candidates, the preferred ones first.
    pub(crate) fn candidates(self, settings: &MediaSettings) -> Vec<Path> {
        let addresses = || {
            settings
                .advertise
                .iter()
                .map(|ip| SocketAddr::new(*ip, self.port))
        };
        let tcp = addresses().filter(|_| self.tcp).map(Path::Tcp);
        addresses().map(Path::Udp).chain(tcp).collect()
    }
}
