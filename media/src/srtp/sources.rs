//! The streams under one receiving key.

use crate::srtp::replay::ReplayWindow;

/// Streams that are known at once. A phone has one, or another after each transfer behind it.
const KNOWN: usize = 8;

/// Streams that were forgotten and are not believed again: their windows are gone, so that anybody
/// could send again what they sent.
const RETIRED: usize = 32;

/// One stream: of its RTP and its RTCP the packets that were seen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source {
    ssrc: u32,
    /// When it was last heard, counted in packets of all.
    heard: u64,
    pub(super) rtp: Option<ReplayWindow>,
    pub(super) rtcp: Option<ReplayWindow>,
}

/// Streams, a bounded number. Only authentic packets add to them.
#[derive(Debug, Clone, Default)]
pub(super) struct Sources {
    known: [Option<Source>; KNOWN],
    retired: [Option<u32>; RETIRED],
    next_retired: usize,
    heard: u64,
}

impl Sources {
    /// What is known of a stream.
    pub(super) fn find(&self, ssrc: u32) -> Option<&Source> {
        let mut known = self.known.iter().flatten();
        known.find(|source| source.ssrc == ssrc)
    }

    /// Whether a stream gave way to others.
    pub(super) fn is_retired(&self, ssrc: u32) -> bool {
        self.retired.contains(&Some(ssrc))
    }

    /// A stream that just proved itself, new or known. A new one takes the place of the one that
    /// was silent for longest.
    pub(super) fn heard(&mut self, ssrc: u32) -> &mut Source {
        self.heard += 1;
        let heard = self.heard;
        let place = self.place(ssrc);
        let fresh = Source {
            ssrc,
            heard,
            rtp: None,
            rtcp: None,
        };
        let slot = &mut self.known[place];
        if let Some(former) = slot.filter(|former| former.ssrc != ssrc) {
            self.retired[self.next_retired] = Some(former.ssrc);
            self.next_retired = (self.next_retired + 1) % RETIRED;
            *slot = None;
        }
        let source = slot.get_or_insert(fresh);
        source.heard = heard;
        source
    }

    fn place(&self, ssrc: u32) -> usize {
        let same = |slot: &Option<Source>| slot.is_some_and(|source| source.ssrc == ssrc);
        let oldest = || {
            let ages = self.known.iter().enumerate();
            ages.min_by_key(|(_, slot)| slot.map_or(0, |source| source.heard))
        };
        let known = self.known.iter().position(same);
        known
            .or_else(|| oldest().map(|(place, _)| place))
            .unwrap_or(0)
    }
}
