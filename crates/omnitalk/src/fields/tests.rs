use super::*;
use crate::room_secret::RoomSecret;
use serde_json::json;

fn fields(value: Value) -> Fields {
    let Value::Object(map) = value else {
        panic!("not an object")
    };
    Fields::new(map)
}

fn secret(value: Value) -> Option<GivenSecret> {
    fields(json!({ "secret": value })).secret().unwrap()
}

#[test]
fn lengths_are_counted_in_utf_16_units() {
    // One emoji is two units: 32 of them are 64, 33 too many.
    let fits = fields(json!({ "user_id": "😀".repeat(32) }));
    assert!(fits.given("user_id", NAME_LIMIT).is_ok());
    let long = fields(json!({ "user_id": "😀".repeat(32) + "a" }));
    assert_eq!(
        long.given("user_id", NAME_LIMIT),
        Err(Fault::TooLong {
            field: "user_id",
            limit: NAME_LIMIT
        })
    );
    // Three bytes in UTF-8, one unit here.
    let korean = fields(json!({ "user_id": "가".repeat(64) }));
    assert!(korean.given("user_id", NAME_LIMIT).is_ok());
}

#[test]
fn null_and_absent_are_the_same() {
    let nothing = fields(json!({ "room_id": null, "secret": null, "page": null, "call_number": null }));
    assert_eq!(nothing.given_room(), Ok(None));
    assert!(nothing.secret().unwrap().is_none());
    assert_eq!(nothing.page(), Ok(1));
    assert_eq!(nothing.call_number(), Ok(None));
}

#[test]
fn an_empty_secret_is_no_secret() {
    assert!(secret(json!("")).is_none());
}

#[test]
fn a_secret_that_lost_its_leading_zeros_still_matches() {
    let mut room = RoomSecret::new(secret(json!("012345")).unwrap());
    for given in [json!("012345"), json!("12345"), json!(12345), json!(12345.0)] {
        assert!(room.matches(&secret(given.clone()).unwrap()), "{given}");
    }
    for given in [json!("123450"), json!("a12345"), json!(112_345)] {
        assert!(!room.matches(&secret(given.clone()).unwrap()), "{given}");
    }
}

#[test]
fn a_secret_of_letters_is_kept_as_it_is() {
    let mut room = RoomSecret::new(secret(json!("abc")).unwrap());
    assert!(room.matches(&secret(json!("abc")).unwrap()));
    assert!(!room.matches(&secret(json!("000abc")).unwrap()));
}

#[test]
fn a_secret_is_at_most_six_characters_and_never_negative_or_broken() {
    for given in [
        json!("1234567"),
        json!(1_234_567),
        json!(-1),
        json!(1.5),
        json!(true),
        json!([1]),
    ] {
        assert!(fields(json!({ "secret": given })).secret().is_err(), "{given}");
    }
}

#[test]
fn a_call_number_may_be_text_or_number() {
    for given in [json!("012345"), json!(12345), json!(12345.0)] {
        let number = fields(json!({ "call_number": given }))
            .call_number()
            .unwrap()
            .unwrap();
        assert_eq!(number.expose(), "012345");
    }
    for given in [
        json!("12345"),
        json!("1234567"),
        json!("12a456"),
        json!(1_000_000),
        json!(-1),
        json!({}),
    ] {
        assert!(
            fields(json!({ "call_number": given })).call_number().is_err(),
            "{given}"
        );
    }
}

#[test]
fn pages_count_from_one() {
    assert_eq!(fields(json!({ "page": 3 })).page(), Ok(3));
    for given in [json!(0), json!(-1), json!("1"), json!(1.5)] {
        assert!(fields(json!({ "page": given })).page().is_err(), "{given}");
    }
}

#[test]
fn a_jsep_must_be_an_offer_with_an_sdp() {
    assert_eq!(
        fields(json!({ "jsep": { "type": "offer", "sdp": "v=0" } })).offer(),
        Ok("v=0")
    );
    for given in [
        json!({ "type": "answer", "sdp": "v=0" }),
        json!({ "type": "offer" }),
        json!("v=0"),
    ] {
        assert!(fields(json!({ "jsep": given })).offer().is_err(), "{given}");
    }
}

#[test]
fn a_reason_names_the_field_and_the_fix() {
    let reason = fields(json!({})).room().unwrap_err().to_string();
    assert!(reason.contains("room_id") && reason.contains("send"), "{reason}");
    let reason = fields(json!({ "track": "sound" }))
        .track()
        .unwrap_err()
        .to_string();
    assert!(
        reason.contains("track") && reason.contains("audio or video"),
        "{reason}"
    );
}

#[test]
fn a_date_that_some_client_cannot_hold_is_not_valid() {
    let date = |value: Value| fields(json!({ "end_date": value })).date("end_date");
    assert_eq!(date(json!(1_700_000_000)), Ok(Some(1_700_000_000)));
    assert_eq!(date(json!(1_700_000_000_000_u64)), Ok(Some(1_700_000_000_000)));
    assert_eq!(date(json!(0)), Ok(None));
    for value in [json!(u64::MAX), json!(-1), json!("soon"), json!(1e300)] {
        assert!(date(value.clone()).is_err(), "{value}");
    }
}

#[test]
fn an_answer_is_no_offer_and_the_other_way_round() {
    let answer = fields(json!({ "jsep": { "type": "answer", "sdp": "v=0" } }));
    assert_eq!(answer.answer(), Ok("v=0"));
    assert!(answer.offer().is_err());
    assert!(
        fields(json!({ "jsep": { "type": "offer", "sdp": "v=0" } }))
            .answer()
            .is_err()
    );
}

#[test]
fn a_picture_has_at_least_one_pixel_and_no_more_than_fit() {
    for (given, pixels) in [
        (json!(345_600), Some(345_600)),
        (json!(345_600.0), Some(345_600)),
        (json!(0), None),
        (json!(1_u64 << 32), None),
        (json!("HD"), None),
        (json!(null), None),
    ] {
        assert_eq!(fields(json!({ "resolution": given })).pixels().ok(), pixels);
    }
}

#[test]
fn only_the_three_kinds_of_call_are_offered() {
    for (given, kind) in [
        ("audiocall", Some(RoomType::AudioCall)),
        ("videocall", Some(RoomType::VideoCall)),
        ("sipcall", Some(RoomType::SipCall)),
        ("audioroom", None),
        ("unknown", None),
        ("", None),
    ] {
        assert_eq!(fields(json!({ "call_type": given })).call_type().ok(), kind);
    }
}
