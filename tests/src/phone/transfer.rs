//! What a phone does to send somebody elsewhere.

use anyhow::{Result, bail};

use super::dialog::{Dialog, Offer, Progress};
use super::{Dialling, Phone, Ringing, Talk};

impl Talk {
    /// Sends the other party to a number: REFER (RFC 3515).
    ///
    /// # Errors
    /// When that is refused.
    pub async fn transfers_blind(&self, number: &str) -> Result<()> {
        match self
            .refers(&[("Refer-To", &format!("<sip:{number}@offhook>"))])
            .await?
        {
            202 => Ok(()),
            status => bail!("REFER refused with {status}"),
        }
    }

    /// Joins the other party of this call with that of `consulted` (RFC 5589 section 7).
    ///
    /// # Errors
    /// When that is refused.
    pub async fn transfers_to(&self, consulted: &Self) -> Result<()> {
        self.transfers_into(&consulted.replaces()).await
    }

    /// The same while the other one still rings.
    ///
    /// # Errors
    /// When that is refused.
    pub async fn transfers_to_ringing(&self, consulted: &Dialling) -> Result<()> {
        self.transfers_into(&consulted.dialog.replaces()).await
    }

    /// The other party takes the place in the dialog that `replaces` names.
    ///
    /// # Errors
    /// When that is refused.
    pub async fn transfers_into(&self, replaces: &str) -> Result<()> {
        let escaped = replaces
            .replace(';', "%3B")
            .replace('=', "%3D")
            .replace('@', "%40");
        let target = format!("<sip:consulted@offhook?Replaces={escaped}>");
        match self.refers(&[("Refer-To", &target)]).await? {
            202 => Ok(()),
            status => bail!("REFER refused with {status}"),
        }
    }

    /// Sends a REFER with these headers; resolves to its final status.
    ///
    /// # Errors
    /// When no answer comes.
    pub async fn refers(&self, headers: &[(&str, &str)]) -> Result<u16> {
        self.dialog.refer(headers).await
    }

    /// Waits until a NOTIFY tells this status of the transfer.
    ///
    /// # Errors
    /// When none does; the error says which did.
    pub async fn hears_notify(&self, status: u16) -> Result<()> {
        let told = |progress: &Progress| progress.told.iter().any(|told| told.0 == status);
        match self.dialog.wait(told).await {
            Ok(_) => Ok(()),
            Err(error) => bail!("not told {status} but {:?}: {error}", self.dialog.told()),
        }
    }

    /// What NOTIFYs have told so far: each status, and whether it was the last word.
    #[must_use]
    pub fn told(&self) -> Vec<(u16, bool)> {
        self.dialog.told()
    }

    /// What names this call in a `Replaces` header.
    #[must_use]
    pub fn replaces(&self) -> String {
        self.dialog.replaces()
    }

    /// Sends a key by INFO (`application/dtmf-relay`).
    ///
    /// # Errors
    /// When it is refused.
    pub async fn presses_by_info(&self, key: char) -> Result<()> {
        match self.dialog.inform(key).await? {
            200 => Ok(()),
            status => bail!("INFO refused with {status}"),
        }
    }
}

impl Ringing {
    /// Sends the caller on: 302 with this `Contact`.
    pub fn forwards_to(self, place: &str) {
        self.dialog.reject_with(302, &[("Contact", place)]);
    }

    /// What names this call in a `Replaces` header.
    #[must_use]
    pub fn replaces(&self) -> String {
        // As our own side of the dialog sees it: To is the caller's.
        self.dialog.replaces()
    }
}

impl Phone {
    /// Calls to take the place of another dialog (RFC 3891).
    ///
    /// # Errors
    /// When no socket can be opened for the audio.
    pub async fn calls_replacing(&self, number: &str, replaces: &str) -> Result<Dialling> {
        self.calls_with(number, &[("Replaces", replaces)]).await
    }

    /// Calls a number with further headers in the INVITE.
    ///
    /// # Errors
    /// When no socket can be opened for the audio.
    pub async fn calls_with(&self, number: &str, headers: &[(&str, &str)]) -> Result<Dialling> {
        let dialog = Dialog::calling_with(&self.line, number, Offer::Own, headers).await?;
        Ok(Dialling::new(dialog))
    }
}
