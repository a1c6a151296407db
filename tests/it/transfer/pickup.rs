//! Colleagues who answer what rings at an agent's phone for a queue (RFC 3891 section 3).

use anyhow::{Result, ensure};
use offhook_tests::phone::{Phone, Talk};
use offhook_tests::server::Server;
use serde_json::json;

use super::{CALLER, TARGET, end, hear_each_other};

/// A caller who chose support, for whom 1001's phone rings.
struct Queue {
    server: Server,
    // Calls end with their phones.
    _outside: Phone,
    agent: Phone,
    colleague: Phone,
    caller: Talk,
}

impl Queue {
    /// The colleague sits at this extension.
    async fn rings(colleague: &str) -> Result<Self> {
        let server = Server::start().await?;
        server.sets_queue("301", json!({ "wrap_up": 2 })).await?;
        let agent = Phone::agent(&server, "1001").await?;
        let colleague = Phone::extension(&server, colleague).await?;
        let outside = Phone::trunk(&server).await?;
        let caller = outside
            .dials_and_presses(&server.credentials().did, '1')
            .await?;
        caller.plays_tone(CALLER);
        Ok(Self {
            server,
            _outside: outside,
            agent,
            colleague,
            caller,
        })
    }
}

/// RFC 3891 section 3: somebody who is no agent.
#[tokio::test]
async fn a_colleague_picks_up_what_rings_for_a_queue_and_the_agent_is_free() -> Result<()> {
    let queue = Queue::rings("1000").await?;
    let ringing = queue.agent.rings().await?;
    let replaces = format!("{};early-only", ringing.replaces());
    let dialling = queue.colleague.calls_replacing("1001", &replaces).await?;
    let talk = dialling.is_answered().await?;
    talk.plays_tone(TARGET);
    ringing.is_cancelled().await?;
    hear_each_other((&queue.caller, CALLER), (&talk, TARGET)).await?;
    let agent = queue.server.agent_becomes("1001", "ready").await?;
    ensure!(agent["missed"] == 0 || agent["missed"].is_null(), "{agent}");
    ensure!(queue.server.queue("301").await?["waiting"] == 0);
    end(&queue.server, queue.caller, talk).await?;
    let records = queue.server.records(2).await?;
    let call = records.iter().find(|record| !record["queue"].is_null());
    let call = call.ok_or_else(|| anyhow::anyhow!("{records:?}"))?;
    ensure!(call["disposition"] == "answered", "{call}");
    ensure!(call["agent"].is_null(), "{call}");
    ensure!(!call["linked_call"].is_null(), "{call}");
    Ok(())
}

/// RFC 3891 section 3: somebody who serves in the same queue.
#[tokio::test]
async fn an_agent_picks_up_for_another_and_has_the_wrap_up() -> Result<()> {
    let queue = Queue::rings("1002").await?;
    let ringing = queue.agent.rings().await?;
    queue.server.sets_agent("1002", "ready").await?;
    let replaces = format!("{};early-only", ringing.replaces());
    let dialling = queue.colleague.calls_replacing("1001", &replaces).await?;
    let talk = dialling.is_answered().await?;
    talk.plays_tone(TARGET);
    ringing.is_cancelled().await?;
    hear_each_other((&queue.caller, CALLER), (&talk, TARGET)).await?;
    let colleague = queue.server.agent_becomes("1002", "on_call").await?;
    queue.server.agent_becomes("1001", "ready").await?;
    ensure!(queue.caller.hangs_up().await? == 200);
    talk.is_hung_up().await?;
    queue.server.agent_becomes("1002", "wrap_up").await?;
    queue.server.agent_becomes("1002", "ready").await?;
    queue.server.has_nothing_left().await?;
    let records = queue.server.records(2).await?;
    let call = records.iter().find(|record| !record["queue"].is_null());
    let call = call.ok_or_else(|| anyhow::anyhow!("{records:?}"))?;
    ensure!(call["agent"] == colleague["id"], "{call} {colleague}");
    Ok(())
}
