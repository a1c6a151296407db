//! What a Vorbis setup header (Vorbis I, section 4.2.4) asks a decoder to keep, before one is asked.
//!
//! A codebook of a hundred bits may stand for megabytes of tables, and a header may have 256 of
//! them. Here they are only counted.

/// Bytes of the identification header, which stands before the setup header.
const IDENTIFICATION: usize = 30;

/// What a codebook begins with.
const SYNC: u32 = 0x0056_4342;

/// Entries of all codebooks; music has some ten thousand.
const MOST_ENTRIES: u64 = 1 << 18;

/// Values of all vectors; music has less than a hundred thousand.
const MOST_VALUES: u64 = 1 << 21;

/// Whether the codebooks in these headers, identification and setup in a row, are whole and of a
/// size that music has.
pub(super) fn is_reasonable(headers: &[u8]) -> bool {
    let setup = headers.get(IDENTIFICATION..).unwrap_or_default();
    // Anything else would be read another way than it is here.
    let is_setup = headers.starts_with(b"\x01vorbis") && setup.starts_with(b"\x05vorbis");
    is_setup && Books::count(&setup[7..]).is_some()
}

/// The codebooks counted so far.
#[derive(Default)]
struct Books {
    entries: u64,
    values: u64,
}

impl Books {
    fn count(setup: &[u8]) -> Option<Self> {
        let mut bits = Bits {
            bytes: setup,
            at: 0,
        };
        let mut books = Self::default();
        for _ in 0..=bits.read(8)? {
            books.add(&mut bits)?;
        }
        Some(books)
    }

    /// Reads one book (section 3.2.1); none when it is broken, or too much.
    fn add(&mut self, bits: &mut Bits<'_>) -> Option<()> {
        if bits.read(24)? != SYNC {
            return None;
        }
        let (dimensions, entries) = (bits.read(16)?, bits.read(24)?);
        self.entries += u64::from(entries);
        if dimensions == 0 || self.entries > MOST_ENTRIES {
            return None;
        }
        skip_lengths(bits, entries)?;
        let multiplicands = match bits.read(4)? {
            0 => return Some(()),
            1 => u64::from(roots(entries, dimensions)?),
            2 => u64::from(entries) * u64::from(dimensions),
            _ => return None,
        };
        self.values += u64::from(entries) * u64::from(dimensions);
        if self.values > MOST_VALUES {
            return None;
        }
        // The smallest value and the step between values.
        bits.skip(64)?;
        let width = u64::from(bits.read(4)? + 1);
        bits.skip(1 + multiplicands * width)
    }
}

/// Skips the lengths of the codewords.
fn skip_lengths(bits: &mut Bits<'_>, entries: u32) -> Option<()> {
    let ordered = bits.read(1)? == 1;
    if ordered {
        bits.skip(5)?;
        let mut done = 0;
        loop {
            let left: u32 = entries - done;
            done += bits.read(u32::BITS - left.leading_zeros())?;
            if done >= entries {
                return (done == entries).then_some(());
            }
        }
    }
    let sparse = bits.read(1)? == 1;
    if !sparse {
        return bits.skip(u64::from(entries) * 5);
    }
    for _ in 0..entries {
        if bits.read(1)? == 1 {
            bits.skip(5)?;
        }
    }
    Some(())
}

/// The largest number whose power of `dimensions` is at most `entries`; none where a decoder that
/// takes the root in single precision finds another, and would read on at another place.
fn roots(entries: u32, dimensions: u32) -> Option<u32> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "as imprecise as the decoder: what it rounds is compared with what is right"
    )]
    let root = (entries as f32).powf(1.0 / dimensions as f32).floor() as u32;
    let fits = |root: u32| {
        let power = root.checked_pow(dimensions);
        power.is_some_and(|power| power <= entries)
    };
    (fits(root) && !fits(root + 1)).then_some(root)
}

/// Bits from the lowest of each byte on (section 2.1).
struct Bits<'a> {
    bytes: &'a [u8],
    at: u64,
}

impl Bits<'_> {
    /// The next bits, 24 at most.
    fn read(&mut self, count: u32) -> Option<u32> {
        let mut value = 0;
        for n in 0..count {
            let byte = self.bytes.get(usize::try_from(self.at / 8).ok()?)?;
            value |= u32::from((byte >> (self.at % 8)) & 1) << n;
            self.at += 1;
        }
        Some(value)
    }

    fn skip(&mut self, count: u64) -> Option<()> {
        self.at = self.at.checked_add(count)?;
        (self.at <= self.bytes.len() as u64 * 8).then_some(())
    }
}
