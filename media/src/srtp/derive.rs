//! Session keys from a master key (RFC 3711 section 4.3; for AEAD suites RFC 7714 section 11).
//!
//! The key derivation rate is zero: keys are derived once and hold as long as their master key.

use aes::cipher::{BlockCipherEncrypt, KeyInit};
use aes::{Aes128Enc, Aes256Enc, Block};
use offhook_core::sdp::crypto::MasterKey;
use zeroize::{Zeroize, Zeroizing};

/// Bytes of the salt that enters the derivation; shorter ones are filled up with zeros.
const SALT_LEN: usize = 14;

/// What a derived key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// RTP.
    Rtp,
    /// RTCP.
    Rtcp,
}

/// Which of the three keys of a purpose: its label, counted from that of encryption.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Encryption = 0,
    Authentication = 1,
    Salt = 2,
}

/// Derives `N` bytes.
pub(super) fn derive<const N: usize>(
    master: &MasterKey,
    purpose: Purpose,
    part: Part,
) -> Zeroizing<[u8; N]> {
    let first = match purpose {
        Purpose::Rtp => 0,
        Purpose::Rtcp => 3,
    };
    let mut counter = [0; 16];
    for (to, from) in counter.iter_mut().zip(master.salt().iter().take(SALT_LEN)) {
        *to = *from;
    }
    // The label stands before the 48 bits of an index that is always zero.
    counter[7] ^= first + part as u8;
    let mut derived = Zeroizing::new([0; N]);
    let key = master.key();
    if let Some(key) = key.first_chunk::<32>() {
        keystream(&Aes256Enc::new(key.into()), counter, &mut derived[..]);
    } else if let Some(key) = key.first_chunk::<16>() {
        keystream(&Aes128Enc::new(key.into()), counter, &mut derived[..]);
    }
    derived
}

/// AES in counter mode from `counter` on, whose last two bytes are zero.
fn keystream(
    aes: &impl BlockCipherEncrypt<BlockSize = aes::cipher::consts::U16>,
    counter: [u8; 16],
    out: &mut [u8],
) {
    for (number, chunk) in (0u16..).zip(out.chunks_mut(16)) {
        let mut block = Block::from(counter);
        block[14..].copy_from_slice(&number.to_be_bytes());
        aes.encrypt_block(&mut block);
        chunk.copy_from_slice(&block[..chunk.len()]);
        block.zeroize();
    }
}
