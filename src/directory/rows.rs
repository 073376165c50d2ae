//! Numbers as rows of the store.

use crate::store::{Result, Store, StoreError};
use omnigate_omnitalk::{
    CallNumber, NumberChange, NumberEntry, NumberMaker, NumberState, NumberTerms, TargetKind,
};
use omnigate_room::RoomId;
use sqlx::{Any, Row as _, Transaction, any::AnyRow};
use tracing::error;

const USER: &str = "user";
const ROOM: &str = "room";
const LIVE: &str = "live";
const RESERVED: &str = "reserved";
/// How the maker is written: a user has its id behind the colon.
const MAKER_USER: &str = "user:";
const MAKER_SERVICE: &str = "service";

const COLUMNS: &str = "SELECT number, service_id, kind, target, maker, expires_at, uses, callers, purpose, state, until, \
                       made_at FROM call_numbers";

/// All of them.
pub(super) async fn all(store: &Store) -> Result<Vec<NumberEntry>> {
    let rows = sqlx::query(COLUMNS).fetch_all(&store.pool()?).await?;
    read_all(&rows)
}

/// One of them.
pub(super) async fn one(store: &Store, number: CallNumber) -> Result<Option<NumberEntry>> {
    let query = format!("{COLUMNS} WHERE number = $1");
    let row = sqlx::query(sqlx::AssertSqlSafe(query))
        .bind(number.expose())
        .fetch_optional(&store.pool()?)
        .await?;
    Ok(row.as_ref().map(read).transpose()?.flatten())
}

fn read_all(rows: &[AnyRow]) -> Result<Vec<NumberEntry>> {
    let entries: Result<Vec<Option<NumberEntry>>> = rows.iter().map(read).collect();
    Ok(entries?.into_iter().flatten().collect())
}

/// `None` for a row that nobody of us has written; it is left alone.
fn read(row: &AnyRow) -> Result<Option<NumberEntry>> {
    let text = |column: &str| row.try_get::<String, _>(column);
    let int = |column: &str| row.try_get::<i64, _>(column);
    let time = |column: &str| int(column).map(|time| u64::try_from(time).unwrap_or(0));
    let (number, target, maker) = (text("number")?, text("target")?, text("maker")?);
    let kind = match text("kind")?.as_str() {
        USER => Some(TargetKind::User(target)),
        ROOM => RoomId::parse(&target).map(TargetKind::Room),
        _ => None,
    };
    let (Ok(number), Some(kind)) = (CallNumber::parse(&number), kind) else {
        error!("a row of call_numbers is not ours; it is left alone");
        return Ok(None);
    };
    let until = time("until")?;
    let state = match text("state")?.as_str() {
        RESERVED => NumberState::Reserved { until },
        _ if until > 0 => NumberState::Awaiting { until },
        _ => NumberState::Live,
    };
    let maker = match maker.strip_prefix(MAKER_USER) {
        Some(user) => NumberMaker::User(user.to_owned()),
        None if maker == MAKER_SERVICE => NumberMaker::Service,
        None => NumberMaker::Nobody,
    };
    let callers = serde_json::from_str(&text("callers")?).map_err(|source| StoreError::Content {
        column: "call_numbers.callers",
        source,
    })?;
    let terms = NumberTerms {
        expires_at: Some(time("expires_at")?).filter(|end| *end > 0),
        uses: u32::try_from(int("uses")?).ok(),
        callers,
        purpose: text("purpose")?,
    };
    Ok(Some(NumberEntry {
        number,
        service_id: text("service_id")?,
        kind,
        maker,
        terms,
        state,
        made_at: time("made_at")?,
    }))
}

fn written(kind: &TargetKind) -> (&'static str, String) {
    match kind {
        TargetKind::User(user) => (USER, user.clone()),
        TargetKind::Room(room) => (ROOM, room.to_string()),
    }
}

/// Writes a change down. False when the row is not what the change began with: somebody else has the number.
pub(super) async fn write(transaction: &mut Transaction<'_, Any>, change: &NumberChange) -> Result<bool> {
    let Some(entry) = &change.after else {
        sqlx::query("DELETE FROM call_numbers WHERE number = $1 AND state = $2")
            .bind(change.number.expose())
            .bind(RESERVED)
            .execute(&mut **transaction)
            .await?;
        return Ok(true);
    };
    // Of whom the row may be: of nobody, of whom it was, or already of whom it is to be.
    let before = change.before.as_ref().unwrap_or(entry);
    let (before_kind, before_target) = written(&before.kind);
    let (kind, target) = written(&entry.kind);
    let signed = |time: u64| i64::try_from(time).unwrap_or(i64::MAX);
    let (state, until) = match entry.state {
        NumberState::Live => (LIVE, 0),
        NumberState::Awaiting { until } => (LIVE, until),
        NumberState::Reserved { until } => (RESERVED, until),
    };
    let maker = match &entry.maker {
        NumberMaker::User(user) => format!("{MAKER_USER}{user}"),
        NumberMaker::Service => MAKER_SERVICE.to_owned(),
        NumberMaker::Nobody => String::new(),
    };
    let done = sqlx::query(
        "INSERT INTO call_numbers (number, service_id, kind, target, maker, expires_at, uses, callers, purpose, state, \
         until, made_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (number) DO UPDATE SET \
         service_id = excluded.service_id, kind = excluded.kind, target = excluded.target, maker = excluded.maker, \
         expires_at = excluded.expires_at, uses = excluded.uses, callers = excluded.callers, purpose = excluded.purpose, \
         state = excluded.state, until = excluded.until, made_at = excluded.made_at \
         WHERE (call_numbers.service_id = $13 AND call_numbers.kind = $14 AND call_numbers.target = $15) \
         OR (call_numbers.service_id = excluded.service_id AND call_numbers.kind = excluded.kind \
         AND call_numbers.target = excluded.target)",
    )
    .bind(change.number.expose())
    .bind(&entry.service_id)
    .bind(kind)
    .bind(target)
    .bind(maker)
    .bind(signed(entry.terms.expires_at.unwrap_or(0)))
    .bind(entry.terms.uses.map_or(-1, i64::from))
    .bind(serde_json::Value::from(entry.terms.callers.clone()).to_string())
    .bind(&entry.terms.purpose)
    .bind(state)
    .bind(signed(until))
    .bind(signed(entry.made_at))
    .bind(&before.service_id)
    .bind(before_kind)
    .bind(before_target)
    .execute(&mut **transaction)
    .await?;
    Ok(done.rows_affected() == 1)
}
