//! Outbound routes: what is kept, and what they keep.

use std::collections::BTreeSet;

use offhook_core::directory::{Day, OutboundRoute, RouteKind, Schedule, Trunk, WeeklyHours};
use offhook_core::id::{OutboundRouteId, TrunkId};

use super::*;

fn route(name: &str, priority: u32, trunks: Vec<TrunkId>) -> OutboundRoute {
    OutboundRoute {
        id: OutboundRouteId::random(),
        name: name.to_owned(),
        enabled: true,
        priority,
        patterns: vec!["_0ZX.".parse().unwrap(), "11[02]".parse().unwrap()],
        strip: 1,
        prepend: "+49".to_owned(),
        permissions: BTreeSet::from([Permission::National, Permission::Premium]),
        schedule: Some(Schedule {
            time_zone: "Europe/Berlin".to_owned(),
            weekly: vec![WeeklyHours {
                days: vec![Day::Mon, Day::Sun],
                from: "08:00".parse().unwrap(),
                to: "18:30".parse().unwrap(),
            }],
            exceptions: Vec::new(),
        }),
        trunks,
        kind: RouteKind::Emergency,
    }
}

#[tokio::test]
async fn a_route_comes_back_as_it_was_in_the_order_of_priorities() {
    let (_folder, store) = fresh().await;
    let trunk = Trunk::new(TrunkId::random(), "carrier");
    store.trunks().create(&trunk).await.unwrap();
    let late = route("late", 20, vec![trunk.id]);
    let mut early = route("early", 10, vec![trunk.id]);
    for route in [&late, &early] {
        store.outbound_routes().create(route).await.unwrap();
    }
    let all = store.outbound_routes().all().await.unwrap();
    assert_eq!(all, [early.clone(), late.clone()]);
    early.schedule = None;
    early.kind = RouteKind::Ordinary;
    store.outbound_routes().update(&early).await.unwrap();
    let directory = store.directory().load();
    let routes: Vec<_> = directory.outbound_routes().collect();
    assert_eq!(routes, [&early, &late]);
    store.outbound_routes().delete(late.id).await.unwrap();
    let gone = store.outbound_routes().delete(late.id).await;
    assert!(matches!(gone, Err(StoreError::NotFound { .. })));
}

#[tokio::test]
async fn a_route_needs_its_trunks_and_a_name_of_its_own() {
    let (_folder, store) = fresh().await;
    let trunk = Trunk::new(TrunkId::random(), "carrier");
    let unknown = store
        .outbound_routes()
        .create(&route("all", 1, vec![trunk.id]))
        .await;
    assert!(
        matches!(unknown, Err(StoreError::Invalid { .. })),
        "{unknown:?}"
    );
    store.trunks().create(&trunk).await.unwrap();
    let first = route("all", 1, vec![trunk.id]);
    store.outbound_routes().create(&first).await.unwrap();
    let twin = store
        .outbound_routes()
        .create(&route("all", 2, vec![trunk.id]))
        .await;
    assert!(matches!(twin, Err(StoreError::Conflict { .. })), "{twin:?}");
    let used = store.trunks().delete(trunk.id).await;
    assert!(matches!(used, Err(StoreError::InUse { .. })), "{used:?}");
    store.outbound_routes().delete(first.id).await.unwrap();
    store.trunks().delete(trunk.id).await.unwrap();
}

#[tokio::test]
async fn what_an_extension_may_dial_is_kept() {
    let (_folder, store) = fresh().await;
    let mut phone = extension("1001");
    store.extensions().create(&phone).await.unwrap();
    phone.permissions = BTreeSet::new();
    store.extensions().update(&phone).await.unwrap();
    assert_eq!(store.extensions().get(phone.id).await.unwrap(), phone);
}
