//! What the parts are told of services and trunks.

use crate::config::{self, Settings};
use crate::sip::{TlsOfTrunk, TlsSettings, Versions};
use crate::tls::IdentityFiles;
use crate::trunks::Trunks;
use omnigate_omnitalk::{Quota, Service, ServiceKey};

/// What SIP shows by TLS, and whom it believes.
#[must_use]
pub fn tls_settings(settings: &Settings, trunks: &Trunks) -> TlsSettings {
    let own = &settings.sip.tls;
    let trunk = |trunk: &config::Trunk| {
        let tls = &trunk.tls;
        TlsOfTrunk {
            trunk: trunk.name.as_str().into(),
            peers: tls.peer.clone(),
            server_name: tls.name.clone(),
            identity: IdentityFiles::of("trunk.tls", tls.certificate.as_ref(), tls.key.as_ref()),
            ca: tls.ca.clone(),
            versions: tls.minimum.map(versions_from),
        }
    };
    let listens = |listen: &config::SipListen| listen.transport == config::SipTransport::Tls;
    TlsSettings {
        identity: IdentityFiles::of("sip.tls", own.certificate.as_ref(), own.key.as_ref()),
        ca: own.ca.clone(),
        versions: versions_from(own.minimum),
        trunks: settings.trunk.iter().map(trunk).collect(),
        dials: settings.sip.listen.iter().any(listens) || trunks.call_by_tls(),
    }
}

fn versions_from(minimum: config::TlsVersion) -> Versions {
    match minimum {
        config::TlsVersion::V1_2 => Versions::From1_2,
        config::TlsVersion::V1_3 => Versions::Only1_3,
    }
}

/// A service for its hub; `keys`: those that the API has made, in the place of what stands in the file.
pub(super) fn hub_service(service: &config::Service, keys: Option<&Vec<ServiceKey>>) -> Service {
    let quota = &service.quota;
    let in_file = service.key.iter().chain(&service.previous_key);
    let in_file = in_file.cloned().map(ServiceKey::from);
    Service {
        id: service.id.clone(),
        keys: keys.map_or_else(|| in_file.collect(), Clone::clone),
        key_required: service.key_required,
        record: service.record,
        records: service.recording,
        quota: Quota {
            sessions: quota.sessions as usize,
            rooms: quota.rooms as usize,
            participants: quota.participants as usize,
            calls: quota.calls as usize,
            numbers: quota.numbers as usize,
            recordings: quota.recordings as usize,
        },
        hosts_only: service.hosts_only,
    }
}
