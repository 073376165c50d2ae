//! Figures of the rooms on the metrics page.

use crate::observe::Page;
use omnigate_omnitalk::Figures;

/// Writes them there.
pub fn tell(hub: &Figures, page: &mut Page) {
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
}
