use super::*;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::SeqCst;

fn post(path: &str, body: &str) -> Request {
    let request = Request::post(path).header(header::CONTENT_TYPE, "application/json");
    request.body(Body::from(body.to_owned())).unwrap()
}

fn asker(owner: &str) -> Asker {
    Asker {
        owner: owner.to_owned(),
        token: format!("a token of {owner}"),
    }
}

/// Something that says how often it was done.
struct Work {
    answers: Arc<Answers>,
    done: Arc<AtomicU32>,
    status: StatusCode,
}

impl Work {
    fn new() -> Work {
        Work::bounded(OF_ONE, OF_ALL)
    }

    fn bounded(of_one: Bound, of_all: Bound) -> Work {
        Work {
            answers: Answers::bounded(of_one, of_all),
            done: Arc::default(),
            status: StatusCode::CREATED,
        }
    }

    /// Status, whether it was given before, and the body.
    async fn ask(&self, owner: &str, key: &str, request: Request) -> (u16, bool, String) {
        let (done, status) = (self.done.clone(), self.status);
        let carry_out = |request: Request| async move {
            let body = to_bytes(request.into_body(), 1000).await.unwrap();
            let nth = done.fetch_add(1, SeqCst) + 1;
            let mut answer = Response::new(Body::from(format!("{nth} {}", str::from_utf8(&body).unwrap())));
            *answer.status_mut() = status;
            answer
        };
        let key = Key(key.to_owned());
        let answer = self.answers.once(asker(owner), key, request, carry_out).await;
        let replayed = answer.headers().contains_key(REPLAYED);
        let status = answer.status().as_u16();
        let body = to_bytes(answer.into_body(), 100_000).await.unwrap();
        (status, replayed, String::from_utf8(body.to_vec()).unwrap())
    }

    async fn create(&self, owner: &str, key: &str) -> (u16, bool, String) {
        self.ask(owner, key, post("/rooms", "{}")).await
    }
}

fn said(status: u16, replayed: bool, body: &str) -> (u16, bool, String) {
    (status, replayed, body.to_owned())
}

#[tokio::test]
async fn the_same_request_gets_the_first_answer_and_nothing_is_done_twice() {
    let work = Work::new();
    let ask = |path, body| work.ask("shop", "key", post(path, body));
    assert_eq!(ask("/rooms", "{}").await, said(201, false, "1 {}"));
    assert_eq!(ask("/rooms", "{}").await, said(201, true, "1 {}"));
    let (status, _, why) = ask("/rooms", "{ }").await;
    assert!(status == 422 && why.contains("Idempotency-Key"), "{why}");
    assert_eq!(ask("/rooms?for=2", "{}").await.0, 422);
    assert_eq!(ask("/tokens", "{}").await, said(201, false, "2 {}"));
    assert_eq!(work.create("bank", "key").await, said(201, false, "3 {}"));
    assert_eq!(work.create("shop", "other").await, said(201, false, "4 {}"));
}

#[tokio::test]
async fn a_refusal_is_an_answer_and_a_failure_is_worth_another_try() {
    let mut work = Work::new();
    work.status = StatusCode::CONFLICT;
    assert_eq!(work.create("shop", "refused").await, said(409, false, "1 {}"));
    assert_eq!(work.create("shop", "refused").await, said(409, true, "1 {}"));
    for status in [StatusCode::SERVICE_UNAVAILABLE, StatusCode::TOO_MANY_REQUESTS] {
        work.status = status;
        assert!(!work.create("shop", "failed").await.1);
        assert!(!work.create("shop", "failed").await.1);
    }
    let panics = |_: Request| async { panic!("a test's") };
    let request = || post("/rooms", "{}");
    let key = || Key("panics".to_owned());
    let answer = work.answers.once(asker("shop"), key(), request(), panics).await;
    assert_eq!(answer.status(), 500);
    work.status = StatusCode::CREATED;
    assert_eq!(work.create("shop", "panics").await, said(201, false, "6 {}"));
}

#[tokio::test]
async fn what_was_begun_is_ended_although_its_client_is_gone() {
    let answers = Answers::new();
    let (begun, go) = (
        Arc::new(tokio::sync::Notify::new()),
        Arc::new(tokio::sync::Notify::new()),
    );
    let ask = || {
        let (begun, go) = (begun.clone(), go.clone());
        let carry_out = |_: Request| async move {
            begun.notify_one();
            go.notified().await;
            Response::new(Body::from("done"))
        };
        answers.once(
            asker("shop"),
            Key("key".to_owned()),
            post("/rooms", "{}"),
            carry_out,
        )
    };
    tokio::select! {
        biased;
        _ = ask() => unreachable!("it waits"),
        () = begun.notified() => {}
    }
    assert_eq!(ask().await.status(), 409, "it is under way");
    go.notify_one();
    let answer = loop {
        let answer = ask().await;
        if answer.status() != 409 {
            break answer;
        }
        tokio::task::yield_now().await;
    };
    assert!(answer.status() == 200 && answer.headers().contains_key(REPLAYED));
}

#[tokio::test]
async fn nobody_pushes_out_the_keys_of_one_who_has_less() {
    let bound = |entries| Bound {
        entries,
        bytes: usize::MAX,
    };
    let work = Work::bounded(bound(3), bound(5));
    assert!(!work.create("shop", "first").await.1);
    for nth in 0..9 {
        assert!(!work.create("bank", &format!("{nth}")).await.1);
        assert!(!work.create("club", &format!("{nth}")).await.1);
    }
    assert!(work.create("shop", "first").await.1);
    assert!(work.create("club", "8").await.1);
    assert!(!work.create("bank", "0").await.1, "it has gone");
    let book = lock(&work.answers.0);
    assert!(book.entries <= 5 && book.owners.values().all(|one| one.entries.len() <= 3));
}

#[tokio::test]
async fn bytes_are_bounded_too_and_counted_back() {
    let bound = |bytes| Bound {
        entries: usize::MAX,
        bytes,
    };
    let work = Work::bounded(bound(3 * ENTRY), bound(5 * ENTRY));
    for owner in ["shop", "bank", "club"] {
        for nth in 0..9 {
            assert!(!work.create(owner, &format!("{nth}")).await.1);
            let book = lock(&work.answers.0);
            let sum: usize = book.owners.values().map(|one| one.bytes).sum();
            assert!(sum == book.bytes && book.bytes <= 5 * ENTRY, "{sum}");
        }
    }
    lock(&work.answers.0).forget(Instant::now() + KEPT);
    let book = lock(&work.answers.0);
    assert_eq!((book.bytes, book.entries, book.owners.len()), (0, 0, 0));
}

#[tokio::test]
async fn what_is_under_way_is_not_pushed_out_and_bounds_what_may_begin() {
    let bound = Bound {
        entries: 2,
        bytes: usize::MAX,
    };
    let answers = Answers::bounded(bound, bound);
    let now = Instant::now();
    let begin = |id: u8| answers.begin("shop".to_owned(), [id; 32], [0; 32], now);
    let (first, second) = (begin(1), begin(2));
    assert!(matches!((&first, &second), (Found::New(_), Found::New(_))));
    assert!(matches!(begin(3), Found::Full));
    drop(first);
    assert!(matches!(begin(3), Found::New(_)));
    drop(second);
    assert!(lock(&answers.0).owners.is_empty());
}

#[tokio::test]
async fn a_key_is_unknown_after_a_day() {
    let work = Work::new();
    work.create("shop", "key").await;
    lock(&work.answers.0).forget(Instant::now() + KEPT - Duration::from_secs(1));
    assert!(work.create("shop", "key").await.1);
    lock(&work.answers.0).forget(Instant::now() + KEPT);
    assert_eq!(work.create("shop", "key").await, said(201, false, "2 {}"));
}

#[tokio::test]
async fn a_body_that_is_too_long_is_refused_before_anything_is_done() {
    let work = Work::new();
    let answer = work
        .ask("shop", "key", post("/rooms", &"x".repeat(3 << 20)))
        .await;
    assert_eq!((answer.0, work.done.load(SeqCst)), (413, 0));
}

#[test]
fn a_key_is_1_to_255_printable_characters_and_there_is_one() {
    let of = |values: &[&[u8]]| {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(KEY, HeaderValue::from_bytes(value).unwrap());
        }
        Key::of(&headers)
    };
    assert_eq!(of(&[]), Ok(None));
    assert_eq!(of(&[b"\"8e03 978e\""]), Ok(Some(Key("\"8e03 978e\"".to_owned()))));
    assert!(matches!(of(&[&[b'x'; 255]]), Ok(Some(_))));
    for wrong in [
        &[b"" as &[u8]] as &[&[u8]],
        &[&[b'x'; 256]],
        &[b"a\tb"],
        &[b"\xc3\xa9"],
        &[b"a", b"a"],
    ] {
        assert!(of(wrong).is_err(), "{wrong:?}");
    }
}
