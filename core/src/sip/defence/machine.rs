//! The rules: buckets, wrong passwords, bans.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use ahash::RandomState;
use ipnet::IpNet;

use super::ban::{Ban, BanReason, Bans, UnbanReason};
use super::bucket::Bucket;
use super::class::Class;
use super::gate::{Gate, Stance};
use super::login::{LoginFailure, Logins};
use super::source::Source;
use super::table::Table;
use crate::config::{DefenceConfig, Rate};
use crate::id::IdSource;

/// How long a source counts as known after its last sign.
const KNOWN_FOR: Duration = Duration::from_hours(2);

/// New bans for what anybody can forge: each makes the gate anew and is written down.
const NEW_BANS: Rate = Rate {
    burst: 100,
    per_minute: 1200,
};

/// Wrong passwords that are told to the world, all sources together.
const TOLD: Rate = Rate {
    burst: 50,
    per_minute: 600,
};

/// Wrong passwords of one source are told so often at most.
const TELL_AGAIN: Duration = Duration::from_secs(10);

/// Whether a message may come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Admittance {
    /// It may.
    Pass,
    /// It is dropped without an answer.
    Drop,
}

/// What the world should learn, and the gate be made anew for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DefenceEffect {
    /// Somebody is kept out.
    Banned(Ban),
    /// Somebody no longer is.
    Unbanned {
        /// Who.
        network: IpNet,
        /// Why.
        reason: UnbanReason,
    },
    /// Somebody gave a wrong password. Not every one is told.
    LoginFailed {
        /// From where.
        from: IpAddr,
        /// The name they claimed.
        user: String,
        /// What was wrong.
        failure: LoginFailure,
    },
}

/// What is remembered of one source.
#[derive(Debug, Default)]
struct Visitor {
    limits: [Bucket; Class::COUNT],
    /// What is beyond the limits comes out of these.
    excess: [Bucket; Class::COUNT],
    logins: Logins,
    told: Option<Instant>,
    known_until: Option<Instant>,
}

/// The defence of one server. See the [module](super) for who tells it what.
#[derive(Debug)]
pub struct Defence {
    config: DefenceConfig,
    /// Lower-case.
    scanners: Vec<String>,
    hasher: RandomState,
    gate: Gate,
    strangers: Table<Source, Visitor>,
    known: Table<Source, Visitor>,
    bans: Bans,
    new_bans: Bucket,
    told: Bucket,
    effects: VecDeque<DefenceEffect>,
}

/// How somebody who is neither banned nor free is treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Stranger,
    Known,
}

impl Defence {
    /// Nobody is known or banned yet.
    #[must_use]
    pub fn new(config: DefenceConfig, ids: &mut IdSource) -> Self {
        let scanners = config.scanners.iter();
        Self {
            scanners: scanners.map(|word| word.to_lowercase()).collect(),
            hasher: RandomState::with_seeds(ids.bits(), ids.bits(), ids.bits(), ids.bits()),
            gate: Gate {
                allow: config.allow.clone(),
                deny: config.deny.clone(),
                ..Gate::default()
            },
            strangers: Table::new(config.max_sources),
            known: Table::new(config.max_sources),
            bans: Bans::new(config.max_bans),
            new_bans: Bucket::default(),
            told: Bucket::default(),
            effects: VecDeque::new(),
            config,
        }
    }

    /// The networks trunks call from.
    pub fn set_trusted(&mut self, networks: Vec<IpNet>) {
        self.gate.trusted = networks;
    }

    /// Bans from before a restart. Those that are over by now are left out.
    pub fn restore(&mut self, now: Instant, bans: impl IntoIterator<Item = Ban>) {
        for ban in bans {
            if ban.until > now {
                self.insert(ban);
            }
        }
    }

    /// Somebody proved a password from there, or we have business there: it is known for a while.
    pub fn vouch(&mut self, now: Instant, address: IpAddr) {
        let source = Source::of(address);
        self.strangers.remove(source);
        self.known.entry(source).known_until = Some(now + KNOWN_FOR);
    }

    /// Whether a password was proved from there lately, or we have business there.
    #[must_use]
    pub fn is_known(&self, now: Instant, address: IpAddr) -> bool {
        let known = self.known.get(Source::of(address));
        let until = known.and_then(|visitor| visitor.known_until);
        until.is_some_and(|until| now < until)
    }

    /// The password for this name was right.
    pub fn logged_in(&mut self, now: Instant, address: IpAddr, user: &str) {
        let hash = self.hasher.hash_one(user);
        self.vouch(now, address);
        self.known.entry(Source::of(address)).logins.clear(hash);
    }

    /// A message of this kind arrived from there.
    pub fn admit(&mut self, now: Instant, address: IpAddr, class: Class) -> Admittance {
        match self.stance(address) {
            Stance::Free => return Admittance::Pass,
            Stance::Denied | Stance::Banned => return Admittance::Drop,
            Stance::Ordinary => {}
        }
        let limits = &self.config.limits;
        let rate = match class {
            Class::Register => limits.register,
            Class::Invite => limits.invite,
            Class::Options => limits.options,
            Class::Subscribe => limits.subscribe,
            Class::Other => limits.other,
            Class::Garbage => limits.garbage,
            Class::Connection => limits.connections,
            Class::Response => return Admittance::Pass,
        };
        let (factor, at) = (self.config.known_factor, class as usize);
        let (standing, visitor) = self.visitor(now, address);
        let factor = if standing == Standing::Known {
            factor
        } else {
            1
        };
        if visitor.limits[at].take(now, rate, factor) {
            return Admittance::Pass;
        }
        let patience = visitor.excess[at].take(now, rate, factor);
        if patience || standing == Standing::Known {
            return Admittance::Drop;
        }
        match class {
            Class::Register | Class::Invite | Class::Subscribe => {
                self.ban_forgeable(now, address, BanReason::Flood);
            }
            Class::Garbage => self.ban_forgeable(now, address, BanReason::Garbage),
            Class::Options | Class::Other | Class::Response | Class::Connection => {}
        }
        Admittance::Drop
    }

    /// A request came from there with this `User-Agent`.
    pub fn admit_agent(&mut self, now: Instant, address: IpAddr, agent: &[u8]) -> Admittance {
        if self.stance(address) != Stance::Ordinary {
            return Admittance::Pass;
        }
        let agent = String::from_utf8_lossy(agent).to_lowercase();
        if !self.scanners.iter().any(|word| agent.contains(word)) {
            return Admittance::Pass;
        }
        if self.visitor(now, address).0 == Standing::Stranger {
            self.ban_forgeable(now, address, BanReason::Scanner);
        }
        Admittance::Drop
    }

    /// Whether this name may not be tried from there at present.
    #[must_use]
    pub fn is_locked(&self, now: Instant, address: IpAddr, user: &str) -> bool {
        let hash = self.hasher.hash_one(user);
        let known = self.known.get(Source::of(address));
        known.is_some_and(|visitor| visitor.logins.is_locked(now, hash))
    }

    /// A login from there failed.
    pub fn login_failed(
        &mut self,
        now: Instant,
        address: IpAddr,
        user: &str,
        failure: LoginFailure,
    ) {
        let ordinary = self.stance(address) == Stance::Ordinary;
        if ordinary && failure != LoginFailure::Locked && failure != LoginFailure::Country {
            self.count_failure(now, address, user);
        }
        let (_, visitor) = self.visitor(now, address);
        let lately = |at: Instant| now.saturating_duration_since(at) < TELL_AGAIN;
        if visitor.told.is_some_and(lately) {
            return;
        }
        visitor.told = Some(now);
        if self.told.take(now, TOLD, 1) {
            self.effects.push_back(DefenceEffect::LoginFailed {
                from: address.to_canonical(),
                user: user.to_owned(),
                failure,
            });
        }
    }

    fn count_failure(&mut self, now: Instant, address: IpAddr, user: &str) {
        let hash = self.hasher.hash_one(user);
        let window = self.config.window;
        let (standing, visitor) = self.visitor(now, address);
        let tally = visitor.logins.note(now, hash, window);
        let many = tally.for_name >= self.config.login_failures;
        match standing {
            Standing::Stranger if tally.names >= self.config.probed_names => {
                self.ban_source(now, address, BanReason::Probing);
            }
            Standing::Stranger if many => {
                self.ban_source(now, address, BanReason::WrongPasswords);
            }
            Standing::Stranger | Standing::Known if tally.total >= self.config.source_failures => {
                self.ban_source(now, address, BanReason::WrongPasswords);
            }
            Standing::Known if many => {
                let until = now + self.config.ban;
                self.visitor(now, address).1.logins.lock(hash, until);
            }
            Standing::Stranger | Standing::Known => {}
        }
    }

    fn visitor(&mut self, now: Instant, address: IpAddr) -> (Standing, &mut Visitor) {
        let source = Source::of(address);
        let known = self.known.get(source).and_then(|known| known.known_until);
        if known.is_some_and(|until| now < until) {
            return (Standing::Known, self.known.entry(source));
        }
        if known.is_some() {
            self.known.remove(source);
        }
        (Standing::Stranger, self.strangers.entry(source))
    }

    /// Bans for something that proves no address. There is a limit to such bans: what they would
    /// keep out is dropped by limits as well.
    fn ban_forgeable(&mut self, now: Instant, address: IpAddr, reason: BanReason) {
        if self.new_bans.take(now, NEW_BANS, 1) {
            self.ban_source(now, address, reason);
        }
    }

    fn ban_source(&mut self, now: Instant, address: IpAddr, reason: BanReason) {
        let source = Source::of(address);
        let network = source.network();
        let count = self.bans.next_count(now, network);
        let doublings = count.saturating_sub(1).min(31);
        let length = self.config.ban.saturating_mul(1 << doublings);
        self.strangers.remove(source);
        self.known.remove(source);
        self.add(Ban {
            network,
            reason,
            note: String::new(),
            since: now,
            until: now + length.min(self.config.max_ban),
            count,
        });
    }

    fn add(&mut self, ban: Ban) {
        for network in self.insert(ban.clone()) {
            let reason = UnbanReason::Displaced;
            self.effects
                .push_back(DefenceEffect::Unbanned { network, reason });
        }
        self.effects.push_back(DefenceEffect::Banned(ban));
    }

    /// Adds a ban; returns those that had to make room.
    fn insert(&mut self, ban: Ban) -> Vec<IpNet> {
        let network = ban.network;
        let displaced = self.bans.insert(ban);
        for network in &displaced {
            self.gate.unban(*network);
        }
        self.gate.ban(network);
        displaced
    }

    fn stance(&self, address: IpAddr) -> Stance {
        let stance = self.gate.stance(address);
        if stance == Stance::Ordinary && !self.config.enabled {
            return Stance::Free;
        }
        stance
    }
}

/// What operators want, what time brings, what others ask.
impl Defence {
    /// Bans a network at an operator's wish, trunks in it included. A ban it has already is
    /// replaced.
    pub fn ban(&mut self, now: Instant, network: IpNet, length: Duration, note: String) -> Ban {
        let network = network.trunc();
        let network = Source::exactly(network).map_or(network, Source::network);
        let ban = Ban {
            network,
            reason: BanReason::Operator,
            note,
            since: now,
            until: now + length,
            count: self.bans.next_count(now, network),
        };
        self.add(ban.clone());
        ban
    }

    /// Ends a ban at an operator's wish; it does not make a later one longer. False when there is
    /// none of exactly this network, or of the /64 of this one address.
    pub fn unban(&mut self, network: IpNet) -> bool {
        let as_source = Source::of(network.addr()).network();
        let host = network.prefix_len() == network.max_prefix_len();
        let found = [Some(network.trunc()), host.then_some(as_source)]
            .into_iter()
            .flatten()
            .find(|network| self.bans.get(*network).is_some());
        let Some(network) = found else {
            return false;
        };
        self.bans.pardon(network);
        self.gate.unban(network);
        let reason = UnbanReason::Operator;
        self.effects
            .push_back(DefenceEffect::Unbanned { network, reason });
        true
    }

    /// The bans that hold, in no order.
    pub fn bans(&self) -> impl ExactSizeIterator<Item = &Ban> {
        self.bans.iter()
    }

    /// A copy of the gate for readers of sockets.
    #[must_use]
    pub fn gate(&self) -> Gate {
        self.gate.clone()
    }

    /// Sources remembered, strangers and known ones.
    #[must_use]
    pub fn remembered(&self) -> usize {
        self.strangers.len() + self.known.len()
    }

    /// Ends the bans whose time is over.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(network) = self.bans.expired(now) {
            self.bans.remove(network);
            self.gate.unban(network);
            let reason = UnbanReason::Expired;
            self.effects
                .push_back(DefenceEffect::Unbanned { network, reason });
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.bans.next_end()
    }

    /// The next thing that others should learn.
    pub fn poll_effect(&mut self) -> Option<DefenceEffect> {
        self.effects.pop_front()
    }
}
