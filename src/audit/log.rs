//! The table.

use crate::clock::utc;
use crate::observe::Noted;
use crate::store::{Result, Store};
use serde_json::{Value, json};

/// Most entries of one answer.
pub const LONGEST_PAGE: u32 = 1000;

/// What is looked for. Everything that is given must fit.
#[derive(Debug, Clone, Default)]
pub struct AuditQuery {
    /// Unix seconds, inclusive.
    pub from: Option<i64>,
    /// Unix seconds, exclusive.
    pub to: Option<i64>,
    /// A kind (`token`, `session`, `system`, `stranger`) or an id.
    pub who: Option<String>,
    /// As `token_add`.
    pub what: Option<String>,
    /// Id of the last entry of the page before.
    pub before: Option<String>,
    /// At most so many, [`LONGEST_PAGE`] at most.
    pub limit: u32,
}

/// Reads and writes it.
#[derive(Debug, Clone)]
pub struct AuditLog(Store);

type Row = (
    String,
    i64,
    String,
    String,
    String,
    String,
    String,
    String,
    String,
    String,
);

impl AuditLog {
    /// That of a store.
    #[must_use]
    pub fn of(store: Store) -> AuditLog {
        AuditLog(store)
    }

    /// Adds these, all or none.
    pub(super) async fn add(&self, entries: &[Noted]) -> Result<()> {
        let mut transaction = self.0.begin().await?;
        for Noted { id, at, entry } in entries {
            sqlx::query(
                "INSERT INTO audit (id, at, who_kind, who_id, client, service_id, what, subject, result, detail) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            )
            .bind(id)
            .bind(at)
            .bind(entry.who.kind())
            .bind(entry.who.id())
            .bind(entry.from.map(|from| from.to_string()).unwrap_or_default())
            .bind(entry.service.as_deref().unwrap_or_default())
            .bind(entry.what)
            .bind(&entry.subject)
            .bind(&entry.result)
            .bind(match &entry.detail {
                Value::Null => String::new(),
                detail => detail.to_string(),
            })
            .execute(&mut **transaction)
            .await?;
        }
        Ok(transaction.commit().await?)
    }

    /// Entries as the API shows them, the newest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn list(&self, query: &AuditQuery) -> Result<Vec<Value>> {
        let who = query.who.as_deref().unwrap_or_default();
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT id, at, who_kind, who_id, client, service_id, what, subject, result, detail FROM audit \
             WHERE at >= $1 AND at < $2 AND ($3 = '' OR what = $4) AND ($5 = '' OR who_kind = $6 OR who_id = $7) \
             AND id < $8 ORDER BY id DESC LIMIT $9",
        )
        .bind(query.from.unwrap_or(0))
        .bind(query.to.unwrap_or(i64::MAX))
        .bind(query.what.as_deref().unwrap_or_default())
        .bind(query.what.as_deref().unwrap_or_default())
        .bind(who)
        .bind(who)
        .bind(who)
        // Ids are hexadecimal digits: all are before this one.
        .bind(query.before.as_deref().unwrap_or("g"))
        .bind(i64::from(query.limit.min(LONGEST_PAGE)))
        .fetch_all(&self.0.pool()?)
        .await?;
        Ok(rows.into_iter().map(shown).collect())
    }

    /// Forgets what is older than `before`, unix seconds.
    pub(super) async fn forget(&self, before: i64) -> Result<()> {
        let _turn = self.0.turn().await?;
        sqlx::query("DELETE FROM audit WHERE at < $1")
            .bind(before)
            .execute(&self.0.pool()?)
            .await?;
        Ok(())
    }
}

fn shown(row: Row) -> Value {
    let (id, at, kind, who, from, service, what, subject, result, detail) = row;
    let some = |text: String| if text.is_empty() { Value::Null } else { text.into() };
    json!({
        "id": id, "at": utc(u64::try_from(at).unwrap_or(0)), "who": { "kind": kind, "id": some(who) },
        "from": some(from), "service_id": some(service), "what": what, "subject": some(subject), "result": result,
        "detail": serde_json::from_str(&detail).unwrap_or(Value::Null),
    })
}
