use super::handle::State;
use super::*;

/// A store of its own in a new folder.
pub(crate) async fn store(name: &str) -> (Store, std::path::PathBuf) {
    let folder = std::env::temp_dir().join(format!("omnigate-store-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    let url = format!("sqlite://{}/deep/omnigate.db", folder.display());
    (Store::open(&url).await.unwrap(), folder)
}

#[tokio::test]
async fn a_database_is_made_once_and_opened_again() {
    let (store, folder) = store("again").await;
    store.close().await;
    let url = format!("sqlite://{}/deep/omnigate.db", folder.display());
    Store::open(&url).await.unwrap().close().await;
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn a_database_of_a_later_version_is_left_alone() {
    let (store, folder) = store("later").await;
    sqlx::query("UPDATE omnigate_schema SET version = 99")
        .execute(&store.pool().unwrap())
        .await
        .unwrap();
    store.close().await;
    let url = format!("sqlite://{}/deep/omnigate.db", folder.display());
    let error = Store::open(&url).await.unwrap_err().to_string();
    assert!(error.contains("version 99"), "{error}");
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn a_command_brings_tables_up_only_while_no_service_has_them() {
    let (store, folder) = store("beside").await;
    let url = format!("sqlite://{}/deep/omnigate.db", folder.display());
    let owner = Owner::take(&url, &folder.join("recordings")).await.unwrap();
    Store::open_beside(&url).await.unwrap().close().await;
    store.close().await;
    an_old_one(&folder).await;
    let error = Store::open_beside(&url).await.unwrap_err();
    assert!(matches!(error, StoreError::Busy(_)), "{error}");
    assert!(error.to_string().contains("process"), "{error}");
    drop(owner);
    Store::open_beside(&url).await.unwrap().close().await;
    std::fs::remove_dir_all(folder).unwrap();
}

/// Leaves what the first version of the tables had, with something in it, in the place of the store in this folder.
async fn an_old_one(folder: &std::path::Path) {
    leave(folder, include_str!("fixtures/version-1.sql")).await;
}

async fn leave(folder: &std::path::Path, fixture: &'static str) {
    for file in ["omnigate.db", "omnigate.db-wal", "omnigate.db-shm"] {
        let _ = std::fs::remove_file(folder.join("deep").join(file));
    }
    let path = folder.join("deep/omnigate.db");
    let old = opening::connect(&format!("sqlite://{}", path.display()), None)
        .await
        .unwrap();
    sqlx::raw_sql(fixture).execute(&old).await.unwrap();
    old.close().await;
}

#[tokio::test]
async fn what_an_older_omnigate_has_left_is_there_afterwards_and_two_who_bring_it_up_do_not_meet() {
    let folder = std::env::temp_dir().join(format!("omnigate-store-old-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    an_old_one(&folder).await;
    let url = format!("sqlite://{}/deep/omnigate.db", folder.display());
    let (one, other) = tokio::join!(Store::open(&url), Store::open(&url));
    let (store, other) = (one.unwrap(), other.unwrap());
    let count = async |table: &str| {
        let query = sqlx::AssertSqlSafe(format!("SELECT COUNT(*) FROM {table}"));
        let (count,): (i64,) = sqlx::query_as(query)
            .fetch_one(&store.pool().unwrap())
            .await
            .unwrap();
        count
    };
    let counts = [
        count("recordings").await,
        count("outbox").await,
        count("rooms").await,
    ];
    assert_eq!(counts, [2, 1, 0]);
    let (version,): (i64,) = sqlx::query_as("SELECT version FROM omnigate_schema")
        .fetch_one(&other.pool().unwrap())
        .await
        .unwrap();
    assert_eq!(version, schema::VERSION);
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn deliveries_of_before_have_an_end_afterwards_and_the_clock_that_was_seen_is_known() {
    let folder = std::env::temp_dir().join(format!("omnigate-store-four-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    leave(&folder, include_str!("fixtures/version-4.sql")).await;
    let url = format!("sqlite://{}/deep/omnigate.db", folder.display());
    let store = Store::open(&url).await.unwrap();
    let pool = store.pool().unwrap();
    let ends: Vec<(String, i64)> = sqlx::query_as("SELECT state, settled_at FROM outbox ORDER BY place")
        .fetch_all(&pool)
        .await
        .unwrap();
    let ends: Vec<(&str, i64)> = ends.iter().map(|(state, at)| (state.as_str(), *at)).collect();
    assert_eq!(
        ends,
        [
            ("pending", 0),
            ("delivered", 1_700_000_002),
            ("given_up", 1_700_000_003)
        ]
    );
    let clocks: Vec<(i64, i64, i64)> = sqlx::query_as("SELECT id, seen_at, held FROM clocks")
        .fetch_all(&pool)
        .await
        .unwrap();
    assert_eq!(clocks, [(1, 1_700_000_600, 0)]);
    // It has been away for longer than a day: nothing is old yet.
    let mut ages = Ages::new(store.clone(), Retention::Recordings);
    assert_eq!(ages.now().await.unwrap(), None);
    // A retention that has never looked has nothing to compare with.
    assert!(Ages::new(store, Retention::Audit).now().await.unwrap().is_some());
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn a_copy_is_of_one_moment_and_opens_while_the_service_goes_on() {
    use std::os::unix::fs::PermissionsExt;
    let (store, folder) = store("backup").await;
    let url = format!("sqlite://{}/deep/omnigate.db", folder.display());
    let keep = async |id: &str| {
        sqlx::query("INSERT INTO rooms VALUES ($1, 1, 'demo', 'audioroom', '', '', '', 0, 0, 0, 0)")
            .bind(id)
            .execute(&store.pool().unwrap())
            .await
            .unwrap();
    };
    keep("before").await;
    let copy = folder.join("copy.db");
    assert!(backup(&url, &copy).await.unwrap() > 0);
    keep("after").await;
    assert_eq!(
        std::fs::metadata(&copy).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert!(
        matches!(backup(&url, &copy).await, Err(StoreError::Backup { .. })),
        "nothing is overwritten"
    );
    let copied = Store::open(&format!("sqlite://{}", copy.display()))
        .await
        .unwrap();
    let rooms: Vec<(String,)> = sqlx::query_as("SELECT id FROM rooms")
        .fetch_all(&copied.pool().unwrap())
        .await
        .unwrap();
    assert_eq!(rooms, [("before".to_owned(),)]);
    let error = backup("postgres://localhost/x", &folder.join("no.db"))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("pg_dump"), "{error}");
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_named() {
    let error = Store::open("sqlite:///proc/nowhere/omnigate.db")
        .await
        .unwrap_err();
    assert!(error.to_string().contains("/proc/nowhere"), "{error}");
}

/// Shuts a store off and opens it again, as a database that goes and comes.
pub(crate) struct Valve {
    state: tokio::sync::watch::Sender<State>,
    pool: sqlx::AnyPool,
}

impl Valve {
    /// The same store, behind a valve that is open.
    pub(crate) fn of(store: &Store) -> (Valve, Store) {
        let pool = store.pool().unwrap();
        let (state, gate) = tokio::sync::watch::channel(State::Open(pool.clone()));
        (Valve { state, pool }, Store::new(gate))
    }

    pub(crate) fn shut(&self) {
        self.state.send_replace(State::Absent("of a test".to_owned()));
    }

    pub(crate) fn open(&self) {
        self.state.send_replace(State::Open(self.pool.clone()));
    }
}
