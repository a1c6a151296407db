//! What of a message may be shown.

/// Stands where something was.
const HIDDEN: &str = "(hidden)";

/// A message as text, without what must not be seen: of credentials only the scheme and the user
/// name are left, of keys and passwords for media (`a=crypto`, RFC 4568; `a=ice-pwd`, RFC 8839)
/// nothing, nor of keys pressed that are told by INFO.
#[must_use]
pub fn redacted(data: &[u8]) -> String {
    let text = String::from_utf8_lossy(data);
    let mut out = String::with_capacity(text.len());
    let (head, body) = split(&text);
    let mut row = Row::Open;
    let mut kind = String::new();
    for line in head.split_inclusive('\n') {
        if line.starts_with([' ', '\t']) {
            match row {
                Row::Secret => continue,
                Row::Kind => kind.push_str(line),
                Row::Open => {}
            }
            out.push_str(line);
            continue;
        }
        row = Row::Open;
        let Some((name, value)) = line.split_once(':') else {
            out.push_str(line);
            continue;
        };
        let name = name.trim();
        if is(name, "Authorization") || is(name, "Proxy-Authorization") {
            row = Row::Secret;
            out.push_str(name);
            out.push_str(": ");
            out.push_str(&credentials(value.trim()));
            out.push_str("\r\n");
            continue;
        }
        if is(name, "Content-Type") || is(name, "c") {
            row = Row::Kind;
            kind.push_str(value);
        }
        out.push_str(line);
    }
    if !body.is_empty() && tells_keys(&kind, body) {
        out.push_str(HIDDEN);
        out.push_str("\r\n");
        return out;
    }
    for line in body.split_inclusive('\n') {
        match secret_in(line) {
            Some(shown) => {
                out.push_str(shown);
                out.push_str(HIDDEN);
                out.push_str("\r\n");
            }
            None => out.push_str(line),
        }
    }
    out
}

/// What the row is that may go on in the next line.
#[derive(Clone, Copy)]
enum Row {
    Open,
    /// Credentials.
    Secret,
    /// What the body is.
    Kind,
}

/// Whether a body of this kind says which keys were pressed, itself or in a part of it.
fn tells_keys(kind: &str, body: &str) -> bool {
    const KEYS: &str = "application/dtmf";
    let kind = kind.to_ascii_lowercase();
    kind.contains(KEYS) || (kind.contains("multipart/") && body.to_ascii_lowercase().contains(KEYS))
}

/// The head with its empty line, and the body. Lines end as the parser takes them: with LF, or CR and
/// LF; empty ones in front are none of the message.
fn split(text: &str) -> (&str, &str) {
    let mut end = text.len() - text.trim_start_matches(['\r', '\n']).len();
    for line in text[end..].split_inclusive('\n') {
        end += line.len();
        if line.trim_end_matches(['\r', '\n']).is_empty() {
            break;
        }
    }
    text.split_at(end)
}

fn is(name: &str, wanted: &str) -> bool {
    name.eq_ignore_ascii_case(wanted)
}

/// Scheme and user name of credentials.
fn credentials(value: &str) -> String {
    let scheme = value.split_whitespace().next().unwrap_or_default();
    // Some schemes are nothing but a secret.
    if !scheme.eq_ignore_ascii_case("Digest") {
        return format!("{} {HIDDEN}", if scheme == value { "" } else { scheme });
    }
    let lower = value.to_ascii_lowercase();
    let user = lower.find("username=\"").and_then(|at| {
        let rest = &value[at + "username=\"".len()..];
        rest.split_once('"').map(|(user, _)| user)
    });
    match user {
        Some(user) => format!("{scheme} username=\"{user}\", {HIDDEN}"),
        None => format!("{scheme} {HIDDEN}"),
    }
}

/// The part of a line of SDP that may be shown, if not all of it may. Names of attributes are read in
/// any case, so they are hidden in any.
fn secret_in(line: &str) -> Option<&str> {
    const CRYPTO: &str = "a=crypto:";
    let starts = |start: &str| {
        let beginning = line.as_bytes().get(..start.len());
        beginning.is_some_and(|bytes| bytes.eq_ignore_ascii_case(start.as_bytes()))
    };
    if starts(CRYPTO) {
        let key = line.to_ascii_lowercase().find("inline:");
        let end = key.map_or(CRYPTO.len(), |at| at + "inline:".len());
        return Some(&line[..end]);
    }
    ["a=ice-pwd:", "k="]
        .into_iter()
        .find(|start| starts(start))
        .map(|start| &line[..start.len()])
}
