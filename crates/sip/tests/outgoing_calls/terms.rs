//! What a call wants of the other side: session timers, reliable provisional responses.

use super::*;
use omnigate_sip::{RefreshedBy, Reliable, SessionSettings, SessionTimers};

fn invited(terms: CallTerms) -> (Wire, CallKey, Request) {
    let mut wire = Wire::udp();
    let invitation = Invitation {
        terms,
        ..invitation(&wire, OFFER, Vec::new())
    };
    let key = wire.act(|e, now| e.invite(now, invitation));
    let invite = wire.next_request();
    (wire, key, invite)
}

fn said(invite: &Request) -> [Option<&str>; 4] {
    [Name::Supported, Name::Require, Name::SessionExpires, Name::MinSe].map(|name| invite.headers.get(name))
}

#[test]
fn an_invite_says_what_the_call_wants() {
    let asked = |by| {
        let settings = SessionSettings {
            interval: 900,
            least: 300,
        };
        SessionTimers::Asked(settings, by)
    };
    let all = Some("100rel, timer, replaces");
    for (timers, reliable, says) in [
        (
            SessionTimers::Usual,
            Reliable::Supported,
            [all, None, Some("1800"), Some("90")],
        ),
        (
            asked(RefreshedBy::Us),
            Reliable::Required,
            [all, Some("100rel"), Some("900;refresher=uac"), Some("300")],
        ),
        (
            asked(RefreshedBy::Them),
            Reliable::Never,
            [
                Some("timer, replaces"),
                None,
                Some("900;refresher=uas"),
                Some("300"),
            ],
        ),
        (
            SessionTimers::Off,
            Reliable::Supported,
            [Some("100rel, replaces"), None, None, None],
        ),
        (
            SessionTimers::Off,
            Reliable::Never,
            [Some("replaces"), None, None, None],
        ),
    ] {
        let (_, _, invite) = invited(CallTerms {
            timers,
            reliable,
            ..CallTerms::default()
        });
        assert_eq!(said(&invite), says);
    }
}

#[test]
fn a_call_without_session_timers_is_not_refreshed_and_its_offers_ask_for_none() {
    let (mut wire, key, invite) = invited(CallTerms {
        timers: SessionTimers::Off,
        reliable: Reliable::Supported,
        watched: false,
    });
    let more = format!("{CONTACT}Allow: UPDATE\r\n");
    wire.send(&respond(&invite, 200, "t1", &more, ANSWER));
    wire.events.clear();
    assert_eq!(wire.next_request().method.as_str(), "ACK");
    wire.pass(seconds(100_000));
    wire.nothing();
    wire.act(|e, now| e.offer(now, key, OFFER.into())).unwrap();
    assert_eq!(said(&wire.next_request())[2..], [None, None]);
}
