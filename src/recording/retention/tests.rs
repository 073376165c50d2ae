use super::*;
use crate::recording::tests::manifest;

fn kept(service: &str, set: u128, bytes: u64) -> Kept {
    Kept {
        set: RecordingId(set),
        service: service.to_owned(),
        bytes,
    }
}

#[test]
fn of_too_much_the_oldest_of_whoever_has_most_goes() {
    let all = || {
        vec![
            kept("quiet", 1, 10),
            kept("flood", 2, 30),
            kept("flood", 3, 30),
            kept("quiet", 4, 10),
            kept("flood", 5, 30),
        ]
    };
    assert_eq!(too_much(all(), 110), []);
    assert_eq!(too_much(all(), 80), [RecordingId(2)]);
    assert_eq!(too_much(all(), 50), [RecordingId(2), RecordingId(3)]);
    assert_eq!(too_much(all(), 0).len(), 5);
}

#[tokio::test]
async fn the_old_are_known_and_files_that_are_shared_count_once() {
    let (store, folder) = crate::store::tests::store("retention").await;
    let index = Index::new(store.clone());
    let day = 86_400;
    let mut first = None;
    for n in 1..=5u64 {
        let mut transaction = store.begin().await.unwrap();
        let mut one = manifest(n * day, 1 << 20);
        if n >= 4 {
            one.service_id = "other".to_owned();
            one.file_set = Some(*first.get_or_insert(one.recording_id));
        }
        assert!(index.finished(&mut transaction, &one).await.unwrap());
        assert!(!index.finished(&mut transaction, &one).await.unwrap(), "once");
        transaction.commit().await.unwrap();
    }
    let old = index.older(3 * 86_400).await.unwrap();
    let days: Vec<u128> = old.iter().map(|id| (id.0 >> 96) / u128::from(day)).collect();
    assert_eq!(days, [1, 2]);
    assert_eq!(index.bytes_of("demo").await.unwrap(), 3 << 20);
    assert_eq!(index.bytes_of("other").await.unwrap(), 1 << 20, "two share it");
    assert_eq!(index.bytes_of("nobody").await.unwrap(), 0);
    let all = index.kept(None).await.unwrap();
    assert_eq!(all.len(), 4);
    let sets = too_much(index.kept(Some("other")).await.unwrap(), 0);
    assert_eq!(recordings(&index, sets).await.unwrap().len(), 2, "both go");
    std::fs::remove_dir_all(folder).unwrap();
}
