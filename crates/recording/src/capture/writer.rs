//! Writing captures.

use super::{MAGIC, SERIAL};
use ogg::{PacketWriteEndInfo, PacketWriter};
use std::io::{self, Write};

/// Writes one capture. Records become durable only by [`flush`](Self::flush) and a sync of what is below.
pub struct CaptureWriter<W: Write> {
    ogg: PacketWriter<'static, W>,
    /// The last record, kept back so that it can end its page.
    held: Option<(Vec<u8>, u64)>,
    bytes: u64,
}

impl<W: Write> CaptureWriter<W> {
    /// Begins a capture.
    pub fn new(inner: W) -> io::Result<Self> {
        let mut ogg = PacketWriter::new(inner);
        ogg.write_packet(MAGIC.as_slice(), SERIAL, PacketWriteEndInfo::EndPage, 0)?;
        ogg.inner_mut().flush()?;
        Ok(Self {
            ogg,
            held: None,
            bytes: 0,
        })
    }

    /// Appends an encoded [`Record`](super::Record) of this time.
    pub fn push(&mut self, record: &[u8], at_us: u64) -> io::Result<()> {
        self.bytes += record.len() as u64;
        match self.held.replace((record.to_vec(), at_us)) {
            Some((record, at_us)) => {
                self.ogg
                    .write_packet(record, SERIAL, PacketWriteEndInfo::NormalPacket, at_us)
            }
            None => Ok(()),
        }
    }

    /// Ends the page and hands it to what is below.
    pub fn flush(&mut self) -> io::Result<()> {
        if let Some((record, at_us)) = self.held.take() {
            self.ogg
                .write_packet(record, SERIAL, PacketWriteEndInfo::EndPage, at_us)?;
        }
        self.ogg.inner_mut().flush()
    }

    /// Bytes of all records so far, without the pages around them.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What is below.
    pub fn inner_mut(&mut self) -> &mut W {
        self.ogg.inner_mut()
    }
}
