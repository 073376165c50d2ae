//! All tokens, and the one place that decides whom a request stands for.

use super::book::{self, Book};
use super::file::{TokenFile, TokenFileError};
use super::scope::{Access, Scope, ScopeError};
use super::token::{NewToken, Token, TokenState, TokenText};
use crate::clock::unix_now_signed;
use crate::observe::{Audit, Entry, Who};
use crate::store::{Store, StoreError};
use crate::supervise::Supervisor;
use crate::sync::lock;
use omnigate_room::Secret;
use std::collections::BTreeMap;
use std::mem::take;
use std::net::IpAddr;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tracing::{info, warn};

/// Tokens that can be used at a time.
const MOST: usize = 1000;
/// How often it is written into the store when tokens were used last, old ones are forgotten, and a store that was away is tried.
const ROUND: Duration = Duration::from_secs(30);
/// How often a store that is away is tried.
const AGAIN: Duration = Duration::from_secs(2);
/// Seconds of a day.
const DAY: i64 = 86_400;

/// What the tokens are made of.
pub struct TokensParts {
    /// Those that were made by command.
    pub store: Store,
    /// `api.token`: an admin's.
    pub configured: Option<Secret>,
    /// That of the first start.
    pub file: TokenFile,
    /// What is done with tokens goes there.
    pub audit: Audit,
    /// How long tokens that open nothing any more are remembered, days.
    pub keep_days: u64,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bearer {
    /// What it may.
    pub access: Access,
    /// For the audit log.
    pub who: Who,
}

/// Why a token opens nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// It is none of ours.
    #[error("the token is not valid")]
    Unknown,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// It was taken back.
    #[error("the token was revoked")]
    Revoked,
    /// The tokens of the store are not read yet.
    #[error("the store cannot be read at the moment, so that tokens made by command are not known")]
    NotRead,
}

/// Why a token is not made or taken back.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// Of its scopes.
    #[error(transparent)]
    Scope(#[from] ScopeError),
    /// Of its name.
    #[error("{0}")]
    Name(&'static str),
    /// It would never open anything.
    #[error("expires_at: is not in the future")]
    Past,
    /// There are too many.
    #[error("there are {MOST} tokens that can be used; remove some")]
    TooMany,
    /// The store does not take it.
    #[error("{0}")]
    Store(#[from] StoreError),
}

/// A token that was just made, with its text, which is never shown again.
#[derive(Debug)]
pub struct Made {
    /// What is kept.
    pub token: Arc<Token>,
    /// The text.
    pub text: TokenText,
}

/// All tokens.
pub struct Tokens {
    parts: TokensParts,
    /// `None`: not read yet.
    book: RwLock<Option<Book>>,
    /// Used since it was last written into the store.
    used: Mutex<BTreeMap<String, Arc<Token>>>,
    first_use: Notify,
    /// One change at a time, from the store to the book.
    changes: tokio::sync::Mutex<()>,
}

impl Tokens {
    /// Reads those of the store and, when there is no admin's anywhere, makes one into the file. A store that cannot be read is tried
    /// again until it can; until then its tokens are refused as [`Denial::NotRead`].
    ///
    /// # Errors
    /// There is no token at all, and the file cannot be written.
    pub async fn start(parts: TokensParts, supervisor: &Supervisor) -> Result<Arc<Tokens>, TokenFileError> {
        let tokens = Arc::new(Tokens::new(parts));
        if tokens.read().await {
            tokens.make_first()?;
        }
        tokens.parts.file.look();
        let running = tokens.clone();
        supervisor.restarting("tokens", move || running.clone().run());
        Ok(tokens)
    }

    fn new(parts: TokensParts) -> Tokens {
        Tokens {
            parts,
            book: RwLock::new(None),
            used: Mutex::default(),
            first_use: Notify::new(),
            changes: tokio::sync::Mutex::new(()),
        }
    }

    /// Whether the tokens of the store are read now.
    async fn read(&self) -> bool {
        match book::load(&self.parts.store).await {
            Ok(all) => {
                *self.book.write().unwrap_or_else(PoisonError::into_inner) = Some(all);
                true
            }
            Err(error) => {
                warn!(%error, "tokens made by command are refused until the store can be read");
                false
            }
        }
    }

    /// With no admin's token anywhere nobody could make one.
    fn make_first(&self) -> Result<(), TokenFileError> {
        let now = unix_now_signed();
        let in_store = self.with_book(|book| {
            book.values()
                .any(|token| token.scopes.has(Scope::Admin) && token.state(now) == TokenState::Active)
        });
        // One that is there and cannot be read is not replaced: that would be its owner's to do.
        let in_file = !matches!(self.parts.file.read(), Ok(None));
        if self.parts.configured.is_some() || in_store == Some(true) || in_file {
            return Ok(());
        }
        self.parts.file.make()?;
        let file = self.parts.file.path().display();
        info!(%file, "there was no API token: an admin token is in the file");
        self.parts.audit.note(Entry::new("token_add", "file"));
        Ok(())
    }

    async fn run(self: Arc<Self>) {
        while !self.is_read() {
            tokio::time::sleep(AGAIN).await;
            if self.read().await
                && let Err(error) = self.make_first()
            {
                warn!(%error, "nobody can use the API");
            }
        }
        loop {
            // The first use of a token is kept at once, so that it is noted once.
            let _ = tokio::time::timeout(ROUND, self.first_use.notified()).await;
            self.keep_up().await;
        }
    }

    /// What is not urgent: when tokens were used, and that old ones are forgotten.
    async fn keep_up(&self) {
        let used: Vec<Arc<Token>> = take(&mut *lock(&self.used)).into_values().collect();
        if !used.is_empty()
            && let Err(error) = book::used(&self.parts.store, &used).await
        {
            warn!(%error, "when tokens were used last is not kept");
        }
        let days = i64::try_from(self.parts.keep_days).unwrap_or(0);
        let before = unix_now_signed().saturating_sub(days.saturating_mul(DAY));
        let is_old = |token: &Token| {
            let revoked = token.revoked_at.load(Relaxed);
            (1..before).contains(&revoked) || (1..before).contains(&token.expires_at)
        };
        let any_old = self.with_book(|book| book.values().any(|token| is_old(token)));
        if days == 0 || any_old != Some(true) {
            return;
        }
        let _change = self.changes.lock().await;
        match book::forget(&self.parts.store, before).await {
            Ok(()) => drop(self.with_book_mut(|book| book.retain(|_, token| !is_old(token)))),
            Err(error) => warn!(%error, "old tokens are not forgotten"),
        }
    }

    fn is_read(&self) -> bool {
        self.with_book(|_| ()).is_some()
    }

    fn with_book<T>(&self, look: impl FnOnce(&Book) -> T) -> Option<T> {
        self.book
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .as_ref()
            .map(look)
    }

    fn with_book_mut<T>(&self, change: impl FnOnce(&mut Book) -> T) -> Option<T> {
        self.book
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .as_mut()
            .map(change)
    }

    /// Whom this token stands for. `from` is for the audit log.
    ///
    /// # Errors
    /// It opens nothing.
    pub fn judge(&self, given: &str, from: Option<IpAddr>) -> Result<Bearer, Denial> {
        let admin = |id: &str| Bearer {
            access: Access::Admin,
            who: Who::Token(id.to_owned()),
        };
        // All that can be is compared whatever comes of it, and each in constant time.
        let configured = self.parts.configured.as_ref();
        if configured.is_some_and(|token| token.matches(given)) {
            return Ok(admin("configuration"));
        }
        if self.parts.file.is(given, Instant::now()) {
            return Ok(admin("file"));
        }
        let given = TokenText::parse(given).ok_or(Denial::Unknown)?;
        let found = self
            .with_book(|book| book.get(&given.id).cloned())
            .ok_or(Denial::NotRead)?;
        let token = found.filter(|token| token.is(&given)).ok_or(Denial::Unknown)?;
        let now = unix_now_signed();
        match token.state(now) {
            TokenState::Active => {}
            TokenState::Expired => return Err(Denial::Expired),
            TokenState::Revoked => return Err(Denial::Revoked),
        }
        let access = token.access().map_err(|_| Denial::Unknown)?;
        let who = Who::Token(token.id.clone());
        self.mark_used(&token, now, || {
            let entry = Entry::new("token_first_use", &token.id).by(who.clone(), from);
            match &token.service_id {
                Some(service) => entry.of(service),
                None => entry,
            }
        });
        Ok(Bearer { access, who })
    }

    fn mark_used(&self, token: &Arc<Token>, now: i64, first: impl FnOnce() -> Entry) {
        let last = token.last_used_at.swap(now, Relaxed);
        if last != now {
            lock(&self.used).insert(token.id.clone(), token.clone());
        }
        if last == 0 {
            self.parts.audit.note(first());
            self.first_use.notify_one();
        }
    }

    /// Makes one. When this returns it is in the store.
    ///
    /// # Errors
    /// [`TokenError`]
    pub async fn add(&self, wish: NewToken) -> Result<Made, TokenError> {
        let now = unix_now_signed();
        wish.scopes.access(wish.service_id.as_deref())?;
        if let Some(fault) = wish.name_fault() {
            return Err(TokenError::Name(fault));
        }
        if wish.expires_at.is_some_and(|at| at <= now) {
            return Err(TokenError::Past);
        }
        let _change = self.changes.lock().await;
        let active = self.with_book(|book| {
            let active = |token: &&Arc<Token>| token.state(now) == TokenState::Active;
            book.values().filter(active).count()
        });
        if active.is_some_and(|active| active >= MOST) {
            return Err(TokenError::TooMany);
        }
        let text = TokenText::new();
        let token = Arc::new(book::new(&text, wish, now));
        book::add(&self.parts.store, &token).await?;
        self.with_book_mut(|book| book.insert(token.id.clone(), token.clone()));
        Ok(Made { token, text })
    }

    /// All of the store, those that open nothing any more too, the newest first.
    #[must_use]
    pub fn all(&self) -> Option<Vec<Arc<Token>>> {
        self.with_book(|book| book.values().rev().cloned().collect())
    }

    /// Whether the configuration has one.
    #[must_use]
    pub fn is_configured(&self) -> bool {
        self.parts.configured.is_some()
    }

    /// That of the first start.
    #[must_use]
    pub fn file(&self) -> &TokenFile {
        &self.parts.file
    }

    /// Takes back all those of a service that is gone.
    pub async fn revoke_of(&self, service: &str) {
        for token in self.all().into_iter().flatten() {
            if token.service_id.as_deref() == Some(service)
                && let Err(error) = self.revoke(&token.id).await
            {
                warn!(%error, id = token.id, "a token of a service that is gone is refused until the next start only");
            }
        }
    }

    /// Takes one back: from now on it opens nothing. `None`: there is none of this id that opened anything.
    ///
    /// # Errors
    /// The store does not take it; the token is refused by this process all the same.
    pub async fn revoke(&self, id: &str) -> Result<Option<Arc<Token>>, TokenError> {
        let _change = self.changes.lock().await;
        let now = unix_now_signed();
        let found = self.with_book(|book| book.get(id).cloned()).flatten();
        let Some(token) = found.filter(|token| token.state(now) != TokenState::Revoked) else {
            return Ok(None);
        };
        token.revoked_at.store(now, Relaxed);
        book::revoke(&self.parts.store, id, now).await?;
        Ok(Some(token))
    }
}

#[cfg(test)]
mod tests {
    use super::super::scope::Scopes;
    use super::*;
    use crate::observe::AuditOrder;
    use std::path::{Path, PathBuf};
    use tokio::sync::mpsc::Receiver;

    struct World {
        tokens: Tokens,
        folder: PathBuf,
        orders: Receiver<AuditOrder>,
    }

    impl Drop for World {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }

    fn tokens(store: Store, folder: &Path, configured: Option<&str>) -> (Tokens, Receiver<AuditOrder>) {
        let (audit, orders) = Audit::new();
        let parts = TokensParts {
            store,
            configured: configured.map(Secret::new),
            file: TokenFile::of(folder),
            audit,
            keep_days: 90,
        };
        (Tokens::new(parts), orders)
    }

    async fn world(name: &str, configured: Option<&str>) -> World {
        let (store, folder) = crate::store::tests::store(&format!("tokens-{name}")).await;
        let (tokens, orders) = tokens(store, &folder, configured);
        assert!(tokens.read().await);
        World {
            tokens,
            folder,
            orders,
        }
    }

    fn wish(scopes: &[Scope], service: Option<&str>) -> NewToken {
        NewToken {
            name: "for tests".to_owned(),
            scopes: Scopes::of(scopes),
            service_id: service.map(str::to_owned),
            expires_at: None,
        }
    }

    fn notes(world: &mut World) -> Vec<&'static str> {
        std::iter::from_fn(|| match world.orders.try_recv() {
            Ok(AuditOrder::Keep(noted)) => Some(noted.entry.what),
            _ => None,
        })
        .collect()
    }

    #[tokio::test]
    async fn a_token_opens_what_it_was_made_for_also_after_a_restart() {
        let mut world = world("made", None).await;
        let made = world
            .tokens
            .add(wish(&[Scope::Read], Some("shop")))
            .await
            .unwrap();
        let text = made.text.expose();
        let bearer = world.tokens.judge(&text, None).unwrap();
        assert_eq!(bearer.access.only(), Some("shop"));
        assert!(bearer.access.may(Scope::Read) && !bearer.access.may(Scope::Calls));
        assert_eq!(bearer.who, Who::Token(made.token.id.clone()));
        let again = tokens(world.tokens.parts.store.clone(), &world.folder, None).0;
        assert!(again.read().await);
        assert_eq!(again.judge(&text, None).unwrap(), bearer);
        world.tokens.judge(&text, None).unwrap();
        assert_eq!(notes(&mut world), ["token_first_use"], "once");
    }

    #[tokio::test]
    async fn the_store_has_no_token_that_could_be_used() {
        let world = world("hash", None).await;
        let made = world.tokens.add(wish(&[Scope::Admin], None)).await.unwrap();
        let text = made.text.expose();
        let secret = text.rsplit('_').next().unwrap();
        let row: (String, String) = sqlx::query_as("SELECT id, hash FROM tokens")
            .fetch_one(&world.tokens.parts.store.pool().unwrap())
            .await
            .unwrap();
        assert_ne!(row.1, secret);
        let stolen = format!("omt_{}_{}", row.0, row.1);
        assert_eq!(world.tokens.judge(&stolen, None), Err(Denial::Unknown));
        assert!(!made.token.shown(0).to_string().contains(secret));
    }

    #[tokio::test]
    async fn what_is_wrong_expired_or_revoked_opens_nothing() {
        let world = world("over", None).await;
        let tokens = &world.tokens;
        for given in ["", "hush", "omt_", "omt_1_2", "omt_file_"] {
            assert_eq!(tokens.judge(given, None), Err(Denial::Unknown), "{given}");
        }
        let made = tokens.add(wish(&[Scope::Admin], None)).await.unwrap();
        let text = made.text.expose();
        assert_eq!(tokens.judge(&text[..text.len() - 1], None), Err(Denial::Unknown));
        assert!(tokens.revoke(&made.token.id).await.unwrap().is_some());
        assert_eq!(tokens.judge(&text, None), Err(Denial::Revoked));
        assert!(tokens.revoke(&made.token.id).await.unwrap().is_none(), "once");
        let short = NewToken {
            expires_at: Some(unix_now_signed() + 1),
            ..wish(&[Scope::Admin], None)
        };
        let short = tokens.add(short).await.unwrap().text.expose();
        assert!(tokens.judge(&short, None).is_ok());
        tokio::time::sleep(Duration::from_millis(1100)).await;
        assert_eq!(tokens.judge(&short, None), Err(Denial::Expired));
        let past = NewToken {
            expires_at: Some(unix_now_signed()),
            ..wish(&[Scope::Admin], None)
        };
        assert!(matches!(tokens.add(past).await, Err(TokenError::Past)));
    }

    #[tokio::test]
    async fn the_first_start_makes_a_token_into_the_file_and_later_ones_do_not() {
        let world = world("first", None).await;
        world.tokens.make_first().unwrap();
        let first = world.tokens.parts.file.read().unwrap().unwrap();
        let bearer = world.tokens.judge(first.expose(), None).unwrap();
        assert_eq!(
            (bearer.access, bearer.who),
            (Access::Admin, Who::Token("file".to_owned()))
        );
        world.tokens.make_first().unwrap();
        let second = world.tokens.parts.file.read().unwrap().unwrap();
        assert_eq!(first.expose(), second.expose());
    }

    #[tokio::test]
    async fn no_file_is_made_where_there_is_an_admins_token_already() {
        let configured = world("configured", Some("of the configuration")).await;
        configured.tokens.make_first().unwrap();
        assert!(configured.tokens.parts.file.read().unwrap().is_none());
        let bearer = configured.tokens.judge("of the configuration", None).unwrap();
        assert_eq!(bearer.who, Who::Token("configuration".to_owned()));
        let stored = world("stored", None).await;
        stored.tokens.add(wish(&[Scope::Admin], None)).await.unwrap();
        stored.tokens.make_first().unwrap();
        assert!(stored.tokens.parts.file.read().unwrap().is_none());
        let service = world("service", None).await;
        let read = wish(&[Scope::Read], Some("shop"));
        service.tokens.add(read).await.unwrap();
        service.tokens.make_first().unwrap();
        assert!(
            service.tokens.parts.file.read().unwrap().is_some(),
            "a service's token can make no other"
        );
    }

    #[tokio::test]
    async fn a_store_that_is_away_refuses_its_own_tokens_alone() {
        let world = world("away", Some("of the configuration")).await;
        let text = world.tokens.add(wish(&[Scope::Admin], None)).await.unwrap().text;
        world.tokens.parts.store.close().await;
        assert!(
            world.tokens.judge(&text.expose(), None).is_ok(),
            "what was read holds"
        );
        let refused = world.tokens.add(wish(&[Scope::Admin], None)).await;
        assert!(matches!(refused, Err(TokenError::Store(_))));
        let again = tokens(
            world.tokens.parts.store.clone(),
            &world.folder,
            Some("of the configuration"),
        )
        .0;
        assert!(!again.read().await);
        assert_eq!(again.judge(&text.expose(), None), Err(Denial::NotRead));
        assert!(again.judge("of the configuration", None).is_ok());
    }

    #[tokio::test]
    async fn when_a_token_was_used_is_kept_and_old_ones_are_forgotten() {
        let world = world("kept", None).await;
        let made = world.tokens.add(wish(&[Scope::Admin], None)).await.unwrap();
        world.tokens.judge(&made.text.expose(), None).unwrap();
        let old = world.tokens.add(wish(&[Scope::Admin], None)).await.unwrap();
        sqlx::query("UPDATE tokens SET revoked_at = 86400 WHERE id = $1")
            .bind(&old.token.id)
            .execute(&world.tokens.parts.store.pool().unwrap())
            .await
            .unwrap();
        old.token.revoked_at.store(86_400, Relaxed);
        world.tokens.keep_up().await;
        let rows: Vec<(String, i64)> = sqlx::query_as("SELECT id, last_used_at FROM tokens")
            .fetch_all(&world.tokens.parts.store.pool().unwrap())
            .await
            .unwrap();
        assert_eq!(rows.len(), 1);
        assert!(rows[0].0 == made.token.id && rows[0].1 > 0, "{rows:?}");
        assert_eq!(world.tokens.all().unwrap().len(), 1);
    }
}
