//! A digest of a state: 128 bits of SHA-256.

use core::fmt;
use core::hash::Hasher;

use sha2::{Digest as _, Sha256};

/// Two states with the same digest are taken for one.
pub(crate) type Digest = [u8; 16];

/// Takes what can be hashed and what can be printed.
#[derive(Clone, Default)]
pub(crate) struct Digester(Sha256);

impl Digester {
    pub(crate) fn done(self) -> Digest {
        let mut digest = [0; 16];
        digest.iter_mut().zip(self.0.finalize()).for_each(|(to, from)| *to = from);
        digest
    }

    /// All 256 bits.
    pub(crate) fn whole(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

impl Hasher for Digester {
    fn finish(&self) -> u64 {
        let mut bytes = [0; 8];
        bytes.iter_mut().zip(self.0.clone().finalize()).for_each(|(to, from)| *to = from);
        u64::from_be_bytes(bytes)
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }
}

impl fmt::Write for Digester {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.update(text);
        Ok(())
    }
}
