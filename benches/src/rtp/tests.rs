//! Legs that talk to a socket, and hear what is taken from it.

use std::net::SocketAddr;
use std::sync::Arc;

use offhook_core::sdp::Codec;
use offhook_core::sdp::crypto::CryptoSuite;
use offhook_media::rtp::HEADER_LEN;
use offhook_media::srtp::{SrtpReceiver, SrtpSender, TRAILER_LEN};

use super::leg::{Leg, ROOM};
use super::*;
use crate::clock::SECOND;
use crate::socket::Arrived;
use crate::start;

/// A socket that stands for the server.
struct Wire {
    socket: Socket,
    to: SocketAddr,
    talked: RtpFigures,
}

impl Wire {
    fn new() -> Self {
        let socket = Socket::open().unwrap();
        let to = socket.address().unwrap();
        Self {
            socket,
            to,
            talked: RtpFigures::default(),
        }
    }

    fn leg(&self, number: LegNumber, call: u32, says: Says) -> Leg {
        let line = Line {
            says,
            ..Line::marked(call, self.to)
        };
        Leg::new(number, line, None)
    }

    /// What the leg sends next.
    fn carries(&mut self, leg: &mut Leg) -> (Vec<u8>, Arrived) {
        leg.talk(&self.socket, &mut self.talked);
        self.socket.wait(SECOND).unwrap();
        let mut buffer = [0; ROOM];
        let arrived = self.socket.receive(&mut buffer).unwrap();
        (buffer[..arrived.length].to_vec(), arrived)
    }
}

#[test]
fn what_is_missing_late_or_of_another_call_is_told_by_its_mark() {
    let mut wire = Wire::new();
    let mut caller = wire.leg(0, 7, Says::Marks);
    let mut callee = wire.leg(1, 7, Says::Nothing);
    let mut stranger = wire.leg(2, 8, Says::Nothing);
    let (mut heard, mut astray) = (RtpFigures::default(), RtpFigures::default());
    for number in 0..4 {
        let (mut packet, mut arrived) = wire.carries(&mut caller);
        arrived.at += 3 * MS;
        if number != 1 {
            callee.listen(&mut packet, arrived, &mut heard);
        }
        if number == 3 {
            stranger.listen(&mut packet, arrived, &mut astray);
        }
    }
    assert_eq!((wire.talked.sent, heard.heard, callee.lost()), (4, 3, 1));
    assert_eq!((heard.crossed, astray.crossed, stranger.lost()), (0, 1, 0));
    assert!(heard.delays.percentile(1).unwrap() >= 3 * MS);
    assert_eq!(astray.delays.percentile(1000), None);
}

#[test]
fn keys_are_those_the_engine_was_given_and_nothing_else_is_believed() {
    let mut wire = Wire::new();
    for &suite in CryptoSuite::ALL {
        let (agreed, keys) = LineKeys::agree(suite);
        let mut leg = wire.leg(0, 7, Says::Marks);
        leg.line.keys = Some(Box::new(keys));
        let (mut packet, arrived) = wire.carries(&mut leg);
        let mut engine = SrtpReceiver::new(&agreed.receive);
        let length = engine.unprotect_rtp(start(), &mut packet).unwrap();
        let mut figures = RtpFigures::default();
        leg.listen(&mut packet[..length].to_vec(), arrived, &mut figures);
        assert_eq!((figures.forged, leg.lost()), (1, 0));
        assert_eq!(figures.delays.percentile(1000), None);

        packet.resize(length + TRAILER_LEN, 0);
        let mut engine = SrtpSender::new(&agreed.send);
        let length = engine.protect_rtp(&mut packet, length).unwrap();
        leg.listen(&mut packet[..length], arrived, &mut figures);
        assert_eq!((figures.heard, figures.forged), (2, 1));
        assert!(figures.delays.percentile(1000).is_some(), "{suite}");
    }
}

#[test]
fn a_word_is_heard_once_a_second_in_every_codec_and_nothing_else_is_one() {
    for codec in [Codec::Pcmu, Codec::G722, Codec::Opus] {
        let mut wire = Wire::new();
        let word = Arc::new(Word::default());
        let clip = Arc::new(Clip::with_word(codec).unwrap());
        let mut talker = wire.leg(0, 7, Says::Word(clip, Arc::clone(&word)));
        let mut ear = Ear::new(codec, &word).unwrap();
        let mut heard = Vec::new();
        for number in 0..150 {
            let (packet, arrived) = wire.carries(&mut talker);
            let delay = ear.hear(&packet[HEADER_LEN..], arrived.at);
            heard.extend(delay.map(|_| number));
        }
        assert_eq!(heard.len(), 3, "{codec:?} heard {heard:?}");
        assert!(
            heard.windows(2).all(|two| two[1] - two[0] == 50),
            "{heard:?}"
        );
    }
}

#[test]
fn five_who_talk_at_once_are_no_word() {
    let mut loudest = 0;
    let tones: Vec<Clip> = (0..5)
        .map(|voice| Clip::tone(Codec::Pcmu, voice).unwrap())
        .collect();
    for number in 0..50 {
        let law = offhook_media::codec::Law::Mu;
        for at in 0..160 {
            let samples = tones.iter().map(|tone| {
                let (payload, _) = tone.packet(number);
                i32::from(law.decode(payload[at]))
            });
            loudest = loudest.max(samples.sum::<i32>().abs());
        }
    }
    assert!(loudest < i32::from(clip::LOUD), "{loudest}");
}
