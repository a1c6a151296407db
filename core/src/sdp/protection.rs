//! Whether, and under which keys, a leg's media is protected (SDES: RFC 4568).

use serde::{Deserialize, Serialize};

use super::crypto::{CryptoAttribute, CryptoSuite, MasterKey, SrtpKeys};
use super::view::AudioView;

/// Usable keys of one section that we look at; of more, none is better than these.
const MAX_LINES: usize = 16;

/// What we offer, the quicker first; every phone with SRTP has the second. More would make an INVITE
/// too long for a datagram, and whoever wants another suite offers it: answers take any.
const OFFERED: &[CryptoSuite] = &[CryptoSuite::AeadAes128Gcm, CryptoSuite::AesCm128HmacSha1_80];

/// Whether media is protected by SRTP.
///
/// Keys travel in the description, so whoever can read the SIP messages can listen in: without TLS
/// SRTP only hides the sound from those who see nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SrtpPolicy {
    /// Never: an offer that insists on it is refused.
    Off,
    /// Where the peer's offer has keys; our own offers have none.
    #[default]
    Optional,
    /// As optional, and our offers carry keys which the peer may ignore: RTP/AVP with `a=crypto`, as
    /// several makers of phones do it, though no RFC says so.
    BestEffort,
    /// Always: an offer without keys is refused, and ours are RTP/SAVP.
    Required,
}

impl SrtpPolicy {
    /// Every policy.
    pub const ALL: &[Self] = &[Self::Off, Self::Optional, Self::BestEffort, Self::Required];
}

/// The usable keys of a section, in the writer's order. What is broken, unknown, or weakened by a
/// session parameter is passed over (RFC 4568 section 5.1.2).
pub(crate) fn offered_keys(view: AudioView<'_>) -> Vec<CryptoAttribute> {
    let read = view
        .crypto()
        .filter_map(|value| CryptoAttribute::parse(value).ok());
    read.take(MAX_LINES).collect()
}

/// The lines of a first offer: a fresh key for each suite.
pub(crate) fn fresh_lines() -> Vec<CryptoAttribute> {
    let lines = (1..).zip(OFFERED).map(|(tag, &suite)| CryptoAttribute {
        tag,
        key: MasterKey::random(suite),
    });
    lines.collect()
}

/// The line of an offer that leaves the keys as they are.
pub(crate) fn same_line(keys: &SrtpKeys) -> Vec<CryptoAttribute> {
    vec![CryptoAttribute {
        tag: 1,
        key: keys.send.clone(),
    }]
}

/// Answers keys: the line to write, and what is agreed with it. `current` is what was agreed before;
/// a peer that repeats its key gets ours again, one that brings a new key gets a new one.
pub(crate) fn answer_keys(
    offered: &[CryptoAttribute],
    current: Option<&SrtpKeys>,
) -> Option<(CryptoAttribute, SrtpKeys)> {
    let same = current.and_then(|keys| {
        let line = offered.iter().find(|line| line.key == keys.receive)?;
        Some((line, keys.send.clone()))
    });
    let (line, send) = match same {
        Some(same) => same,
        None => {
            let line = offered.first()?;
            (line, MasterKey::random(line.key.suite()))
        }
    };
    let keys = SrtpKeys {
        send: send.clone(),
        receive: line.key.clone(),
    };
    let tag = line.tag;
    Some((CryptoAttribute { tag, key: send }, keys))
}

/// What is agreed by an answer: the line it took by our tag, under our suite (RFC 4568 section
/// 5.1.3). `None`: it took none of ours.
pub(crate) fn answered_keys(
    ours: &[CryptoAttribute],
    theirs: &[CryptoAttribute],
) -> Option<SrtpKeys> {
    theirs.iter().find_map(|their| {
        let mut ours = ours.iter();
        let our = ours.find(|our| our.tag == their.tag && our.key.suite() == their.key.suite())?;
        Some(SrtpKeys {
            send: our.key.clone(),
            receive: their.key.clone(),
        })
    })
}
