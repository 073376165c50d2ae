use super::*;
use crate::recording::tests::{manifest, scratch};
use age::x25519::Identity;
use omnigate_recording::capture::{CaptureWriter, Media, MediaKind, Record, RecordKind};
use omnigate_recording::sealed::{SealKey, Sealer};
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

const SECOND: u64 = 1_000_000;

/// A capture of a telephone that says something for so many seconds.
fn capture(seconds: u64) -> Vec<u8> {
    let mut file = Vec::new();
    let mut writer = CaptureWriter::new(&mut file).unwrap();
    let mut buffer = [0; Record::MAX];
    for n in 0..seconds * 50 {
        let payload = [0x55 ^ n as u8; 160];
        let media = Media {
            kind: MediaKind::Pcma,
            sequence: n as u16,
            timestamp: n as u32 * 160,
            ssrc: 1,
            marker: false,
            payload: &payload,
        };
        let kinds = [RecordKind::Joined, RecordKind::Media(media)];
        for kind in &kinds[usize::from(n > 0)..] {
            let (at_us, member) = (n * 20_000, 1);
            let record = Record {
                at_us,
                member,
                kind: *kind,
            };
            let length = record.encode(&mut buffer).unwrap();
            writer.push(&buffer[..length], at_us).unwrap();
        }
        writer.flush().unwrap();
    }
    drop(writer);
    file
}

/// A recording from one second of the capture to another, with its folder and capture.
fn job(folder: &Folder, number: u64, span: (u64, Option<u64>), capture: &[u8]) -> Job {
    let mut manifest = manifest(number, 0);
    manifest.files.clear();
    manifest.capture_of = Some("a".to_owned());
    manifest.start_us = span.0 * SECOND;
    manifest.end = span.1.map(|end| RecordingEnd {
        at_us: end * SECOND,
        ended_at: end,
        reason: "stop".to_owned(),
    });
    folder.write_manifest(&manifest).unwrap();
    fs::write(folder.of(manifest.recording_id).join("capture.ogg"), capture).unwrap();
    Job { manifest, key: None }
}

struct Bench {
    root: PathBuf,
    folder: Folder,
    finisher: Finisher,
    jobs: Jobs,
    tell: UnboundedSender<Made>,
    told: UnboundedReceiver<Made>,
}

impl Bench {
    fn new(name: &str) -> Bench {
        let (root, folder) = scratch(name);
        let (tell, told) = mpsc::unbounded_channel();
        let figures = Arc::<RecordingFigures>::default();
        Bench {
            finisher: Finisher {
                folder: folder.clone(),
                content: Content::Mix,
                format: Format::Opus,
                webhook_format: Format::Wav,
                recipients: Recipients::default(),
                reserve: 0,
                trying: Trying::default(),
                figures: figures.clone(),
            },
            jobs: Jobs::new(figures),
            root,
            folder,
            tell,
            told,
        }
    }

    /// One try at what comes first.
    fn turn(&self) {
        let group = self.jobs.take().unwrap();
        assert!(self.finisher.try_group(group, &self.jobs, &self.tell));
    }

    fn finished(&mut self) -> Vec<Manifest> {
        match self.told.try_recv().unwrap() {
            Made::Finished(all) => all,
            Made::Failed(all) => panic!("{:?}", all[0].failure),
        }
    }

    fn failed(&mut self) -> Vec<Manifest> {
        match self.told.try_recv().unwrap() {
            Made::Failed(all) => all,
            Made::Finished(_) => panic!("it was finished"),
        }
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}

fn names(folder: &Path) -> Vec<String> {
    let name = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut all: Vec<String> = fs::read_dir(folder).unwrap().map(name).collect();
    all.sort();
    all
}

#[test]
fn recordings_of_one_capture_that_overlap_share_one_set_of_files() {
    let mut bench = Bench::new("share");
    let capture = capture(10);
    let spans = [(1, 1, 4), (2, 3, 9), (3, 8, 9)];
    let jobs = spans.map(|(number, from, to)| job(&bench.folder, number, (from, Some(to)), &capture));
    bench.jobs.add_all(jobs.into());
    bench.turn();
    let all = bench.finished();
    assert_eq!(all.len(), 3);
    let set = all[0].recording_id;
    let mut inodes = Vec::new();
    for (manifest, (number, from, to)) in all.iter().zip(spans) {
        assert_eq!(manifest.started_at, number);
        assert_eq!(manifest.file_set, Some(set));
        let folder = bench.folder.of(manifest.recording_id);
        assert_eq!(names(&folder), ["manifest.json", "mix.opus", "mix.wav"]);
        let wav = manifest.files.iter().find(|file| file.format == "wav").unwrap();
        assert_eq!(
            (wav.offset, wav.duration),
            ((from - 1) as f64, (to - from) as f64)
        );
        assert_eq!(wav.size, 8 * 16_000 + 44, "the whole of it");
        let timeline = manifest.timeline.as_ref().unwrap();
        assert_eq!(timeline.members[&1].packets, (to - from) * 50, "its own part");
        assert_eq!(manifest.peaks.len() as u64, (to - from) * 50);
        inodes.push(fs::metadata(folder.join("mix.wav")).unwrap().ino());
        let kept = bench.folder.manifest(manifest.recording_id).unwrap();
        assert_eq!(kept.files, manifest.files);
    }
    assert!(inodes.iter().all(|inode| *inode == inodes[0]), "on the disk once");
    // Whichever goes, the others have theirs.
    bench.folder.remove(set).unwrap();
    let left = bench.folder.of(all[2].recording_id).join("mix.wav");
    assert_eq!(fs::metadata(left).unwrap().len(), 8 * 16_000 + 44);
}

#[test]
fn nobodys_file_has_what_no_recording_of_it_asked_for() {
    let mut bench = Bench::new("apart");
    let capture = capture(10);
    let spans = [(1, 0, 3), (2, 3, 5), (3, 7, 9)];
    let jobs = spans.map(|(number, from, to)| job(&bench.folder, number, (from, Some(to)), &capture));
    bench.jobs.add_all(jobs.into());
    bench.turn();
    for (_, from, to) in spans {
        let [one] = &bench.finished()[..] else {
            panic!("not alone")
        };
        assert_eq!(one.file_set, None);
        assert_eq!(
            (one.files[0].offset, one.files[0].duration),
            (0.0, (to - from) as f64)
        );
    }
}

#[test]
fn what_a_crash_cut_off_ends_where_its_capture_ends() {
    let mut bench = Bench::new("cut");
    let one = job(&bench.folder, 1, (2, None), &capture(5));
    bench.jobs.add_all(vec![one]);
    bench.turn();
    let [one] = &bench.finished()[..] else { panic!() };
    let end = one.end.as_ref().unwrap();
    assert_eq!((end.reason.as_str(), end.at_us), ("crash", 5 * SECOND));
    assert_eq!(one.files[0].duration, 3.0);
}

#[test]
fn what_cannot_be_made_is_set_aside_after_three_tries_and_is_kept() {
    let mut bench = Bench::new("aside");
    let one = job(&bench.folder, 1, (0, Some(5)), &[7; 5_000]);
    let id = one.manifest.recording_id;
    let mut group = Some(one);
    for tries in 1..=MOST_TRIES {
        assert!(bench.told.try_recv().is_err());
        bench.jobs.add_all(group.take().into_iter().collect());
        bench.turn();
        assert_eq!(bench.folder.tries(id), tries);
        // As if a minute had passed, and the process begun anew.
        bench.jobs = Jobs::new(bench.finisher.figures.clone());
        let manifest = bench.folder.manifest(id).unwrap();
        group = Some(Job { manifest, key: None });
    }
    let [failed] = &bench.failed()[..] else { panic!() };
    let failure = failed.failure.as_ref().unwrap();
    assert!(failure.reason.contains("not a capture"), "{}", failure.reason);
    assert_eq!(failure.tries, MOST_TRIES);
    assert_eq!(bench.folder.manifest(id).unwrap().failure, failed.failure);
    assert_eq!(
        names(&bench.folder.of(id)),
        ["capture.ogg", "manifest.json", "tries"]
    );
    assert_eq!(bench.finisher.figures.failed.load(Relaxed), 1);
}

#[test]
fn a_capture_that_ends_the_process_each_time_is_not_tried_a_fourth_time() {
    let mut bench = Bench::new("loop");
    let one = job(&bench.folder, 1, (0, Some(5)), &capture(5));
    let id = one.manifest.recording_id;
    // Three processes have noted a try, and said nothing more.
    bench.folder.note_tries(id, MOST_TRIES).unwrap();
    bench.jobs.add_all(vec![one]);
    bench.turn();
    let [failed] = &bench.failed()[..] else { panic!() };
    assert!(
        failed
            .failure
            .as_ref()
            .unwrap()
            .reason
            .contains("ended the process")
    );
    assert!(bench.folder.of(id).join("capture.ogg").exists());
}

#[test]
fn a_service_that_stops_in_the_middle_of_a_try_takes_it_back() {
    let bench = Bench::new("stop");
    let jobs = [job(&bench.folder, 1, (0, Some(5)), &capture(5))];
    let id = jobs[0].manifest.recording_id;
    bench.folder.note_tries(id, 2).unwrap();
    bench.finisher.trying.begin(&jobs);
    bench.finisher.trying.take_back(&bench.folder);
    assert_eq!(bench.folder.tries(id), 1);
    // Nothing is left to be taken back.
    bench.finisher.trying.take_back(&bench.folder);
    assert_eq!(bench.folder.tries(id), 1);
}

#[test]
fn without_room_recordings_wait_and_that_is_no_try() {
    let mut bench = Bench::new("room");
    let one = job(&bench.folder, 1, (0, Some(5)), &capture(5));
    let id = one.manifest.recording_id;
    bench.finisher.reserve = u64::MAX / 2;
    bench.finisher.figures.active.store(1, Relaxed);
    bench.jobs.add_all(vec![one]);
    bench.turn();
    assert!(bench.told.try_recv().is_err());
    assert_eq!(bench.folder.tries(id), 0);
    assert_eq!(
        names(&bench.folder.of(id)),
        ["capture.ogg", "manifest.json", "tries"]
    );
    assert_eq!(bench.finisher.figures.room_waits.load(Relaxed), 1);
    // There is room again: nothing runs that needs it.
    bench.finisher.figures.active.store(0, Relaxed);
    bench.jobs.hurry();
    bench.turn();
    assert_eq!(bench.finished().len(), 1);
}

#[test]
fn of_an_encrypted_recording_nothing_plain_is_ever_on_the_disk() {
    let mut bench = Bench::new("sealed");
    let identity = Identity::generate();
    bench.finisher.recipients = Recipients::new(None, Some(&identity.to_public()));
    let key = SealKey::new([5; 32]);
    let mut one = job(&bench.folder, 1, (0, Some(5)), b"");
    let path = bench.folder.of(one.manifest.recording_id).join("capture.ogg");
    let mut sealer = Sealer::new(File::create(path).unwrap(), &key).unwrap();
    sealer.write_all(&capture(5)).unwrap();
    one.manifest.sealed = true;
    one.key = Some(key);
    let id = one.manifest.recording_id;
    bench.jobs.add_all(vec![one]);
    bench.turn();
    let [one] = &bench.finished()[..] else { panic!() };
    assert_eq!(
        names(&bench.folder.of(id)),
        ["manifest.json", "mix.opus.age", "mix.wav.age"]
    );
    let wav = one.files.iter().find(|file| file.format == "wav").unwrap();
    assert!(wav.encrypted);
    let mut plain = Vec::new();
    let secret = bench.folder.of(id).join("mix.wav.age");
    super::super::crypt::decrypt(&secret, &identity, &mut plain).unwrap();
    assert_eq!(plain.len() as u64, wav.size);
    assert_eq!(&plain[..4], b"RIFF");
}

#[test]
fn a_sealed_capture_without_its_key_is_set_aside_at_once() {
    let mut bench = Bench::new("keyless");
    let mut one = job(&bench.folder, 1, (0, Some(5)), b"");
    one.manifest.sealed = true;
    bench.jobs.add_all(vec![one]);
    bench.turn();
    let [failed] = &bench.failed()[..] else { panic!() };
    assert!(failed.failure.as_ref().unwrap().reason.contains("key"));
}
