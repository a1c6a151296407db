//! Offers and answers as peers really write them, and what we make of them.

mod answers;
mod codecs;
mod offers;
mod protection;
mod robustness;
mod sequences;

use std::net::SocketAddr;

use super::*;

/// The descriptions that are tests, fuzz seeds and mutation seeds at once.
macro_rules! corpus {
    ($($name:ident = $file:literal;)*) => {
        $(pub(super) const $name: &str =
            include_str!(concat!("../../../../tests/corpus/sdp/", $file));)*
        pub(super) const CORPUS: &[&str] = &[$($name),*];
    };
}

corpus! {
    RFC3264_10_1 = "rfc3264_10_1.sdp";
    RFC3264_10_2 = "rfc3264_10_2.sdp";
    RFC4317_2_1 = "rfc4317_2_1.sdp";
    RFC4317_2_4 = "rfc4317_2_4.sdp";
    RFC4317_4_1 = "rfc4317_4_1.sdp";
    SIPP = "sipp_uac.sdp";
    BARESIP = "baresip.sdp";
    LINPHONE = "linphone.sdp";
    ASTERISK = "asterisk.sdp";
    CHROMIUM = "chromium.sdp";
    SDES = "sdes_best_effort.sdp";
    IPV6 = "ipv6.sdp";
    DYNAMIC_PCMU = "dynamic_pcmu.sdp";
    HOLD_2543 = "hold_2543_lf_only.sdp";
    WIDEBAND = "wideband_phone.sdp";
    SAVP = "savp_phone.sdp";
    AVP_CRYPTO = "avp_with_crypto.sdp";
    BROKEN_KEYS = "broken_keys.sdp";
    T38_ALONE = "t38_alone.sdp";
    T38_BESIDE = "t38_beside_removed_audio.sdp";
}

fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// A side there that speaks G.711.
fn g711(rtp: &str, session: u64) -> LocalMedia {
    LocalMedia::new(addr(rtp), session).with_codecs(&[Codec::Pcmu, Codec::Pcma])
}

/// A leg of ours on 192.0.2.1:20000.
fn ours() -> MediaNegotiation {
    MediaNegotiation::new(g711("192.0.2.1:20000", 4711))
}

/// The same, which speaks these.
fn speaking(codecs: &[Codec]) -> MediaNegotiation {
    let local = g711("192.0.2.1:20000", 4711);
    MediaNegotiation::new(local.with_codecs(codecs))
}

/// The same, which protects media so.
fn guarded(policy: SrtpPolicy) -> MediaNegotiation {
    let mut local = g711("192.0.2.1:20000", 4711);
    local.srtp = policy;
    MediaNegotiation::new(local)
}

/// What `negotiation` answers to `offer`.
fn answer(negotiation: &mut MediaNegotiation, offer: &str) -> (String, Negotiated) {
    negotiation.receive_offer(offer.as_bytes()).unwrap();
    let answer = negotiation.create_answer(MediaWish::TALK).unwrap();
    (text(&answer.sdp), answer.media.unwrap())
}

fn text(sdp: &[u8]) -> String {
    String::from_utf8(sdp.to_vec()).unwrap()
}

/// The lines that say something about media, without the fixed beginning.
fn media_lines(sdp: &str) -> Vec<&str> {
    sdp.lines()
        .skip_while(|line| !line.starts_with("m="))
        .collect()
}

/// A one-section description with this format list and these extra lines.
fn audio(formats: &str, attributes: &[&str]) -> String {
    let mut sdp = format!(
        "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n\
         m=audio 4000 RTP/AVP {formats}\r\n"
    );
    for attribute in attributes {
        sdp.push_str(attribute);
        sdp.push_str("\r\n");
    }
    sdp
}
