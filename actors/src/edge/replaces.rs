//! Calls that come to take the place of another (RFC 3891).

use offhook_core::sip::HeaderName;
use offhook_core::sip::header::Replaces;
use offhook_core::sip::message::Request;

use super::legs::Legs;
use crate::call::{Origin, Replacing};

/// The leg an INVITE wants to replace; `None` when it is a call like any other. Only who is inside
/// may ask for that.
///
/// # Errors
/// The status to refuse it with (section 3): 400 for more than one wish, 403 for strangers, 481 when
/// there is no such dialog.
pub(crate) fn find(
    request: &Request,
    origin: Origin,
    legs: &Legs,
) -> Result<Option<Replacing>, u16> {
    let mut wishes = request.headers.all(&HeaderName::Replaces);
    let Some(wish) = wishes.next() else {
        return Ok(None);
    };
    let join = HeaderName::Other("Join".into());
    if wishes.next().is_some() || request.headers.has(&join) {
        return Err(400);
    }
    let header = Replaces::parse(wish).map_err(|_| 400_u16)?;
    match origin {
        Origin::Extension(_) => {}
        Origin::Trunk(_) => return Err(403),
    }
    let leg = legs.of_dialog(&header.key()).ok_or(481_u16)?;
    Ok(Some(Replacing { leg, header }))
}

#[cfg(test)]
mod tests {
    use offhook_core::sip::Method;
    use offhook_core::sip::dialog::DialogKey;
    use offhook_core::{CallId, ExtensionId, IdSource, LegId, TrunkId};

    use super::*;

    const KNOWN: &str = "c@h;to-tag=ours;from-tag=theirs";

    fn ask(rows: &[(HeaderName, &'static str)], origin: Origin) -> Result<Option<LegId>, u16> {
        let mut legs = Legs::default();
        let key = DialogKey {
            call_id: "c@h".into(),
            local_tag: "ours".into(),
        };
        let ids = &mut IdSource::seeded(1);
        legs.bind(LegId::new(CallId::new(ids), 0), key);
        let mut request = Request::new(Method::Invite, "sip:1@h");
        for (name, value) in rows {
            request.headers.push(name.clone(), *value);
        }
        let found = find(&request, origin, &legs)?;
        Ok(found.map(|replacing| replacing.leg))
    }

    /// RFC 3891 section 3.
    #[test]
    fn one_wish_for_a_dialog_of_ours_is_met_and_others_have_their_statuses() {
        let ids = &mut IdSource::seeded(2);
        let inside = Origin::Extension(ExtensionId::new(ids));
        let outside = Origin::Trunk(TrunkId::new(ids));
        let name = HeaderName::Replaces;
        let row = |value| (HeaderName::Replaces, value);
        assert_eq!(ask(&[], outside), Ok(None));
        assert!(ask(&[row(KNOWN)], inside).unwrap().is_some());
        assert_eq!(ask(&[row(KNOWN)], outside), Err(403));
        assert_eq!(ask(&[row(KNOWN), (name, KNOWN)], inside), Err(400));
        let join = (HeaderName::Other("Join".into()), "c@h");
        assert_eq!(ask(&[row(KNOWN), join], inside), Err(400));
        assert_eq!(ask(&[row("c@h")], inside), Err(400));
        let other = "c@h;to-tag=other;from-tag=theirs";
        assert_eq!(ask(&[row(other)], inside), Err(481));
    }
}
