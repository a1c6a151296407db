//! AES by eight blocks at a time.
//!
//! The `aes` crate works on 64 blocks at once where a processor can (AVX-512), and what is left
//! over goes one block after the other. A packet of 20 ms has ten blocks, so all of it would be left
//! over, each block waiting for the counter of the one before to reach memory. Eight counters are
//! written first and encrypted together: the processor overlaps them by itself.

use aes::Block;
use aes::cipher::common::array::Array;
use aes::cipher::consts::{U8, U16};
use aes::cipher::inout::InOut;
use aes::cipher::{
    BlockCipherEncBackend, BlockCipherEncClosure, BlockCipherEncrypt, BlockSizeUser, Key, KeyInit,
    KeySizeUser, ParBlocksSizeUser,
};

/// A block cipher that is asked for eight blocks at a time.
pub(super) struct Wide<C>(C);

impl<C: KeySizeUser> KeySizeUser for Wide<C> {
    type KeySize = C::KeySize;
}

impl<C: KeyInit> KeyInit for Wide<C> {
    fn new(key: &Key<Self>) -> Self {
        Self(C::new(key))
    }
}

impl<C> BlockSizeUser for Wide<C> {
    type BlockSize = U16;
}

impl<C: BlockCipherEncrypt<BlockSize = U16>> BlockCipherEncrypt for Wide<C> {
    fn encrypt_with_backend(&self, f: impl BlockCipherEncClosure<BlockSize = U16>) {
        f.call(&Backend(&self.0));
    }
}

struct Backend<'a, C>(&'a C);

impl<C> BlockSizeUser for Backend<'_, C> {
    type BlockSize = U16;
}

impl<C> ParBlocksSizeUser for Backend<'_, C> {
    type ParBlocksSize = U8;
}

impl<C: BlockCipherEncrypt<BlockSize = U16>> BlockCipherEncBackend for Backend<'_, C> {
    fn encrypt_block(&self, block: InOut<'_, '_, Block>) {
        self.0.encrypt_block_inout(block);
    }

    fn encrypt_par_blocks(&self, blocks: InOut<'_, '_, Array<Block, U8>>) {
        self.0.encrypt_blocks_inout(blocks.into_buf());
    }
}
