//! Seeded mutations, for fuzzing without a fuzzer.

use crate::id::IdSource;

/// Pieces that mean something to one parser or another.
const WORDS: &[&[u8]] = &[
    b"\r\n",
    b"\n",
    b"\r",
    b"\r\n ",
    b"\r\n\r\n",
    b"\0",
    b"\xff\xfe",
    b"\xc3\xa4",
    b"\"",
    b"\\",
    b"\\\"",
    b"<",
    b">",
    b"<>",
    b";",
    b";;",
    b",",
    b":",
    b"::",
    b"=",
    b"@",
    b"?",
    b"&",
    b"%",
    b"%00",
    b"%zz",
    b"/",
    b"[",
    b"]",
    b"[::1]",
    b"*",
    b" ",
    b"\t",
    b"-1",
    b"0",
    b"65536",
    b"4294967296",
    b"18446744073709551616",
    b"SIP/2.0",
    b"sip:",
    b"tel:+",
    b"Content-Length: ",
    b"l:",
    b"Via: ",
    b"v:",
    b"Contact: *",
    b";expires=",
    b";tag=",
    b";lr",
    b"Digest ",
    b"nonce=\"",
    b"qop=auth",
];

/// Longer than anything a parser should have to take.
const LONGEST: usize = 70_000;

/// `seed` with up to eight changes that follow from `source`.
#[must_use]
pub fn mutate(source: &mut IdSource, seed: &[u8]) -> Vec<u8> {
    let mut data = seed.to_vec();
    for _ in 0..=below(source, 8) {
        change(source, &mut data);
    }
    data.truncate(LONGEST);
    data
}

fn change(source: &mut IdSource, data: &mut Vec<u8>) {
    let at = below(source, data.len() + 1);
    let length = below(source, 16).min(data.len() - at);
    match below(source, 7) {
        0 => {
            if let Some(byte) = data.get_mut(at) {
                *byte ^= 1 << below(source, 8);
            }
        }
        1 => {
            let byte = source.bits().to_le_bytes()[0];
            data.insert(at, byte);
        }
        2 => {
            data.drain(at..at + length);
        }
        3 => {
            let piece = data[at..at + length].to_vec();
            let times = below(source, 200);
            let to = below(source, data.len() + 1);
            data.splice(to..to, piece.repeat(times));
        }
        4 => data.truncate(at),
        5 => {
            let piece: Vec<u8> = data.drain(at..at + length).collect();
            let to = below(source, data.len() + 1);
            data.splice(to..to, piece);
        }
        _ => {
            let word = WORDS[below(source, WORDS.len())];
            data.splice(at..at + length, word.iter().copied());
        }
    }
}

/// A number below `bound`, 0 when that is 0.
fn below(source: &mut IdSource, bound: usize) -> usize {
    let bound = u64::try_from(bound).unwrap_or(u64::MAX);
    usize::try_from(source.below(bound)).unwrap_or_default()
}
