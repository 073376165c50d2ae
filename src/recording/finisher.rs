//! The thread that makes files of captures, at the lowest priority: whoever talks comes first.

use super::crypt;
use super::figures::RecordingFigures;
use super::folder::{Folder, PART, sync_folder};
use crate::config::Content;
use crate::supervise::{Supervisor, test_point};
use age::x25519::Identity;
use crossbeam_channel::{Receiver, Sender, unbounded};
use omnigate_audio::mix::Limiter;
use omnigate_recording::capture::CaptureReader;
use omnigate_recording::file::{AudioFile, Format};
use omnigate_recording::manifest::{FileEntry, Manifest, Timeline};
use omnigate_recording::{Peaks, Replay, Span, survey};
use omnigate_room::RecordingId;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tracing::{error, info};

/// Telephones alone are recorded at this rate, Hz.
const NARROW_HZ: u32 = 8_000;
/// And everybody else at this one.
const WIDE_HZ: u32 = 48_000;
/// Pause before another try at a recording whose files could not be made: the disk may have room then.
const AGAIN: Duration = Duration::from_secs(60);
/// The least priority of all.
const NICE: i32 = 19;

/// A recording that has ended.
type Job = (RecordingId, Manifest);

pub(super) struct Finisher {
    pub(super) folder: Folder,
    pub(super) content: Content,
    pub(super) format: Format,
    pub(super) webhook_format: Format,
    pub(super) key: Option<Identity>,
    pub(super) figures: Arc<RecordingFigures>,
}

/// Why files cannot be made.
#[derive(Debug, thiserror::Error)]
enum FinishError {
    #[error(transparent)]
    Recording(#[from] omnigate_recording::Error),
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Crypt(#[from] crypt::CryptError),
    #[error("a bug; see the panic above")]
    Bug,
}

/// Recordings whose files are to be made.
pub(super) struct Jobs {
    queue: Sender<Job>,
    figures: Arc<RecordingFigures>,
}

impl Jobs {
    pub(super) fn add(&self, recording: RecordingId, manifest: Manifest) {
        self.figures.waiting.fetch_add(1, Relaxed);
        let _ = self.queue.send((recording, manifest));
    }
}

impl Finisher {
    /// Starts the thread; where it takes recordings, and the manifests of those whose files are made.
    pub(super) fn start(self, supervisor: &Supervisor) -> io::Result<(Jobs, UnboundedReceiver<Manifest>)> {
        let (queue, jobs) = unbounded();
        let (finished, made) = mpsc::unbounded_channel();
        let figures = self.figures.clone();
        supervisor.thread("recording-finish", move || {
            let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICE);
            self.run(&jobs, &finished);
        })?;
        Ok((Jobs { queue, figures }, made))
    }

    fn run(&self, jobs: &Receiver<Job>, finished: &UnboundedSender<Manifest>) {
        let mut later: Vec<(Instant, Job)> = Vec::new();
        loop {
            let wait = later
                .iter()
                .map(|(due, _)| due.saturating_duration_since(Instant::now()))
                .min();
            let next = match wait {
                Some(wait) => jobs.recv_timeout(wait).ok(),
                None => match jobs.recv() {
                    Ok(job) => Some(job),
                    Err(_) => return,
                },
            };
            let now = Instant::now();
            let mut due: Vec<Job> = later
                .extract_if(.., |(due, _)| *due <= now)
                .map(|(_, job)| job)
                .collect();
            due.extend(next);
            for (recording, manifest) in due {
                match self.finish_or_survive(recording, &manifest) {
                    Ok(manifest) => {
                        self.figures.waiting.fetch_sub(1, Relaxed);
                        self.figures.finished.fetch_add(1, Relaxed);
                        if finished.send(manifest).is_err() {
                            return;
                        }
                    }
                    Err(error) => {
                        self.figures.finish_failures.fetch_add(1, Relaxed);
                        error!(%recording, %error, "a recording's files cannot be made; it is tried again");
                        later.push((Instant::now() + AGAIN, (recording, manifest)));
                    }
                }
            }
        }
    }

    /// A bug in one recording does not keep the others from being finished.
    fn finish_or_survive(
        &self,
        recording: RecordingId,
        manifest: &Manifest,
    ) -> Result<Manifest, FinishError> {
        let finish = AssertUnwindSafe(|| {
            test_point("recording-finish-one");
            self.finish(recording, manifest.clone())
        });
        catch_unwind(finish).unwrap_or(Err(FinishError::Bug))
    }

    fn finish(&self, recording: RecordingId, mut manifest: Manifest) -> Result<Manifest, FinishError> {
        let started = Instant::now();
        let folder = self.folder.of(recording);
        let capture = folder.join(&manifest.capture);
        let span = Span {
            start_us: manifest.start_us,
            end_us: manifest.end.as_ref().map_or(manifest.start_us, |end| end.at_us),
        };
        let read =
            || -> Result<_, FinishError> { Ok(CaptureReader::new(BufReader::new(File::open(&capture)?))?) };
        let timeline = survey(read()?, span)?;
        let rate_hz = if timeline.members.values().any(|member| member.wide) {
            WIDE_HZ
        } else {
            NARROW_HZ
        };
        let mut outputs = self.outputs(&folder, &manifest, &timeline, rate_hz)?;
        let mut replay = Replay::new(read()?, span, rate_hz);
        let mut peaks = Peaks::default();
        let (mut limiter, mut mix) = (Limiter::new(), vec![0; rate_hz as usize / 50]);
        while replay.advance()? {
            replay.mix(&mut limiter, &mut mix);
            peaks.push(&mix);
            for output in &mut outputs {
                output.write(&mut replay, &mix)?;
            }
        }
        let duration = span.frames() as f64 / 50.0;
        manifest.files = outputs
            .into_iter()
            .map(|output| output.finish(&folder, duration, self.key.as_ref()))
            .collect::<Result<_, _>>()?;
        manifest.peaks = peaks.finish();
        manifest.timeline = Some(timeline);
        sync_folder(&folder)?;
        self.folder.write_manifest(recording, &manifest)?;
        fs::remove_file(&capture)?;
        let took = started.elapsed();
        self.figures.finished_seconds.fetch_add(duration as u64, Relaxed);
        self.figures
            .finish_milliseconds
            .fetch_add(took.as_millis() as u64, Relaxed);
        info!(%recording, seconds = duration, files = manifest.files.len(), took = ?took, "recording finished");
        Ok(manifest)
    }

    /// The files that are to be made.
    fn outputs(
        &self,
        folder: &Path,
        manifest: &Manifest,
        timeline: &Timeline,
        rate_hz: u32,
    ) -> Result<Vec<Output>, FinishError> {
        let sides = self.content == Content::Sides;
        let main = match manifest.caller_member.filter(|_| sides) {
            Some(caller) => Part::Sides { caller: caller.0 },
            None => Part::Mix,
        };
        let mut wanted = vec![(main, self.format)];
        if self.webhook_format != self.format {
            wanted.push((main, self.webhook_format));
        }
        if self.content == Content::Participants {
            let members = timeline
                .members
                .keys()
                .map(|member| (Part::Member(*member), self.format));
            wanted.extend(members);
        }
        wanted
            .into_iter()
            .map(|(part, format)| Output::new(folder, part, format, rate_hz))
            .collect()
    }
}

/// What a file holds.
#[derive(Debug, Clone, Copy)]
enum Part {
    Mix,
    Sides { caller: u64 },
    Member(u64),
}

impl Part {
    fn content(self) -> &'static str {
        match self {
            Part::Mix => "mix",
            Part::Sides { .. } => "sides",
            Part::Member(_) => "participant",
        }
    }

    fn channels(self) -> u16 {
        if matches!(self, Part::Sides { .. }) { 2 } else { 1 }
    }
}

struct Output {
    part: Part,
    format: Format,
    rate_hz: u32,
    name: String,
    file: AudioFile<BufWriter<File>>,
    limiters: [Limiter; 2],
    one: Vec<i16>,
    other: Vec<i16>,
    both: Vec<i16>,
}

impl Output {
    fn new(folder: &Path, part: Part, format: Format, rate_hz: u32) -> Result<Output, FinishError> {
        let stem = match part {
            Part::Member(member) => format!("participant-{member}"),
            other => other.content().to_owned(),
        };
        let name = format!("{stem}.{}", format.name());
        let writer = BufWriter::new(File::create(folder.join(&name).with_added_extension(PART))?);
        let samples = rate_hz as usize / 50;
        Ok(Output {
            part,
            format,
            rate_hz,
            name,
            file: AudioFile::new(writer, format, rate_hz, part.channels())?,
            limiters: [Limiter::new(), Limiter::new()],
            one: vec![0; samples],
            other: vec![0; samples],
            both: Vec::with_capacity(2 * samples),
        })
    }

    /// Writes the replay's present frame.
    fn write<R: Read + io::Seek>(&mut self, replay: &mut Replay<R>, mix: &[i16]) -> Result<(), FinishError> {
        let [left, right] = &mut self.limiters;
        match self.part {
            Part::Mix => self.file.write(mix)?,
            Part::Member(member) => {
                replay.only(|id| id == member, left, &mut self.one);
                self.file.write(&self.one)?;
            }
            Part::Sides { caller } => {
                replay.only(|id| id == caller, left, &mut self.one);
                replay.only(|id| id != caller, right, &mut self.other);
                self.both.clear();
                let pairs = self.one.iter().zip(&self.other);
                self.both.extend(pairs.flat_map(|(left, right)| [*left, *right]));
                self.file.write(&self.both)?;
            }
        }
        Ok(())
    }

    /// Completes the file, gives it its name, and says what it is.
    fn finish(self, folder: &Path, duration: f64, key: Option<&Identity>) -> Result<FileEntry, FinishError> {
        self.file.finish()?;
        let part = folder.join(&self.name).with_added_extension(PART);
        let (size, sha256) = checksum(&mut File::open(&part)?)?;
        let whole = folder.join(&self.name);
        match key {
            Some(key) => {
                let whole = whole.with_added_extension(crypt::EXTENSION);
                crypt::encrypt(&part, &whole, key)?;
                fs::remove_file(&part)?;
            }
            None => {
                File::open(&part)?.sync_all()?;
                fs::rename(&part, &whole)?;
            }
        }
        Ok(FileEntry {
            name: self.name,
            content: self.part.content().to_owned(),
            member: match self.part {
                Part::Member(member) => Some(member),
                Part::Mix | Part::Sides { .. } => None,
            },
            format: self.format.name().to_owned(),
            sample_rate: self.rate_hz,
            channels: self.part.channels(),
            duration,
            size,
            sha256,
            encrypted: key.is_some(),
        })
    }
}

/// Size and SHA-256 of what is read.
pub(super) fn checksum(file: &mut dyn Read) -> io::Result<(u64, String)> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    let mut size = 0;
    loop {
        let length = file.read(&mut buffer)?;
        if length == 0 {
            break;
        }
        size += length as u64;
        hasher.update(&buffer[..length]);
    }
    let hex = hasher.finalize().iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    Ok((size, hex))
}
