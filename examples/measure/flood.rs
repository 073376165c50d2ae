//! How fast SIP is answered while browsers ask for lists as fast as they are answered.

use super::app::Session;
use serde_json::json;
use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// One OPTIONS so often.
const PACE: Duration = Duration::from_millis(10);

/// `clients` WebSockets ask for lists for `time`; without them first.
pub fn measure(http: &str, sip: &str, clients: usize, time: Duration) {
    report("without browsers", answers(sip, time));
    let (stop, requests) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        let sessions: Vec<Session> = (0..clients).map(|_| Session::open(http)).collect();
        for mut session in sessions {
            let (stop, requests) = (&stop, &requests);
            scope.spawn(move || {
                while !stop.load(Relaxed) {
                    session.ask("ROOM_LIST", json!({"room_type": "all"}));
                    requests.fetch_add(1, Relaxed);
                }
            });
        }
        let times = answers(sip, time);
        stop.store(true, Relaxed);
        report(&format!("beside {clients} browsers"), times);
    });
    let rate = requests.load(Relaxed) as f64 / time.as_secs_f64();
    println!("the browsers got {rate:.0} lists a second");
}

/// Times from OPTIONS to answer.
fn answers(sip: &str, time: Duration) -> Vec<Duration> {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    let own = socket.local_addr().unwrap();
    let (mut times, start, mut buffer) = (Vec::new(), Instant::now(), [0; 4096]);
    for n in 0u32.. {
        let sent = Instant::now();
        if sent - start > time {
            break;
        }
        let options = format!(
            "OPTIONS sip:ping@{sip} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bKflood{n};rport\r\nFrom: <sip:a@{own}>;tag={n}\r\nTo: <sip:ping@{sip}>\r\nCall-ID: flood{n}@{own}\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        );
        socket.send_to(options.as_bytes(), sip).unwrap();
        let length = socket.recv(&mut buffer).expect("an answer within 2 s");
        assert!(buffer[..length].starts_with(b"SIP/2.0 200"));
        times.push(sent.elapsed());
        std::thread::sleep(PACE.saturating_sub(sent.elapsed()));
    }
    times
}

fn report(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1000.0;
    println!(
        "OPTIONS {what}: {} answers, p50 {:.2} ms, p99 {:.2} ms, worst {:.2} ms",
        times.len(),
        at(0.5),
        at(0.99),
        at(1.0)
    );
}
