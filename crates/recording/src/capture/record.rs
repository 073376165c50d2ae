//! One thing that happened, with its time.

use omnigate_audio::codec::Codec;
use omnigate_rtp::playout::PayloadKind;

/// What happened to whom and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// Microseconds since the capture began.
    pub at_us: u64,
    /// Whom it is about; 0 for what is about all.
    pub member: u64,
    /// What.
    pub kind: RecordKind<'a>,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordKind<'a> {
    /// An RTP packet with audio came.
    Media(Media<'a>),
    /// An RTP packet with a telephone event came: its sequence number is not missing audio. What key it was is not kept.
    Event(u16),
    /// The member is in the room from now on.
    Joined,
    /// The member is gone.
    Left,
    /// The member is muted, or no longer.
    Muted(bool),
    /// The member's call is on hold, or no longer.
    Held(bool),
    /// Nothing is captured from now on, or again.
    Paused(bool),
    /// So many records found the queue full and are not here.
    Missing(u32),
}

/// An RTP packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Media<'a> {
    /// What the payload is.
    pub kind: MediaKind,
    /// RTP sequence number.
    pub sequence: u16,
    /// RTP timestamp, in units of the kind's clock.
    pub timestamp: u32,
    /// RTP synchronisation source.
    pub ssrc: u32,
    /// RTP marker bit.
    pub marker: bool,
    /// The payload.
    pub payload: &'a [u8],
}

/// Codec of a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaKind {
    /// G.711 µ-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
    /// Comfort noise of RFC 3389.
    ComfortNoise,
    /// Opus.
    Opus,
    /// G.722.
    G722,
    /// Samples of 16 bits at 16 kHz.
    L16,
}

impl From<PayloadKind> for MediaKind {
    fn from(kind: PayloadKind) -> Self {
        match kind {
            PayloadKind::Speech(Codec::Pcmu) => Self::Pcmu,
            PayloadKind::Speech(Codec::Pcma) => Self::Pcma,
            PayloadKind::ComfortNoise => Self::ComfortNoise,
            PayloadKind::Speech(Codec::Opus) => Self::Opus,
            PayloadKind::Speech(Codec::G722) => Self::G722,
            PayloadKind::Speech(Codec::L16) => Self::L16,
        }
    }
}

impl From<MediaKind> for PayloadKind {
    fn from(kind: MediaKind) -> Self {
        match kind {
            MediaKind::Pcmu => Self::Speech(Codec::Pcmu),
            MediaKind::Pcma => Self::Speech(Codec::Pcma),
            MediaKind::ComfortNoise => Self::ComfortNoise,
            MediaKind::Opus => Self::Speech(Codec::Opus),
            MediaKind::G722 => Self::Speech(Codec::G722),
            MediaKind::L16 => Self::Speech(Codec::L16),
        }
    }
}

/// Bytes before what a kind adds: kind, time, member.
const HEAD: usize = 1 + 8 + 8;
/// Bytes of a media record before its payload.
const MEDIA_HEAD: usize = HEAD + 1 + 2 + 4 + 4 + 1;

impl<'a> Record<'a> {
    /// A buffer of this size holds every record whose payload fits an Ethernet frame.
    pub const MAX: usize = MEDIA_HEAD + 1_500;

    /// Writes the record into `out` and returns its length; `None` when it does not fit.
    pub fn encode(&self, out: &mut [u8]) -> Option<usize> {
        let mut at = 0;
        let mut put = |bytes: &[u8]| {
            let place = out.get_mut(at..at + bytes.len())?;
            place.copy_from_slice(bytes);
            at += bytes.len();
            Some(())
        };
        put(&[self.kind.tag()])?;
        put(&self.at_us.to_le_bytes())?;
        put(&self.member.to_le_bytes())?;
        match self.kind {
            RecordKind::Media(media) => {
                put(&[media.kind as u8])?;
                put(&media.sequence.to_le_bytes())?;
                put(&media.timestamp.to_le_bytes())?;
                put(&media.ssrc.to_le_bytes())?;
                put(&[u8::from(media.marker)])?;
                put(media.payload)?;
            }
            RecordKind::Event(sequence) => put(&sequence.to_le_bytes())?,
            RecordKind::Joined | RecordKind::Left => {}
            RecordKind::Muted(on) | RecordKind::Held(on) | RecordKind::Paused(on) => put(&[u8::from(on)])?,
            RecordKind::Missing(count) => put(&count.to_le_bytes())?,
        }
        Some(at)
    }

    /// Reads what [`encode`](Self::encode) wrote; `None` for anything else.
    pub fn decode(bytes: &'a [u8]) -> Option<Record<'a>> {
        let (head, rest) = bytes.split_at_checked(HEAD)?;
        let kind = match head[0] {
            0 => RecordKind::Media(Media::decode(rest)?),
            1 => RecordKind::Event(u16::from_le_bytes(rest.try_into().ok()?)),
            2 => RecordKind::Joined,
            3 => RecordKind::Left,
            4 => RecordKind::Muted(*rest.first()? != 0),
            5 => RecordKind::Held(*rest.first()? != 0),
            6 => RecordKind::Paused(*rest.first()? != 0),
            7 => RecordKind::Missing(u32::from_le_bytes(rest.try_into().ok()?)),
            _ => return None,
        };
        Some(Record {
            at_us: u64::from_le_bytes(head[1..9].try_into().ok()?),
            member: u64::from_le_bytes(head[9..].try_into().ok()?),
            kind,
        })
    }
}

impl RecordKind<'_> {
    fn tag(&self) -> u8 {
        match self {
            Self::Media(_) => 0,
            Self::Event(_) => 1,
            Self::Joined => 2,
            Self::Left => 3,
            Self::Muted(_) => 4,
            Self::Held(_) => 5,
            Self::Paused(_) => 6,
            Self::Missing(_) => 7,
        }
    }
}

impl<'a> Media<'a> {
    fn decode(bytes: &'a [u8]) -> Option<Media<'a>> {
        let (head, payload) = bytes.split_at_checked(MEDIA_HEAD - HEAD)?;
        Some(Media {
            kind: match head[0] {
                0 => MediaKind::Pcmu,
                1 => MediaKind::Pcma,
                2 => MediaKind::ComfortNoise,
                3 => MediaKind::Opus,
                4 => MediaKind::G722,
                5 => MediaKind::L16,
                _ => return None,
            },
            sequence: u16::from_le_bytes(head[1..3].try_into().ok()?),
            timestamp: u32::from_le_bytes(head[3..7].try_into().ok()?),
            ssrc: u32::from_le_bytes(head[7..11].try_into().ok()?),
            marker: head[11] != 0,
            payload,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_reads_back_and_every_shorter_text_is_refused_or_another_record() {
        let payload = [7; 160];
        let media = Media {
            kind: MediaKind::Opus,
            sequence: 65_535,
            timestamp: u32::MAX - 1,
            ssrc: 0x0102_0304,
            marker: true,
            payload: &payload,
        };
        for kind in [
            RecordKind::Media(media),
            RecordKind::Event(513),
            RecordKind::Joined,
            RecordKind::Left,
            RecordKind::Muted(true),
            RecordKind::Held(false),
            RecordKind::Paused(true),
            RecordKind::Missing(70_000),
        ] {
            let record = Record {
                at_us: 1 << 40,
                member: 9,
                kind,
            };
            let mut buffer = [0; Record::MAX];
            let length = record.encode(&mut buffer).unwrap();
            assert_eq!(Record::decode(&buffer[..length]), Some(record));
            for cut in 0..length {
                assert_ne!(Record::decode(&buffer[..cut]), Some(record));
                assert_eq!(record.encode(&mut [0; Record::MAX][..cut]), None);
            }
        }
    }
}
