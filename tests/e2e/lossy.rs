//! A network path that loses packets: a UDP relay between a client and the service.

use std::collections::HashMap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
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
