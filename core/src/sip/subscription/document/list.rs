//! The states of several resources in one NOTIFY (RFC 4662).

use bytes::{BufMut, Bytes, BytesMut};

use super::versions::Versions;
use super::xml::Xml;
use super::{Body, Document};

/// One resource of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListEntry {
    /// Its address.
    pub uri: String,
    /// The name shown with it.
    pub name: Option<String>,
    /// Its state.
    pub document: Document,
}

/// A list and the state of each of its resources. The resources stay the same for as long as the
/// list is watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceList {
    /// The list's address.
    pub uri: String,
    /// Its resources.
    pub entries: Vec<ListEntry>,
}

impl ResourceList {
    /// `multipart/related`: the list itself (RFC 4662 section 5), then the state of each resource.
    /// A watcher who knows `known` gets those that have changed since.
    pub(super) fn write(&self, versions: &mut Versions, known: Option<&Self>) -> Body {
        let changed: Vec<(usize, &ListEntry)> = self
            .entries
            .iter()
            .enumerate()
            .filter(|(at, entry)| known.is_none_or(|known| known.entries.get(*at) != Some(*entry)))
            .collect();
        let version = versions.next(&self.uri);
        let root = format!("list.{version}@{}", versions.boundary());
        let meta = self.meta(version, known.is_none(), &changed, versions.boundary());
        let mut out = BytesMut::with_capacity(1024);
        let mut part = |boundary: &str, id: &str, content_type: &[u8], bytes: &[u8]| {
            out.put_slice(
                format!(
                    "--{boundary}\r\nContent-Transfer-Encoding: binary\r\n\
                     Content-ID: <{id}>\r\nContent-Type: "
                )
                .as_bytes(),
            );
            out.put_slice(content_type);
            out.put_slice(b"\r\n\r\n");
            out.put_slice(bytes);
            out.put_slice(b"\r\n");
        };
        part(versions.boundary(), &root, RLMI.as_bytes(), &meta);
        for (at, entry) in changed {
            let body = entry.document.write(versions, None);
            let id = content_id(at, version, versions.boundary());
            part(versions.boundary(), &id, &body.content_type, &body.bytes);
        }
        out.put_slice(format!("--{}--\r\n", versions.boundary()).as_bytes());
        let content_type = format!(
            "multipart/related;type=\"application/rlmi+xml\";start=\"<{root}>\";boundary=\"{}\"",
            versions.boundary()
        );
        Body {
            content_type: content_type.into(),
            bytes: out.freeze(),
        }
    }

    fn meta(
        &self,
        version: u32,
        full: bool,
        entries: &[(usize, &ListEntry)],
        boundary: &str,
    ) -> Bytes {
        let number = version.to_string();
        let mut xml = Xml::new();
        let attributes = [
            ("xmlns", "urn:ietf:params:xml:ns:rlmi"),
            ("uri", self.uri.as_str()),
            ("version", number.as_str()),
            ("fullState", if full { "true" } else { "false" }),
        ];
        xml.open("list", &attributes);
        for (at, entry) in entries {
            xml.open("resource", &[("uri", &entry.uri)]);
            if let Some(name) = &entry.name {
                xml.text("name", &[], name);
            }
            let (id, cid) = (at.to_string(), content_id(*at, version, boundary));
            xml.empty(
                "instance",
                &[("id", &id), ("state", "active"), ("cid", &cid)],
            );
            xml.close("resource");
        }
        xml.close("list");
        xml.finish().into()
    }
}

const RLMI: &str = "application/rlmi+xml;charset=\"UTF-8\"";

fn content_id(at: usize, version: u32, boundary: &str) -> String {
    format!("{at}.{version}@{boundary}")
}
