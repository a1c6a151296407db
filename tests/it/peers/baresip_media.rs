//! What baresip makes of our media: Opus, G.722 and keys, and a network that is none of the best.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use offhook_tests::ears::Wav;
use offhook_tests::impair::{Impairment, Jitter, Loss, Order, Path};
use offhook_tests::phone::Phone;
use offhook_tests::server::{Server, ServerSpec};
use serde_json::{Value, json};

use super::baresip::{Baresip, Speech, TONE, is_registered};

const ALL_CODECS: &str = "[media]\ncodecs = [\"opus\", \"G722\", \"PCMU\", \"PCMA\"]\n";

async fn start() -> Result<Server> {
    Server::start_with(ServerSpec::configured(ALL_CODECS)).await
}

/// A G.711 phone calls a baresip and both hear each other; the quality of both legs.
async fn talks_to_a_g711_phone(server: &Server, speech: Speech) -> Result<Vec<Value>> {
    let baresip = Baresip::start_speaking(server, "1001", speech, &[])?;
    is_registered(server, "1001", &baresip).await?;
    let caller = Phone::extension(server, "1000").await?;
    let talk = caller.dials("1001").await?;
    talk.plays_tone(440.0);
    talk.hears_tone(TONE).await.with_context(|| baresip.log())?;
    talk.listens_for(Duration::from_secs(6)).await?;
    ensure!(talk.hangs_up().await? == 200);
    let record = server.the_record().await?;
    let heard = baresip.ends().await?;
    let tone = heard.time_with_tone(0, 440.0);
    ensure!(tone >= Duration::from_secs(5), "{tone:?}");
    server.has_nothing_left().await?;
    let legs = record["legs"].as_array().context("legs")?;
    let legs: Vec<_> = legs.iter().map(|leg| leg["quality"].clone()).collect();
    ensure!(legs.len() == 2 && legs[0]["codec"] == "pcmu", "{legs:?}");
    for leg in &legs {
        ensure!(leg["mos_min"].as_f64() > Some(4.0), "{legs:?}");
        ensure!(leg["late_percent"].as_f64() <= Some(1.0), "{legs:?}");
    }
    Ok(legs)
}

/// RFC 7587.
#[tokio::test]
async fn baresip_speaks_opus_with_a_g711_phone() -> Result<()> {
    let server = start().await?;
    let legs = talks_to_a_g711_phone(&server, Speech::OPUS).await?;
    ensure!(legs[1]["codec"] == "opus", "{legs:?}");
    Ok(())
}

/// RFC 3551 section 4.5.2.
#[tokio::test]
async fn baresip_speaks_g722_with_a_g711_phone() -> Result<()> {
    let server = start().await?;
    let legs = talks_to_a_g711_phone(&server, Speech::G722).await?;
    ensure!(legs[1]["codec"] == "g722", "{legs:?}");
    Ok(())
}

/// RFC 4568: what is coded anew is protected anew.
#[tokio::test]
async fn baresip_speaks_opus_under_srtp_with_a_g711_phone() -> Result<()> {
    let encrypted = Speech {
        settings: "module opus.so\nopus_stereo no\nopus_sprop_stereo no\nmodule srtp.so\n",
        account: ";mediaenc=srtp-mand",
        ..Speech::OPUS
    };
    let server = start().await?;
    let extension = server
        .find("/api/v1/sip/extensions", "extension", "1001")
        .await?;
    let id = extension["id"].as_str().context("an id")?;
    let path = format!("/api/v1/sip/extensions/{id}");
    server.patch(&path, json!({ "srtp": "required" })).await?;
    let legs = talks_to_a_g711_phone(&server, encrypted).await?;
    ensure!(legs[1]["codec"] == "opus", "{legs:?}");
    let refused = server.figure("offhook_srtp_packets_refused_total").await?;
    ensure!(refused < 1.0, "{refused} packets were refused");
    Ok(())
}

/// Both ways of both phones.
const BAD: Impairment = Impairment {
    delay: Duration::from_millis(20),
    jitter: Jitter::Uniform(Duration::from_millis(40)),
    loss: Loss::Random(0.05),
    duplicates: 0.0,
    order: Order::AsTheyCome,
    drift: 0.0,
};

#[tokio::test]
async fn a_g711_and_an_opus_phone_understand_each_other_over_a_bad_network() -> Result<()> {
    talk_over_a_bad_network(Duration::from_secs(12)).await
}

#[tokio::test]
#[ignore = "takes five minutes: make lossy-call"]
async fn a_g711_and_an_opus_phone_talk_for_five_minutes_over_a_bad_network() -> Result<()> {
    talk_over_a_bad_network(Duration::from_mins(5)).await
}

/// Prints how good it was.
async fn talk_over_a_bad_network(length: Duration) -> Result<()> {
    let margin = Duration::from_secs(60);
    let server = start().await?;
    let opus_way = Path::start(server.sip(), BAD, BAD, 1, length + margin).await?;
    let g711_way = Path::start(server.sip(), BAD, BAD, 2, length + margin).await?;
    let by = |way: &Path, extension, speech, commands: &[&str]| {
        let (proxy, length) = (way.address().to_string(), length + margin);
        let speech = Speech { length, ..speech };
        Baresip::start_at(&server, extension, &proxy, ("", speech), commands)
    };
    let events = server.events().await?;
    let opus = by(&opus_way, "1001", Speech::OPUS, &[])?;
    is_registered(&server, "1001", &opus).await?;
    let g711 = by(&g711_way, "1002", Speech::PCMU, &["/dial 1001"])?;
    let connected = server.call_becomes("connected").await;
    connected.with_context(|| format!("{}{}", g711.log(), opus.log()))?;
    let mut over = tokio::time::interval(length);
    over.tick().await;
    over.tick().await;
    let ears = [
        ("the G.711 phone", g711.ends().await?),
        ("the Opus phone", opus.ends().await?),
    ];
    let record = server.the_record().await?;
    for (leg, codec, way) in [(0, "pcmu", &g711_way), (1, "opus", &opus_way)] {
        let (up, down) = way.stats();
        println!("{codec}: up {up:?}\n      down {down:?}");
        let quality = &record["legs"][leg]["quality"];
        let wait = mean_wait(&events.so_far(), codec);
        println!("      {quality}\n      {wait:.0} ms in the jitter buffer on average");
    }
    for (whose, heard) in &ears {
        is_understood(whose, heard, length)?;
    }
    for (leg, codec) in [(0, "pcmu"), (1, "opus")] {
        let quality = &record["legs"][leg]["quality"];
        ensure!(quality["codec"] == codec, "{quality}");
        is_bearable(quality)?;
        let wait = mean_wait(&events.so_far(), codec);
        ensure!((20.0..150.0).contains(&wait), "{wait} ms");
    }
    server.has_nothing_left().await
}

/// The mean of what is told of the wait in the jitter buffer every few seconds, in milliseconds.
fn mean_wait(events: &[Value], codec: &str) -> f64 {
    let events = events
        .iter()
        .filter(|event| event["type"] == "quality_measured" && event["codec"] == codec);
    let waits = events.filter_map(|event| event["buffered_micros"].as_f64());
    let (sum, count) = waits.fold((0.0, 0.0), |(sum, count), wait| (sum + wait, count + 1.0));
    sum / count / 1000.0
}

/// What we made of what a phone sent.
fn is_bearable(quality: &Value) -> Result<()> {
    let figure = |name: &str| {
        let figure = quality[name].as_f64();
        figure.with_context(|| format!("{name} in {quality}"))
    };
    let (mean, wait) = (figure("mos_mean")?, figure("buffered_ms")?);
    let (loss, late) = (figure("loss_percent")?, figure("late_percent")?);
    ensure!((2.0..9.0).contains(&loss), "{quality}");
    ensure!(late <= 1.0, "{quality}");
    ensure!((2.2..4.2).contains(&mean), "{quality}");
    // The most that the buffer may; a machine that stands still for a moment has it come near.
    ensure!(wait <= 200.0, "{quality}");
    Ok(())
}

/// The other's tone is most of what a phone heard.
fn is_understood(whose: &str, heard: &Wav, length: Duration) -> Result<()> {
    let (tone, all) = (heard.time_with_tone(0, TONE), heard.duration());
    println!("{whose} heard the other's tone for {tone:?} of {all:?}");
    ensure!(tone * 10 >= length * 6, "{tone:?} of {all:?}");
    Ok(())
}
