//! The rooms in the store: what of them outlives a crash.
//!
//! What is made and destroyed on request is written one after the other, each service in its turn, and its maker is told how that
//! went. Rooms that have expired are struck out as soon as the store takes it.

use crate::directory::Numbers;
use crate::fair::InTurns;
use crate::store::{Result as Stored, Store};
use crate::supervise::test_point;
use omnigate_omnitalk::{CallNumber, KeptRoom, SecretHash, StoreFault};
use omnigate_room::RoomId;
use sqlx::{Row as _, any::AnyRow};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::time::{MissedTickBehavior, interval, sleep};
use tracing::{error, info, warn};

/// Pause before another try at what nobody waits for.
const AGAIN: Duration = Duration::from_secs(1);

/// Something to be written.
pub(super) enum Line {
    Keep {
        service_id: String,
        room: Box<KeptRoom>,
    },
    Strike {
        service_id: String,
        room: RoomId,
        asked: bool,
    },
    /// What there is of a service that has come later is wanted.
    Read {
        service_id: String,
    },
}

impl Line {
    fn service_id(&self) -> String {
        let (Line::Keep { service_id, .. } | Line::Strike { service_id, .. } | Line::Read { service_id }) =
            self;
        service_id.clone()
    }
}

/// What became of it.
#[derive(Debug)]
pub(super) enum Written {
    /// What an earlier process has left.
    Read(Left),
    /// What there is of a service that has come later.
    ReadOf { service_id: String, left: Left },
    Kept {
        service_id: String,
        room: RoomId,
        written: Result<(), StoreFault>,
    },
    Struck {
        service_id: String,
        room: RoomId,
        written: Result<(), StoreFault>,
    },
}

/// The rooms that an earlier process has left, the oldest first, and the plain call numbers of rooms; with their services.
#[derive(Debug, Default)]
pub(super) struct Left {
    pub(super) rooms: Vec<(String, KeptRoom)>,
    pub(super) numbers: Vec<(String, RoomId, CallNumber)>,
}

/// Writes and reads rooms.
pub(super) struct Ledger {
    store: Store,
    numbers: Arc<dyn Numbers>,
    /// Rooms that are to be struck out, and could not be yet: at most as many as there were rooms.
    unstruck: BTreeSet<RoomId>,
    /// Services that came later, and whose rooms are not read yet.
    unread: BTreeSet<String>,
    complained: bool,
}

impl Ledger {
    pub(super) fn new(store: Store, numbers: Arc<dyn Numbers>) -> Ledger {
        Ledger {
            store,
            numbers,
            unstruck: BTreeSet::new(),
            unread: BTreeSet::new(),
            complained: false,
        }
    }

    /// Reads the rooms that there are, then writes until there is nobody any more who wants something written. At most one line waits for
    /// each socket and each room.
    pub(super) async fn run(mut self, lines: UnboundedReceiver<Line>, written: UnboundedSender<Written>) {
        let mut lines = InTurns::new(lines, Line::service_id);
        let (store, mut is_read) = (self.store.clone(), false);
        // Not from line to line: where one follows the other nothing would ever be tried again.
        let mut again = interval(AGAIN);
        again.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            test_point("ledger");
            let done = tokio::select! {
                line = lines.recv() => match line {
                    Some(line) => self.carry_out(line).await,
                    None => return,
                },
                () = store.opened(), if !is_read => {
                    let all = self.read().await;
                    is_read = all.is_some();
                    all.map(Written::Read)
                }
                _ = again.tick(), if !(self.unstruck.is_empty() && self.unread.is_empty()) => {
                    if !self.unstruck.is_empty() {
                        self.strike_all().await;
                    }
                    match self.unread.pop_first() {
                        Some(service_id) => self.read_of(service_id).await,
                        None => None,
                    }
                }
            };
            if done.is_some_and(|done| written.send(done).is_err()) {
                return;
            }
        }
    }

    async fn read(&self) -> Option<Left> {
        match read(&self.store).await {
            Ok(rooms) => {
                info!(rooms = rooms.len(), "rooms read");
                let numbers = self.numbers.of_rooms().await;
                Some(Left { rooms, numbers })
            }
            Err(error) => {
                warn!(%error, "the rooms cannot be read; it is tried again");
                sleep(AGAIN).await;
                None
            }
        }
    }

    /// What there is of this service; later, where the store does not say it.
    async fn read_of(&mut self, service_id: String) -> Option<Written> {
        let Ok(mut rooms) = read(&self.store).await else {
            self.unread.insert(service_id);
            return None;
        };
        rooms.retain(|(service, _)| *service == service_id);
        let mut numbers = self.numbers.of_rooms().await;
        numbers.retain(|(service, ..)| *service == service_id);
        let left = Left { rooms, numbers };
        Some(Written::ReadOf { service_id, left })
    }

    async fn carry_out(&mut self, line: Line) -> Option<Written> {
        Some(match line {
            Line::Read { service_id } => return self.read_of(service_id).await,
            Line::Keep { service_id, room } => {
                let written = self.told(keep(&self.store, &service_id, &room).await);
                let room = room.id;
                Written::Kept {
                    service_id,
                    room,
                    written,
                }
            }
            Line::Strike {
                service_id,
                room,
                asked,
            } => {
                let written = self.told(strike(&self.store, &[room]).await);
                if written.is_err() && !asked {
                    self.unstruck.insert(room);
                }
                Written::Struck {
                    service_id,
                    room,
                    written,
                }
            }
        })
    }

    async fn strike_all(&mut self) {
        let all: Vec<RoomId> = self.unstruck.iter().copied().collect();
        if self.told(strike(&self.store, &all).await).is_ok() {
            self.unstruck.clear();
        }
    }

    /// Says once that the store takes nothing.
    fn told(&mut self, written: Stored<()>) -> Result<(), StoreFault> {
        let failed = written.is_err();
        if let Err(error) = written
            && !self.complained
        {
            warn!(%error, "rooms cannot be written down: none is made or destroyed until they can");
        }
        self.complained = failed;
        (!failed).then_some(()).ok_or(StoreFault)
    }
}

fn signed(time: u64) -> i64 {
    i64::try_from(time).unwrap_or(i64::MAX)
}

async fn keep(store: &Store, service_id: &str, room: &KeptRoom) -> Stored<()> {
    let _turn = store.turn().await?;
    let micros = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    sqlx::query(
        "INSERT INTO rooms (id, place, service_id, room_type, subject, secret, creator, start_date, end_date, reg_date, \
         keep_until) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(room.id.to_string())
    .bind(i64::try_from(micros.as_micros()).unwrap_or(0))
    .bind(service_id)
    .bind(&room.room_type)
    .bind(&room.subject)
    .bind(room.secret.as_ref().map(SecretHash::to_text).unwrap_or_default())
    .bind(&room.creator)
    .bind(signed(room.start_date))
    .bind(signed(room.end_date))
    .bind(signed(room.reg_date))
    .bind(signed(room.keep_until.unwrap_or(0)))
    .execute(&store.pool()?)
    .await?;
    Ok(())
}

async fn strike(store: &Store, rooms: &[RoomId]) -> Stored<()> {
    let mut transaction = store.begin().await?;
    for room in rooms {
        sqlx::query("DELETE FROM rooms WHERE id = $1")
            .bind(room.to_string())
            .execute(&mut **transaction)
            .await?;
    }
    Ok(transaction.commit().await?)
}

async fn read(store: &Store) -> Stored<Vec<(String, KeptRoom)>> {
    let query = "SELECT id, service_id, room_type, subject, secret, creator, start_date, end_date, reg_date, keep_until \
                 FROM rooms ORDER BY place";
    let rows = sqlx::query(query).fetch_all(&store.pool()?).await?;
    let all: Stored<Vec<_>> = rows.iter().map(of_row).collect();
    Ok(all?.into_iter().flatten().collect())
}

/// `None` for a row that nobody of us has written: it is left alone, and nobody gets into a room whose secret is not known.
fn of_row(row: &AnyRow) -> Stored<Option<(String, KeptRoom)>> {
    let text = |column: &str| row.try_get::<String, _>(column);
    let time = |column: &str| {
        row.try_get::<i64, _>(column)
            .map(|time| u64::try_from(time).unwrap_or(0))
    };
    let (id, secret) = (text("id")?, text("secret")?);
    let hash = SecretHash::parse(&secret);
    let Some(id) = RoomId::parse(&id).filter(|_| secret.is_empty() || hash.is_some()) else {
        error!("a row of rooms is not ours; it is left alone");
        return Ok(None);
    };
    let room = KeptRoom {
        id,
        room_type: text("room_type")?,
        subject: text("subject")?,
        secret: hash,
        creator: text("creator")?,
        start_date: time("start_date")?,
        end_date: time("end_date")?,
        reg_date: time("reg_date")?,
        keep_until: Some(time("keep_until")?).filter(|until| *until > 0),
    };
    Ok(Some((text("service_id")?, room)))
}

#[cfg(test)]
mod tests;
