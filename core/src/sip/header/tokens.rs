//! Lists of tokens: `Allow`, `Require`, `Supported`, `Unsupported`. They are read with
//! [`Headers::list`](crate::sip::Headers::list).

use bytes::Bytes;

/// `tokens` as one row: `INVITE, ACK, BYE`.
pub fn join<I>(tokens: I) -> Bytes
where
    I: IntoIterator,
    I::Item: AsRef<[u8]>,
{
    let mut row = Vec::new();
    for token in tokens {
        if !row.is_empty() {
            row.extend_from_slice(b", ");
        }
        row.extend_from_slice(token.as_ref());
    }
    row.into()
}
