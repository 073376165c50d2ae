//! Session timers (RFC 4028) over real time: calls of three minutes and more at the shortest interval that there is, 90 s, whoever
//! refreshes them; and telephones that are no longer there. All at once, for they only wait.

use crate::harness::Service;
use crate::pjsip::Pjsip;
use crate::sipp::sipp;
use crate::softphone::is_spoken_to;
use std::time::Duration;

/// Refreshes are half an interval apart: so many are three minutes.
const REFRESHES: usize = 4;
/// A refresh comes within the interval.
const INTERVAL: Duration = Duration::from_secs(90);

/// Nobody keys anything, and sipp says nothing.
fn patient() -> Service {
    Service::start("ivr.first_digit_seconds = 120\nmedia.rtp_timeout_seconds = 3600\n")
}

#[test]
fn a_session_timer_keeps_calls_up_whoever_refreshes_and_tells_who_is_gone() {
    std::thread::scope(|all| {
        all.spawn(the_telephone_refreshes);
        all.spawn(we_refresh);
        all.spawn(nobody_refreshes);
        all.spawn(nobody_answers);
    });
}

fn the_telephone_refreshes() {
    let service = patient();
    let uri = format!("sip:07012345678@{}", service.sip_udp);
    let phone = Pjsip::dial(&service, "01012345678", &uri);
    phone.wait_for("got 200 INVITE Session-Expires: 90;refresher=uac");
    for _ in 0..REFRESHES {
        phone.within("got 200 UPDATE Session-Expires: 90;refresher=uac", INTERVAL);
    }
    assert_eq!(service.calls()[0]["state"], "ivr");
    is_spoken_to(&uri, &phone.hang_up());
    assert_eq!(service.last_reason(), "caller_hung_up");
}

fn we_refresh() {
    let service = patient();
    sipp(&service, "timer_refreshed").for_at_most("300s").passes();
    assert_eq!(service.last_reason(), "caller_hung_up");
}

fn nobody_refreshes() {
    let service = patient();
    sipp(&service, "timer_forgotten").for_at_most("120s").passes();
    assert_eq!(service.last_reason(), "lost");
}

fn nobody_answers() {
    let service = patient();
    sipp(&service, "timer_vanish").passes();
    service.until_within("its end is noticed", 2 * INTERVAL, || {
        service.calls()[0]["state"] == "ended"
    });
    assert_eq!(service.last_reason(), "lost");
}
