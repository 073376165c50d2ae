//! REFER in calls that came in (RFC 3515).

use super::*;

#[test]
fn a_refer_is_answered_and_its_progress_told() {
    let mut wire = Wire::udp();
    let (call, tag) = up(&mut wire);
    wire.send(&in_dialog(
        "REFER",
        2,
        &tag,
        "Refer-To: <sip:third@example.com?Replaces=x>\r\nReferred-By: <sip:a@b>\r\n",
        "",
    ));
    let CallEvent::Refer(refer) = wire.call_event() else {
        panic!("a REFER")
    };
    assert_eq!(refer.uri, "sip:third@example.com?Replaces=x");
    wire.act(|e, now| e.refer_answer(now, call, Status::ACCEPTED))
        .unwrap();
    assert_eq!(wire.next_status(), 202);
    let trying = wire.next_request();
    assert_eq!(
        (trying.method.as_str(), trying.body.as_slice()),
        ("NOTIFY", &b"SIP/2.0 100 Trying\r\n"[..])
    );
    assert_eq!(trying.headers.get(Name::Event), Some("refer;id=2"));
    wire.act(|e, now| e.refer_progress(now, call, Status::OK))
        .unwrap();
    let done = wire.next_request();
    assert_eq!(
        done.headers.get(Name::SubscriptionState),
        Some("terminated;reason=noresource")
    );
    assert!(
        wire.act(|e, now| e.refer_progress(now, call, Status::OK))
            .is_err()
    );
}

#[test]
fn a_refer_that_waits_when_the_call_ends_gets_its_answer() {
    let mut wire = Wire::udp();
    let (_, tag) = up(&mut wire);
    wire.send(&in_dialog(
        "REFER",
        2,
        &tag,
        "Refer-To: <sip:c@example.com>\r\n",
        "",
    ));
    assert!(matches!(wire.call_event(), CallEvent::Refer(_)));
    wire.send(&in_dialog("BYE", 3, &tag, "", ""));
    let (bye, refer) = (wire.next_response(), wire.next_response());
    assert_eq!(
        (bye.status.code(), bye.headers.get(Name::CSeq)),
        (200, Some("3 BYE"))
    );
    assert_eq!(
        (refer.status.code(), refer.headers.get(Name::CSeq)),
        (487, Some("2 REFER"))
    );
    wire.nothing_left();
}
