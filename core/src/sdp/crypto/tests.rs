//! Crypto lines as phones write them, and as nobody should.

use proptest::prelude::*;

use super::*;

/// RFC 4568 section 9.1's kind of line, as phones send it.
const PHONE: &str = "1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";

fn parse(value: &str) -> Result<CryptoAttribute, CryptoError> {
    CryptoAttribute::parse(value)
}

#[test]
fn a_phones_line_is_read_and_written_again() {
    let attribute = parse(PHONE).unwrap();
    assert_eq!(attribute.tag, 1);
    assert_eq!(attribute.key.suite(), CryptoSuite::AesCm128HmacSha1_80);
    assert_eq!(attribute.key.key(), b"YS___semctl () {");
    assert_eq!(attribute.key.salt(), b"\t220;}\n}\nunles");
    assert_eq!(attribute.key.mki(), None);
    assert_eq!(attribute.to_value(), PHONE);
}

#[test]
fn lifetimes_and_identifiers_are_read_in_every_combination() {
    let with = |tail: &str| parse(&format!("{PHONE}{tail}")).map(|read| read.key.mki());
    let mki = |value, length| Ok(Mki::new(value, length));
    assert_eq!(with("|2^20"), Ok(None));
    assert_eq!(with("|1048576"), Ok(None));
    assert_eq!(with("|2^48"), Ok(None));
    assert_eq!(with("|2^31|1:1"), mki(1, 1));
    assert_eq!(with("|1:4"), mki(1, 4));
    assert_eq!(with("|1066:128"), mki(1066, 128));
    for wrong in [
        "|2^49",
        "|2^64",
        "|0",
        "|",
        "|2^",
        "|-1",
        "|+1",
        "|281474976710657",
    ] {
        assert_eq!(with(wrong), Err(CryptoError::Lifetime), "{wrong}");
    }
    for wrong in [
        "|1:0",
        "|1:129",
        "|256:1",
        "|1:",
        "|:1",
        "|1:1|1:1",
        "|1:1|2^20",
    ] {
        assert_eq!(with(wrong), Err(CryptoError::Mki), "{wrong}");
    }
}

#[test]
fn an_identifier_is_as_wide_as_its_key_says() {
    let bytes = |value, length| -> Vec<u8> { Mki::new(value, length).unwrap().bytes().collect() };
    assert_eq!(bytes(1, 1), [1]);
    assert_eq!(bytes(0x1234, 4), [0, 0, 0x12, 0x34]);
    assert_eq!(
        bytes(u64::MAX, 10),
        [0, 0, 255, 255, 255, 255, 255, 255, 255, 255]
    );
}

#[test]
fn gcm_keys_are_read_with_and_without_padding() {
    let key = MasterKey::new(CryptoSuite::AeadAes128Gcm, &[7; 28]).unwrap();
    let value = CryptoAttribute { tag: 3, key }.to_value();
    assert!(value.ends_with("=="), "{value}");
    let padded = parse(&value).unwrap();
    assert_eq!(parse(value.trim_end_matches('=')), Ok(padded.clone()));
    assert_eq!(padded.key.salt(), [7; 12]);
    let key = MasterKey::new(CryptoSuite::AeadAes256Gcm, &[9; 44]).unwrap();
    let long = CryptoAttribute {
        tag: 999_999_999,
        key,
    };
    assert_eq!(parse(&long.to_value()), Ok(long));
}

#[test]
fn what_we_cannot_do_is_refused_with_its_reason() {
    let key = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";
    let cases = [
        ("", CryptoError::Tag),
        ("x AES_CM_128_HMAC_SHA1_80 inline:", CryptoError::Tag),
        (
            "1234567890 AES_CM_128_HMAC_SHA1_80 inline:",
            CryptoError::Tag,
        ),
        ("1", CryptoError::Suite),
        ("1 F8_128_HMAC_SHA1_80 inline:", CryptoError::Suite),
        ("1 AES_256_CM_HMAC_SHA1_80 inline:", CryptoError::Suite),
        ("1 AES_CM_128_HMAC_SHA1_80", CryptoError::KeyMethod),
        (
            "1 AES_CM_128_HMAC_SHA1_80 url:http://x",
            CryptoError::KeyMethod,
        ),
        ("1 AES_CM_128_HMAC_SHA1_80 inline:", CryptoError::Key),
        ("1 AES_CM_128_HMAC_SHA1_80 inline:AAAA", CryptoError::Key),
        (
            "1 AES_CM_128_HMAC_SHA1_80 inline:!VNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz",
            CryptoError::Key,
        ),
    ];
    for (value, error) in cases {
        assert_eq!(parse(value), Err(error), "{value}");
    }
    let gcm = format!("1 AEAD_AES_128_GCM inline:{key}");
    assert_eq!(parse(&gcm), Err(CryptoError::Key));
    let two = format!("{PHONE}|2^20|1:4;inline:{key}|2^20|2:4");
    assert_eq!(parse(&two), Err(CryptoError::ManyKeys));
}

#[test]
fn a_parameter_that_weakens_the_stream_makes_the_line_unusable() {
    let weak = [
        "UNENCRYPTED_SRTP",
        "UNENCRYPTED_SRTCP",
        "UNAUTHENTICATED_SRTP",
        "KDR=1",
        "FEC_ORDER=FEC_SRTP",
        "WSH=16",
        "WSH",
        "-",
        "NEW=1",
    ];
    for parameter in weak {
        let value = format!("{PHONE} WSH=128 {parameter}");
        assert_eq!(parse(&value), Err(CryptoError::SessionParameter), "{value}");
    }
    assert!(parse(&format!("{PHONE} WSH=64 -NEW=1")).is_ok());
}

#[test]
fn debug_output_shows_no_key() {
    let keys = SrtpKeys {
        send: MasterKey::new(
            CryptoSuite::AesCm128HmacSha1_80,
            b"thirty bytes that are a secret",
        )
        .unwrap(),
        receive: MasterKey::random(CryptoSuite::AeadAes256Gcm),
    };
    let shown = format!("{keys:?}");
    assert!(shown.contains("AeadAes256Gcm"));
    // Neither as text nor as a list of numbers.
    assert!(
        !shown.contains("secret") && !shown.contains("116"),
        "{shown}"
    );
}

#[test]
fn random_keys_differ_and_fill_their_whole_length() {
    for &suite in CryptoSuite::ALL {
        let [one, other] = [(); 2].map(|()| MasterKey::random(suite));
        assert_ne!(one, other);
        assert_ne!(one.salt(), vec![0; suite.salt_len()]);
        assert_eq!(
            CryptoSuite::from_name(&suite.name().to_lowercase()),
            Some(suite)
        );
    }
}

#[test]
fn an_erased_key_is_zeros() {
    let mut key = MasterKey::random(CryptoSuite::AeadAes128Gcm);
    key.zeroize();
    assert_eq!(key.bytes, [0; MAX_KEY_AND_SALT]);
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(value in "\\PC{0,120}") {
        crate::sdp::fuzz::sdes(value.as_bytes());
    }

    #[test]
    fn any_change_of_a_real_line_is_read_or_refused(
        at in 0usize..PHONE.len(), text in "[ -~]{0,6}", end in "[|:;=0-9A-Z ^-]{0,20}",
    ) {
        let mut value = format!("{PHONE}{end}");
        value.insert_str(at, &text);
        crate::sdp::fuzz::sdes(value.as_bytes());
        crate::sdp::fuzz::sdes(format!("{value}\n{PHONE}\n{PHONE}").as_bytes());
    }
}
