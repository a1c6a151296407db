//! Carriers that show who they are by a certificate.

use std::fs;

use anyhow::{Context, Result, ensure};
use offhook_tests::phone::{Carrier, Passport, Phone, PhoneSpec};
use offhook_tests::server::{Server, ServerSpec};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::json;
use tempfile::TempDir;

use super::{adds_trunk, demo_trunk};

/// Somebody the carriers have in common, who says what their names are.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Result<Self> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Ok(Self(CertifiedIssuer::self_signed(
            params,
            KeyPair::generate()?,
        )?))
    }

    fn names(&self, name: &str) -> Result<Passport> {
        let key = KeyPair::generate()?;
        let params = CertificateParams::new(vec![name.to_owned()])?;
        Ok(Passport {
            certificate: params.signed_by(&key, &self.0)?.pem(),
            key: key.serialize_pem(),
        })
    }
}

async fn caller(server: &Server, passport: Option<Passport>) -> Result<Phone> {
    let mut spec = PhoneSpec::new("+49301234567", Some(server.sip_over(Carrier::Tls)?));
    spec.carrier = Carrier::Tls;
    spec.passport = passport;
    Phone::new(spec).await
}

/// RFC 5922 section 7.4: the calls of a connection are those of whose name was proved, and of nobody
/// else at the same address.
#[tokio::test]
async fn a_carrier_is_known_by_the_name_in_its_certificate() -> Result<()> {
    let folder = TempDir::new()?;
    let authority = Authority::new()?;
    let file = folder.path().join("carriers.pem");
    fs::write(&file, authority.0.pem())?;
    let config = format!(
        "[sip]\ntls = [\"127.0.0.1:0\"]\n[sip.encryption]\nclient_auth = \"optional\"\n\
         client_ca = \"{}\"\n",
        file.display()
    );
    let server = Server::start_with(ServerSpec::configured(&config)).await?;
    // Nobody's address is trusted any more.
    let demo = demo_trunk(&server).await?;
    server.patch(&demo, json!({ "trusted": [] })).await?;
    let settings = json!({ "name": "carrier", "tls_names": ["sbc.carrier.example"] });
    let trunk = adds_trunk(&server, settings).await?;
    let id = trunk.rsplit('/').next().context("an id")?;
    let number = server.credentials().did.clone();
    let did = server.find("/api/v1/sip/dids", "number", &number).await?;
    let did = format!("/api/v1/sip/dids/{}", did["id"].as_str().context("id")?);
    server.patch(&did, json!({ "trunk_id": id })).await?;

    let known = caller(&server, Some(authority.names("sbc.carrier.example")?)).await?;
    let talk = known.dials(&number).await?;
    talk.hears_something().await?;
    ensure!(talk.hangs_up().await? == 200);
    let record = server.the_record().await?;
    ensure!(record["trunk"] == id, "{record}");

    let other = Some(authority.names("sbc.stranger.example")?);
    for passport in [other, None] {
        let stranger = caller(&server, passport).await?;
        let refused = stranger.calls(&number).await?.is_refused().await?;
        ensure!(matches!(refused, 401 | 403), "{refused}");
    }
    server.records(1).await?;
    // Whom nobody vouches for is not even spoken with.
    let forged = Authority::new()?.names("sbc.carrier.example")?;
    if let Ok(forger) = caller(&server, Some(forged)).await {
        let offer = forger.registers_for(60).await;
        ensure!(offer.is_err(), "{offer:?}");
    }
    server.has_nothing_left().await
}
