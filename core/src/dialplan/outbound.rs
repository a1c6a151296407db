//! Which trunks take a number outside, for whom and when.

use jiff::Timestamp;

use super::RouteError;
use super::trace::{Notes, Outcome, StepKind};
use crate::directory::{Directory, Extension, OutboundRoute, RouteKind, Trunk};
use crate::number;

/// The way out for a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outbound<'a> {
    /// By which route; none: by a trunk's own prefix.
    pub route: Option<&'a OutboundRoute>,
    /// The number as the trunks get it.
    pub number: String,
    /// The trunks to try, in this order; never none.
    pub trunks: Vec<&'a Trunk>,
}

impl Outbound<'_> {
    /// Whether the trunks' limits do not count, because somebody calls for help.
    #[must_use]
    pub fn ignores_limits(&self) -> bool {
        self.route
            .is_some_and(|route| route.kind == RouteKind::Emergency)
    }
}

/// The way out for a number that `caller` dials; without a caller the office itself does, and needs
/// no permission.
///
/// The first route that takes the number, is open and has a trunk decides, in the order of their
/// priorities. One that is closed or has no trunk leaves the number to the next. One that the
/// caller has no permission for does not, open or closed: else a wider route would give what a
/// narrower one refuses. Where no route is for the number, the trunk with the longest prefix that
/// fits takes it. Numbers have signs of a telephone only.
///
/// # Errors
/// Says why the number leads nowhere.
pub fn outbound<'a>(
    directory: &'a Directory,
    caller: Option<&Extension>,
    dialled: &str,
    at: Timestamp,
    notes: &mut Notes,
) -> Result<Outbound<'a>, RouteError> {
    let dialled = number::without_separators(dialled);
    if !number::is_dialable(&dialled) {
        notes.add(
            StepKind::Route,
            || "routes".into(),
            Outcome::NoMatch,
            || "only digits, *, # and + can be dialled outside".into(),
        );
        return Err(RouteError::Unallocated);
    }
    let mut refusal = RouteError::Unallocated;
    for route in directory.outbound_routes() {
        match by_route(directory, route, caller, &dialled, at, notes) {
            Taken::No => {}
            Taken::Not(error) => refusal = error,
            Taken::Refused(error) => return Err(error),
            Taken::By(outbound) => return Ok(outbound),
        }
    }
    if refusal != RouteError::Unallocated {
        return Err(refusal);
    }
    match by_prefix(directory, &dialled, notes) {
        Some(trunk) => Ok(Outbound {
            route: None,
            number: dialled,
            trunks: vec![trunk],
        }),
        None => Err(RouteError::Unallocated),
    }
}

enum Taken<'a> {
    /// It is not for this number.
    No,
    /// It is, but not now.
    Not(RouteError),
    /// It is, and the caller may not.
    Refused(RouteError),
    By(Outbound<'a>),
}

fn by_route<'a>(
    directory: &'a Directory,
    route: &'a OutboundRoute,
    caller: Option<&Extension>,
    dialled: &str,
    at: Timestamp,
    notes: &mut Notes,
) -> Taken<'a> {
    let subject = || format!("{} (priority {})", route.name, route.priority);
    if !route.enabled {
        notes.add(StepKind::Route, subject, Outcome::Skipped, || {
            "is disabled".into()
        });
        return Taken::No;
    }
    let fits = route.patterns.iter().find(|one| one.matches(dialled));
    let Some(pattern) = fits else {
        notes.add(StepKind::Route, subject, Outcome::NoMatch, || {
            "no pattern fits".into()
        });
        return Taken::No;
    };
    notes.add(StepKind::Route, subject, Outcome::Match, || {
        format!("the pattern {pattern} fits")
    });
    if route.kind == RouteKind::Emergency {
        notes.add(StepKind::Permission, subject, Outcome::Skipped, || {
            "an emergency route asks for no permission, hours or limits".into()
        });
    } else if let Err(taken) = rules(route, caller, at, notes) {
        return taken;
    }
    let trunks = usable(directory, route, notes);
    if trunks.is_empty() {
        return Taken::Not(RouteError::NoTrunk);
    }
    Taken::By(Outbound {
        route: Some(route),
        number: route.number_for(dialled),
        trunks,
    })
}

/// Permissions, then hours: who may not call there by day may not by night either.
fn rules<'a>(
    route: &OutboundRoute,
    caller: Option<&Extension>,
    at: Timestamp,
    notes: &mut Notes,
) -> Result<(), Taken<'a>> {
    if let Some(caller) = caller
        && !may_take(route, caller, notes)
    {
        return Err(Taken::Refused(RouteError::NotPermitted));
    }
    let Some(schedule) = &route.schedule else {
        return Ok(());
    };
    let open = schedule.is_open(at);
    let outcome = if open {
        Outcome::Match
    } else {
        Outcome::Skipped
    };
    notes.add(
        StepKind::Schedule,
        || route.name.clone(),
        outcome,
        || {
            let word = if open { "open" } else { "closed" };
            format!("{word} at {at} ({})", schedule.time_zone)
        },
    );
    if open {
        Ok(())
    } else {
        Err(Taken::Not(RouteError::Closed))
    }
}

/// Whether a caller has every permission a route asks for.
fn may_take(route: &OutboundRoute, caller: &Extension, notes: &mut Notes) -> bool {
    let mut needed = route.permissions.iter();
    let missing = needed.find(|needed| !caller.permissions.contains(needed));
    let subject = || caller.number.clone();
    match missing {
        Some(missing) => notes.add(StepKind::Permission, subject, Outcome::Refused, || {
            format!("may not place {} calls", missing.as_str())
        }),
        None => notes.add(StepKind::Permission, subject, Outcome::Match, || {
            "has every permission the route asks for".into()
        }),
    }
    missing.is_none()
}

fn usable<'a>(
    directory: &'a Directory,
    route: &OutboundRoute,
    notes: &mut Notes,
) -> Vec<&'a Trunk> {
    let mut usable = Vec::new();
    for trunk in route.trunks.iter().filter_map(|id| directory.trunk(*id)) {
        let (outcome, detail) = match (trunk.enabled, &trunk.host) {
            (false, _) => (Outcome::Skipped, "is disabled".to_owned()),
            (true, None) => (Outcome::Skipped, "has no host to call".to_owned()),
            (true, Some(host)) => (
                Outcome::Chosen,
                format!("is tried as number {} at {host}", usable.len() + 1),
            ),
        };
        if outcome == Outcome::Chosen {
            usable.push(trunk);
        }
        notes.add(StepKind::Trunk, || trunk.name.clone(), outcome, || detail);
    }
    usable
}

/// The enabled trunk whose own prefix is the longest that fits.
fn by_prefix<'a>(directory: &'a Directory, dialled: &str, notes: &mut Notes) -> Option<&'a Trunk> {
    let fits = |trunk: &&Trunk| {
        trunk.dials_out()
            && trunk
                .outbound_prefix
                .as_deref()
                .is_some_and(|prefix| dialled.starts_with(prefix))
    };
    let trunks = directory.office().trunks.iter().filter(fits);
    let found = trunks.max_by_key(|trunk| trunk.outbound_prefix.as_ref().map_or(0, String::len));
    let subject = || {
        found.map_or("trunks' own prefixes".to_owned(), |trunk| {
            trunk.name.clone()
        })
    };
    match found {
        Some(trunk) => notes.add(StepKind::Trunk, subject, Outcome::Chosen, || {
            let prefix = trunk.outbound_prefix.as_deref().unwrap_or_default();
            format!("no route takes it, and this trunk's own prefix {prefix} fits")
        }),
        None => notes.add(StepKind::Trunk, subject, Outcome::NoMatch, || {
            "none fits".into()
        }),
    }
    found
}
