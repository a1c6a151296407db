//! Peaks: the loudest samples of each fiftieth of a second, for drawing a recording.
//!
//! A file is 8 bytes, `OFHPEAK` and the number of channels, and then for each 20 ms and channel the
//! lowest and the highest sample as signed bytes, of the whole range of 16 bits.

/// How many peaks a second has.
pub const PER_SECOND: u32 = 50;

/// Length of the header.
pub const HEADER_LEN: usize = 8;

const MAGIC: &[u8; 7] = b"OFHPEAK";

/// Finds the peaks of a recording while it grows.
#[derive(Debug, Clone)]
pub struct Peaks {
    channels: usize,
    /// Samples per channel that one peak is over.
    span: usize,
    seen: usize,
    lowest: [i16; 2],
    highest: [i16; 2],
    found: Vec<u8>,
}

impl Peaks {
    /// For so many channels, 1 or 2, and samples per second.
    #[must_use]
    pub fn new(channels: u16, sample_rate: u32) -> Self {
        let span = usize::try_from(sample_rate / PER_SECOND).unwrap_or(0);
        Self {
            channels: usize::from(channels).clamp(1, 2),
            span: span.max(1),
            seen: 0,
            lowest: [i16::MAX; 2],
            highest: [i16::MIN; 2],
            found: Vec::new(),
        }
    }

    /// What a file of peaks begins with.
    #[must_use]
    pub fn header(channels: u16) -> [u8; HEADER_LEN] {
        let mut header = [0; HEADER_LEN];
        header[..7].copy_from_slice(MAGIC);
        header[7] = u8::try_from(channels).unwrap_or(0);
        header
    }

    /// Takes in samples, all channels of one moment beside each other.
    pub fn push(&mut self, pcm: &[i16]) {
        let mut rest = pcm;
        while rest.len() >= self.channels {
            let moments = (rest.len() / self.channels).min(self.span - self.seen);
            let (span, after) = rest.split_at(moments * self.channels);
            match self.channels {
                1 => self.see::<1>(span),
                _ => self.see::<2>(span),
            }
            rest = after;
            self.seen += moments;
            if self.seen == self.span {
                self.close();
            }
        }
    }

    fn see<const CHANNELS: usize>(&mut self, span: &[i16]) {
        for channel in 0..CHANNELS {
            let samples = || span.iter().skip(channel).step_by(CHANNELS).copied();
            let (low, high) = (samples().min(), samples().max());
            self.lowest[channel] = self.lowest[channel].min(low.unwrap_or(i16::MAX));
            self.highest[channel] = self.highest[channel].max(high.unwrap_or(i16::MIN));
        }
    }

    /// Ends the peak that was begun.
    pub fn finish(&mut self) {
        if self.seen > 0 {
            self.close();
        }
    }

    /// The bytes found since they were taken last.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.found)
    }

    /// How many bytes could be taken.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.found.len()
    }

    fn close(&mut self) {
        for channel in 0..self.channels {
            let [low, _] = self.lowest[channel].to_be_bytes();
            let [high, _] = self.highest[channel].to_be_bytes();
            self.found.extend([low, high]);
        }
        self.seen = 0;
        self.lowest = [i16::MAX; 2];
        self.highest = [i16::MIN; 2];
    }
}

/// The peaks of a recording, as they are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeaksFile {
    /// Channels, 1 or 2.
    pub channels: u8,
    /// Lowest and highest of each channel, beside each other, fifty times a second.
    pub values: Vec<i8>,
}

impl PeaksFile {
    /// Reads a file of peaks; `None` when it is none. A last peak that is not whole is left out.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let (header, values) = bytes.split_first_chunk::<HEADER_LEN>()?;
        let channels = header[7];
        if header[..7] != *MAGIC || !matches!(channels, 1 | 2) {
            return None;
        }
        let whole = values.len() - values.len() % (2 * usize::from(channels));
        Some(Self {
            channels,
            values: values[..whole]
                .iter()
                .map(|byte| byte.cast_signed())
                .collect(),
        })
    }

    /// The same with at most so many peaks: neighbours become one.
    #[must_use]
    pub fn reduced(&self, most: usize) -> Self {
        let block = 2 * usize::from(self.channels);
        let peaks = self.values.len() / block;
        let together = peaks.div_ceil(most.max(1)).max(1);
        let mut values = Vec::with_capacity(peaks.div_ceil(together) * block);
        for group in self.values.chunks(block * together) {
            for at in 0..block {
                let column = group.iter().skip(at).step_by(block).copied();
                let peak = if at % 2 == 0 {
                    column.min()
                } else {
                    column.max()
                };
                values.push(peak.unwrap_or(0));
            }
        }
        Self {
            channels: self.channels,
            values,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fiftieth_of_a_second_has_its_lowest_and_highest() {
        let mut peaks = Peaks::new(2, 8000);
        let mut pcm = vec![0; 2 * 400];
        (pcm[10], pcm[31], pcm[400]) = (-32_768, 16_384, 256);
        peaks.push(&pcm[..100]);
        peaks.push(&pcm[100..]);
        peaks.finish();
        let bytes = [&Peaks::header(2)[..], &peaks.take()].concat();
        let file = PeaksFile::parse(&bytes).unwrap();
        assert_eq!(file.channels, 2);
        assert_eq!(file.values, [-128, 0, 0, 64, 0, 1, 0, 0, 0, 0, 0, 0]);
        assert_eq!(file.reduced(1).values, [-128, 1, 0, 64]);
        assert_eq!(file.reduced(2).values, [-128, 1, 0, 64, 0, 0, 0, 0]);
        assert_eq!(file.reduced(1000), file);
    }

    #[test]
    fn bytes_that_are_no_peaks_are_refused() {
        assert_eq!(PeaksFile::parse(b"OFHPEAK"), None);
        assert_eq!(PeaksFile::parse(b"OFHPEAK\x03"), None);
        assert_eq!(PeaksFile::parse(b"RIFF    "), None);
        assert_eq!(PeaksFile::parse(b"OFHPEAK\x01abc").unwrap().values.len(), 2);
    }
}
