//! Network paths that are not good: a UDP relay between a client and the service that loses packets, and a TCP relay whose
//! connections can be broken.

use std::collections::HashMap;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Carries datagrams both ways and loses every `n`th towards the service.
pub struct LossyPath {
    pub port: u16,
    lost: Arc<AtomicU64>,
    ended: Arc<AtomicBool>,
}

impl LossyPath {
    /// A path to port `service` of this machine that loses one of `n`.
    pub fn to(service: u16, n: u64) -> LossyPath {
        let front = UdpSocket::bind("127.0.0.1:0").unwrap();
        front.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        let path = LossyPath {
            port: front.local_addr().unwrap().port(),
            lost: Arc::default(),
            ended: Arc::default(),
        };
        let (lost, ended) = (path.lost.clone(), path.ended.clone());
        std::thread::spawn(move || {
            let to = SocketAddr::from(([127, 0, 0, 1], service));
            let mut clients: HashMap<SocketAddr, UdpSocket> = HashMap::new();
            let (mut buffer, mut seen) = ([0; 2048], 0u64);
            while !ended.load(Relaxed) {
                let Ok((length, client)) = front.recv_from(&mut buffer) else {
                    continue;
                };
                seen += 1;
                if seen.is_multiple_of(n) {
                    lost.fetch_add(1, Relaxed);
                    continue;
                }
                let out = clients
                    .entry(client)
                    .or_insert_with(|| way_back(&front, client, to, &ended));
                let _ = out.send(&buffer[..length]);
            }
        });
        path
    }

    pub fn lost(&self) -> u64 {
        self.lost.load(Relaxed)
    }
}

impl Drop for LossyPath {
    fn drop(&mut self) {
        self.ended.store(true, Relaxed);
    }
}

/// The socket towards the service for one client, with a thread that carries what comes back.
fn way_back(front: &UdpSocket, client: SocketAddr, to: SocketAddr, ended: &Arc<AtomicBool>) -> UdpSocket {
    let out = UdpSocket::bind("127.0.0.1:0").unwrap();
    out.connect(to).unwrap();
    let (back, front, ended) = (
        out.try_clone().unwrap(),
        front.try_clone().unwrap(),
        ended.clone(),
    );
    back.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    std::thread::spawn(move || {
        let mut buffer = [0; 2048];
        while !ended.load(Relaxed) {
            if let Ok(length) = back.recv(&mut buffer) {
                let _ = front.send_to(&buffer[..length], client);
            }
        }
    });
    out
}

/// Carries TCP connections both ways.
pub struct TcpPath {
    pub port: u16,
    connections: Arc<Mutex<Vec<TcpStream>>>,
}

impl TcpPath {
    /// A path to port `service` of this machine, until the end of the tests.
    pub fn to(service: u16) -> TcpPath {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let path = TcpPath {
            port: listener.local_addr().unwrap().port(),
            connections: Arc::default(),
        };
        let connections = path.connections.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(out) = TcpStream::connect(("127.0.0.1", service)) else {
                    continue;
                };
                for stream in [&client, &out] {
                    stream.set_nodelay(true).unwrap();
                    connections.lock().unwrap().push(stream.try_clone().unwrap());
                }
                carry(&client, &out);
                carry(&out, &client);
            }
        });
        path
    }

    /// Ends all connections; how many there have been since the last time.
    pub fn break_all(&self) -> usize {
        let all = std::mem::take(&mut *self.connections.lock().unwrap());
        for stream in &all {
            let _ = stream.shutdown(Shutdown::Both);
        }
        all.len() / 2
    }
}

fn carry(from: &TcpStream, to: &TcpStream) {
    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Both);
    });
}
