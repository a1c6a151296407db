use super::*;
use crate::sip::status::phrase;
use crate::test_time::epoch;

const INTERVAL: Duration = Duration::from_secs(30);

/// A carrier that is asked every thirty seconds, down after 3 failures, up after 2 answers.
struct Asked {
    qualify: Qualify,
    now: Instant,
}

fn target() -> QualifyTarget {
    QualifyTarget {
        uri: "sip:carrier.example".into(),
        from: "sip:office@carrier.example".into(),
        contact: "<sip:trunk@192.0.2.1>".into(),
        routes: vec!["<sip:proxy.example;lr>".into()],
        product: "Offhook".into(),
    }
}

fn rule() -> TrunkQualify {
    TrunkQualify {
        interval: Some(INTERVAL),
        ..TrunkQualify::default()
    }
}

impl Asked {
    fn new() -> Self {
        let now = epoch();
        let qualify = Qualify::new(now, rule(), target(), IdSource::seeded(7)).unwrap();
        Self { qualify, now }
    }

    /// Time goes on to the next question.
    fn question(&mut self) -> (u32, Request) {
        loop {
            if let Some(QualifyEffect::Send { tag, request, .. }) = self.qualify.poll_effect() {
                return (tag, *request);
            }
            self.now = self.qualify.poll_timeout().unwrap();
            self.qualify.handle_timeout(self.now);
        }
    }

    fn answered(&mut self, status: u16) -> Option<QualifyEffect> {
        let (tag, request) = self.question();
        let response = Response::to(&request, status, phrase(status));
        self.now += Duration::from_millis(20);
        self.qualify.handle(self.now, tag, Ok(&response));
        self.qualify.poll_effect()
    }

    fn failed(&mut self) -> Option<QualifyEffect> {
        let (tag, _) = self.question();
        self.qualify
            .handle(self.now, tag, Err(TxnFailure::Transport));
        self.qualify.poll_effect()
    }
}

/// RFC 3261 section 11.1.
#[test]
fn the_question_is_a_whole_request_by_way_of_the_proxy() {
    let mut asked = Asked::new();
    let mut sent = None;
    while sent.is_none() {
        asked.now = asked.qualify.poll_timeout().unwrap();
        asked.qualify.handle_timeout(asked.now);
        sent = asked.qualify.poll_effect();
    }
    let Some(QualifyEffect::Send {
        mut request,
        next_hop,
        ..
    }) = sent
    else {
        panic!("a question");
    };
    assert_eq!(next_hop.uri, "sip:proxy.example;lr");
    assert_eq!(request.uri, "sip:carrier.example");
    request
        .headers
        .push_front(HeaderName::Via, "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1");
    assert_eq!(request.check(), Ok(()));
}

#[test]
fn any_answer_but_503_and_408_shows_that_the_carrier_is_there() {
    for status in [200, 404, 405, 403, 501] {
        assert_eq!(Asked::new().answered(status), Some(QualifyEffect::Up));
    }
    for status in [503, 408] {
        let mut asked = Asked::new();
        assert_eq!(asked.answered(status), None);
        assert_eq!(
            asked.qualify.last_failure(),
            Some(QualifyFailure::Unavailable(status))
        );
    }
}

#[test]
fn it_takes_several_failures_to_be_down_and_several_answers_to_be_up_again() {
    let mut asked = Asked::new();
    assert_eq!(asked.answered(200), Some(QualifyEffect::Up));
    assert_eq!(asked.failed(), None);
    assert_eq!(asked.failed(), None);
    assert_eq!(asked.answered(200), None, "one answer forgives");
    assert_eq!(asked.failed(), None);
    assert_eq!(asked.failed(), None);
    assert_eq!(asked.qualify.state(), Reachability::Up);
    let down = QualifyEffect::Down(QualifyFailure::Unreachable);
    assert_eq!(asked.failed(), Some(down));
    assert_eq!(asked.failed(), None, "said once");
    assert_eq!(asked.answered(200), None);
    assert_eq!(asked.failed(), None);
    assert_eq!(asked.answered(200), None);
    assert_eq!(asked.answered(200), Some(QualifyEffect::Up));
    assert_eq!(asked.qualify.last_failure(), None);
}

#[test]
fn silence_is_a_failure_and_a_late_answer_is_none_at_all() {
    let mut asked = Asked::new();
    let (first, request) = asked.question();
    let sent = asked.now;
    asked.now = asked.qualify.poll_timeout().unwrap();
    assert_eq!(asked.now - sent, PATIENCE);
    asked.qualify.handle_timeout(asked.now);
    assert_eq!(asked.qualify.last_failure(), Some(QualifyFailure::Silent));
    let late = Response::to(&request, 200, "OK");
    asked.qualify.handle(asked.now, first, Ok(&late));
    assert_eq!(asked.qualify.state(), Reachability::Unknown);
    let (second, _) = asked.question();
    assert_ne!(first, second);
    assert_eq!(asked.now - sent, INTERVAL);
}

#[test]
fn a_short_interval_counts_each_unanswered_question_once() {
    let now = epoch();
    let rule = TrunkQualify {
        interval: Some(Duration::from_secs(1)),
        ..TrunkQualify::default()
    };
    let mut qualify = Qualify::new(now, rule, target(), IdSource::seeded(1)).unwrap();
    let (mut questions, mut down_at) = (0, None);
    while down_at.is_none() {
        qualify.handle_timeout(qualify.poll_timeout().unwrap());
        while let Some(effect) = qualify.poll_effect() {
            match effect {
                QualifyEffect::Send { .. } => questions += 1,
                QualifyEffect::Down(_) => down_at = Some(questions),
                QualifyEffect::Up => panic!("nobody answered"),
            }
        }
    }
    assert_eq!(down_at, Some(3));
}

#[test]
fn the_round_trip_is_measured() {
    let mut asked = Asked::new();
    asked.answered(200);
    assert_eq!(asked.qualify.round_trip(), Some(Duration::from_millis(20)));
}

#[test]
fn trunks_do_not_all_ask_at_once() {
    let now = epoch();
    let first = |seed| {
        let qualify = Qualify::new(now, rule(), target(), IdSource::seeded(seed)).unwrap();
        qualify.poll_timeout().unwrap() - now
    };
    let early = (0..100).filter(|seed| first(*seed) < INTERVAL / 2).count();
    assert!((0..100).all(|seed| first(seed) < INTERVAL));
    assert!((30..70).contains(&early), "{early}");
}

#[test]
fn without_an_interval_nobody_is_asked() {
    let never = TrunkQualify::default();
    assert!(Qualify::new(epoch(), never, target(), IdSource::seeded(1)).is_none());
}
