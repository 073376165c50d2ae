//! Capture files: what a recorded room's members sent, as it came.
//!
//! A capture is an Ogg file (RFC 3533) with one logical stream, whose packets are [`Record`]s in the order in which they
//! were taken; a page's granule position is the time of its last record in microseconds. Each flush ends a page, and each
//! page has a checksum, so whatever a crash tears off is the last page and nothing else.

mod reader;
mod record;
mod writer;

pub use reader::CaptureReader;
pub use record::{Media, MediaKind, Record, RecordKind};
pub use writer::CaptureWriter;

/// The first packet of every capture.
pub(crate) const MAGIC: &[u8; 8] = b"OmniCap1";
/// The serial number of the one logical stream.
pub(crate) const SERIAL: u32 = 1;
