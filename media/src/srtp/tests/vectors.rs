//! Numbers that others published: RFC 3711 appendix B, RFC 7714 sections 16 and 17, and the
//! reference packets of libsrtp, which every other implementation reproduces.

use aes::cipher::KeyInit;

use super::*;
use crate::srtp::cipher::{Cipher, Place, keystream};
use crate::srtp::derive::{Part, Purpose, derive};
use crate::srtp::wide::Wide;

fn hex(text: &str) -> Vec<u8> {
    let text: String = text.split_ascii_whitespace().collect();
    let byte = |place| u8::from_str_radix(&text[place..place + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(byte).collect()
}

/// The master key and salt of RFC 3711 appendix B.3, and of libsrtp.
fn rfc3711(suite: CryptoSuite) -> MasterKey {
    let bytes = hex("E1F97A0D3E018BE0D64FA32C06DE4139 0EC675AD498AFEEBB6960B3AABE6");
    MasterKey::new(suite, &bytes).unwrap()
}

/// libsrtp's key for GCM.
fn gcm() -> MasterKey {
    let bytes = hex("000102030405060708090a0b0c0d0e0f a0a1a2a3a4a5a6a7a8a9aaab");
    MasterKey::new(CryptoSuite::AeadAes128Gcm, &bytes).unwrap()
}

/// RFC 3711 appendix B.2.
#[test]
fn rfc3711_b2_keystream() {
    let key: [u8; 16] = hex("2B7E151628AED2A6ABF7158809CF4F3C").try_into().unwrap();
    let counter = hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD0000").try_into().unwrap();
    // The longest packet there is: the last block is number 0xFF01.
    let mut bytes = vec![0; 0xFF02 * 16];
    keystream(&Wide::new((&key).into()), counter, &mut bytes);
    let first = "E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB
         41E95B3BB0A2E8DD477901E4FCA894C0";
    assert_eq!(bytes[..48], hex(first));
    let last = "EC8CDF7398607CB0F2D21675EA9EA1E4 362B7C3C6773516318A077D7FC5073AE
         6A2CC3787889374FBEB4C81B17BA6C44";
    assert_eq!(bytes[0xFEFF * 16..], hex(last));
}

/// RFC 3711 appendix B.3.
#[test]
fn rfc3711_b3_session_keys() {
    let master = rfc3711(CryptoSuite::AesCm128HmacSha1_80);
    let key = derive::<16>(&master, Purpose::Rtp, Part::Encryption);
    assert_eq!(key[..], hex("C61E7A93744F39EE10734AFE3FF7A087"));
    let salt = derive::<14>(&master, Purpose::Rtp, Part::Salt);
    assert_eq!(salt[..], hex("30CBBC08863D8C85D49DB34A9AE1"));
    let auth = derive::<94>(&master, Purpose::Rtp, Part::Authentication);
    let expected = "CEBE321F6FF7716B6FD4AB49AF256A15 6D38BAA48F0A0ACF3C34E2359E6CDBCE
         E049646C43D9327AD175578EF7227098 6371C10C9A369AC2F94A8C5FBCDDDC25
         6D6E919A48B610EF17C2041E47403576 6B68642C59BBFC2F34DB60DBDFB2";
    assert_eq!(auth[..], hex(expected));
}

#[test]
fn libsrtps_reference_packets_with_an_80_bit_tag() {
    let master = rfc3711(CryptoSuite::AesCm128HmacSha1_80);
    let plain = hex("800f1234decafbadcafebabe abababababababababababababababab");
    let sealed = hex("800f1234decafbadcafebabe
         4e55dc4ce79978d88ca4d215949d2402 b78d6acc99ea179b8dbb");
    assert_eq!(protect(&mut SrtpSender::new(&master), &plain), sealed);
    assert_eq!(
        unprotect(&mut SrtpReceiver::new(&master), &sealed),
        Ok(plain)
    );
    let plain = hex("81c8000bcafebabe abababababababababababababababab");
    let sealed = hex("81c8000bcafebabe
         7128035be487b9bdbef89041f977a5a8 80000001 993e08cd54d6c1230798");
    // The first RTCP packet has index 0 (RFC 3711 section 3.2.1); theirs is the second.
    let mut sender = SrtpSender::new(&master);
    protect_rtcp(&mut sender, &plain);
    assert_eq!(protect_rtcp(&mut sender, &plain), sealed);
    assert_eq!(
        unprotect_rtcp(&mut SrtpReceiver::new(&master), &sealed),
        Ok(plain)
    );
}

#[test]
fn libsrtps_reference_packets_with_an_empty_payload_and_an_extension() {
    let master = rfc3711(CryptoSuite::AesCm128HmacSha1_80);
    let empty = hex("800f1234decafbadcafebabe");
    let sealed = hex("800f1234decafbadcafebabe773c2e1cd91d590d16e5");
    assert_eq!(protect(&mut SrtpSender::new(&master), &empty), sealed);
    assert_eq!(
        unprotect(&mut SrtpReceiver::new(&master), &sealed),
        Ok(empty)
    );
    // An extension is authenticated, and stays as it is.
    let extended = hex("900f1234decafbadcafebabe bede0001 17414273
         abababababababababababababababab");
    let sealed = protect(&mut SrtpSender::new(&master), &extended);
    assert_eq!(sealed[..20], extended[..20]);
    assert_eq!(sealed[20..36], hex("4e55dc4ce79978d88ca4d215949d2402"));
    let mut lied = sealed.clone();
    lied[17] ^= 1;
    let mut receiver = SrtpReceiver::new(&master);
    assert_eq!(unprotect(&mut receiver, &lied), Err(SrtpError::Forged));
    assert_eq!(unprotect(&mut receiver, &sealed), Ok(extended));
}

#[test]
fn a_32_bit_tag_is_the_beginning_of_the_80_bit_one_and_rtcp_keeps_80() {
    let master = rfc3711(CryptoSuite::AesCm128HmacSha1_32);
    let plain = hex("800f1234decafbadcafebabe abababababababababababababababab");
    let sealed = hex("800f1234decafbadcafebabe 4e55dc4ce79978d88ca4d215949d2402 b78d6acc");
    let mut sender = SrtpSender::new(&master);
    assert_eq!(protect(&mut sender, &plain), sealed);
    assert_eq!(
        unprotect(&mut SrtpReceiver::new(&master), &sealed),
        Ok(plain)
    );
    let report = rtcp(7);
    let sealed = protect_rtcp(&mut sender, &report);
    assert_eq!(sealed.len(), report.len() + 4 + 10);
}

#[test]
fn libsrtps_reference_packets_with_gcm() {
    let master = gcm();
    let plain = hex("800f1234decafbadcafebabe abababababababababababababababab");
    let sealed = hex("800f1234decafbadcafebabe
         c5002ede04cfdd2eb91159e0880aa06e d2976826f796b201df3131a127e8a392");
    assert_eq!(protect(&mut SrtpSender::new(&master), &plain), sealed);
    assert_eq!(
        unprotect(&mut SrtpReceiver::new(&master), &sealed),
        Ok(plain)
    );
    let plain = hex("81c8000bcafebabe abababababababababababababababab");
    let sealed = hex("81c8000bcafebabe
         c98b8b5df0392a55852b6c21ac8e7025 c52c6fbea2b3b446ea31123ba88ce61e 80000001");
    let mut sender = SrtpSender::new(&master);
    protect_rtcp(&mut sender, &plain);
    assert_eq!(protect_rtcp(&mut sender, &plain), sealed);
    assert_eq!(
        unprotect_rtcp(&mut SrtpReceiver::new(&master), &sealed),
        Ok(plain)
    );
}

const RTP: &str = "8040f17b8041f8d35501a0b2
     47616c6c696120657374206f6d6e69732064697669736120696e207061727465732074726573";
const RTCP: &str = "81c8000d4d617273
     4e5450314e545032525450200000042a0000e9304c756e61deadbeefdeadbeefdeadbeefdeadbeefdeadbeef";

/// RFC 7714's vectors start from session keys.
fn rfc7714(key: &str) -> Cipher {
    Cipher::from_session_keys(&hex(key), &hex("517569642070726f2071756f"))
}

const KEY_128: &str = "000102030405060708090a0b0c0d0e0f";
const KEY_256: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

fn check_rtp(key: &str, sealed: &str) {
    let (cipher, plain) = (rfc7714(key), hex(RTP));
    let place = Place {
        ssrc: 0x5501_a0b2,
        index: 0xf17b,
    };
    let mut packet = plain.clone();
    packet.resize(plain.len() + TRAILER_LEN, 0);
    let length = cipher.seal_rtp(&mut packet, 12, plain.len(), place);
    packet.truncate(length);
    assert_eq!(packet, hex(sealed));
    assert_eq!(cipher.open_rtp(&mut packet, 12, place), Ok(plain.len()));
    assert_eq!(packet[..plain.len()], plain);
}

fn check_rtcp(key: &str, sealed: &str) {
    let (cipher, plain) = (rfc7714(key), hex(RTCP));
    let place = Place {
        ssrc: 0x4d61_7273,
        index: 0x5d4,
    };
    let mut packet = plain.clone();
    packet.resize(plain.len() + TRAILER_LEN, 0);
    let length = cipher.seal_rtcp(&mut packet, plain.len(), place);
    packet.truncate(length);
    assert_eq!(packet, hex(sealed));
    assert_eq!(cipher.open_rtcp(&mut packet, place.ssrc), Ok(plain.len()));
    assert_eq!(packet[..plain.len()], plain);
}

/// RFC 7714 section 16.
#[test]
fn rfc7714_16_1_and_16_2_rtp() {
    check_rtp(
        KEY_128,
        "8040f17b8041f8d35501a0b2
         f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833
         899d7f27beb16a9152cf765ee4390cce",
    );
    check_rtp(
        KEY_256,
        "8040f17b8041f8d35501a0b2
         32b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a0276ffae0f1ba63799b87b
         7aa3db36dfffd6b0f9bb7878d7a76c13",
    );
}

/// RFC 7714 section 17.
#[test]
fn rfc7714_17_1_and_17_2_rtcp() {
    check_rtcp(
        KEY_128,
        "81c8000d4d617273 63e94885dcdab67ca727d7662f6b7e99
         7ff5c0f76c06f32dc676a5f1730d6fda 4ce09b4686303ded0bb9275b
         c84aa45896cf4d2fc5abf87245d9eade 800005d4",
    );
    check_rtcp(
        KEY_256,
        "81c8000d4d617273 d50ae4d1f5ce5d304ba297e47d470c28
         2c3ece5dbffe0a50a2eaa5c1110555be 8415f658c61de0476f1b6fad
         1d1eb30c4446839f57ff6f6cb26ac3be 800005d4",
    );
}

#[test]
fn rfc7714_17_3_and_17_4_rtcp_that_is_authenticated_alone() {
    let tags = [
        (KEY_128, "841dd9683dd78ec92ae58790125f62b3"),
        (KEY_256, "91db4afbfeee5a978fab4393ed2615fe"),
    ];
    for (key, tag) in tags {
        let mut packet = hex(RTCP);
        packet.extend(hex(tag));
        packet.extend(hex("000005d4"));
        let sent = packet.clone();
        let cipher = rfc7714(key);
        assert_eq!(cipher.open_rtcp(&mut packet, 0x4d61_7273), Ok(52));
        assert_eq!(packet, sent);
        packet[30] ^= 1;
        let sent = packet.clone();
        assert_eq!(
            cipher.open_rtcp(&mut packet, 0x4d61_7273),
            Err(SrtpError::Forged)
        );
        assert_eq!(packet, sent);
    }
}
