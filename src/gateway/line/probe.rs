//! What a line does for whoever looks how the other side behaves, and what it has seen.

use super::Line;
use crate::gateway::sight::{Sight, Sights};
use omnigate_audio::dtmf::Key;

impl Line {
    /// Puts the telephone on hold by an offer.
    pub(in crate::gateway) fn hold(&mut self) {
        let offer = self.session.negotiator.hold();
        self.offer(offer);
    }

    /// Takes it back.
    pub(in crate::gateway) fn resume(&mut self) {
        let offer = self.session.negotiator.offer();
        self.offer(offer);
    }

    fn offer(&self, offer: String) {
        if let Some(sip) = &self.sip {
            sip.offer(offer.into_bytes());
        }
    }

    /// Refreshes the session before its time.
    pub(in crate::gateway) fn refresh(&self) {
        if let Some(sip) = &self.sip {
            sip.refresh();
        }
    }

    /// Presses keys one after the other.
    pub(in crate::gateway) fn press_all(&mut self, keys: &[Key]) {
        for key in keys {
            self.press(*key);
        }
    }

    /// What has been seen and not been looked at yet.
    pub(in crate::gateway) fn new_sights(&self, seen: usize) -> &[(std::time::Instant, Sight)] {
        let all = self.sights.as_ref().map(|sights| sights.all.as_slice());
        all.and_then(|all| all.get(seen..)).unwrap_or_default()
    }

    /// Lets the leg go, tells its last figures, and gives what was seen.
    pub(in crate::gateway) async fn close_seen(mut self) -> Sights {
        let mut sights = self.sights.take().unwrap_or_default();
        sights.media = self.close().await;
        *sights
    }
}
