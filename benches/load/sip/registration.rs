//! REGISTER.

use anyhow::{Result, bail};

use super::write::Request;
use super::{Sip, SipEvent, Who, line};
use crate::office::PASSWORD;
use offhook_benches::clock::{self, MS, Nanos, SECOND};

impl Sip {
    /// Registers a phone for each of these numbers and waits until the server has granted all.
    pub(crate) fn register(&mut self, numbers: &[String]) -> Result<()> {
        let first = self.lines.len();
        for number in numbers {
            self.by_number.insert(number.clone(), self.lines.len());
            self.lines.push(line(number, PASSWORD));
        }
        // A few at a time: nothing is lost, and nothing is measured here.
        for chunk in (first..self.lines.len()).collect::<Vec<_>>().chunks(50) {
            for at in chunk {
                self.send_register(*at);
            }
            let until = clock::now() + 10 * SECOND;
            while chunk.iter().any(|at| !self.is_registered(*at)) {
                if clock::now() > until {
                    bail!("the server does not register our phones");
                }
                self.turn(10 * MS)?;
            }
        }
        self.forget_events();
        Ok(())
    }

    /// Has the phone on this line register once more.
    pub(crate) fn refresh(&mut self, at: usize) {
        if let Some(line) = self.lines.get_mut(at) {
            line.registered = false;
            line.sent_at = clock::now();
        }
        self.send_register(at);
    }

    /// Phones whose last REGISTER was not granted, or not yet.
    pub(crate) fn unregistered(&self) -> usize {
        self.lines.iter().filter(|line| !line.registered).count()
    }

    fn is_registered(&self, at: usize) -> bool {
        self.lines.get(at).is_some_and(|line| line.registered)
    }

    fn send_register(&mut self, at: usize) {
        let Some(line) = self.lines.get_mut(at) else {
            return;
        };
        line.cseq += 1;
        let (cseq, number) = (line.cseq, line.number.clone());
        let own = format!("<sip:{number}@{}>", self.server);
        let request = Request {
            method: "REGISTER",
            uri: &format!("sip:{}", self.server),
            branch: &format!("z9hG4bKr{at}.{cseq}.{}", self.run),
            from: &format!("{own};tag=r{at}"),
            to: &own,
            call_id: &format!("r{at}.{}", self.run),
            cseq,
            contact: Some(&format!("<sip:{number}@{}>", self.local)),
            expires: Some(3600),
            sdp: None,
        };
        let request = self.sign(at, request.write(self.local));
        self.send(&request);
        if let Some(line) = self.lines.get_mut(at) {
            line.request = request;
        }
        self.again(Who::Registration(at), 0);
    }

    pub(super) fn registration_response(
        &mut self,
        at: usize,
        bytes: &[u8],
        status: u16,
        arrived: Nanos,
    ) {
        match status {
            ..200 => {}
            200..300 => {
                let Some(line) = self.lines.get_mut(at).filter(|line| !line.registered) else {
                    return;
                };
                line.registered = true;
                let sent_at = line.sent_at;
                let at = arrived;
                self.events.push_back(SipEvent::Registered { sent_at, at });
            }
            401 | 407 if self.challenged(at, bytes) => self.send_register(at),
            // `register` notices.
            _ => {}
        }
    }

    pub(super) fn registration_again(&mut self, at: usize, sendings: u32) {
        if !self.is_registered(at) && self.again(Who::Registration(at), sendings) {
            self.repeated += 1;
            if let Some(line) = self.lines.get(at) {
                self.send(&line.request);
            }
        }
    }
}
