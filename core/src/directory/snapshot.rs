//! The snapshot that routing reads.

use std::net::IpAddr;

use ahash::AHashMap;

use crate::directory::{
    Agent, Destination, Did, Extension, IvrMenu, MusicClass, OutboundRoute, Queue, SoundFile, Trunk,
};
use crate::id::{AgentId, DidId, ExtensionId, IvrMenuId, QueueId, TrunkId};

/// Everything the store knows about the office, as plain lists.
#[derive(Debug, Clone, Default)]
pub struct Office {
    /// Internal numbers.
    pub extensions: Vec<Extension>,
    /// Public numbers.
    pub dids: Vec<Did>,
    /// Carrier links.
    pub trunks: Vec<Trunk>,
    /// Queues.
    pub queues: Vec<Queue>,
    /// Agents.
    pub agents: Vec<Agent>,
    /// Menus.
    pub ivr_menus: Vec<IvrMenu>,
    /// Ways out, in any order.
    pub outbound_routes: Vec<OutboundRoute>,
    /// Classes of hold music beside the built-in one.
    pub music_classes: Vec<MusicClass>,
    /// Uploaded sounds.
    pub sounds: Vec<SoundFile>,
}

/// What an internal number belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialable {
    /// An extension.
    Extension(ExtensionId),
    /// A queue.
    Queue(QueueId),
    /// A menu.
    IvrMenu(IvrMenuId),
}

/// The office at one moment, with indexes. Immutable: a change makes a new one.
#[derive(Debug, Clone, Default)]
pub struct Directory {
    office: Office,
    numbers: AHashMap<String, Dialable>,
    /// Extensions by their place in the office, in the order of their numbers.
    sorted: Vec<usize>,
    dids: AHashMap<String, usize>,
    extensions: AHashMap<ExtensionId, usize>,
    did_ids: AHashMap<DidId, usize>,
    trunks: AHashMap<TrunkId, usize>,
    /// Trunks that register, by the user part of their Contacts.
    contacts: AHashMap<String, TrunkId>,
    queues: AHashMap<QueueId, usize>,
    agents: AHashMap<AgentId, usize>,
    agents_at: AHashMap<ExtensionId, AgentId>,
    ivr_menus: AHashMap<IvrMenuId, usize>,
    /// Outbound routes by their place in the office, in the order they are looked at.
    routes: Vec<usize>,
}

fn index<K: std::hash::Hash + Eq, T>(items: &[T], key: impl Fn(&T) -> K) -> AHashMap<K, usize> {
    items
        .iter()
        .enumerate()
        .map(|(at, item)| (key(item), at))
        .collect()
}

impl Directory {
    /// Indexes an office. Where two things share a number the extension wins, then the queue; the
    /// API refuses such doubles before they get here.
    #[must_use]
    pub fn new(office: Office) -> Self {
        let mut numbers = AHashMap::new();
        for menu in &office.ivr_menus {
            if let Some(number) = &menu.extension {
                numbers.insert(number.clone(), Dialable::IvrMenu(menu.id));
            }
        }
        for queue in &office.queues {
            if let Some(number) = &queue.extension {
                numbers.insert(number.clone(), Dialable::Queue(queue.id));
            }
        }
        for extension in &office.extensions {
            numbers.insert(extension.number.clone(), Dialable::Extension(extension.id));
        }
        let mut sorted: Vec<usize> = (0..office.extensions.len()).collect();
        sorted.sort_unstable_by(|a, b| {
            let number = |at: &usize| &office.extensions[*at].number;
            number(a).cmp(number(b))
        });
        let mut routes: Vec<usize> = (0..office.outbound_routes.len()).collect();
        routes.sort_by_key(|at| {
            let route = &office.outbound_routes[*at];
            (route.priority, route.name.clone(), route.id)
        });
        let registering = office.trunks.iter().filter(|trunk| trunk.registers());
        let contacts = registering.map(|trunk| (trunk.contact_user(), trunk.id));
        Self {
            contacts: contacts.collect(),
            numbers,
            sorted,
            dids: index(&office.dids, |did| did.number.clone()),
            extensions: index(&office.extensions, |extension| extension.id),
            did_ids: index(&office.dids, |did| did.id),
            trunks: index(&office.trunks, |trunk| trunk.id),
            queues: index(&office.queues, |queue| queue.id),
            agents: index(&office.agents, |agent| agent.id),
            agents_at: office
                .agents
                .iter()
                .map(|agent| (agent.extension, agent.id))
                .collect(),
            routes,
            ivr_menus: index(&office.ivr_menus, |menu| menu.id),
            office,
        }
    }

    /// The lists behind the snapshot.
    #[must_use]
    pub fn office(&self) -> &Office {
        &self.office
    }

    /// What an internal number belongs to.
    #[must_use]
    pub fn dialable(&self, number: &str) -> Option<Dialable> {
        self.numbers.get(number).copied()
    }

    /// The extension with this number.
    #[must_use]
    pub fn extension_numbered(&self, number: &str) -> Option<&Extension> {
        match self.dialable(number)? {
            Dialable::Extension(id) => self.extension(id),
            Dialable::Queue(_) | Dialable::IvrMenu(_) => None,
        }
    }

    /// The public number, in E.164 form with its plus sign.
    #[must_use]
    pub fn did_numbered(&self, number: &str) -> Option<&Did> {
        self.office.dids.get(*self.dids.get(number)?)
    }

    /// Whether any internal number is longer than `digits` and begins with it.
    #[must_use]
    pub fn could_become_extension(&self, digits: &str) -> bool {
        let number = |at: &usize| self.office.extensions[*at].number.as_str();
        let next = self.sorted.partition_point(|at| number(at) <= digits);
        // In this order those that begin with the digits follow them at once.
        let next = self.sorted.get(next);
        next.is_some_and(|at| number(at).starts_with(digits))
    }

    /// The extension with this id.
    #[must_use]
    pub fn extension(&self, id: ExtensionId) -> Option<&Extension> {
        self.office.extensions.get(*self.extensions.get(&id)?)
    }

    /// The DID with this id.
    #[must_use]
    pub fn did(&self, id: DidId) -> Option<&Did> {
        self.office.dids.get(*self.did_ids.get(&id)?)
    }

    /// The trunk with this id.
    #[must_use]
    pub fn trunk(&self, id: TrunkId) -> Option<&Trunk> {
        self.office.trunks.get(*self.trunks.get(&id)?)
    }

    /// The enabled trunk that trusts calls from this address; the narrowest network wins.
    #[must_use]
    pub fn trunk_trusting(&self, source: IpAddr) -> Option<&Trunk> {
        let nets = self
            .office
            .trunks
            .iter()
            .filter(|trunk| trunk.enabled)
            .flat_map(|trunk| {
                trunk
                    .trusted
                    .iter()
                    .filter(move |net| net.contains(&source))
                    .map(move |net| (net, trunk))
            });
        nets.max_by_key(|(net, _)| net.prefix_len())
            .map(|(_, trunk)| trunk)
    }

    /// The enabled trunk that one of these names of a verified client certificate belongs to. Names
    /// are compared without regard to case.
    #[must_use]
    pub fn trunk_named(&self, names: &[String]) -> Option<&Trunk> {
        let known = |trunk: &&Trunk| {
            let mut own = trunk.inbound.tls_names.iter();
            own.any(|own| names.iter().any(|name| name.eq_ignore_ascii_case(own)))
        };
        let trunks = self.office.trunks.iter();
        trunks.filter(|trunk| trunk.enabled).find(known)
    }

    /// The enabled trunk that is registered with this user part of a Contact
    /// ([`Trunk::contact_user`]).
    #[must_use]
    pub fn trunk_registered_as(&self, user: &str) -> Option<&Trunk> {
        self.trunk(*self.contacts.get(user)?)
    }

    /// The public number of an extension: that of a DID which leads straight to it.
    #[must_use]
    pub fn did_of(&self, extension: ExtensionId) -> Option<&Did> {
        let leads_there = |did: &&Did| did.destination == Destination::Extension(extension);
        self.office.dids.iter().find(leads_there)
    }

    /// The outbound routes in the order they are looked at.
    pub fn outbound_routes(&self) -> impl Iterator<Item = &OutboundRoute> {
        self.routes
            .iter()
            .map(|at| &self.office.outbound_routes[*at])
    }

    /// The queue with this id.
    #[must_use]
    pub fn queue(&self, id: QueueId) -> Option<&Queue> {
        self.office.queues.get(*self.queues.get(&id)?)
    }

    /// The agent with this id.
    #[must_use]
    pub fn agent(&self, id: AgentId) -> Option<&Agent> {
        self.office.agents.get(*self.agents.get(&id)?)
    }

    /// The agent who works at an extension.
    #[must_use]
    pub fn agent_at(&self, extension: ExtensionId) -> Option<&Agent> {
        self.agent(*self.agents_at.get(&extension)?)
    }

    /// The office's own class of hold music with this name.
    #[must_use]
    pub fn music_class_named(&self, name: &str) -> Option<&MusicClass> {
        let classes = &self.office.music_classes;
        classes.iter().find(|class| class.name == name)
    }

    /// The uploaded prompt with this name.
    #[must_use]
    pub fn prompt_named(&self, name: &str) -> Option<&SoundFile> {
        let mut prompts = self.office.sounds.iter().filter(|s| s.class.is_none());
        prompts.find(|sound| sound.name == name)
    }

    /// The menu with this id.
    #[must_use]
    pub fn ivr_menu(&self, id: IvrMenuId) -> Option<&IvrMenu> {
        self.office.ivr_menus.get(*self.ivr_menus.get(&id)?)
    }
}
