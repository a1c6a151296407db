//! Which number stands for what, for the life of a leg.

use super::Codec;

/// The payload types agreed so far. A number never changes its meaning within a session (RFC 3264
/// section 8.3.2), so our later offers use those of the peer's earlier ones.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct PayloadTypes {
    codecs: Vec<(Codec, u8)>,
    telephone_event: Option<u8>,
}

impl PayloadTypes {
    /// The number for `codec`: the agreed one, else the static one.
    pub(crate) fn of(&self, codec: Codec) -> u8 {
        let mut known = self.codecs.iter();
        let known = known.find(|&&(known, _)| known == codec);
        known.map_or(codec.payload_type(), |&(_, number)| number)
    }

    /// The number for telephone events: the agreed one, else 101, else the first dynamic one that
    /// no codec of `codecs` has.
    pub(crate) fn telephone_event(&self, codecs: &[(Codec, u8)]) -> u8 {
        let free = |number: &u8| codecs.iter().all(|(_, taken)| taken != number);
        let wanted = self
            .telephone_event
            .into_iter()
            .chain([101])
            .chain(96..=127);
        wanted.into_iter().find(free).unwrap_or(101)
    }

    pub(crate) fn remember(&mut self, codec: Codec, number: u8) {
        self.codecs.retain(|&(known, _)| known != codec);
        self.codecs.push((codec, number));
    }

    pub(crate) fn remember_telephone_event(&mut self, number: u8) {
        self.telephone_event = Some(number);
    }
}
