//! What the API has made, as rows of the store.

use super::keys::KeptKey;
use crate::config::{Entry, Kind};
use crate::store::{Result, Store};
use serde_json::Value;
use sqlx::{Row as _, any::AnyRow};
use std::collections::BTreeMap;
use tracing::error;

/// One service or trunk.
#[derive(Clone)]
pub(super) struct Item {
    /// By the keys of the configuration.
    pub(super) written: Entry,
    /// Of a service.
    pub(super) keys: Vec<KeptKey>,
    /// Unix seconds.
    pub(super) created_at: i64,
    /// Unix seconds.
    pub(super) changed_at: i64,
}

/// All of them, by kind and name.
pub(super) type Items = BTreeMap<(Kind, String), Item>;

/// All items of the store. A row that cannot be read is left alone.
pub(super) async fn load(store: &Store) -> Result<Items> {
    let query = "SELECT kind, name, written, service_keys, created_at, changed_at FROM provisioned ORDER BY created_at";
    let rows = sqlx::query(query).fetch_all(&store.pool()?).await?;
    let mut items = Items::new();
    for row in &rows {
        match read(row)? {
            Some((key, item)) => drop(items.insert(key, item)),
            None => error!("a row of provisioned is not ours; it is left alone"),
        }
    }
    Ok(items)
}

fn read(row: &AnyRow) -> Result<Option<((Kind, String), Item)>> {
    let text = |column: &str| row.try_get::<String, _>(column);
    let (word, name) = (text("kind")?, text("name")?);
    let kind = Kind::ALL.into_iter().find(|kind| kind.word() == word);
    let written = serde_json::from_str(&text("written")?);
    let keys = serde_json::from_str(&text("service_keys")?);
    let (Some(kind), Ok(Value::Object(written)), Ok(keys)) = (kind, written, keys) else {
        return Ok(None);
    };
    let item = Item {
        written,
        keys,
        created_at: row.try_get("created_at")?,
        changed_at: row.try_get("changed_at")?,
    };
    Ok(Some(((kind, name), item)))
}

/// Writes one, whether it was there or not.
pub(super) async fn put(store: &Store, kind: Kind, name: &str, item: &Item) -> Result<()> {
    let mut transaction = store.begin().await?;
    sqlx::query("DELETE FROM provisioned WHERE kind = $1 AND name = $2")
        .bind(kind.word())
        .bind(name)
        .execute(&mut **transaction)
        .await?;
    sqlx::query(
        "INSERT INTO provisioned (kind, name, written, service_keys, created_at, changed_at) \
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(kind.word())
    .bind(name)
    .bind(Value::Object(item.written.clone()).to_string())
    .bind(serde_json::to_string(&item.keys).unwrap_or_default())
    .bind(item.created_at)
    .bind(item.changed_at)
    .execute(&mut **transaction)
    .await?;
    Ok(transaction.commit().await?)
}

/// Takes one out.
pub(super) async fn remove(store: &Store, kind: Kind, name: &str) -> Result<()> {
    let _turn = store.turn().await?;
    sqlx::query("DELETE FROM provisioned WHERE kind = $1 AND name = $2")
        .bind(kind.word())
        .bind(name)
        .execute(&store.pool()?)
        .await?;
    Ok(())
}
