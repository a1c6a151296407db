//! The lexical ground rules shared by every parser here: RFC 3261 section 25.1.

use std::borrow::Cow;

use bytes::Bytes;

/// Whether `byte` may stand in a `token`.
pub(crate) fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&byte)
}

/// Whether `text` is a non-empty `token`.
pub(crate) fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().copied().all(is_token_byte)
}

/// Whether `byte` is linear white space once folding is undone: a fold leaves CR and LF behind.
pub(crate) fn is_lws(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// `text` without white space, folds included, at either end.
pub(crate) fn trim(mut text: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = text
        && is_lws(*first)
    {
        text = rest;
    }
    while let [rest @ .., last] = text
        && is_lws(*last)
    {
        text = rest;
    }
    text
}

/// Where `part`, a slice of `whole`, begins in it.
pub(crate) fn offset(whole: &[u8], part: &[u8]) -> usize {
    (part.as_ptr() as usize).saturating_sub(whole.as_ptr() as usize)
}

/// `part`, a slice of `whole`, as a share of the same buffer. An empty part shares nothing, so that
/// it need not lie within.
pub(crate) fn share(whole: &Bytes, part: &[u8]) -> Bytes {
    if part.is_empty() {
        Bytes::new()
    } else {
        whole.slice_ref(part)
    }
}

/// The index of the first `wanted` that is outside quotes and, when `angles` is set, outside `<>`.
pub(crate) fn find_outside(text: &[u8], wanted: u8, angles: Angles) -> Option<usize> {
    let (mut quoted, mut bracketed) = (false, false);
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        if byte == wanted && !quoted && !bracketed {
            return Some(at);
        }
        match byte {
            b'\\' if quoted => at += 1,
            b'"' if !bracketed => quoted = !quoted,
            b'<' if !quoted && angles == Angles::Protect => bracketed = true,
            b'>' if !quoted => bracketed = false,
            _ => {}
        }
        at += 1;
    }
    None
}

/// Whether `<…>` protects separators within.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Angles {
    Protect,
    Ignore,
}

/// The parts of `text` between top-level `separator`s, trimmed, empty ones left out (RFC 3261
/// section 7.3.1 allows none, real lists have them).
pub(crate) fn split(text: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> + use<'_> {
    split_as(text, separator, Angles::Protect)
}

/// The same where `<` and `>` may be mere characters: between parameters.
pub(crate) fn split_as(
    text: &[u8],
    separator: u8,
    angles: Angles,
) -> impl Iterator<Item = &[u8]> + use<'_> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        loop {
            let text = rest?;
            let part = match find_outside(text, separator, angles) {
                Some(at) => {
                    rest = text.get(at + 1..);
                    text.get(..at).unwrap_or_default()
                }
                None => {
                    rest = None;
                    text
                }
            };
            let part = trim(part);
            if !part.is_empty() {
                return Some(part);
            }
        }
    })
}

/// Whether `text` is one whole quoted string.
pub(crate) fn is_quoted(text: &[u8]) -> bool {
    text.len() >= 2 && text[0] == b'"' && quoted_end(text) == Some(text.len())
}

/// The index behind the closing quote of the quoted string `text` begins with.
pub(crate) fn quoted_end(text: &[u8]) -> Option<usize> {
    if text.first() != Some(&b'"') {
        return None;
    }
    let mut at = 1;
    loop {
        match text.get(at)? {
            b'\\' => at += 2,
            b'"' => return Some(at + 1),
            _ => at += 1,
        }
    }
}

/// The meaning of a quoted string: quotes and escapes gone. Anything else is returned as it is.
pub(crate) fn unquote(text: &[u8]) -> Cow<'_, [u8]> {
    if !is_quoted(text) {
        return Cow::Borrowed(text);
    }
    let inner = &text[1..text.len() - 1];
    if !inner.contains(&b'\\') {
        return Cow::Borrowed(inner);
    }
    let mut plain = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter();
    while let Some(&byte) = bytes.next() {
        if byte == b'\\' {
            plain.extend(bytes.next());
        } else {
            plain.push(byte);
        }
    }
    Cow::Owned(plain)
}

/// `text` as a quoted string. Line breaks cannot be expressed in one and become spaces.
pub(crate) fn quote(text: &[u8]) -> Vec<u8> {
    let mut quoted = Vec::with_capacity(text.len() + 2);
    quoted.push(b'"');
    for &byte in text {
        match byte {
            b'"' | b'\\' => quoted.extend([b'\\', byte]),
            b'\r' | b'\n' => quoted.push(b' '),
            _ => quoted.push(byte),
        }
    }
    quoted.push(b'"');
    quoted
}

/// The number `text` spells in decimal, when it has no other characters and does not exceed `max`.
/// Leading zeros are fine (RFC 4475 section 3.1.1.1).
pub(crate) fn number(text: &[u8], max: u64) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    let mut value = 0u64;
    for byte in text {
        if !byte.is_ascii_digit() {
            return None;
        }
        value = value.checked_mul(10)?.checked_add(u64::from(byte - b'0'))?;
    }
    (value <= max).then_some(value)
}

/// `text` with `%xx` replaced by the byte it stands for; broken escapes stay as they are.
pub(crate) fn percent_decode(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.contains(&b'%') {
        return Cow::Borrowed(text);
    }
    let mut plain = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        let pair = text.get(at + 1).zip(text.get(at + 2));
        let escaped = pair.and_then(|(high, low)| Some(hex_digit(*high)? << 4 | hex_digit(*low)?));
        match escaped {
            Some(value) if byte == b'%' => {
                plain.push(value);
                at += 3;
            }
            _ => {
                plain.push(byte);
                at += 1;
            }
        }
    }
    Cow::Owned(plain)
}

/// The value of one hexadecimal digit.
pub(crate) fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}
