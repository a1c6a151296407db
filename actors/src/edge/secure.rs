//! `sips:` (RFC 5630).

use bytes::Bytes;
use offhook_core::sip::invite::LocalParty;

/// The same party, reached by `sips:` if the other end of the dialog is (RFC 3261 section 12.1.1): what
/// it sends there has to stay encrypted.
pub(super) fn secured(mut party: LocalParty, remote: &Bytes) -> LocalParty {
    if !is_secure(remote) {
        return party;
    }
    let contact = String::from_utf8_lossy(&party.contact);
    // That it is TLS the scheme says; a parameter would say it twice (RFC 5630 section 5.2).
    let contact = contact.replacen("<sip:", "<sips:", 1);
    party.contact = contact.replacen(";transport=tls", "", 1).into();
    party
}

pub(super) fn is_secure(uri: &Bytes) -> bool {
    uri.get(..5)
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"sips:"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contact(remote: &'static str, own: &'static str) -> String {
        let party = LocalParty {
            contact: own.into(),
            product: Bytes::new(),
            flow: None,
            address: None,
            options: offhook_core::config::SipConfig::default().dialog_options(),
        };
        let party = secured(party, &remote.into());
        String::from_utf8(party.contact.to_vec()).unwrap()
    }

    /// RFC 3261 section 12.1.1, RFC 5630 section 5.2.
    #[test]
    fn whoever_is_called_by_sips_is_told_a_contact_with_sips() {
        let own = "<sip:offhook@192.0.2.1:5061;transport=tls>";
        assert_eq!(contact("SIPS:300@a", own), "<sips:offhook@192.0.2.1:5061>");
        assert_eq!(contact("sip:300@a", own), own);
        let own = "<sip:offhook@192.0.2.1:7443;transport=ws>";
        let secure = "<sips:offhook@192.0.2.1:7443;transport=ws>";
        assert_eq!(contact("sips:300@a", own), secure);
    }
}
