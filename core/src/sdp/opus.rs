//! What a side says about the Opus it wants to receive (RFC 7587 section 6.1).

use std::fmt;

/// One thing a receiver of Opus may want; none is wanted unless said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OpusWish {
    /// `useinbandfec`: it can repair losses from the next packet.
    InBandFec,
    /// `usedtx`: it likes silence not to be sent.
    Dtx,
    /// `cbr`: it wants packets of one size.
    ConstantBitrate,
    /// `stereo`: it would like two channels. We send one all the same, which every decoder takes.
    Stereo,
}

impl OpusWish {
    const ALL: [Self; 4] = [
        Self::Stereo,
        Self::InBandFec,
        Self::Dtx,
        Self::ConstantBitrate,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::InBandFec => "useinbandfec",
            Self::Dtx => "usedtx",
            Self::ConstantBitrate => "cbr",
            Self::Stereo => "stereo",
        }
    }

    fn bit(self) -> u8 {
        match self {
            Self::InBandFec => 1,
            Self::Dtx => 2,
            Self::ConstantBitrate => 4,
            Self::Stereo => 8,
        }
    }
}

/// How one side wants to receive Opus. As text it is the value of an `fmtp`, without the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct OpusParameters {
    /// The highest sampling rate, in hertz, that it can make use of: 8,000 to 48,000.
    pub max_playback_rate: u32,
    /// The highest sampling rate, in hertz, that it will itself send with (`sprop-maxcapturerate`).
    pub max_capture_rate: u32,
    /// Bits per second it wants at most on average: 6,000 to 510,000. `None`: it does not say.
    pub max_average_bitrate: Option<u32>,
    wishes: u8,
}

impl Default for OpusParameters {
    /// What a side means that says nothing.
    fn default() -> Self {
        Self {
            max_playback_rate: FULL,
            max_capture_rate: FULL,
            max_average_bitrate: None,
            wishes: 0,
        }
    }
}

const FULL: u32 = 48_000;
const NARROW: u32 = 8000;

impl OpusParameters {
    /// Whether it wants this.
    #[must_use]
    pub fn wants(&self, wish: OpusWish) -> bool {
        self.wishes & wish.bit() != 0
    }

    /// The same, wanting this too.
    #[must_use]
    pub fn wanting(mut self, wish: OpusWish) -> Self {
        self.wishes |= wish.bit();
        self
    }

    /// The same for ears, and from microphones, that go no higher than this many hertz.
    #[must_use]
    pub fn up_to(mut self, rate: u32) -> Self {
        let rate = rate.clamp(NARROW, FULL);
        self.max_playback_rate = self.max_playback_rate.min(rate);
        self.max_capture_rate = self.max_capture_rate.min(rate);
        self
    }

    /// Reads the value of an `fmtp`. Nothing in it can be wrong enough to lose a call: what is
    /// unknown, unreadable or out of range counts as unsaid, and of two the first counts.
    pub(crate) fn parse(value: &str) -> Self {
        let mut read = Self::default();
        let mut said: Vec<&str> = Vec::new();
        for (name, value) in parameters(value) {
            if said.iter().any(|other| other.eq_ignore_ascii_case(name)) {
                continue;
            }
            if read.set(name, value).is_some() {
                said.push(name);
            }
        }
        read
    }

    /// Sets one parameter; `None` when it says nothing to us.
    fn set(&mut self, name: &str, value: &str) -> Option<()> {
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        if let Some(wish) = OpusWish::ALL.into_iter().find(|wish| is(wish.name())) {
            match value {
                "1" => self.wishes |= wish.bit(),
                "0" => {}
                _ => return None,
            }
            return Some(());
        }
        let number: u32 = value.parse().ok()?;
        if is("maxplaybackrate") {
            self.max_playback_rate = rate(number)?;
        } else if is("sprop-maxcapturerate") {
            self.max_capture_rate = rate(number)?;
        } else if is("maxaveragebitrate") {
            self.max_average_bitrate = Some((6000..=510_000).contains(&number).then_some(number)?);
        } else {
            return None;
        }
        Some(())
    }
}

/// The pairs of an `fmtp` value: `name=value` with semicolons, and spaces wherever people put them.
pub(crate) fn parameters(value: &str) -> impl Iterator<Item = (&str, &str)> {
    let pairs = value.split(';').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (name.trim(), value.trim()))
}

/// Rates above the highest mean the highest; nobody hears below the lowest.
fn rate(hertz: u32) -> Option<u32> {
    (hertz >= NARROW).then_some(hertz.min(FULL))
}

impl fmt::Display for OpusParameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.max_playback_rate < FULL {
            write!(f, "maxplaybackrate={};", self.max_playback_rate)?;
        }
        if self.max_capture_rate < FULL {
            write!(f, "sprop-maxcapturerate={};", self.max_capture_rate)?;
        }
        if let Some(bitrate) = self.max_average_bitrate {
            write!(f, "maxaveragebitrate={bitrate};")?;
        }
        // Said even where it is the default: many peers assume otherwise.
        write!(f, "stereo={}", u8::from(self.wants(OpusWish::Stereo)))?;
        for wish in OpusWish::ALL {
            if wish != OpusWish::Stereo && self.wants(wish) {
                write!(f, ";{}=1", wish.name())?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// RFC 7587 section 7, the third example; and as Chromium and Firefox write it.
    #[test]
    fn rfc7587_7_parameters_are_read_as_they_are_written() {
        let offered = OpusParameters::parse(
            "maxplaybackrate=16000; sprop-maxcapturerate=16000; maxaveragebitrate=20000; \
             stereo=1; useinbandfec=1; usedtx=0",
        );
        assert_eq!(offered.max_playback_rate, 16_000);
        assert_eq!(offered.max_capture_rate, 16_000);
        assert_eq!(offered.max_average_bitrate, Some(20_000));
        assert!(offered.wants(OpusWish::Stereo) && offered.wants(OpusWish::InBandFec));
        assert!(!offered.wants(OpusWish::Dtx) && !offered.wants(OpusWish::ConstantBitrate));
        let chromium = OpusParameters::parse("minptime=10;useinbandfec=1");
        assert_eq!(
            chromium,
            OpusParameters::default().wanting(OpusWish::InBandFec)
        );
    }

    #[test]
    fn what_is_unknown_out_of_range_or_unreadable_counts_as_unsaid() {
        for odd in [
            "",
            ";",
            "=",
            "stereo",
            "stereo=2",
            "stereo=-1",
            "maxplaybackrate=0",
            "maxplaybackrate=7999",
            "maxplaybackrate=99999999999",
            "maxplaybackrate=16k",
            "maxaveragebitrate=5999",
            "maxaveragebitrate=510001",
            "x-google-min-bitrate=40",
            "useinbandfec=true",
        ] {
            assert_eq!(
                OpusParameters::parse(odd),
                OpusParameters::default(),
                "{odd}"
            );
        }
        let high = OpusParameters::parse("maxplaybackrate=96000");
        assert_eq!(high.max_playback_rate, 48_000);
    }

    #[test]
    fn spaces_case_and_order_do_not_matter_and_of_two_the_first_counts() {
        let expected = OpusParameters::parse("maxplaybackrate=8000;usedtx=1");
        for same in [
            " usedtx = 1 ; MaxPlaybackRate=8000 ;",
            "USEDTX=1;;maxplaybackrate=8000;maxplaybackrate=48000",
            "usedtx=1;usedtx=0;maxplaybackrate=bad;maxplaybackrate=8000",
        ] {
            assert_eq!(OpusParameters::parse(same), expected, "{same}");
        }
    }

    #[test]
    fn narrow_ears_narrow_both_directions_and_never_widen() {
        let narrow = OpusParameters::default().up_to(8000);
        assert_eq!(
            narrow.to_string(),
            "maxplaybackrate=8000;sprop-maxcapturerate=8000;stereo=0"
        );
        assert_eq!(narrow.up_to(48_000), narrow);
        assert_eq!(OpusParameters::default().up_to(0).max_playback_rate, 8000);
    }

    proptest! {
        #[test]
        fn any_text_is_read_and_what_is_read_survives_its_text_form(text in ".{0,80}") {
            let read = OpusParameters::parse(&text);
            prop_assert_eq!(OpusParameters::parse(&read.to_string()), read);
            prop_assert!((8000..=48_000).contains(&read.max_playback_rate));
        }
    }
}
