//! The defence, as readers of sockets, signalling and operators reach it.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ahash::AHashSet;
use arc_swap::ArcSwap;
use ipnet::IpNet;
use offhook_core::config::DefenceConfig;
use offhook_core::sip::defence::{
    Admittance, Ban, Class, Defence, DefenceEffect, Gate, LoginFailure, Stance,
};
use offhook_core::{Directory, IdSource};
use parking_lot::Mutex;

use super::actor::DefenceMessage;
use crate::alarm;
use crate::inbox::Inbox;
use crate::store::BanWrite;

/// The defence of the server. Clones share it; no method waits.
#[derive(Clone)]
pub struct Guard(Arc<Inner>);

struct Inner {
    enabled: bool,
    gate: ArcSwap<Gate>,
    /// The names trunks prove by certificate, in lower case.
    named: ArcSwap<Vec<String>>,
    defence: Mutex<Defence>,
    /// What happened, for the actor. Its length is bounded by how fast bans may be made.
    told: Inbox<DefenceMessage, DefenceEffect>,
    /// What the database has not taken yet, in its order. It outlives the actor that writes it.
    unwritten: Mutex<Vec<BanWrite>>,
    counters: Counters,
}

#[derive(Default)]
struct Counters {
    denied: AtomicU64,
    banned: AtomicU64,
    limited: AtomicU64,
    scanners: AtomicU64,
    connections: AtomicU64,
    bans: AtomicU64,
}

/// What was kept out since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Dropped {
    /// Messages and connections from networks the configuration denies.
    pub denied: u64,
    /// Messages and connections of banned sources.
    pub banned: u64,
    /// Messages above a limit.
    pub limited: u64,
    /// Requests of scanners.
    pub scanners: u64,
    /// Connections above a limit.
    pub connections: u64,
}

/// The defence's figures, for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DefenceStats {
    /// What was kept out.
    pub dropped: Dropped,
    /// Bans since the start.
    pub bans: u64,
    /// Bans that hold.
    pub banned: usize,
    /// Sources remembered.
    pub sources: usize,
}

fn add(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Guard {
    /// Knows nobody yet but the lists of the configuration.
    #[must_use]
    pub fn new(config: &DefenceConfig) -> Self {
        let defence = Defence::new(config.clone(), &mut IdSource::from_entropy());
        Self(Arc::new(Inner {
            enabled: config.enabled,
            gate: ArcSwap::from_pointee(defence.gate()),
            named: ArcSwap::default(),
            defence: Mutex::new(defence),
            told: Inbox::default(),
            unwritten: Mutex::default(),
            counters: Counters::default(),
        }))
    }

    /// Whether a message that has just been read may come in. Called for every one of them.
    pub(crate) fn admits(&self, peer: IpAddr, data: &[u8]) -> bool {
        let counters = &self.0.counters;
        match self.0.gate.load().stance(peer) {
            Stance::Free => return true,
            Stance::Denied => add(&counters.denied),
            Stance::Banned => add(&counters.banned),
            Stance::Ordinary if !self.0.enabled => return true,
            Stance::Ordinary => {
                let class = Class::of(data);
                if class == Class::Response
                    || self.with(|defence, now| defence.admit(now, peer, class)) == Admittance::Pass
                {
                    return true;
                }
                add(&counters.limited);
            }
        }
        false
    }

    /// The same for a message on a connection whose peer's certificate, which was verified, has these
    /// names. A trunk that is known by one of them is never limited; nor is its address banned for
    /// what others send in its name. An operator's ban counts.
    pub(crate) fn admits_named(&self, peer: IpAddr, names: &[String], data: &[u8]) -> bool {
        if self.is_ordinary(peer) && self.0.named.load().iter().any(|own| names.contains(own)) {
            self.vouch(peer);
            return true;
        }
        self.admits(peer, data)
    }

    /// Whether a connection that has just been accepted may stay.
    pub(crate) fn admits_connection(&self, peer: IpAddr) -> bool {
        let counters = &self.0.counters;
        match self.0.gate.load().stance(peer) {
            Stance::Free => return true,
            Stance::Denied => add(&counters.denied),
            Stance::Banned => add(&counters.banned),
            Stance::Ordinary if !self.0.enabled => return true,
            Stance::Ordinary => {
                let class = Class::Connection;
                if self.with(|defence, now| defence.admit(now, peer, class)) == Admittance::Pass {
                    return true;
                }
                add(&counters.connections);
            }
        }
        false
    }

    /// Whether nothing from there is read.
    pub(crate) fn is_barred(&self, peer: IpAddr) -> bool {
        match self.0.gate.load().stance(peer) {
            Stance::Denied | Stance::Banned => true,
            Stance::Free | Stance::Ordinary => false,
        }
    }

    /// Whether nobody knows who is there.
    pub(crate) fn is_stranger(&self, peer: IpAddr) -> bool {
        self.is_ordinary(peer) && !self.with(|defence, now| defence.is_known(now, peer))
    }

    /// Whether limits are counted for this address at all.
    fn is_ordinary(&self, peer: IpAddr) -> bool {
        self.0.enabled && self.0.gate.load().stance(peer) == Stance::Ordinary
    }

    /// Whether a request may be worked on that says it comes from this program.
    pub(crate) fn admits_agent(&self, peer: IpAddr, agent: &[u8]) -> bool {
        if !self.is_ordinary(peer)
            || self.with(|defence, now| defence.admit_agent(now, peer, agent)) == Admittance::Pass
        {
            return true;
        }
        add(&self.0.counters.scanners);
        false
    }

    /// What came from there began like SIP and was none.
    pub(crate) fn not_understood(&self, peer: IpAddr) {
        if self.is_ordinary(peer) {
            let garbage = Class::Garbage;
            let _counted = self.with(|defence, now| defence.admit(now, peer, garbage));
        }
    }

    /// We have business there: a request of ours goes to it.
    pub(crate) fn vouch(&self, peer: IpAddr) {
        if self.is_ordinary(peer) {
            self.with(|defence, now| defence.vouch(now, peer));
        }
    }

    /// Whether this name may not be tried from there at present.
    pub(crate) fn is_locked(&self, peer: IpAddr, user: &str) -> bool {
        self.is_ordinary(peer) && self.with(|defence, now| defence.is_locked(now, peer, user))
    }

    /// The password of this name was right.
    pub(crate) fn logged_in(&self, peer: IpAddr, user: &str) {
        if self.is_ordinary(peer) {
            self.with(|defence, now| defence.logged_in(now, peer, user));
        }
    }

    /// A login from there failed.
    pub(crate) fn login_failed(&self, peer: IpAddr, user: &str, failure: LoginFailure) {
        self.with(|defence, now| defence.login_failed(now, peer, user, failure));
    }

    /// Trusts the networks and the names of the office's trunks, and no longer those of others.
    pub(crate) fn trust(&self, directory: &Directory) {
        let trunks = directory.office().trunks.iter();
        let trunks = trunks.filter(|trunk| trunk.enabled);
        let names = trunks.clone().flat_map(|trunk| &trunk.inbound.tls_names);
        let names = names.map(|name| name.to_ascii_lowercase()).collect();
        self.0.named.store(Arc::new(names));
        let networks = trunks.flat_map(|trunk| trunk.trusted.clone()).collect();
        let mut defence = self.0.defence.lock();
        defence.set_trusted(networks);
        self.0.gate.store(Arc::new(defence.gate()));
    }

    /// Takes over bans from before a restart.
    pub(crate) fn restore(&self, bans: Vec<Ban>) {
        let mut defence = self.0.defence.lock();
        defence.restore(alarm::now(), bans);
        self.0.gate.store(Arc::new(defence.gate()));
    }

    /// Ends the bans whose time is over, and tells when the next one ends.
    pub(crate) fn expire(&self) -> Option<Instant> {
        self.with(|defence, now| {
            defence.handle_timeout(now);
            defence.poll_timeout()
        })
    }

    pub(super) fn told(&self) -> &Inbox<DefenceMessage, DefenceEffect> {
        &self.0.told
    }

    /// This is to be written down.
    pub(super) fn note(&self, change: BanWrite) {
        self.0.unwritten.lock().push(change);
    }

    /// What is to be written down. A change replaces those of the same network before it, so what
    /// waits for a database that is away stays as short as the list of bans.
    pub(super) fn unwritten(&self) -> Vec<BanWrite> {
        let mut last = AHashSet::new();
        let mut unwritten = self.0.unwritten.lock();
        let newest_first = std::mem::take(&mut *unwritten).into_iter().rev();
        *unwritten = newest_first
            .filter(|change| last.insert(change.network()))
            .collect();
        unwritten.reverse();
        unwritten.clone()
    }

    /// So many changes, the oldest, are written down.
    pub(super) fn written(&self, count: usize) {
        self.0.unwritten.lock().drain(..count);
    }

    /// The bans that hold, by network.
    #[must_use]
    pub fn bans(&self) -> Vec<Ban> {
        let mut bans: Vec<Ban> = self.0.defence.lock().bans().cloned().collect();
        bans.sort_by_key(|ban| ban.network);
        bans
    }

    /// Bans a network at an operator's wish. A ban it has already is replaced.
    #[must_use]
    pub fn ban(&self, network: IpNet, length: Duration, note: String) -> Ban {
        self.with(|defence, now| defence.ban(now, network, length, note))
    }

    /// Ends a ban at an operator's wish; false when there is none of this network.
    #[must_use]
    pub fn unban(&self, network: IpNet) -> bool {
        self.with(|defence, _| defence.unban(network))
    }

    /// The figures now.
    #[must_use]
    pub fn stats(&self) -> DefenceStats {
        let counters = &self.0.counters;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let defence = self.0.defence.lock();
        DefenceStats {
            dropped: Dropped {
                denied: read(&counters.denied),
                banned: read(&counters.banned),
                limited: read(&counters.limited),
                scanners: read(&counters.scanners),
                connections: read(&counters.connections),
            },
            bans: read(&counters.bans),
            banned: defence.bans().len(),
            sources: defence.remembered(),
        }
    }

    /// Lets something happen to the machine, and passes on what it says.
    fn with<R>(&self, act: impl FnOnce(&mut Defence, Instant) -> R) -> R {
        let mut defence = self.0.defence.lock();
        let result = act(&mut defence, alarm::now());
        let mut gate_changed = false;
        while let Some(effect) = defence.poll_effect() {
            if matches!(effect, DefenceEffect::Banned(_)) {
                add(&self.0.counters.bans);
            }
            gate_changed |= !matches!(effect, DefenceEffect::LoginFailed { .. });
            self.0.told.deliver(effect, || DefenceMessage::Look);
        }
        if gate_changed {
            self.0.gate.store(Arc::new(defence.gate()));
        }
        result
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").finish_non_exhaustive()
    }
}
