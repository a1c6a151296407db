//! Faxes: once one is heard, the sound between two G.711 legs is passed on as it comes.
//!
//! What helps a voice spoils a modem: a jitter buffer that stretches, made-up sound for what is
//! missing, noise in place of silence, keys found where there are none. Where both far ends want
//! packets of one length none of it happens anyhow; where they do not, payloads are cut to length
//! (`Recutter`) and nothing else.

use offhook_core::config::FaxMode;
use offhook_core::fax::FaxTone;

use crate::codec::{Coding, Law};
use crate::dsp::fax::FaxDetector;
use crate::session::media_session::{MediaSession, SessionEvent};
use crate::time::FRAME_SAMPLES;

/// For so long after it was bridged a leg is listened to, in samples of 8 kHz: a minute. A fax calls
/// every 3.5 seconds and answers within a few.
const LISTENED: u32 = 480_000;

/// What is known of a far end that may be a fax.
#[derive(Debug, Default)]
pub(super) enum Fax {
    /// Nobody has to know.
    #[default]
    Unasked,
    /// It is listened to, for so many samples more.
    Listening(Box<FaxDetector>, u32),
    /// Nothing was heard.
    Over,
    /// It, or whom it talks to, is one.
    Heard,
}

impl MediaSession {
    /// The leg is bridged to another of G.711: is its far end a fax?
    pub(super) fn expect_fax(&mut self) {
        if self.settings.fax == FaxMode::Detect && matches!(self.fax, Fax::Unasked) {
            self.fax = Fax::Listening(Box::default(), LISTENED);
        }
    }

    /// A fax was heard, here or where its sound goes: from now on sound is left alone.
    pub fn pass_through(&mut self) {
        self.fax = Fax::Heard;
        self.stop_listening_for_keys();
    }

    /// Whether sound is left alone.
    #[must_use]
    pub fn passes_through(&self) -> bool {
        matches!(self.fax, Fax::Heard)
    }

    /// Looks for a fax in a payload of G.711.
    pub(super) fn listen_for_fax(&mut self, coding: Coding, payload: &[u8]) {
        let Fax::Listening(detector, left) = &mut self.fax else {
            return;
        };
        let law = match coding {
            Coding::Pcmu => Law::Mu,
            Coding::Pcma => Law::A,
            Coding::G722 | Coding::L16(_) | Coding::Opus => return,
        };
        let mut heard = None;
        for piece in payload.chunks(FRAME_SAMPLES) {
            let mut pcm = [0; FRAME_SAMPLES];
            let count = law.decode_frame(piece, &mut pcm);
            heard = detector.push(&pcm[..count]).or(heard);
        }
        *left = left.saturating_sub(u32::try_from(payload.len()).unwrap_or(u32::MAX));
        if *left == 0 {
            self.fax = Fax::Over;
        }
        if let Some(tone) = heard {
            self.hear_fax(tone);
        }
    }

    fn hear_fax(&mut self, tone: FaxTone) {
        self.pass_through();
        self.events.push_back(SessionEvent::FaxHeard(tone));
    }
}
