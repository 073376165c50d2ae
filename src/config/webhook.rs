//! `[webhook]`

use super::section::{Check, section};
use ipnet::IpNet;

section! {
    /// `webhook.*`: for all services.
    pub struct WebhookRules {
        /// Private, loopback and link-local networks that webhooks may go to all the same.
        allow_private: Vec<IpNet> = Vec::new();
        /// How long a delivery is tried, days.
        days: u64 = 3, within 1..=30;
    }
}

impl Check for WebhookRules {}
