//! When two URIs are the same.

use super::{Scheme, Uri, pairs};
use crate::sip::lex;

/// Parameters that make a difference even when only one URI has them. `transport` is among them by
/// the RFC's examples, not by its rules.
const TELLING: [&[u8]; 5] = [b"user", b"ttl", b"method", b"maddr", b"transport"];

pub(super) fn compare(one: &Uri, two: &Uri) -> bool {
    match (one.scheme, two.scheme) {
        (Scheme::Sip, Scheme::Sip) | (Scheme::Sips, Scheme::Sips) => compare_sip(one, two),
        (Scheme::Tel, Scheme::Tel) => compare_tel(one, two),
        (Scheme::Other, Scheme::Other) => one.raw == two.raw,
        (Scheme::Sip | Scheme::Sips | Scheme::Tel | Scheme::Other, _) => false,
    }
}

fn compare_sip(one: &Uri, two: &Uri) -> bool {
    let user = |uri: &Uri| uri.user().map(|user| normal(user));
    let password = |uri: &Uri| uri.password().map(|password| normal(password));
    user(one) == user(two)
        && password(one) == password(two)
        && one.host.eq_ignore_ascii_case(&two.host)
        && one.port == two.port
        && params_agree(one, two)
        && params_agree(two, one)
        && headers(one) == headers(two)
}

/// Whether no parameter of `one` speaks against `two`. Of parameters that are there twice, one has to
/// agree.
fn params_agree(one: &Uri, two: &Uri) -> bool {
    let lower = |text: &[u8]| normal(text).to_ascii_lowercase();
    one.params().all(|(name, value)| {
        let (name, value) = (lower(name), value.map(lower));
        let same = two.params().filter(|(other, _)| lower(other) == name);
        let mut values = same.map(|(_, other)| other.map(lower)).peekable();
        match values.peek() {
            Some(_) => values.any(|other| other == value),
            None => !TELLING.contains(&&name[..]),
        }
    })
}

fn headers(uri: &Uri) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
    let pairs = pairs(&uri.headers, b'&');
    let mut headers: Vec<_> = pairs
        .map(|(name, value)| (normal(name).to_ascii_lowercase(), value.map(normal)))
        .collect();
    headers.sort();
    headers
}

/// `text` with every escape undone that stands for a character which needs none, and the others in
/// upper case.
fn normal(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        let value = match rest {
            [b'%', high, low, ..] => {
                let (high, low) = (lex::hex_digit(*high), lex::hex_digit(*low));
                high.zip(low).map(|(high, low)| high << 4 | low)
            }
            _ => None,
        };
        rest = match value {
            Some(value) if value > b' ' && value < 0x7f && !b";/?:@&=+$,%".contains(&value) => {
                out.push(value);
                &rest[3..]
            }
            Some(_) => {
                out.extend(rest[..3].to_ascii_uppercase());
                &rest[3..]
            }
            None => {
                out.push(byte);
                after
            }
        };
    }
    out
}

fn compare_tel(one: &Uri, two: &Uri) -> bool {
    let digits = |uri: &Uri| -> Vec<u8> {
        let number = uri.user().map(|user| &user[..]).unwrap_or_default();
        let digits = number.iter().filter(|byte| !b"-.()".contains(byte));
        digits.map(u8::to_ascii_lowercase).collect()
    };
    let params = |uri: &Uri| {
        let mut params: Vec<_> = uri
            .params()
            .map(|(name, value)| {
                let value = value.map(|value| value.to_ascii_lowercase());
                (name.to_ascii_lowercase(), value)
            })
            .collect();
        params.sort();
        params
    };
    digits(one) == digits(two) && params(one) == params(two)
}
