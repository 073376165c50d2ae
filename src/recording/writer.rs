//! The thread that writes captures and manifests. Nothing is decoded here.

use super::figures::RecordingFigures;
use super::folder::Folder;
use super::syncer::Syncer;
use crate::media::{CaptureId, TapReader};
use crate::supervise::{Supervisor, test_point};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};
use omnigate_recording::capture::{CaptureWriter, Record};
use omnigate_recording::manifest::Manifest;
use omnigate_room::RecordingId;
use std::collections::{HashMap, HashSet};
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter};
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
    /// A recording has a new name in it, or an end.
    Manifest(RecordingId, Box<Manifest>),
    /// A recording has ended; with it, perhaps, its capture.
    Finish {
        recording: RecordingId,
        manifest: Box<Manifest>,
        capture: CaptureId,
        close: bool,
    },
    /// Everything that has ended is handed on, whatever is still on the way: the process ends.
    Stop(Sender<()>),
}

pub(super) struct Begin {
    pub(super) recording: RecordingId,
    pub(super) manifest: Manifest,
    pub(super) capture: CaptureId,
    /// The capture's file.
    pub(super) file: String,
}

/// What the writer tells.
#[derive(Debug)]
pub(super) enum Written {
    /// A recording is on the disk: a crash does not lose it.
    Begun(RecordingId),
    /// A recording has ended that the disk has never had; nothing of it is left there.
    Never(RecordingId),
    /// A recording has ended, and all of it is in files.
    Captured(RecordingId, Box<Manifest>),
    /// A capture cannot be written any more: its recordings end here.
    Failed(CaptureId),
}

struct Open {
    name: String,
    writer: CaptureWriter<BufWriter<File>>,
    page_due: Instant,
    dirty: bool,
    /// Time of the last record, microseconds.
    at_us: u64,
}

struct Finishing {
    recording: RecordingId,
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

impl Writer {
    /// Starts the thread; where it takes orders, and what it tells.
    pub(super) fn start(
        folder: Folder,
        reserve: u64,
        taps: Vec<TapReader>,
        figures: Arc<RecordingFigures>,
        supervisor: &Supervisor,
    ) -> io::Result<(Sender<Order>, Receiver<Written>)> {
        let (to_writer, orders) = unbounded();
        let (tell, written) = unbounded();
        let writer = Writer {
            taps,
            orders,
            tell,
            figures,
            syncer: Syncer::start(&folder.captures(), supervisor)?,
            folder,
            captures: HashMap::new(),
            finishing: Vec::new(),
            begun: HashSet::new(),
            sync_due: Instant::now(),
            reserve,
        };
        supervisor.thread("recording-writer", move || writer.run())?;
        Ok((to_writer, written))
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
                let _ = done.send(());
            }
        }
    }

    fn order(&mut self, order: Order) {
        match order {
            Order::Begin(begin) => self.begin(*begin),
            Order::Manifest(recording, manifest) => self.write_manifest(recording, &manifest),
            Order::Finish {
                recording,
                manifest,
                capture,
                close,
            } => {
                if !self.begun.remove(&recording) {
                    return self.forget(recording);
                }
                self.figures.active.fetch_sub(1, Relaxed);
                self.finishing.push(Finishing {
                    recording,
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
        let noted = self.folder.begin_manifest(begin.recording, &begin.manifest);
        self.sync_due = Instant::now();
        let path = self.folder.capture(&begin.file);
        let opened = noted.and_then(|()| {
            if self.captures.contains_key(&begin.capture) {
                return Ok(());
            }
            self.open(begin.capture, &begin.file)
        });
        // The capture lasts as long as any recording needs it: each holds a link to it.
        let own = self.folder.of(begin.recording).join(&begin.manifest.capture);
        match opened.and_then(|()| std::fs::hard_link(path, own)) {
            Ok(()) => {
                self.begun.insert(begin.recording);
                self.figures.active.fetch_add(1, Relaxed);
                let _ = self.tell.send(Written::Begun(begin.recording));
            }
            Err(error) => self.failed(begin.capture, &error),
        }
    }

    /// The recording could not begin: what there is of its folder goes.
    fn forget(&self, recording: RecordingId) {
        if let Err(error) = self.folder.remove(recording) {
            warn!(%recording, %error, "a recording that could not begin leaves its folder behind");
        }
        let _ = self.tell.send(Written::Never(recording));
    }

    fn open(&mut self, capture: CaptureId, name: &str) -> io::Result<()> {
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(self.folder.capture(name))?;
        let open = Open {
            name: name.to_owned(),
            writer: CaptureWriter::new(BufWriter::with_capacity(PAGE_BYTES, file))?,
            page_due: Instant::now() + PAGE,
            dirty: true,
            at_us: 0,
        };
        self.captures.insert(capture, open);
        Ok(())
    }

    fn write_manifest(&self, recording: RecordingId, manifest: &Manifest) {
        self.complain(recording, self.folder.write_manifest(recording, manifest));
    }

    fn complain(&self, recording: RecordingId, written: io::Result<()>) {
        if let Err(error) = written {
            self.figures.disk_failures.fetch_add(1, Relaxed);
            error!(%recording, %error, "a manifest cannot be written");
        }
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
                let flushed = open.writer.flush();
                let synced = flushed.and_then(|()| open.writer.inner_mut().get_ref().sync_data());
                if let Err(error) = synced {
                    warn!(recording = %one.recording, %error, "the end of a capture cannot be written");
                }
            }
            if one.close
                && let Some(open) = self.captures.remove(&one.capture)
            {
                // Each recording has it under a name of its own.
                let _ = std::fs::remove_file(self.folder.capture(&open.name));
            }
            self.write_manifest(one.recording, &one.manifest);
            let _ = self.tell.send(Written::Captured(one.recording, one.manifest));
        }
    }
}
