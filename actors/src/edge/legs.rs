//! Which leg a dialog or a transaction belongs to.

use std::collections::VecDeque;

use ahash::AHashMap;
use bytes::Bytes;
use offhook_core::sip::dialog::DialogKey;
use offhook_core::sip::endpoint::{ClientTxn, FlowId, Path, ServerTxn};
use offhook_core::sip::invite::RequestTag;
use offhook_core::{Directory, ExtensionId, LegId, TrunkId};

use super::peer::{self, Credit, Peer, Places};
use crate::registrar::Home;

/// Answered transactions a leg is still found by: a 2xx may be repeated, and more of them may come
/// from other branches of a fork. Older ones are forgotten; those without an answer never are, or a
/// call could be neither answered nor cancelled any more.
const REMEMBERED: usize = 16;

/// Everything that is known of legs, forgotten together when a leg is closed.
#[derive(Debug, Default)]
pub(crate) struct Legs {
    by_key: AHashMap<DialogKey, LegId>,
    by_client: AHashMap<ClientTxn, (LegId, RequestTag)>,
    by_server: AHashMap<ServerTxn, LegId>,
    legs: AHashMap<LegId, Leg>,
    /// Calls on each trunk that are not over, both ways.
    by_trunk: AHashMap<TrunkId, usize>,
}

#[derive(Debug, Default)]
struct Leg {
    keys: Vec<DialogKey>,
    /// Requests that have no transaction yet.
    waiting: Vec<RequestTag>,
    clients: Vec<(RequestTag, ClientTxn)>,
    /// Those of them that have a 2xx, the oldest first.
    answered: VecDeque<ClientTxn>,
    servers: Vec<ServerTxn>,
    trunk: Option<TrunkId>,
    /// The extension whose phone the peer is.
    extension: Option<ExtensionId>,
    /// The way the peer was heard from last.
    last: Option<Path>,
    /// Where the peer is known to be.
    places: Places,
    /// The tag the peer showed last: while several phones ring by one INVITE, each has its own.
    peer_tag: Option<Bytes>,
    /// The registered phone that the peer is.
    home: Option<Home>,
}

/// What finds a leg's dialog from outside (RFC 3891).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegDialog {
    /// The Call-ID and our tag.
    pub key: DialogKey,
    /// The peer's tag, once it has shown one.
    pub peer_tag: Option<Bytes>,
}

/// Who waited for something that does not come any more.
#[derive(Debug)]
pub(crate) struct Lost {
    /// Requests of ours.
    pub(crate) clients: Vec<(LegId, RequestTag)>,
    /// Requests of peers that were not answered for good.
    pub(crate) servers: Vec<(LegId, ServerTxn)>,
}

impl Legs {
    /// Requests of this dialog are for this leg.
    pub(crate) fn bind(&mut self, leg: LegId, key: DialogKey) {
        if self.by_key.insert(key.clone(), leg) != Some(leg) {
            self.legs.entry(leg).or_default().keys.push(key);
        }
    }

    /// This leg is a call on a trunk.
    pub(crate) fn use_trunk(&mut self, leg: LegId, trunk: TrunkId) {
        let before = self.legs.entry(leg).or_default().trunk.replace(trunk);
        *self.by_trunk.entry(trunk).or_default() += 1;
        if let Some(before) = before {
            self.leave_trunk(before);
        }
    }

    fn leave_trunk(&mut self, trunk: TrunkId) {
        if let Some(calls) = self.by_trunk.get_mut(&trunk) {
            *calls -= 1;
            if *calls == 0 {
                self.by_trunk.remove(&trunk);
            }
        }
    }

    /// The peer of this leg is a phone of this extension.
    pub(crate) fn use_extension(&mut self, leg: LegId, extension: ExtensionId) {
        self.legs.entry(leg).or_default().extension = Some(extension);
    }

    /// The peer of this leg, and nobody else, sent a request this way.
    pub(crate) fn heard_from(&mut self, leg: LegId, path: Path) {
        let entry = self.legs.entry(leg).or_default();
        entry.last = Some(path);
        entry.places.note(path);
    }

    /// The peer of this leg is sent a request this way.
    pub(crate) fn written_to(&mut self, leg: LegId, path: Path) {
        if let Some(entry) = self.legs.get_mut(&leg) {
            entry.places.note(path);
        }
    }

    /// What a request that came this way in a dialog of this leg is worth.
    pub(crate) fn credit(
        &self,
        directory: &Directory,
        leg: LegId,
        path: &Path,
        named: impl FnOnce() -> Option<TrunkId>,
    ) -> Credit {
        let Some(entry) = self.legs.get(&leg) else {
            return Credit::Nobodys;
        };
        let trunk = entry.trunk.map(Peer::Trunk);
        let peer = trunk.or(entry.extension.map(Peer::Extension));
        peer::credit(directory, peer, &entry.places, path, named)
    }

    /// The way the peer of this leg was heard from last.
    pub(crate) fn last_way(&self, leg: LegId) -> Option<Path> {
        self.legs.get(&leg)?.last
    }

    /// Whether the peer of any leg was heard from last by this flow.
    pub(crate) fn use_flow(&self, flow: FlowId) -> bool {
        let mut last = self.legs.values().filter_map(|leg| leg.last);
        last.any(|path| path.flow == flow)
    }

    /// The peer of this leg has shown its tag.
    pub(crate) fn tagged(&mut self, leg: LegId, tag: Option<Bytes>) {
        if let Some(entry) = self.legs.get_mut(&leg).filter(|_| tag.is_some()) {
            entry.peer_tag = tag;
        }
    }

    /// The dialog of a leg.
    pub(crate) fn dialog_of(&self, leg: LegId) -> Option<LegDialog> {
        let entry = self.legs.get(&leg)?;
        Some(LegDialog {
            key: entry.keys.last()?.clone(),
            peer_tag: entry.peer_tag.clone(),
        })
    }

    /// The peer of this leg is this phone.
    pub(crate) fn lives_at(&mut self, leg: LegId, home: Home) {
        self.legs.entry(leg).or_default().home = Some(home);
    }

    /// The registered phone that the peer of this leg is.
    pub(crate) fn home(&self, leg: LegId) -> Option<Home> {
        self.legs.get(&leg)?.home.clone()
    }

    /// The leg of a dialog.
    pub(crate) fn of_dialog(&self, key: &DialogKey) -> Option<LegId> {
        self.by_key.get(key).copied()
    }

    /// A peer's request was given to this leg.
    pub(crate) fn add_server(&mut self, leg: LegId, txn: ServerTxn) {
        self.by_server.insert(txn, leg);
        let servers = &mut self.legs.entry(leg).or_default().servers;
        servers.push(txn);
        if servers.len() > REMEMBERED {
            let oldest = servers.remove(0);
            self.by_server.remove(&oldest);
        }
    }

    /// The leg that answers this request.
    pub(crate) fn of_server(&self, txn: ServerTxn) -> Option<LegId> {
        self.by_server.get(&txn).copied()
    }

    /// Nothing more will be heard of this request.
    pub(crate) fn remove_server(&mut self, txn: ServerTxn) -> Option<LegId> {
        let leg = self.by_server.remove(&txn)?;
        if let Some(entry) = self.legs.get_mut(&leg) {
            entry.servers.retain(|known| *known != txn);
        }
        Some(leg)
    }

    /// This leg has a request that wants to go out. Until it [has](Self::add_client) or the leg was
    /// told that [it does not](Self::gave_up), the leg is owed an answer.
    pub(crate) fn wants(&mut self, leg: LegId, tag: RequestTag) {
        self.legs.entry(leg).or_default().waiting.push(tag);
    }

    /// This leg was told that its request does not go out.
    pub(crate) fn gave_up(&mut self, leg: LegId, tag: RequestTag) {
        if let Some(entry) = self.legs.get_mut(&leg) {
            entry.waiting.retain(|waiting| *waiting != tag);
        }
    }

    /// This leg's request went out.
    pub(crate) fn add_client(&mut self, leg: LegId, tag: RequestTag, txn: ClientTxn) {
        self.by_client.insert(txn, (leg, tag));
        let entry = self.legs.entry(leg).or_default();
        entry.waiting.retain(|waiting| *waiting != tag);
        let clients = &mut entry.clients;
        clients.push((tag, txn));
    }

    /// The leg of an INVITE whose 2xx came, for the first time or again; it is found by it a while
    /// longer.
    pub(crate) fn answered(&mut self, txn: ClientTxn) -> Option<(LegId, RequestTag)> {
        let owner = self.of_client(txn)?;
        let entry = self.legs.get_mut(&owner.0)?;
        if !entry.answered.contains(&txn) {
            entry.answered.push_back(txn);
        }
        if entry.answered.len() > REMEMBERED
            && let Some(oldest) = entry.answered.front().copied()
        {
            self.remove_client(oldest);
        }
        Some(owner)
    }

    /// The leg that sent this request, and what it calls it.
    pub(crate) fn of_client(&self, txn: ClientTxn) -> Option<(LegId, RequestTag)> {
        self.by_client.get(&txn).copied()
    }

    /// The transaction of a leg's request.
    pub(crate) fn client_of(&self, leg: LegId, tag: RequestTag) -> Option<ClientTxn> {
        let clients = &self.legs.get(&leg)?.clients;
        clients
            .iter()
            .find(|known| known.0 == tag)
            .map(|known| known.1)
    }

    /// Nothing more will be heard of this request.
    pub(crate) fn remove_client(&mut self, txn: ClientTxn) -> Option<(LegId, RequestTag)> {
        let (leg, tag) = self.by_client.remove(&txn)?;
        if let Some(entry) = self.legs.get_mut(&leg) {
            entry.clients.retain(|known| known.1 != txn);
            entry.answered.retain(|known| *known != txn);
        }
        Some((leg, tag))
    }

    /// A leg has another name from now on.
    pub(crate) fn rename(&mut self, from: LegId, to: LegId) {
        let Some(entry) = self.legs.remove(&from) else {
            return;
        };
        for key in &entry.keys {
            if self.by_key.get(key) == Some(&from) {
                self.by_key.insert(key.clone(), to);
            }
        }
        for (tag, txn) in &entry.clients {
            self.by_client.insert(*txn, (to, *tag));
        }
        for txn in &entry.servers {
            self.by_server.insert(*txn, to);
        }
        self.legs.insert(to, entry);
    }

    /// Forgets a leg with all that belongs to it.
    pub(crate) fn close(&mut self, leg: LegId) {
        let Some(entry) = self.legs.remove(&leg) else {
            return;
        };
        for key in &entry.keys {
            if self.by_key.get(key) == Some(&leg) {
                self.by_key.remove(key);
            }
        }
        for (_, txn) in &entry.clients {
            self.by_client.remove(txn);
        }
        for txn in &entry.servers {
            self.by_server.remove(txn);
        }
        if let Some(trunk) = entry.trunk {
            self.leave_trunk(trunk);
        }
    }

    /// Forgets every transaction and what was about to become one, because the endpoint that had
    /// them is gone; dialogs stay. Tells which requests of which legs will hear nothing more.
    pub(crate) fn lose_transactions(&mut self) -> Lost {
        let mut clients: Vec<_> = self.by_client.drain().map(|(_, owner)| owner).collect();
        let servers = self
            .by_server
            .drain()
            .map(|(txn, leg)| (leg, txn))
            .collect();
        for (leg, entry) in &mut self.legs {
            clients.extend(entry.waiting.drain(..).map(|tag| (*leg, tag)));
            entry.clients.clear();
            entry.answered.clear();
            entry.servers.clear();
        }
        Lost { clients, servers }
    }

    /// Calls on this trunk that are not over.
    pub(crate) fn calls_by(&self, trunk: TrunkId) -> usize {
        self.by_trunk.get(&trunk).copied().unwrap_or(0)
    }

    /// How many legs and dialogs are known.
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.legs.len(), self.by_key.len())
    }

    /// Whether nothing at all is remembered.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.legs.is_empty()
            && self.by_key.is_empty()
            && self.by_client.is_empty()
            && self.by_server.is_empty()
            && self.by_trunk.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use offhook_core::{CallId, IdSource};

    use super::*;

    fn leg() -> LegId {
        LegId::new(CallId::new(&mut IdSource::seeded(1)), 0)
    }

    fn key(tag: &'static str) -> DialogKey {
        DialogKey {
            call_id: "c@h".into(),
            local_tag: tag.into(),
        }
    }

    #[test]
    fn a_closed_leg_leaves_nothing_behind() {
        let (mut legs, leg) = (Legs::default(), leg());
        let trunk = TrunkId::new(&mut IdSource::seeded(2));
        legs.bind(leg, key("a"));
        legs.bind(leg, key("a"));
        legs.bind(leg, key("b"));
        legs.use_trunk(leg, trunk);
        legs.add_server(leg, ServerTxn(1));
        for number in 0..40 {
            let txn = ClientTxn(u64::from(number));
            legs.add_client(leg, RequestTag(number), txn);
            assert_eq!(legs.answered(txn), Some((leg, RequestTag(number))));
        }
        assert_eq!(legs.of_dialog(&key("b")), Some(leg));
        assert_eq!(legs.calls_by(trunk), 1);
        assert_eq!(legs.client_of(leg, RequestTag(39)), Some(ClientTxn(39)));
        assert_eq!(legs.client_of(leg, RequestTag(0)), None);
        legs.close(leg);
        assert!(legs.is_empty());
    }

    #[test]
    fn a_request_without_an_answer_is_never_forgotten() {
        let (mut legs, leg) = (Legs::default(), leg());
        let invite = RequestTag(1);
        legs.add_client(leg, invite, ClientTxn(1));
        for number in 2..100 {
            let txn = ClientTxn(number);
            legs.add_client(leg, RequestTag(2), txn);
            if number % 2 == 0 {
                legs.answered(txn);
                legs.answered(txn);
            }
        }
        assert_eq!(legs.client_of(leg, invite), Some(ClientTxn(1)));
        assert_eq!(legs.of_client(ClientTxn(3)), Some((leg, RequestTag(2))));
        assert_eq!(legs.of_client(ClientTxn(2)), None);
        assert_eq!(legs.of_client(ClientTxn(98)), Some((leg, RequestTag(2))));
        legs.close(leg);
        assert!(legs.is_empty());
    }

    #[test]
    fn a_leg_with_a_new_name_is_found_by_all_that_it_had() {
        let (mut legs, leg) = (Legs::default(), leg());
        legs.bind(leg, key("a"));
        legs.add_server(leg, ServerTxn(1));
        legs.add_client(leg, RequestTag(7), ClientTxn(2));
        let new = LegId::new(leg.call, 9);
        legs.rename(leg, new);
        assert_eq!(legs.of_dialog(&key("a")), Some(new));
        assert_eq!(legs.of_server(ServerTxn(1)), Some(new));
        assert_eq!(legs.of_client(ClientTxn(2)), Some((new, RequestTag(7))));
        assert_eq!(legs.client_of(new, RequestTag(7)), Some(ClientTxn(2)));
        legs.close(leg);
        legs.close(new);
        assert!(legs.is_empty());
    }

    #[test]
    fn a_lost_endpoint_tells_every_waiting_leg_and_keeps_dialogs() {
        let (mut legs, leg) = (Legs::default(), leg());
        legs.bind(leg, key("a"));
        legs.add_server(leg, ServerTxn(1));
        for tag in 7..10 {
            legs.wants(leg, RequestTag(tag));
        }
        legs.add_client(leg, RequestTag(7), ClientTxn(2));
        legs.gave_up(leg, RequestTag(8));
        let Lost { clients, servers } = legs.lose_transactions();
        assert_eq!(clients, [(leg, RequestTag(7)), (leg, RequestTag(9))]);
        assert_eq!(servers, [(leg, ServerTxn(1))]);
        assert_eq!(legs.of_server(ServerTxn(1)), None);
        assert_eq!(legs.of_dialog(&key("a")), Some(leg));
    }
}
