//! Nothing a peer writes makes us panic, or hold more than it wrote.

use proptest::prelude::*;

use super::*;
use crate::sdp::fuzz;

#[test]
fn the_corpus_passes_the_fuzz_bodies() {
    for sdp in CORPUS {
        fuzz::sdp_offer(sdp.as_bytes());
        fuzz::sdp_answer(sdp.as_bytes());
    }
}

#[test]
fn hundreds_of_sections_are_refused() {
    let mut sdp = audio("0", &[]);
    for _ in 0..500 {
        sdp.push_str("m=video 0 RTP/AVP 31\r\n");
    }
    let error = ours().receive_offer(sdp.as_bytes()).unwrap_err();
    assert_eq!(error, SdpError::TooManyMedia { count: 501 });
    assert_eq!(error.sip_status(), 488);
}

#[test]
fn hundreds_of_formats_are_read_once() {
    let formats: Vec<_> = (0..9000).map(|n| (n % 300).to_string()).collect();
    let maps: Vec<_> = (0..2000)
        .map(|n| format!("a=rtpmap:{} X{n}/8000", 96 + n % 32))
        .collect();
    let maps: Vec<_> = maps.iter().map(String::as_str).collect();
    let sdp = audio(&formats.join(" "), &maps[..500]);
    let (answer, agreed) = answer(&mut ours(), &sdp);
    assert_eq!(agreed.codec, Codec::Pcmu);
    assert!(answer.len() < 300, "{answer}");
    let long = audio(&formats.join(" "), &maps);
    let error = ours().receive_offer(long.as_bytes()).unwrap_err();
    assert!(matches!(error, SdpError::TooLong { .. }), "{error}");
}

fn seed() -> impl Strategy<Value = &'static str> {
    (0..CORPUS.len()).prop_map(|place| CORPUS[place])
}

/// What a mutation does at a place of the seed.
#[derive(Debug, Clone)]
enum Change {
    Byte(u8),
    Remove(usize),
    Repeat(usize),
    Insert(&'static str),
}

fn change() -> impl Strategy<Value = (prop::sample::Index, Change)> {
    let tokens = [
        "\r\n",
        "m=audio 1 RTP/AVP 0\r\n",
        "a=",
        ":",
        "/",
        "0",
        "-1",
        "99999999999",
        " ",
        "\0",
        "c=IN IP4 0.0.0.0\r\n",
        "a=inactive\r\n",
        "a=rtpmap:0 PCMA/8000\r\n",
        "a=rtcp:1\r\n",
        "a=rtpmap:96 opus/48000/2\r\na=fmtp:96 maxplaybackrate=1;stereo=1\r\n",
        "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n",
        "S",
    ];
    let change = prop_oneof![
        any::<u8>().prop_map(Change::Byte),
        (1_usize..40).prop_map(Change::Remove),
        (1_usize..80).prop_map(Change::Repeat),
        prop::sample::select(tokens.to_vec()).prop_map(Change::Insert),
    ];
    (any::<prop::sample::Index>(), change)
}

fn mutated(seed: &str, changes: &[(prop::sample::Index, Change)]) -> Vec<u8> {
    let mut bytes = seed.as_bytes().to_vec();
    for (place, change) in changes {
        if bytes.is_empty() {
            break;
        }
        let at = place.index(bytes.len());
        match change {
            Change::Byte(byte) => bytes[at] = *byte,
            Change::Remove(count) => drop(bytes.drain(at..(at + count).min(bytes.len()))),
            Change::Repeat(count) => {
                let piece = bytes[at..(at + count).min(bytes.len())].to_vec();
                bytes.splice(at..at, piece);
            }
            Change::Insert(token) => drop(bytes.splice(at..at, token.bytes())),
        }
    }
    bytes
}

/// Negotiations start with what `wish` a side has; directions, preference and codecs at random.
fn wish() -> impl Strategy<Value = MediaWish> {
    let direction = prop::sample::select(Direction::ALL);
    let prefer = prop::option::of(prop::sample::select(Codec::ALL));
    (direction, prefer).prop_map(|(direction, prefer)| MediaWish {
        direction,
        prefer,
        insist: false,
        heard_up_to: None,
    })
}

fn codecs() -> impl Strategy<Value = Vec<Codec>> {
    prop::sample::select(vec![
        vec![Codec::Pcmu],
        vec![Codec::Pcma],
        vec![Codec::Pcmu, Codec::Pcma],
        vec![Codec::Pcma, Codec::Pcmu],
        vec![Codec::Opus, Codec::L16Narrow],
        vec![Codec::G722, Codec::Opus, Codec::Pcmu],
        vec![Codec::L16Wide, Codec::Opus],
        Codec::ALL.to_vec(),
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn no_mutation_of_a_real_description_breaks_a_promise(
        seed in seed(),
        changes in prop::collection::vec(change(), 0..6),
    ) {
        let bytes = mutated(seed, &changes);
        fuzz::sdp_offer(&bytes);
        fuzz::sdp_answer(&bytes);
    }

    #[test]
    fn any_two_sides_end_up_agreeing(
        ours in codecs(),
        theirs in codecs(),
        policies in prop::array::uniform2(prop::sample::select(SrtpPolicy::ALL)),
        wishes in prop::collection::vec((wish(), wish(), any::<bool>()), 1..6),
    ) {
        let mut local = g711("192.0.2.1:20000", 1).with_codecs(&ours);
        local.srtp = policies[0];
        let mut alice = MediaNegotiation::new(local);
        let mut local = g711("192.0.2.2:30000", 2).with_codecs(&theirs);
        local.srtp = policies[1];
        let insists = |policy| policy == SrtpPolicy::Required;
        let mut bob = MediaNegotiation::new(local);
        for (offers, answers, alice_offers) in wishes {
            let (from, to) = if alice_offers {
                (&mut alice, &mut bob)
            } else {
                (&mut bob, &mut alice)
            };
            let offer = from.create_offer(offers).unwrap();
            if to.receive_offer(&offer).is_err() {
                let apart = ours.iter().all(|codec| !theirs.contains(codec));
                prop_assert!(apart || policies.into_iter().any(insists));
                from.rollback();
                continue;
            }
            let answer = to.create_answer(answers).unwrap();
            let one = from.receive_answer(&answer.sdp).unwrap();
            let other = answer.media.unwrap();
            prop_assert_eq!(one.codec, other.codec);
            prop_assert_eq!(one.ptime, other.ptime);
            let keys = one.srtp.as_deref().map(|keys| (&keys.send, &keys.receive));
            let others = other.srtp.as_deref().map(|keys| (&keys.receive, &keys.send));
            prop_assert_eq!(keys, others);
            prop_assert!(keys.is_some() || !policies.into_iter().any(insists));
            prop_assert_eq!(one.payload_type, other.receive_payload_type);
            prop_assert_eq!(one.receive_payload_type, other.payload_type);
            prop_assert_eq!(one.telephone_event, other.receive_telephone_event);
            prop_assert_eq!(one.receive_telephone_event, other.telephone_event);
            prop_assert_eq!(one.telephone_event_rate, one.codec.clock_rate());
            prop_assert_eq!(one.comfort_noise, other.receive_comfort_noise);
            prop_assert_eq!(one.receive_comfort_noise, other.comfort_noise);
            prop_assert_eq!(one.direction, other.direction.reversed());
            prop_assert_eq!(one.direction, offers.direction.and(answers.direction.reversed()));
        }
    }
}
