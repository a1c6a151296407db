//! What `/metrics` says. Every figure is read anew for each scrape: from the live view, which is a
//! fold over events, from the store, and from the parts that count by themselves.

use std::collections::BTreeMap;

use offhook_core::directory::AgentState;
use offhook_core::live::{CallState, LegState, LiveView};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::state::AppState;

type Labels = Vec<(&'static str, String)>;

/// A registry that is filled once and thrown away.
struct Figures(Registry);

impl Figures {
    fn gauge(&mut self, name: &str, help: &str, value: u64) {
        let gauge = Gauge::<i64>::default();
        gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        self.0.register(name, help, gauge);
    }

    fn gauges(&mut self, name: &str, help: &str, values: impl IntoIterator<Item = (Labels, u64)>) {
        let family = Family::<Labels, Gauge>::default();
        for (labels, value) in values {
            let value = i64::try_from(value).unwrap_or(i64::MAX);
            family.get_or_create(&labels).set(value);
        }
        self.0.register(name, help, family);
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) {
        let counter = Counter::<u64>::default();
        counter.inc_by(value);
        self.0.register(name, help, counter);
    }

    fn counters(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = (Labels, u64)>,
    ) {
        let family = Family::<Labels, Counter>::default();
        for (labels, value) in values {
            family.get_or_create(&labels).inc_by(value);
        }
        self.0.register(name, help, family);
    }
}

/// The figures as OpenMetrics text.
///
/// # Errors
/// Never in practice: writing to a string cannot fail.
pub(crate) fn render(state: &AppState) -> Result<String, std::fmt::Error> {
    let mut figures = Figures(Registry::with_prefix("offhook"));
    let names = queue_names(state);
    state.live().view(|view| {
        calls(&mut figures, view);
        queues(&mut figures, view, &names);
        agents(&mut figures, view, state);
    });
    store(&mut figures, state);
    parts(&mut figures, state);
    process(&mut figures, state);
    let mut text = String::new();
    encode(&mut text, &figures.0)?;
    Ok(text)
}

fn queue_names(state: &AppState) -> BTreeMap<offhook_core::QueueId, String> {
    let directory = state.directory();
    let queues = directory.office().queues.iter();
    queues.map(|queue| (queue.id, queue.name.clone())).collect()
}

fn calls(figures: &mut Figures, view: &LiveView) {
    figures.gauge(
        "calls_active",
        "Calls that go on",
        view.calls().len() as u64,
    );
    // A figure that is not there cannot be watched: what is nought is said to be.
    let mut by_state: BTreeMap<_, u64> = CallState::ALL.iter().map(|state| (*state, 0)).collect();
    let mut legs: BTreeMap<_, u64> = LegState::ALL.iter().map(|state| (*state, 0)).collect();
    for call in view.calls() {
        *by_state.entry(call.state()).or_insert(0) += 1;
        for leg in &call.legs {
            *legs.entry(leg.state).or_insert(0) += 1;
        }
    }
    let label = |word: &str, count| (vec![("state", word.to_owned())], count);
    let by_state = by_state
        .iter()
        .map(|(state, count)| label(state.as_str(), *count));
    figures.gauges("calls", "Calls that go on, by state", by_state);
    let legs = legs
        .iter()
        .map(|(state, count)| label(state.as_str(), *count));
    figures.gauges("legs", "Legs of calls that go on, by state", legs);
    let totals = view.totals();
    let events = totals.events.iter();
    let events = events.map(|(kind, count)| (vec![("type", (*kind).to_owned())], *count));
    figures.counters("events", "Events, by type", events);
    let ended = totals.calls_ended.iter();
    let ended = ended.map(|(cause, count)| (vec![("cause", cause.to_string())], *count));
    figures.counters("calls_ended", "Calls that ended, by cause", ended);
}

fn queues(figures: &mut Figures, view: &LiveView, names: &BTreeMap<offhook_core::QueueId, String>) {
    let label = |name: &String| vec![("queue", name.clone())];
    let waiting = names.iter().map(|(id, name)| {
        let waiting = view.queue(*id).map_or(0, |queue| queue.waiting().len());
        (label(name), waiting as u64)
    });
    figures.gauges("queue_waiting", "Callers who wait, by queue", waiting);
    let mut exits = Vec::new();
    for (id, name) in names {
        let totals = view
            .queue(*id)
            .map(|queue| *queue.totals())
            .unwrap_or_default();
        for (exit, count) in [
            ("answered", totals.answered),
            ("abandoned", totals.abandoned),
            ("timed_out", totals.timed_out),
            ("full", totals.full),
            ("no_agents", totals.no_agents),
            ("moved", totals.moved),
        ] {
            exits.push((
                vec![("queue", name.clone()), ("exit", exit.to_owned())],
                count,
            ));
        }
    }
    figures.counters("queue_left", "Callers who left a queue, by how", exits);
}

fn agents(figures: &mut Figures, view: &LiveView, state: &AppState) {
    let directory = state.directory();
    let mut by_state: BTreeMap<AgentState, u64> =
        AgentState::ALL.iter().map(|state| (*state, 0)).collect();
    for agent in &directory.office().agents {
        let state = view
            .agent_state(agent.id)
            .map_or(AgentState::LoggedOut, |live| live.state);
        *by_state.entry(state).or_insert(0) += 1;
    }
    let by_state = by_state
        .iter()
        .map(|(state, count)| (vec![("state", state.to_string())], *count));
    figures.gauges("agents", "Agents, by state", by_state);
    let contacts: usize = view.phones().map(|(_, contacts)| contacts.len()).sum();
    figures.gauge("registrations", "Registered phones", contacts as u64);
}

fn store(figures: &mut Figures, state: &AppState) {
    let health = state.store().health();
    figures.gauge(
        "database_up",
        "1 if the database can be written",
        health.database.is_none().into(),
    );
    figures.gauge(
        "journal_pending_events",
        "Events not yet in the database",
        health.pending_events,
    );
    figures.counter(
        "journal_lost_events",
        "Events that could not be kept",
        health.lost_events,
    );
    figures.gauge(
        "event_followers",
        "Open event streams and other followers",
        state.live().subscribers() as u64,
    );
}

/// Figures of the engine, the edge and the actors, as they give them.
fn parts(figures: &mut Figures, state: &AppState) {
    let mut by_name: BTreeMap<&'static str, Vec<crate::state::Gauge>> = BTreeMap::new();
    for gauge in state.floor().gauges() {
        by_name.entry(gauge.name).or_default().push(gauge);
    }
    for (name, gauges) in by_name {
        let Some((help, counter)) = gauges.first().map(|gauge| (gauge.help, gauge.counter)) else {
            continue;
        };
        let plain = gauges.iter().find(|gauge| gauge.label.is_none());
        match plain.map(|gauge| gauge.value) {
            Some(value) if counter => figures.counter(name, help, value),
            Some(value) => figures.gauge(name, help, value),
            None => {
                let labelled = gauges.into_iter();
                let values = labelled.map(|gauge| (gauge.label.into_iter().collect(), gauge.value));
                if counter {
                    figures.counters(name, help, values);
                } else {
                    figures.gauges(name, help, values);
                }
            }
        }
    }
}

fn process(figures: &mut Figures, state: &AppState) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    if let Some(kilobytes) = kilobytes {
        figures.gauge(
            "process_resident_memory_bytes",
            "Memory in use",
            kilobytes * 1024,
        );
    }
    if let Ok(files) = std::fs::read_dir("/proc/self/fd") {
        figures.gauge(
            "process_open_files",
            "Open files and sockets",
            files.count() as u64,
        );
    }
    let started = u64::try_from(state.started().as_second()).unwrap_or(0);
    figures.gauge(
        "start_time_seconds",
        "When the server started, in seconds since 1970",
        started,
    );
}
