//! Calls that are not answered yet: one that came in, and one that went out.

use std::sync::Arc;

use anyhow::{Result, bail};

use super::dialog::{Dialog, Phase, Progress};
use super::talk::Talk;
use super::wire::{SipText, uri_of, user_of};

/// A call that rings at this phone. 180 has been sent.
#[derive(Debug)]
pub struct Ringing {
    pub(super) dialog: Arc<Dialog>,
}

impl Ringing {
    pub(crate) fn new(dialog: Arc<Dialog>) -> Self {
        Self { dialog }
    }

    /// Who calls: the user part of From.
    #[must_use]
    pub fn caller(&self) -> String {
        user_of(uri_of(self.dialog.invite().header("From"))).to_owned()
    }

    /// The INVITE as it came.
    #[must_use]
    pub fn invite(&self) -> SipText {
        self.dialog.invite()
    }

    /// Picks up and waits for the ACK.
    ///
    /// # Errors
    /// When no ACK comes.
    pub async fn answers(self) -> Result<Talk> {
        let cseq = self.dialog.invite().cseq();
        let dialog = Arc::clone(&self.dialog);
        let talk = self.picks_up();
        let acknowledged = |progress: &Progress| {
            progress.acknowledged >= cseq || progress.phase != Phase::Answered
        };
        dialog.wait(acknowledged).await?;
        Ok(talk)
    }

    /// Picks up without waiting for the ACK. The 200 is repeated until it comes.
    #[must_use]
    pub fn picks_up(self) -> Talk {
        self.dialog.answer();
        Talk::new(self.dialog)
    }

    /// Sends 183 with SDP, so that the caller may hear something before the answer.
    pub fn plays_early(&self, frequency: f64) {
        self.dialog.audio.play(Some(frequency));
        self.dialog.progress();
    }

    /// Sends 183 with SDP and this number, again and again until it is acknowledged; resolves to the
    /// PRACK (RFC 3262 section 3).
    ///
    /// # Errors
    /// When none comes.
    pub async fn progresses_reliably(&self, number: u32) -> Result<SipText> {
        self.dialog.progress_reliably(number).await
    }

    /// Refuses with a final status, such as 486.
    pub fn rejects(self, status: u16) {
        self.dialog.reject(status);
    }

    /// Waits until the caller takes the call back; resolves to the `Reason` it gave.
    ///
    /// # Errors
    /// When that does not happen.
    pub async fn is_cancelled(self) -> Result<String> {
        let ended = |progress: &Progress| !matches!(progress.phase, Phase::Early(_));
        match self.dialog.wait(ended).await?.phase {
            Phase::Cancelled(reason) => Ok(reason),
            other @ (Phase::Early(_)
            | Phase::Answered
            | Phase::Failed(..)
            | Phase::HungUp(_)
            | Phase::Gone) => bail!("not cancelled but {other:?}"),
        }
    }
}

/// A call that rings elsewhere. It keeps ringing when this value is dropped.
#[derive(Debug)]
pub struct Dialling {
    pub(super) dialog: Arc<Dialog>,
}

impl Dialling {
    pub(crate) fn new(dialog: Arc<Dialog>) -> Self {
        Self { dialog }
    }

    /// Waits for a provisional response beyond 100; resolves to its status.
    ///
    /// # Errors
    /// When none comes, or the call ends first.
    pub async fn rings(&self) -> Result<u16> {
        let beyond = |progress: &Progress| !matches!(progress.phase, Phase::Early(0..=100));
        match self.dialog.wait(beyond).await?.phase {
            Phase::Early(status) => Ok(status),
            Phase::Answered => Ok(200),
            other @ (Phase::Failed(..) | Phase::Cancelled(_) | Phase::HungUp(_) | Phase::Gone) => {
                bail!("does not ring but {other:?}")
            }
        }
    }

    /// Waits for the answer.
    ///
    /// # Errors
    /// When none comes or the call is refused.
    pub async fn is_answered(self) -> Result<Talk> {
        let ended = |progress: &Progress| !matches!(progress.phase, Phase::Early(_));
        match self.dialog.wait(ended).await?.phase {
            Phase::Answered => Ok(Talk::new(self.dialog)),
            // Answered and hung up before this was asked.
            Phase::HungUp(_) => Ok(Talk::new(self.dialog)),
            other @ (Phase::Early(_) | Phase::Failed(..) | Phase::Cancelled(_) | Phase::Gone) => {
                bail!("not answered but {other:?}")
            }
        }
    }

    /// Waits for the refusal; resolves to its status.
    ///
    /// # Errors
    /// When the call is answered, or nothing comes.
    pub async fn is_refused(self) -> Result<u16> {
        let ended = |progress: &Progress| !matches!(progress.phase, Phase::Early(_));
        match self.dialog.wait(ended).await?.phase {
            Phase::Failed(status, _) => Ok(status),
            other @ (Phase::Early(_)
            | Phase::Answered
            | Phase::Cancelled(_)
            | Phase::HungUp(_)
            | Phase::Gone) => bail!("not refused but {other:?}"),
        }
    }

    /// Hangs up before the answer: CANCEL. Resolves to the status the INVITE ends with: 487, or 200
    /// when the answer crossed the CANCEL, which is then followed by a BYE.
    ///
    /// # Errors
    /// When the server answers neither.
    pub async fn cancels(self) -> Result<u16> {
        self.dialog.cancel().await
    }

    /// The call as a conversation although nobody has answered: to hear early media and press keys.
    #[must_use]
    pub fn early(&self) -> Talk {
        Talk::new(Arc::clone(&self.dialog))
    }
}
