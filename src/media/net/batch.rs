//! Datagrams in batches: one system call takes all that has arrived, each with the time at which the kernel got it.
//!
//! Because the kernel keeps the time, nobody has to be woken for a packet: what a jitter buffer measures is the
//! network, not the moment of reading.

#[cfg(test)]
use crate::media::net::made::Port;
use quinn_udp::{RecvMeta, UdpSocketState};
use std::io::{self, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Datagrams taken by one system call.
const BATCH: usize = 8;
/// Bytes a datagram, or a run of equal ones that the kernel has joined (UDP GRO).
const BUFFER: usize = 65_536;
/// Most system calls for one socket and turn: a flood stays in the kernel and is dropped there.
const MOST_CALLS: usize = 64;
/// An arrival is never dated back further; the wall clock may have been set meanwhile.
const OLDEST: Duration = Duration::from_millis(200);

/// A UDP socket that is read in batches.
pub(crate) struct BatchSocket(Way);

/// Outside tests there is one, so that nothing is asked a packet.
enum Way {
    Kernel {
        socket: UdpSocket,
        state: UdpSocketState,
    },
    #[cfg(test)]
    Made(Port),
}

impl BatchSocket {
    /// Makes it non-blocking and asks the kernel for arrival times.
    pub(crate) fn new(socket: UdpSocket) -> io::Result<BatchSocket> {
        let state = UdpSocketState::new((&socket).into())?;
        Ok(BatchSocket(Way::Kernel { socket, state }))
    }

    /// A place on a made network.
    #[cfg(test)]
    pub(crate) fn made(port: Port) -> BatchSocket {
        BatchSocket(Way::Made(port))
    }

    pub(crate) fn send_to(&self, datagram: &[u8], to: SocketAddr) -> io::Result<usize> {
        match &self.0 {
            Way::Kernel { socket, .. } => socket.send_to(datagram, to),
            #[cfg(test)]
            Way::Made(port) => {
                port.send(datagram, to);
                Ok(datagram.len())
            }
        }
    }
}

/// The same moment on both clocks: the kernel's arrival times are wall clock, everything else is monotonic.
#[derive(Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) now: Instant,
    since_epoch: Duration,
}

impl Moment {
    /// Reads both clocks; once a turn, not once a packet.
    #[allow(
        clippy::disallowed_methods,
        reason = "the kernel's arrival times are wall clock"
    )]
    pub(crate) fn read() -> Moment {
        Moment {
            now: Instant::now(),
            since_epoch: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
        }
    }

    /// A moment of a made clock.
    #[cfg(test)]
    pub(crate) fn made(now: Instant) -> Moment {
        Moment {
            now,
            since_epoch: Duration::ZERO,
        }
    }

    fn of_arrival(&self, timestamp: Option<Duration>) -> Instant {
        let ago = timestamp.map_or(Duration::ZERO, |t| self.since_epoch.saturating_sub(t));
        self.now.checked_sub(ago.min(OLDEST)).unwrap_or(self.now)
    }
}

/// Buffers for one batch, shared by all sockets of a thread.
pub(crate) struct Batch {
    buffers: Vec<u8>,
    meta: [RecvMeta; BATCH],
}

impl Batch {
    pub(crate) fn new() -> Batch {
        Batch {
            buffers: vec![0; BATCH * BUFFER],
            meta: [RecvMeta::default(); BATCH],
        }
    }

    /// Hands out what has arrived on `socket` until it is empty, with source and time of arrival.
    pub(crate) fn receive(
        &mut self,
        socket: &BatchSocket,
        moment: &Moment,
        mut take: impl FnMut(SocketAddr, Instant, &[u8]),
    ) {
        let (socket, state) = match &socket.0 {
            Way::Kernel { socket, state } => (socket, state),
            #[cfg(test)]
            Way::Made(port) => {
                while let Some((source, datagram)) = port.receive() {
                    take(source, moment.now, &datagram);
                }
                return;
            }
        };
        for _ in 0..MOST_CALLS {
            let mut chunks = self.buffers.chunks_exact_mut(BUFFER);
            let mut slices: [IoSliceMut<'_>; BATCH] =
                std::array::from_fn(|_| IoSliceMut::new(chunks.next().unwrap_or_default()));
            let received = state.recv(socket.into(), &mut slices, &mut self.meta);
            let Ok(count) = received else { return };
            for (meta, buffer) in self
                .meta
                .iter()
                .zip(self.buffers.chunks_exact(BUFFER))
                .take(count)
            {
                let arrival = moment.of_arrival(meta.timestamp);
                let joined = buffer.get(..meta.len).unwrap_or_default();
                for datagram in joined.chunks(meta.stride.max(1)) {
                    take(meta.addr, arrival, datagram);
                }
            }
            if count < BATCH {
                return;
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test may wait")]
mod tests {
    use super::*;

    fn pair() -> (BatchSocket, UdpSocket, SocketAddr) {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        let to = receiver.local_addr().unwrap();
        (BatchSocket::new(receiver).unwrap(), sender, to)
    }

    #[test]
    fn all_that_has_arrived_is_handed_out_in_order_with_its_source() {
        let (receiver, sender, to) = pair();
        for i in 0..20u8 {
            sender.send_to(&[i; 172], to).unwrap();
        }
        let mut seen = Vec::new();
        Batch::new().receive(&receiver, &Moment::read(), |source, _, datagram| {
            assert_eq!(source, sender.local_addr().unwrap());
            assert_eq!(datagram.len(), 172);
            seen.push(datagram[0]);
        });
        assert_eq!(seen, (0..20).collect::<Vec<u8>>());
    }

    #[test]
    fn a_packet_that_waited_keeps_the_time_of_its_arrival() {
        let (receiver, sender, to) = pair();
        let slack = Duration::from_millis(5);
        // The kernel begins to keep the times a moment after the first socket has asked for them.
        let kept = (0..50).any(|_| {
            let before = Instant::now();
            sender.send_to(&[1], to).unwrap();
            let after = Instant::now();
            std::thread::sleep(Duration::from_millis(30));
            let mut arrival = None;
            Batch::new().receive(&receiver, &Moment::read(), |_, at, _| arrival = Some(at));
            arrival.is_some_and(|at| at + slack >= before && at <= after + slack)
        });
        assert!(kept);
    }

    #[test]
    fn a_clock_that_was_set_dates_nothing_far_back_or_ahead() {
        let moment = Moment {
            now: Instant::now(),
            since_epoch: Duration::from_secs(1000),
        };
        assert_eq!(moment.of_arrival(Some(Duration::from_secs(2000))), moment.now);
        assert_eq!(
            moment.of_arrival(Some(Duration::from_secs(1))),
            moment.now - OLDEST
        );
        assert_eq!(moment.of_arrival(None), moment.now);
    }
}
