//! Figures of the rooms on the metrics page.

use crate::observe::Page;
use omnigate_omnitalk::{Figures, NUMBERS, ServiceUse};

/// What there is, in all and of each service.
#[derive(Debug, Clone, Default)]
pub struct RoomFigures {
    /// In all.
    pub all: Figures,
    /// What each service has and may have.
    pub services: Vec<ServiceUse>,
}

/// Writes them there.
pub fn tell(figures: &RoomFigures, page: &mut Page) {
    let hub = &figures.all;
    let gauges: [(&str, usize, &str); 7] = [
        ("signaling_sockets", hub.sockets, "WebSockets"),
        ("signaling_sessions", hub.sessions, "Sessions"),
        ("signaling_rooms", hub.rooms, "Rooms"),
        (
            "signaling_participants",
            hub.participants,
            "Participants, telephones included",
        ),
        ("signaling_telephones", hub.telephones, "Telephone participants"),
        ("signaling_ringing_calls", hub.ringing_calls, "Calls that ring"),
        ("signaling_numbers", hub.numbers, "Call numbers in use"),
    ];
    for (name, value, help) in gauges {
        page.gauge(name, value as u64, help);
    }
    page.gauge(
        "guess_expected_entries",
        NUMBERS / (hub.numbers.max(1) as u64),
        "Wrong call numbers that somebody keys in, on the mean, until one leads somewhere",
    );
    let of = |one: &ServiceUse, quota: fn(&ServiceUse) -> omnigate_omnitalk::Quota| {
        let id = one.service_id.clone();
        quota(one).all().map(|(name, count)| {
            (
                [("service", id.clone()), ("quota", name.to_owned())],
                count as u64,
            )
        })
    };
    let used = figures.services.iter().flat_map(|one| of(one, |one| one.used));
    page.gauges("service_used", used, "What a service has of its quota");
    let most = figures.services.iter().flat_map(|one| of(one, |one| one.most));
    page.gauges("service_quota", most, "What a service may have");
}
