//! Byte ranges (RFC 9110 section 14.1.2).

/// A part of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ByteRange {
    /// The first byte.
    pub(crate) first: u64,
    /// How many.
    pub(crate) length: u64,
}

/// A range that begins at or after the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotSatisfiable;

/// What a `Range` header asks for of `length` bytes. None where it is to be ignored: another unit,
/// several ranges, nonsense (RFC 9110 section 14.2 allows that for all three).
pub(crate) fn parse_range(header: &str, length: u64) -> Result<Option<ByteRange>, NotSatisfiable> {
    let spec = match header.split_once('=') {
        Some((unit, spec)) if unit.trim().eq_ignore_ascii_case("bytes") => spec.trim(),
        _ => return Ok(None),
    };
    let Some((first, last)) = spec.split_once('-') else {
        return Ok(None);
    };
    let (first, last) = (first.trim(), last.trim());
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(first) || !digits(last) || (first.is_empty() && last.is_empty()) {
        return Ok(None);
    }
    // A number too large to hold lies beyond any file.
    let number = |text: &str| text.parse::<u64>().unwrap_or(u64::MAX);
    if first.is_empty() {
        let wanted = number(last).min(length);
        return match wanted {
            0 => Err(NotSatisfiable),
            _ => Ok(Some(ByteRange {
                first: length - wanted,
                length: wanted,
            })),
        };
    }
    let first = number(first);
    let last = if last.is_empty() {
        u64::MAX
    } else {
        number(last)
    };
    if last < first {
        return Ok(None);
    }
    if first >= length {
        return Err(NotSatisfiable);
    }
    let last = last.min(length - 1);
    Ok(Some(ByteRange {
        first,
        length: last - first + 1,
    }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn part(first: u64, length: u64) -> Result<Option<ByteRange>, NotSatisfiable> {
        Ok(Some(ByteRange { first, length }))
    }

    #[test]
    fn the_rfc_examples_mean_what_it_says() {
        assert_eq!(parse_range("bytes=0-499", 10_000), part(0, 500));
        assert_eq!(parse_range("bytes=500-999", 10_000), part(500, 500));
        assert_eq!(parse_range("bytes=-500", 10_000), part(9500, 500));
        assert_eq!(parse_range("bytes=9500-", 10_000), part(9500, 500));
    }

    #[test]
    fn a_range_past_the_end_is_cut_and_one_beyond_it_refused() {
        assert_eq!(parse_range("bytes=9500-99999", 10_000), part(9500, 500));
        assert_eq!(parse_range("bytes=-99999", 10_000), part(0, 10_000));
        assert_eq!(parse_range("bytes=10000-", 10_000), Err(NotSatisfiable));
        assert_eq!(parse_range("bytes=-0", 10_000), Err(NotSatisfiable));
        assert_eq!(parse_range("bytes=0-", 0), Err(NotSatisfiable));
        let huge = "bytes=99999999999999999999999-";
        assert_eq!(parse_range(huge, 10_000), Err(NotSatisfiable));
    }

    #[test]
    fn what_is_not_understood_is_ignored() {
        for header in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=a-b",
            "items=0-5",
            "bytes=5-2",
            "bytes=0-1,3-4",
        ] {
            assert_eq!(parse_range(header, 10_000), Ok(None), "{header}");
        }
    }

    proptest! {
        #[test]
        fn a_part_lies_within_the_file(header in "bytes=[0-9]{0,20}-[0-9]{0,20}", length in any::<u64>()) {
            if let Ok(Some(part)) = parse_range(&header, length) {
                prop_assert!(part.length > 0);
                prop_assert!(part.first.checked_add(part.length).unwrap() <= length);
            }
        }
    }
}
