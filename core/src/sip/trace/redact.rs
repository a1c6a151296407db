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
    let mut hiding = false;
    let mut digits = false;
    for line in head.split_inclusive('\n') {
        if line.starts_with([' ', '\t']) {
            if !hiding {
                out.push_str(line);
            }
            continue;
        }
        hiding = false;
        let Some((name, value)) = line.split_once(':') else {
            out.push_str(line);
            continue;
        };
        let name = name.trim();
        if is(name, "Authorization") || is(name, "Proxy-Authorization") {
            hiding = true;
            out.push_str(name);
            out.push_str(": ");
            out.push_str(&credentials(value.trim()));
            out.push_str("\r\n");
            continue;
        }
        if is(name, "Content-Type") || is(name, "c") {
            let kind = value.trim().to_ascii_lowercase();
            digits = kind.starts_with("application/dtmf");
        }
        out.push_str(line);
    }
    if digits && !body.is_empty() {
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

/// The head with its empty line, and the body.
fn split(text: &str) -> (&str, &str) {
    let end = text.find("\r\n\r\n").map(|at| at + 4);
    let end = end.or_else(|| text.find("\n\n").map(|at| at + 2));
    text.split_at(end.unwrap_or(text.len()))
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

/// The part of a line of SDP that may be shown, if not all of it may.
fn secret_in(line: &str) -> Option<&str> {
    if line.starts_with("a=crypto:") {
        let end = line.find("inline:").map_or(9, |at| at + "inline:".len());
        return Some(&line[..end]);
    }
    ["a=ice-pwd:", "k="]
        .into_iter()
        .find(|start| line.starts_with(start))
        .map(|start| &line[..start.len()])
}
