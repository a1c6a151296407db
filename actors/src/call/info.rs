//! Keys that come by INFO, as phones sent them before RFC 4733.

use bytes::Bytes;
use offhook_core::sip::header::ContentType;

/// The key in the body of an INFO: `Signal=5` in `application/dtmf-relay`, or the key alone in
/// `application/dtmf`. `None` for anything else.
pub(crate) fn digit_in_info(content_type: Option<&Bytes>, body: &Bytes) -> Option<char> {
    let kind = ContentType::parse(content_type?).ok()?;
    let text = std::str::from_utf8(body).ok()?;
    let word = if kind.is("application", "dtmf-relay") {
        let pairs = text.lines().filter_map(|line| line.split_once('='));
        let mut signals = pairs.filter(|pair| pair.0.trim().eq_ignore_ascii_case("signal"));
        signals.next()?.1.trim()
    } else if kind.is("application", "dtmf") {
        text.trim()
    } else {
        return None;
    };
    let key = match word {
        "10" => '*',
        "11" => '#',
        _ => {
            let mut letters = word.chars();
            letters.next().filter(|_| letters.next().is_none())?
        }
    };
    let key = key.to_ascii_uppercase();
    (key.is_ascii_digit() || matches!(key, '*' | '#' | 'A'..='D')).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6086 leaves old INFO as it was; these are the two bodies in use.
    #[test]
    fn both_bodies_in_use_are_read_and_nothing_else() {
        let relay = "application/dtmf-relay";
        for (kind, body, key) in [
            (relay, "Signal=5\r\nDuration=160\r\n", Some('5')),
            (relay, "signal = *\nduration = 100", Some('*')),
            (relay, "Duration=160\r\nSignal=d", Some('D')),
            (relay, "Signal=11\r\n", Some('#')),
            (relay, "Signal=55", None),
            (relay, "Signal=", None),
            (relay, "5", None),
            ("application/dtmf", "5", Some('5')),
            ("application/dtmf", " # \r\n", Some('#')),
            ("application/dtmf", "", None),
            ("application/dtmf", "hello", None),
            ("text/plain", "5", None),
        ] {
            let kind = Bytes::from_static(kind.as_bytes());
            let body = Bytes::from_static(body.as_bytes());
            assert_eq!(digit_in_info(Some(&kind), &body), key, "{kind:?} {body:?}");
        }
        assert_eq!(digit_in_info(None, &"5".into()), None);
    }
}
