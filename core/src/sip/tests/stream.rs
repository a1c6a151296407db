use super::{options, wire};
use crate::sip::Message;
use crate::sip::parse::{MAX_HEAD, MAX_MESSAGE};
use crate::sip::stream::{Frame, FrameError, StreamParser};

fn frames(parser: &mut StreamParser) -> Vec<Frame> {
    std::iter::from_fn(|| parser.poll_frame().unwrap()).collect()
}

fn messages() -> [bytes::Bytes; 3] {
    [
        wire(&(options("Content-Length: 5") + "\nhello")),
        wire(&(options("l:\n 2") + "\n\n")),
        wire(&(options("") + "\n")),
    ]
}

/// RFC 3261 section 18.3.
#[test]
fn a_stream_is_cut_the_same_way_however_it_arrives() {
    let [one, two, three] = messages();
    let stream = [&one[..], b"\r\n\r\n", &two, b"\r\n", &three].concat();
    let expected = [
        Frame::Message(one),
        Frame::KeepAlive,
        Frame::Message(two),
        Frame::Message(three),
    ];
    for size in 1..=stream.len() {
        let mut parser = StreamParser::new();
        let mut got = Vec::new();
        for chunk in stream.chunks(size) {
            parser.push(chunk);
            got.extend(frames(&mut parser));
        }
        assert_eq!(got, expected, "in chunks of {size}");
        assert_eq!(parser.pending(), 0);
    }
}

#[test]
fn a_frame_is_a_message_the_parser_reads_whole() {
    let mut parser = StreamParser::new();
    parser.push(&messages()[0]);
    let Some(Frame::Message(data)) = parser.poll_frame().unwrap() else {
        panic!("no message")
    };
    let Ok(Message::Request(request)) = Message::parse(&data) else {
        panic!("no request")
    };
    assert_eq!(request.body, "hello");
}

/// RFC 3261 section 18.3.
#[test]
fn a_lying_content_length_ends_the_stream_at_once() {
    for lie in ["-1", "18446744073709551615", "x", "", "5\r\nl: 6"] {
        let mut parser = StreamParser::new();
        parser.push(&wire(&(options(&format!("Content-Length: {lie}")) + "\n")));
        assert_eq!(parser.poll_frame(), Err(FrameError::ContentLength), "{lie}");
        parser.push(&messages()[0]);
        assert_eq!(parser.poll_frame(), Err(FrameError::ContentLength), "{lie}");
        assert_eq!(parser.pending(), 0);
    }
    let mut parser = StreamParser::new();
    parser.push(&wire(&(options(&format!("l: {MAX_MESSAGE}")) + "\n")));
    assert_eq!(parser.poll_frame(), Err(FrameError::MessageTooLarge));
}

/// RFC 3261 section 7.5.
#[test]
fn line_breaks_before_a_message_are_no_part_of_it() {
    let mut parser = StreamParser::new();
    for breaks in ["\r", "\n", "\r\n\r"] {
        parser.push(breaks.as_bytes());
        parser.poll_frame().unwrap();
        assert!(!parser.is_mid_message(), "{breaks:?}");
    }
    parser.push(b"O");
    parser.poll_frame().unwrap();
    assert!(parser.is_mid_message());
}

/// RFC 3261 section 18.3.
#[test]
fn a_head_that_never_ends_is_cut_off() {
    let mut parser = StreamParser::new();
    let mut pushed = 0;
    let end = loop {
        parser.push(&[b'x'; 1000]);
        pushed += 1000;
        if let Err(error) = parser.poll_frame() {
            break error;
        }
    };
    assert_eq!(end, FrameError::HeadTooLarge);
    assert!(pushed < MAX_HEAD + 2000);
    let mut parser = StreamParser::new();
    parser.push(&[b'\n'; 1_000_000]);
    assert_eq!(frames(&mut parser), []);
    assert_eq!(parser.pending(), 0);
}
