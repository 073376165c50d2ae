use super::*;
use crate::store::tests::{Valve, store};
use omnigate_omnitalk::{NumberMaker, NumberTerms};

fn directory(store: &Store) -> EmbeddedDirectory {
    EmbeddedDirectory::new(store.clone(), NumberRules::default(), [7; 32])
}

fn alice(wanted: Option<&str>) -> NumberOrder {
    NumberOrder {
        service_id: "demo".to_owned(),
        kind: TargetKind::User("alice".to_owned()),
        maker: NumberMaker::User("alice".to_owned()),
        wanted: wanted.map(|wanted| CallNumber::parse(wanted).unwrap()),
        terms: NumberTerms::default(),
    }
}

fn room(id: u128) -> NumberOrder {
    NumberOrder {
        kind: TargetKind::Room(RoomId(id)),
        ..alice(None)
    }
}

fn calling(call: u128) -> Calling {
    Calling {
        call: CallId(call),
        caller: "821012345678".to_owned(),
        service: None,
    }
}

async fn is_found(directory: &EmbeddedDirectory, number: CallNumber) -> bool {
    matches!(directory.look_up(number).await.unwrap(), LookUp::Found(_))
}

#[tokio::test]
async fn what_is_given_out_is_there_after_a_crash_and_what_has_ended_is_not() {
    let (store, folder) = store("numbers-crash").await;
    let first = directory(&store);
    assert!(first.look_up(CallNumber::parse("111111").unwrap()).await.is_err());
    assert_eq!(first.assign(alice(None), 10).await, Err(NumberFault::Unavailable));
    first.read().await.unwrap();
    let personal = first.assign(alice(None), 10).await.unwrap();
    let (of_room, gone) = (
        first.assign(room(1), 10).await.unwrap(),
        first.assign(room(2), 10).await.unwrap(),
    );
    first.release("demo", &TargetKind::Room(RoomId(2))).await;
    drop(first);
    let second = directory(&store);
    second.read().await.unwrap();
    assert!(is_found(&second, personal).await && is_found(&second, of_room).await);
    assert_eq!(second.look_up(gone).await.unwrap(), LookUp::Expired);
    assert_eq!(second.assign(alice(None), 10).await, Ok(personal));
    assert_eq!(second.of_rooms().await, [("demo".to_owned(), RoomId(1), of_room)]);
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn without_the_store_nothing_is_given_out_and_what_ends_is_written_when_it_is_back() {
    let (whole, folder) = store("numbers-absent").await;
    let (valve, store) = Valve::of(&whole);
    let first = directory(&store);
    first.read().await.unwrap();
    let (one, other) = (
        first.assign(room(1), 10).await.unwrap(),
        first.assign(room(2), 10).await.unwrap(),
    );
    valve.shut();
    assert_eq!(first.assign(room(3), 10).await, Err(NumberFault::Unavailable));
    assert_eq!(first.assign(room(1), 10).await, Ok(one), "what it has it has");
    first.release("demo", &TargetKind::Room(RoomId(2))).await;
    assert!(is_found(&first, one).await, "callers get through");
    assert_eq!(first.look_up(other).await.unwrap(), LookUp::Expired);
    valve.open();
    first.change(|_| Vec::new()).await;
    let second = directory(&whole);
    second.read().await.unwrap();
    assert!(is_found(&second, one).await);
    assert_eq!(second.look_up(other).await.unwrap(), LookUp::Expired);
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn a_number_that_somebody_else_has_in_the_store_is_in_use() {
    let (store, folder) = store("numbers-conflict").await;
    let (one, other) = (directory(&store), directory(&store));
    one.read().await.unwrap();
    other.read().await.unwrap();
    let number = one.assign(alice(Some("111111")), 10).await.unwrap();
    let wish = NumberOrder {
        wanted: Some(number),
        ..room(9)
    };
    assert_eq!(other.assign(wish.clone(), 10).await, Err(NumberFault::InUse));
    let LookUp::Found(target) = other.look_up(number).await.unwrap() else {
        panic!("it is read again")
    };
    assert_eq!(target.kind, TargetKind::User("alice".to_owned()));
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn a_counted_number_is_used_once_by_a_call_and_never_more_often_than_it_may() {
    let (store, folder) = store("numbers-uses").await;
    let first = directory(&store);
    first.read().await.unwrap();
    let counted = NumberOrder {
        terms: NumberTerms {
            uses: Some(2),
            ..NumberTerms::default()
        },
        ..room(1)
    };
    let number = first.assign(counted, 10).await.unwrap();
    for _ in 0..3 {
        assert!(matches!(
            first.redeem(number, &calling(1)).await.unwrap(),
            LookUp::Found(_)
        ));
    }
    let second = directory(&store);
    second.read().await.unwrap();
    assert!(matches!(
        second.redeem(number, &calling(2)).await.unwrap(),
        LookUp::Found(_)
    ));
    assert!(matches!(
        second.redeem(number, &calling(2)).await.unwrap(),
        LookUp::Found(_)
    ));
    assert_eq!(second.redeem(number, &calling(3)).await.unwrap(), LookUp::Expired);
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn a_trunk_of_one_service_reaches_no_number_of_another() {
    let (store, folder) = store("numbers-service").await;
    let directory = directory(&store);
    directory.read().await.unwrap();
    let number = directory.assign(alice(None), 10).await.unwrap();
    let of = |service: &str| Calling {
        service: Some(service.to_owned()),
        ..calling(1)
    };
    assert_eq!(
        directory.redeem(number, &of("other")).await.unwrap(),
        LookUp::NotForCaller
    );
    assert!(matches!(
        directory.redeem(number, &of("demo")).await.unwrap(),
        LookUp::Found(_)
    ));
    std::fs::remove_dir_all(folder).unwrap();
}
