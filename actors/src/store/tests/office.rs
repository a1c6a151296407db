//! The office: what is kept, what is refused, and that routing hears of it.

use std::collections::BTreeMap;

use offhook_core::directory::{
    Agent, Destination, Dialable, Did, DidSource, IvrMenu, MenuAction, MessageCounts, Queue,
    QueueAgent, SipTransport, Strategy, Trunk, TrunkInbound, TrunkMode, TrunkQualify,
    WaitingMessages, WatchList,
};
use offhook_core::id::{AgentId, DidId, IvrMenuId, QueueId, TrunkId};
use offhook_core::sdp::Codec;

use super::*;

fn queue(name: &str, number: Option<&str>, agents: &[AgentId]) -> Queue {
    Queue {
        id: QueueId::random(),
        name: name.to_owned(),
        extension: number.map(str::to_owned),
        strategy: Strategy::RoundRobin,
        max_wait: Duration::from_millis(90_500),
        max_length: 7,
        max_wait_no_agent: Duration::from_secs(30),
        overflow: Some(Destination::HangUp),
        ring_timeout: Duration::from_secs(20),
        retry_delay: Duration::from_secs(5),
        wrap_up: Duration::from_secs(10),
        announce_position: true,
        announce_interval: Duration::from_secs(30),
        hold_music: "default".to_owned(),
        record: true,
        record_style: offhook_core::recording::OwnStyle {
            format: Some(offhook_core::recording::AudioFormat::Opus),
            layout: Some(offhook_core::recording::Layout::Mono),
        },
        record_keep: Some(Duration::from_hours(48)),
        agents: agents
            .iter()
            .zip(1..)
            .map(|(agent, position)| QueueAgent {
                agent: *agent,
                level: 2,
                position,
            })
            .collect(),
    }
}

fn menu(number: &str, choice: Destination) -> IvrMenu {
    IvrMenu {
        id: IvrMenuId::random(),
        name: format!("Menu {number}"),
        extension: Some(number.to_owned()),
        prompt: "menu/demo-office".to_owned(),
        language: None,
        choices: BTreeMap::from([('1', MenuAction::Go(choice)), ('#', MenuAction::Repeat)]),
        dial_extension: true,
        first_digit_timeout: Duration::from_secs(5),
        inter_digit_timeout: Duration::from_secs(2),
        retries: 3,
        on_failure: MenuAction::HangUp,
    }
}

fn trunk(name: &str) -> Trunk {
    Trunk {
        host: Some("sip.example.org".to_owned()),
        port: Some(5061),
        transport: SipTransport::Tcp,
        trusted: vec!["192.0.2.0/24".parse().unwrap()],
        username: Some("office".to_owned()),
        password: Some(Secret::new("carrier-secret".to_owned())),
        caller_id: Some("+4934556643378".to_owned()),
        outbound_prefix: Some("0".to_owned()),
        max_calls: 30,
        mode: TrunkMode::Register,
        qualify: TrunkQualify {
            interval: Some(Duration::from_secs(30)),
            ..TrunkQualify::default()
        },
        inbound: TrunkInbound {
            did_source: DidSource::Header("P-Called-Party-ID".to_owned()),
            default_destination: Some(Destination::Echo),
            ..TrunkInbound::default()
        },
        codecs: vec![Codec::Pcma],
        ..Trunk::new(TrunkId::random(), name)
    }
}

fn did(number: &str, destination: Destination) -> Did {
    Did {
        id: DidId::random(),
        number: number.to_owned(),
        name: "Main".to_owned(),
        trunk: None,
        destination,
    }
}

fn agent(name: &str, at: &Extension) -> Agent {
    Agent {
        id: AgentId::random(),
        name: name.to_owned(),
        extension: at.id,
        user: None,
        max_missed: 3,
    }
}

#[tokio::test]
async fn everything_in_the_office_survives_a_restart() {
    let (folder, store) = fresh().await;
    let phone = extension("1001");
    store.extensions().create(&phone).await.unwrap();
    let alice = agent("Alice", &phone);
    store.agents().create(&alice).await.unwrap();
    let support = queue("Support", Some("301"), &[alice.id]);
    store.queues().create(&support).await.unwrap();
    let choices = menu("300", Destination::Queue(support.id));
    store.ivr_menus().create(&choices).await.unwrap();
    let carrier = trunk("carrier");
    store.trunks().create(&carrier).await.unwrap();
    let mut number = did("+4934556643378", Destination::IvrMenu(choices.id));
    number.trunk = Some(carrier.id);
    store.dids().create(&number).await.unwrap();
    drop(store);

    let store = Store::open(folder.path()).await.unwrap();
    let office = store.office().await.unwrap();
    assert_eq!(office.extensions, std::slice::from_ref(&phone));
    assert_eq!(office.agents, std::slice::from_ref(&alice));
    assert_eq!(office.queues, std::slice::from_ref(&support));
    assert_eq!(office.ivr_menus, std::slice::from_ref(&choices));
    assert_eq!(office.trunks, std::slice::from_ref(&carrier));
    assert_eq!(office.dids, std::slice::from_ref(&number));
    assert_eq!(store.extensions().get(phone.id).await.unwrap(), phone);
    assert_eq!(store.agents().get(alice.id).await.unwrap(), alice);
    assert_eq!(store.queues().get(support.id).await.unwrap(), support);
    assert_eq!(store.ivr_menus().get(choices.id).await.unwrap(), choices);
    assert_eq!(store.trunks().get(carrier.id).await.unwrap(), carrier);
    assert_eq!(store.dids().get(number.id).await.unwrap(), number);
}

#[tokio::test]
async fn routing_hears_of_each_change() {
    let (_folder, store) = fresh().await;
    let directory = store.directory().clone();
    let mut follower = directory.follow();
    let mut phone = extension("1001");
    store.extensions().create(&phone).await.unwrap();
    assert!(follower.has_changed().unwrap());
    follower.mark_unchanged();
    let found = directory.load().dialable("1001");
    assert_eq!(found, Some(Dialable::Extension(phone.id)));

    phone.number = "1002".to_owned();
    store.extensions().update(&phone).await.unwrap();
    assert_eq!(directory.load().dialable("1001"), None);
    assert!(directory.load().dialable("1002").is_some());

    store.extensions().delete(phone.id).await.unwrap();
    assert_eq!(directory.load().dialable("1002"), None);
    assert!(follower.has_changed().unwrap());
}

#[tokio::test]
async fn a_number_belongs_to_one_thing_only() {
    let (_folder, store) = fresh().await;
    let phone = extension("301");
    store.extensions().create(&phone).await.unwrap();
    let taken = store.extensions().create(&extension("301")).await;
    assert!(
        matches!(taken, Err(StoreError::Conflict { field: "number" })),
        "{taken:?}"
    );
    let taken = store
        .queues()
        .create(&queue("Support", Some("301"), &[]))
        .await;
    assert!(
        matches!(taken, Err(StoreError::Conflict { field: "extension" })),
        "{taken:?}"
    );
    let taken = store
        .ivr_menus()
        .create(&menu("301", Destination::Echo))
        .await;
    assert!(
        matches!(taken, Err(StoreError::Conflict { field: "extension" })),
        "{taken:?}"
    );
    assert_eq!(
        store.office().await.unwrap().queues,
        [],
        "nothing is half done"
    );

    let mut other = extension("302");
    store.extensions().create(&other).await.unwrap();
    other.number = "301".to_owned();
    let taken = store.extensions().update(&other).await;
    assert!(
        matches!(taken, Err(StoreError::Conflict { field: "number" })),
        "{taken:?}"
    );

    store.extensions().delete(phone.id).await.unwrap();
    store
        .queues()
        .create(&queue("Support", Some("301"), &[]))
        .await
        .unwrap();
    store
        .queues()
        .create(&queue("Unreachable", None, &[]))
        .await
        .unwrap();
    store
        .queues()
        .create(&queue("Unreachable too", None, &[]))
        .await
        .unwrap();
}

#[tokio::test]
async fn two_agents_cannot_work_at_one_extension() {
    let (_folder, store) = fresh().await;
    let phone = extension("1001");
    store.extensions().create(&phone).await.unwrap();
    store
        .agents()
        .create(&agent("Alice", &phone))
        .await
        .unwrap();
    let taken = store.agents().create(&agent("Bob", &phone)).await;
    assert!(
        matches!(taken, Err(StoreError::Conflict { field: "extension" })),
        "{taken:?}"
    );
}

#[tokio::test]
async fn what_is_needed_elsewhere_cannot_be_deleted() {
    let (_folder, store) = fresh().await;
    let phone = extension("1001");
    store.extensions().create(&phone).await.unwrap();
    let alice = agent("Alice", &phone);
    store.agents().create(&alice).await.unwrap();
    let first = queue("First", Some("301"), &[alice.id]);
    store.queues().create(&first).await.unwrap();
    let mut second = queue("Second", Some("302"), &[]);
    second.overflow = Some(Destination::Queue(first.id));
    store.queues().create(&second).await.unwrap();
    let choices = menu("300", Destination::Queue(second.id));
    store.ivr_menus().create(&choices).await.unwrap();
    let carrier = trunk("carrier");
    store.trunks().create(&carrier).await.unwrap();
    let mut number = did("+4934556643378", Destination::IvrMenu(choices.id));
    number.trunk = Some(carrier.id);
    store.dids().create(&number).await.unwrap();

    let refused = |result: Result<(), StoreError>, expected: &str| match result {
        Err(StoreError::InUse { by }) => assert_eq!(by, expected),
        other => panic!("expected InUse by {expected}, got {other:?}"),
    };
    refused(store.extensions().delete(phone.id).await, "agent Alice");
    refused(store.agents().delete(alice.id).await, "queue First");
    refused(
        store.queues().delete(first.id).await,
        "the overflow of queue Second",
    );
    refused(store.queues().delete(second.id).await, "menu Menu 300");
    refused(
        store.ivr_menus().delete(choices.id).await,
        "DID +4934556643378",
    );
    refused(
        store.trunks().delete(carrier.id).await,
        "DID +4934556643378",
    );

    // From the outside in, everything goes.
    store.dids().delete(number.id).await.unwrap();
    store.trunks().delete(carrier.id).await.unwrap();
    store.ivr_menus().delete(choices.id).await.unwrap();
    store.queues().delete(second.id).await.unwrap();
    store.queues().delete(first.id).await.unwrap();
    store.agents().delete(alice.id).await.unwrap();
    store.extensions().delete(phone.id).await.unwrap();
}

#[tokio::test]
async fn what_does_not_exist_cannot_be_referred_to() {
    let (_folder, store) = fresh().await;
    let field = |result: Result<(), StoreError>| match result {
        Err(StoreError::Invalid { field, .. }) => field,
        other => panic!("expected Invalid, got {other:?}"),
    };
    let nowhere = Destination::Queue(QueueId::random());
    assert_eq!(
        field(store.dids().create(&did("+49345", nowhere.clone())).await),
        "destination"
    );
    assert_eq!(
        field(
            store
                .ivr_menus()
                .create(&menu("300", nowhere.clone()))
                .await
        ),
        "choices"
    );
    let mut overflowing = queue("Support", None, &[]);
    overflowing.overflow = Some(nowhere);
    assert_eq!(field(store.queues().create(&overflowing).await), "overflow");
    let unserved = queue("Support", None, &[AgentId::random()]);
    assert_eq!(field(store.queues().create(&unserved).await), "agents");
    let nobody = agent("Alice", &extension("1001"));
    assert_eq!(field(store.agents().create(&nobody).await), "extension");
    let mut orphan = did("+49345", Destination::Echo);
    orphan.trunk = Some(TrunkId::random());
    assert_eq!(field(store.dids().create(&orphan).await), "trunk");
    assert!(store.office().await.unwrap().queues.is_empty());
}

#[tokio::test]
async fn values_that_cannot_be_are_refused_by_field() {
    type Spoil = fn(&mut Extension);
    let table: [(&str, Spoil); 5] = [
        ("number", |phone| phone.number = "10 01".to_owned()),
        ("name", |phone| phone.name = " ".to_owned()),
        ("name", |phone| phone.name = "a\r\nb".to_owned()),
        ("password", |phone| {
            phone.password = Secret::new("short".to_owned());
        }),
        ("ring_timeout", |phone| phone.ring_timeout = Duration::ZERO),
    ];
    let (_folder, store) = fresh().await;
    for (expected, spoil) in table {
        let mut phone = extension("1001");
        spoil(&mut phone);
        match store.extensions().create(&phone).await {
            Err(StoreError::Invalid { field, .. }) => assert_eq!(field, expected),
            other => panic!("{expected}: {other:?}"),
        }
    }
    let mut carrier = trunk("carrier");
    carrier.host = Some("a.example\r\nVia: x".to_owned());
    let refused = store.trunks().create(&carrier).await;
    assert!(
        matches!(refused, Err(StoreError::Invalid { field: "host", .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn unknown_ids_are_not_found() {
    let (_folder, store) = fresh().await;
    let phone = extension("1001");
    let missing = |result: Result<(), StoreError>| {
        assert!(
            matches!(result, Err(StoreError::NotFound { .. })),
            "{result:?}"
        );
    };
    missing(store.extensions().get(phone.id).await.map(drop));
    missing(store.extensions().update(&phone).await);
    missing(store.extensions().delete(phone.id).await);
    missing(store.queues().update(&queue("Support", None, &[])).await);
    missing(store.queues().delete(QueueId::random()).await);
    missing(store.trunks().delete(TrunkId::random()).await);
    missing(store.agents().delete(AgentId::random()).await);
    missing(store.ivr_menus().delete(IvrMenuId::random()).await);
    missing(store.dids().delete(DidId::random()).await);
}

#[tokio::test]
async fn a_list_comes_in_pages_without_gaps_or_doubles() {
    let (_folder, store) = fresh().await;
    for number in 1000..1023 {
        let phone = extension(&number.to_string());
        store.extensions().create(&phone).await.unwrap();
    }
    let mut page = Page {
        cursor: None,
        limit: 10,
    };
    let mut numbers = Vec::new();
    let mut pages = 0;
    loop {
        let listing = store.extensions().list(&page).await.unwrap();
        numbers.extend(listing.items.into_iter().map(|phone| phone.number));
        pages += 1;
        if listing.next_cursor.is_none() {
            break;
        }
        page.cursor = listing.next_cursor;
    }
    assert_eq!(pages, 3);
    let expected: Vec<String> = (1000..1023).map(|number| number.to_string()).collect();
    assert_eq!(numbers, expected);
}

#[tokio::test]
async fn a_cursor_nobody_gave_is_refused() {
    let (_folder, store) = fresh().await;
    for cursor in ["", "nonsense", "%%%", "MTIz"] {
        let page = Page {
            cursor: Some(cursor.to_owned()),
            limit: 10,
        };
        let refused = store.extensions().list(&page).await;
        assert!(
            matches!(
                refused,
                Err(StoreError::Invalid {
                    field: "cursor",
                    ..
                })
            ),
            "{cursor:?}"
        );
    }
}

#[tokio::test]
async fn the_demo_office_is_what_the_readme_shows() {
    let (_folder, store) = fresh().await;
    assert!(is_empty(&store).await.unwrap());
    let http = "127.0.0.1:8080".parse().unwrap();
    let sip = "127.0.0.1:5060".parse().unwrap();
    let credentials = seed_demo(&store, http, sip).await.unwrap();
    assert!(!is_empty(&store).await.unwrap());

    let json = serde_json::to_value(&credentials).unwrap();
    assert_eq!(json["http"], "http://127.0.0.1:8080");
    assert_eq!(json["sip"], "127.0.0.1:5060");
    assert_eq!(json["did"], "+4934556643378");
    assert_eq!(json["extensions"][3]["extension"], "1003");
    assert_eq!(json["supervisor"]["user"], "supervisor");

    let directory = store.directory().load();
    for (phone, shown) in credentials
        .extensions
        .iter()
        .zip(["1000", "1001", "1002", "1003"])
    {
        assert_eq!(phone.extension, shown);
        let found = directory.extension_numbered(shown).unwrap();
        assert_eq!(found.password.expose(), phone.password);
    }
    let trunk = directory
        .trunk_trusting("127.0.0.9".parse().unwrap())
        .unwrap();
    assert_eq!(trunk.name, "demo");
    assert!(directory.trunk_trusting("::1".parse().unwrap()).is_some());
    assert!(
        directory
            .trunk_trusting("192.0.2.1".parse().unwrap())
            .is_none()
    );
    let did = directory.did_numbered("+4934556643378").unwrap();
    let Destination::IvrMenu(menu) = did.destination else {
        panic!("{did:?}");
    };
    let menu = directory.ivr_menu(menu).unwrap();
    assert_eq!(menu.extension.as_deref(), Some("300"));
    let MenuAction::Go(Destination::Queue(support)) = menu.choices[&'1'] else {
        panic!("{menu:?}");
    };
    let support = directory.queue(support).unwrap();
    assert_eq!((support.name.as_str(), support.record), ("Support", true));
    assert_eq!(support.agents.len(), 3);

    let admin = &credentials.admin;
    let token = store
        .tokens()
        .authenticate(&admin.token)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(token.role, offhook_core::directory::Role::Admin);
    let password = Secret::new(admin.password.clone());
    assert!(
        store
            .users()
            .authenticate("admin", &password)
            .await
            .unwrap()
            .is_some()
    );
    assert!(!format!("{credentials:?}").contains(&admin.token));
}

#[tokio::test]
async fn waiting_messages_and_lists_survive_a_restart_and_go_with_their_extension() {
    let (folder, store) = fresh().await;
    let phone = extension("1001");
    store.extensions().create(&phone).await.unwrap();
    let waiting = WaitingMessages {
        counts: MessageCounts {
            new: 2,
            old: 8,
            urgent_new: 1,
            urgent_old: 0,
        },
        unsolicited: true,
    };
    store
        .waiting_messages()
        .set(phone.id, &waiting)
        .await
        .unwrap();
    let list = WatchList {
        name: "reception".to_owned(),
        extensions: vec![phone.id],
    };
    store.blf_lists().set(&list).await.unwrap();
    drop(store);

    let store = Store::open(folder.path()).await.unwrap();
    let known = store.waiting_messages().all().await.unwrap();
    assert_eq!(known, [(phone.id, waiting)]);
    assert_eq!(store.blf_lists().all().await.unwrap(), [list]);
    store.extensions().delete(phone.id).await.unwrap();
    assert_eq!(store.waiting_messages().all().await.unwrap(), []);
    let gone = store.waiting_messages().set(phone.id, &waiting).await;
    assert!(matches!(gone, Err(StoreError::NotFound { .. })), "{gone:?}");
    store.blf_lists().delete("reception").await.unwrap();
    let gone = store.blf_lists().delete("reception").await;
    assert!(matches!(gone, Err(StoreError::NotFound { .. })), "{gone:?}");
}

#[tokio::test]
async fn a_list_needs_a_name_no_phone_has_and_known_extensions() {
    let (_folder, store) = fresh().await;
    let phone = extension("1001");
    store.extensions().create(&phone).await.unwrap();
    let refused = |name: &str, extensions: Vec<ExtensionId>| WatchList {
        name: name.to_owned(),
        extensions,
    };
    for (list, wrong) in [
        (refused("1001", vec![phone.id]), "name"),
        (refused("", vec![phone.id]), "name"),
        (refused("Büro", vec![phone.id]), "name"),
        (refused(&"a".repeat(41), vec![phone.id]), "name"),
        (refused("office", vec![]), "extensions"),
        (refused("office", vec![phone.id, phone.id]), "extensions"),
        (refused("office", vec![ExtensionId::random()]), "extensions"),
    ] {
        let error = store.blf_lists().set(&list).await.unwrap_err();
        assert!(
            matches!(error, StoreError::Invalid { field, .. } if field == wrong),
            "{error:?}"
        );
    }
}
