//! Callers, agents and queues.

use anyhow::{Context, Result};
use offhook_sounds::Language;
use offhook_tests::ears::Wav;
use offhook_tests::phone::{Phone, Talk};
use offhook_tests::server::Server;

mod agents;
mod attempts;
mod changes;
mod hangup;
mod overflow;
mod phones;
mod rush;
mod several;
mod story;

/// Somebody outside, who called the public number and chose support. Calls end with their phones.
struct Caller {
    _phone: Phone,
    talk: Talk,
}

impl Caller {
    /// Calls with the demo trunk's own number.
    async fn chooses_support(server: &Server) -> Result<Self> {
        let phone = Phone::trunk(server).await?;
        Self::dials(server, phone).await
    }

    /// Calls with this number.
    async fn from(server: &Server, number: &str) -> Result<Self> {
        let phone = Phone::trunk_as(server, number).await?;
        Self::dials(server, phone).await
    }

    async fn dials(server: &Server, phone: Phone) -> Result<Self> {
        let talk = phone
            .dials_and_presses(&server.credentials().did, '1')
            .await?;
        let caller = Self {
            _phone: phone,
            talk,
        };
        Ok(caller)
    }
}

/// The caller hangs up, the agent's phone hears of it, and nothing of the call remains.
async fn ends(server: &Server, caller: Caller, agent: Talk) -> Result<()> {
    caller.talk.hangs_up().await?;
    agent.is_hung_up().await.context("the agent")?;
    server.has_nothing_left().await
}

/// The middle of a prompt, half a second long at most, at the rate of a phone.
fn prompt(id: &str) -> Result<Vec<i16>> {
    let prompt = offhook_sounds::prompt(Language::En, id).context("a prompt")?;
    let wav = Wav::parse(prompt.wav)?;
    anyhow::ensure!(wav.rate == 16_000, "prompts have 16 kHz");
    let halves = wav.channels[0].chunks_exact(2);
    // The mean of two neighbours is filter enough for speech.
    let samples: Vec<i16> = halves.map(|pair| pair[0] / 2 + pair[1] / 2).collect();
    let start = samples.len().saturating_sub(4000) / 2;
    Ok(samples[start..].iter().copied().take(4000).collect())
}
