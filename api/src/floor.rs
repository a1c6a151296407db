//! The running call center, as the API reaches it.

use bytes::Bytes;
use futures::future::BoxFuture;
use offhook_actors::agent::{AgentCommand, AgentView, SetStateError};
use offhook_actors::call::{Answering, CallCommand, CallError, DialsAs, Originate};
use offhook_actors::defence::Guard;
use offhook_actors::edge::{EdgeStats, SipTraffic, Tally, WayOut};
use offhook_actors::library::Library;
use offhook_actors::registrar::Registered;
use offhook_actors::subscribe::Subscriptions;
use offhook_actors::switchboard::Switchboard;
use offhook_actors::trunk::{RegistrationState, TrunkStatus};
use offhook_core::directory::AgentState;
use offhook_core::sip::HeaderName;
use offhook_core::sip::identity::{CallerOrigin, Calling, Privacy, present};
use offhook_core::sip::locate::Target;
use offhook_core::sip::trace::CallTrace;
use offhook_core::{AgentId, CallId, ExtensionId, HangupCause, LegId, TrunkId};

use crate::dto::route_trace::WayDto;
use crate::state::{Floor, Gauge, Refusal, WayQuestion};

impl From<CallError> for Refusal {
    fn from(error: CallError) -> Self {
        match error {
            CallError::NotFound => Self::Gone("call"),
            CallError::NotTalking => Self::NotNow(error.to_string()),
            CallError::NotAdmitted => Self::Full("no new calls are taken at the moment"),
            CallError::TimedOut => Self::NoAnswer,
        }
    }
}

impl From<SetStateError> for Refusal {
    fn from(error: SetStateError) -> Self {
        match error {
            SetStateError::NoSuchAgent => Self::Gone("agent"),
            SetStateError::NoAnswer | _ => Self::NoAnswer,
        }
    }
}

fn command(
    board: &Switchboard,
    call: CallId,
    command: CallCommand,
) -> BoxFuture<'_, Result<(), Refusal>> {
    Box::pin(async move {
        board.calls.command(call, command).await?;
        Ok(())
    })
}

/// A way out over the wire.
async fn shown(board: &Switchboard, way: WayOut, asked: &WayQuestion) -> WayDto {
    let mut shown = WayDto {
        trunk_id: way.trunk,
        trunk: way.name,
        skipped: None,
        request_uri: None,
        from: None,
        headers: Vec::new(),
        targets: Vec::new(),
    };
    let contact = match way.contact {
        Ok(contact) => contact,
        Err(cause) => {
            shown.skipped = Some(cause.as_str().to_owned());
            return shown;
        }
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let directory = board.directory.load();
    let caller = asked.from.and_then(|from| directory.extension(from));
    if let (Some(caller), Some(trunk)) = (caller, directory.trunk(way.trunk)) {
        let own = directory.did_of(caller.id);
        let calling = Calling {
            number: &caller.number,
            name: Some(&caller.name),
            privacy: Privacy::Shown,
            asserted: None,
            origin: CallerOrigin::Inside(own.map(|did| did.number.as_str())),
        };
        let presented = present(&calling, trunk, &contact.domain);
        shown.from = Some(text(&presented.from));
        let header = |(name, value): &(HeaderName, Bytes)| format!("{name}: {}", text(value));
        shown.headers = presented.headers.iter().map(header).collect();
    }
    if asked.resolve {
        shown.targets = match board.sip.resolve(&contact).await {
            Ok(targets) => {
                let target = |target: &Target| format!("{} {}", target.transport, target.address);
                targets.iter().map(target).collect()
            }
            Err(error) => vec![error.to_string()],
        };
    }
    shown.request_uri = Some(text(&contact.uri));
    shown
}

impl Floor for Switchboard {
    fn library(&self) -> &Library {
        &self.library
    }

    fn originate(
        &self,
        from: ExtensionId,
        to: String,
        answering: Answering,
    ) -> BoxFuture<'_, Result<CallId, Refusal>> {
        Box::pin(async move {
            Ok(self.calls.originate(Originate {
                from,
                to,
                answering,
            })?)
        })
    }

    fn hang_up(&self, call: CallId) -> BoxFuture<'_, Result<(), Refusal>> {
        command(self, call, CallCommand::HangUp(HangupCause::Administrative))
    }

    fn hold(&self, call: CallId) -> BoxFuture<'_, Result<(), Refusal>> {
        command(self, call, CallCommand::Hold)
    }

    fn unhold(&self, call: CallId) -> BoxFuture<'_, Result<(), Refusal>> {
        command(self, call, CallCommand::Unhold)
    }

    fn transfer(
        &self,
        call: CallId,
        to: String,
        leg: Option<LegId>,
        dials_as: DialsAs,
    ) -> BoxFuture<'_, Result<(), Refusal>> {
        command(self, call, CallCommand::Transfer { to, leg, dials_as })
    }

    fn record(&self, call: CallId, leg: Option<LegId>) -> BoxFuture<'_, Result<(), Refusal>> {
        let record = leg.map_or(CallCommand::StartRecording, CallCommand::RecordLeg);
        command(self, call, record)
    }

    fn stop_recording(&self, call: CallId) -> BoxFuture<'_, Result<(), Refusal>> {
        command(self, call, CallCommand::StopRecording)
    }

    fn pause_recording(&self, call: CallId) -> BoxFuture<'_, Result<(), Refusal>> {
        command(self, call, CallCommand::PauseRecording)
    }

    fn resume_recording(&self, call: CallId) -> BoxFuture<'_, Result<(), Refusal>> {
        command(self, call, CallCommand::ResumeRecording)
    }

    fn set_agent_state(
        &self,
        agent: AgentId,
        state: AgentState,
        reason: Option<String>,
    ) -> BoxFuture<'_, Result<(), Refusal>> {
        let command = match state {
            AgentState::Ready => AgentCommand::Ready,
            AgentState::OnBreak => AgentCommand::OnBreak {
                reason: reason.unwrap_or_default(),
            },
            AgentState::LoggedOut
            | AgentState::Reserved
            | AgentState::Ringing
            | AgentState::OnCall
            | AgentState::WrapUp => AgentCommand::LogOut,
        };
        Box::pin(async move {
            self.agents.set_state(agent, command).await?;
            Ok(())
        })
    }

    fn agent(&self, agent: AgentId) -> Option<AgentView> {
        self.agents.view(agent)
    }

    fn registrations(&self) -> Vec<Registered> {
        self.registrar.list()
    }

    fn subscriptions(&self) -> &Subscriptions {
        &self.subscriptions
    }

    fn trunk(&self, trunk: TrunkId) -> TrunkStatus {
        TrunkStatus {
            calls: self.sip.calls_through(trunk),
            ..self.trunks.status(trunk)
        }
    }

    fn ways_out(&self, asked: WayQuestion) -> BoxFuture<'_, Vec<WayDto>> {
        Box::pin(async move {
            let mut ways = Vec::new();
            for way in self.sip.ways_out(&asked.number, asked.at) {
                ways.push(shown(self, way, &asked).await);
            }
            ways
        })
    }

    fn guard(&self) -> &Guard {
        self.sip.guard()
    }

    fn sip_trace(&self, call: CallId) -> Option<CallTrace> {
        self.sip.trace(call)
    }

    fn sip_figures(&self) -> (SipTraffic, EdgeStats) {
        (self.sip.traffic(), self.sip.stats())
    }

    fn troubles(&self) -> Vec<String> {
        let mut troubles = Vec::new();
        if self.calls.is_draining() {
            troubles.push("the server is stopping: no new calls are taken".to_owned());
        } else if self.calls.admits().is_err() {
            troubles.push("the limit of calls is reached: no new calls are taken".to_owned());
        }
        let engine = self.engine.stats();
        if engine.ports_in_use >= engine.ports {
            troubles.push("every RTP port is in use: no new calls are taken".to_owned());
        }
        troubles
    }

    fn gauges(&self) -> Vec<Gauge> {
        let mut gauges = media(self);
        gauges.extend(signalling(self));
        gauges.extend(trunks(self));
        gauges.extend(defence(self));
        gauges.extend(traffic(self));
        gauges.push(Gauge::now(
            "sip_subscriptions",
            "Subscriptions of phones",
            count(self.subscriptions.stats().subscriptions),
        ));
        gauges.push(Gauge::now(
            "queue_mailbox",
            "Messages queues have yet to handle",
            count(self.queues.backlog()),
        ));
        gauges
    }
}

impl Gauge {
    fn now(name: &'static str, help: &'static str, value: u64) -> Self {
        Self {
            name,
            help,
            counter: false,
            label: None,
            value,
        }
    }

    fn total(name: &'static str, help: &'static str, value: u64) -> Self {
        Self {
            counter: true,
            ..Self::now(name, help, value)
        }
    }

    fn of(self, label: &'static str, value: &impl ToString) -> Self {
        Self {
            label: Some((label, value.to_string())),
            ..self
        }
    }
}

fn count(value: usize) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}

fn media(board: &Switchboard) -> Vec<Gauge> {
    let stats = board.engine.stats();
    let mut gauges = vec![
        Gauge::now(
            "rtp_ports_in_use",
            "Pairs of RTP ports in use",
            count(stats.ports_in_use),
        ),
        Gauge::now(
            "rtp_ports",
            "Pairs of RTP ports there are",
            count(stats.ports),
        ),
        Gauge::now(
            "recordings_active",
            "Recordings in progress",
            count(stats.recordings),
        ),
        Gauge::total(
            "recording_gaps",
            "How often the disk was too slow for a recording",
            stats.recording_gaps,
        ),
    ];
    for (shard, stats) in stats.shards.iter().enumerate() {
        let milliseconds = u64::try_from(stats.busy.as_millis()).unwrap_or(u64::MAX);
        let figures = [
            Gauge::now("media_legs", "Legs, by media thread", stats.legs),
            Gauge::total(
                "rtp_packets_received",
                "RTP packets received",
                stats.packets_in,
            ),
            Gauge::total("rtp_packets_sent", "RTP packets sent", stats.packets_out),
            Gauge::total(
                "rtp_packets_dropped",
                "RTP packets not forwarded",
                stats.dropped.total(),
            ),
            Gauge::total(
                "srtp_packets_refused",
                "RTP packets refused for being unprotected, forged or replayed",
                stats.dropped.not_authentic(),
            ),
            Gauge::total(
                "rtcp_packets_dropped",
                "RTCP packets that were of no use",
                stats.reports_dropped,
            ),
            Gauge::total(
                "recording_overruns",
                "Payloads a recording missed",
                stats.recording_overruns,
            ),
            Gauge::total(
                "media_skipped_slots",
                "20 ms slots left out for lateness",
                stats.skipped_slots,
            ),
            Gauge::total(
                "media_busy_milliseconds",
                "Time media threads worked",
                milliseconds,
            ),
        ];
        gauges.extend(figures.map(|gauge| gauge.of("shard", &shard)));
    }
    gauges
}

fn trunks(board: &Switchboard) -> Vec<Gauge> {
    let directory = board.directory.load();
    let of_trunk = |trunk: &offhook_core::directory::Trunk| {
        let status = board.trunks.status(trunk.id);
        let registered = status.registration == RegistrationState::Registered;
        let figures = [
            Gauge::now(
                "trunk_up",
                "1 if calls can go out by the trunk",
                status.state.is_usable().into(),
            ),
            Gauge::now(
                "trunk_registered",
                "1 if the trunk is registered",
                registered.into(),
            ),
            Gauge::now(
                "trunk_calls",
                "Calls on the trunk, both ways",
                count(board.sip.calls_through(trunk.id)),
            ),
        ];
        figures.map(|gauge| gauge.of("trunk", &trunk.name))
    };
    let trunks = directory.office().trunks.iter();
    trunks.flat_map(of_trunk).collect()
}

fn signalling(board: &Switchboard) -> [Gauge; 12] {
    let stats = board.sip.stats();
    [
        Gauge::total(
            "sip_messages_received",
            "SIP messages received",
            stats.received,
        ),
        Gauge::total(
            "sip_datagrams_dropped",
            "SIP datagrams dropped under load",
            stats.dropped,
        ),
        Gauge::total(
            "sip_messages_unsent",
            "SIP messages that could not be sent",
            stats.unsent,
        ),
        Gauge::now(
            "sip_mailbox",
            "SIP messages yet to be worked on",
            count(stats.waiting),
        ),
        Gauge::now(
            "sip_connections",
            "TCP connections",
            count(stats.connections),
        ),
        Gauge::total(
            "sip_connections_refused",
            "TCP connections over the limit",
            stats.refused_connections,
        ),
        Gauge::now(
            "sip_transactions",
            "SIP transactions remembered",
            count(stats.transactions),
        ),
        Gauge::now(
            "sip_dialogs",
            "SIP dialogs with a leg",
            count(stats.dialogs),
        ),
        Gauge::total(
            "sip_failed_logins",
            "Wrong SIP passwords",
            stats.failed_logins,
        ),
        Gauge::total("sip_bans", "Sources banned", stats.bans),
        Gauge::total(
            "sip_calls_refused",
            "INVITEs refused before they became calls",
            stats.refused_calls,
        ),
        Gauge::total("sip_falls", "Restarts of the signalling task", stats.falls),
    ]
}

fn defence(board: &Switchboard) -> Vec<Gauge> {
    let stats = board.sip.guard().stats();
    let dropped = &stats.dropped;
    let help = "Messages and connections kept out, by why";
    let kept_out = [
        ("denied", dropped.denied),
        ("banned", dropped.banned),
        ("limited", dropped.limited),
        ("scanner", dropped.scanners),
        ("connections", dropped.connections),
    ];
    let mut gauges: Vec<Gauge> = kept_out
        .iter()
        .map(|(why, value)| Gauge::total("sip_kept_out", help, *value).of("reason", why))
        .collect();
    gauges.push(Gauge::now(
        "sip_banned",
        "Bans that hold",
        count(stats.banned),
    ));
    gauges
}

fn traffic(board: &Switchboard) -> Vec<Gauge> {
    let traffic = board.sip.traffic();
    let mut gauges = vec![
        Gauge::total(
            "sip_broken",
            "What came in and was no message",
            traffic.broken,
        ),
        Gauge::total(
            "sip_repeated_received",
            "Requests that peers sent again",
            traffic.repeated_received,
        ),
        Gauge::total(
            "sip_repeated_sent",
            "Messages sent again because a timer fired",
            traffic.repeated_sent,
        ),
    ];
    let received = [
        "sip_requests_received",
        "sip_responses_received",
        "sip_transport_received",
    ];
    let sent = [
        "sip_requests_sent",
        "sip_responses_sent",
        "sip_transport_sent",
    ];
    gauges.extend(tally(&traffic.received, received));
    gauges.extend(tally(&traffic.sent, sent));
    gauges
}

fn tally(tally: &Tally, [requests, responses, transports]: [&'static str; 3]) -> Vec<Gauge> {
    let mut gauges = Vec::new();
    for (method, value) in &tally.requests {
        gauges.push(Gauge::total(requests, "Requests, by method", *value).of("method", method));
    }
    for (class, value) in &tally.responses {
        gauges.push(Gauge::total(responses, "Responses, by class", *value).of("class", class));
    }
    for (transport, value) in &tally.transports {
        let help = "Messages, by transport";
        gauges.push(Gauge::total(transports, help, *value).of("transport", transport));
    }
    gauges
}
