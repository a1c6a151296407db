//! Which number stands for what, for the life of a leg.

use super::Codec;
use super::formats::COMFORT_NOISE;

/// Something that has a payload type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Codec(Codec),
    /// Telephone events at a clock rate.
    Events(u32),
    /// Comfort noise at a clock rate.
    ComfortNoise(u32),
}

impl Format {
    /// The number we give it when nothing was agreed.
    fn wanted(self) -> u8 {
        match self {
            Self::Codec(codec) => codec.payload_type(),
            Self::Events(48_000) => 110,
            Self::Events(16_000) => 102,
            Self::Events(_) => 101,
            Self::ComfortNoise(16_000) => 105,
            Self::ComfortNoise(_) => COMFORT_NOISE,
        }
    }
}

/// The payload types agreed so far. A number never changes its meaning within a session (RFC 3264
/// section 8.3.2), so our later offers use those of the peer's earlier ones.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct PayloadTypes(Vec<(Format, u8)>);

impl PayloadTypes {
    /// The numbers for one offer, in the order asked for.
    pub(crate) fn offer(&self) -> Numbering<'_> {
        Numbering {
            known: self,
            taken: Vec::new(),
        }
    }

    pub(crate) fn remember(&mut self, format: Format, number: u8) {
        self.0
            .retain(|&(known, taken)| known != format && taken != number);
        self.0.push((format, number));
    }

    fn of(&self, format: Format) -> Option<u8> {
        let mut known = self.0.iter();
        let known = known.find(|&&(known, _)| known == format);
        known.map(|&(_, number)| number)
    }

    fn is_others(&self, format: Format, number: u8) -> bool {
        self.0
            .iter()
            .any(|&(known, taken)| taken == number && known != format)
    }
}

/// Hands out the numbers of one offer, none twice.
#[derive(Debug)]
pub(crate) struct Numbering<'a> {
    known: &'a PayloadTypes,
    taken: Vec<u8>,
}

impl Numbering<'_> {
    /// The number for `format`: the agreed one, else the usual one, else the first dynamic one that
    /// stands for nothing else in this session.
    pub(crate) fn of(&mut self, format: Format) -> u8 {
        let free =
            |number: &u8| !self.taken.contains(number) && !self.known.is_others(format, *number);
        let usual = [format.wanted()].into_iter().chain(96..=127);
        let number = self.known.of(format).into_iter().chain(usual).find(free);
        // 32 dynamic numbers are more than we have formats for.
        let number = number.unwrap_or(127);
        self.taken.push(number);
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_stands_for_one_thing_for_the_life_of_a_leg() {
        let mut types = PayloadTypes::default();
        types.remember(Format::Codec(Codec::L16Wide), 111);
        types.remember(Format::Events(8000), 96);
        let mut offer = types.offer();
        assert_eq!(
            offer.of(Format::Codec(Codec::Opus)),
            97,
            "111 is L16's here"
        );
        assert_eq!(offer.of(Format::Codec(Codec::L16Wide)), 111);
        assert_eq!(offer.of(Format::Events(8000)), 96);
        assert_eq!(offer.of(Format::Events(48_000)), 110);
        // The peer gives a number a new meaning all the same: theirs counts.
        types.remember(Format::Codec(Codec::Opus), 96);
        let mut offer = types.offer();
        assert_eq!(offer.of(Format::Codec(Codec::Opus)), 96);
        assert_eq!(offer.of(Format::Events(8000)), 101);
    }
}
