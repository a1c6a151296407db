//! Provisional responses that may not get lost, and their PRACKs (RFC 3262).

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use tokio::time::timeout;

use super::{Dialog, Progress};
use crate::PATIENCE;
use crate::phone::audio::lock;
use crate::phone::sdp;
use crate::phone::wire::SipText;

impl Dialog {
    /// As the caller: sends one PRACK for each reliable response.
    pub(super) fn acknowledge_early(self: &Arc<Self>, response: &SipText) {
        let Ok(number) = response.header("RSeq").parse::<u32>() else {
            return;
        };
        let new = self.progress.send_if_modified(|progress| {
            let new = !progress.acknowledged_early.contains(&number);
            if new {
                progress.acknowledged_early.push(number);
            }
            new
        });
        if !new {
            return;
        }
        let mut prack = self.request_at(self.next_cseq(), "PRACK");
        prack.push("RAck", format!("{number} {}", response.header("CSeq")));
        let (dialog, to) = (Arc::clone(self), self.destination());
        let task = tokio::spawn(async move {
            dialog.line.transact(&prack, to, |_| {}).await.ok();
        });
        self.line.keep(task.abort_handle());
    }

    /// As the called phone: sends 183 with SDP, again and again until its PRACK comes, which is what
    /// it resolves to.
    pub(crate) async fn progress_reliably(&self, number: u32) -> Result<SipText> {
        let invite = lock(&self.invite).clone();
        let answer = invite.sdp().and_then(sdp::read);
        let answer = answer.map(|audio| self.connect(&audio).write());
        let mut response = self.response(&invite, 183, answer);
        response.push("Contact", self.line.contact());
        response.push("Require", "100rel");
        response.push("RSeq", number.to_string());
        let peer = lock(&self.route).peer;
        let mut progress = self.progress.subscribe();
        let named = |prack: &&SipText| prack.header("RAck").starts_with(&format!("{number} "));
        let mut wait = Duration::from_millis(500);
        while wait < PATIENCE {
            self.line.reply(&invite, response.clone(), peer);
            let came = |progress: &Progress| progress.pracks.iter().any(|prack| named(&prack));
            if let Ok(progress) = timeout(wait, progress.wait_for(came)).await
                && let Some(prack) = progress?.pracks.iter().find(named)
            {
                return Ok(prack.clone());
            }
            wait *= 2;
        }
        bail!("no PRACK of {number} came")
    }

    pub(super) fn take_prack(&self, request: &SipText) {
        self.respond(request, 200, None);
        let prack = request.clone();
        self.progress
            .send_modify(|progress| progress.pracks.push(prack));
    }
}
