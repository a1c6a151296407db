//! The end that is rung.

use super::text::{Text, uri, user};
use super::write::{Request, response, sdp};
use super::{HangsUp, Sip, SipEvent, Who};
use offhook_benches::clock::{self, Nanos};
use offhook_benches::rtp::Line;

/// One call of one phone.
#[derive(Debug)]
pub(super) struct PhoneCall {
    phone: usize,
    call: Option<u32>,
    stage: Stage,
    call_id: String,
    /// Our end and theirs, with tags.
    own: String,
    theirs: String,
    target: String,
    /// The 200, or the BYE, that waits for an answer.
    sent: Vec<u8>,
    rtp: Option<std::net::SocketAddr>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The 200 waits for its ACK.
    Answered,
    Up,
    Leaving,
}

/// The RTP leg of a phone.
fn leg(call: Option<u32>) -> Option<u32> {
    call.map(|call| call * 2 + 1)
}

impl Sip {
    /// A phone is rung: it says so and answers.
    pub(super) fn rung(&mut self, text: Text<'_>, bytes: &[u8], at: Nanos) {
        let Some(&phone) = self.by_number.get(user(text.request_uri())) else {
            return self.reply(text, "404 Not Found");
        };
        let call = self.by_from.get(user(uri(text.header("From")))).copied();
        if self.rung_in_vain(text, bytes, call) {
            return;
        }
        self.rung += 1;
        let number = self.rung;
        let tag = format!("p{number}");
        let contact = format!("<{}>", text.request_uri());
        self.send(&response(text, "180 Ringing", &tag, Some(&contact), None));
        let port = match (&self.rtp, leg(call)) {
            (Some(rtp), Some(leg)) => rtp.port(leg),
            _ => 9,
        };
        let answer = sdp(number, port);
        let sent = response(text, "200 OK", &tag, Some(&contact), Some(&answer));
        self.send(&sent);
        let call_id = text.header("Call-ID").to_owned();
        self.by_call_id.insert(call_id.clone(), number);
        let one = PhoneCall {
            phone,
            call,
            stage: Stage::Answered,
            call_id,
            own: format!("{};tag={tag}", text.header("To")),
            theirs: text.header("From").to_owned(),
            target: uri(text.header("Contact")).to_owned(),
            sent,
            rtp: text.rtp(),
        };
        self.phones.insert(number, one);
        self.events.push_back(SipEvent::Rang {
            phone,
            call,
            at,
            answered_after: clock::now().saturating_sub(at),
        });
        self.again(Who::Phone(number), 0);
    }

    pub(super) fn phone_request(&mut self, number: u32, text: Text<'_>, at: Nanos) {
        match text.method() {
            "INVITE" => {
                if let Some(one) = self.phones.get(&number) {
                    self.send(&one.sent);
                }
            }
            "ACK" => self.phone_acknowledged(number),
            "CANCEL" => {
                // It crossed our 200; the BYE follows.
                self.reply(text, "200 OK");
                self.events.push_back(SipEvent::Cancelled);
            }
            "BYE" => {
                self.reply(text, "200 OK");
                let leaving = self.phones.get(&number).map(|one| one.stage);
                self.forget_phone(number, (leaving != Some(Stage::Leaving)).then_some(at));
            }
            _ => self.reply(text, "200 OK"),
        }
    }

    fn phone_acknowledged(&mut self, number: u32) {
        let Some(one) = self.phones.get_mut(&number) else {
            return;
        };
        if one.stage != Stage::Answered {
            return;
        }
        one.stage = Stage::Up;
        if let (Some(rtp), Some(leg), Some(call), Some(to)) =
            (&self.rtp, leg(one.call), one.call, one.rtp)
        {
            rtp.add(leg, Line::marked(call, to));
        }
        if self.plan.hangs_up == HangsUp::Phone {
            self.hang_up_later(Who::Phone(number));
        }
    }

    pub(super) fn phone_hangs_up(&mut self, number: u32) {
        let Some(one) = self.phones.get_mut(&number) else {
            return;
        };
        if one.stage != Stage::Up {
            return;
        }
        one.stage = Stage::Leaving;
        if let (Some(rtp), Some(leg)) = (&self.rtp, leg(one.call)) {
            rtp.remove(leg);
        }
        let request = Request {
            method: "BYE",
            uri: &one.target,
            branch: &format!("z9hG4bKp{number}.{}", self.run),
            from: &one.own,
            to: &one.theirs,
            call_id: &one.call_id,
            cseq: 1,
            contact: None,
            expires: None,
            sdp: None,
        };
        one.sent = request.write(self.local);
        let (phone, at) = (one.phone, clock::now());
        self.events.push_back(SipEvent::PhoneFree { phone, at });
        if let Some(one) = self.phones.get(&number) {
            self.send(&one.sent);
        }
        self.again(Who::Phone(number), 0);
    }

    pub(super) fn phone_response(&mut self, number: u32, text: Text<'_>, status: u16) {
        let is_bye = text.cseq().is_some_and(|(_, method)| method == "BYE");
        if is_bye && status >= 200 {
            self.forget_phone(number, None);
        }
    }

    pub(super) fn phone_again(&mut self, number: u32, sendings: u32) {
        let Some(one) = self.phones.get(&number) else {
            return;
        };
        match one.stage {
            Stage::Up => {}
            Stage::Answered | Stage::Leaving => {
                if self.again(Who::Phone(number), sendings) {
                    self.repeated += 1;
                    self.send(&self.phones[&number].sent);
                } else {
                    self.forget_phone(number, Some(clock::now()));
                    self.events.push_back(SipEvent::GivenUp);
                }
            }
        }
    }

    /// `free_at`: this is what frees the phone.
    fn forget_phone(&mut self, number: u32, free_at: Option<Nanos>) {
        let Some(one) = self.phones.remove(&number) else {
            return;
        };
        self.by_call_id.remove(&one.call_id);
        if let (Some(rtp), Some(leg)) = (&self.rtp, leg(one.call)) {
            rtp.remove(leg);
        }
        if let Some(at) = free_at {
            let phone = one.phone;
            self.events.push_back(SipEvent::PhoneFree { phone, at });
        }
    }
}
