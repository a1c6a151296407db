//! One leg's media, sans-IO: told of packets and of the time, says what to send.

mod remote;

pub use remote::RemoteMedia;

/// Whether this is one of the 16 keys of a telephone.
#[must_use]
pub fn is_digit(key: char) -> bool {
    matches!(key, '0'..='9' | '*' | '#' | 'A'..='D')
}
