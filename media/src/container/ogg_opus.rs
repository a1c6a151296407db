//! Ogg Opus (RFC 7845): writing it page by page, and finishing what a crash cut off.

use ogg::{PacketWriteEndInfo, PacketWriter};
use opus::{Application, Bitrate, MSEncoder};

/// Samples of a packet, at the 48 kHz that granule positions count.
const PACKET: u64 = 960;

/// Room for one packet: both channels of the largest frame.
const PACKET_LEN: usize = 2 * 1275 + 8;

/// Length of a page's header before its table of segments.
const PAGE_HEADER: usize = 27;

/// The flag of a stream's last page.
const END: u8 = 4;

/// A stereo or mono stream in the making.
///
/// The two channels of a recording are two parties, so they are two streams that are not coupled
/// (channel mapping family 1): nobody is heard on the other's side.
#[derive(Debug)]
pub struct OggOpus {
    encoder: MSEncoder,
    writer: Pages,
    serial: u32,
    channels: u16,
    /// Samples of 48 kHz per sample of ours.
    factor: u64,
    /// Samples per channel of a packet.
    frame: usize,
    pre_skip: u16,
    /// Samples that wait for the rest of their frame.
    rest: Vec<i16>,
    packets: u64,
    /// Samples per channel taken in.
    taken: u64,
}

struct Pages(PacketWriter<'static, Vec<u8>>);

impl std::fmt::Debug for Pages {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pages")
    }
}

impl OggOpus {
    /// A stream of 1 or 2 channels at 8, 16 or 48 kHz. Streams that may be joined need different
    /// serial numbers.
    ///
    /// # Errors
    /// When libopus does not know such a stream or has no memory.
    pub fn new(
        channels: u16,
        sample_rate: u32,
        bit_rate: u32,
        serial: u32,
    ) -> Result<Self, opus::Error> {
        let stereo = channels == 2;
        let mapping: &[u8] = if stereo { &[0, 1] } else { &[0] };
        let streams = if stereo { 2 } else { 1 };
        let mut encoder = MSEncoder::new(sample_rate, streams, 0, mapping, Application::Voip)?;
        encoder.set_bitrate(Bitrate::Bits(i32::try_from(bit_rate).unwrap_or(i32::MAX)))?;
        // At these rates more complexity costs much and is hardly heard.
        encoder.set_complexity(0)?;
        let factor = u64::from(48_000 / sample_rate.max(1)).max(1);
        let lookahead = u64::try_from(encoder.get_lookahead()?).unwrap_or(0);
        Ok(Self {
            encoder,
            writer: Pages(PacketWriter::new(Vec::new())),
            serial,
            channels: if stereo { 2 } else { 1 },
            factor,
            frame: usize::try_from(PACKET / factor).unwrap_or(0),
            pre_skip: u16::try_from(lookahead * factor).unwrap_or(u16::MAX),
            rest: Vec::new(),
            packets: 0,
            taken: 0,
        })
    }

    /// What the file begins with: the pages with `OpusHead` and `OpusTags`.
    pub fn head(&mut self, sample_rate: u32, out: &mut Vec<u8>) {
        let mut head = b"OpusHead\x01".to_vec();
        head.push(u8::try_from(self.channels).unwrap_or(1));
        head.extend(self.pre_skip.to_le_bytes());
        head.extend(sample_rate.to_le_bytes());
        head.extend([0, 0]);
        if self.channels == 2 {
            head.extend([1, 2, 0, 0, 1]);
        } else {
            head.push(0);
        }
        let mut tags = b"OpusTags".to_vec();
        tags.extend(7u32.to_le_bytes());
        tags.extend(b"offhook");
        tags.extend(0u32.to_le_bytes());
        self.page(head, PacketWriteEndInfo::EndPage, 0);
        self.page(tags, PacketWriteEndInfo::EndPage, 0);
        self.take(out);
    }

    /// Encodes samples, and appends the pages they fill to `out`: all but less than 20 ms.
    ///
    /// # Errors
    /// When libopus refuses a frame, which it has no reason to.
    pub fn encode(&mut self, pcm: &[i16], out: &mut Vec<u8>) -> Result<(), opus::Error> {
        self.rest.extend(pcm);
        self.taken += (pcm.len() / usize::from(self.channels)) as u64;
        let block = self.frame * usize::from(self.channels);
        let whole = self.rest.len() / block;
        for n in 0..whole {
            let packet = self.packet(n * block..(n + 1) * block)?;
            self.packets += 1;
            let end = if n + 1 == whole {
                PacketWriteEndInfo::EndPage
            } else {
                PacketWriteEndInfo::NormalPacket
            };
            self.page(packet, end, self.packets * PACKET);
        }
        self.rest.drain(..whole * block);
        self.take(out);
        Ok(())
    }

    /// Ends the stream: what is left, and as much silence as it takes to get all out of the encoder;
    /// the last page says where the recording ends.
    ///
    /// # Errors
    /// As [`encode`](Self::encode).
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), opus::Error> {
        let end = self.taken * self.factor + u64::from(self.pre_skip);
        let block = self.frame * usize::from(self.channels);
        while self.packets * PACKET < end {
            self.rest.resize(block, 0);
            let packet = self.packet(0..block)?;
            self.rest.clear();
            self.packets += 1;
            let granule = self.packets * PACKET;
            if granule < end {
                self.page(packet, PacketWriteEndInfo::NormalPacket, granule);
            } else {
                self.page(packet, PacketWriteEndInfo::EndStream, end);
            }
        }
        self.take(out);
        Ok(())
    }

    /// Samples per channel that can be heard in what was given.
    #[must_use]
    pub fn heard(&self) -> u64 {
        (self.packets * PACKET).saturating_sub(u64::from(self.pre_skip)) / self.factor
    }

    fn packet(&mut self, samples: std::ops::Range<usize>) -> Result<Vec<u8>, opus::Error> {
        self.encoder.encode_vec(&self.rest[samples], PACKET_LEN)
    }

    fn page(&mut self, packet: Vec<u8>, end: PacketWriteEndInfo, granule: u64) {
        // Writing to memory does not fail.
        self.writer
            .0
            .write_packet(packet, self.serial, end, granule)
            .ok();
    }

    fn take(&mut self, out: &mut Vec<u8>) {
        out.append(self.writer.0.inner_mut());
    }
}

/// A page of an Ogg stream, as far as finishing one needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// The granule position: samples at 48 kHz up to its end; `None` when no packet ends in it.
    pub granule: Option<u64>,
    /// Bytes of the whole page.
    pub length: usize,
}

impl Page {
    /// Looks at the page these bytes begin with; `None` when there is none whole.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let header: &[u8; PAGE_HEADER] = bytes.first_chunk()?;
        if header[..5] != *b"OggS\0" {
            return None;
        }
        let mut granule = [0; 8];
        granule.copy_from_slice(&header[6..14]);
        let granule = u64::from_le_bytes(granule);
        let table = bytes.get(PAGE_HEADER..PAGE_HEADER + usize::from(header[26]))?;
        let content: usize = table.iter().map(|length| usize::from(*length)).sum();
        let length = PAGE_HEADER + table.len() + content;
        let mut crc = [0; 4];
        crc.copy_from_slice(&header[22..26]);
        let page = bytes.get(..length)?;
        (checksum(page) == u32::from_le_bytes(crc)).then_some(Self {
            granule: (granule != u64::MAX).then_some(granule),
            length,
        })
    }
}

/// Makes a whole page its stream's last.
pub fn end_stream(page: &mut [u8]) {
    if page.len() < PAGE_HEADER {
        return;
    }
    page[5] |= END;
    let crc = checksum(page);
    page[22..26].copy_from_slice(&crc.to_le_bytes());
}

/// Gives all pages in `bytes` that begin where the one before ends the checksums they should have;
/// how many there were.
pub(crate) fn mend_checksums(mut bytes: &mut [u8]) -> usize {
    let mut pages = 0;
    while bytes.starts_with(b"OggS") {
        let table = usize::from(bytes.get(26).copied().unwrap_or(0));
        let table = bytes.get(PAGE_HEADER..PAGE_HEADER + table);
        let content = table.map(|table| table.iter().map(|n| usize::from(*n)).sum::<usize>());
        let length = PAGE_HEADER + table.map_or(0, <[u8]>::len) + content.unwrap_or(0);
        let Some((page, rest)) = bytes.split_at_mut_checked(length) else {
            break;
        };
        let crc = checksum(page);
        page[22..26].copy_from_slice(&crc.to_le_bytes());
        bytes = rest;
        pages += 1;
    }
    pages
}

/// The samples at 48 kHz that players leave out, by the first page of a file.
#[must_use]
pub fn pre_skip(page: &[u8]) -> Option<u64> {
    let table = usize::from(*page.get(26)?);
    let head = page.get(PAGE_HEADER + table..)?;
    let skip = head.get(10..12).filter(|_| head.starts_with(b"OpusHead"))?;
    Some(u64::from(u16::from_le_bytes([skip[0], skip[1]])))
}

/// The checksum of a page (RFC 3533 section 6): its own field counts as zero.
fn checksum(page: &[u8]) -> u32 {
    page.iter().enumerate().fold(0, |crc, (at, byte)| {
        let byte = if (22..26).contains(&at) { 0 } else { *byte };
        let [top, ..] = crc.to_be_bytes();
        (crc << 8) ^ CRC[usize::from(top ^ byte)]
    })
}

static CRC: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0u8;
    loop {
        let mut crc = (byte as u32) << 24;
        let mut bit = 0;
        while bit < 8 {
            let carry = crc & 0x8000_0000 != 0;
            crc <<= 1;
            if carry {
                crc ^= 0x04C1_1DB7;
            }
            bit += 1;
        }
        table[byte as usize] = crc;
        if byte == 255 {
            break table;
        }
        byte += 1;
    }
};
