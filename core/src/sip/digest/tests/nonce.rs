//! What nonces cost.

use super::*;
use crate::sip::digest::nonce::Nonces;

#[test]
fn a_flood_of_challenges_is_not_remembered_and_used_nonces_are_bounded() {
    let now = epoch();
    let mut nonces = Nonces::new(now, [3; 32], Duration::from_mins(5)).with_capacity(100);
    let issued: Vec<String> = (0..1000).map(|_| nonces.issue(now, PHONE)).collect();
    assert_eq!(nonces.remembered(), 0);
    for nonce in &issued {
        assert!(nonces.use_up(now, PHONE, nonce.as_bytes(), 1));
        assert!(nonces.remembered() <= 100);
    }
    // The forgotten ones are not good a second time either.
    assert!(
        issued
            .iter()
            .all(|nonce| !nonces.use_up(now, PHONE, nonce.as_bytes(), 1))
    );
    assert!(nonces.use_up(now, PHONE, issued[999].as_bytes(), 2));
    let later = now + Duration::from_secs(301);
    let fresh = nonces.issue(later, PHONE);
    assert!(nonces.use_up(later, PHONE, fresh.as_bytes(), 1));
    assert_eq!(nonces.remembered(), 1);
}

#[test]
fn a_forged_nonce_is_not_ours() {
    let now = epoch();
    let mut nonces = Nonces::new(now, [3; 32], Duration::from_mins(5));
    let nonce = nonces.issue(now, PHONE);
    for forged in [
        "",
        "AAAA",
        "!!",
        &nonce[1..],
        &format!("A{nonce}"),
        &nonce.replace('A', "B"),
    ] {
        assert!(!nonces.use_up(now, PHONE, forged.as_bytes(), 1), "{forged}");
    }
    assert!(nonces.use_up(now, PHONE, nonce.as_bytes(), 1));
}

/// RFC 7616 section 5.4: a nonce may hold who it was made for.
#[test]
fn a_nonce_is_good_for_nobody_but_whom_it_was_given_to() {
    let now = epoch();
    let mut nonces = Nonces::new(now, [3; 32], Duration::from_mins(5));
    let nonce = nonces.issue(now, PHONE);
    let other = IpAddr::from([192, 0, 2, 8]);
    assert!(!nonces.is_current(now, other, nonce.as_bytes()));
    assert!(!nonces.use_up(now, other, nonce.as_bytes(), 1));
    assert!(nonces.use_up(now, PHONE, nonce.as_bytes(), 1));
}
