//! Ogg Opus (RFC 7845).

use crate::Result;
use ogg::{PacketWriteEndInfo, PacketWriter};
use opus::{Application, Bitrate, Channels, Encoder};
use std::io::Write;

/// The clock of granule positions, whatever the rate of the input (RFC 7845 section 4).
const GRANULES: u64 = 48_000;
/// Granules of one packet of 20 ms.
const PACKET: u64 = GRANULES / 50;
/// Packets in a page: one second.
const PAGE: u64 = 50;
/// Largest packet of 20 ms, bytes (RFC 6716 section 3.2.1), twice for two channels.
const MAX_PACKET: usize = 2 * 1_276;
/// Of our one logical stream.
const SERIAL: u32 = 1;

pub(super) struct OggOpus<W: Write> {
    ogg: PacketWriter<'static, W>,
    encoder: Encoder,
    channels: u16,
    rate_hz: u32,
    /// Granules before the first sample: what the encoder needs to warm up.
    pre_skip: u64,
    packets: u64,
    /// Kept back, so that the last one can end the stream.
    held: Option<Vec<u8>>,
}

impl<W: Write> OggOpus<W> {
    pub(super) fn new(writer: W, rate_hz: u32, channels: u16) -> Result<Self> {
        let layout = if channels == 2 {
            Channels::Stereo
        } else {
            Channels::Mono
        };
        let mut encoder = Encoder::new(rate_hz, layout, Application::Audio)?;
        let mono = if rate_hz > 16_000 { 48_000 } else { 24_000 };
        let bitrate = if channels == 2 { mono + mono / 2 } else { mono };
        encoder.set_bitrate(Bitrate::Bits(bitrate))?;
        let lookahead = u64::try_from(encoder.get_lookahead()?).unwrap_or(0);
        let pre_skip = lookahead * GRANULES / u64::from(rate_hz);
        let mut ogg = PacketWriter::new(writer);
        // Section 5.1: version, channels, pre-skip, input rate, gain, mapping family.
        let mut head = b"OpusHead\x01".to_vec();
        head.push(channels as u8);
        head.extend((pre_skip as u16).to_le_bytes());
        head.extend(rate_hz.to_le_bytes());
        head.extend([0, 0, 0]);
        ogg.write_packet(head, SERIAL, PacketWriteEndInfo::EndPage, 0)?;
        // Section 5.2: vendor, no comments.
        let vendor = b"omnigate";
        let mut tags = b"OpusTags".to_vec();
        tags.extend((vendor.len() as u32).to_le_bytes());
        tags.extend(vendor);
        tags.extend(0u32.to_le_bytes());
        ogg.write_packet(tags, SERIAL, PacketWriteEndInfo::EndPage, 0)?;
        Ok(Self {
            ogg,
            encoder,
            channels,
            rate_hz,
            pre_skip,
            packets: 0,
            held: None,
        })
    }

    pub(super) fn write(&mut self, pcm: &[i16]) -> Result<()> {
        let mut packet = vec![0; MAX_PACKET];
        let length = self.encoder.encode(pcm, &mut packet)?;
        packet.truncate(length);
        if let Some(packet) = self.held.replace(packet) {
            self.packets += 1;
            let end = if self.packets.is_multiple_of(PAGE) {
                PacketWriteEndInfo::EndPage
            } else {
                PacketWriteEndInfo::NormalPacket
            };
            self.ogg
                .write_packet(packet, SERIAL, end, self.packets * PACKET)?;
        }
        Ok(())
    }

    /// The last page says how much of its sound counts (section 4.4): the pre-skip pushed the end into one more packet.
    pub(super) fn finish(mut self) -> Result<()> {
        let frames = self.packets + u64::from(self.held.is_some());
        let silence = vec![0; self.rate_hz as usize / 50 * usize::from(self.channels)];
        for _ in 0..self.pre_skip.div_ceil(PACKET).max(u64::from(frames == 0)) {
            self.write(&silence)?;
        }
        let last = self.held.take().unwrap_or_default();
        let granule = self.pre_skip + frames * PACKET;
        self.ogg
            .write_packet(last, SERIAL, PacketWriteEndInfo::EndStream, granule)?;
        Ok(self.ogg.inner_mut().flush()?)
    }
}
