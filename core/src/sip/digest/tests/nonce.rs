//! What nonces cost.

use super::*;
use crate::sip::digest::nonce::Nonces;

#[test]
fn a_flood_of_challenges_is_not_remembered_and_used_nonces_are_bounded() {
    let now = epoch();
    let mut nonces = Nonces::new(now, [3; 32], Duration::from_mins(5)).with_capacity(100);
    let issued: Vec<String> = (0..1000).map(|_| nonces.issue(now)).collect();
    assert_eq!(nonces.remembered(), 0);
    for nonce in &issued {
        assert!(nonces.use_up(now, nonce.as_bytes(), 1));
        assert!(nonces.remembered() <= 100);
    }
    // The forgotten ones are not good a second time either.
    assert!(
        issued
            .iter()
            .all(|nonce| !nonces.use_up(now, nonce.as_bytes(), 1))
    );
    assert!(nonces.use_up(now, issued[999].as_bytes(), 2));
    let later = now + Duration::from_secs(301);
    let fresh = nonces.issue(later);
    assert!(nonces.use_up(later, fresh.as_bytes(), 1));
    assert_eq!(nonces.remembered(), 1);
}

#[test]
fn a_forged_nonce_is_not_ours() {
    let now = epoch();
    let mut nonces = Nonces::new(now, [3; 32], Duration::from_mins(5));
    let nonce = nonces.issue(now);
    for forged in [
        "",
        "AAAA",
        "!!",
        &nonce[1..],
        &format!("A{nonce}"),
        &nonce.replace('A', "B"),
    ] {
        assert!(!nonces.use_up(now, forged.as_bytes(), 1), "{forged}");
    }
    assert!(nonces.use_up(now, nonce.as_bytes(), 1));
}
