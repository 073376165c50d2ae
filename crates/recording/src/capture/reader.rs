//! Reading captures, whatever a crash has left of them.

use super::{MAGIC, Record};
use crate::{Error, Result};
use ogg::{OggReadError, PacketReader};
use std::io::{Read, Seek, SeekFrom};

/// Bytes of the first page: head, one lacing value, magic.
const FIRST_PAGE: u64 = 27 + 1 + MAGIC.len() as u64;
/// Damaged pages in a row before the rest is given up.
const MOST_DAMAGED: u32 = 64;

/// Reads one capture from its beginning.
pub struct CaptureReader<R: Read + Seek> {
    ogg: PacketReader<R>,
    packet: Vec<u8>,
    damaged: u32,
    done: bool,
}

impl<R: Read + Seek> CaptureReader<R> {
    /// Begins to read. Fails on anything that is not a capture; one that a crash cut off before its first page was whole
    /// is empty.
    pub fn new(mut inner: R) -> Result<Self> {
        let done = inner.seek(SeekFrom::End(0))? < FIRST_PAGE;
        inner.rewind()?;
        let mut ogg = PacketReader::new(inner);
        if !done {
            match ogg.read_packet() {
                Ok(Some(packet)) if packet.data == MAGIC => {}
                Ok(_) => return Err(Error::NotACapture("its first packet is another one")),
                Err(OggReadError::ReadError(e)) => return Err(e.into()),
                Err(_) => return Err(Error::NotACapture("it does not begin with an Ogg page")),
            }
        }
        Ok(Self {
            ogg,
            packet: Vec::new(),
            damaged: 0,
            done,
        })
    }

    /// The next record; `None` at the end. A page that a crash tore off is the end; one that was damaged later is left
    /// out and counted.
    pub fn read(&mut self) -> Result<Option<Record<'_>>> {
        let mut in_a_row = 0;
        while !self.done {
            match self.ogg.read_packet() {
                Ok(Some(packet)) => {
                    if Record::decode(&packet.data).is_none() {
                        self.damaged += 1;
                        continue;
                    }
                    self.packet = packet.data;
                    return Ok(Record::decode(&self.packet));
                }
                Err(OggReadError::ReadError(e)) if e.kind() != std::io::ErrorKind::UnexpectedEof => {
                    return Err(e.into());
                }
                Ok(None) | Err(OggReadError::ReadError(_)) => self.done = true,
                Err(_) => {
                    self.damaged += 1;
                    in_a_row += 1;
                    self.done = in_a_row >= MOST_DAMAGED;
                }
            }
        }
        Ok(None)
    }

    /// Pages or records so far that were not as they were written.
    pub fn damaged(&self) -> u32 {
        self.damaged
    }
}

#[cfg(test)]
mod tests {
    use super::super::{CaptureWriter, RecordKind};
    use super::*;
    use std::io::Cursor;

    /// A capture of `pages` pages of ten records each.
    fn capture(pages: u64) -> Vec<u8> {
        let mut file = Vec::new();
        let mut writer = CaptureWriter::new(&mut file).unwrap();
        let mut buffer = [0; Record::MAX];
        for at_us in 0..pages * 10 {
            let record = Record {
                at_us,
                member: 1,
                kind: RecordKind::Event(at_us as u16),
            };
            let length = record.encode(&mut buffer).unwrap();
            writer.push(&buffer[..length], at_us).unwrap();
            if at_us % 10 == 9 {
                writer.flush().unwrap();
            }
        }
        drop(writer);
        file
    }

    fn times(file: &[u8]) -> (Vec<u64>, u32) {
        let mut reader = CaptureReader::new(Cursor::new(file)).unwrap();
        let mut times = Vec::new();
        while let Some(record) = reader.read().unwrap() {
            times.push(record.at_us);
        }
        (times, reader.damaged())
    }

    #[test]
    fn what_was_written_is_read() {
        assert_eq!(times(&capture(5)), ((0..50).collect(), 0));
    }

    #[test]
    fn wherever_a_crash_tears_the_file_all_whole_pages_are_read() {
        let file = capture(5);
        let mut seen = std::collections::BTreeSet::new();
        for end in 0..file.len() {
            let (times, _) = times(&file[..end]);
            assert_eq!(times, (0..times.len() as u64).collect::<Vec<_>>(), "cut at {end}");
            assert_eq!(times.len() % 10, 0, "cut at {end}");
            seen.insert(times.len());
        }
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), [0, 10, 20, 30, 40]);
    }

    #[test]
    fn a_flipped_bit_costs_its_page_and_is_counted() {
        let mut file = capture(5);
        let middle = file.len() / 2;
        file[middle] ^= 1;
        let (times, damaged) = times(&file);
        assert_eq!(times.len(), 40, "{times:?}");
        assert!(damaged > 0);
    }

    #[test]
    fn anything_else_is_no_capture() {
        for file in [&[0; 5000][..], &[b"RIFF".as_slice(), &[7; 100]].concat()] {
            assert!(matches!(
                CaptureReader::new(Cursor::new(file)),
                Err(Error::NotACapture(_))
            ));
        }
    }
}
