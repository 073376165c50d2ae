//! Real connections on this machine, with a clock of the tests' own.

use super::*;
use mio::{Events, Poll};
use std::io::Read;
use std::net::Ipv4Addr;

const LENGTH: usize = 1200;

struct Rig {
    poll: Poll,
    port: TcpPort,
    address: SocketAddr,
    now: Instant,
}

impl Rig {
    fn new() -> Rig {
        let (poll, now) = (Poll::new().unwrap(), Instant::now());
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let address = listener.local_addr().unwrap();
        let registry = poll.registry().try_clone().unwrap();
        let port = TcpPort::new(Some(listener), registry, Arc::default(), now).unwrap();
        Rig {
            poll,
            port,
            address,
            now,
        }
    }

    /// Takes what the kernel has to say, as a shard does.
    fn turn(&mut self) {
        let mut events = Events::with_capacity(64);
        self.poll
            .poll(&mut events, Some(Duration::from_millis(20)))
            .unwrap();
        for event in &events {
            match connection_of(event.token()) {
                Some(n) => self.port.ready(n, event.is_writable()),
                None => self.port.acceptable(),
            }
        }
        for number in self.port.turn(self.now) {
            let Some(mut reading) = self.port.begin(number) else {
                continue;
            };
            while self.port.read(&mut reading) {}
            self.port.end(reading, true);
        }
    }

    /// A client whose kernel takes little.
    fn connect(&mut self) -> std::net::TcpStream {
        self.connect_by(|socket| socket.set_recv_buffer_size(2048).unwrap())
    }

    fn connect_by(&mut self, set: impl FnOnce(&socket2::Socket)) -> std::net::TcpStream {
        let client = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        set(&client);
        client.connect(&self.address.into()).unwrap();
        (0..5).for_each(|_| self.turn());
        client.into()
    }

    /// Sends numbered datagrams until no more is taken; how many were.
    fn fill(&mut self, client: &std::net::TcpStream) -> u32 {
        let to = client.local_addr().unwrap();
        let mut next = 0;
        loop {
            // The kernel may have made room since the last one.
            (0..3).for_each(|_| self.turn());
            let before = next;
            while self.port.send(to, &datagram(next)) {
                next += 1;
            }
            if next == before {
                return next;
            }
        }
    }

    fn connection(&self, client: &std::net::TcpStream) -> Option<&Connection> {
        let number = self.port.numbers.get(&client.local_addr().unwrap())?;
        self.port.connections.get(number)
    }
}

fn datagram(number: u32) -> [u8; LENGTH] {
    let mut datagram = [7; LENGTH];
    datagram[..4].copy_from_slice(&number.to_be_bytes());
    datagram
}

/// The numbers of the datagrams that come until there are no more for a moment; each must be whole.
fn read(rig: &mut Rig, client: &mut std::net::TcpStream) -> Vec<u32> {
    client.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let (mut deframer, mut numbers, mut quiet) = (Deframer::default(), Vec::new(), 0);
    let mut buffer = vec![0; 65_536];
    while quiet < 3 {
        let Ok(length @ 1..) = client.read(&mut buffer) else {
            quiet += 1;
            rig.turn();
            continue;
        };
        quiet = 0;
        deframer
            .push(&buffer[..length], |d| {
                let number = u32::from_be_bytes(d[..4].try_into().unwrap());
                assert_eq!(d, datagram(number));
                numbers.push(number);
            })
            .unwrap();
        rig.turn();
    }
    numbers
}

fn is_closed(client: &mut std::net::TcpStream) -> bool {
    client.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    loop {
        match client.read(&mut [0; 65_536]) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(e) => return e.kind() == ErrorKind::ConnectionReset,
        }
    }
}

#[test]
fn no_more_connections_are_taken_than_there_is_room_for() {
    let mut rig = Rig::new();
    assert_eq!(rig.port.most, MAX_CONNECTIONS);
    rig.port.most = 3;
    let mut clients: Vec<_> = (0..4).map(|_| rig.connect()).collect();
    assert_eq!(rig.port.connections.len(), 3);
    assert!(is_closed(&mut clients[3]));
    clients.truncate(2);
    (0..5).for_each(|_| rig.turn());
    clients.push(rig.connect());
    assert_eq!(rig.port.connections.len(), 3);
    assert!(rig.connection(&clients[2]).is_some());
}

#[test]
fn what_waits_is_bounded_in_one_connection_and_in_all() {
    let mut rig = Rig::new();
    let (one, other) = (rig.connect(), rig.connect());
    rig.fill(&one);
    let waiting = rig.connection(&one).unwrap().bytes;
    assert!((MAX_WAITING - framing::HEADER - LENGTH..=MAX_WAITING).contains(&waiting));
    assert_eq!(rig.port.waiting, waiting);

    // As if others had left room for that much.
    const ROOM: usize = 10_000;
    let others = MAX_WAITING_ALL - waiting - ROOM;
    rig.port.waiting += others;
    rig.fill(&other);
    let waiting = rig.connection(&other).unwrap().bytes;
    assert!(
        (ROOM - framing::HEADER - LENGTH..=ROOM).contains(&waiting),
        "{waiting}"
    );
    rig.port.waiting -= others;

    drop((one, other));
    (0..5).for_each(|_| rig.turn());
    assert_eq!((rig.port.connections.len(), rig.port.waiting), (0, 0));
}

#[test]
fn a_connection_that_takes_nothing_while_datagrams_are_dropped_is_closed_after_ten_seconds() {
    let mut rig = Rig::new();
    let (mut stalled, mut slow) = (rig.connect(), rig.connect());
    let start = rig.now;
    let seconds = (1..30).find(|second| {
        rig.now = start + *second * SWEEP;
        rig.turn();
        for client in [&stalled, &slow] {
            let to = client.local_addr().unwrap();
            for n in 0..20 {
                rig.port.send(to, &datagram(n));
            }
        }
        read(&mut rig, &mut slow);
        rig.port.sweep(rig.now, |_| true);
        !rig.port.closed.is_empty()
    });
    // Two until the first datagram is too old.
    assert!(seconds.is_some_and(|s| (11..=13).contains(&s)), "{seconds:?}");
    assert_eq!(rig.port.take_closed(), [stalled.local_addr().unwrap()]);
    assert!(is_closed(&mut stalled) && rig.connection(&slow).is_some());
}

#[test]
fn what_has_waited_too_long_is_dropped_and_everything_else_comes_whole() {
    let mut rig = Rig::new();
    let mut client = rig.connect();
    let early = rig.fill(&client);
    let unsent = rig.connection(&client).unwrap().waiting.len() as u32;
    rig.now += MAX_AGE;
    rig.turn();
    let to = client.local_addr().unwrap();
    assert!(!rig.port.send(to, &datagram(early)), "nothing is too old yet");
    rig.now += Duration::from_millis(1);
    rig.turn();
    let late = early + 10;
    for number in early..late {
        assert!(rig.port.send(to, &datagram(number)), "{number}");
    }
    // What was in the kernel, and the one begun; then what is new.
    let kept: Vec<u32> = (0..late)
        .filter(|n| *n <= early - unsent || *n >= early)
        .collect();
    let mut numbers = read(&mut rig, &mut client);
    let begun = numbers.contains(&(early - unsent));
    if !begun {
        numbers.push(early - unsent);
        numbers.sort_unstable();
    }
    assert_eq!(numbers, kept);
    assert_eq!(rig.port.waiting, 0);
}

#[test]
fn the_kernel_holds_little_that_is_not_on_its_way() {
    let mut rig = Rig::new();
    let client = rig.connect_by(|_| {});
    let to = client.local_addr().unwrap();
    // A packet of speech; the receiver's window is open wide at first.
    let taken = (0..10_000)
        .take_while(|_| rig.port.send(to, &[7; 130]) && rig.connection(&client).unwrap().waiting.is_empty())
        .count();
    let connection = rig.connection(&client).unwrap();
    assert!(!connection.waiting.is_empty(), "{taken} taken");
    let sent = taken * 132 + connection.sent;
    // What is on its way on loopback has arrived in the other end's kernel.
    client.set_nonblocking(true).unwrap();
    let mut buffer = vec![0; 1 << 20];
    let arrived = client.peek(&mut buffer).unwrap();
    let unsent = sent - arrived;
    assert!(
        unsent <= UNSENT as usize + 132,
        "{unsent} bytes of {sent}, {arrived} arrived"
    );
}
