//! The server within the test's own process: real sockets and the whole tree, and a way to reach
//! into it.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use offhook_actors::agent::AgentCommand;
use offhook_actors::live::{Delivery, Subscription};
use offhook_actors::root::{self, Offhook};
use offhook_actors::store::{DemoCredentials, Store, seed_demo};
use offhook_core::config::{Config, PortRange};
use offhook_core::directory::AgentState;
use offhook_core::sip::endpoint::SipTransport;
use offhook_core::{AgentId, CallId, EventKind, QueueId};
use offhook_tests::PATIENCE;
use offhook_tests::phone::{Phone, PhoneSpec, Talk};
use offhook_tests::place;
use tempfile::TempDir;
use tokio::time::timeout;

/// The demo office.
pub(super) struct House {
    pub(super) offhook: Offhook,
    credentials: DemoCredentials,
    sip: SocketAddr,
    _data: TempDir,
}

/// Two who talk.
pub(super) struct Pair {
    pub(super) call: CallId,
    pub(super) caller: Talk,
    pub(super) callee: Talk,
}

impl House {
    pub(super) async fn start() -> Result<Self> {
        let data = TempDir::with_prefix("offhook-test-")?;
        let store = Store::open(data.path()).await?;
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let credentials = seed_demo(&store, any, any).await?;
        // Below the blocks of servers that other tests start. Fifty conversations take half of it.
        let first = place::own(&(3000..9400)).start;
        let mut config = Config::default();
        config.sip.udp = vec![any];
        config.sip.tcp = vec![any];
        config.media.rtp_ports = PortRange::new(first, first + 399)?;
        let offhook = root::start(&config, store).await?;
        let listening = offhook.switchboard.sip.listening();
        let udp = |(transport, _): &&(SipTransport, SocketAddr)| *transport == SipTransport::Udp;
        let sip = listening.iter().find(udp).context("UDP")?.1;
        Ok(Self {
            offhook,
            credentials,
            sip,
            _data: data,
        })
    }

    /// The registered phone of an extension.
    pub(super) async fn extension(&self, number: &str) -> Result<Phone> {
        let mut all = self.credentials.extensions.iter();
        let known = all.find(|known| known.extension == number);
        let mut spec = PhoneSpec::new(number, Some(self.sip));
        spec.password = Some(known.context("no such extension")?.password.clone());
        let phone = Phone::new(spec).await?;
        phone.registers().await?;
        Ok(phone)
    }

    /// Somebody outside.
    pub(super) async fn outside(&self, number: &str) -> Result<Phone> {
        Phone::new(PhoneSpec::new(number, Some(self.sip))).await
    }

    /// The public number.
    pub(super) fn did(&self) -> &str {
        &self.credentials.did
    }

    /// So many conversations between two phones at once, everyone with a tone of their own.
    pub(super) async fn conversations(
        &self,
        count: u32,
        from: &Phone,
        to: (&str, &Phone),
    ) -> Result<Vec<Pair>> {
        let mut pairs = Vec::new();
        for number in 0..count {
            let before = self.calls();
            let dialling = from.calls(to.0).await?;
            let ringing = to.1.rings().await.context("the callee")?;
            let callee = ringing.answers().await?;
            let caller = dialling.is_answered().await?;
            let mut new = self.calls();
            new.retain(|call| !before.contains(call));
            let call = *new.first().context("a call")?;
            caller.plays_tone(400.0 + 10.0 * f64::from(number));
            callee.plays_tone(1400.0 + 10.0 * f64::from(number));
            pairs.push(Pair {
                call,
                caller,
                callee,
            });
        }
        Ok(pairs)
    }

    /// The calls that go on.
    pub(super) fn calls(&self) -> Vec<CallId> {
        let live = &self.offhook.switchboard.live;
        live.view(|view| view.calls().map(|call| call.id).collect())
    }

    /// The queue at this extension.
    pub(super) fn queue(&self, extension: &str) -> Result<QueueId> {
        let directory = self.offhook.switchboard.directory.load();
        let mut queues = directory.office().queues.iter();
        let found = queues.find(|queue| queue.extension.as_deref() == Some(extension));
        Ok(found.context("no such queue")?.id)
    }

    /// The agent at this extension.
    pub(super) fn agent(&self, extension: &str) -> Result<AgentId> {
        let directory = self.offhook.switchboard.directory.load();
        let mut extensions = directory.office().extensions.iter();
        let found = extensions.find(|known| known.number == extension);
        let extension = found.context("no such extension")?.id;
        let agent = self.offhook.switchboard.agents.at(extension);
        agent.context("no agent there")
    }

    /// Sets an agent's state.
    pub(super) async fn sets_agent(&self, agent: AgentId, command: AgentCommand) -> Result<()> {
        let agents = &self.offhook.switchboard.agents;
        agents.set_state(agent, command).await?;
        Ok(())
    }

    /// Waits until an agent is in this state.
    pub(super) async fn agent_becomes(&self, agent: AgentId, state: AgentState) -> Result<()> {
        let live = &self.offhook.switchboard.live;
        let (now, mut events) =
            live.subscribe_with(|view| view.agent_state(agent).map(|agent| agent.state));
        if now == Some(state) {
            return Ok(());
        }
        let there = |event: &EventKind| {
            matches!(event, EventKind::AgentStateChanged { agent: whose, state: new, .. }
                if *whose == agent && *new == state)
        };
        happens(&mut events, "the agent's state", there).await
    }

    /// Waits until so many callers wait in a queue; answers their calls in the order of the line.
    pub(super) async fn line(&self, queue: QueueId, length: usize) -> Result<Vec<CallId>> {
        let live = &self.offhook.switchboard.live;
        let (now, mut events) =
            live.subscribe_with(|view| view.queue(queue).map_or(0, |queue| queue.waiting().len()));
        let mut missing = length.saturating_sub(now);
        while missing > 0 {
            let queued = |event: &EventKind| matches!(event, EventKind::CallQueued { .. });
            happens(&mut events, "another caller in the line", queued).await?;
            missing -= 1;
        }
        let callers = self.offhook.switchboard.queues.callers(queue).await?;
        Ok(callers.iter().map(|caller| caller.call).collect())
    }

    /// Everything that happens from now on.
    pub(super) fn events(&self) -> Subscription {
        self.offhook.switchboard.live.subscribe()
    }

    /// Waits until no call is left, and nothing of any.
    pub(super) async fn has_nothing_left(&self) -> Result<()> {
        let board = &self.offhook.switchboard;
        let left = || {
            let media = board.engine.stats();
            let legs = media.ports_in_use;
            (self.calls().len(), board.calls.count(), legs)
        };
        let mut look = tokio::time::interval(Duration::from_millis(50));
        let nothing = async {
            while left() != (0, 0, 0) {
                look.tick().await;
            }
        };
        let waited = timeout(PATIENCE, nothing).await;
        waited.with_context(|| format!("(calls shown, calls, ports) remain: {:?}", left()))
    }
}

/// Waits for an event.
pub(super) async fn happens(
    events: &mut Subscription,
    what: &str,
    wanted: impl Fn(&EventKind) -> bool,
) -> Result<()> {
    let found = async {
        loop {
            match events.next().await {
                Some(Delivery::Event(event)) if wanted(&event.kind) => return Ok(()),
                Some(Delivery::Event(_) | Delivery::Lagged(_)) => {}
                None => bail!("the events ended"),
            }
        }
    };
    let waited = timeout(PATIENCE, found).await;
    waited.with_context(|| format!("waited in vain for {what}"))?
}
