use super::*;
use crate::directory::Destination;
use crate::event::{Event, EventKind, QueueExit};
use crate::fax::FaxTone;
use crate::id::IdSource;
use crate::recording::RecordingEnd;

/// One call, told event by event; times are milliseconds after its start.
struct Story {
    fold: CdrFold,
    call: CallId,
    queue: QueueId,
    agent: AgentId,
    seq: u64,
    finished: Option<Cdr>,
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(1_790_000_000_000 + millis).unwrap()
}

impl Story {
    fn begin() -> Self {
        let mut ids = IdSource::seeded(1);
        let mut story = Self {
            fold: CdrFold::new(),
            call: CallId::new(&mut ids),
            queue: QueueId::new(&mut ids),
            agent: AgentId::new(&mut ids),
            seq: 0,
            finished: None,
        };
        let call = story.call;
        story.tell(
            0,
            EventKind::CallStarted {
                call,
                direction: Direction::Inbound,
                from: "+491761234567".into(),
                from_name: None,
                privacy: crate::sip::identity::Privacy::Shown,
                to: "+4934556643378".into(),
                did: None,
                trunk: None,
                sip_call_id: "abc".into(),
            },
        );
        story.add_leg(0, 0, None);
        story
    }

    fn tell(&mut self, millis: i64, kind: EventKind) -> &mut Self {
        self.seq += 1;
        let event = Event {
            seq: self.seq,
            at: at(millis),
            kind,
        };
        if let Some(cdr) = self.fold.apply(&event) {
            self.finished = Some(cdr);
        }
        self
    }

    fn add_leg(&mut self, millis: i64, number: u32, agent: Option<AgentId>) -> &mut Self {
        let leg = LegId::new(self.call, number);
        self.tell(
            millis,
            EventKind::LegAdded {
                leg,
                direction: if number == 0 {
                    Direction::Inbound
                } else {
                    Direction::Outbound
                },
                extension: agent.map(|_| "1001".into()),
                remote: "somebody".into(),
                agent,
            },
        )
    }

    fn routed(&mut self, millis: i64, destination: Destination) -> &mut Self {
        let call = self.call;
        self.tell(
            millis,
            EventKind::CallRouted {
                call,
                dialled: "x".into(),
                destination,
            },
        )
    }

    fn accepted(&mut self, millis: i64) -> &mut Self {
        let call = self.call;
        self.tell(millis, EventKind::CallAnswered { call })
    }

    fn queued(&mut self, millis: i64) -> &mut Self {
        let (call, queue) = (self.call, self.queue);
        self.tell(millis, EventKind::CallQueued { call, queue })
    }

    fn dequeued(&mut self, millis: i64, exit: QueueExit) -> &mut Self {
        let (call, queue) = (self.call, self.queue);
        self.tell(millis, EventKind::CallDequeued { call, queue, exit })
    }

    fn bridged(&mut self, millis: i64, agent: Option<AgentId>) -> &mut Self {
        let call = self.call;
        self.tell(
            millis,
            EventKind::Bridged {
                call,
                caller: LegId::new(call, 0),
                callee: LegId::new(call, 1),
                agent,
            },
        )
    }

    fn ended(&mut self, millis: i64, cause: HangupCause, ended_by: EndedBy) -> Cdr {
        let call = self.call;
        self.tell(
            millis,
            EventKind::CallEnded {
                call,
                cause,
                ended_by,
            },
        );
        self.finished.clone().expect("a record")
    }
}

#[test]
fn a_queue_call_that_an_agent_answers_counts_wait_and_talk_apart() {
    let mut story = Story::begin();
    let agent = story.agent;
    story.accepted(200).queued(4_000);
    story.add_leg(9_000, 1, Some(agent));
    story.dequeued(12_500, QueueExit::Answered);
    story.bridged(12_510, Some(agent));
    let cdr = story.ended(72_610, HangupCause::NormalClearing, EndedBy::Caller);

    assert_eq!(cdr.disposition, Disposition::Answered);
    assert_eq!(cdr.wait_seconds, 8.5);
    assert_eq!(cdr.talk_seconds, 60.1);
    assert_eq!(cdr.queue, Some(story.queue));
    assert_eq!(cdr.agent, Some(agent));
    assert_eq!(cdr.accepted_at, Some(at(200)));
    assert_eq!(cdr.answered_at, Some(at(12_510)));
    assert_eq!(cdr.ended_at, at(72_610));
    assert_eq!(cdr.ended_by, EndedBy::Caller);
    assert_eq!(cdr.legs.len(), 2);
    assert_eq!(cdr.legs[1].extension.as_deref(), Some("1001"));
}

/// What happened before the end, why it ended, who ended it, and what that is called.
type Unanswered = (
    &'static str,
    fn(&mut Story),
    HangupCause,
    EndedBy,
    Disposition,
);

fn check(table: &[Unanswered]) {
    for (name, tell, cause, by, expected) in table {
        let mut story = Story::begin();
        tell(&mut story);
        let cdr = story.ended(9_000, *cause, *by);
        assert_eq!(cdr.disposition, *expected, "{name}");
        assert_eq!(cdr.answered_at, None, "{name}");
        assert_eq!(cdr.talk_seconds, 0.0, "{name}");
    }
}

fn nothing(_: &mut Story) {}

fn in_menu(story: &mut Story) {
    story.accepted(100);
}

fn ringing(story: &mut Story) {
    story.add_leg(100, 1, None);
}

fn waiting(story: &mut Story) {
    story.accepted(100).queued(200);
}

fn abandoned(story: &mut Story) {
    story.queued(200).dequeued(5_000, QueueExit::Abandoned);
}

fn timed_out(story: &mut Story) {
    story.queued(200).dequeued(5_000, QueueExit::TimedOut);
}

fn no_agents(story: &mut Story) {
    story.queued(200).dequeued(5_000, QueueExit::NoAgents);
}

fn full(story: &mut Story) {
    story.dequeued(200, QueueExit::Full);
}

#[test]
fn a_direct_call_that_nobody_answers_is_named_after_its_cause() {
    use Disposition as D;
    use EndedBy as By;
    use HangupCause as C;
    let table: &[Unanswered] = &[
        ("menu", in_menu, C::NormalClearing, By::Caller, D::NoAnswer),
        (
            "gives up",
            ringing,
            C::OriginatorCancel,
            By::Caller,
            D::NoAnswer,
        ),
        ("rings out", ringing, C::NoAnswer, By::System, D::NoAnswer),
        (
            "no phone",
            ringing,
            C::SubscriberAbsent,
            By::System,
            D::NoAnswer,
        ),
        ("busy", ringing, C::UserBusy, By::Callee, D::Busy),
        (
            "declined",
            ringing,
            C::CallRejected,
            By::Callee,
            D::Rejected,
        ),
        (
            "not allowed",
            ringing,
            C::NotAllowed,
            By::System,
            D::Rejected,
        ),
        (
            "no number",
            nothing,
            C::UnallocatedNumber,
            By::System,
            D::Failed,
        ),
        ("no codec", nothing, C::NoCommonCodec, By::System, D::Failed),
    ];
    check(table);
}

#[test]
fn only_a_caller_who_leaves_a_queue_has_abandoned() {
    use Disposition as D;
    use EndedBy as By;
    use HangupCause as C;
    let table: &[Unanswered] = &[
        (
            "leaves",
            waiting,
            C::NormalClearing,
            By::Caller,
            D::Abandoned,
        ),
        (
            "vanishes",
            waiting,
            C::MediaTimeout,
            By::System,
            D::Abandoned,
        ),
        (
            "two steps",
            abandoned,
            C::NormalClearing,
            By::Caller,
            D::Abandoned,
        ),
        (
            "operator",
            waiting,
            C::Administrative,
            By::System,
            D::NoAnswer,
        ),
        (
            "our fault",
            waiting,
            C::InternalError,
            By::System,
            D::Failed,
        ),
        (
            "too long",
            timed_out,
            C::QueueTimeout,
            By::System,
            D::NoAnswer,
        ),
        ("then busy", timed_out, C::UserBusy, By::Callee, D::Busy),
        (
            "nobody in",
            no_agents,
            C::Congestion,
            By::System,
            D::NoAnswer,
        ),
        ("full", full, C::Congestion, By::System, D::Busy),
        ("then rings out", full, C::NoAnswer, By::System, D::NoAnswer),
    ];
    check(table);
}

#[test]
fn the_echo_test_and_feature_codes_are_somebody() {
    for service in [
        Destination::Echo,
        Destination::AgentLogin,
        Destination::AgentLogout,
    ] {
        let mut story = Story::begin();
        story.routed(10, service).accepted(20);
        let cdr = story.ended(3_020, HangupCause::NormalClearing, EndedBy::Caller);
        assert_eq!(cdr.disposition, Disposition::Answered);
        assert_eq!(cdr.talk_seconds, 3.0);
        assert_eq!(cdr.agent, None);
    }
}

#[test]
fn a_caller_who_leaves_waiting_has_waited_to_the_last_moment() {
    let mut story = Story::begin();
    story.queued(1_000);
    let cdr = story.ended(31_234, HangupCause::NormalClearing, EndedBy::Caller);
    assert_eq!(cdr.wait_seconds, 30.234);
}

#[test]
fn waits_in_two_queues_add_up_and_the_last_queue_counts() {
    let mut story = Story::begin();
    story.queued(0).dequeued(10_000, QueueExit::TimedOut);
    let second = QueueId::new(&mut IdSource::seeded(9));
    let call = story.call;
    story.tell(
        10_000,
        EventKind::CallQueued {
            call,
            queue: second,
        },
    );
    story.bridged(15_000, None);
    let cdr = story.ended(20_000, HangupCause::NormalClearing, EndedBy::Callee);
    assert_eq!(cdr.wait_seconds, 15.0);
    assert_eq!(cdr.queue, Some(second));
}

#[test]
fn a_restarted_queue_does_not_restart_the_wait() {
    let mut story = Story::begin();
    story.queued(1_000).queued(5_000);
    story.dequeued(11_000, QueueExit::Answered);
    story.bridged(11_000, None);
    let cdr = story.ended(12_000, HangupCause::NormalClearing, EndedBy::Caller);
    assert_eq!(cdr.wait_seconds, 10.0);
}

#[test]
fn a_clock_that_is_set_back_makes_no_negative_times() {
    let mut story = Story::begin();
    story.queued(10_000).dequeued(4_000, QueueExit::Answered);
    story.bridged(4_000, None);
    let cdr = story.ended(1_000, HangupCause::NormalClearing, EndedBy::Caller);
    assert_eq!((cdr.wait_seconds, cdr.talk_seconds), (0.0, 0.0));
}

#[test]
fn a_recording_that_fails_after_the_end_is_taken_off_the_record() {
    let mut ids = IdSource::seeded(3);
    let (kept, lost) = (RecordingId::new(&mut ids), RecordingId::new(&mut ids));
    let mut story = Story::begin();
    let call = story.call;
    for recording in [kept, lost] {
        story.tell(1_000, EventKind::RecordingStarted { recording, call });
    }
    let cdr = story.ended(2_000, HangupCause::NormalClearing, EndedBy::Caller);
    assert_eq!(cdr.recordings, [kept, lost]);

    story.finished = None;
    story.tell(
        2_010,
        EventKind::RecordingSaved {
            recording: kept,
            end: RecordingEnd::Complete,
            missing_milliseconds: 0,
            call,
            file: "a.wav".into(),
            milliseconds: 1_000,
            bytes: 32_044,
        },
    );
    assert_eq!(story.finished, None, "nothing changed");
    story.tell(
        2_020,
        EventKind::RecordingFailed {
            recording: lost,
            call,
            reason: "disk full".into(),
        },
    );
    let corrected = story.finished.clone().expect("a corrected record");
    assert_eq!(corrected.recordings, [kept]);
    assert_eq!(corrected.id, cdr.id);
}

#[test]
fn a_leg_that_is_a_fax_is_recorded_as_one() {
    let mut story = Story::begin();
    story.add_leg(100, 1, None);
    let leg = LegId::new(story.call, 1);
    for tone in [FaxTone::Answering, FaxTone::Calling] {
        story.tell(1_000, EventKind::FaxHeard { leg, tone });
    }
    let cdr = story.ended(2_000, HangupCause::NormalClearing, EndedBy::Caller);
    let faxes: Vec<_> = cdr.legs.iter().map(|leg| leg.fax).collect();
    assert_eq!(faxes, [None, Some(FaxTone::Answering)]);
}

#[test]
fn the_worst_leg_is_the_quality_of_the_call() {
    let mut story = Story::begin();
    story.add_leg(100, 1, None);
    for (number, lost, jitter_micros) in [(0, 0, 900), (1, 50, 400), (1, 50, 300)] {
        let leg = LegId::new(story.call, number);
        story.tell(
            1_000,
            EventKind::QualityMeasured {
                leg,
                received: 950,
                lost,
                jitter_micros,
                round_trip_micros: (number == 1).then_some(12_000),
                codec: Some(if number == 1 {
                    Codec::Opus
                } else {
                    Codec::Pcmu
                }),
                r_factor: Some(90.0),
                mos: Some(if jitter_micros == 300 { 3.0 } else { 4.0 }),
                late: u64::from(number) * 19,
                buffered_micros: (number == 1).then_some(41_500),
            },
        );
    }
    let cdr = story.ended(2_000, HangupCause::NormalClearing, EndedBy::Caller);
    let quality = cdr.quality.expect("was measured");
    assert_eq!(quality.loss_percent, 5.0);
    assert_eq!(quality.jitter_ms, 0.9);
    assert_eq!(quality.round_trip_ms, Some(12.0));
    let worse = cdr.legs[1].quality.expect("was measured");
    assert_eq!(worse.jitter_ms, 0.4);
    assert_eq!((worse.mos_min, worse.mos_mean), (Some(3.0), Some(3.5)));
    assert_eq!((quality.mos_min, quality.mos_mean), (Some(3.0), Some(3.5)));
    assert_eq!(quality.codec, Some(Codec::Opus));
    assert_eq!(
        (quality.late_percent, quality.buffered_ms),
        (2.0, Some(41.5))
    );
    let better = cdr.legs[0].quality.expect("was measured");
    assert_eq!(
        (better.mos_min, better.codec),
        (Some(4.0), Some(Codec::Pcmu))
    );
}

#[test]
fn a_record_keeps_the_answered_legs_of_very_many() {
    let mut story = Story::begin();
    let call = story.call;
    for number in 1..=1_000 {
        story.add_leg(i64::from(number), number, None);
        let leg = LegId::new(call, number);
        if number == 2 {
            story.tell(i64::from(number), EventKind::LegAnswered { leg });
        }
        let cause = HangupCause::NoAnswer;
        story.tell(i64::from(number), EventKind::LegEnded { leg, cause });
    }
    let cdr = story.ended(2_000, HangupCause::NormalClearing, EndedBy::Caller);
    assert_eq!(cdr.legs.len(), Cdr::MAX_LEGS);
    let numbers: Vec<u32> = cdr.legs.iter().map(|leg| leg.id.number).collect();
    assert_eq!(numbers[..3], [0, 2, 747]);
    assert_eq!(numbers.last(), Some(&1_000));
}

#[test]
fn a_call_cut_off_by_a_crash_ends_when_it_was_last_heard_of() {
    let mut story = Story::begin();
    story.queued(1_000).bridged(5_000, None);
    let call = story.call;
    let cdr = story.fold.interrupt(call).expect("the call was open");
    assert_eq!(cdr.ended_at, at(5_000));
    assert_eq!(cdr.disposition, Disposition::Answered);
    assert_eq!(cdr.hangup_cause, HangupCause::InternalError);
    assert!(story.fold.interrupt(call).is_none());
    assert_eq!(story.fold.open_calls().count(), 0);
}

#[test]
fn events_of_unknown_calls_make_no_record() {
    let mut story = Story::begin();
    story.ended(1, HangupCause::NormalClearing, EndedBy::Caller);
    story.finished = None;
    story.accepted(2).queued(3).bridged(4, None);
    let call = story.call;
    story.tell(
        5,
        EventKind::CallEnded {
            call,
            cause: HangupCause::NormalClearing,
            ended_by: EndedBy::Caller,
        },
    );
    assert_eq!(story.finished, None);
}

#[test]
fn a_record_reads_as_the_interface_promises() {
    let mut story = Story::begin();
    story.queued(0).bridged(1_500, None);
    let cdr = story.ended(4_000, HangupCause::NormalClearing, EndedBy::Callee);
    let json = serde_json::to_value(&cdr).unwrap();
    assert_eq!(json["id"], cdr.id.to_string());
    assert_eq!(json["disposition"], "answered");
    assert_eq!(json["hangup_cause"], "normal_clearing");
    assert_eq!(json["wait_seconds"], 1.5);
    assert_eq!(json["talk_seconds"], 2.5);
    assert_eq!(json["ended_by"], "callee");
    assert_eq!(json["started_at"], "2026-09-21T14:13:20Z");
    assert_eq!(json["recordings"], serde_json::json!([]));
    assert_eq!(serde_json::from_value::<Cdr>(json).unwrap(), cdr);
}
