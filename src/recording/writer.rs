//! The thread that writes captures, and the first manifests. Nothing is decoded here, and nothing waits for a sync.

use super::figures::RecordingFigures;
use super::folder::Folder;
use super::notes::{Notes, Written};
use super::syncer::Syncer;
use crate::media::{CaptureId, TapReader};
use crate::supervise::{Supervisor, test_point};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};
use omnigate_recording::capture::{CaptureWriter, Record};
use omnigate_recording::manifest::Manifest;
use omnigate_recording::sealed::{SealKey, Sealer};
use omnigate_room::RecordingId;
use std::collections::{HashMap, HashSet};
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};
use tracing::{error, warn};

/// How often rings are emptied while something is captured; at the latest then it is in a file.
const ROUND: Duration = Duration::from_millis(250);
/// A page of a capture is ended this often: a crash of the process costs at most that.
const PAGE: Duration = Duration::from_millis(500);
/// Bytes of the longest page (RFC 3533 section 6): a page goes to the file in one piece.
const PAGE_BYTES: usize = 65_307;
/// And synced this often: a crash of the machine costs at most that and a page.
const SYNC: Duration = Duration::from_secs(1);
/// After its end a recording waits so long for what is still on the way through its shard.
const TAIL: Duration = Duration::from_millis(300);

/// Orders to the writer.
pub(super) enum Order {
    /// A recording begins; with it, perhaps, a capture.
    Begin(Box<Begin>),
    /// A recording has ended; with it, perhaps, its capture.
    Finish {
        manifest: Box<Manifest>,
        capture: CaptureId,
        close: bool,
    },
    /// Everything that has ended is handed on, whatever is still on the way: the process ends.
    Stop(Sender<()>),
}

pub(super) struct Begin {
    pub(super) manifest: Manifest,
    pub(super) capture: CaptureId,
    /// The capture's file.
    pub(super) file: String,
    /// The capture is sealed with this.
    pub(super) key: Option<SealKey>,
}

/// A capture's file.
enum Stored {
    Plain(File),
    Sealed(Sealer<File>),
}

impl Write for Stored {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stored::Plain(file) => file.write(bytes),
            Stored::Sealed(sealer) => sealer.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Stored::Plain(file) => file.flush(),
            Stored::Sealed(sealer) => sealer.flush(),
        }
    }
}

struct Open {
    name: String,
    writer: CaptureWriter<BufWriter<Stored>>,
    page_due: Instant,
    dirty: bool,
    /// Time of the last record, microseconds.
    at_us: u64,
}

struct Finishing {
    manifest: Box<Manifest>,
    capture: CaptureId,
    close: bool,
    since: Instant,
}

pub(super) struct Writer {
    folder: Folder,
    taps: Vec<TapReader>,
    orders: Receiver<Order>,
    tell: Sender<Written>,
    notes: Arc<Notes>,
    figures: Arc<RecordingFigures>,
    syncer: Syncer,
    captures: HashMap<CaptureId, Open>,
    finishing: Vec<Finishing>,
    /// Recordings that run and are on the disk.
    begun: HashSet<RecordingId>,
    sync_due: Instant,
    /// Free bytes that are left for the files to be made.
    reserve: u64,
}

/// What a writer is made of.
pub(super) struct WriterParts {
    pub(super) folder: Folder,
    /// Free bytes that are left for the files to be made.
    pub(super) reserve: u64,
    pub(super) taps: Vec<TapReader>,
    pub(super) notes: Arc<Notes>,
    pub(super) tell: Sender<Written>,
    pub(super) figures: Arc<RecordingFigures>,
}

impl Writer {
    /// Starts the thread; where it takes orders.
    pub(super) fn start(parts: WriterParts, supervisor: &Supervisor) -> io::Result<Sender<Order>> {
        let (to_writer, orders) = unbounded();
        let writer = Writer {
            taps: parts.taps,
            orders,
            tell: parts.tell,
            notes: parts.notes,
            figures: parts.figures,
            syncer: Syncer::start(&parts.folder.captures(), supervisor)?,
            folder: parts.folder,
            captures: HashMap::new(),
            finishing: Vec::new(),
            begun: HashSet::new(),
            sync_due: Instant::now(),
            reserve: parts.reserve,
        };
        supervisor.thread("recording-writer", move || writer.run())?;
        Ok(to_writer)
    }

    fn run(mut self) {
        loop {
            let order = if self.captures.is_empty() && self.finishing.is_empty() {
                // Asleep until something is to be recorded.
                self.orders.recv().map_err(|_| RecvTimeoutError::Disconnected)
            } else {
                self.orders.recv_timeout(ROUND)
            };
            let mut order = match order {
                Ok(order) => Some(order),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let mut stop = None;
            while let Some(next) = order {
                match next {
                    Order::Stop(done) => stop = Some(done),
                    other => self.order(other),
                }
                order = self.orders.try_recv().ok();
            }
            test_point("recording-writer");
            self.drain();
            self.end_pages(stop.is_some());
            self.hand_on(stop.is_some());
            if let Some(done) = stop {
                self.notes.stop(done);
            }
        }
    }

    fn order(&mut self, order: Order) {
        match order {
            Order::Begin(begin) => self.begin(*begin),
            Order::Finish {
                manifest,
                capture,
                close,
            } => {
                if !self.begun.remove(&manifest.recording_id) {
                    return self.notes.never(*manifest);
                }
                self.finishing.push(Finishing {
                    manifest,
                    capture,
                    close,
                    since: Instant::now(),
                });
            }
            Order::Stop(_) => {}
        }
    }

    fn begin(&mut self, begin: Begin) {
        // Others begin behind it: none of them waits for the disk, which is asked to sync all of them together.
        let recording = begin.manifest.recording_id;
        let noted = self.folder.begin_manifest(&begin.manifest);
        self.sync_due = Instant::now();
        let path = self.folder.capture(&begin.file);
        let opened = noted.and_then(|()| {
            if self.captures.contains_key(&begin.capture) {
                return Ok(());
            }
            self.open(begin.capture, &begin.file, begin.key.as_ref())
        });
        // The capture lasts as long as any recording needs it: each holds a link to it.
        let own = self.folder.of(recording).join(&begin.manifest.capture);
        match opened.and_then(|()| std::fs::hard_link(path, own)) {
            Ok(()) => {
                self.begun.insert(recording);
                let _ = self.tell.send(Written::Begun(recording));
            }
            Err(error) => self.failed(begin.capture, &error),
        }
    }

    fn open(&mut self, capture: CaptureId, name: &str, key: Option<&SealKey>) -> io::Result<()> {
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(self.folder.capture(name))?;
        let stored = match key {
            Some(key) => Stored::Sealed(Sealer::new(file, key)?),
            None => Stored::Plain(file),
        };
        let open = Open {
            name: name.to_owned(),
            writer: CaptureWriter::new(BufWriter::with_capacity(PAGE_BYTES, stored))?,
            page_due: Instant::now() + PAGE,
            dirty: true,
            at_us: 0,
        };
        self.captures.insert(capture, open);
        Ok(())
    }

    fn failed(&mut self, capture: CaptureId, error: &io::Error) {
        self.figures.disk_failures.fetch_add(1, Relaxed);
        error!(?capture, %error, "recording stops: a capture cannot be written");
        if let Some(open) = self.captures.remove(&capture) {
            let _ = std::fs::remove_file(self.folder.capture(&open.name));
        }
        let _ = self.tell.send(Written::Failed(capture));
    }

    /// Empties the rings into the captures.
    fn drain(&mut self) {
        let mut failures = Vec::new();
        let mut waited = 0;
        let (captures, figures) = (&mut self.captures, &self.figures);
        for tap in &mut self.taps {
            waited += tap.drain(|id, record| {
                let Some(open) = captures.get_mut(&id) else { return };
                let at_us = Record::decode(record).map_or(open.at_us, |record| record.at_us);
                open.at_us = open.at_us.max(at_us);
                open.dirty = true;
                figures.captured_bytes.fetch_add(record.len() as u64, Relaxed);
                if let Err(error) = open.writer.push(record, open.at_us) {
                    failures.push((id, error));
                }
            });
        }
        self.figures.queue_high_water.fetch_max(waited as u64, Relaxed);
        for (id, error) in failures {
            if self.captures.contains_key(&id) {
                self.failed(id, &error);
            }
        }
    }

    /// Ends pages that are due, or all; syncs now and then.
    fn end_pages(&mut self, all: bool) {
        let now = Instant::now();
        let mut failures = Vec::new();
        for (id, open) in &mut self.captures {
            if all || now >= open.page_due {
                open.page_due = now + PAGE;
                if let Err(error) = open.writer.flush() {
                    failures.push((*id, error));
                }
            }
        }
        for (id, error) in failures {
            self.failed(id, &error);
        }
        if now < self.sync_due {
            return;
        }
        if !self.captures.is_empty() && self.folder.free().is_ok_and(|free| free < self.reserve) {
            let all: Vec<CaptureId> = self.captures.keys().copied().collect();
            for id in all {
                self.failed(id, &io::ErrorKind::StorageFull.into());
            }
        }
        let dirty = self.captures.values().any(|open| open.dirty);
        if dirty && self.syncer.sync() {
            self.captures.values_mut().for_each(|open| open.dirty = false);
            self.sync_due = now + SYNC;
        }
    }

    /// Hands on what has ended long enough ago, or all of it.
    fn hand_on(&mut self, all: bool) {
        let now = Instant::now();
        let due = |one: &mut Finishing| all || now >= one.since + TAIL;
        let done: Vec<Finishing> = self.finishing.extract_if(.., due).collect();
        for one in done {
            if let Some(open) = self.captures.get_mut(&one.capture) {
                // Synced with the manifest that says that it has ended.
                if let Err(error) = open.writer.flush() {
                    let recording = one.manifest.recording_id;
                    warn!(%recording, %error, "the end of a capture cannot be written");
                }
            }
            if one.close
                && let Some(open) = self.captures.remove(&one.capture)
            {
                // Each recording has it under a name of its own.
                let _ = std::fs::remove_file(self.folder.capture(&open.name));
            }
            self.notes.ended(*one.manifest);
        }
    }
}
