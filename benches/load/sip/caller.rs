//! The calling end.

use super::text::{Text, uri};
use super::write::{Request, sdp};
use super::{HangsUp, Placed, Sip, SipEvent, Who};
use offhook_benches::clock::{self, Nanos};
use offhook_benches::rtp::Line;

/// One caller.
#[derive(Debug)]
pub(super) struct Caller {
    pub(super) placed: Placed,
    stage: Stage,
    cseq: u32,
    /// When the INVITE was sent first; with a signature, when that one was.
    sent_at: Nanos,
    /// The request that waits for its answer.
    request: Vec<u8>,
    /// `To`, with a tag once it is known.
    to: String,
    /// Where the dialog's requests go.
    target: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Inviting,
    /// A provisional response came.
    Proceeding,
    Up,
    Leaving,
}

/// The RTP leg of a caller.
pub(super) fn leg(call: u32) -> u32 {
    call * 2
}

impl Sip {
    /// Places a call; its number.
    pub(crate) fn place(&mut self, placed: Placed) -> u32 {
        self.placed += 1;
        let call = self.placed;
        let uri = format!("sip:{}@{}", placed.dialled, self.server);
        let caller = Caller {
            stage: Stage::Inviting,
            cseq: 0,
            sent_at: 0,
            request: Vec::new(),
            to: format!("<{uri}>"),
            target: uri,
            placed,
        };
        self.by_from.insert(caller.placed.from.clone(), call);
        self.callers.insert(call, caller);
        self.invite(call);
        call
    }

    fn invite(&mut self, call: u32) {
        let port = self.rtp.as_ref().map_or(9, |rtp| rtp.port(leg(call)));
        let Some(caller) = self.callers.get_mut(&call) else {
            return;
        };
        caller.cseq += 1;
        caller.stage = Stage::Inviting;
        let line = caller.placed.line;
        let mut request = self.caller_request_text(call, "INVITE", Some(sdp(call, port)));
        if let Some(line) = line {
            request = self.sign(line, request);
        }
        if let Some(caller) = self.callers.get_mut(&call) {
            caller.sent_at = clock::now();
            caller.request = request;
            let caller = &self.callers[&call];
            self.send(&caller.request);
        }
        self.again(Who::Caller(call), 0);
    }

    pub(super) fn caller_request_text(
        &self,
        call: u32,
        method: &str,
        sdp: Option<String>,
    ) -> Vec<u8> {
        let Some(caller) = self.callers.get(&call) else {
            return Vec::new();
        };
        let number = &caller.placed.from;
        let branch = match method {
            // The ACK of a refusal belongs to its INVITE; that of a 2xx stands for itself.
            "ACK" if caller.stage == Stage::Up => "a",
            "ACK" | "CANCEL" | "INVITE" => "i",
            _ => "b",
        };
        let (cseq, run) = (caller.cseq, &self.run);
        let contact = format!("<sip:{number}@{}>", self.local);
        let request = Request {
            method,
            uri: &caller.target,
            branch: &format!("z9hG4bKc{call}.{cseq}{branch}.{run}"),
            from: &format!("<sip:{number}@{}>;tag=c{call}", self.server),
            to: &caller.to,
            call_id: &format!("c{call}.{run}"),
            cseq,
            contact: (method == "INVITE").then_some(&contact),
            expires: None,
            sdp,
        };
        request.write(self.local)
    }

    pub(super) fn caller_response(
        &mut self,
        call: u32,
        text: Text<'_>,
        bytes: &[u8],
        status: u16,
        at: Nanos,
    ) {
        let Some(caller) = self.callers.get_mut(&call) else {
            return;
        };
        let Some((cseq, method)) = text.cseq() else {
            return;
        };
        if cseq != caller.cseq || status == 100 {
            if status == 100 && caller.stage == Stage::Inviting {
                caller.stage = Stage::Proceeding;
            }
            return;
        }
        match (method, status) {
            ("INVITE", ..200) if caller.stage == Stage::Inviting => {
                caller.stage = Stage::Proceeding;
                self.ringing_caller_goes_on(call);
            }
            ("INVITE", ..200) if status == 180 => self.ringing_caller_goes_on(call),
            ("INVITE", 200..300) => self.caller_answered(call, text, at),
            ("INVITE", 300..) => self.caller_refused(call, text, bytes, status),
            ("BYE", 200..) => self.caller_ended(call),
            _ => {}
        }
    }

    fn caller_answered(&mut self, call: u32, text: Text<'_>, at: Nanos) {
        let Some(caller) = self.callers.get_mut(&call) else {
            return;
        };
        if caller.stage == Stage::Leaving {
            return;
        }
        let first = caller.stage != Stage::Up;
        caller.stage = Stage::Up;
        text.header("To").clone_into(&mut caller.to);
        uri(text.header("Contact")).clone_into(&mut caller.target);
        let sent_at = caller.sent_at;
        self.send(&self.caller_request_text(call, "ACK", None));
        if !first {
            return;
        }
        if let (Some(rtp), Some(remote)) = (&self.rtp, text.rtp()) {
            rtp.add(leg(call), Line::marked(call, remote));
        }
        self.events
            .push_back(SipEvent::Answered { call, sent_at, at });
        self.answered_caller_goes_on(call);
        if self.plan.hangs_up == HangsUp::Caller {
            self.hang_up_later(Who::Caller(call));
        }
    }

    fn caller_refused(&mut self, call: u32, text: Text<'_>, bytes: &[u8], status: u16) {
        let Some(caller) = self.callers.get_mut(&call) else {
            return;
        };
        if caller.stage == Stage::Up {
            // A hold that crossed something else: the talk goes on as it was.
            caller.stage = Stage::Proceeding;
            let ack = self.caller_request_text(call, "ACK", None);
            self.send(&ack);
            if let Some(caller) = self.callers.get_mut(&call) {
                caller.stage = Stage::Up;
            }
            return;
        }
        let asked = std::mem::replace(&mut caller.to, text.header("To").to_owned());
        let line = caller.placed.line;
        self.send(&self.caller_request_text(call, "ACK", None));
        if let (401 | 407, Some(line)) = (status, line)
            && self.challenged(line, bytes)
        {
            if let Some(caller) = self.callers.get_mut(&call) {
                caller.to = asked;
            }
            return self.invite(call);
        }
        self.forget_caller(call);
        self.events.push_back(SipEvent::Refused { status });
    }

    pub(super) fn caller_request(&mut self, call: u32, text: Text<'_>) {
        match text.method() {
            "ACK" => {}
            "BYE" => {
                self.reply(text, "200 OK");
                self.caller_ended(call);
            }
            "INVITE" => self.reply(text, "488 Not Acceptable Here"),
            _ => self.reply(text, "200 OK"),
        }
    }

    pub(super) fn caller_hangs_up(&mut self, call: u32) {
        let Some(caller) = self.callers.get_mut(&call) else {
            return;
        };
        if caller.stage != Stage::Up {
            return;
        }
        caller.stage = Stage::Leaving;
        caller.cseq += 1;
        if let Some(rtp) = &self.rtp {
            rtp.remove(leg(call));
        }
        let request = self.caller_request_text(call, "BYE", None);
        self.send(&request);
        if let Some(caller) = self.callers.get_mut(&call) {
            caller.request = request;
        }
        self.again(Who::Caller(call), 0);
    }

    /// Hangs up for every caller who is in a call.
    pub(crate) fn all_callers_hang_up(&mut self) {
        let calls: Vec<u32> = self.callers.keys().copied().collect();
        for call in calls {
            self.caller_hangs_up(call);
        }
    }

    pub(super) fn caller_again(&mut self, call: u32, sendings: u32) {
        let Some(caller) = self.callers.get(&call) else {
            return;
        };
        match caller.stage {
            // A server may take its time to answer, not to say that it tries.
            Stage::Proceeding | Stage::Up => {}
            Stage::Inviting | Stage::Leaving => {
                if self.again(Who::Caller(call), sendings) {
                    self.repeated += 1;
                    self.send(&self.callers[&call].request);
                } else {
                    self.forget_caller(call);
                    self.events.push_back(SipEvent::GivenUp);
                }
            }
        }
    }

    /// The port of the caller's RTP, for one who is up; its next request gets a number of its own.
    pub(super) fn caller_rtp_port(&mut self, call: u32) -> Option<u16> {
        let caller = self.callers.get_mut(&call)?;
        if caller.stage != Stage::Up {
            return None;
        }
        caller.cseq += 1;
        Some(self.rtp.as_ref().map_or(9, |rtp| rtp.port(leg(call))))
    }

    /// Whether a caller who is still there was answered.
    pub(super) fn caller_is_up(&self, call: u32) -> Option<bool> {
        let stage = self.callers.get(&call)?.stage;
        Some(stage == Stage::Up || stage == Stage::Leaving)
    }

    fn caller_ended(&mut self, call: u32) {
        if self.forget_caller(call) {
            self.events.push_back(SipEvent::Ended { call });
        }
    }

    fn forget_caller(&mut self, call: u32) -> bool {
        let Some(caller) = self.callers.remove(&call) else {
            return false;
        };
        self.by_from.remove(&caller.placed.from);
        if let Some(rtp) = &self.rtp {
            rtp.remove(leg(call));
        }
        true
    }
}
