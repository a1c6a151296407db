//! Fuzz bodies: what must hold for any bytes, callable on stable.
//!
//! A body takes bytes from nowhere in particular, drives one parser with them and asserts what must
//! hold whatever they are; it panics when something does not. `cargo test` runs every body on its
//! corpus in `tests/corpus/` and on seeded mutations of it; `tests/fuzz` hands the same bodies to
//! cargo-fuzz. A new target is a body and a row of [`TARGETS`] here, a folder of seeds there, and a
//! shim of four lines.

mod mutate;
pub mod sip;
pub mod sip_call;
pub mod subscribe;
#[cfg(test)]
mod tests;

pub use mutate::mutate;

/// A fuzz body and where its seeds are.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name, which is the body's and the shim's.
    pub name: &'static str,
    /// Folders below `tests/corpus` with seeds.
    pub corpus: &'static [&'static str],
    /// What must hold.
    pub body: fn(&[u8]),
}

/// Every target of this crate.
pub const TARGETS: &[Target] = &[
    target("sip_message", &["sip_message", "rfc4475"], sip::sip_message),
    target(
        "sip_call",
        &["sip_call", "sip_message", "rfc4475"],
        sip_call::sip_call,
    ),
    target("sip_stream", &["sip_stream", "rfc4475"], sip::sip_stream),
    target("sip_uri", &["sip_uri"], sip::sip_uri),
    target("name_addr", &["name_addr"], sip::name_addr),
    target("via", &["via"], sip::via),
    target("digest_header", &["digest_header"], sip::digest_header),
    target("register", &["register", "rfc4475"], sip::register),
    target("subscribe", &["subscribe", "rfc4475"], subscribe::subscribe),
    target("sdp_offer", &["sdp"], crate::sdp::fuzz::sdp_offer),
    target("sdp_answer", &["sdp"], crate::sdp::fuzz::sdp_answer),
    target("sdes", &["sdes"], crate::sdp::fuzz::sdes),
];

const fn target(name: &'static str, corpus: &'static [&'static str], body: fn(&[u8])) -> Target {
    Target { name, corpus, body }
}
