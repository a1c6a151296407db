//! Where a call went besides where it was dialled: transfers, forwards, and the other call of a leg
//! that changed over.

use crate::cdr::{Cdr, CdrLeg};
use crate::event::EventKind;

/// What a transfer that has not failed yet would leave in the record.
type Transfer = (Option<String>, Option<String>);

/// The transfers of a call that has not ended.
#[derive(Debug, Clone, Default)]
pub(super) struct Moves {
    /// What the record said before the latest transfer, until that one is known to have gone well.
    before: Option<Transfer>,
}

impl Moves {
    /// Takes in an event; those about other things change nothing.
    pub(super) fn apply(&mut self, cdr: &mut Cdr, kind: &EventKind) {
        if let EventKind::CallTransferred { by, to, into, .. } = kind {
            if let Some(into) = into {
                cdr.linked_call = Some(*into);
                if by.is_none() {
                    // A leg that went by its own wish was not transferred.
                    return;
                }
            }
            let by = by.and_then(|by| cdr.legs.iter().rev().find(|leg| leg.id == by));
            let by = by.map(number);
            let before = (
                cdr.transferred_to.replace(to.clone()),
                std::mem::replace(&mut cdr.transferred_by, by),
            );
            self.before = Some(before);
        } else if let EventKind::CallTransferFailed { .. } = kind {
            if let Some((to, by)) = self.before.take() {
                cdr.transferred_to = to;
                cdr.transferred_by = by;
            }
        } else if let EventKind::CallForwarded { extension, .. } = kind {
            cdr.forwarded_by = Some(extension.clone());
        } else if let EventKind::LegMoved { from, .. } = kind {
            cdr.linked_call = Some(from.call);
        } else if let EventKind::CallPickedUp { agent, .. } = kind {
            cdr.agent = cdr.agent.or(*agent);
        }
    }
}

fn number(leg: &CdrLeg) -> String {
    leg.extension.clone().unwrap_or_else(|| leg.remote.clone())
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use crate::HangupCause;
    use crate::cdr::{Cdr, CdrFold};
    use crate::event::{Direction, EndedBy, Event, EventKind};
    use crate::id::{AgentId, CallId, IdSource, LegId};

    /// What the record of a call says in which all this happens.
    fn record(happens: impl Fn(CallId, LegId) -> Vec<EventKind>) -> Cdr {
        let call = CallId::new(&mut IdSource::seeded(1));
        let transferor = LegId::new(call, 1);
        let mut fold = CdrFold::new();
        let started = EventKind::CallStarted {
            call,
            direction: Direction::Inbound,
            from: "1000".into(),
            from_name: None,
            privacy: crate::sip::identity::Privacy::Shown,
            to: "1001".into(),
            did: None,
            trunk: None,
            sip_call_id: "abc".into(),
        };
        let added = EventKind::LegAdded {
            leg: transferor,
            direction: Direction::Outbound,
            extension: Some("1001".into()),
            remote: "1001".into(),
            agent: None,
        };
        let ended = EventKind::CallEnded {
            call,
            cause: HangupCause::NormalClearing,
            ended_by: EndedBy::Caller,
        };
        let kinds = [vec![started, added], happens(call, transferor), vec![ended]].concat();
        let events = kinds.into_iter().zip(1..).map(|(kind, seq)| Event {
            seq,
            at: Timestamp::from_second(1_790_000_000).unwrap(),
            kind,
        });
        let mut records = events.filter_map(|event| fold.apply(&event));
        records.next().expect("a record")
    }

    fn transferred(call: CallId, by: Option<LegId>, to: &str, into: Option<CallId>) -> EventKind {
        EventKind::CallTransferred {
            call,
            by,
            to: to.into(),
            into,
        }
    }

    #[test]
    fn a_transfer_says_who_sent_a_party_where() {
        let cdr = record(|call, by| vec![transferred(call, Some(by), "1002", None)]);
        assert_eq!(cdr.transferred_to.as_deref(), Some("1002"));
        assert_eq!(cdr.transferred_by.as_deref(), Some("1001"));
        assert_eq!(cdr.linked_call, None);
        let by_operator = record(|call, _| vec![transferred(call, None, "1002", None)]);
        assert_eq!(by_operator.transferred_to.as_deref(), Some("1002"));
        assert_eq!(by_operator.transferred_by, None);
    }

    #[test]
    fn a_transfer_to_nobody_leaves_what_was_there_before() {
        let failed = |call, to: &str| EventKind::CallTransferFailed {
            call,
            to: to.into(),
            cause: HangupCause::UserBusy,
        };
        let alone = record(|call, by| {
            vec![
                transferred(call, Some(by), "1002", None),
                failed(call, "1002"),
            ]
        });
        assert_eq!((alone.transferred_to, alone.transferred_by), (None, None));
        let second = record(|call, by| {
            vec![
                transferred(call, Some(by), "1002", None),
                transferred(call, None, "1003", None),
                failed(call, "1003"),
            ]
        });
        assert_eq!(second.transferred_to.as_deref(), Some("1002"));
        assert_eq!(second.transferred_by.as_deref(), Some("1001"));
    }

    #[test]
    fn both_calls_of_an_attended_transfer_name_each_other() {
        let other = CallId::new(&mut IdSource::seeded(2));
        let first = record(|call, by| vec![transferred(call, Some(by), "1002", Some(other))]);
        assert_eq!(first.linked_call, Some(other));
        assert_eq!(first.transferred_by.as_deref(), Some("1001"));
        let second = record(|_, leg| {
            let from = LegId::new(other, 0);
            vec![EventKind::LegMoved { leg, from }]
        });
        assert_eq!(second.linked_call, Some(other));
        assert_eq!(second.transferred_to, None);
        let picks_up = record(|call, _| vec![transferred(call, None, "1002", Some(other))]);
        assert_eq!(picks_up.linked_call, Some(other));
        assert_eq!(picks_up.transferred_to, None, "it went by its own wish");
    }

    #[test]
    fn who_forwarded_last_and_who_picked_up_are_named() {
        let agent = AgentId::new(&mut IdSource::seeded(3));
        let cdr = record(|call, by| {
            let forwarded = |extension: &str| EventKind::CallForwarded {
                call,
                by,
                extension: extension.into(),
                to: "1003".into(),
            };
            let picked_up = EventKind::CallPickedUp {
                call,
                by,
                agent: Some(agent),
            };
            vec![forwarded("1001"), forwarded("1002"), picked_up]
        });
        assert_eq!(cdr.forwarded_by.as_deref(), Some("1002"));
        assert_eq!(cdr.agent, Some(agent));
    }

    #[test]
    fn a_record_of_before_there_were_moves_is_read() {
        let cdr = record(|_, _| Vec::new());
        let mut json = serde_json::to_value(&cdr).unwrap();
        for key in [
            "transferred_to",
            "transferred_by",
            "forwarded_by",
            "linked_call",
        ] {
            assert!(json.as_object_mut().unwrap().remove(key).is_some());
        }
        assert_eq!(serde_json::from_value::<Cdr>(json).unwrap(), cdr);
    }
}
