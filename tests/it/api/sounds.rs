//! Sounds of the office's own: uploaded over REST, heard on the phone.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use offhook_tests::phone::{Phone, Talk};
use offhook_tests::server::{Server, ServerSpec};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// A file of ten seconds of one tone, made by the programs people use.
fn tone(hertz: u32, format: &str) -> Result<Vec<u8>> {
    let folder = tempfile::tempdir()?;
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (wav, file) = (path("tone.wav"), path(&format!("tone.{format}")));
    let hertz = hertz.to_string();
    let made = Command::new("sox")
        .args(["-R", "-n", "-r", "44100", "-c", "2", "-b", "16", &wav])
        .args(["synth", "10", "sine", &hertz, "gain", "-3"])
        .status()?;
    ensure!(made.success(), "sox");
    let encoded = match format {
        "mp3" => Command::new("lame")
            .args(["--quiet", &wav, &file])
            .status()?,
        "opus" => Command::new("opusenc")
            .args(["--quiet", &wav, &file])
            .status()?,
        _ => Command::new("sox").args([&wav, &file]).status()?,
    };
    ensure!(encoded.success(), "{format}");
    Ok(std::fs::read(file)?)
}

async fn sends(server: &Server, path: &str, body: Vec<u8>) -> Result<(StatusCode, Value)> {
    let url = format!("{}{path}", server.credentials().http);
    let request = Client::new().post(url).body(body);
    let request = request.bearer_auth(&server.credentials().admin.token);
    let response = request.send().await?;
    Ok((response.status(), response.json().await?))
}

async fn uploads(server: &Server, path: &str, body: Vec<u8>) -> Result<Value> {
    let (status, answer) = sends(server, path, body).await?;
    ensure!(status == StatusCode::CREATED, "{status}: {answer}");
    Ok(answer)
}

async fn refused(server: &Server, path: &str, body: Vec<u8>) -> Result<(u16, Value)> {
    let (status, answer) = sends(server, path, body).await?;
    ensure!(!status.is_success(), "{answer}");
    Ok((status.as_u16(), answer))
}

fn id(thing: &Value) -> Result<&str> {
    thing["id"].as_str().context("an id")
}

/// A class of hold music with this tone in it, and the path its pieces are uploaded to.
async fn class(server: &Server, name: &str) -> Result<(String, String)> {
    let class = json!({ "name": name, "order": "random" });
    let class = server.post("/api/v1/music-classes", class).await?;
    let path = format!("/api/v1/music-classes/{}", id(&class)?);
    let sounds = format!("{path}/sounds");
    Ok((path, sounds))
}

async fn waits(server: &Server) -> Result<(Phone, Talk)> {
    let phone = Phone::trunk(server).await?;
    let talk = phone
        .dials_and_presses(&server.credentials().did, '1')
        .await?;
    Ok((phone, talk))
}

/// The names of what lies in the folder of sounds.
fn kept(server: &Server) -> Result<Vec<String>> {
    let entries = std::fs::read_dir(server.data().join("sounds"))?;
    let names = entries.map(|entry| Ok(entry?.file_name().display().to_string()));
    names.collect()
}

#[tokio::test]
async fn a_caller_hears_uploaded_music_as_it_changes_and_after_a_restart() -> Result<()> {
    let server = Server::start().await?;
    let (path, sounds) = class(&server, "jazz").await?;
    let music = json!({ "hold_music": "jazz", "announce_position": false });
    let first = uploads(&server, &format!("{sounds}?name=one"), tone(600, "mp3")?).await?;
    ensure!(
        first["format"] == "mp3" && first["seconds"].as_f64() > Some(9.9),
        "{first}"
    );
    server.sets_queue("301", music).await?;
    let (_phone, caller) = waits(&server).await?;
    caller.hears_tone(600.0).await?;
    uploads(&server, &format!("{sounds}?name=two"), tone(900, "opus")?).await?;
    server
        .delete(&format!("/api/v1/sounds/{}", id(&first)?))
        .await?;
    caller.hears_tone(900.0).await.context("while waiting")?;
    ensure!(kept(&server)?.len() == 2, "{:?}", kept(&server)?);
    let in_use = server.delete(&path).await;
    ensure!(in_use.is_err(), "a queue needs the class");
    caller.hangs_up().await?;
    let server = server.restarts().await?;
    let (_phone, caller) = waits(&server).await?;
    caller.hears_tone(900.0).await.context("after a restart")
}

#[tokio::test]
async fn a_phone_holds_with_the_music_of_its_own() -> Result<()> {
    let server = Server::start().await?;
    let (_, sounds) = class(&server, "own").await?;
    uploads(&server, &format!("{sounds}?name=one"), tone(750, "flac")?).await?;
    let extension = server
        .find("/api/v1/sip/extensions", "extension", "1000")
        .await?;
    let path = format!("/api/v1/sip/extensions/{}", id(&extension)?);
    server.patch(&path, json!({ "hold_music": "own" })).await?;
    let (holder, other) = (
        Phone::extension(&server, "1000").await?,
        Phone::extension(&server, "1001").await?,
    );
    let dialling = holder.calls("1001").await?;
    let held = other.rings().await?.answers().await?;
    let holding = dialling.is_answered().await?;
    holding.holds().await?;
    held.hears_tone(750.0).await
}

#[tokio::test]
async fn a_menu_speaks_an_uploaded_prompt_and_needs_it() -> Result<()> {
    let server = Server::start().await?;
    let prompt = tone(1100, "ogg")?;
    let sound = uploads(&server, "/api/v1/sounds?name=office/welcome", prompt).await?;
    let menu = server.find("/api/v1/ivr-menus", "extension", "300").await?;
    let path = format!("/api/v1/ivr-menus/{}", id(&menu)?);
    server
        .patch(&path, json!({ "prompt": "office/welcome" }))
        .await?;
    let caller = Phone::trunk(&server).await?;
    let talk = caller.dials(&server.credentials().did).await?;
    talk.hears_tone(1100.0).await?;
    let sound = format!("/api/v1/sounds/{}", id(&sound)?);
    ensure!(server.delete(&sound).await.is_err(), "the menu needs it");
    let listened = server.fetch(&format!("{sound}/audio"), &[]).await?;
    ensure!(listened.bytes().await?.starts_with(b"RIFF"));
    let original = format!("{sound}/audio?original=true");
    let part = server.fetch(&original, &[("Range", "bytes=0-3")]).await?;
    ensure!(part.status() == StatusCode::PARTIAL_CONTENT);
    ensure!(part.bytes().await? == "OggS");
    server
        .patch(&path, json!({ "prompt": "menu/demo-office" }))
        .await?;
    server.delete(&sound).await?;
    ensure!(kept(&server)?.is_empty());
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_played_is_refused_with_its_reason_and_leaves_nothing() -> Result<()> {
    let limits = "[limits]\nupload = \"1MB\"\nsound_length = \"5s\"\n";
    let server = Server::start_with(ServerSpec::configured(limits)).await?;
    let silence = vec![0; 32_000];
    let mut quiet = Vec::from(*b"RIFF\x24\x7d\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data\0\x7d\0\0");
    quiet.extend(&silence);
    let path = "/api/v1/sounds?name=bad";
    for (body, words) in [
        (b"hello, world".to_vec(), "neither WAV, MP3"),
        (Vec::new(), "neither WAV, MP3"),
        (quiet, "silent"),
        (tone(500, "mp3")?, "longer than the 5 s"),
    ] {
        let (status, problem) = refused(&server, path, body).await?;
        ensure!(status == 422, "{status}: {problem}");
        ensure!(problem["errors"][0]["field"] == "file", "{problem}");
        let detail = problem["errors"][0]["detail"]
            .as_str()
            .context("a detail")?;
        ensure!(detail.contains(words), "{detail}");
    }
    let (status, problem) = refused(&server, path, vec![0; 3 << 20]).await?;
    ensure!(status == 413, "{problem}");
    let (status, problem) = refused(&server, "/api/v1/sounds", Vec::new()).await?;
    ensure!(status == 400, "{problem}");
    let taken = "/api/v1/sounds?name=menu/good-bye";
    let (status, problem) = refused(&server, taken, Vec::new()).await?;
    ensure!(status == 409, "{problem}");
    ensure!(kept(&server)?.is_empty(), "{:?}", kept(&server)?);
    let unknown = json!({ "hold_music": "nothing" });
    ensure!(server.sets_queue("301", unknown).await.is_err());
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "the station outlives the call that starts it, and ends with the test"
)]
/// A radio station that sends the same ten seconds to whoever comes, and hangs up.
async fn radio(body: Vec<u8>) -> Result<String> {
    let station = TcpListener::bind("127.0.0.1:0").await?;
    let address = format!("http://{}/radio.mp3", station.local_addr()?);
    tokio::spawn(async move {
        while let Ok((mut listener, _)) = station.accept().await {
            let mut request = [0; 4096];
            let head = "HTTP/1.1 200 OK\r\nContent-Type: audio/mpeg\r\nConnection: close\r\n\r\n";
            // Whoever hangs up first is no concern of the station.
            if listener.read(&mut request).await.unwrap_or(0) == 0 {
                continue;
            }
            listener.write_all(head.as_bytes()).await.ok();
            listener.write_all(&body).await.ok();
        }
    });
    Ok(address)
}

#[tokio::test]
async fn a_stream_is_heard_and_the_files_while_it_is_away() -> Result<()> {
    let server = Server::start().await?;
    let (path, sounds) = class(&server, "radio").await?;
    uploads(&server, &format!("{sounds}?name=one"), tone(600, "flac")?).await?;
    let stream = radio(tone(1300, "mp3")?).await?;
    server.patch(&path, json!({ "stream": stream })).await?;
    let music = json!({ "hold_music": "radio", "announce_position": false });
    server.sets_queue("301", music).await?;
    let (_phone, caller) = waits(&server).await?;
    caller.hears_tone(600.0).await.context("before it begins")?;
    caller.hears_tone(1300.0).await.context("the stream")?;
    server.patch(&path, json!({ "stream": null })).await?;
    caller.hears_tone(600.0).await.context("without it")?;
    server
        .patch(&path, json!({ "stream": "http://127.0.0.1:9/nobody" }))
        .await?;
    server.says("hold music is not streamed").await?;
    caller.hears_tone(600.0).await.context("with a dead one")?;
    server.has_not_panicked()
}
