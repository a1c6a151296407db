//! Certificates: made, read, read again.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use jiff::SignedDuration;
use offhook_core::config::{CertificateOwner, ClientAuth, SipConfig};
use offhook_core::sip::endpoint::SipTransport;
use rcgen::{CertificateParams, DnType, KeyPair, SanType};
use rustls::pki_types::CertificateDer;

use super::self_signed::OwnCertificate;
use super::{Tls, TlsError, files, names_of, self_signed};
use crate::alarm;

fn config() -> SipConfig {
    SipConfig {
        tls: vec!["127.0.0.1:0".parse().unwrap(), "[::1]:0".parse().unwrap()],
        domain: "Office.Example".to_owned(),
        ..SipConfig::default()
    }
}

fn made(folder: &Path) -> SipConfig {
    let mut config = config();
    self_signed(&mut config, folder).unwrap();
    config
}

fn names(alternatives: Vec<SanType>, common: &str) -> Vec<String> {
    let mut params = CertificateParams::default();
    params.subject_alt_names = alternatives;
    params.distinguished_name.push(DnType::CommonName, common);
    let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
    names_of(Some(&[certificate.der().clone()]))
        .unwrap()
        .to_vec()
}

#[test]
fn a_certificate_is_made_once_for_all_names_with_a_key_of_its_owners_alone() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("tls");
    let config = made(&folder);
    let key = config.encryption.key.clone().unwrap();
    let mode = std::fs::metadata(&key).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let certificate = config.encryption.certificate.clone().unwrap();
    let chain = files::chain(&certificate).unwrap();
    let names = names_of(Some(&chain)).unwrap();
    assert_eq!(
        names[..],
        ["office.example", "localhost", "127.0.0.1", "::1"]
    );
    let (_, x509) = x509_parser::parse_x509_certificate(&chain[0]).unwrap();
    let days = x509.validity().time_to_expiration().unwrap().whole_days();
    assert!((725..=732).contains(&days), "{days}");
    assert!(Tls::load(&config).unwrap().keeper.is_some());
    let before = std::fs::read(&certificate).unwrap();
    made(&folder);
    assert_eq!(std::fs::read(&certificate).unwrap(), before);
}

/// The names of the certificate in `folder`, and its bytes.
fn present(folder: &Path) -> (Vec<String>, Vec<u8>) {
    let file = folder.join("self-signed.crt");
    let names = names_of(Some(&files::chain(&file).unwrap())).unwrap();
    (names.to_vec(), std::fs::read(file).unwrap())
}

fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * days)
}

#[test]
fn a_certificate_of_our_own_is_renewed_a_month_before_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let own = OwnCertificate::of(&made(folder.path())).unwrap();
    let (_, first) = present(folder.path());
    let start = alarm::wall();
    own.keep(start + days(695)).unwrap();
    assert_eq!(present(folder.path()).1, first, "there is time");
    own.keep(start + days(705)).unwrap();
    let (names, second) = present(folder.path());
    assert_ne!(second, first);
    assert!(names.contains(&"office.example".to_owned()));
    own.keep(start + days(706)).unwrap();
    assert_eq!(present(folder.path()).1, second, "once");
}

#[test]
fn a_certificate_of_our_own_is_made_again_when_it_names_something_else() {
    let folder = tempfile::tempdir().unwrap();
    made(folder.path());
    let mut config = config();
    config.domain = "new.example".to_owned();
    config.external_address = Some([192, 0, 2, 1].into());
    self_signed(&mut config, folder.path()).unwrap();
    let (names, _) = present(folder.path());
    assert_eq!(
        names,
        ["new.example", "localhost", "127.0.0.1", "192.0.2.1", "::1"]
    );
    // A key that is not its own, as a stop between two writes leaves it, is no lasting trouble.
    let key = config.encryption.key.clone().unwrap();
    std::fs::write(&key, KeyPair::generate().unwrap().serialize_pem()).unwrap();
    made(folder.path());
    assert!(Tls::load(&config).unwrap().keeper.is_some());
}

#[test]
fn a_certificate_that_an_operator_put_there_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["sip.example.com".to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap().pem();
    std::fs::write(folder.path().join("self-signed.crt"), &certificate).unwrap();
    std::fs::write(folder.path().join("self-signed.key"), key.serialize_pem()).unwrap();
    let own = OwnCertificate::of(&made(folder.path())).unwrap();
    own.keep(alarm::wall() + days(100_000)).unwrap();
    assert_eq!(present(folder.path()).1, certificate.as_bytes());
}

#[test]
fn a_running_server_goes_on_with_the_renewed_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let config = made(folder.path());
    let tls = Tls::load(&config).unwrap();
    let keeper = tls.keeper.as_ref().unwrap();
    let first = keeper.greeting(SipTransport::Tls);
    std::fs::remove_file(config.encryption.certificate.as_ref().unwrap()).unwrap();
    tls.reload();
    let second = keeper.greeting(SipTransport::Tls);
    assert!(!Arc::ptr_eq(&first, &second));
    assert!(present(folder.path()).0.contains(&"localhost".to_owned()));
}

#[test]
fn nothing_is_made_where_nobody_needs_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = SipConfig::default();
    self_signed(&mut config, &folder.path().join("tls")).unwrap();
    assert!(config.encryption.certificate.is_none());
    assert!(!folder.path().join("tls").exists());
    assert!(Tls::load(&config).unwrap().keeper.is_none());
}

#[test]
fn a_broken_file_is_named_with_what_it_should_hold() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = made(folder.path());
    let key = config.encryption.key.clone().unwrap();
    std::fs::write(&key, "nonsense").unwrap();
    let said = Tls::load(&config).unwrap_err().to_string();
    assert!(
        said.contains("self-signed.key as a private key: there is no private key"),
        "{said}"
    );
    std::fs::write(&key, KeyPair::generate().unwrap().serialize_pem()).unwrap();
    let error = Tls::load(&config).unwrap_err();
    assert!(
        matches!(error, TlsError::Unusable { .. }),
        "another's key: {error}"
    );
    config = made(tempfile::tempdir().unwrap().path());
    let said = Tls::load(&config).unwrap_err().to_string();
    assert!(said.contains("self-signed.crt as a certificate"), "{said}");
    let folder = tempfile::tempdir().unwrap();
    let mut config = made(folder.path());
    config.encryption.client_auth = ClientAuth::Required;
    config.encryption.client_ca = Some("/nowhere.pem".into());
    let said = Tls::load(&config).unwrap_err().to_string();
    assert!(said.contains("/nowhere.pem as a certificate"), "{said}");
}

#[test]
fn changed_files_are_read_again_and_broken_ones_are_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let config = made(folder.path());
    let tls = Tls::load(&config).unwrap();
    let keeper = tls.keeper.as_ref().unwrap();
    let first = keeper.greeting(SipTransport::Tls);
    tls.reload();
    let second = keeper.greeting(SipTransport::Tls);
    assert!(!Arc::ptr_eq(&first, &second), "it was read again");
    std::fs::write(config.encryption.certificate.as_ref().unwrap(), "nonsense").unwrap();
    tls.reload();
    assert!(Arc::ptr_eq(&second, &keeper.greeting(SipTransport::Tls)));
}

#[test]
fn what_peers_are_shown_follows_its_files_and_no_error_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = made(folder.path());
    // Our own would be mended.
    config.encryption.owner = CertificateOwner::Operator;
    let tls = Tls::load(&config).unwrap();
    let key = config.encryption.key.as_ref().unwrap();
    let right = std::fs::read(key).unwrap();
    let other = KeyPair::generate().unwrap().serialize_pem();
    std::fs::write(key, &other).unwrap();
    assert!(tls.dialer.greeting().is_err(), "the key of another");
    std::fs::write(key, &right).unwrap();
    let first = tls.dialer.greeting().unwrap();
    assert!(Arc::ptr_eq(&first, &tls.dialer.greeting().unwrap()));
    std::fs::write(key, other).unwrap();
    tls.reload();
    assert!(Arc::ptr_eq(&first, &tls.dialer.greeting().unwrap()));
    std::fs::write(key, right).unwrap();
    tls.reload();
    assert!(!Arc::ptr_eq(&first, &tls.dialer.greeting().unwrap()));
}

/// RFC 5922 section 7.1.
#[test]
fn a_certificate_names_domains_and_no_persons() {
    let uri = |uri: &str| SanType::URI(uri.try_into().unwrap());
    let dns = |name: &str| SanType::DnsName(name.try_into().unwrap());
    let all = vec![
        uri("sip:Example.COM"),
        uri("sip:bob@example.net"),
        uri("https://example.org"),
        dns("SBC.example.com"),
        SanType::IpAddress([192, 0, 2, 1].into()),
    ];
    let expected = ["example.com", "sbc.example.com", "192.0.2.1"];
    assert_eq!(names(all, "Common.example"), expected);
    assert_eq!(names(Vec::new(), "Common.example"), ["common.example"]);
    // A common name counts where nothing else could, and not where nothing else does.
    let person = vec![uri("sip:bob@example.net")];
    assert!(names(person, "sbc.example.com").is_empty());
    assert!(names(vec![uri("sips:example.com")], "c").is_empty());
    assert_eq!(names_of(None), None);
    assert_eq!(names_of(Some(&[CertificateDer::from(vec![1, 2, 3])])), None);
}
