//! `offhook serve`: start, serve, drain.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::serve::Listener;
use offhook_actors::decisions::Decisions;
use offhook_actors::root::{self, Offhook};
use offhook_actors::{alarm, store::Store};
use offhook_core::config::Config;
use offhook_core::sip::endpoint::SipTransport;

use super::arguments::ServeArguments;
use super::credentials::{self, Addresses, Office};
use super::signals::{Signals, Wish};
use super::{Failure, banner, log, print, settings};
use crate::listener::{HttpListener, Peer};
use crate::state::{AppState, Parts};

/// Serves until a signal ends it.
pub(super) fn serve(arguments: &ServeArguments) -> Result<(), Failure> {
    let config = settings::with_arguments(arguments)?;
    log::start(&config.log)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Run(format!("cannot start: {error}")))?;
    let served = runtime.block_on(async {
        let signals = Signals::catch().map_err(Failure::run)?;
        let running = start(arguments, config).await?;
        running.serve(signals).await
    });
    // Connections that are still open shall not keep a stopped server alive.
    runtime.shutdown_timeout(Duration::from_secs(1));
    served
}

/// Everything that runs.
struct Running {
    offhook: Offhook,
    /// Everything of `offhook` ends with it.
    _decisions: Decisions,
    listener: HttpListener,
    state: AppState,
    drain_timeout: Duration,
}

async fn start(arguments: &ServeArguments, config: Config) -> Result<Running, Failure> {
    let data = &arguments.data;
    let started = alarm::wall();
    let store = Store::open(data).await.map_err(Failure::run)?;
    let listener = HttpListener::bind(config.http.listen)
        .await
        .map_err(|error| {
            Failure::Run(format!(
                "cannot listen for HTTP on {}: {error}",
                config.http.listen
            ))
        })?;
    let http = listener.local_addr().map_err(Failure::run)?;
    let mut office = credentials::furnish(&store, arguments.demo).await?;
    let decisions = Decisions::start().map_err(Failure::run)?;
    let (settings, kept) = (config.clone(), store.clone());
    let offhook = decisions
        .run(async move { root::start(&settings, kept).await })
        .await
        .map_err(Failure::run)?
        .map_err(Failure::run)?;
    let listening = offhook.switchboard.sip.listening();
    let addresses = Addresses {
        http: format!("http://{}", reachable(http)),
        sip: sip_address(&config, &listening),
    };
    let state = AppState::new(Parts {
        store,
        live: offhook.switchboard.live.clone(),
        floor: Arc::new(offhook.switchboard.clone()),
        sip_address: addresses.sip.clone(),
        started,
        config: config.clone(),
    });
    if let Err(failure) = credentials::write(&mut office, data, &addresses) {
        offhook.stop().await;
        return Err(failure);
    }
    if arguments.demo && matches!(office, Office::Known { demo_did: None }) {
        tracing::info!("there is an office in the data folder: --demo leaves it as it is");
    }
    print(&banner::banner(
        &config, data, &listening, &addresses, &office,
    ))?;
    Ok(Running {
        offhook,
        _decisions: decisions,
        listener,
        state,
        drain_timeout: config.limits.drain_timeout,
    })
}

/// The first address for SIP, as phones write it; UDP before TCP.
fn sip_address(config: &Config, listening: &[(SipTransport, SocketAddr)]) -> String {
    let udp = listening
        .iter()
        .find(|(transport, _)| *transport == SipTransport::Udp);
    let Some((_, address)) = udp.or(listening.first()) else {
        return String::new();
    };
    let mut address = reachable(*address);
    if let Some(external) = config.sip.external_address {
        address.set_ip(external);
    }
    address.to_string()
}

/// An address that can be connected to, for one that may mean "all addresses".
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        });
    }
    address
}

impl Running {
    /// Serves until a signal, then drains. HTTP goes on while calls finish, so that operators see
    /// how many are left.
    async fn serve(self, signals: Signals) -> Result<(), Failure> {
        let service = crate::router(self.state).into_make_service_with_connect_info::<Peer>();
        let http = axum::serve(self.listener, service);
        tokio::select! {
            served = async { http.await } => served.map_err(Failure::run),
            () = until_drained(&self.offhook, self.drain_timeout, signals) => Ok(()),
        }
    }
}

/// Does what signals ask for until one asks for the end.
async fn until_stop(offhook: &Offhook, signals: &mut Signals) {
    while signals.next().await == Wish::Reload {
        offhook.switchboard.sip.reload_certificates();
    }
}

async fn until_drained(offhook: &Offhook, limit: Duration, mut signals: Signals) {
    until_stop(offhook, &mut signals).await;
    let calls = offhook.switchboard.calls.live().len();
    let seconds = limit.as_secs();
    tracing::info!(
        calls,
        seconds,
        "stopping: no new calls are taken, present ones may finish; a second signal stops at once"
    );
    tokio::select! {
        () = offhook.drain(limit) => tracing::info!("stopped"),
        () = until_stop(offhook, &mut signals) => {
            tracing::warn!("stopping at once");
            offhook.stop().await;
        }
    }
}
