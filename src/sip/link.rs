//! A connection, in the clear or not.

use omnigate_sip::message::Transport;
use tokio::net::TcpStream;
use tokio_rustls::TlsStream;

/// See the module.
pub(super) enum Link {
    Plain(TcpStream),
    Secure(Box<TlsStream<TcpStream>>),
}

impl Link {
    pub(super) fn tcp(&self) -> &TcpStream {
        match self {
            Link::Plain(stream) => stream,
            Link::Secure(stream) => stream.get_ref().0,
        }
    }

    pub(super) fn transport(&self) -> Transport {
        match self {
            Link::Plain(_) => Transport::Tcp,
            Link::Secure(_) => Transport::Tls,
        }
    }
}
