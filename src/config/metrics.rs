//! `[metrics]`

use super::section::{Check, section};
use omnigate_room::Secret;
use std::net::SocketAddr;

section! {
    /// `metrics.*`
    pub struct Metrics {
        /// Bearer token of `/metrics`; `None`: nobody is asked for one.
        token: Option<Secret> = None;
        /// Address and port of a listener for `/metrics` alone; `None`: it is on `http.listen`.
        listen: Option<SocketAddr> = None;
    }
}

impl Check for Metrics {}
