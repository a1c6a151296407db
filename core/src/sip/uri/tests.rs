use super::*;

fn uri(text: &str) -> Uri {
    Uri::parse(&Bytes::copy_from_slice(text.as_bytes())).unwrap()
}

fn error(text: &str) -> UriError {
    Uri::parse(&Bytes::copy_from_slice(text.as_bytes())).unwrap_err()
}

#[test]
fn a_sip_uri_is_split_into_its_parts() {
    let uri = uri("sip:alice:secret@[2001:db8::1]:5070;transport=tcp;lr?subject=a%20b&x=y");
    assert_eq!(uri.scheme(), Scheme::Sip);
    assert_eq!(uri.user().unwrap(), "alice");
    assert_eq!(uri.password().unwrap(), "secret");
    assert_eq!(uri.host(), "[2001:db8::1]");
    assert_eq!(uri.port(), Some(5070));
    assert_eq!(uri.param("Transport").unwrap().as_ref(), b"tcp");
    assert!(uri.has_param("lr"));
    assert!(!uri.has_param("l"));
    assert_eq!(uri.headers(), "subject=a%20b&x=y");
}

#[test]
fn a_user_part_may_hold_what_separates_elsewhere() {
    let odd = uri("sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1@example.com");
    assert_eq!(
        odd.user().unwrap(),
        "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"
    );
    assert_eq!(odd.password().unwrap(), "&it+has=1");
    assert_eq!(odd.host(), "example.com");
    let semicolon = uri("sip:user;par=u%40example.net@example.com");
    assert_eq!(semicolon.user_text().unwrap(), "user;par=u@example.net");
    assert_eq!(semicolon.params().count(), 0);
}

#[test]
fn an_empty_user_is_none() {
    let anonymous = uri("sip:@192.0.2.1");
    assert_eq!(
        (anonymous.user(), &anonymous.host()[..]),
        (None, &b"192.0.2.1"[..])
    );
    assert!(!anonymous.is_equivalent(&uri("sip:alice@192.0.2.1")));
}

#[test]
fn a_tel_uri_has_a_number_and_no_host() {
    let tel = uri("tel:+1-201-555-0123;phone-context=example.com");
    assert_eq!(tel.scheme(), Scheme::Tel);
    assert_eq!(tel.user().unwrap(), "+1-201-555-0123");
    assert_eq!(tel.host(), "");
    assert!(tel.has_param("phone-context"));
    assert_eq!(error("tel:alice"), UriError::Number);
}

#[test]
fn what_is_no_uri_is_refused_with_its_reason() {
    assert_eq!(error("alice"), UriError::Scheme);
    assert_eq!(error("<sip:a@b>"), UriError::Scheme);
    assert_eq!(error("sip:a b@c"), UriError::Character);
    assert_eq!(error("sip:a\r\nb@c"), UriError::Character);
    assert_eq!(error("sip:"), UriError::Character);
    assert_eq!(error("sip:alice@"), UriError::Host);
    assert_eq!(error("sip:[::1"), UriError::Host);
    assert_eq!(error("sip:[zz]"), UriError::Host);
    assert_eq!(error("sip:host:65536"), UriError::Port);
    assert_eq!(error("sip:host:-1"), UriError::Port);
    assert_eq!(error("sip:host;;lr"), UriError::Parameter);
}

/// RFC 3261 section 19.1.4's own lists.
#[test]
fn the_rfcs_equivalent_uris_are_equivalent() {
    for (one, two) in [
        (
            "sip:%61lice@atlanta.com;transport=TCP",
            "sip:alice@AtLanTa.CoM;Transport=tcp",
        ),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
        (
            "sip:carol@chicago.com;newparam=5",
            "sip:carol@chicago.com;security=on",
        ),
        (
            "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
            "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
        ),
        (
            "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
            "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
        ),
        ("tel:+1-201-555-0123", "tel:+1(201)5550123"),
        ("urn:service:sos", "urn:service:sos"),
    ] {
        assert!(uri(one).is_equivalent(&uri(two)), "{one} {two}");
        assert!(uri(two).is_equivalent(&uri(one)), "{two} {one}");
    }
}

#[test]
fn the_rfcs_different_uris_are_different() {
    for (one, two) in [
        (
            "SIP:ALICE@AtLanTa.CoM;Transport=udp",
            "sip:alice@AtLanTa.CoM;Transport=UDP",
        ),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
        (
            "sip:bob@biloxi.com",
            "sip:bob@biloxi.com:6000;transport=tcp",
        ),
        (
            "sip:carol@chicago.com",
            "sip:carol@chicago.com?Subject=next%20meeting",
        ),
        ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
        (
            "sip:carol@chicago.com;security=off",
            "sip:carol@chicago.com;security=on",
        ),
        ("sip:bob@biloxi.com", "sips:bob@biloxi.com"),
        ("sip:a%2Fb@biloxi.com", "sip:a/b@biloxi.com"),
        ("tel:+12015550123", "tel:12015550123"),
        ("tel:911;phone-context=a", "tel:911;phone-context=b"),
    ] {
        assert!(!uri(one).is_equivalent(&uri(two)), "{one} {two}");
        assert!(!uri(two).is_equivalent(&uri(one)), "{two} {one}");
    }
}

#[test]
fn a_built_uri_reads_back_as_what_it_was_built_of() {
    let built = Uri::parse(&sip(Some("j. user@home#1"), "example.com", Some(5080))).unwrap();
    assert_eq!(built.raw(), "sip:j.%20user%40home%231@example.com:5080");
    assert_eq!(built.user_text().unwrap(), "j. user@home#1");
}
