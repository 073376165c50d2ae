//! Talking to the service manager (systemd's `Type=notify` with watchdog).

use sd_notify::NotifyState;
use std::time::Duration;

/// Messages to the service manager; nothing happens when there is none.
pub struct Notify;

impl Notify {
    /// The service serves.
    pub fn ready() {
        let _ = sd_notify::notify(&[NotifyState::Ready]);
    }

    /// The service drains.
    pub fn stopping() {
        let _ = sd_notify::notify(&[NotifyState::Stopping]);
    }

    /// The service is alive.
    pub fn alive() {
        let _ = sd_notify::notify(&[NotifyState::Watchdog]);
    }
}

/// How often the service manager wants to hear [`Notify::alive`]: half of its limit.
pub fn watchdog_interval() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|limit| limit / 2)
}
