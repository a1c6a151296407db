use super::*;
use crate::pii::Secret;
use crate::sip::status::phrase;
use crate::test_time::epoch;

/// A client in virtual time, and the last request it sent.
struct Trunk {
    client: RegisterClient,
    now: Instant,
    told: Vec<RegisterEffect>,
    sent: Option<(u32, Request, NextHop)>,
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn config(registrars: &[&str]) -> RegisterConfig {
    let registrar = |uri: &&str| Registrar {
        uri: (*uri).to_owned().into(),
        contact: "<sip:trunk_1@192.0.2.1:5060>".into(),
    };
    RegisterConfig {
        registrars: registrars.iter().map(registrar).collect(),
        aor: "sip:office@carrier.example".into(),
        expires: seconds(600),
        credentials: Some(Credentials {
            username: "office".to_owned(),
            password: Secret::new("secret".to_owned()),
        }),
        routes: Vec::new(),
        product: "Offhook".into(),
    }
}

impl Trunk {
    fn with(config: RegisterConfig, seed: u64) -> Self {
        let now = epoch();
        let client = RegisterClient::new(now, config, IdSource::seeded(seed));
        let mut trunk = Self {
            client,
            now,
            told: Vec::new(),
            sent: None,
        };
        trunk.collect();
        trunk
    }

    fn new(registrars: &[&str]) -> Self {
        Self::with(config(registrars), 1)
    }

    fn collect(&mut self) {
        while let Some(effect) = self.client.poll_effect() {
            match effect {
                RegisterEffect::Send {
                    tag,
                    request,
                    next_hop,
                } => self.sent = Some((tag, *request, next_hop)),
                told
                @ (RegisterEffect::Registered { .. } | RegisterEffect::Unregistered { .. }) => {
                    self.told.push(told);
                }
            }
        }
    }

    /// The request that waits for an answer.
    fn asks(&self) -> &Request {
        &self.sent.as_ref().expect("a request").1
    }

    fn header(&self, name: &HeaderName) -> String {
        let value = self.asks().headers.get(name).expect("a header");
        String::from_utf8_lossy(value).into_owned()
    }

    fn answer(&mut self, status: u16, headers: &[(HeaderName, &'static str)]) {
        let (tag, request, _) = self.sent.take().expect("a request");
        let mut response = Response::to(&request, status, phrase(status));
        for (name, value) in headers {
            response.headers.push(name.clone(), *value);
        }
        self.client.handle(self.now, tag, Ok(&response));
        self.collect();
    }

    fn fails(&mut self, failure: TxnFailure) {
        let (tag, ..) = self.sent.take().expect("a request");
        self.client.handle(self.now, tag, Err(failure));
        self.collect();
    }

    /// Time goes on to whatever is due; how long that took.
    fn waits(&mut self) -> Duration {
        let before = self.now;
        self.now = self.client.poll_timeout().expect("something due");
        self.client.handle_timeout(self.now);
        self.collect();
        self.now - before
    }

    fn told(&mut self) -> Vec<RegisterEffect> {
        std::mem::take(&mut self.told)
    }
}

const GRANTED: &[(HeaderName, &str)] = &[(
    HeaderName::Contact,
    "<sip:trunk_1@192.0.2.1:5060>;expires=600",
)];

const CHALLENGE: &[(HeaderName, &str)] = &[(
    HeaderName::WwwAuthenticate,
    "Digest realm=\"carrier.example\", nonce=\"abc\", qop=\"auth\", algorithm=MD5",
)];

fn registered(registrar: &'static str) -> RegisterEffect {
    RegisterEffect::Registered {
        registrar: registrar.into(),
    }
}

fn unregistered(failure: RegisterFailure) -> RegisterEffect {
    RegisterEffect::Unregistered { failure }
}

/// RFC 3261 section 10.2.
#[test]
fn a_registration_is_a_whole_request_without_a_user_in_its_uri() {
    let mut config = config(&["sip:carrier.example"]);
    config.routes = vec!["<sip:proxy.example:5070;lr>".into()];
    let trunk = Trunk::with(config, 1);
    let request = trunk.asks();
    assert_eq!(request.uri, "sip:carrier.example");
    assert_eq!(trunk.header(&HeaderName::Expires), "600");
    assert_eq!(
        trunk.header(&HeaderName::Contact),
        "<sip:trunk_1@192.0.2.1:5060>"
    );
    assert_eq!(
        trunk.header(&HeaderName::To),
        "<sip:office@carrier.example>"
    );
    assert_eq!(
        trunk.header(&HeaderName::Route),
        "<sip:proxy.example:5070;lr>"
    );
    let next_hop = &trunk.sent.as_ref().unwrap().2;
    assert_eq!(next_hop.uri, "sip:proxy.example:5070;lr");
    let mut whole = request.clone();
    whole
        .headers
        .push_front(HeaderName::Via, "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1");
    assert_eq!(whole.check(), Ok(()));
}

/// RFC 3261 section 10.2.4: renewed before it runs out, with the same Call-ID and the next CSeq.
#[test]
fn it_is_renewed_at_a_random_point_near_its_end() {
    let mut points = Vec::new();
    for seed in 0..50 {
        let mut trunk = Trunk::with(config(&["sip:a"]), seed);
        let call_id = trunk.header(&HeaderName::CallId);
        trunk.answer(200, GRANTED);
        assert_eq!(trunk.told(), [registered("sip:a")]);
        points.push(trunk.waits());
        assert_eq!(trunk.header(&HeaderName::CallId), call_id);
        assert_eq!(trunk.header(&HeaderName::CSeq), "2 REGISTER");
        trunk.answer(200, GRANTED);
        assert_eq!(trunk.told(), [], "nothing new");
    }
    assert!(points.iter().all(|at| (480..=570).contains(&at.as_secs())));
    assert!(points.iter().any(|at| at.as_secs() < 510));
    assert!(points.iter().any(|at| at.as_secs() > 540));
}

/// RFC 3261 section 22.2.
#[test]
fn a_challenge_is_answered_at_once() {
    for status in [401, 407] {
        let mut trunk = Trunk::new(&["sip:a"]);
        let challenge = if status == 401 {
            HeaderName::WwwAuthenticate
        } else {
            HeaderName::ProxyAuthenticate
        };
        trunk.answer(status, &[(challenge, CHALLENGE[0].1)]);
        let credentials = if status == 401 {
            HeaderName::Authorization
        } else {
            HeaderName::ProxyAuthorization
        };
        assert!(trunk.header(&credentials).contains("username=\"office\""));
        assert_eq!(trunk.header(&HeaderName::CSeq), "2 REGISTER");
        trunk.answer(200, GRANTED);
        assert_eq!(trunk.told(), [registered("sip:a")]);
        trunk.waits();
        // What was asked for once is sent along from then on.
        assert!(trunk.header(&credentials).contains("nc=00000002"));
    }
}

/// RFC 7616 section 3.3.
#[test]
fn a_stale_nonce_is_no_wrong_password() {
    let mut trunk = Trunk::new(&["sip:a"]);
    trunk.answer(401, CHALLENGE);
    trunk.answer(
        401,
        &[(
            HeaderName::WwwAuthenticate,
            "Digest realm=\"carrier.example\", nonce=\"def\", stale=true, qop=\"auth\"",
        )],
    );
    assert!(
        trunk
            .header(&HeaderName::Authorization)
            .contains("nonce=\"def\"")
    );
}

#[test]
fn a_wrong_password_is_tried_again_much_later_and_from_scratch() {
    let mut trunk = Trunk::new(&["sip:a"]);
    trunk.answer(401, CHALLENGE);
    trunk.answer(401, CHALLENGE);
    assert_eq!(trunk.told(), [unregistered(RegisterFailure::WrongPassword)]);
    assert_eq!(trunk.client.state(), RegisterState::Refused);
    let pause = trunk.waits();
    assert!((900..=1800).contains(&pause.as_secs()), "{pause:?}");
    assert!(!trunk.asks().headers.has(&HeaderName::Authorization));
    trunk.answer(401, CHALLENGE);
    trunk.answer(200, GRANTED);
    assert_eq!(trunk.told(), [registered("sip:a")]);
}

#[test]
fn a_refusal_ends_the_registration_at_once() {
    let mut trunk = Trunk::new(&["sip:a"]);
    trunk.answer(200, GRANTED);
    trunk.waits();
    trunk.answer(403, &[]);
    let refused = unregistered(RegisterFailure::Refused(403));
    assert_eq!(trunk.told(), [registered("sip:a"), refused]);
    assert_eq!(trunk.client.binding(), None);
    let pause = trunk.waits();
    assert!((900..=1800).contains(&pause.as_secs()), "{pause:?}");
}

#[test]
fn without_a_password_a_challenge_is_a_refusal() {
    let mut config = config(&["sip:a"]);
    config.credentials = None;
    let mut trunk = Trunk::with(config, 1);
    trunk.answer(401, CHALLENGE);
    assert_eq!(trunk.told(), [unregistered(RegisterFailure::NoPassword)]);
}

/// RFC 3261 section 10.2.8.
#[test]
fn a_registrar_that_wants_longer_registrations_gets_them() {
    let mut trunk = Trunk::new(&["sip:a"]);
    trunk.answer(423, &[(HeaderName::MinExpires, "3600")]);
    assert_eq!(trunk.header(&HeaderName::Expires), "3600");
    trunk.answer(200, &[]);
    assert_eq!(trunk.told(), [registered("sip:a")]);
    let after = trunk.waits();
    assert!((2880..=3420).contains(&after.as_secs()), "{after:?}");
}

#[test]
fn a_registrar_that_never_has_enough_is_given_up() {
    for minimum in ["", "600", "10", "4000000000"] {
        let mut trunk = Trunk::new(&["sip:a"]);
        let header: &'static str = minimum;
        trunk.answer(423, &[(HeaderName::MinExpires, header)]);
        assert_eq!(trunk.told(), [unregistered(RegisterFailure::Failed(423))]);
        assert!(trunk.sent.is_none(), "{minimum}");
    }
}

/// RFC 3261 section 10.2.8: nothing is asked for again and again without a pause.
#[test]
fn a_registrar_that_wants_a_little_more_each_time_is_given_up() {
    let mut trunk = Trunk::new(&["sip:a"]);
    let mut asked = 0;
    for minimum in ["601", "602", "603", "604", "605", "606", "607", "608"] {
        if trunk.sent.is_some() {
            asked += 1;
            trunk.answer(423, &[(HeaderName::MinExpires, minimum)]);
        }
    }
    assert!((2..6).contains(&asked), "{asked}");
    assert_eq!(trunk.told(), [unregistered(RegisterFailure::Failed(423))]);
}

#[test]
fn the_next_registrar_is_asked_at_once_and_stayed_with() {
    let mut trunk = Trunk::new(&["sip:a", "sip:b"]);
    trunk.fails(TxnFailure::TimedOut);
    assert_eq!(trunk.asks().uri, "sip:b");
    trunk.answer(200, GRANTED);
    assert_eq!(trunk.told(), [registered("sip:b")]);
    trunk.waits();
    assert_eq!(trunk.asks().uri, "sip:b");
    trunk.answer(500, &[]);
    assert_eq!(trunk.asks().uri, "sip:a");
    trunk.answer(200, GRANTED);
    assert_eq!(trunk.told(), [registered("sip:a")], "it moved");
}

/// RFC 5626 section 4.5.
#[test]
fn pauses_double_up_to_half_an_hour_and_are_never_the_same() {
    let mut longest = [Duration::ZERO; 9];
    let mut shortest = [Duration::MAX; 9];
    for seed in 0..200 {
        let mut trunk = Trunk::with(config(&["sip:a", "sip:b"]), seed);
        for round in 0..9 {
            trunk.fails(TxnFailure::TimedOut);
            trunk.fails(TxnFailure::Transport);
            let pause = trunk.waits();
            longest[round] = longest[round].max(pause);
            shortest[round] = shortest[round].min(pause);
        }
        let unreachable = unregistered(RegisterFailure::Unreachable);
        assert_eq!(trunk.told(), [unreachable], "said once");
    }
    for (round, full) in [60, 120, 240, 480, 960, 1800, 1800, 1800, 1800]
        .into_iter()
        .enumerate()
    {
        let (least, most) = (seconds(full) / 2, seconds(full));
        assert!(shortest[round] >= least && longest[round] <= most);
        assert!(longest[round] - shortest[round] > seconds(full) / 3);
    }
}

/// RFC 3261 section 20.33.
#[test]
fn a_registrar_that_says_when_to_come_back_is_obeyed() {
    let mut trunk = Trunk::new(&["sip:a"]);
    trunk.answer(503, &[(HeaderName::RetryAfter, "900 (maintenance)")]);
    assert!(trunk.waits() >= seconds(900));
    trunk.answer(503, &[(HeaderName::RetryAfter, "4000000000")]);
    assert!(trunk.waits() <= MAX_RETRY_AFTER);
}

#[test]
fn what_was_granted_lasts_while_renewing_fails_and_no_longer() {
    let mut trunk = Trunk::new(&["sip:a"]);
    trunk.answer(200, GRANTED);
    let start = trunk.now;
    trunk.waits();
    while trunk.client.state() == RegisterState::Registered {
        if trunk.sent.is_some() {
            trunk.fails(TxnFailure::TimedOut);
        }
        trunk.waits();
    }
    assert_eq!(trunk.now - start, seconds(600));
    let ran_out = unregistered(RegisterFailure::RanOut);
    assert_eq!(trunk.told(), [registered("sip:a"), ran_out]);
}

/// RFC 3261 section 10.2.4: the response lists everybody's bindings.
#[test]
fn our_own_contact_says_how_long_it_lasts() {
    let cases: [(&[(HeaderName, &'static str)], u64); 6] = [
        (
            &[
                (HeaderName::Contact, "<sip:other@192.0.2.9>;expires=3000"),
                (
                    HeaderName::Contact,
                    "<sip:trunk_1@192.0.2.1:5060>;expires=120",
                ),
            ],
            120,
        ),
        (
            &[(
                HeaderName::Contact,
                "<sip:other@x>;expires=9, <sip:trunk_1@198.51.100.7:40000>;expires=200",
            )],
            200,
        ),
        (&[(HeaderName::Expires, "300")], 300),
        (
            &[
                (HeaderName::Contact, "<sip:trunk_1@192.0.2.1>"),
                (HeaderName::Expires, "300"),
            ],
            300,
        ),
        (&[(HeaderName::Contact, "<sip:odd@x>;expires=50")], 50),
        (&[], 600),
    ];
    for (headers, granted) in cases {
        let mut trunk = Trunk::new(&["sip:a"]);
        trunk.answer(200, headers);
        let (_, until) = trunk.client.binding().unwrap();
        assert_eq!(until - trunk.now, seconds(granted), "{headers:?}");
    }
}

#[test]
fn a_success_that_registers_nothing_is_a_failure() {
    for contact in [
        "<sip:trunk_1@192.0.2.1:5060>;expires=0",
        "<sip:one@x>, <sip:two@x>",
    ] {
        let mut trunk = Trunk::new(&["sip:a"]);
        let contact: &'static str = contact;
        trunk.answer(200, &[(HeaderName::Contact, contact)]);
        assert_eq!(trunk.told(), [unregistered(RegisterFailure::NotBound)]);
    }
}

/// RFC 3608 section 6.
#[test]
fn the_service_route_is_kept_for_as_long_as_the_registration() {
    let mut trunk = Trunk::new(&["sip:a"]);
    let routes = "<sip:p1.example;lr>, <sip:p2.example;lr>";
    trunk.answer(200, &[(HeaderName::ServiceRoute, routes)]);
    assert_eq!(
        trunk.client.service_route(),
        ["<sip:p1.example;lr>", "<sip:p2.example;lr>"]
    );
    trunk.waits();
    trunk.answer(200, GRANTED);
    assert!(trunk.client.service_route().is_empty());
}

/// RFC 3261 section 10.2.2.
#[test]
fn a_registration_is_taken_back_once() {
    let mut trunk = Trunk::new(&["sip:a"]);
    trunk.answer(401, CHALLENGE);
    trunk.answer(200, GRANTED);
    trunk.client.stop(trunk.now);
    trunk.collect();
    assert_eq!(trunk.header(&HeaderName::Expires), "0");
    assert!(!trunk.client.is_finished());
    trunk.answer(
        401,
        &[(
            HeaderName::WwwAuthenticate,
            "Digest realm=\"carrier.example\", nonce=\"new\", qop=\"auth\"",
        )],
    );
    assert_eq!(trunk.header(&HeaderName::Expires), "0");
    trunk.answer(200, &[]);
    assert!(trunk.client.is_finished());
    assert_eq!(trunk.client.poll_timeout(), None);
}

#[test]
fn whoever_may_have_granted_it_is_told_that_it_is_not_wanted_any_more() {
    let mut trunk = Trunk::new(&["sip:a"]);
    let (late, request, _) = trunk.sent.take().unwrap();
    trunk.client.stop(trunk.now);
    trunk.collect();
    assert_eq!(trunk.header(&HeaderName::Expires), "0");
    let granted = Response::to(&request, 200, "OK");
    trunk.client.handle(trunk.now, late, Ok(&granted));
    assert_eq!(trunk.client.binding(), None);
    trunk.fails(TxnFailure::TimedOut);
    assert!(trunk.client.is_finished());
}

#[test]
fn nothing_is_taken_back_that_was_never_had() {
    let mut trunk = Trunk::new(&["sip:a"]);
    trunk.fails(TxnFailure::Transport);
    trunk.client.stop(trunk.now);
    trunk.collect();
    assert!(trunk.sent.is_none() && trunk.client.is_finished());
}

#[test]
fn without_registrars_nothing_is_sent() {
    let trunk = Trunk::new(&[]);
    assert!(trunk.sent.is_none());
    assert_eq!(trunk.client.poll_timeout(), None);
}
