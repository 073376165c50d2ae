use super::*;
use crate::directory::EmbeddedDirectory;
use crate::store::tests::{Valve, store};
use omnigate_omnitalk::NumberRules;
use tokio::sync::mpsc;

fn room(id: u128) -> Box<KeptRoom> {
    Box::new(KeptRoom {
        id: RoomId(id),
        room_type: "audioroom".to_owned(),
        subject: String::new(),
        secret: None,
        creator: String::new(),
        start_date: 0,
        end_date: 0,
        reg_date: 0,
        keep_until: None,
    })
}

fn kept(id: u128) -> Line {
    Line::Keep {
        service_id: "shop".to_owned(),
        room: room(id),
    }
}

#[tokio::test]
async fn a_room_that_could_not_be_struck_out_is_so_later_however_much_is_written_meanwhile() {
    let (store, folder) = store("ledger").await;
    let (valve, gated) = Valve::of(&store);
    let numbers = Arc::new(EmbeddedDirectory::new(
        store.clone(),
        NumberRules::default(),
        [7; 32],
    ));
    numbers.read().await.unwrap();
    let (lines, to_ledger) = mpsc::unbounded_channel();
    let (tell, mut told) = mpsc::unbounded_channel();
    let ledger = tokio::spawn(Ledger::new(gated, numbers).run(to_ledger, tell));
    assert!(matches!(told.recv().await, Some(Written::Read(_))));
    lines.send(kept(0)).unwrap();
    assert!(matches!(
        told.recv().await,
        Some(Written::Kept { written: Ok(()), .. })
    ));
    valve.shut();
    lines
        .send(Line::Strike {
            service_id: "shop".to_owned(),
            room: RoomId(0),
            asked: false,
        })
        .unwrap();
    assert!(matches!(
        told.recv().await,
        Some(Written::Struck { written: Err(_), .. })
    ));
    valve.open();
    // One line after the other, until it is gone.
    let is_there = async || {
        read(&store)
            .await
            .unwrap()
            .iter()
            .any(|(_, room)| room.id == RoomId(0))
    };
    let mut id = 0;
    while is_there().await {
        id += 1;
        assert!(id < 500, "it is never tried again");
        lines.send(kept(id)).unwrap();
        told.recv().await.unwrap();
        sleep(Duration::from_millis(20)).await;
    }
    drop(lines);
    ledger.await.unwrap();
    store.close().await;
    std::fs::remove_dir_all(folder).unwrap();
}
