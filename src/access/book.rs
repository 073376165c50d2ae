//! The tokens of the store, and their copy in memory by which requests are judged: a request costs the store nothing, and a store
//! that is away for a while shuts nobody out.

use super::scope::Scopes;
use super::token::{NewToken, Token, TokenText};
use crate::store::{Result, Store};
use omnigate_room::Secret;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

/// All of them, by id.
pub(super) type Book = BTreeMap<String, Arc<Token>>;

type Row = (String, String, String, String, String, i64, i64, i64, i64);

fn token(row: Row) -> Token {
    let (id, name, scopes, service, hash, created_at, expires_at, last_used_at, revoked_at) = row;
    Token {
        id,
        name,
        // A word that a later version has written means nothing here; what is left of the scopes does.
        scopes: scopes
            .split(' ')
            .filter_map(|word| Scopes::parse([word]).ok())
            .fold(Scopes::default(), Scopes::and),
        service_id: Some(service).filter(|service| !service.is_empty()),
        hash: Secret::new(hash),
        created_at,
        expires_at,
        last_used_at: AtomicI64::new(last_used_at),
        revoked_at: AtomicI64::new(revoked_at),
    }
}

/// All tokens of the store.
pub(super) async fn load(store: &Store) -> Result<Book> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT id, name, scopes, service_id, hash, created_at, expires_at, last_used_at, revoked_at FROM tokens",
    )
    .fetch_all(&store.pool()?)
    .await?;
    let all = rows.into_iter().map(token);
    Ok(all.map(|token| (token.id.clone(), Arc::new(token))).collect())
}

/// Keeps a new token: of its secret the hash.
pub(super) async fn add(store: &Store, token: &Token) -> Result<()> {
    let _turn = store.turn().await?;
    sqlx::query(
        "INSERT INTO tokens (id, name, scopes, service_id, hash, created_at, expires_at, last_used_at, revoked_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, 0, 0)",
    )
    .bind(&token.id)
    .bind(&token.name)
    .bind(token.scopes.words().join(" "))
    .bind(token.service_id.as_deref().unwrap_or_default())
    .bind(token.hash.expose())
    .bind(token.created_at)
    .bind(token.expires_at)
    .execute(&store.pool()?)
    .await?;
    Ok(())
}

/// From now on it opens nothing.
pub(super) async fn revoke(store: &Store, id: &str, now: i64) -> Result<()> {
    let _turn = store.turn().await?;
    sqlx::query("UPDATE tokens SET revoked_at = $1 WHERE id = $2 AND revoked_at = 0")
        .bind(now)
        .bind(id)
        .execute(&store.pool()?)
        .await?;
    Ok(())
}

/// When these were used last.
pub(super) async fn used(store: &Store, tokens: &[Arc<Token>]) -> Result<()> {
    let mut transaction = store.begin().await?;
    for token in tokens {
        sqlx::query("UPDATE tokens SET last_used_at = $1 WHERE id = $2")
            .bind(token.last_used_at.load(Relaxed))
            .bind(&token.id)
            .execute(&mut **transaction)
            .await?;
    }
    Ok(transaction.commit().await?)
}

/// Forgets those that have opened nothing since `before`, unix seconds.
pub(super) async fn forget(store: &Store, before: i64) -> Result<()> {
    let _turn = store.turn().await?;
    sqlx::query(
        "DELETE FROM tokens WHERE (revoked_at > 0 AND revoked_at < $1) OR (expires_at > 0 AND expires_at < $2)",
    )
    .bind(before)
    .bind(before)
    .execute(&store.pool()?)
    .await?;
    Ok(())
}

/// A new token of this text.
pub(super) fn new(text: &TokenText, wish: NewToken, now: i64) -> Token {
    Token {
        id: text.id.clone(),
        name: wish.name,
        scopes: wish.scopes,
        service_id: wish.service_id,
        hash: text.hash(),
        created_at: now,
        expires_at: wish.expires_at.unwrap_or(0),
        last_used_at: AtomicI64::new(0),
        revoked_at: AtomicI64::new(0),
    }
}
