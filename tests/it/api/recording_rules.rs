//! What is recorded unasked, from when on, and what those who talk hear of it.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use offhook_tests::ears::{is_tone, level};
use offhook_tests::phone::Phone;
use offhook_tests::server::{Server, ServerSpec};
use serde_json::json;

const BEEP: f64 = 1400.0;

#[tokio::test]
async fn an_extension_is_recorded_as_it_says_from_the_ring_on_and_both_hear_a_beep() -> Result<()> {
    let config =
        "[recording]\nformat = \"mp3\"\nlayout = \"mono\"\nstart = \"ring\"\nbeep = \"5s\"\n";
    let server = Server::start_with(ServerSpec::configured(config)).await?;
    let extension = server
        .find("/api/v1/sip/extensions", "extension", "1001")
        .await?;
    let path = format!(
        "/api/v1/sip/extensions/{}",
        extension["id"].as_str().context("id")?
    );
    let change = json!({ "record_enabled": true, "record_format": "wav", "record_stereo": true });
    let changed = server.patch(&path, change).await?;
    ensure!(changed["record_enabled"] == true, "{changed}");
    ensure!(changed["record_format"] == "wav", "{changed}");
    ensure!(changed["record_stereo"] == true, "{changed}");

    let phone = Phone::extension(&server, "1000").await?;
    let desk = Phone::extension(&server, "1001").await?;
    let dialling = phone.calls("1001").await?;
    let ringing = desk.rings().await?;
    let recorded = |page: &serde_json::Value| page["items"][0]["recordings"][0].is_string();
    let page = server.get_until("/api/v1/calls", recorded).await?;
    let recording = page["items"][0]["recordings"][0].as_str().context("id")?;
    phone.stays_silent_for(Duration::from_secs(1)).await?;

    let callee = ringing.answers().await?;
    let caller = dialling.is_answered().await?;
    callee.goes_quiet();
    caller.plays_tone(440.0);
    for talk in [&caller, &callee] {
        let heard = talk.listens_for(Duration::from_secs(6)).await?;
        let beeps = heard.chunks(400).filter(|piece| is_tone(piece, 8000, BEEP));
        ensure!(beeps.count() >= 2, "no beep in six seconds");
    }
    caller.hangs_up().await?;
    callee.is_hung_up().await?;
    let record = server.the_record().await?;
    ensure!(record["recordings"] == json!([recording]), "{record}");
    let path = format!("/api/v1/recordings/{recording}");
    let saved = server
        .get_until(&path, |known| known["state"] == "saved")
        .await?;
    ensure!(saved["format"] == "wav", "{saved}");
    let wav = server.recording(recording).await?;
    ensure!(wav.channels.len() == 2, "stereo, as the extension says");
    let ring = level(&wav.channels[0][..6400]);
    ensure!(ring < -60.0, "the ring is silent: {ring} dB");
    let said = wav.time_with_tone(0, 440.0);
    ensure!(said >= Duration::from_secs(10), "{said:?} of the caller");
    let beeps = wav.time_with_tone(1, BEEP);
    ensure!(
        beeps >= Duration::from_millis(300) && beeps <= Duration::from_secs(1),
        "{beeps:?} of beeps"
    );
    server.has_not_panicked()
}
