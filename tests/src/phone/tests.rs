//! The phone against itself: a harness that lies would make every other test worthless.

use super::*;
use crate::ears;

/// Two phones; the first calls the second directly.
async fn pair() -> (Phone, Phone) {
    pair_over(Carrier::Udp).await
}

async fn pair_over(carrier: Carrier) -> (Phone, Phone) {
    let mut spec = PhoneSpec::new("bob", None);
    spec.carrier = carrier;
    let bob = Phone::new(spec).await.unwrap();
    let mut spec = PhoneSpec::new("alice", Some(bob.address()));
    spec.carrier = carrier;
    (Phone::new(spec).await.unwrap(), bob)
}

async fn talking(alice: &Phone, bob: &Phone) -> (Talk, Talk) {
    let dialling = alice.calls("bob").await.unwrap();
    let ringing = bob.rings().await.unwrap();
    assert_eq!(dialling.rings().await.unwrap(), 180);
    assert_eq!(ringing.caller(), "alice");
    let bobs = ringing.answers().await.unwrap();
    (dialling.is_answered().await.unwrap(), bobs)
}

#[tokio::test]
async fn two_phones_hear_each_others_tones_and_one_hangs_up() {
    let (alice, bob) = pair().await;
    let (alices, bobs) = talking(&alice, &bob).await;
    alices.plays_tone(440.0);
    bobs.plays_tone(900.0);
    bobs.hears_tone(440.0).await.unwrap();
    alices.hears_tone(900.0).await.unwrap();
    let piece = alices
        .listens_for(Duration::from_millis(500))
        .await
        .unwrap();
    let tone = ears::dominant_tone(&piece, RATE).unwrap();
    assert!((tone.level - -12.0).abs() < 0.5, "{tone}");
    let heard = alices.heard();
    assert_eq!((heard.lost, heard.duplicates, heard.sources), (0, 0, 1));
    assert_eq!(alices.hangs_up().await.unwrap(), 200);
    assert_eq!(bobs.is_hung_up().await.unwrap(), "");
}

#[tokio::test]
async fn a_tone_that_is_not_there_is_not_heard() {
    let (alice, bob) = pair().await;
    let (alices, bobs) = talking(&alice, &bob).await;
    alices.plays_tone(440.0);
    let waited = timeout(Duration::from_secs(1), bobs.hears_tone(900.0)).await;
    assert!(waited.is_err());
    alices.goes_quiet();
    bobs.hears_silence().await.unwrap();
    alices.stops_sending();
    bobs.hears_nothing_for(Duration::from_millis(300))
        .await
        .unwrap();
}

#[tokio::test]
async fn the_law_the_callee_speaks_is_taken() {
    let mut spec = PhoneSpec::new("bob", None);
    spec.laws = vec![Law::A];
    let bob = Phone::new(spec).await.unwrap();
    let alice = Phone::new(PhoneSpec::new("alice", Some(bob.address())));
    let alice = alice.await.unwrap();
    let (alices, bobs) = talking(&alice, &bob).await;
    alices.plays_tone(700.0);
    bobs.plays_tone(500.0);
    bobs.hears_tone(700.0).await.unwrap();
    alices.hears_tone(500.0).await.unwrap();
}

#[tokio::test]
async fn keys_arrive_once_each_and_in_order() {
    let (alice, bob) = pair().await;
    let (alices, bobs) = talking(&alice, &bob).await;
    alices.plays_tone(440.0);
    alices.types("1122*#0").await.unwrap();
    bobs.receives_keys("1122*#0").await.unwrap();
    assert_eq!(bobs.heard().digits, "1122*#0");
    bobs.presses('5').await.unwrap();
    alices.receives_keys("5").await.unwrap();
}

#[tokio::test]
async fn a_held_phone_is_not_heard_until_it_is_taken_back() {
    let (alice, bob) = pair().await;
    let (alices, bobs) = talking(&alice, &bob).await;
    alices.plays_tone(440.0);
    bobs.plays_tone(900.0);
    alices.hears_tone(900.0).await.unwrap();
    alices.holds().await.unwrap();
    bobs.is_held().await.unwrap();
    alices
        .hears_nothing_for(Duration::from_millis(300))
        .await
        .unwrap();
    bobs.hears_tone(440.0).await.unwrap();
    alices.unholds().await.unwrap();
    bobs.is_taken_back().await.unwrap();
    alices.hears_tone(900.0).await.unwrap();
    bobs.has_been_reoffered(2).await.unwrap();
}

#[tokio::test]
async fn a_busy_callee_refuses() {
    let (alice, bob) = pair().await;
    let dialling = alice.calls("bob").await.unwrap();
    bob.rings().await.unwrap().rejects(486);
    assert_eq!(dialling.is_refused().await.unwrap(), 486);
}

#[tokio::test]
async fn a_caller_gives_up() {
    let (alice, bob) = pair().await;
    let dialling = alice.calls("bob").await.unwrap();
    let ringing = bob.rings().await.unwrap();
    assert_eq!(dialling.cancels().await.unwrap(), 487);
    ringing.is_cancelled().await.unwrap();
}

#[tokio::test]
async fn early_media_is_heard_before_the_answer() {
    let (alice, bob) = pair().await;
    let dialling = alice.calls("bob").await.unwrap();
    let ringing = bob.rings().await.unwrap();
    ringing.plays_early(425.0);
    dialling.early().hears_tone(425.0).await.unwrap();
    assert_eq!(dialling.rings().await.unwrap(), 183);
    ringing.answers().await.unwrap();
    dialling.is_answered().await.unwrap();
}

#[tokio::test]
async fn an_invite_without_an_offer_is_answered_in_the_ack() {
    let (alice, bob) = pair().await;
    let dialling = alice.calls_without_offer("bob").await.unwrap();
    let ringing = bob.rings().await.unwrap();
    assert_eq!(ringing.invite().sdp(), None);
    let bobs = ringing.answers().await.unwrap();
    let alices = dialling.is_answered().await.unwrap();
    alices.plays_tone(440.0);
    bobs.plays_tone(900.0);
    bobs.hears_tone(440.0).await.unwrap();
    alices.hears_tone(900.0).await.unwrap();
}

#[tokio::test]
async fn an_answer_and_a_bye_that_the_sender_lost_come_again() {
    let (alice, bob) = pair().await;
    bob.loses(Loss::SentFinal);
    alice.loses(Loss::SentAck);
    alice.loses(Loss::SentBye);
    let (alices, bobs) = talking(&alice, &bob).await;
    assert_eq!(alices.hangs_up().await.unwrap(), 200);
    bobs.is_hung_up().await.unwrap();
}

#[tokio::test]
async fn an_answer_and_a_bye_that_the_receiver_lost_come_again() {
    let (alice, bob) = pair().await;
    alice.loses(Loss::Received2xx);
    bob.loses(Loss::ReceivedAck);
    bob.loses(Loss::ReceivedBye);
    let (alices, bobs) = talking(&alice, &bob).await;
    assert_eq!(alices.hangs_up().await.unwrap(), 200);
    bobs.is_hung_up().await.unwrap();
}

#[tokio::test]
async fn calls_work_over_tcp_until_the_connection_drops() {
    let (alice, bob) = pair_over(Carrier::Tcp).await;
    let (alices, bobs) = talking(&alice, &bob).await;
    alices.plays_tone(440.0);
    bobs.hears_tone(440.0).await.unwrap();
    assert_eq!(bobs.hangs_up().await.unwrap(), 200);
    alices.is_hung_up().await.unwrap();
    let dialling = alice.calls("bob").await.unwrap();
    let ringing = bob.rings().await.unwrap();
    dialling.rings().await.unwrap();
    alice.drops_connection();
    let answered = timeout(Duration::from_secs(2), ringing.answers()).await;
    assert!(answered.is_err(), "no ACK can come");
}

#[tokio::test]
async fn a_phone_that_is_not_called_stays_silent() {
    let (_alice, bob) = pair().await;
    bob.stays_silent_for(Duration::from_millis(100))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_call_whose_phone_was_dropped_says_so_at_once() {
    let (alice, bob) = pair().await;
    let (alices, _bobs) = talking(&alice, &bob).await;
    drop(alice);
    let error = alices.hangs_up().await.unwrap_err();
    assert!(error.to_string().contains("dropped"), "{error}");
}

/// A registrar of three lines: challenges, and lets in whoever knows the nonce.
async fn registrar(socket: tokio::net::UdpSocket) -> Vec<SipText> {
    let mut buffer = [0; 4096];
    let mut seen = Vec::new();
    for status in [401, 200] {
        let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
        let request = SipText::parse(&buffer[..length]).unwrap();
        let mut response = SipText::response_to(&request, status, "reg");
        if status == 401 {
            response.push(
                "WWW-Authenticate",
                "Digest realm=\"offhook\", nonce=\"n1\", algorithm=SHA-256, qop=\"auth\"",
            );
        }
        socket.send_to(&response.write(), from).await.unwrap();
        seen.push(request);
    }
    seen
}

#[tokio::test]
async fn a_phone_answers_the_registrars_challenge() {
    let socket = tokio::net::UdpSocket::bind(("127.0.0.1", 0)).await.unwrap();
    let mut spec = PhoneSpec::new("1001", Some(socket.local_addr().unwrap()));
    spec.password = Some("secret".to_owned());
    let phone = Phone::new(spec).await.unwrap();
    let (seen, registered) = tokio::join!(registrar(socket), phone.registers());
    registered.unwrap();
    assert_eq!(seen[0].header("Authorization"), "");
    assert_eq!((seen[0].cseq(), seen[1].cseq()), (1, 2));
    assert_ne!(seen[0].branch(), seen[1].branch());
    assert_eq!(seen[0].header("Call-ID"), seen[1].header("Call-ID"));
    let authorization = seen[1].header("Authorization");
    assert!(authorization.contains("username=\"1001\""));
    assert!(authorization.contains("algorithm=SHA-256"));
}
