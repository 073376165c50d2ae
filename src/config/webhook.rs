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
        /// How long what was delivered or given up keeps its body, so that it can be sent again, days; 0: not at all.
        keep_days: u64 = 7, within 0..=30;
    }
}

impl Check for WebhookRules {}
