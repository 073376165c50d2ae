//! Configuration: defaults, a TOML file, `OMNIGATE__SECTION__KEY` variables; every fault named with its key.
//!
//! A section is a file: its fields with type, default, range and documentation, and what else is checked (`section` makes
//! the rest of it). `config/omnigate.toml` documents the same for operators; a test holds the two together.

mod api;
mod audit;
mod calls;
mod codec;
mod directory;
#[cfg(test)]
mod example;
mod faults;
mod host;
mod http;
mod ivr;
mod keys_in_clear;
mod layers;
mod load;
mod log;
mod media;
mod metrics;
mod numbers;
mod origin;
mod outbound;
mod ports;
mod profile;
mod recording;
mod register;
mod rooms;
mod secret;
mod section;
mod service;
mod settings;
mod shutdown;
mod sip;
mod srtp;
mod store;
mod summary;
mod terms;
mod tls;
mod trunk;
mod turn;
mod warnings;
mod webhook;
mod written;

pub use api::Api;
pub use audit::Audit;
pub use calls::Calls;
pub use codec::TrunkCodec;
pub use directory::Directory;
pub use faults::{Fault, Faults};
pub use host::{HostFault, HostPattern};
pub use http::{Http, HttpLimits};
pub use ivr::{Ivr, Language};
pub use load::{examine, load, load_text};
pub use log::{Log, LogFormat, LogLevel};
pub use media::{Media, PortRange};
pub use metrics::Metrics;
pub use origin::{OriginFault, OriginPattern};
pub use outbound::{CallerNumber, FinalStatus, IdentityField, KeyPath, NumberFormat};
pub use profile::Profile;
pub use recording::{Content, Recording, Upload};
pub use rooms::Rooms;
pub use service::{EVENTS, Service, Webhook};
pub use settings::Settings;
pub use shutdown::Shutdown;
pub use sip::{DigestAlgorithm, Sip, SipListen, SipTransport};
pub use srtp::{Srtp, SrtpKeys, SrtpSuite};
pub use store::Store;
pub use summary::summary;
pub use terms::{
    AnonymousRule, CalledField, CallerField, EarlyMediaRule, ForwardRule, RefresherRule, ReliableRule,
};
pub use tls::{SipTls, Tls, TlsVersion, TrunkTls};
pub use trunk::{Trunk, TrunkUser};
pub use turn::Turn;
pub use warnings::{log_warnings, warnings};
pub use webhook::WebhookRules;
pub use written::{Entry, Kept, Kind, Written, of_kept};
