//! Offers within a call: those the phone makes, and its answers to those that come.

use std::net::IpAddr;

use anyhow::Result;

use super::Dialog;
use crate::g711::Law;
use crate::phone::audio::lock;
use crate::phone::sdp::{self, Flow};
use crate::phone::wire::SipText;

impl Dialog {
    pub(super) fn answer_reoffer(&self, request: &SipText) -> String {
        lock(&self.own).version += 1;
        let own = match request.sdp().and_then(sdp::read) {
            Some(audio) => self.connect(&audio),
            None => lock(&self.own).clone(),
        };
        self.progress.send_modify(|progress| progress.reoffers += 1);
        own.write()
    }

    /// Offers `flow` in a re-INVITE, from `address` instead of the phone's own if there is one;
    /// resolves to its final status.
    pub(crate) async fn reoffer(&self, flow: Flow, address: Option<IpAddr>) -> Result<u16> {
        let cseq = self.next_cseq();
        let offer = {
            let mut own = lock(&self.own);
            own.version += 1;
            own.flow = flow;
            let mut offered = own.clone();
            offered.rtp.set_ip(address.unwrap_or(own.rtp.ip()));
            offered.write()
        };
        let mut invite = self.request_at(cseq, "INVITE").with_sdp(offer);
        invite.push("Contact", self.line.contact());
        let to = self.destination();
        let response = self.line.invite(&mut invite, to, |_: &SipText| {}).await?;
        lock(&self.route).cseq = invite.cseq();
        let status = response.status().unwrap_or(0);
        if status < 300 {
            if let Some(audio) = response.sdp().and_then(sdp::read) {
                self.connect(&audio);
            }
            let ack = self.request_at(response.cseq(), "ACK");
            self.line.send(&ack, to);
            *lock(&self.last_ack) = Some((ack, to));
        }
        Ok(status)
    }

    /// Sends a re-INVITE with an offer of the test's own making; resolves to its final status.
    pub(crate) async fn reoffer_text(&self, sdp: &str) -> Result<u16> {
        let cseq = self.next_cseq();
        let mut invite = self.request_at(cseq, "INVITE").with_sdp(sdp.to_owned());
        invite.push("Contact", self.line.contact());
        let to = self.destination();
        let response = self.line.invite(&mut invite, to, |_: &SipText| {}).await?;
        lock(&self.route).cseq = invite.cseq();
        Ok(response.status().unwrap_or(0))
    }

    /// Sends a re-INVITE without SDP and answers the offer in its 200 with `flow`, in the ACK, or not
    /// at all without a flow; resolves to the final status.
    pub(crate) async fn reoffer_late(&self, flow: Option<Flow>) -> Result<u16> {
        let cseq = self.next_cseq();
        let mut invite = self.request_at(cseq, "INVITE");
        invite.push("Contact", self.line.contact());
        let to = self.destination();
        let response = self.line.invite(&mut invite, to, |_: &SipText| {}).await?;
        lock(&self.route).cseq = invite.cseq();
        let status = response.status().unwrap_or(0);
        if status < 300 {
            let mut ack = self.request_at(response.cseq(), "ACK");
            let offer = response.sdp().and_then(sdp::read);
            if let (Some(flow), Some(offer)) = (flow, offer) {
                {
                    let mut own = lock(&self.own);
                    own.version += 1;
                    own.flow = flow;
                }
                ack = ack.with_sdp(self.connect(&offer).write());
            }
            self.line.send(&ack, to);
            *lock(&self.last_ack) = Some((ack, to));
        }
        Ok(status)
    }

    /// From now on the phone speaks only this law.
    pub(crate) fn speak_only(&self, law: Law) {
        lock(&self.own).laws = vec![(law, law.payload_type())];
    }
}
