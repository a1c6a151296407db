//! Phones that answered after another one already had (RFC 3261 section 13.2.2.4): each is
//! acknowledged and hung up.

use bytes::Bytes;

use super::answer::Acked;
use super::authorize::copy_credentials;
use super::early::Early;
use super::reason;
use super::sent::{Purpose, Sent};
use super::usage::InviteUsage;
use crate::cause::HangupCause;
use crate::sip::HeaderName;
use crate::sip::dialog::Dialog;
use crate::sip::message::{Request, Response};
use crate::sip::method::Method;

/// How many are hung up; more are ignored and give up by themselves.
const MOST: usize = 16;

/// A phone that was hung up because another one answered first.
#[derive(Debug, Clone)]
pub(super) struct Fork {
    remote_tag: Option<Bytes>,
    acked: Acked,
}

/// The phones that rang for one call and did not get it.
#[derive(Debug, Clone, Default)]
pub(super) struct Forks {
    ended: Vec<Fork>,
    /// The numbers of our last requests to those that were sent PRACKs: what follows has to be above
    /// them.
    numbers: Vec<(Option<Bytes>, u32)>,
}

impl Forks {
    /// Notes how far the numbers of early dialogs have come.
    pub(super) fn remember(&mut self, early: &[Early]) {
        let number = |early: &Early| {
            (
                early.dialog.remote_tag().cloned(),
                early.dialog.local_cseq(),
            )
        };
        self.numbers = early.iter().map(number).collect();
    }

    fn number(&self, tag: Option<&Bytes>) -> Option<u32> {
        let of_it = |(other, _): &&(Option<Bytes>, u32)| other.as_ref() == tag;
        self.numbers.iter().find(of_it).map(|(_, number)| *number)
    }

    pub(super) fn clear(&mut self) {
        self.ended.clear();
        self.numbers.clear();
    }
}

impl InviteUsage {
    /// A 2xx to the INVITE that started the call came from somebody else than the one we talk to,
    /// or from them again.
    pub(super) fn answer_fork(&mut self, invite: &Request, response: &Response) {
        let tag = response.headers.to_tag();
        let known = self.forks.ended.iter().find(|fork| fork.remote_tag == tag);
        if let Some(fork) = known {
            let acked = fork.acked.clone();
            self.outbox.ack(acked.request, acked.next_hop);
            return;
        }
        if self.forks.ended.len() == MOST {
            return;
        }
        let Ok(mut dialog) = Dialog::uac(invite, response) else {
            return;
        };
        let next_hop = self.signature.next_hop(dialog.next_hop());
        let cseq = dialog.local_cseq();
        let mut ack = dialog.ack(cseq);
        copy_credentials(invite, &mut ack);
        self.outbox.ack(ack.clone(), next_hop.clone());
        if let Some(number) = self.forks.number(tag.as_ref()) {
            dialog.skip_to(number);
        }
        let mut bye = dialog.request(Method::Bye);
        self.authorize(&mut bye);
        self.signature.sign(&mut bye);
        let reason = reason::write(HangupCause::AnsweredElsewhere);
        bye.headers.push(HeaderName::Reason, reason);
        self.sent.send(
            &mut self.outbox,
            Sent {
                purpose: Purpose::ForkBye,
                request: bye,
                next_hop: next_hop.clone(),
                tries: 0,
            },
        );
        self.forks.ended.push(Fork {
            remote_tag: tag,
            acked: Acked {
                cseq,
                request: ack,
                next_hop,
            },
        });
    }
}
