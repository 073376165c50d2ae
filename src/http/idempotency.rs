//! A request that creates something is carried out once, however often it is sent: answers are kept for whoever asks again with the
//! same `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header).
//!
//! ```text
//!   unknown ──begin──▶ running ──answered──▶ kept ──a day, or no more room──▶ unknown
//!                         └──5xx, 429, panic──▶ unknown
//! ```
//!
//! What has begun goes to its end although its client is gone meanwhile: that is the client who asks again. A key belongs to a bearer, a
//! method and a path. Answers are in memory alone, for they may have secrets that are shown once.

use super::inputs::refused_body;
use super::problem::{self, problem, too_many};
use crate::sync::lock;
use axum::body::{Body, Bytes, HttpBody, to_bytes};
use axum::extract::{FromRequest, Request};
use axum::http::header::HeaderName;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tracing::Instrument;

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// Characters of a key, at most.
const LONGEST_KEY: usize = 255;
/// How long an answer is kept, from the beginning of its request.
const KEPT: Duration = Duration::from_secs(24 * 3600);
/// What is too old goes within this although nobody asks.
const ROUND: Duration = Duration::from_secs(60);
/// Bytes of an answer that is kept, at most; what creates something answers with a few hundred.
const LONGEST_ANSWER: usize = 256 * 1024;
/// Bytes that an entry takes beside its answer.
const ENTRY: usize = 512;

/// How much there may be.
#[derive(Clone, Copy)]
struct Bound {
    entries: usize,
    bytes: usize,
}

/// Of one owner: a service with all of its tokens, or an admin's token.
const OF_ONE: Bound = Bound {
    entries: 1000,
    bytes: 4 << 20,
};
/// Of all owners.
const OF_ALL: Bound = Bound {
    entries: 20_000,
    bytes: 64 << 20,
};

type Hash = [u8; 32];

/// What a client has named its request.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Key(String);

impl Key {
    /// The key in a request's head, if there is one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn of(headers: &HeaderMap) -> Result<Option<Key>, &'static str> {
        let mut all = headers.get_all(&KEY).iter();
        let key = match (all.next(), all.next()) {
            (None, _) => return Ok(None),
            (Some(one), None) => one.to_str().ok(),
            (Some(_), Some(_)) => None,
        };
        let is_key = |key: &&str| {
            (1..=LONGEST_KEY).contains(&key.len()) && key.bytes().all(|byte| (b' '..=b'~').contains(&byte))
        };
        match key.filter(is_key) {
            Some(key) => Ok(Some(Key(key.to_owned()))),
            None => Err("Idempotency-Key: one of 1 to 255 printable characters (ASCII) is expected"),
        }
    }
}

/// Who asks.
pub(super) struct Asker {
    /// Whose share it is: a service, or an admin's token.
    pub(super) owner: String,
    /// Id of the token.
    pub(super) token: String,
}

/// Digest of all parts, and of where each ends.
fn hash(parts: &[&[u8]]) -> Hash {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    digest.finalize().into()
}

/// An answer that is given again. It may have secrets in it: never for a log.
#[derive(Clone)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    fn again(self) -> Response {
        let mut answer = Response::new(Body::from(self.body));
        *answer.status_mut() = self.status;
        *answer.headers_mut() = self.headers;
        answer
            .headers_mut()
            .insert(REPLAYED, HeaderValue::from_static("true"));
        answer
    }

    fn bytes(&self) -> usize {
        let heads = self.headers.iter();
        let heads = heads.map(|(name, value)| name.as_str().len() + value.len());
        self.body.len() + heads.sum::<usize>()
    }
}

/// A request with a key.
struct Entry {
    id: Hash,
    /// Of what it asked for.
    content: Hash,
    begun: Instant,
    /// `None`: it is under way.
    answer: Option<Answer>,
    bytes: usize,
}

/// Entries by their age.
#[derive(Default)]
struct Owner {
    entries: BTreeMap<u64, Entry>,
    by_id: HashMap<Hash, u64>,
    bytes: usize,
}

impl Owner {
    fn remove(&mut self, serial: u64) -> usize {
        let Some(entry) = self.entries.remove(&serial) else {
            return 0;
        };
        self.by_id.remove(&entry.id);
        self.bytes -= entry.bytes;
        entry.bytes
    }

    /// The oldest that is not under way.
    fn oldest(&self) -> Option<u64> {
        let mut all = self.entries.iter();
        all.find(|(_, entry)| entry.answer.is_some())
            .map(|(serial, _)| *serial)
    }

    fn is_over(&self, bound: Bound) -> bool {
        self.entries.len() > bound.entries || self.bytes > bound.bytes
    }
}

struct Book {
    owners: HashMap<String, Owner>,
    of_one: Bound,
    of_all: Bound,
    serial: u64,
    entries: usize,
    bytes: usize,
}

impl Book {
    fn remove(&mut self, owner: &str, serial: u64) {
        let Some(found) = self.owners.get_mut(owner) else {
            return;
        };
        let before = found.entries.len();
        self.bytes -= found.remove(serial);
        self.entries -= before - found.entries.len();
        if found.entries.is_empty() {
            self.owners.remove(owner);
        }
    }

    fn forget(&mut self, now: Instant) {
        let is_old = |entry: &Entry| now.saturating_duration_since(entry.begun) >= KEPT;
        let of = |(name, owner): (&String, &Owner)| {
            let old = owner.entries.iter().take_while(|(_, entry)| is_old(entry));
            let old = old.filter(|(_, entry)| entry.answer.is_some());
            old.map(|(serial, _)| (name.clone(), *serial)).collect::<Vec<_>>()
        };
        let old: Vec<_> = self.owners.iter().flat_map(of).collect();
        for (owner, serial) in old {
            self.remove(&owner, serial);
        }
    }

    /// Until this owner, and all together, have no more than they may. Of all, whoever has most gives way, so that nobody pushes out
    /// one who has less. False: what is under way is too much already.
    fn shrink(&mut self, owner: &str) -> bool {
        while let Some(found) = self.owners.get(owner).filter(|one| one.is_over(self.of_one)) {
            let Some(oldest) = found.oldest() else {
                return false;
            };
            self.remove(owner, oldest);
        }
        while self.entries > self.of_all.entries || self.bytes > self.of_all.bytes {
            let by_bytes = self.bytes > self.of_all.bytes;
            let size = |owner: &Owner| {
                if by_bytes {
                    owner.bytes
                } else {
                    owner.entries.len()
                }
            };
            let most = self.owners.iter().max_by_key(|(_, owner)| size(owner));
            let Some((name, oldest)) = most.and_then(|(name, owner)| Some((name.clone(), owner.oldest()?)))
            else {
                return false;
            };
            self.remove(&name, oldest);
        }
        true
    }
}

/// What is known of a key.
enum Found {
    New(Running),
    Kept(Answer),
    Running,
    /// It was for something else.
    Other,
    /// Too much is under way.
    Full,
}

/// Answers that are kept.
pub(super) struct Answers(Mutex<Book>);

impl Answers {
    pub(super) fn new() -> Arc<Answers> {
        Answers::bounded(OF_ONE, OF_ALL)
    }

    fn bounded(of_one: Bound, of_all: Bound) -> Arc<Answers> {
        Arc::new(Answers(Mutex::new(Book {
            owners: HashMap::new(),
            of_one,
            of_all,
            serial: 0,
            entries: 0,
            bytes: 0,
        })))
    }

    /// Forgets what is too old, for ever.
    pub(super) async fn forget_for_ever(self: Arc<Self>) {
        loop {
            lock(&self.0).forget(Instant::now());
            tokio::time::sleep(ROUND).await;
        }
    }

    /// The answer of `carry_out` to this request, or the one that it gave to the same request before.
    pub(super) async fn once<F>(
        self: &Arc<Self>,
        asker: Asker,
        key: Key,
        request: Request,
        carry_out: impl FnOnce(Request) -> F,
    ) -> Response
    where
        F: Future<Output = Response> + Send + 'static,
    {
        let (head, body) = request.into_parts();
        let body = match Bytes::from_request(Request::new(body), &()).await {
            Ok(body) => body,
            Err(error) => return refused_body(error.status(), &error.body_text()),
        };
        let (path, query) = (head.uri.path(), head.uri.query().unwrap_or_default());
        let kind = head.headers.get(header::CONTENT_TYPE);
        let kind = kind.map(HeaderValue::as_bytes).unwrap_or_default();
        let method = head.method.as_str();
        let id = hash(&[
            asker.token.as_bytes(),
            method.as_bytes(),
            path.as_bytes(),
            key.0.as_bytes(),
        ]);
        let content = hash(&[query.as_bytes(), kind, &body]);
        let running = match self.begin(asker.owner, id, content, Instant::now()) {
            Found::New(running) => running,
            Found::Kept(answer) => return answer.again(),
            Found::Other => {
                return problem::unprocessable(
                    "Idempotency-Key: it was sent with another request; take a new key",
                );
            }
            Found::Running => {
                return problem::conflict(
                    "Idempotency-Key: the request with this key is under way; ask again soon",
                );
            }
            Found::Full => return too_many(Duration::ZERO),
        };
        let carried_out = carry_out(Request::from_parts(head, Body::from(body)));
        // Not with the connection: who hears no answer asks again, and is to get the one of what was begun.
        let task = tokio::spawn(async move { running.end(carried_out.await).await }.in_current_span());
        task.await.unwrap_or_else(|_| broken())
    }

    fn begin(self: &Arc<Self>, owner: String, id: Hash, content: Hash, now: Instant) -> Found {
        let mut book = lock(&self.0);
        book.forget(now);
        let known = book
            .owners
            .get(&owner)
            .and_then(|one| Some((one, one.by_id.get(&id)?)));
        if let Some(entry) = known.and_then(|(one, serial)| one.entries.get(serial)) {
            return match &entry.answer {
                _ if entry.content != content => Found::Other,
                None => Found::Running,
                Some(answer) => Found::Kept(answer.clone()),
            };
        }
        book.serial += 1;
        let serial = book.serial;
        let entry = Entry {
            id,
            content,
            begun: now,
            answer: None,
            bytes: ENTRY,
        };
        book.entries += 1;
        book.bytes += entry.bytes;
        let of_owner = book.owners.entry(owner.clone()).or_default();
        of_owner.bytes += entry.bytes;
        of_owner.by_id.insert(id, serial);
        of_owner.entries.insert(serial, entry);
        if !book.shrink(&owner) {
            book.remove(&owner, serial);
            return Found::Full;
        }
        Found::New(Running {
            answers: self.clone(),
            owner,
            serial,
        })
    }
}

/// A request that is under way; forgotten when it goes without an answer that is kept.
struct Running {
    answers: Arc<Answers>,
    owner: String,
    serial: u64,
}

impl Running {
    /// Keeps the answer unless it is worth another try.
    async fn end(self, answer: Response) -> Response {
        let status = answer.status();
        let is_short = answer
            .body()
            .size_hint()
            .exact()
            .is_some_and(|size| size <= LONGEST_ANSWER as u64);
        if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS || !is_short {
            return answer;
        }
        let (head, body) = answer.into_parts();
        let Ok(body) = to_bytes(body, LONGEST_ANSWER).await else {
            return broken();
        };
        self.keep(Answer {
            status,
            headers: head.headers.clone(),
            body: body.clone(),
        });
        Response::from_parts(head, Body::from(body))
    }

    fn keep(&self, answer: Answer) {
        let mut book = lock(&self.answers.0);
        let bytes = answer.bytes();
        let Some(owner) = book.owners.get_mut(&self.owner) else {
            return;
        };
        let Some(entry) = owner.entries.get_mut(&self.serial) else {
            return;
        };
        entry.answer = Some(answer);
        entry.bytes += bytes;
        owner.bytes += bytes;
        book.bytes += bytes;
        book.shrink(&self.owner);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut book = lock(&self.answers.0);
        let entry = book
            .owners
            .get(&self.owner)
            .and_then(|one| one.entries.get(&self.serial));
        if entry.is_some_and(|entry| entry.answer.is_none()) {
            book.remove(&self.owner, self.serial);
        }
    }
}

/// What has panicked, which the log tells.
fn broken() -> Response {
    problem(
        StatusCode::INTERNAL_SERVER_ERROR,
        "Internal Server Error",
        "the request has failed; see the log",
    )
}

#[cfg(test)]
mod tests;
