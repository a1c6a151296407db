//! How the sound of one leg reaches the far end of another.

use std::time::Duration;

use crate::codec::Coding;
use crate::session::media_session::{MediaSession, Remote};
use crate::time::Rate;

/// What has to be done to packets between two legs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Link {
    /// They are passed on as they come.
    #[default]
    Relay,
    /// They are cut to another length, and their bytes passed on as they come: a fax.
    Recut,
    /// Their sound is decoded at this rate and encoded again.
    Transcode(Rate),
}

impl Link {
    /// Whether sound is decoded and encoded again.
    #[must_use]
    pub fn is_coded_anew(self) -> bool {
        matches!(self, Self::Transcode(_))
    }
}

impl MediaSession {
    /// How what `from` receives reaches this leg's far end. Packets are passed on where they are of the
    /// coding this far end is sent, or both are G.711, and are as long as this far end wants them: it may keep them
    /// waiting for no longer than that. Opus goes on whatever was said of rates and bits, which are
    /// wishes that any decoder can do without (RFC 7587 section 6.1), unless it is longer than this
    /// far end takes.
    #[must_use]
    pub fn link(&self, from: &Self) -> Link {
        let (Some(remote), Some(other)) = (&self.remote, &from.remote) else {
            return Link::Relay;
        };
        let spoken = other.tongue.coding;
        let both_laws = remote.coding.law().is_some() && spoken.law().is_some();
        let alike = remote.coding == spoken || both_laws;
        if alike && from.packing.is_none_or(|packing| self.takes(packing)) {
            return Link::Relay;
        }
        if both_laws && (self.passes_through() || from.passes_through()) {
            return Link::Recut;
        }
        Link::Transcode(self.hears_up_to().min(from.speaks_up_to()))
    }

    /// From now on hears `from`, as [`MediaSession::link`] has it: what that needs of decoding over
    /// there is begun, or ended.
    pub fn hear(&mut self, from: &mut Self) {
        let link = self.link(from);
        self.set_link(link);
        match link {
            Link::Relay | Link::Recut => from.stop_decoding(),
            Link::Transcode(rate) => from.start_decoding(rate),
        }
        let hears = self.remote.as_ref().and_then(|own| own.coding.law());
        let spoken = from.remote.as_ref();
        let spoken = spoken.and_then(|other| other.tongue.coding.law());
        if hears.is_some() && spoken.is_some() {
            from.expect_fax();
        }
    }

    /// How packets reach this leg's far end.
    #[must_use]
    pub fn linked(&self) -> Link {
        self.link
    }

    /// From now on packets reach this leg's far end like this.
    pub fn set_link(&mut self, link: Link) {
        if link != self.link {
            self.link = link;
            self.stream.interrupt();
            self.recutter = None;
            self.drop_idle_encoder();
        }
    }

    /// Whether packets of this length can be passed on to the far end.
    fn takes(&self, packet: Duration) -> bool {
        let Some(remote) = &self.remote else {
            return true;
        };
        let longest = remote.media.max_ptime.unwrap_or(Duration::from_millis(120));
        match remote.coding {
            Coding::Opus => packet <= longest,
            Coding::Pcmu | Coding::Pcma | Coding::G722 | Coding::L16(_) => {
                packet <= longest && packet == self.packet_duration()
            }
        }
    }

    fn packet_duration(&self) -> Duration {
        let milliseconds = self.form().map_or(20, |form| form.milliseconds);
        Duration::from_millis(u64::from(milliseconds))
    }

    /// The highest rate this leg's far end can make use of.
    pub(super) fn hears_up_to(&self) -> Rate {
        let limit = |remote: &Remote| remote.media.opus.max_playback_rate;
        self.remote.as_ref().map_or(Rate::Narrow, |remote| {
            rate_up_to(remote.coding, limit(remote))
        })
    }

    /// The highest rate it speaks with.
    fn speaks_up_to(&self) -> Rate {
        let limit = |remote: &Remote| remote.media.opus.max_capture_rate;
        let spoken = |remote: &Remote| rate_up_to(remote.tongue.coding, limit(remote));
        self.remote.as_ref().map_or(Rate::Narrow, spoken)
    }
}

/// The coding's highest rate, of Opus the highest within this many hertz.
fn rate_up_to(coding: Coding, hertz: u32) -> Rate {
    let best = coding.rates().last().copied().unwrap_or_default();
    match (coding, hertz) {
        (Coding::Opus, ..=8000) => Rate::Narrow,
        (Coding::Opus, 8001..=16_000) => Rate::Wide,
        (Coding::Opus | Coding::Pcmu | Coding::Pcma | Coding::G722 | Coding::L16(_), _) => best,
    }
}
