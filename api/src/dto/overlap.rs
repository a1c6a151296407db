//! Outbound routes that some number fits as well as another.

use offhook_core::directory::{Directory, OutboundRoute};

/// The most overlaps of one route that are told.
const TOLD: usize = 20;

/// Comparisons of one route's patterns with others': half a millisecond, and a page shows a hundred
/// routes.
const COMPARED: usize = 50_000;

/// What about a route is likely a mistake: the routes that some number fits as well, and that are
/// looked at first or share the priority. Where there are very many patterns not all are compared,
/// and the last line says so.
pub(super) fn warnings(route: &OutboundRoute, directory: &Directory) -> Vec<String> {
    let earlier = |other: &&OutboundRoute| {
        other.id != route.id && other.enabled && other.priority <= route.priority
    };
    let mut warnings = Vec::new();
    let mut left = COMPARED;
    for other in directory.outbound_routes().filter(earlier) {
        let theirs = |mine| other.patterns.iter().map(move |theirs| (mine, theirs));
        let mut pairs = route.patterns.iter().flat_map(theirs).take(left);
        let found = pairs.find(|(mine, theirs)| {
            left -= 1;
            mine.overlaps(theirs)
        });
        if let Some((mine, theirs)) = found {
            warnings.push(format!(
                "{mine} overlaps {theirs} of {}, which has priority {}",
                other.name, other.priority
            ));
        }
        if left == 0 || warnings.len() == TOLD {
            warnings.push("there may be more: not all patterns were compared".to_owned());
            break;
        }
    }
    warnings
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use offhook_core::OutboundRouteId;
    use offhook_core::directory::{Office, RouteKind};

    use super::*;

    fn route(number: usize, patterns: &[String]) -> OutboundRoute {
        OutboundRoute {
            id: OutboundRouteId::random(),
            name: format!("route {number}"),
            enabled: true,
            priority: 100,
            patterns: patterns.iter().map(|text| text.parse().unwrap()).collect(),
            strip: 0,
            prepend: String::new(),
            permissions: BTreeSet::new(),
            schedule: None,
            trunks: Vec::new(),
            kind: RouteKind::Ordinary,
        }
    }

    fn warned(routes: Vec<OutboundRoute>) -> Vec<String> {
        let first = routes[0].clone();
        let office = Office {
            outbound_routes: routes,
            ..Office::default()
        };
        warnings(&first, &Directory::new(office))
    }

    #[test]
    fn two_routes_for_one_number_are_told() {
        let routes = [
            vec!["0ZX.".to_owned()],
            vec!["11X".to_owned(), "01XX".to_owned()],
        ];
        let routes = routes.into_iter().enumerate();
        let told = warned(routes.map(|(at, patterns)| route(at, &patterns)).collect());
        assert_eq!(
            told,
            ["0ZX. overlaps 01XX of route 1, which has priority 100"]
        );
    }

    #[test]
    fn of_many_patterns_only_so_many_are_compared() {
        let apart =
            |at: usize| -> Vec<String> { (0..500).map(|n| format!("{at:03}{n:03}")).collect() };
        let many = warned((0..100).map(|at| route(at, &apart(at))).collect());
        assert_eq!(many, ["there may be more: not all patterns were compared"]);
        let same = warned((0..100).map(|at| route(at, &["0X".to_owned()])).collect());
        assert_eq!(same.len(), TOLD + 1);
    }
}
