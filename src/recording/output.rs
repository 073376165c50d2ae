//! The files that are made of a capture: what each holds, and how much room it takes.

use super::crypt::{CryptError, Recipients};
use super::part::{Part, PartWriter};
use crate::config::Content;
use omnigate_audio::mix::Limiter;
use omnigate_recording::file::{AudioFile, Format};
use omnigate_recording::manifest::{FileEntry, MemberTimeline};
use omnigate_recording::{Error, Replay};
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::Path;

/// Participants with files of their own: those who sent most. All others are in the mix.
const MOST_PARTICIPANTS: usize = 64;

/// Why files cannot be made.
#[derive(Debug, thiserror::Error)]
pub(super) enum FinishError {
    #[error(transparent)]
    Recording(#[from] Error),
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Crypt(#[from] CryptError),
    #[error("{0} bytes of the disk are needed, and not free")]
    NoRoom(u64),
    #[error("the key of its capture is not in the store")]
    NoKey,
    #[error("a bug: {0}")]
    Bug(String),
}

impl FinishError {
    /// Free bytes that are wanted.
    pub(super) fn wants(&self) -> Option<u64> {
        match self {
            FinishError::NoRoom(bytes) => Some(*bytes),
            _ => None,
        }
    }

    /// The disk was full: no fault of the recording.
    pub(super) fn is_full(&self) -> bool {
        let full = |error: &io::Error| {
            matches!(
                error.kind(),
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
            )
        };
        match self {
            FinishError::NoRoom(_) => true,
            FinishError::Io(error) | FinishError::Crypt(CryptError::Io(error)) => full(error),
            FinishError::Recording(error) => error.io().is_some_and(full),
            _ => false,
        }
    }
}

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holds {
    Mix,
    Sides { caller: u64 },
    Member(u64),
}

impl Holds {
    fn content(self) -> &'static str {
        match self {
            Holds::Mix => "mix",
            Holds::Sides { .. } => "sides",
            Holds::Member(_) => "participant",
        }
    }

    fn channels(self) -> u16 {
        if matches!(self, Holds::Sides { .. }) { 2 } else { 1 }
    }
}

/// A file that is to be made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    holds: Holds,
    format: Format,
    rate_hz: u32,
}

impl Plan {
    /// All of a recording's: `caller` is that of a 1:1 call, `members` those who are in it.
    pub(super) fn all(
        content: Content,
        formats: (Format, Format),
        rate_hz: u32,
        caller: Option<u64>,
        members: &BTreeMap<u64, MemberTimeline>,
    ) -> Vec<Plan> {
        let sides = content == Content::Sides;
        let main = caller
            .filter(|_| sides)
            .map_or(Holds::Mix, |caller| Holds::Sides { caller });
        let (format, webhook_format) = formats;
        let mut wanted = vec![(main, format)];
        if webhook_format != format {
            wanted.push((main, webhook_format));
        }
        if content == Content::Participants {
            let mut loudest: Vec<_> = members
                .iter()
                .map(|(member, line)| (line.packets, *member))
                .collect();
            loudest.sort_unstable_by(|a, b| b.cmp(a));
            loudest.truncate(MOST_PARTICIPANTS);
            loudest.sort_unstable_by_key(|(_, member)| *member);
            wanted.extend(
                loudest
                    .into_iter()
                    .map(|(_, member)| (Holds::Member(member), format)),
            );
        }
        let plan = |(holds, format)| Plan {
            holds,
            format,
            rate_hz,
        };
        wanted.into_iter().map(plan).collect()
    }

    /// Bytes of a second, at the most.
    fn bytes(&self) -> u64 {
        let channels = u64::from(self.holds.channels());
        match self.format {
            Format::Opus if self.rate_hz > 16_000 => 8_000 * channels,
            Format::Opus => 4_000 * channels,
            Format::Wav | Format::Flac => u64::from(self.rate_hz) * 2 * channels + 500,
        }
    }

    /// Bytes of the disk that all of them take while they are made; `encrypted` ones are there twice for a time.
    pub(super) fn room(all: &[Plan], seconds: f64, encrypted: bool) -> u64 {
        /// Heads, names, manifests.
        const MORE: u64 = 64 << 10;
        let bytes = |plan: &Plan| (plan.bytes() as f64 * seconds) as u64;
        let twice = if encrypted {
            all.iter().map(bytes).max().unwrap_or(0)
        } else {
            0
        };
        all.iter().map(bytes).sum::<u64>() + twice + MORE
    }

    fn name(&self) -> String {
        let stem = match self.holds {
            Holds::Member(member) => format!("participant-{member}"),
            other => other.content().to_owned(),
        };
        format!("{stem}.{}", self.format.name())
    }
}

/// A file that is being made.
pub(super) struct Output {
    plan: Plan,
    part: Part,
    file: AudioFile<PartWriter>,
    limiters: [Limiter; 2],
    one: Vec<i16>,
    other: Vec<i16>,
    both: Vec<i16>,
}

impl Output {
    pub(super) fn new(folder: &Path, plan: Plan, sealed: bool) -> Result<Output, FinishError> {
        let part = Part::new(folder.join(plan.name()), sealed)?;
        let samples = plan.rate_hz as usize / 50;
        Ok(Output {
            plan,
            file: AudioFile::new(part.writer(), plan.format, plan.rate_hz, plan.holds.channels())?,
            part,
            limiters: [Limiter::new(), Limiter::new()],
            one: vec![0; samples],
            other: vec![0; samples],
            both: Vec::with_capacity(2 * samples),
        })
    }

    /// Writes the replay's present frame.
    pub(super) fn write<R: Read + io::Seek>(
        &mut self,
        replay: &mut Replay<R>,
        mix: &[i16],
    ) -> Result<(), FinishError> {
        let [left, right] = &mut self.limiters;
        match self.plan.holds {
            Holds::Mix => self.file.write(mix)?,
            Holds::Member(member) => {
                replay.only(|id| id == member, left, &mut self.one);
                self.file.write(&self.one)?;
            }
            Holds::Sides { caller } => {
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
    pub(super) fn finish(self, duration: f64, recipients: &Recipients) -> Result<FileEntry, FinishError> {
        self.file.finish()?;
        let (size, sha256) = self.part.complete(recipients)?;
        let holds = self.plan.holds;
        Ok(FileEntry {
            name: self.plan.name(),
            content: holds.content().to_owned(),
            member: match holds {
                Holds::Member(member) => Some(member),
                Holds::Mix | Holds::Sides { .. } => None,
            },
            format: self.plan.format.name().to_owned(),
            sample_rate: self.plan.rate_hz,
            channels: holds.channels(),
            duration,
            offset: 0.0,
            size,
            sha256,
            encrypted: !recipients.is_empty(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_very_many_participants_those_who_say_most_have_files_of_their_own() {
        let line = |packets| MemberTimeline {
            packets,
            ..MemberTimeline::default()
        };
        let members: BTreeMap<u64, MemberTimeline> =
            (0..1_000).map(|member| (member, line(member % 500))).collect();
        let formats = (Format::Opus, Format::Wav);
        let plans = Plan::all(Content::Participants, formats, 48_000, None, &members);
        assert_eq!(plans.len(), 2 + MOST_PARTICIPANTS);
        let least = |plan: &Plan| match plan.holds {
            Holds::Member(member) => members[&member].packets,
            _ => u64::MAX,
        };
        assert_eq!(plans.iter().map(least).min(), Some(468));
    }

    #[test]
    fn the_room_for_files_is_reckoned_before_they_are_made() {
        let formats = (Format::Opus, Format::Wav);
        let plans = Plan::all(Content::Mix, formats, 48_000, None, &BTreeMap::new());
        let hour = Plan::room(&plans, 3_600.0, false);
        let wav = 3_600 * 96_000;
        assert!((wav..wav + (40 << 20)).contains(&hour), "{hour}");
        assert!(Plan::room(&plans, 3_600.0, true) > hour + wav);
    }
}
