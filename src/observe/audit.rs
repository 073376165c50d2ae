//! Who did what: the audit log's entries, and the handle by which everybody leaves one.
//!
//! An entry is a log line at once, and goes through a bounded queue into the store (`crate::audit`). While the store is slow or
//! away entries wait; when [`QUEUE`] of them do, further ones are lost to the store, counted, and their log lines remain.

use super::page::Page;
use crate::clock::unix_micros;
use serde_json::Value;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tracing::{info, warn};

/// Entries that may wait for the store.
const QUEUE: usize = 8192;
/// How long [`Audit::flush`] waits.
const FLUSH: Duration = Duration::from_secs(2);
/// Longest text of an entry, characters; the rest is cut off.
const LONGEST: usize = 200;

/// Who did it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// The bearer of a token: its id, or `configuration` or `file`.
    Token(String),
    /// A session of the signaling, by its id.
    Session(String),
    /// The service itself: a setting, a time that is over.
    System,
    /// Somebody who has not shown who it is.
    Stranger,
}

impl Who {
    /// `token`, `session`, `system` or `stranger`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Who::Token(_) => "token",
            Who::Session(_) => "session",
            Who::System => "system",
            Who::Stranger => "stranger",
        }
    }

    /// Its id; empty where there is none.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Who::Token(id) | Who::Session(id) => id,
            Who::System | Who::Stranger => "",
        }
    }
}

/// Something that was done, or was refused. Neither secrets nor telephone numbers in clear belong into any of its texts.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Who did it.
    pub who: Who,
    /// The client's address, where it came by the network.
    pub from: Option<IpAddr>,
    /// Whose thing it was done to; `None`: no service's.
    pub service: Option<String>,
    /// What, as `token_add`, `recording_delete`, `denied`.
    pub what: &'static str,
    /// To what: an id.
    pub subject: String,
    /// `ok`, or why not.
    pub result: String,
    /// What else there is to say: an object, or null.
    pub detail: Value,
}

impl Entry {
    /// Something that was done with success, by the service itself until [`Entry::by`] says otherwise.
    #[must_use]
    pub fn new(what: &'static str, subject: impl Into<String>) -> Entry {
        Entry {
            who: Who::System,
            from: None,
            service: None,
            what,
            subject: subject.into(),
            result: "ok".to_owned(),
            detail: Value::Null,
        }
    }

    /// Who did it, and from where.
    #[must_use]
    pub fn by(mut self, who: Who, from: impl Into<Option<IpAddr>>) -> Entry {
        (self.who, self.from) = (who, from.into());
        self
    }

    /// Whose thing it was done to.
    #[must_use]
    pub fn of(mut self, service: impl Into<String>) -> Entry {
        self.service = Some(service.into());
        self
    }

    /// How it went, other than well.
    #[must_use]
    pub fn result(mut self, result: impl Into<String>) -> Entry {
        self.result = result.into();
        self
    }

    /// What else there is to say.
    #[must_use]
    pub fn detail(mut self, detail: Value) -> Entry {
        self.detail = detail;
        self
    }
}

/// An entry with its place in the log.
#[derive(Debug, Clone, PartialEq)]
pub struct Noted {
    /// Sorts by time; unique over restarts.
    pub id: String,
    /// Unix seconds.
    pub at: i64,
    /// What is noted.
    pub entry: Entry,
}

/// What goes to the writer.
#[derive(Debug)]
pub enum AuditOrder {
    /// Keep this.
    Keep(Box<Noted>),
    /// Say when all before is kept.
    Flush(oneshot::Sender<()>),
}

#[derive(Debug)]
struct Shared {
    orders: mpsc::Sender<AuditOrder>,
    /// Microseconds of the last entry: the next one comes after it, whatever the clock does.
    last: AtomicU64,
    lost: AtomicU64,
    kept: AtomicU64,
}

/// Leaves entries in the audit log. Never waits.
#[derive(Debug, Clone)]
pub struct Audit(Arc<Shared>);

impl Audit {
    /// The handle, and what the writer reads.
    #[must_use]
    pub fn new() -> (Audit, mpsc::Receiver<AuditOrder>) {
        Audit::with_room_for(QUEUE)
    }

    fn with_room_for(entries: usize) -> (Audit, mpsc::Receiver<AuditOrder>) {
        let (orders, receiver) = mpsc::channel(entries);
        let shared = Shared {
            orders,
            last: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            kept: AtomicU64::new(0),
        };
        (Audit(Arc::new(shared)), receiver)
    }

    /// Notes it: a log line now, a row of the store soon.
    pub fn note(&self, mut entry: Entry) {
        for text in [&mut entry.subject, &mut entry.result] {
            *text = plain(text);
        }
        if let Who::Token(id) | Who::Session(id) = &mut entry.who {
            *id = plain(id);
        }
        entry.service = entry.service.as_deref().map(plain);
        info!(
            what = entry.what,
            who = entry.who.kind(),
            who_id = entry.who.id(),
            from = entry.from.map(tracing::field::display),
            service_id = entry.service,
            subject = entry.subject,
            result = entry.result,
            "audit"
        );
        let (seconds, micros) = unix_micros();
        let now = seconds * 1_000_000 + u64::from(micros);
        let last = self.0.last.fetch_max(now, Relaxed);
        let place = match now > last {
            true => now,
            false => self.0.last.fetch_add(1, Relaxed) + 1,
        };
        let noted = Noted {
            id: format!("{place:016x}{:04x}", rand::random::<u16>()),
            at: i64::try_from(seconds).unwrap_or(i64::MAX),
            entry,
        };
        if self.0.orders.try_send(AuditOrder::Keep(Box::new(noted))).is_err() {
            self.0.lost.fetch_add(1, Relaxed);
        }
    }

    /// Waits until all that was noted before is in the store, at most so long as the end may take.
    pub async fn flush(&self) {
        let (done, wait) = oneshot::channel();
        let flushed = async {
            if self.0.orders.send(AuditOrder::Flush(done)).await.is_ok() {
                let _ = wait.await;
            }
        };
        if tokio::time::timeout(FLUSH, flushed).await.is_err() {
            warn!("audit entries are lost: the store did not take them in time; their log lines remain");
        }
    }

    /// So many entries more are in the store.
    pub fn kept(&self, entries: usize) {
        self.0.kept.fetch_add(entries as u64, Relaxed);
    }

    /// Entries that the store will never have.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.0.lost.load(Relaxed)
    }

    /// Its figures.
    pub fn tell(&self, page: &mut Page) {
        let waiting = self.0.orders.max_capacity() - self.0.orders.capacity();
        page.counter(
            "audit_entries",
            self.0.kept.load(Relaxed),
            "Audit entries written into the store",
        );
        page.counter(
            "audit_lost",
            self.lost(),
            "Audit entries that found a full queue; their log lines remain",
        );
        page.gauge(
            "audit_waiting",
            waiting as u64,
            "Audit entries that wait for the store",
        );
    }
}

/// Without what a log or a database could stumble over, and not too long.
fn plain(text: &str) -> String {
    let shown = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    shown.take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(orders: &mut mpsc::Receiver<AuditOrder>) -> Vec<Noted> {
        std::iter::from_fn(|| match orders.try_recv() {
            Ok(AuditOrder::Keep(noted)) => Some(*noted),
            _ => None,
        })
        .collect()
    }

    #[test]
    fn ids_sort_in_the_order_in_which_entries_were_left() {
        let (audit, mut orders) = Audit::new();
        for n in 0..1000 {
            audit.note(Entry::new("test", n.to_string()));
        }
        let all = kept(&mut orders);
        assert!(all.windows(2).all(|two| two[0].id < two[1].id));
        let subjects: Vec<String> = all.into_iter().map(|one| one.entry.subject).collect();
        assert_eq!(subjects, (0..1000).map(|n| n.to_string()).collect::<Vec<_>>());
    }

    #[test]
    fn nobody_waits_for_a_full_queue_and_what_is_lost_is_counted() {
        let (audit, mut orders) = Audit::with_room_for(3);
        for n in 0..5 {
            audit.note(Entry::new("test", n.to_string()));
        }
        assert_eq!((audit.lost(), kept(&mut orders).len()), (2, 3));
        let mut page = Page::new(String::new());
        audit.tell(&mut page);
        assert!(page.finish().contains("\nomnigate_audit_lost_total 2\n"));
    }

    #[test]
    fn what_a_stranger_writes_cannot_break_a_line_or_fill_the_log() {
        let (audit, mut orders) = Audit::new();
        let entry = Entry::new("denied", format!("a\n\u{0}b{}", "x".repeat(500)));
        audit.note(entry.by(Who::Token("t\nt".to_owned()), None));
        let one = kept(&mut orders).remove(0);
        assert!(one.entry.subject.starts_with("a  b") && one.entry.subject.len() == LONGEST);
        assert_eq!(one.entry.who, Who::Token("t t".to_owned()));
    }
}
