//! The test harness: the world around the server, as tests see it.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`phone`] | a scripted SIP phone with real RTP |
//! | [`exchange`] | a registrar of a carrier, as broken as a story wants it |
//! | [`server`] | the real `offhook` binary on ports of its own |
//! | [`place`] | which ports a test may take |
//! | [`ears`] | finds tones in audio and in WAV files; delay, noise, clicks and gaps |
//! | [`impair`] | a bad network: loss, jitter, reordering, drift, NATs that forget |
//! | [`g711`] | the phone's own codec |
//!
//! Nothing here shares code with the SIP core or the media engine: the harness is a second reading
//! of the same standards.
//!
//! ```no_run
//! # async fn story() -> anyhow::Result<()> {
//! use offhook_tests::{phone::Phone, server::Server};
//!
//! let server = Server::start().await?;
//! let agent = Phone::extension(&server, "1001").await?;
//! let caller = Phone::trunk(&server).await?;
//! let call = caller.dials("+4934556643378").await?;
//! call.presses('1').await?;
//! let talk = agent.rings().await?.answers().await?;
//! call.plays_tone(440.0);
//! talk.hears_tone(440.0).await?;
//! call.hangs_up().await?;
//! # Ok(())
//! # }
//! ```
#![expect(
    clippy::disallowed_methods,
    reason = "the harness is the outside world: it has clocks, tasks and sockets of its own"
)]

pub mod dns;
pub mod ears;
pub mod exchange;
pub mod g711;
pub mod impair;
pub mod phone;
pub mod place;
pub mod server;

use std::time::Duration;

/// How long a test waits for what must happen before it fails.
pub const PATIENCE: Duration = Duration::from_secs(10);
