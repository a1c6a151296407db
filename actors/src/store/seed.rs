//! What a new data folder begins with.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use offhook_core::directory::{
    Agent, Destination, Did, Extension, ExtensionKind, IvrMenu, MenuAction, Permission, Queue,
    QueueAgent, Role, Strategy, Trunk,
};
use offhook_core::id::{AgentId, DidId, ExtensionId, IvrMenuId, QueueId, TrunkId, UserId};
use serde::Serialize;

use crate::alarm;
use crate::store::secret::generate_password;
use crate::store::{NewToken, Page, Store, StoreError, User};

/// What somebody needs to try the demo office; written as `demo-credentials.json`.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct DemoCredentials {
    /// Where the web server is.
    pub http: String,
    /// Where phones register.
    pub sip: String,
    /// The administrator.
    pub admin: LoginCredentials,
    /// The supervisor.
    pub supervisor: LoginCredentials,
    /// The phones.
    pub extensions: Vec<ExtensionCredentials>,
    /// The public number.
    pub did: String,
}

/// How somebody logs in.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct LoginCredentials {
    /// The login name.
    pub user: String,
    /// The password.
    pub password: String,
    /// A bearer token of the API.
    pub token: String,
}

/// How a phone registers.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct ExtensionCredentials {
    /// The number, which is also the SIP user name.
    pub extension: String,
    /// The SIP password.
    pub password: String,
}

macro_rules! debug_without_secrets {
    ($($name:ident: $shown:ident;)*) => {$(
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name))
                    .field(stringify!($shown), &self.$shown)
                    .finish_non_exhaustive()
            }
        }
    )*};
}

debug_without_secrets! {
    DemoCredentials: http;
    LoginCredentials: user;
    ExtensionCredentials: extension;
}

const DEMO_DID: &str = "+4934556643378";

/// Whether nobody can log in and nothing can be dialled yet.
///
/// # Errors
/// When the database does not answer.
pub async fn is_empty(store: &Store) -> Result<bool, StoreError> {
    let users = store.users().list(&Page::first()).await?;
    let office = store.office().await?;
    Ok(users.items.is_empty() && office.extensions.is_empty())
}

/// Adds one administrator to an empty data folder.
///
/// # Errors
/// `Conflict` on `name` if there is one.
pub async fn seed_empty(store: &Store) -> Result<LoginCredentials, StoreError> {
    seed_login(store, "admin", "Administrator", Role::Admin).await
}

/// Builds the demo office in an empty data folder. The addresses are those the server listens on.
///
/// # Errors
/// `Conflict` if something of it exists already.
pub async fn seed_demo(
    store: &Store,
    http: SocketAddr,
    sip: SocketAddr,
) -> Result<DemoCredentials, StoreError> {
    let admin = seed_login(store, "admin", "Administrator", Role::Admin).await?;
    let supervisor = seed_login(store, "supervisor", "Supervisor", Role::Supervisor).await?;

    let operator = seed_extension(store, "1000", "Olivia Operator").await?;
    let mut extensions = vec![operator.1];
    let mut agents = Vec::new();
    for (number, name) in [
        ("1001", "Alice Agent"),
        ("1002", "Bob Agent"),
        ("1003", "Carol Agent"),
    ] {
        let (extension, credentials) = seed_extension(store, number, name).await?;
        let agent = Agent {
            id: AgentId::random(),
            name: name.to_owned(),
            extension,
            user: None,
            max_missed: 0,
        };
        store.agents().create(&agent).await?;
        agents.push(agent.id);
        extensions.push(credentials);
    }

    let support = demo_queue("Support", "301", &agents);
    let sales = demo_queue("Sales", "302", &agents[2..]);
    store.queues().create(&support).await?;
    store.queues().create(&sales).await?;
    let menu = demo_menu(support.id, sales.id, operator.0);
    store.ivr_menus().create(&menu).await?;
    let trunk = demo_trunk();
    store.trunks().create(&trunk).await?;
    let did = Did {
        id: DidId::random(),
        number: DEMO_DID.to_owned(),
        name: "Main number".to_owned(),
        trunk: Some(trunk.id),
        destination: Destination::IvrMenu(menu.id),
    };
    store.dids().create(&did).await?;

    Ok(DemoCredentials {
        http: format!("http://{http}"),
        sip: sip.to_string(),
        admin,
        supervisor,
        extensions,
        did: DEMO_DID.to_owned(),
    })
}

async fn seed_login(
    store: &Store,
    name: &str,
    display_name: &str,
    role: Role,
) -> Result<LoginCredentials, StoreError> {
    let password = generate_password();
    let user = User {
        id: UserId::random(),
        name: name.to_owned(),
        display_name: display_name.to_owned(),
        role,
        enabled: true,
        created_at: alarm::wall(),
    };
    store.users().create(&user, &password).await?;
    let token = NewToken {
        name: format!("{name}, made at first start"),
        role,
        user: Some(user.id),
        expires_at: None,
    };
    let (_, token) = store.tokens().create(token).await?;
    Ok(LoginCredentials {
        user: user.name,
        password: password.expose().to_owned(),
        token: token.expose().to_owned(),
    })
}

async fn seed_extension(
    store: &Store,
    number: &str,
    name: &str,
) -> Result<(ExtensionId, ExtensionCredentials), StoreError> {
    let extension = Extension {
        id: ExtensionId::random(),
        number: number.to_owned(),
        name: name.to_owned(),
        user: None,
        kind: ExtensionKind::Standard,
        enabled: true,
        password: generate_password(),
        ring_timeout: Duration::from_secs(60),
        incoming_limit: 0,
        permissions: Permission::usual(),
        countries: Vec::new(),
        srtp: None,
        hold_music: None,
        record: false,
        record_style: offhook_core::recording::OwnStyle::default(),
    };
    store.extensions().create(&extension).await?;
    let credentials = ExtensionCredentials {
        extension: number.to_owned(),
        password: extension.password.expose().to_owned(),
    };
    Ok((extension.id, credentials))
}

fn demo_queue(name: &str, number: &str, agents: &[AgentId]) -> Queue {
    let agents = agents.iter().zip(1..).map(|(agent, position)| QueueAgent {
        agent: *agent,
        level: 1,
        position,
    });
    Queue {
        id: QueueId::random(),
        name: name.to_owned(),
        extension: Some(number.to_owned()),
        strategy: Strategy::LongestIdle,
        max_wait: Duration::from_mins(30),
        max_length: 0,
        max_wait_no_agent: Duration::ZERO,
        overflow: None,
        ring_timeout: Duration::from_secs(20),
        retry_delay: Duration::from_secs(5),
        wrap_up: Duration::from_secs(5),
        announce_position: true,
        announce_interval: Duration::from_secs(30),
        hold_music: "default".to_owned(),
        record: true,
        record_style: offhook_core::recording::OwnStyle::default(),
        record_keep: None,
        agents: agents.collect(),
    }
}

fn demo_menu(support: QueueId, sales: QueueId, operator: ExtensionId) -> IvrMenu {
    let choices = BTreeMap::from([
        ('1', MenuAction::Go(Destination::Queue(support))),
        ('2', MenuAction::Go(Destination::Queue(sales))),
        ('0', MenuAction::Go(Destination::Extension(operator))),
        ('*', MenuAction::Repeat),
    ]);
    IvrMenu {
        id: IvrMenuId::random(),
        name: "Demo office".to_owned(),
        extension: Some("300".to_owned()),
        prompt: "menu/demo-office".to_owned(),
        language: None,
        choices,
        dial_extension: true,
        first_digit_timeout: Duration::from_secs(6),
        inter_digit_timeout: Duration::from_secs(2),
        retries: 2,
        on_failure: MenuAction::HangUp,
    }
}

fn demo_trunk() -> Trunk {
    let loopback = Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8);
    let loopback_v6 = Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128);
    Trunk {
        trusted: vec![IpNet::V4(loopback), IpNet::V6(loopback_v6)],
        ..Trunk::new(TrunkId::random(), "demo")
    }
}
