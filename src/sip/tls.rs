//! TLS of SIP: what we show, whom we believe, and whose a certificate is (RFC 3261 section 26.3.1, RFC 5922).

use super::places::{Place, Places};
use crate::tls::{
    HandshakeFault, IdentityFiles, NameVerifier, Reload, TlsError, Watched, authorities, carries, provider,
};
use omnigate_sip::{Peer, Proof};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::version::TLS13;
use rustls::{ALL_VERSIONS, ClientConfig, ServerConfig, SupportedProtocolVersion};
use std::collections::HashMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

/// Longest handshake.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// Handshakes at once of those who call us: of all, of addresses that nobody knows, and of one address.
const HANDSHAKES: usize = 64;
const HANDSHAKES_OF_STRANGERS: usize = 32;
const HANDSHAKES_EACH: usize = 8;

/// What TLS of SIP is made of.
#[derive(Debug, Clone, Default)]
pub struct TlsSettings {
    /// What we show.
    pub identity: Option<IdentityFiles>,
    /// Authorities of those whom we call, and of those who come with a certificate; `None`: those that this machine trusts,
    /// for the former.
    pub ca: Option<PathBuf>,
    /// What is spoken.
    pub versions: Versions,
    /// Trunks that have something of their own.
    pub trunks: Vec<TlsOfTrunk>,
    /// Somebody is called by TLS.
    pub dials: bool,
}

/// What a trunk has of its own.
#[derive(Debug, Clone)]
pub struct TlsOfTrunk {
    /// Its name.
    pub trunk: Arc<str>,
    /// Names of which a caller's certificate must carry one.
    pub peers: Vec<String>,
    /// What the certificate of those whom it calls must name, instead of the host.
    pub server_name: Option<String>,
    /// What we show them.
    pub identity: Option<IdentityFiles>,
    /// Their authorities.
    pub ca: Option<PathBuf>,
    /// What is spoken with them; `None`: as with all.
    pub versions: Option<Versions>,
}

/// Versions of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Versions {
    /// 1.2 and 1.3.
    #[default]
    From1_2,
    /// 1.3 alone.
    Only1_3,
}

static NEWEST: [&SupportedProtocolVersion; 1] = [&TLS13];

impl Versions {
    fn all(self) -> &'static [&'static SupportedProtocolVersion] {
        match self {
            Versions::From1_2 => ALL_VERSIONS,
            Versions::Only1_3 => &NEWEST,
        }
    }
}

/// See the module.
#[derive(Debug)]
pub struct Tls {
    now: RwLock<Arc<Loaded>>,
    handshakes: Arc<Places>,
}

/// What it is at the moment.
#[derive(Debug)]
struct Loaded {
    accepts: Option<Arc<Watched<ServerConfig>>>,
    /// Whose a certificate with one of these names is.
    peers: Vec<(Arc<str>, Vec<ServerName<'static>>)>,
    dials: Option<Arc<Watched<ClientConfig>>>,
    dials_for: HashMap<Arc<str>, DialsFor>,
}

#[derive(Debug)]
struct DialsFor {
    /// `None`: what all have.
    config: Option<Arc<Watched<ClientConfig>>>,
    server_name: Option<String>,
    /// Who has called us and must be called back, for want of another name.
    peer: Option<String>,
}

impl Tls {
    /// Reads all files.
    ///
    /// # Errors
    /// [`TlsError`]
    pub fn load(settings: &TlsSettings) -> Result<Tls, TlsError> {
        Ok(Tls {
            now: RwLock::new(Arc::new(Loaded::new(settings)?)),
            handshakes: Places::new(HANDSHAKES, HANDSHAKES_OF_STRANGERS, HANDSHAKES_EACH),
        })
    }

    /// From now on it is this; connections that there are go on.
    ///
    /// # Errors
    /// [`TlsError`]; then nothing has changed.
    pub fn set(&self, settings: &TlsSettings) -> Result<(), TlsError> {
        let loaded = Arc::new(Loaded::new(settings)?);
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = loaded;
        Ok(())
    }

    fn now(&self) -> Arc<Loaded> {
        let now = self.now.read().unwrap_or_else(PoisonError::into_inner);
        now.clone()
    }

    /// Whether somebody may be called by TLS.
    pub fn dials(&self) -> bool {
        self.now().dials.is_some()
    }

    /// Whether who shows a certificate may be taken, wherever it comes from.
    pub(super) fn takes_certificates(&self) -> bool {
        !self.now().peers.is_empty()
    }

    /// A place for the handshake with somebody who calls us; `None`: there are too many.
    pub(super) fn begin(&self, source: IpAddr, known: bool) -> Option<Place> {
        self.handshakes.take(source, known)
    }

    /// The handshake with somebody who calls us; whose certificate it has shown.
    pub(super) async fn accept(
        &self,
        stream: TcpStream,
    ) -> Result<(TlsStream<TcpStream>, Option<Peer>), HandshakeFault> {
        let now = self.now();
        let config = now.accepts.as_ref().ok_or(HandshakeFault::Other)?.get();
        let accepted = timeout(HANDSHAKE, TlsAcceptor::from(config).accept(stream)).await;
        let accepted = accepted.map_err(|_| HandshakeFault::TimedOut)?;
        let stream = accepted.map_err(|error| HandshakeFault::of(&error))?;
        let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
        let peer = shown.and_then(|certificate| now.whose(certificate));
        Ok((TlsStream::Server(stream), peer))
    }

    /// The handshake with somebody whom this trunk calls, and who must be `server_name`, unless the trunk says another.
    pub(super) async fn connect(
        &self,
        stream: TcpStream,
        trunk: Option<&str>,
        server_name: Option<&str>,
    ) -> Result<TlsStream<TcpStream>, HandshakeFault> {
        let address = stream.peer_addr().map_err(|_| HandshakeFault::Closed)?.ip();
        let now = self.now();
        let own = trunk.and_then(|trunk| now.dials_for.get(trunk));
        let config = own.and_then(|own| own.config.as_ref()).or(now.dials.as_ref());
        let config = config.ok_or(HandshakeFault::Other)?.get();
        let named = own.and_then(|own| own.server_name.as_deref()).or(server_name);
        let named = named.or(own.and_then(|own| own.peer.as_deref()));
        let name = match named {
            Some(name) => ServerName::try_from(name.to_owned()).map_err(|_| HandshakeFault::WrongName)?,
            None => ServerName::from(address),
        };
        let connected = timeout(HANDSHAKE, TlsConnector::from(config).connect(name, stream)).await;
        let connected = connected.map_err(|_| HandshakeFault::TimedOut)?;
        connected
            .map(TlsStream::Client)
            .map_err(|error| HandshakeFault::of(&error))
    }
}

/// All that it shows and believes at the moment.
impl Reload for Tls {
    fn reload(&self) {
        for one in self.now().watched() {
            one.reload();
        }
    }

    fn changed(&self) -> bool {
        self.now().watched().iter().any(|one| one.changed())
    }
}

impl Loaded {
    fn new(settings: &TlsSettings) -> Result<Loaded, TlsError> {
        let asks = settings.trunks.iter().any(|trunk| !trunk.peers.is_empty());
        let clients = settings.ca.clone().filter(|_| asks);
        let accepts = settings
            .identity
            .clone()
            .map(|identity| accepting(identity, clients, settings.versions));
        let dials = settings.dials.then(|| {
            dialling(
                settings.identity.clone(),
                "sip.tls.ca",
                settings.ca.clone(),
                settings.versions,
            )
        });
        let dials_for = settings.trunks.iter().filter(|_| settings.dials).map(|trunk| {
            let has_own = trunk.identity.is_some() || trunk.ca.is_some() || trunk.versions.is_some();
            let versions = trunk.versions.unwrap_or(settings.versions);
            let identity = trunk.identity.clone().or(settings.identity.clone());
            let (key, ca) = match &trunk.ca {
                Some(ca) => ("trunk.tls.ca", Some(ca.clone())),
                None => ("sip.tls.ca", settings.ca.clone()),
            };
            let dials_for = DialsFor {
                config: has_own
                    .then(|| dialling(identity, key, ca, versions))
                    .transpose()?,
                server_name: trunk.server_name.clone(),
                peer: trunk.peers.first().cloned(),
            };
            Ok((trunk.trunk.clone(), dials_for))
        });
        let parse = |name: &String| ServerName::try_from(name.clone()).ok();
        let peers = settings.trunks.iter().filter(|trunk| !trunk.peers.is_empty());
        Ok(Loaded {
            accepts: accepts.transpose()?,
            peers: peers
                .map(|trunk| {
                    (
                        trunk.trunk.clone(),
                        trunk.peers.iter().filter_map(parse).collect(),
                    )
                })
                .collect(),
            dials: dials.transpose()?,
            dials_for: dials_for.collect::<Result<_, TlsError>>()?,
        })
    }

    /// What is read again when its files change.
    fn watched(&self) -> Vec<Arc<dyn Reload>> {
        let dials = self
            .dials
            .iter()
            .chain(self.dials_for.values().filter_map(|one| one.config.as_ref()));
        let accepts = self.accepts.iter().cloned().map(|one| one as Arc<dyn Reload>);
        accepts
            .chain(dials.cloned().map(|one| one as Arc<dyn Reload>))
            .collect()
    }

    fn whose(&self, certificate: &CertificateDer<'_>) -> Option<Peer> {
        let names = |(_, names): &&(Arc<str>, Vec<ServerName<'static>>)| {
            names.iter().any(|name| carries(certificate, name))
        };
        let (trunk, _) = self.peers.iter().find(names)?;
        Some(Peer::new(trunk.clone(), Proof::Certificate))
    }
}

/// For those who call us: `clients` are the authorities of certificates that we ask for.
fn accepting(
    identity: IdentityFiles,
    clients: Option<PathBuf>,
    versions: Versions,
) -> Result<Arc<Watched<ServerConfig>>, TlsError> {
    let files = identity.paths().into_iter().chain(clients.clone()).collect();
    let watched = Watched::new(files, move || {
        let builder =
            ServerConfig::builder_with_provider(provider()).with_protocol_versions(versions.all())?;
        let builder = match &clients {
            None => builder.with_no_client_auth(),
            Some(path) => {
                let roots = Arc::new(authorities("sip.tls.ca", Some(path))?);
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider());
                let verifier = verifier.allow_unauthenticated().build();
                builder.with_client_cert_verifier(verifier.map_err(|fault| TlsError::Authority {
                    key: "sip.tls.ca".into(),
                    path: path.clone(),
                    fault: fault.to_string(),
                })?)
            }
        };
        let shown = identity.read()?;
        let config = builder.with_single_cert(shown.chain, shown.key);
        config.map_err(|fault| identity.pair(fault))
    });
    watched.map(Arc::new)
}

/// For those whom we call.
fn dialling(
    identity: Option<IdentityFiles>,
    key: &'static str,
    ca: Option<PathBuf>,
    versions: Versions,
) -> Result<Arc<Watched<ClientConfig>>, TlsError> {
    let shown = identity.iter().flat_map(IdentityFiles::paths);
    let files = shown.chain(ca.clone()).collect();
    let watched = Watched::new(files, move || {
        let verifier = NameVerifier::new(authorities(key, ca.as_deref())?, provider());
        let builder = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(versions.all())?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let Some(identity) = &identity else {
            return Ok(builder.with_no_client_auth());
        };
        let shown = identity.read()?;
        let config = builder.with_client_auth_cert(shown.chain, shown.key);
        config.map_err(|fault| identity.pair(fault))
    });
    watched.map(Arc::new)
}
