//! `omnigate health`

use super::Failure;
use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(3);

/// Succeeds when `/readyz` answers 200.
pub(super) fn run(address: &str) -> Result<(), Failure> {
    let target = address.to_socket_addrs()?.next().ok_or("ADDRESS names no host")?;
    let mut stream = TcpStream::connect_timeout(&target, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    write!(
        stream,
        "GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.take(4096).read_to_string(&mut answer)?;
    let status = answer.split(' ').nth(1).unwrap_or("no status");
    if status == "200" {
        Ok(())
    } else {
        Err(format!("not ready: HTTP {status}").into())
    }
}
