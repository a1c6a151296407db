//! Many callers at once.

use std::time::Duration;

use anyhow::{Result, ensure};
use futures::future::try_join_all;
use offhook_tests::phone::{Phone, Talk};
use offhook_tests::server::Server;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::Caller;

const AGENTS: [&str; 3] = ["1001", "1002", "1003"];

async fn agents(server: &Server) -> Result<Vec<Phone>> {
    let mut agents = Vec::new();
    for number in AGENTS {
        agents.push(Phone::agent(server, number).await?);
    }
    Ok(agents)
}

/// How many attempts the agents have answered, once all of them are ready again.
async fn answered_by_all(server: &Server) -> Result<usize> {
    let mut total = 0;
    for number in AGENTS {
        let agent = server.agent_becomes(number, "ready").await?;
        total += agent["answered"].as_u64().unwrap_or(0);
    }
    Ok(usize::try_from(total)?)
}

fn answered(records: &[Value]) -> usize {
    let answered = |record: &&Value| record["disposition"] == "answered";
    records.iter().filter(answered).count()
}

/// Answers whoever calls, until the test is over.
async fn serves(phone: &Phone) -> Result<()> {
    loop {
        let talk = phone.rings().await?.answers().await?;
        talk.plays_tone(700.0);
        talk.is_hung_up().await?;
    }
}

async fn is_served(server: &Server, number: u32) -> Result<()> {
    let caller = Caller::from(server, &format!("+4930{number:07}")).await?;
    caller.talk.hears_tone(700.0).await?;
    caller.talk.hangs_up().await?;
    Ok(())
}

#[tokio::test]
async fn a_rush_of_callers_is_served_to_the_last_one_and_nobody_twice() -> Result<()> {
    let server = Server::start().await?;
    server.sets_queue("301", json!({ "wrap_up": 0 })).await?;
    let agents = agents(&server).await?;
    let callers = (0..12).map(|number| is_served(&server, number));
    tokio::select! {
        served = try_join_all(callers) => served.map(|_| ())?,
        failed = try_join_all(agents.iter().map(serves)) => failed.map(|_| ())?,
    }
    server.has_nothing_left().await?;
    let records = server.records(12).await?;
    ensure!(answered(&records) == 12, "{records:?}");
    ensure!(answered_by_all(&server).await? == 12);
    Ok(())
}

/// Answers, refuses and misses calls in turn, until the test is over.
async fn is_moody(phone: &Phone) -> Result<()> {
    loop {
        let briefly = Duration::from_millis(100);
        phone.rings().await.map(|ringing| ringing.rejects(486))?;
        speaks(phone.rings().await?.picks_up(), briefly).await;
        phone.rings().await?.is_cancelled().await.ok();
        speaks(phone.rings().await?.picks_up(), briefly * 5).await;
    }
}

/// Listens for so long, if the other side stays as long, and hangs up.
async fn speaks(talk: Talk, length: Duration) {
    let patience = length * 2;
    timeout(patience, talk.listens_for(length)).await.ok();
    talk.hangs_up().await.ok();
}

/// Every third caller leaves in the menu, every third one after a while, whatever happens then,
/// and every third one stays until somebody else hangs up.
async fn is_impatient(server: &Server, number: u32) -> Result<()> {
    let name = format!("+4930{number:07}");
    if number.is_multiple_of(3) {
        let phone = Phone::trunk_as(server, &name).await?;
        let talk = phone.dials(&server.credentials().did).await?;
        talk.hangs_up().await?;
        return Ok(());
    }
    let caller = Caller::from(server, &name).await?;
    if number % 3 == 1 {
        speaks(caller.talk, Duration::from_millis(70) * number).await;
    } else {
        caller.talk.is_hung_up().await?;
    }
    Ok(())
}

#[tokio::test]
async fn whatever_callers_and_agents_do_the_books_agree() -> Result<()> {
    let server = Server::start().await?;
    let change = json!({ "wrap_up": 0, "ring_timeout": 1, "retry_delay": 1 });
    server.sets_queue("301", change).await?;
    let agents = agents(&server).await?;
    let callers = (0..15).map(|number| is_impatient(&server, number));
    tokio::select! {
        ended = try_join_all(callers) => ended.map(|_| ())?,
        failed = try_join_all(agents.iter().map(is_moody)) => failed.map(|_| ())?,
    }
    server.has_nothing_left().await?;
    let records = server.records(15).await?;
    for record in &records {
        let ended = record["disposition"].as_str().unwrap_or("");
        let fine = ["answered", "abandoned", "no_answer"].contains(&ended);
        let recorded = record["recordings"]
            .as_array()
            .is_some_and(|all| all.len() == 1);
        ensure!(fine && recorded == (ended == "answered"), "{record}");
    }
    ensure!(answered(&records) == answered_by_all(&server).await?);
    let totals = server.queue("301").await?["totals"].clone();
    let count = |field: &str| totals[field].as_u64().unwrap_or(0);
    ensure!(count("entered") == 10, "{totals}");
    ensure!(count("answered") + count("abandoned") == 10, "{totals}");
    ensure!(
        usize::try_from(count("answered"))? == answered(&records),
        "{totals}"
    );
    Ok(())
}
