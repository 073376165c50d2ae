//! `omnigate health`

use super::output::Failure;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{self, aws_lc_rs};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(3);
/// Longest answer, bytes.
const ANSWER: u64 = 4096;

/// Succeeds when `/readyz` answers 200, over plain HTTP or, when that is not spoken there, over TLS.
pub(super) fn run(address: &str) -> Result<(), Failure> {
    let (host, tls) = match address.split_once("://") {
        Some(("http", host)) => (host, Some(false)),
        Some(("https", host)) => (host, Some(true)),
        Some((scheme, _)) => {
            return Err(format!("ADDRESS begins with {scheme}://, not http:// or https://").into());
        }
        None => (address, None),
    };
    let host = host.trim_end_matches('/');
    let target = host.to_socket_addrs()?.next().ok_or("ADDRESS names no host")?;
    let over_tls = || Ok::<_, Failure>(ask(encrypted(connect(target)?, target)?, host)?);
    let answer = match tls {
        Some(true) => over_tls()?,
        Some(false) => ask(connect(target)?, host)?,
        // A listener with TLS answers a plain request with an alert, or just closes.
        None => match ask(connect(target)?, host) {
            Ok(answer) if !answer.starts_with("HTTP/") => over_tls()?,
            Err(fault) if matches!(fault.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => {
                over_tls()?
            }
            other => other?,
        },
    };
    match answer.split(' ').nth(1) {
        Some("200") => Ok(()),
        status => Err(format!("not ready: HTTP {}", status.unwrap_or("no status")).into()),
    }
}

fn connect(target: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&target, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    Ok(stream)
}

fn ask(mut stream: impl Read + Write, host: &str) -> std::io::Result<String> {
    let request = format!("GET /readyz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(ANSWER).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn encrypted(
    stream: TcpStream,
    target: SocketAddr,
) -> Result<StreamOwned<ClientConnection, TcpStream>, Failure> {
    let provider = aws_lc_rs::default_provider();
    let anybody = AnyCertificate(provider.clone());
    let config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(anybody))
        .with_no_client_auth();
    let connection = ClientConnection::new(Arc::new(config), ServerName::from(target.ip()))?;
    Ok(StreamOwned::new(connection, stream))
}

/// The certificate is made for the public name, not for the address asked here; and the question and its answer are
/// no secret, so that it does not matter who answers.
#[derive(Debug)]
struct AnyCertificate(crypto::CryptoProvider);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
