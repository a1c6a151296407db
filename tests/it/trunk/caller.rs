//! Who calls, as the carrier is told.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use offhook_tests::phone::{Phone, SipText};
use offhook_tests::server::Server;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{NUMBER, demo_trunk, office_with_carrier};

/// The public number of extension 1000.
const PUBLIC: &str = "+493012340";

async fn gives_1000_a_public_number(server: &Server) -> Result<()> {
    let path = "/api/v1/sip/extensions";
    let extension = server.find(path, "extension", "1000").await?;
    let did = json!({
        "number": PUBLIC,
        "name": "Anna",
        "destination_type": "extension",
        "destination_id": extension["id"],
    });
    server.post("/api/v1/sip/dids", did).await?;
    Ok(())
}

/// The INVITE the carrier gets when 1000 calls out with these settings.
async fn invite_with(
    server: &Server,
    carrier: &Phone,
    phone: &Phone,
    settings: Value,
) -> Result<SipText> {
    server.patch(&demo_trunk(server).await?, settings).await?;
    let dialling = phone.calls(NUMBER).await?;
    let ringing = carrier.rings().await?;
    let invite = ringing.invite();
    ringing.rejects(486);
    ensure!(dialling.is_refused().await? == 486);
    Ok(invite)
}

/// RFC 3325 sections 5 and 7: what one carrier asserted of a caller who wants to stay unknown goes on
/// to another one only where both are trusted alike.
#[tokio::test]
async fn a_hidden_callers_number_goes_on_to_trusted_carriers_alone() -> Result<()> {
    let settings = json!({
        "caller_id": "+4930100",
        "caller_id_method": 5,
        "forward_caller_id": true,
        "default_destination": { "destination_type": "external", "destination_id": NUMBER },
    });
    let (server, carrier) = office_with_carrier(settings).await?;
    let caller = Phone::trunk_as(&server, "anonymous").await?;
    let hidden = [
        ("Privacy", "id"),
        ("P-Asserted-Identity", "<sip:+4917012345@carrier.example>"),
    ];
    let mut told = Vec::new();
    for setting in ["own", "all", "none"] {
        let change = json!({ "hidden_callers": setting });
        server.patch(&demo_trunk(&server).await?, change).await?;
        let dialling = caller.calls_with("+4930999999", &hidden).await?;
        let ringing = carrier.rings().await?;
        let invite = ringing.invite();
        ringing.rejects(486);
        dialling.is_refused().await?;
        let from = invite.header("From");
        ensure!(from.contains("<sip:anonymous@anonymous.invalid>"), "{from}");
        ensure!(invite.header("Privacy") == "id");
        let asserted = invite.header("P-Asserted-Identity");
        told.push(asserted.split('@').next().unwrap_or_default().to_owned());
    }
    ensure!(
        told == ["<sip:+4930100", "<sip:+4917012345", ""],
        "{told:?}"
    );
    let records = server.records(3).await?;
    ensure!(
        records.iter().all(|record| record["from"] == "anonymous"),
        "{records:?}"
    );
    Ok(())
}

/// RFC 3325 section 9.1 and RFC 3323 section 4.1.1.3.
#[tokio::test]
async fn each_method_tells_the_carrier_who_calls_in_its_own_way() -> Result<()> {
    let (server, carrier) = office_with_carrier(json!({ "caller_id": "+4930100" })).await?;
    gives_1000_a_public_number(&server).await?;
    let phone = Phone::extension(&server, "1000").await?;
    let (own, real) = ("<sip:+4930100@", "<sip:+493012340@");
    let all = [
        (0, own, None),
        (1, own, Some("P-Asserted-Identity")),
        (2, own, Some("Remote-Party-ID")),
        (3, real, None),
        (5, real, Some("P-Asserted-Identity")),
    ];
    for (method, from, beside) in all {
        let settings = json!({ "caller_id_method": method });
        let invite = invite_with(&server, &carrier, &phone, settings).await?;
        ensure!(invite.header("From").contains(from), "{method}: {invite:?}");
        for header in [
            "P-Asserted-Identity",
            "P-Preferred-Identity",
            "Remote-Party-ID",
        ] {
            let value = invite.header(header);
            let wanted = beside == Some(header);
            ensure!(value.contains(real) == wanted, "{method}: {invite:?}");
            ensure!(wanted || value.is_empty(), "{method}: {invite:?}");
        }
        ensure!(invite.header("Privacy").is_empty(), "{method}: {invite:?}");
    }
    let settings = json!({ "caller_id_method": "asserted", "identity_header": "preferred" });
    let invite = invite_with(&server, &carrier, &phone, settings).await?;
    ensure!(invite.header("P-Preferred-Identity").contains(real));
    let settings = json!({ "block_caller_id": true, "identity_header": "asserted" });
    let invite = invite_with(&server, &carrier, &phone, settings).await?;
    let from = invite.header("From");
    ensure!(from.contains("<sip:anonymous@anonymous.invalid>"), "{from}");
    ensure!(invite.header("Privacy") == "id");
    ensure!(invite.header("P-Asserted-Identity").contains(real));
    ensure!(
        !invite.header("Contact").contains("sip:1000@"),
        "{invite:?}"
    );
    Ok(())
}

#[tokio::test]
async fn numbers_are_written_as_the_carrier_wants_them() -> Result<()> {
    let settings = json!({ "caller_id": "+4930100", "country_code": "49" });
    let (server, carrier) = office_with_carrier(settings).await?;
    let phone = Phone::extension(&server, "1000").await?;
    let all = [
        ("as_dialled", NUMBER, "+4930100"),
        ("e164", "+49301234567", "+4930100"),
        ("e164_without_plus", "49301234567", "4930100"),
        ("national", NUMBER, "030100"),
    ];
    for (format, called, calling) in all {
        let settings = json!({ "number_format": format });
        let invite = invite_with(&server, &carrier, &phone, settings).await?;
        let line = format!("INVITE sip:{called}@");
        ensure!(invite.start.starts_with(&line), "{format}: {invite:?}");
        let user = format!("<sip:{calling}@");
        ensure!(
            invite.header("From").contains(&user),
            "{format}: {invite:?}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn the_codecs_of_the_trunk_are_all_the_carrier_is_offered() -> Result<()> {
    let (server, carrier) = office_with_carrier(json!({ "codecs": ["pcma"] })).await?;
    let phone = Phone::extension(&server, "1000").await?;
    let invite = invite_with(&server, &carrier, &phone, json!({})).await?;
    let sdp = invite.sdp().context("an offer")?;
    let audio = sdp.lines().find(|line| line.starts_with("m=audio"));
    let audio = audio.context("audio")?;
    ensure!(audio.contains(" 8") && !audio.contains(" 0"), "{audio}");
    Ok(())
}

#[tokio::test]
async fn sound_before_the_answer_is_kept_back_where_the_trunk_wants_that() -> Result<()> {
    let (server, carrier) = office_with_carrier(json!({ "early_media": false })).await?;
    let phone = Phone::extension(&server, "1000").await?;
    let dialling = phone.calls(NUMBER).await?;
    let ringing = carrier.rings().await?;
    ringing.plays_early(950.0);
    ensure!(dialling.rings().await? == 180);
    let early = dialling.early();
    let heard = timeout(Duration::from_secs(2), early.hears_tone(950.0)).await;
    ensure!(!matches!(heard, Ok(Ok(()))), "ringing and nothing else");
    ringing.rejects(486);
    ensure!(dialling.is_refused().await? == 486);
    Ok(())
}
