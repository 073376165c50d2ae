//! What a call that has come in wants of the other side.

use super::*;
use omnigate_sip::{CallTerms, RefreshedBy, Reliable, SessionSettings, SessionTimers};

/// Session-Expires of our 200 to an INVITE with these fields.
fn granted(timers: SessionTimers, more: &str) -> Option<String> {
    let mut wire = Wire::udp();
    let call = ringing(&mut wire, more, OFFER);
    let reliable = Reliable::Supported;
    wire.act(|e, _| {
        e.set_terms(
            call,
            CallTerms {
                timers,
                reliable,
                ..CallTerms::default()
            },
        )
    });
    wire.act(|e, now| e.answer(now, call, Some(ANSWER.into()), &none()))
        .unwrap();
    let ok = wire.next_response();
    ok.headers.get(Name::SessionExpires).map(str::to_owned)
}

#[test]
fn the_timer_of_a_call_is_what_its_side_wants() {
    let asked = |by| {
        let settings = SessionSettings {
            interval: 600,
            least: 300,
        };
        SessionTimers::Asked(settings, by)
    };
    let plain = "Supported: timer\r\nSession-Expires: 1800\r\n";
    let (us, them) = (Some("600;refresher=uas"), Some("600;refresher=uac"));
    for (timers, more, says) in [
        (asked(RefreshedBy::Us), plain, us),
        (asked(RefreshedBy::Them), plain, them),
        (asked(RefreshedBy::Either), plain, them),
        // Whoever asks may have said it; who has no timers cannot refresh.
        (
            asked(RefreshedBy::Us),
            "Supported: timer\r\nSession-Expires: 1800;refresher=uac\r\n",
            them,
        ),
        (asked(RefreshedBy::Them), "", us),
        (SessionTimers::Off, plain, None),
        (SessionTimers::Off, "", None),
    ] {
        assert_eq!(granted(timers, more).as_deref(), says, "{timers:?} {more}");
    }
    // An interval that was taken when the call came is not refused afterwards.
    let short = "Supported: timer\r\nSession-Expires: 90\r\n";
    assert_eq!(
        granted(asked(RefreshedBy::Them), short).as_deref(),
        Some("90;refresher=uac")
    );
}
