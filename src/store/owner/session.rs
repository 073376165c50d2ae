//! A lock of a PostgreSQL session. The session does nothing else; who holds it stands in its `application_name`, which
//! every role of the server may read in `pg_stat_activity`.
//!
//! An owner that cannot be heard any more, and whose connections nobody closes (its machine lost power, it hangs, something
//! between holds the line), loses the lock in a bounded time, and may come back at any moment. So its connections are over first:
//!
//! ```text
//!   0 s     nothing comes from the owner any more
//!   7 s     if it runs, it knows (LOOK, ANSWER): its store is absent
//!   20 s    the server has ended its other connections (SILENCE); what was on its way by them comes to nothing
//!   30 s    the server has ended the session of the lock (LEASE): another process may take it
//!   later   whatever the owner connects anew does not pass the fence, as the lock is not its own; it sees whose it is, and ends
//! ```

use super::holder::{Held, Holder, OwnerError, STORE_KEY};
use crate::store::error::may_pass;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AnyConnection, Connection, PgConnection, Row};
use std::str::FromStr;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tracing::{error, info, warn};

/// First half of the lock's key: "omni". The other half is the schema's, so that schemas are told apart as databases are.
const CLASS: i32 = 0x6f6d_6e69;
const SCHEMA: &str = "hashtext(coalesce(current_schema()::text, ''))";
/// The server needs a moment to see that a process has died.
const PATIENCE: Duration = Duration::from_secs(3);
const AGAIN: Duration = Duration::from_millis(100);
/// How often the connection is tried: so long another process may have the database at most before this one writes nothing more.
const LOOK: Duration = Duration::from_secs(2);
/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(5);
/// After so long without a word the server ends the session of the lock, milliseconds: several times [`LOOK`] and [`ANSWER`].
const LEASE: &str = "30000";
/// And any other connection of the service, milliseconds: sooner, or what it has sent might arrive when another process has the lock.
const SILENCE: &str = "20000";
/// A pool closes a connection that nobody uses before the server does, looked at as often as that.
pub(in crate::store) const IDLE: Duration = Duration::from_secs(8);
/// The kernel of a host that vanishes does not answer: its connections end within 25 s, and not after the two hours that are usual.
const KEEP_ALIVE: [(&str, &str); 3] = [
    ("tcp_keepalives_idle", "10"),
    ("tcp_keepalives_interval", "5"),
    ("tcp_keepalives_count", "3"),
];
/// What the server knows of these is set; `idle_session_timeout` came with PostgreSQL 14.
const SET: &str = "SELECT set_config(name, $2, false) FROM pg_settings WHERE name = $1";
/// Who holds the lock.
const HOLDER: &str = "SELECT a.application_name FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid \
     WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2 \
     AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
     AND l.classid::bigint = $1 \
     AND l.objid::bigint = (hashtext(coalesce(current_schema()::text, ''))::bigint & 4294967295)";
/// What PostgreSQL keeps of an `application_name`, bytes.
const NAME: usize = 63;

/// Whose the lock is, as far as we know.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Lock {
    /// The server cannot be asked.
    Unknown,
    Ours,
    Theirs(Held),
}

/// What every connection of the service's pool passes before it is used.
#[derive(Debug, Clone)]
pub(in crate::store) struct Fence {
    /// Of the session that must have the lock.
    name: String,
}

impl Fence {
    /// # Errors
    /// The lock is not this process's: nothing may be written.
    pub(in crate::store) async fn pass(&self, connection: &mut AnyConnection) -> sqlx::Result<()> {
        let silence = [
            ("idle_session_timeout", SILENCE),
            ("idle_in_transaction_session_timeout", SILENCE),
        ];
        for (setting, value) in KEEP_ALIVE.into_iter().chain(silence) {
            sqlx::query(SET)
                .bind(setting)
                .bind(value)
                .execute(&mut *connection)
                .await?;
        }
        let holder: Option<(String,)> = sqlx::query_as(HOLDER)
            .bind(i64::from(CLASS))
            .fetch_optional(connection)
            .await?;
        if holder.is_some_and(|(holder,)| holder == self.name) {
            return Ok(());
        }
        Err(sqlx::Error::Protocol(
            "the database is not kept for this process any more".to_owned(),
        ))
    }
}

/// Wanted until it is dropped; held while its connection lives.
#[derive(Debug)]
pub(in crate::store) struct SessionLock {
    name: String,
    lock: watch::Receiver<Lock>,
    keeper: JoinHandle<()>,
}

impl SessionLock {
    /// Takes it; from a server that cannot be asked as soon as it can.
    pub(super) async fn take(url: &str, holder: &Holder) -> Result<SessionLock, OwnerError> {
        let options = PgConnectOptions::from_str(url)?.application_name(&name(holder));
        let until = Instant::now() + PATIENCE;
        let connection = loop {
            match timeout(ANSWER, attempt(&options)).await {
                Ok(Ok(Ok(connection))) => break Some(connection),
                Ok(Ok(Err(_))) if Instant::now() < until => sleep(AGAIN).await,
                Ok(Ok(Err(held))) => return Err(OwnerError::Held(vec![held])),
                Ok(Err(error)) if !may_pass(&error) => return Err(error.into()),
                Ok(Err(_)) | Err(_) => break None,
            }
        };
        let first = connection.as_ref().map_or(Lock::Unknown, |_| Lock::Ours);
        let (tell, lock) = watch::channel(first);
        let keeper = tokio::spawn(keep(options, connection, holder.clone(), tell));
        Ok(SessionLock {
            name: name(holder),
            lock,
            keeper,
        })
    }

    pub(super) fn fence(&self) -> Fence {
        Fence {
            name: self.name.clone(),
        }
    }

    pub(super) async fn held(&self) {
        self.wait(|lock| *lock == Lock::Ours).await;
    }

    pub(super) async fn unheld(&self) {
        self.wait(|lock| *lock != Lock::Ours).await;
    }

    /// Returns when another process has it.
    pub(super) async fn lost(&self) -> OwnerError {
        match self.wait(|lock| matches!(lock, Lock::Theirs(_))).await {
            Lock::Theirs(held) => OwnerError::Held(vec![held]),
            Lock::Unknown | Lock::Ours => std::future::pending().await,
        }
    }

    async fn wait(&self, wanted: impl FnMut(&Lock) -> bool) -> Lock {
        let mut lock = self.lock.clone();
        let found = lock.wait_for(wanted).await.map(|lock| lock.clone());
        match found {
            Ok(lock) => lock,
            // The keeper ends only after it has told.
            Err(_) => std::future::pending().await,
        }
    }
}

impl Drop for SessionLock {
    fn drop(&mut self) {
        // With the task its connection ends, and with that the session.
        self.keeper.abort();
    }
}

/// Sees that the session lives; makes another one when it does not, or when there is none yet.
async fn keep(
    options: PgConnectOptions,
    mut connection: Option<PgConnection>,
    holder: Holder,
    tell: watch::Sender<Lock>,
) {
    loop {
        if let Some(ours) = &mut connection {
            sleep(LOOK).await;
            if matches!(timeout(ANSWER, ours.ping()).await, Ok(Ok(()))) {
                continue;
            }
            warn!("store.url: the connection that keeps the database for this process is lost");
            connection = None;
            tell.send_replace(Lock::Unknown);
        }
        match timeout(ANSWER, attempt(&options)).await {
            Ok(Ok(Ok(again))) => {
                info!("store.url: the database is kept for this process");
                connection = Some(again);
                tell.send_replace(Lock::Ours);
                continue;
            }
            // The server has not yet seen that our connection is gone.
            Ok(Ok(Err(held))) if held.holder.as_ref().is_some_and(|other| same(other, &holder)) => {}
            Ok(Ok(Err(held))) => {
                error!("{held}");
                tell.send_replace(Lock::Theirs(held));
                return;
            }
            // The store has the same trouble, and says so.
            Ok(Err(_)) | Err(_) => {}
        }
        sleep(LOOK).await;
    }
}

/// A new session with the lock, or who has it.
async fn attempt(options: &PgConnectOptions) -> sqlx::Result<Result<PgConnection, Held>> {
    let mut connection = PgConnection::connect_with(options).await?;
    for (setting, value) in KEEP_ALIVE.into_iter().chain([("idle_session_timeout", LEASE)]) {
        sqlx::query(SET)
            .bind(setting)
            .bind(value)
            .execute(&mut connection)
            .await?;
    }
    let row = sqlx::query(sqlx::AssertSqlSafe(format!(
        "SELECT pg_try_advisory_lock($1, {SCHEMA})"
    )))
    .bind(CLASS)
    .fetch_one(&mut connection)
    .await?;
    if row.try_get::<bool, _>(0)? {
        return Ok(Ok(connection));
    }
    let holder = sqlx::query(HOLDER)
        .bind(i64::from(CLASS))
        .fetch_optional(&mut connection)
        .await?;
    let holder = match holder {
        Some(row) => read(&row.try_get::<String, _>(0)?),
        None => None,
    };
    Ok(Err(Held {
        key: STORE_KEY,
        what: "the database".to_owned(),
        holder,
    }))
}

/// A long host's name goes last, so that it is what is cut off.
fn name(holder: &Holder) -> String {
    let mut name = format!("omnigate {} {} {}", holder.pid, holder.since, holder.host);
    while name.len() > NAME {
        name.pop();
    }
    name
}

fn read(name: &str) -> Option<Holder> {
    let mut words = name.strip_prefix("omnigate ")?.splitn(3, ' ');
    let (pid, since, host) = (words.next()?, words.next()?, words.next()?);
    Some(Holder {
        pid: pid.parse().ok()?,
        host: host.to_owned(),
        since: since.to_owned(),
    })
}

fn same(other: &Holder, this: &Holder) -> bool {
    read(&name(this)).as_ref() == Some(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_is_read_back_from_the_name_of_its_session_but_for_the_end_of_a_long_host() {
        let mut holder = Holder {
            pid: 4_194_304,
            host: "gate".to_owned(),
            since: "2026-11-24T20:53:31Z".to_owned(),
        };
        assert_eq!(read(&name(&holder)), Some(holder.clone()));
        holder.host = "g".repeat(64);
        assert!(name(&holder).len() <= NAME);
        assert!(same(&read(&name(&holder)).unwrap(), &holder));
        assert_eq!(read("psql"), None);
    }
}
