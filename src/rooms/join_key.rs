//! The key by which join tokens are signed and judged: made once and kept in the store, so that a token holds over restarts.

use super::task::Rooms;
use crate::clock::unix_now_signed;
use crate::hex::hex;
use crate::store::{Result, Store};
use crate::supervise::Supervisor;
use crate::sync::lock;
use omnigate_room::Secret;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tracing::warn;

/// How often a store that is away is tried.
const AGAIN: Duration = Duration::from_secs(2);
/// What the key is for.
const PURPOSE: &str = "join";

/// The key, once it is there.
#[derive(Clone, Default)]
pub struct JoinKey(Arc<Mutex<Option<Secret>>>);

impl JoinKey {
    /// Reads it, or makes the first one; what cannot be read is tried again. Until then nobody joins by a token.
    pub async fn start(store: Store, rooms: Rooms, supervisor: &Supervisor) -> JoinKey {
        let key = JoinKey::default();
        if store.absent().is_none() && key.read(&store, &rooms).await {
            return key;
        }
        let later = key.clone();
        supervisor.restarting("join-key", move || {
            let (key, store, rooms) = (later.clone(), store.clone(), rooms.clone());
            async move {
                store.opened().await;
                while !key.read(&store, &rooms).await {
                    tokio::time::sleep(AGAIN).await;
                }
                std::future::pending().await
            }
        });
        key
    }

    /// The key; none: the store has not been read yet.
    #[must_use]
    pub fn get(&self) -> Option<Secret> {
        lock(&self.0).clone()
    }

    async fn read(&self, store: &Store, rooms: &Rooms) -> bool {
        match load(store).await {
            Ok(key) => {
                rooms.set_join_key(key.clone()).await;
                *lock(&self.0) = Some(key);
                true
            }
            Err(error) => {
                warn!(%error, "join tokens are refused until the store can be read");
                false
            }
        }
    }
}

async fn load(store: &Store) -> Result<Secret> {
    let mut transaction = store.begin().await?;
    let found: Option<(String,)> = sqlx::query_as("SELECT secret FROM signing_keys WHERE purpose = $1")
        .bind(PURPOSE)
        .fetch_optional(&mut **transaction)
        .await?;
    if let Some((key,)) = found {
        return Ok(Secret::new(key));
    }
    let key = hex(&rand::random::<[u8; 32]>());
    sqlx::query("INSERT INTO signing_keys (purpose, secret, made_at) VALUES ($1, $2, $3)")
        .bind(PURPOSE)
        .bind(&key)
        .bind(unix_now_signed())
        .execute(&mut **transaction)
        .await?;
    transaction.commit().await?;
    Ok(Secret::new(key))
}
