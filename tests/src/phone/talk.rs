//! A conversation.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use tokio::time::timeout;

use super::audio::{Heard, RATE};
use super::dialog::{Dialog, Phase, Progress};
use super::sdp::Flow;
use crate::g711::Law;
use crate::{PATIENCE, ears};

/// The piece of audio a tone is looked for in.
const PIECE: Duration = Duration::from_millis(200);

/// A conversation. Dropping it does not hang up.
#[derive(Debug)]
pub struct Talk {
    pub(super) dialog: Arc<Dialog>,
}

impl Talk {
    pub(crate) fn new(dialog: Arc<Dialog>) -> Self {
        Self { dialog }
    }

    /// Says a sine of this frequency from now on, at −12 dBFS.
    pub fn plays_tone(&self, frequency: f64) {
        self.dialog.audio.play(Some(frequency));
    }

    /// Says nothing from now on, in packets of silence.
    pub fn goes_quiet(&self) {
        self.dialog.audio.play(None);
    }

    /// Sends these payloads of 20 ms from now on, over and over, under this payload type.
    pub fn plays_payloads(&self, payload_type: u8, payloads: Vec<Vec<u8>>) {
        self.dialog.audio.play_instead(payload_type, payloads);
    }

    /// Sends no RTP at all from now on.
    pub fn stops_sending(&self) {
        self.dialog.audio.mute(true);
    }

    /// Sends RTP again.
    pub fn sends_again(&self) {
        self.dialog.audio.mute(false);
    }

    /// Waits until nothing but this tone is heard, for 200 ms that lie after the question.
    ///
    /// # Errors
    /// When it is not heard in time; the error says what was.
    pub async fn hears_tone(&self, frequency: f64) -> Result<()> {
        let wanted = format!("{frequency} Hz");
        self.hears(&wanted, |piece| ears::is_tone(piece, RATE, frequency))
            .await
    }

    /// Waits until this tone is among what is heard.
    ///
    /// # Errors
    /// When it is not heard in time; the error says what was.
    pub async fn hears_tone_among_others(&self, frequency: f64) -> Result<()> {
        let wanted = format!("{frequency} Hz among others");
        self.hears(&wanted, |piece| ears::has_tone(piece, RATE, frequency))
            .await
    }

    /// Waits until something audible comes, whatever it is: an announcement, music.
    ///
    /// # Errors
    /// When all stays silent.
    pub async fn hears_something(&self) -> Result<()> {
        self.hears("something", |piece| ears::level(piece) > ears::AUDIBLE)
            .await
    }

    /// Waits until packets come that carry silence.
    ///
    /// # Errors
    /// When sound goes on, or no packets come.
    pub async fn hears_silence(&self) -> Result<()> {
        self.hears("silence", |piece| ears::level(piece) < ears::AUDIBLE)
            .await
    }

    /// Waits until a piece of what comes in after the question is as wanted.
    ///
    /// # Errors
    /// When none is; the error names `what` and describes what was heard instead.
    pub async fn hears(&self, what: &str, wanted: impl Fn(&[i16]) -> bool) -> Result<()> {
        let mut heard = self.dialog.audio.heard();
        let start = heard.borrow().samples.len();
        let least = start + ears::samples_in(PIECE, RATE);
        let right =
            |heard: &Heard| heard.samples.len() >= least && heard.last(PIECE).is_some_and(&wanted);
        if let Ok(waited) = timeout(PATIENCE, heard.wait_for(right)).await {
            waited?;
            return Ok(());
        }
        let heard = self.heard();
        let since = heard.since(start);
        let level = ears::level(heard.last(PIECE).unwrap_or_default());
        let tone = ears::dominant_tone(heard.last(PIECE).unwrap_or_default(), RATE);
        let tone = tone.map_or("no tone".to_owned(), |tone| tone.to_string());
        let seconds = since.len() / 8000;
        let phase = self.dialog.phase();
        bail!(
            "did not hear {what} in {seconds} s of audio; last {tone}, {level:.0} dBFS; {phase:?}"
        )
    }

    /// What comes in during `length` of audio from now on.
    ///
    /// # Errors
    /// When less comes than that.
    pub async fn listens_for(&self, length: Duration) -> Result<Vec<i16>> {
        let mut heard = self.dialog.audio.heard();
        let start = heard.borrow().samples.len();
        let enough = start + ears::samples_in(length, RATE);
        let all = heard.wait_for(|heard| heard.samples.len() >= enough);
        match timeout(length + PATIENCE, all).await {
            Ok(heard) => Ok(heard?.since(start).to_vec()),
            Err(_) => bail!("less than {length:?} of audio came"),
        }
    }

    /// Waits until no packet has come for `length`.
    ///
    /// # Errors
    /// When packets keep coming.
    pub async fn hears_nothing_for(&self, length: Duration) -> Result<()> {
        let mut heard = self.dialog.audio.heard();
        let quiet = async {
            while let Ok(changed) = timeout(length, heard.changed()).await {
                changed?;
            }
            anyhow::Ok(())
        };
        match timeout(length + PATIENCE, quiet).await {
            Ok(quiet) => quiet,
            Err(_) => bail!("packets keep coming"),
        }
    }

    /// Everything heard since the call began.
    #[must_use]
    pub fn heard(&self) -> Heard {
        self.dialog.audio.heard().borrow().clone()
    }

    /// How many RTP packets this phone has sent.
    #[must_use]
    pub fn packets_sent(&self) -> u64 {
        self.dialog.audio.said()
    }

    /// Waits until these words are heard, whatever else was: a piece of audio that looks like
    /// `words` in shape, at any loudness.
    ///
    /// # Errors
    /// When they are not heard in time; the error says how near the nearest piece came.
    pub async fn hears_words(&self, words: &[i16]) -> Result<()> {
        let mut heard = self.dialog.audio.heard();
        let (mut searched, mut nearest) = (0, 0.0_f64);
        let found = async {
            loop {
                let samples = heard.borrow_and_update().since(searched).to_vec();
                // In steps of a second, so that each place is looked at once or twice.
                if samples.len() >= words.len() + ears::samples_in(Duration::from_secs(1), RATE) {
                    nearest = nearest.max(ears::likeness(&samples, words));
                    if nearest > ears::SAME_WORDS {
                        return anyhow::Ok(());
                    }
                    searched += samples.len() - words.len();
                }
                heard.changed().await?;
            }
        };
        match timeout(PATIENCE, found).await {
            Ok(found) => found,
            Err(_) => bail!("did not hear the words; the nearest piece is {nearest:.2} like them"),
        }
    }

    /// Presses one key, by RFC 4733.
    ///
    /// # Errors
    /// When the peer takes no telephone events, or the call is held.
    pub async fn presses(&self, key: char) -> Result<()> {
        self.types(&key.to_string()).await
    }

    /// Presses several keys one after the other, about 220 ms each.
    ///
    /// # Errors
    /// As [`presses`](Self::presses).
    pub async fn types(&self, keys: &str) -> Result<()> {
        self.dialog.audio.press(keys).await
    }

    /// Waits until these keys are the last that came in.
    ///
    /// # Errors
    /// When they do not come.
    pub async fn receives_keys(&self, keys: &str) -> Result<()> {
        let mut heard = self.dialog.audio.heard();
        let all = heard.wait_for(|heard| heard.digits.ends_with(keys));
        match timeout(PATIENCE, all).await {
            Ok(heard) => heard.map(|_| ()).map_err(Into::into),
            Err(_) => bail!("received only {:?}", self.heard().digits),
        }
    }

    /// Puts the peer on hold: re-INVITE with `sendonly`.
    ///
    /// # Errors
    /// When the peer refuses.
    pub async fn holds(&self) -> Result<()> {
        self.offers(Flow::SendOnly).await
    }

    /// Takes the peer back.
    ///
    /// # Errors
    /// When the peer refuses.
    pub async fn unholds(&self) -> Result<()> {
        self.offers(Flow::SendRecv).await
    }

    /// Sends a re-INVITE with this flow.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn offers(&self, flow: Flow) -> Result<()> {
        self.reoffers(flow, None).await
    }

    /// Puts the peer on hold as phones did before RFC 3264: by an address nobody listens at.
    ///
    /// # Errors
    /// When the peer refuses.
    pub async fn holds_by_address(&self) -> Result<()> {
        let nowhere = Ipv4Addr::UNSPECIFIED.into();
        self.reoffers(Flow::SendRecv, Some(nowhere)).await
    }

    /// Makes an offer that the peer refuses; resolves to the status of the refusal.
    ///
    /// # Errors
    /// When the peer accepts it.
    pub async fn is_refused_offering(&self, sdp: &str) -> Result<u16> {
        match self.dialog.reoffer_text(sdp).await? {
            status @ 300.. => Ok(status),
            status => bail!("re-INVITE accepted with {status}"),
        }
    }

    /// Asks the peer for an offer, by a re-INVITE without SDP, and answers it with this flow in the
    /// ACK; without a flow it sends an ACK without the answer that it owes.
    ///
    /// # Errors
    /// When the peer refuses.
    pub async fn asks_for_offer(&self, answer: Option<Flow>) -> Result<()> {
        match self.dialog.reoffer_late(answer).await? {
            200..300 => Ok(()),
            status => bail!("re-INVITE refused with {status}"),
        }
    }

    /// Goes on in a new RTP stream: another SSRC, sequence and time, as phones do that switch to
    /// another microphone, or exchanges that join two calls.
    pub fn begins_new_stream(&self) {
        self.dialog.audio.restart();
    }

    /// Changes to another law in the middle of the call: a re-INVITE that offers nothing else.
    ///
    /// # Errors
    /// When the peer refuses.
    pub async fn changes_to(&self, law: Law) -> Result<()> {
        self.dialog.speak_only(law);
        self.offers(Flow::SendRecv).await
    }

    async fn reoffers(&self, flow: Flow, address: Option<IpAddr>) -> Result<()> {
        match self.dialog.reoffer(flow, address).await? {
            200..300 => Ok(()),
            status => bail!("re-INVITE refused with {status}"),
        }
    }

    /// Waits until the peer has put this phone on hold: it does not want to hear it any more.
    ///
    /// # Errors
    /// When that does not happen.
    pub async fn is_held(&self) -> Result<()> {
        let held =
            |progress: &Progress| matches!(progress.peer_flow, Flow::SendOnly | Flow::Inactive);
        self.dialog.wait(held).await.map(|_| ())
    }

    /// Waits until the peer wants to hear this phone (again).
    ///
    /// # Errors
    /// When that does not happen.
    pub async fn is_taken_back(&self) -> Result<()> {
        let taken = |progress: &Progress| progress.peer_flow == Flow::SendRecv;
        self.dialog.wait(taken).await.map(|_| ())
    }

    /// Offers the peer has made within the call so far.
    pub async fn has_been_reoffered(&self, times: u32) -> Result<()> {
        let enough = |progress: &Progress| progress.reoffers >= times;
        self.dialog.wait(enough).await.map(|_| ())
    }

    /// Waits until the peer's 200 has come again, because the peer misses the ACK.
    ///
    /// # Errors
    /// When it does not.
    pub async fn is_answered_again(&self) -> Result<()> {
        let again = |progress: &Progress| progress.repeats > 0;
        self.dialog.wait(again).await.map(|_| ())
    }

    /// How often the peer's 200 came again.
    #[must_use]
    pub fn answers_repeated(&self) -> u32 {
        self.dialog.repeats()
    }

    /// Hangs up and waits for the answer to the BYE; resolves to its status.
    ///
    /// # Errors
    /// When no answer comes.
    pub async fn hangs_up(self) -> Result<u16> {
        self.dialog.hang_up().await
    }

    /// Waits until the peer hangs up; resolves to the `Reason` it gave.
    ///
    /// # Errors
    /// When it does not.
    pub async fn is_hung_up(self) -> Result<String> {
        let ended =
            |progress: &Progress| !matches!(progress.phase, Phase::Early(_) | Phase::Answered);
        match self.dialog.wait(ended).await?.phase {
            Phase::HungUp(reason) | Phase::Cancelled(reason) => Ok(reason),
            other @ (Phase::Early(_) | Phase::Answered | Phase::Failed(..) | Phase::Gone) => {
                bail!("not hung up but {other:?}")
            }
        }
    }

    /// True while neither side has hung up.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.dialog.phase() == Phase::Answered
    }
}
