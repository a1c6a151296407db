//! What callers and phones do in calls that do not go straight.

use super::text::Text;
use super::write::{self, response};
use super::{Direction, Manner, Sip, SipEvent, Timer};
use offhook_benches::clock::{self, MS, Nanos};

/// A hold begins so long after the answer, and ends so long after that.
const HOLD: Nanos = 300 * MS;

/// How long a caller listens to the ringing before they give up.
const PATIENCE: Nanos = 200 * MS;

impl Sip {
    /// The caller was answered and may be one who holds.
    pub(super) fn answered_caller_goes_on(&mut self, call: u32) {
        if self.manner_of(call) == Manner::Holds {
            let now = clock::now();
            self.set(now + HOLD, Timer::Hold(call, Direction::SendOnly));
            self.set(now + 2 * HOLD, Timer::Hold(call, Direction::SendReceive));
        }
    }

    /// The caller hears that it rings and may be one who gives up.
    pub(super) fn ringing_caller_goes_on(&mut self, call: u32) {
        if self.manner_of(call) == Manner::Cancels {
            self.set(clock::now() + PATIENCE, Timer::Cancel(call));
        }
    }

    pub(super) fn manner_of(&self, call: u32) -> Manner {
        let caller = self.callers.get(&call);
        caller.map_or(Manner::Plain, |caller| caller.placed.manner)
    }

    /// Sends the re-INVITE of one who holds or takes back.
    pub(super) fn caller_holds(&mut self, call: u32, direction: Direction) {
        let Some(port) = self.caller_rtp_port(call) else {
            return;
        };
        let direction = match direction {
            Direction::SendOnly => "sendonly",
            Direction::SendReceive => "sendrecv",
        };
        let sdp = write::sdp(call, port).replace("a=sendrecv", &format!("a={direction}"));
        let request = self.caller_request_text(call, "INVITE", Some(sdp));
        self.send(&request);
    }

    /// Sends the CANCEL of one who gives up.
    pub(super) fn caller_cancels(&mut self, call: u32) {
        if self.caller_is_up(call) == Some(false) {
            self.send(&self.caller_request_text(call, "CANCEL", None));
        }
    }

    /// A phone is rung by a call that is not to be answered; true when it has dealt with it.
    pub(super) fn rung_in_vain(&mut self, text: Text<'_>, bytes: &[u8], call: Option<u32>) -> bool {
        let call_id = text.header("Call-ID");
        match call.map_or(Manner::Plain, |call| self.manner_of(call)) {
            Manner::Plain | Manner::Holds => false,
            Manner::Rejected => {
                self.send(&response(text, "486 Busy Here", "busy", None, None));
                true
            }
            Manner::Cancels => {
                let contact = format!("<{}>", text.request_uri());
                let ringing = response(text, "180 Ringing", "rings", Some(&contact), None);
                self.send(&ringing);
                self.ringing.insert(call_id.to_owned(), bytes.to_vec());
                true
            }
        }
    }

    /// The ringing of a phone is taken back; true when it was ringing.
    pub(super) fn ringing_is_cancelled(&mut self, text: Text<'_>) -> bool {
        let Some(invite) = self.ringing.remove(text.header("Call-ID")) else {
            return false;
        };
        self.send(&response(text, "200 OK", "rings", None, None));
        if let Some(invite) = Text::parse(&invite) {
            let refusal = response(invite, "487 Request Terminated", "rings", None, None);
            self.send(&refusal);
        }
        self.events.push_back(SipEvent::Cancelled);
        true
    }
}
