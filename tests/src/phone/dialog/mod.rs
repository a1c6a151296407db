//! One call as the phone's line sees it.

mod reliable;
mod reoffer;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::audio::{Audio, lock};
use super::line::{Line, token};
use super::sdp;
use super::sdp::{Flow, OwnAudio, PeerAudio};
use super::wire::{SipText, address_of, host, tag, uri_of};
use crate::PATIENCE;
use crate::g711::Law;

/// How far a call has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// The INVITE is out, or has come in, with this provisional status so far (0: none).
    Early(u16),
    /// Somebody answered.
    Answered,
    /// The INVITE failed with this status, and this `Reason` if any.
    Failed(u16, String),
    /// The caller took it back before an answer, with this `Reason` if any.
    Cancelled(String),
    /// The peer hung up, with this `Reason` if any.
    HungUp(String),
    /// This phone hung up.
    Gone,
}

/// What can be waited for.
#[derive(Debug, Clone)]
pub(crate) struct Progress {
    pub(crate) phase: Phase,
    /// The highest CSeq of an INVITE that was acknowledged to us.
    pub(crate) acknowledged: u32,
    /// The flow the peer last described.
    pub(crate) peer_flow: Flow,
    /// Offers the peer made within the call.
    pub(crate) reoffers: u32,
    /// How often a 200 of the peer came again.
    pub(crate) repeats: u32,
    /// What NOTIFY said of transfers: status and whether it was the last word.
    pub(crate) told: Vec<(u16, bool)>,
    /// PRACKs that came in, and the RSeq of what the phone has sent PRACKs for.
    pub(crate) pracks: Vec<SipText>,
    pub(crate) acknowledged_early: Vec<u32>,
}

/// What the first INVITE of a call says about audio.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Offer<'a> {
    /// What the phone speaks.
    Own,
    /// Nothing: the answer brings the offer.
    Late,
    /// Nothing, and the offer that the answer brings is ignored.
    Never,
    /// A description of the test's own making.
    Text(&'a str),
}

/// One call. Its audio lives as long as it does.
#[derive(Debug)]
pub(crate) struct Dialog {
    line: Arc<Line>,
    call_id: String,
    pub(crate) audio: Audio,
    progress: watch::Sender<Progress>,
    /// Whether it answers an offer that comes with a 200.
    answers: bool,
    /// The INVITE that began it, as sent or received.
    invite: Mutex<SipText>,
    route: Mutex<Route>,
    own: Mutex<OwnAudio>,
    /// The ACK of the last 2xx, sent again when that comes again.
    last_ack: Mutex<Option<(SipText, SocketAddr)>>,
}

/// Who the two ends are and how to reach the other.
#[derive(Debug, Clone)]
struct Route {
    /// The From of what the phone sends.
    local: String,
    /// The To of what the phone sends.
    remote: String,
    target: String,
    routes: Vec<String>,
    cseq: u32,
    /// Where the other end was last heard.
    peer: SocketAddr,
}

impl Dialog {
    async fn new(
        line: &Arc<Line>,
        invite: SipText,
        route: Route,
        answers: bool,
    ) -> Result<Arc<Self>> {
        let audio = Audio::open().await?;
        let laws = &line.identity.laws;
        let own = OwnAudio {
            rtp: line.shown(audio.address()),
            version: 1,
            laws: laws.iter().map(|law| (*law, law.payload_type())).collect(),
            also: Vec::new(),
            events: line.identity.events,
            flow: Flow::SendRecv,
        };
        let progress = Progress {
            phase: Phase::Early(0),
            acknowledged: 0,
            peer_flow: Flow::SendRecv,
            reoffers: 0,
            repeats: 0,
            told: Vec::new(),
            pracks: Vec::new(),
            acknowledged_early: Vec::new(),
        };
        let call_id = invite.header("Call-ID").to_owned();
        let dialog = Arc::new(Self {
            line: Arc::clone(line),
            call_id,
            audio,
            progress: watch::channel(progress).0,
            answers,
            invite: Mutex::new(invite),
            route: Mutex::new(route),
            own: Mutex::new(own),
            last_ack: Mutex::default(),
        });
        line.remember(&dialog.call_id, Arc::clone(&dialog));
        Ok(dialog)
    }

    /// A call that came in; 180 goes out.
    pub(crate) async fn called(
        line: &Arc<Line>,
        invite: SipText,
        peer: SocketAddr,
    ) -> Result<Arc<Self>> {
        let local_tag = token();
        let route = Route {
            local: format!("{};tag={local_tag}", invite.header("To")),
            remote: invite.header("From").to_owned(),
            target: uri_of(invite.header("Contact")).to_owned(),
            routes: invite.all("Record-Route").map(str::to_owned).collect(),
            cseq: 0,
            peer,
        };
        let dialog = Self::new(line, invite.clone(), route, true).await?;
        dialog.respond(&invite, 180, None);
        Ok(dialog)
    }

    /// A call to `number`; the INVITE goes out.
    pub(crate) async fn calling(
        line: &Arc<Line>,
        number: &str,
        offer: Offer<'_>,
    ) -> Result<Arc<Self>> {
        Self::calling_with(line, number, offer, &[]).await
    }

    /// The same, with further headers.
    pub(crate) async fn calling_with(
        line: &Arc<Line>,
        number: &str,
        offer: Offer<'_>,
        headers: &[(&str, &str)],
    ) -> Result<Arc<Self>> {
        let proxy = line.identity.proxy.context("no proxy to call through")?;
        let (user, local) = (&line.identity.user, line.sockets.local);
        let parameter = line.sockets.carrier.parameter();
        let target = format!("sip:{number}@{proxy}{parameter}");
        let route = Route {
            local: format!("<sip:{user}@{}>;tag={}", host(local), token()),
            remote: format!("<sip:{number}@{}>", host(proxy)),
            target: target.clone(),
            routes: Vec::new(),
            cseq: 1,
            peer: proxy,
        };
        let mut invite = SipText::new(format!("INVITE {target} SIP/2.0"))
            .with("Via", line.via())
            .with("Max-Forwards", "70")
            .with("From", &*route.local)
            .with("To", &*route.remote)
            .with("Call-ID", token())
            .with("CSeq", "1 INVITE")
            .with("Contact", line.contact())
            .with("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE");
        for (name, value) in headers {
            invite.push(*name, *value);
        }
        let dialog = Self::new(line, invite, route, offer != Offer::Never).await?;
        let offer = match offer {
            Offer::Own => Some(lock(&dialog.own).write()),
            Offer::Late | Offer::Never => None,
            Offer::Text(text) => Some(text.to_owned()),
        };
        if let Some(offer) = offer {
            let mut invite = lock(&dialog.invite);
            *invite = invite.clone().with_sdp(offer);
        }
        let caller = Arc::clone(&dialog);
        line.keep(tokio::spawn(async move { caller.call(proxy).await }).abort_handle());
        Ok(dialog)
    }

    async fn call(self: Arc<Self>, proxy: SocketAddr) {
        let mut invite = lock(&self.invite).clone();
        let note = |message: &SipText| {
            self.note(message);
            self.acknowledge_early(message);
        };
        let sent = self.line.invite(&mut invite, proxy, note).await;
        match sent {
            Ok(response) if response.status() < Some(300) => {
                self.note_remote(&response);
                self.acknowledge(&response);
                self.set_phase(Phase::Answered);
            }
            Ok(response) => {
                let reason = response.header("Reason").to_owned();
                self.set_phase(Phase::Failed(response.status().unwrap_or(0), reason));
            }
            Err(_) => self.set_phase(Phase::Failed(408, String::new())),
        }
    }

    /// Sees each try of the INVITE as it goes out and each provisional response as it comes.
    fn note(&self, message: &SipText) {
        let Some(status) = message.status() else {
            lock(&self.route).cseq = message.cseq();
            *lock(&self.invite) = message.clone();
            return;
        };
        if let Some(audio) = message.sdp().and_then(sdp::read) {
            self.connect(&audio);
        }
        if tag(message.header("To")).is_some() {
            self.note_remote(message);
        }
        self.set_phase(Phase::Early(status));
    }

    /// Takes tag, target and routes of a 2xx.
    fn note_remote(&self, response: &SipText) {
        let mut route = lock(&self.route);
        response.header("To").clone_into(&mut route.remote);
        uri_of(response.header("Contact")).clone_into(&mut route.target);
        route.routes = response.all("Record-Route").map(str::to_owned).collect();
        route.routes.reverse();
    }

    /// Sends the ACK of a 2xx: with an answer, if the 2xx carried the offer.
    fn acknowledge(&self, response: &SipText) {
        let mut ack = self.request_at(response.cseq(), "ACK");
        if let Some(audio) = response.sdp().and_then(sdp::read) {
            let offered = lock(&self.invite).sdp().is_some();
            let answer = self.connect(&audio);
            if !offered && self.answers {
                ack = ack.with_sdp(answer.write());
            }
        }
        let to = self.destination();
        self.line.send(&ack, to);
        *lock(&self.last_ack) = Some((ack, to));
    }

    /// The 2xx came again, so the ACK got lost.
    pub(crate) fn acknowledge_again(&self, _response: &SipText) {
        self.progress.send_modify(|progress| progress.repeats += 1);
        let ack = lock(&self.last_ack).clone();
        if let Some((ack, to)) = ack {
            self.line.send(&ack, to);
        }
    }

    /// An ACK came in.
    pub(crate) fn acknowledged(&self, ack: &SipText) {
        if let Some(audio) = ack.sdp().and_then(sdp::read) {
            self.connect(&audio);
        }
        let cseq = ack.cseq();
        self.progress
            .send_modify(|progress| progress.acknowledged = cseq);
    }

    /// A request within the call came in.
    pub(crate) fn receive(self: &Arc<Self>, request: &SipText, from: SocketAddr) {
        lock(&self.route).peer = from;
        match request.method() {
            "BYE" => {
                self.respond(request, 200, None);
                self.audio.mute(true);
                self.set_phase(Phase::HungUp(request.header("Reason").to_owned()));
            }
            "CANCEL" => {
                self.respond(request, 200, None);
                if matches!(self.phase(), Phase::Early(_)) {
                    self.set_phase(Phase::Cancelled(request.header("Reason").to_owned()));
                    let invite = lock(&self.invite).clone();
                    self.respond_until_acknowledged(&invite, 487, None);
                }
            }
            "NOTIFY" => {
                self.respond(request, 200, None);
                self.note_told(request);
            }
            "PRACK" => self.take_prack(request),
            "INVITE" => {
                let answer = self.answer_reoffer(request);
                self.respond_until_acknowledged(request, 200, Some(answer));
            }
            "UPDATE" if request.sdp().is_some() => {
                let answer = self.answer_reoffer(request);
                self.respond(request, 200, Some(answer));
            }
            _ => {
                self.respond(request, 200, None);
            }
        }
    }

    /// Reads what NOTIFY tells of a transfer (RFC 3515 section 2.4.5).
    fn note_told(&self, notify: &SipText) {
        let status = notify.body.split(' ').nth(1);
        let Some(status) = status.and_then(|status| status.parse().ok()) else {
            return;
        };
        let last = notify
            .header("Subscription-State")
            .starts_with("terminated");
        self.progress
            .send_modify(|progress| progress.told.push((status, last)));
    }

    /// What names this dialog in a `Replaces` of somebody else's (RFC 3891).
    pub(crate) fn replaces(&self) -> String {
        let route = lock(&self.route);
        let theirs = tag(&route.remote).unwrap_or("0");
        let ours = tag(&route.local).unwrap_or("0");
        format!("{};to-tag={theirs};from-tag={ours}", self.call_id)
    }

    /// Sends a REFER with these headers; resolves to its final status.
    pub(crate) async fn refer(&self, headers: &[(&str, &str)]) -> Result<u16> {
        let mut request = self.request_at(self.next_cseq(), "REFER");
        request.push("Contact", self.line.contact());
        for (name, value) in headers {
            request.push(*name, *value);
        }
        let to = self.destination();
        let response = self.line.transact(&request, to, |_| {}).await?;
        Ok(response.status().unwrap_or(0))
    }

    /// What the phone was told of transfers.
    pub(crate) fn told(&self) -> Vec<(u16, bool)> {
        self.progress.borrow().told.clone()
    }

    /// Sends a key by INFO; resolves to its final status.
    pub(crate) async fn inform(&self, key: char) -> Result<u16> {
        let mut request = self.request_at(self.next_cseq(), "INFO");
        request.push("Content-Type", "application/dtmf-relay");
        request.body = format!("Signal={key}\r\nDuration=160\r\n");
        let to = self.destination();
        let response = self.line.transact(&request, to, |_| {}).await?;
        Ok(response.status().unwrap_or(0))
    }

    /// Answers the INVITE with 200 and SDP.
    pub(crate) fn answer(self: &Arc<Self>) {
        let invite = lock(&self.invite).clone();
        let own = match invite.sdp().and_then(sdp::read) {
            Some(audio) => self.connect(&audio),
            None => lock(&self.own).clone(),
        };
        self.set_phase(Phase::Answered);
        self.respond_until_acknowledged(&invite, 200, Some(own.write()));
    }

    /// Sends 183 with SDP.
    pub(crate) fn progress(&self) {
        let invite = lock(&self.invite).clone();
        let answer = invite.sdp().and_then(sdp::read);
        let answer = answer.map(|audio| self.connect(&audio).write());
        self.respond(&invite, 183, answer);
    }

    /// Refuses the INVITE.
    pub(crate) fn reject(self: &Arc<Self>, status: u16) {
        self.reject_with(status, &[]);
    }

    /// The same with further headers.
    pub(crate) fn reject_with(self: &Arc<Self>, status: u16, headers: &[(&str, &str)]) {
        let invite = lock(&self.invite).clone();
        self.set_phase(Phase::Gone);
        let mut response = self.response(&invite, status, None);
        for (name, value) in headers {
            response.push(*name, *value);
        }
        let peer = lock(&self.route).peer;
        self.line.reply(&invite, response.clone(), peer);
        self.repeat_until_acknowledged(&invite, response);
    }

    /// Hangs up: BYE and its response.
    pub(crate) async fn hang_up(&self) -> Result<u16> {
        self.set_phase(Phase::Gone);
        self.audio.mute(true);
        let response = self.ask("BYE").await?;
        Ok(response.status().unwrap_or(0))
    }

    /// Sends a request without body within the call.
    pub(crate) async fn ask(&self, method: &str) -> Result<SipText> {
        let cseq = self.next_cseq();
        let request = self.request_at(cseq, method);
        self.line
            .transact(&request, self.destination(), |_| {})
            .await
    }

    /// Takes the INVITE back; resolves to the status it ends with. A 200 that crossed the CANCEL is
    /// followed by a BYE (RFC 3261 section 9.1).
    pub(crate) async fn cancel(&self) -> Result<u16> {
        self.wait(|progress| progress.phase != Phase::Early(0))
            .await?;
        let invite = lock(&self.invite).clone();
        let uri = invite.start.split(' ').nth(1).unwrap_or("");
        let cancel = SipText::new(format!("CANCEL {uri} SIP/2.0"))
            .with("Via", invite.header("Via"))
            .with("Max-Forwards", "70")
            .with("From", invite.header("From"))
            .with("To", invite.header("To"))
            .with("Call-ID", &*self.call_id)
            .with("CSeq", format!("{} CANCEL", invite.cseq()));
        let proxy = self.line.identity.proxy.context("no proxy")?;
        self.line.transact(&cancel, proxy, |_| {}).await?;
        let ended = |progress: &Progress| !matches!(progress.phase, Phase::Early(_));
        match self.wait(ended).await?.phase {
            Phase::Failed(status, _) => Ok(status),
            Phase::Answered => {
                self.hang_up().await?;
                Ok(200)
            }
            other @ (Phase::Early(_) | Phase::Cancelled(_) | Phase::HungUp(_) | Phase::Gone) => {
                bail!("cancelled, and then {other:?}")
            }
        }
    }

    /// Waits until the call is as wanted.
    pub(crate) async fn wait(&self, wanted: impl FnMut(&Progress) -> bool) -> Result<Progress> {
        let mut progress = self.progress.subscribe();
        let waited = timeout(PATIENCE, progress.wait_for(wanted)).await;
        match waited {
            Ok(progress) => Ok(progress?.clone()),
            Err(_) => bail!("waited in vain; the call is {:?}", self.phase()),
        }
    }

    pub(crate) fn phase(&self) -> Phase {
        self.progress.borrow().phase.clone()
    }

    pub(crate) fn repeats(&self) -> u32 {
        self.progress.borrow().repeats
    }

    /// The INVITE that began the call.
    pub(crate) fn invite(&self) -> SipText {
        lock(&self.invite).clone()
    }

    fn set_phase(&self, phase: Phase) {
        // What has ended stays as it ended.
        self.progress.send_if_modified(|progress| {
            let over = matches!(
                progress.phase,
                Phase::Failed(..) | Phase::Cancelled(_) | Phase::HungUp(_) | Phase::Gone
            );
            if !over {
                progress.phase = phase;
            }
            !over
        });
    }

    /// Makes the audio fit what the peer describes; what comes back answers it.
    fn connect(&self, peer: &PeerAudio) -> OwnAudio {
        let own = lock(&self.own);
        let known = |&&(law, _): &&(Law, u8)| self.line.identity.laws.contains(&law);
        let Some(&law) = peer.laws.iter().find(known) else {
            return own.clone();
        };
        let flow = match (own.flow, peer.flow) {
            (Flow::SendRecv, theirs) => theirs.mirrored(),
            (ours, Flow::SendRecv) => ours,
            (ours, theirs) if ours == theirs.mirrored() => ours,
            _ => Flow::Inactive,
        };
        self.audio.connect(peer, law, flow.sends());
        self.progress
            .send_modify(|progress| progress.peer_flow = peer.flow);
        OwnAudio {
            laws: vec![law],
            also: self.line.identity.also.clone(),
            events: peer.events.filter(|_| own.events.is_some()),
            flow,
            ..own.clone()
        }
    }

    fn respond(&self, request: &SipText, status: u16, sdp: Option<String>) -> SipText {
        let mut response = self.response(request, status, sdp);
        if ["INVITE", "UPDATE"].contains(&request.method()) && status < 300 {
            response.push("Contact", self.line.contact());
        }
        let peer = lock(&self.route).peer;
        self.line.reply(request, response.clone(), peer);
        response
    }

    fn response(&self, request: &SipText, status: u16, sdp: Option<String>) -> SipText {
        let route = lock(&self.route);
        let response = SipText::response_to(request, status, tag(&route.local).unwrap_or(""));
        match sdp {
            Some(sdp) => response.with_sdp(sdp),
            None => response,
        }
    }

    /// A final response to an INVITE, again and again until its ACK comes: the phone does it for
    /// failures over TCP as well, where it does no harm.
    fn respond_until_acknowledged(
        self: &Arc<Self>,
        invite: &SipText,
        status: u16,
        sdp: Option<String>,
    ) {
        let response = self.respond(invite, status, sdp);
        self.repeat_until_acknowledged(invite, response);
    }

    fn repeat_until_acknowledged(self: &Arc<Self>, invite: &SipText, response: SipText) {
        let (dialog, cseq) = (Arc::clone(self), invite.cseq());
        let task = tokio::spawn(async move {
            let mut progress = dialog.progress.subscribe();
            let end = Instant::now() + Duration::from_secs(32);
            let mut wait = Duration::from_millis(500);
            while Instant::now() < end {
                let acknowledged = progress.wait_for(|progress| progress.acknowledged >= cseq);
                if timeout(wait, acknowledged).await.is_ok() {
                    return;
                }
                let peer = lock(&dialog.route).peer;
                dialog.line.send(&response, peer);
                wait = (wait * 2).min(Duration::from_secs(4));
            }
        });
        self.line.keep(task.abort_handle());
    }

    fn next_cseq(&self) -> u32 {
        let mut route = lock(&self.route);
        route.cseq += 1;
        route.cseq
    }

    fn request_at(&self, cseq: u32, method: &str) -> SipText {
        let route = lock(&self.route).clone();
        let mut request = SipText::new(format!("{method} {} SIP/2.0", route.target))
            .with("Via", self.line.via())
            .with("Max-Forwards", "70")
            .with("From", route.local)
            .with("To", route.remote)
            .with("Call-ID", &*self.call_id)
            .with("CSeq", format!("{cseq} {method}"));
        for hop in route.routes {
            request.push("Route", hop);
        }
        request
    }

    /// The first route, or the target, if it is an address; else where the peer was last heard.
    fn destination(&self) -> SocketAddr {
        let route = lock(&self.route);
        let first = route.routes.first().map(|hop| uri_of(hop));
        address_of(first.unwrap_or(&route.target)).unwrap_or(route.peer)
    }
}
