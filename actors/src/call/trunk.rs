//! What a trunk's settings make of a call: how its caller is presented, and whether sound before the
//! answer is passed on.

use offhook_core::TrunkId;
use offhook_core::directory::{EarlyMedia, Trunk};
use offhook_core::sip::identity::{
    ANONYMOUS, CallerOrigin, Calling, Presented, Privacy, from_header, present,
};

use super::input::{Contact, Origin};
use super::leg::Role;
use super::machine::CallMachine;

impl CallMachine {
    /// How the caller is presented there. Phones are not trusted with what a caller wants to keep to
    /// themselves; carriers are (RFC 3325 section 7).
    pub(crate) fn presented(&self, contact: &Contact) -> Presented {
        let from = &self.from;
        let Some(trunk) = contact.trunk.and_then(|id| self.directory.trunk(id)) else {
            let (number, name) = match from.privacy {
                Privacy::Shown => (from.number.as_str(), from.name.as_deref()),
                Privacy::Hidden => (ANONYMOUS, None),
            };
            return Presented {
                from: from_header(number, name, &contact.domain),
                headers: contact.alerts.header(self.origin).into_iter().collect(),
            };
        };
        let calling = Calling {
            number: &from.number,
            name: from.name.as_deref(),
            privacy: from.privacy,
            asserted: from.asserted.as_ref().map(|number| number.0.as_str()),
            origin: match self.origin {
                Origin::Extension(id) => {
                    let did = self.directory.did_of(id);
                    CallerOrigin::Inside(did.map(|did| did.number.as_str()))
                }
                Origin::Trunk(_) => CallerOrigin::Outside,
            },
        };
        present(&calling, trunk, &contact.domain)
    }

    /// Whether the caller may hear what this rung leg plays before the answer.
    pub(crate) fn passes_early_media(&self, number: u32) -> bool {
        let passes = |trunk: &Trunk| trunk.early_media == EarlyMedia::Pass;
        self.leg_trunk(number).is_none_or(passes) && self.origin_trunk().is_none_or(passes)
    }

    /// The trunk a leg goes out or came in by.
    pub(super) fn leg_trunk(&self, number: u32) -> Option<&Trunk> {
        let leg = self.legs.get(&number)?;
        match leg.role {
            Role::Caller if leg.trunk.is_none() => self.origin_trunk(),
            Role::Caller | Role::Rung(_) | Role::Transferor => self.known_trunk(leg.trunk?),
        }
    }

    fn origin_trunk(&self) -> Option<&Trunk> {
        match self.origin {
            Origin::Trunk(id) => self.known_trunk(id),
            Origin::Extension(_) => None,
        }
    }

    fn known_trunk(&self, id: TrunkId) -> Option<&Trunk> {
        self.directory.trunk(id)
    }
}
