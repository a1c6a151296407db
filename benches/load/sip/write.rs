//! Writing SIP.

use std::fmt::Write;
use std::net::SocketAddr;

use super::text::Text;

/// A request within or without a dialog.
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    pub(crate) uri: &'a str,
    pub(crate) branch: &'a str,
    pub(crate) from: &'a str,
    pub(crate) to: &'a str,
    pub(crate) call_id: &'a str,
    pub(crate) cseq: u32,
    /// Our contact, where the request has one.
    pub(crate) contact: Option<&'a str>,
    pub(crate) expires: Option<u32>,
    pub(crate) sdp: Option<String>,
}

impl Request<'_> {
    /// As it is sent from `local`.
    pub(crate) fn write(&self, local: SocketAddr) -> Vec<u8> {
        let Self {
            method,
            uri,
            branch,
            from,
            to,
            call_id,
            cseq,
            ..
        } = self;
        let mut text = String::with_capacity(900);
        push(
            &mut text,
            format_args!(
                "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch={branch};rport\r\n\
                 Max-Forwards: 70\r\nFrom: {from}\r\nTo: {to}\r\nCall-ID: {call_id}\r\n\
                 CSeq: {cseq} {method}\r\n"
            ),
        );
        if let Some(contact) = self.contact {
            push(&mut text, format_args!("Contact: {contact}\r\n"));
        }
        if let Some(expires) = self.expires {
            push(&mut text, format_args!("Expires: {expires}\r\n"));
        }
        end(text, self.sdp.as_deref())
    }
}

/// A response to `request`, with our tag.
pub(crate) fn response(
    request: Text<'_>,
    status: &str,
    tag: &str,
    contact: Option<&str>,
    sdp: Option<&str>,
) -> Vec<u8> {
    let mut text = String::with_capacity(900);
    push(&mut text, format_args!("SIP/2.0 {status}\r\n"));
    for (name, value) in request.headers() {
        let copied = ["Via", "From", "To", "Call-ID", "CSeq", "Record-Route"];
        if !copied.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            continue;
        }
        let tagged = !name.eq_ignore_ascii_case("To") || value.contains(";tag=");
        if tagged {
            push(&mut text, format_args!("{name}: {value}\r\n"));
        } else {
            push(&mut text, format_args!("{name}: {value};tag={tag}\r\n"));
        }
    }
    if let Some(contact) = contact {
        push(&mut text, format_args!("Contact: {contact}\r\n"));
    }
    end(text, sdp)
}

/// An offer or answer of PCMU at this port.
pub(crate) fn sdp(call: u32, port: u16) -> String {
    format!(
        "v=0\r\no=load {call} 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
         m=audio {port} RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\n\
         a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
    )
}

fn end(mut text: String, sdp: Option<&str>) -> Vec<u8> {
    let body = sdp.unwrap_or("");
    if !body.is_empty() {
        text.push_str("Content-Type: application/sdp\r\n");
    }
    push(
        &mut text,
        format_args!("Content-Length: {}\r\n\r\n{body}", body.len()),
    );
    text.into_bytes()
}

fn push(text: &mut String, what: std::fmt::Arguments<'_>) {
    // Writing into a String does not fail.
    text.write_fmt(what).ok();
}
