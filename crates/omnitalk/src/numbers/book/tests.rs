#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::*;
use omnigate_room::RoomId;

const NOW: u64 = 1_700_000_000;
const WEEK: u64 = 7 * 86_400;
const HOURS: u64 = 6 * 3600;
const MOST: usize = 100;

fn book() -> NumberBook {
    NumberBook::new(NumberRules::default(), [0; 32])
}

fn number(text: &str) -> CallNumber {
    CallNumber::parse(text).unwrap()
}

fn user(id: &str) -> TargetKind {
    TargetKind::User(id.to_owned())
}

fn room(id: u128) -> TargetKind {
    TargetKind::Room(RoomId(id))
}

fn by(id: &str) -> NumberMaker {
    NumberMaker::User(id.to_owned())
}

fn order(kind: TargetKind, maker: NumberMaker, wanted: Option<&str>) -> NumberOrder {
    NumberOrder {
        service_id: "SVC1".to_owned(),
        kind,
        maker,
        wanted: wanted.map(number),
        terms: NumberTerms::default(),
    }
}

/// What alice wants for herself.
fn alice(wanted: Option<&str>) -> NumberOrder {
    order(user("alice"), by("alice"), wanted)
}

fn assign(book: &mut NumberBook, order: NumberOrder, now: u64) -> Result<CallNumber, NumberFault> {
    book.assign(order, MOST, now).map(|(number, _)| number)
}

#[test]
fn the_same_target_without_a_wish_keeps_its_number() {
    let mut book = book();
    let first = assign(&mut book, alice(None), NOW).unwrap();
    assert_eq!(assign(&mut book, alice(None), NOW), Ok(first));
    assert_eq!(assign(&mut book, alice(Some(first.expose())), NOW), Ok(first));
    assert_eq!(book.live(), 1);
}

#[test]
fn another_number_replaces_the_old_one_which_then_is_reserved_for_who_made_it() {
    let mut book = book();
    let first = assign(&mut book, alice(None), NOW).unwrap();
    assign(&mut book, alice(Some("012345")), NOW).unwrap();
    assert_eq!(book.live(), 1);
    assert_eq!(book.look_up(first, NOW), LookUp::Expired);
    let wish = Some(first.expose());
    let bob = order(user("bob"), by("bob"), wish);
    assert_eq!(assign(&mut book, bob.clone(), NOW), Err(NumberFault::InUse));
    let elsewhere = NumberOrder {
        service_id: "OTHER".to_owned(),
        ..alice(wish)
    };
    assert_eq!(assign(&mut book, elsewhere, NOW), Err(NumberFault::InUse));
    assert_eq!(
        assign(&mut book, bob.clone(), NOW + WEEK - 1),
        Err(NumberFault::InUse)
    );
    assert_eq!(assign(&mut book, alice(wish), NOW + 60), Ok(first));
    assign(&mut book, alice(Some("012345")), NOW + 60).unwrap();
    assert_eq!(assign(&mut book, bob, NOW + 60 + WEEK), Ok(first));
}

#[test]
fn a_number_in_use_goes_to_nobody_else_and_the_old_one_stays() {
    let mut book = book();
    assign(&mut book, alice(Some("111111")), NOW).unwrap();
    let own = assign(&mut book, order(room(9), by("alice"), None), NOW).unwrap();
    let wish = order(room(9), by("alice"), Some("111111"));
    assert_eq!(assign(&mut book, wish, NOW), Err(NumberFault::InUse));
    assert!(matches!(book.look_up(own, NOW), LookUp::Found(_)));
}

#[test]
fn a_user_who_comes_back_gets_the_same_number_and_the_last_of_several() {
    let mut book = book();
    assign(&mut book, alice(Some("111111")), NOW).unwrap();
    assign(&mut book, alice(Some("222222")), NOW + 1).unwrap();
    book.release("SVC1", &user("alice"), NOW + 2);
    assert_eq!(book.look_up(number("222222"), NOW + 2), LookUp::Expired);
    assert_eq!(assign(&mut book, alice(None), NOW + 86_400), Ok(number("222222")));
    book.release("SVC1", &user("alice"), NOW + 86_401);
    // The same after a restart, in whatever order the entries are read.
    let mut again = NumberBook::new(NumberRules::default(), [1; 32]);
    for number in ["222222", "111111"] {
        let entry = book.get(CallNumber::parse(number).unwrap()).unwrap().clone();
        again.restore(entry, NOW + 86_402);
    }
    assert_eq!(
        assign(&mut again, alice(None), NOW + 86_402),
        Ok(number("222222"))
    );
}

#[test]
fn who_does_not_come_back_blocks_a_number_only_as_long_as_it_is_remembered() {
    let mut book = book();
    let drawn = assign(
        &mut book,
        order(user("xyz"), NumberMaker::Nobody, Some("333333")),
        NOW,
    )
    .unwrap();
    book.release("SVC1", &user("xyz"), NOW);
    assert_eq!(book.look_up(drawn, NOW + HOURS - 1), LookUp::Expired);
    let wish = alice(Some("333333"));
    assert_eq!(
        assign(&mut book, wish.clone(), NOW + HOURS - 1),
        Err(NumberFault::InUse)
    );
    assert_eq!(book.look_up(drawn, NOW + HOURS), LookUp::Unknown);
    assert_eq!(assign(&mut book, wish, NOW + HOURS), Ok(drawn));
}

#[test]
fn a_reservation_outlives_what_callers_are_told() {
    let mut book = book();
    let mine = assign(&mut book, alice(None), NOW).unwrap();
    book.release("SVC1", &user("alice"), NOW);
    assert_eq!(book.look_up(mine, NOW + HOURS - 1), LookUp::Expired);
    assert_eq!(book.look_up(mine, NOW + HOURS), LookUp::Unknown);
    assert_eq!(assign(&mut book, alice(None), NOW + HOURS), Ok(mine));
}

#[test]
fn after_a_restart_a_personal_number_waits_for_its_user_and_a_room_keeps_its_own() {
    let mut old = book();
    let personal = assign(&mut old, alice(None), NOW).unwrap();
    let of_room = assign(&mut old, order(room(7), by("alice"), None), NOW).unwrap();
    let mut book = book();
    for one in [personal, of_room] {
        book.restore(old.get(one).unwrap().clone(), NOW + 100);
    }
    for one in [personal, of_room] {
        assert!(matches!(book.look_up(one, NOW + 699), LookUp::Found(_)));
    }
    assert_eq!(book.next_end(), Some(NOW + 700));
    let ended = book.sweep(NOW + 700);
    assert_eq!((ended.len(), ended[0].number), (1, personal));
    assert_eq!(book.look_up(personal, NOW + 700), LookUp::Expired);
    assert!(matches!(book.look_up(of_room, NOW + 700), LookUp::Found(_)));
    // Who has come back in time is not asked again.
    book.restore(old.get(personal).unwrap().clone(), NOW + 800);
    assert_eq!(assign(&mut book, alice(None), NOW + 900), Ok(personal));
    assert!(book.sweep(NOW + 10_000).is_empty());
}

#[test]
fn a_number_is_narrowed_by_time_uses_and_callers() {
    let mut book = book();
    let narrowed = NumberOrder {
        terms: NumberTerms {
            expires_at: Some(NOW + 60),
            uses: Some(2),
            callers: vec!["821012345678".to_owned()],
            purpose: "visit".to_owned(),
        },
        ..order(room(7), NumberMaker::Service, None)
    };
    let plain = assign(&mut book, order(room(7), by("alice"), None), NOW).unwrap();
    let one = assign(&mut book, narrowed.clone(), NOW).unwrap();
    let other = assign(&mut book, narrowed, NOW).unwrap();
    assert_eq!(book.live(), 3, "beside each other");
    let call = |book: &mut NumberBook, number, caller: &str, now| book.redeem(number, caller, now).0;
    assert_eq!(call(&mut book, one, "821099999999", NOW), LookUp::NotForCaller);
    assert!(matches!(
        call(&mut book, one, "821012345678", NOW),
        LookUp::Found(_)
    ));
    assert!(matches!(
        call(&mut book, one, "821012345678", NOW),
        LookUp::Found(_)
    ));
    assert_eq!(call(&mut book, one, "821012345678", NOW), LookUp::Expired);
    assert_eq!(call(&mut book, other, "821012345678", NOW + 60), LookUp::Expired);
    assert_eq!(book.sweep(NOW + 60).len(), 1);
    assert!(matches!(call(&mut book, plain, "", NOW + 60), LookUp::Found(_)));
    book.release("SVC1", &room(7), NOW + 61);
    assert_eq!(book.live(), 0);
}

#[test]
fn what_the_service_makes_for_a_user_does_not_end_with_its_sessions() {
    let mut book = book();
    let kept = assign(&mut book, order(user("alice"), NumberMaker::Service, None), NOW).unwrap();
    assert!(book.release("SVC1", &user("alice"), NOW).is_empty());
    assert!(matches!(book.look_up(kept, NOW + WEEK), LookUp::Found(_)));
    assert!(
        book.withdraw("OTHER", kept, NOW).is_empty(),
        "it is another service's"
    );
    assert_eq!(book.withdraw("SVC1", kept, NOW).len(), 1);
    assert_eq!(book.look_up(kept, NOW), LookUp::Expired);
}

#[test]
fn a_number_is_replaced_by_another_one_of_its_kind_and_the_old_one_ends() {
    let mut book = book();
    let plain = assign(&mut book, order(room(7), NumberMaker::Service, None), NOW).unwrap();
    assert_eq!(book.replace("OTHER", plain, NOW), Ok(None));
    let (fresh, changes) = book.replace("SVC1", plain, NOW + 1).unwrap().unwrap();
    assert!(fresh != plain && changes.len() == 2);
    assert_eq!(book.look_up(plain, NOW + 1), LookUp::Expired);
    let again = assign(&mut book, order(room(7), NumberMaker::Service, None), NOW + 1).unwrap();
    assert_eq!(again, fresh, "the room has one plain number");
    book.undo(changes);
    assert!(matches!(book.look_up(plain, NOW + 1), LookUp::Found(_)));
}

#[test]
fn a_plain_number_stays_plain_and_no_other_one_becomes_it() {
    let mut book = book();
    let narrow = |uses| NumberTerms {
        uses: Some(uses),
        ..NumberTerms::default()
    };
    let plain = assign(&mut book, order(room(7), NumberMaker::Service, None), NOW).unwrap();
    let wish = NumberOrder {
        terms: narrow(5),
        ..order(room(7), NumberMaker::Service, None)
    };
    let counted = assign(&mut book, wish, NOW).unwrap();
    let mut set = |number, terms| {
        book.set_terms("SVC1", number, terms, NOW)
            .map(|changes| changes.len())
    };
    assert_eq!(set(plain, narrow(1)), Err(TermsFault::Plain));
    assert_eq!(set(counted, NumberTerms::default()), Err(TermsFault::Plain));
    assert_eq!(set(counted, narrow(1)), Ok(1));
    assert!(matches!(book.redeem(counted, "", NOW).0, LookUp::Found(_)));
    assert_eq!(book.redeem(counted, "", NOW).0, LookUp::Expired);
}

#[test]
fn a_service_that_goes_leaves_its_numbers_to_nobody_for_a_while() {
    let mut book = book();
    let theirs = assign(&mut book, order(room(7), NumberMaker::Service, None), NOW).unwrap();
    let other = NumberOrder {
        service_id: "OTHER".to_owned(),
        ..order(room(8), NumberMaker::Service, None)
    };
    let kept = assign(&mut book, other, NOW).unwrap();
    assert_eq!(book.release_all("SVC1", NOW).len(), 1);
    let wanted = NumberOrder {
        service_id: "OTHER".to_owned(),
        ..order(room(9), NumberMaker::Service, Some(theirs.expose()))
    };
    assert_eq!(assign(&mut book, wanted, NOW), Err(NumberFault::InUse));
    assert!(matches!(book.look_up(kept, NOW), LookUp::Found(_)));
}

#[test]
fn a_service_has_no_more_than_its_quota_and_its_haste_costs_nobody_else() {
    let mut book = book();
    let other = NumberOrder {
        service_id: "OTHER".to_owned(),
        ..alice(Some("999999"))
    };
    assign(&mut book, other.clone(), NOW).unwrap();
    book.release("OTHER", &user("alice"), NOW);
    for n in 0..100 {
        let order = order(room(n), by("alice"), None);
        let made = book.assign(order, 2, NOW + n as u64);
        if n < 2 {
            made.unwrap();
            continue;
        }
        assert_eq!(made.unwrap_err(), NumberFault::Quota);
        let done = book.release("SVC1", &room(n - 2), NOW + n as u64);
        assert_eq!(done.len(), 1);
        let again = NumberOrder {
            kind: room(n),
            ..alice(None)
        };
        book.assign(again, 2, NOW + n as u64).unwrap();
    }
    assert_eq!(book.live_of("SVC1"), 2);
    let reserved = book.entries.len() - 2 - 1;
    assert!(reserved <= 2 * MOST_RESERVED + 1, "{reserved}");
    assert_eq!(assign(&mut book, other, NOW + 100), Ok(number("999999")));
}

#[test]
fn changes_that_cannot_be_written_down_are_taken_back() {
    let mut book = book();
    assign(&mut book, alice(Some("111111")), NOW).unwrap();
    assign(&mut book, alice(Some("222222")), NOW).unwrap();
    let snapshot = |book: &NumberBook| {
        (
            book.entries.clone(),
            book.plain.clone(),
            book.live.clone(),
            book.ends.clone(),
        )
    };
    let before = snapshot(&book);
    let (_, changes) = book.assign(alice(Some("111111")), MOST, NOW + 5).unwrap();
    assert_eq!(changes.len(), 2);
    assert_ne!(snapshot(&book), before);
    book.undo(changes);
    assert_eq!(snapshot(&book), before);
    let ended = book.release("SVC1", &user("alice"), NOW + 6);
    book.undo(ended);
    assert_eq!(snapshot(&book), before);
}
