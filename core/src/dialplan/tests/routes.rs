//! Outbound routes: which one, for whom, when, by which trunks.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{extension, trunk};
use crate::dialplan::{Dialled, Notes, Outcome, RouteError, Step, StepKind, from_inside, outbound};
use crate::directory::{
    Destination, Directory, Extension, Office, OutboundRoute, Permission, RouteKind, Schedule,
};
use crate::id::{IdSource, OutboundRouteId, TrunkId};

fn route(ids: &mut IdSource, name: &str, priority: u32, pattern: &str) -> OutboundRoute {
    OutboundRoute {
        id: OutboundRouteId::new(ids),
        name: name.to_owned(),
        enabled: true,
        priority,
        patterns: vec![pattern.parse().unwrap()],
        strip: 0,
        prepend: String::new(),
        permissions: BTreeSet::new(),
        schedule: None,
        trunks: Vec::new(),
        kind: RouteKind::Ordinary,
    }
}

/// Two trunks; routes for the country, for premium numbers, for help, and by night.
struct World {
    office: Office,
    trunks: [TrunkId; 2],
}

impl World {
    fn new() -> Self {
        let mut ids = IdSource::seeded(1);
        let links = vec![
            trunk(&mut ids, None, "192.0.2.0/24"),
            trunk(&mut ids, Some("0"), "198.51.100.0/24"),
        ];
        let trunks = [links[0].id, links[1].id];
        let mut national = route(&mut ids, "national", 50, "_0Z.");
        national.permissions = BTreeSet::from([Permission::National]);
        (national.strip, national.prepend) = (1, "+49".to_owned());
        national.trunks = trunks.to_vec();
        let mut premium = route(&mut ids, "premium", 10, "0900!");
        premium.permissions = BTreeSet::from([Permission::Premium]);
        premium.trunks = vec![trunks[0]];
        let mut help = route(&mut ids, "help", 1, "11[02]");
        help.kind = RouteKind::Emergency;
        help.permissions = Permission::ALL.iter().copied().collect();
        help.schedule = Some(closed());
        help.trunks = vec![trunks[1], trunks[0]];
        let office = Office {
            extensions: vec![extension(&mut ids, "1000", true)],
            trunks: links,
            outbound_routes: vec![national, premium, help],
            ..Office::default()
        };
        Self { office, trunks }
    }

    fn route(&mut self, name: &str) -> &mut OutboundRoute {
        let mut routes = self.office.outbound_routes.iter_mut();
        routes.find(|route| route.name == name).unwrap()
    }

    fn phone(&self) -> Extension {
        self.office.extensions[0].clone()
    }

    /// The number and the trunks, as places in the office.
    fn leads(&self, dialled: &str) -> Result<(String, Vec<usize>), RouteError> {
        let directory = Directory::new(self.office.clone());
        let caller = self.phone();
        let notes = &mut Notes::unread();
        let found = outbound(&directory, Some(&caller), dialled, at(), notes)?;
        let place = |id: TrunkId| self.trunks.iter().position(|known| *known == id).unwrap();
        let trunks = found.trunks.iter().map(|trunk| place(trunk.id)).collect();
        Ok((found.number, trunks))
    }
}

fn closed() -> Schedule {
    Schedule {
        time_zone: "UTC".to_owned(),
        weekly: Vec::new(),
        exceptions: Vec::new(),
    }
}

fn at() -> Timestamp {
    "2026-11-21T20:00:00Z".parse().unwrap()
}

#[test]
fn the_first_route_in_order_of_priority_decides() {
    let mut world = World::new();
    assert_eq!(world.leads("030123"), Ok(("+4930123".into(), vec![0, 1])));
    assert_eq!(world.leads("0900 1"), Err(RouteError::NotPermitted));
    world.route("premium").priority = 60;
    assert_eq!(world.leads("09001"), Ok(("+499001".into(), vec![0, 1])));
    world.route("national").enabled = false;
    assert_eq!(
        world.leads("030123"),
        Ok(("030123".into(), vec![1])),
        "by its prefix"
    );
    assert_eq!(world.leads("4711"), Err(RouteError::Unallocated));
}

#[test]
fn who_lacks_a_permission_does_not_get_through_by_a_wider_route() {
    let mut world = World::new();
    assert_eq!(world.leads("0900123"), Err(RouteError::NotPermitted));
    world.office.extensions[0]
        .permissions
        .insert(Permission::Premium);
    assert_eq!(world.leads("0900123"), Ok(("0900123".into(), vec![0])));
    world.office.extensions[0].permissions.clear();
    assert_eq!(world.leads("030123"), Err(RouteError::NotPermitted));
}

#[test]
fn a_closed_route_refuses_whom_it_refuses_when_it_is_open() {
    let mut world = World::new();
    world.route("premium").schedule = Some(closed());
    assert_eq!(world.leads("0900123"), Err(RouteError::NotPermitted));
    world.office.extensions[0]
        .permissions
        .insert(Permission::Premium);
    assert_eq!(
        world.leads("0900123"),
        Ok(("+49900123".into(), vec![0, 1])),
        "by the next route"
    );
}

#[test]
fn a_closed_route_leaves_the_number_to_the_next_but_to_no_prefix() {
    let mut world = World::new();
    world.route("national").schedule = Some(closed());
    assert_eq!(world.leads("030123"), Err(RouteError::Closed));
    world.office.extensions[0]
        .permissions
        .insert(Permission::Premium);
    world.route("premium").patterns = vec!["0!".parse().unwrap()];
    world.route("premium").priority = 60;
    assert_eq!(world.leads("030123"), Ok(("030123".into(), vec![0])));
}

/// RFC 3966 and RFC 4694: parameters would lead a carrier to another number than the one that was
/// checked.
#[test]
fn only_signs_of_a_telephone_are_dialled_outside() {
    let mut world = World::new();
    assert_eq!(
        world.leads("0 (30) 1-2"),
        Ok(("+493012".into(), vec![0, 1]))
    );
    for dialled in [
        "0301;rn=+1900555;npdi",
        "0301;phone-context=+1900",
        "0301?x",
        "0301,2",
        "0301&1",
        "",
    ] {
        assert_eq!(
            world.leads(dialled),
            Err(RouteError::Unallocated),
            "{dialled}"
        );
        world.route("national").enabled = false;
        assert_eq!(
            world.leads(dialled),
            Err(RouteError::Unallocated),
            "{dialled}"
        );
        world.route("national").enabled = true;
    }
}

#[test]
fn who_calls_for_help_is_asked_nothing() {
    let mut world = World::new();
    world.office.extensions[0].permissions.clear();
    assert_eq!(world.leads("112"), Ok(("112".into(), vec![1, 0])));
    let directory = Directory::new(world.office.clone());
    let notes = &mut Notes::unread();
    let found = outbound(&directory, None, "110", at(), notes).unwrap();
    assert!(found.ignores_limits());
}

#[test]
fn trunks_that_cannot_be_used_are_passed_over() {
    let mut world = World::new();
    world.office.trunks[0].enabled = false;
    assert_eq!(world.leads("030123"), Ok(("+4930123".into(), vec![1])));
    world.office.trunks[1].host = None;
    assert_eq!(world.leads("030123"), Err(RouteError::NoTrunk));
}

#[test]
fn the_office_itself_needs_no_permission() {
    let world = World::new();
    let directory = Directory::new(world.office.clone());
    let dialled = Dialled {
        number: "0900123",
        caller: None,
        at: at(),
    };
    assert_eq!(
        from_inside(&directory, dialled, &mut Notes::unread()),
        Ok(Destination::External("0900123".into()))
    );
}

#[test]
fn the_notes_tell_each_decision_in_order() {
    let world = World::new();
    let directory = Directory::new(world.office.clone());
    let caller = world.phone();
    let mut notes = Notes::kept();
    let dialled = Dialled {
        number: "0900123",
        caller: Some(&caller),
        at: at(),
    };
    let result = from_inside(&directory, dialled, &mut notes);
    assert_eq!(result, Err(RouteError::NotPermitted));
    let steps = notes.steps();
    let short = |step: &Step| (step.step, step.outcome);
    assert_eq!(
        steps.iter().map(short).collect::<Vec<_>>(),
        [
            (StepKind::FeatureCode, Outcome::NoMatch),
            (StepKind::InternalNumber, Outcome::NoMatch),
            (StepKind::Did, Outcome::NoMatch),
            (StepKind::Route, Outcome::NoMatch),
            (StepKind::Route, Outcome::Match),
            (StepKind::Permission, Outcome::Refused),
        ]
    );
    let last = steps.last().unwrap();
    assert_eq!(last.subject, "1000");
    assert_eq!(last.detail, "may not place premium calls");
}
