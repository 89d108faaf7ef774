//! What unlocks a store, and the master key it unlocks.
//!
//! The master key is random and never changes. It stands in the header of the cells file, wrapped by a key-encryption
//! key (KEK) that comes from a passphrase, a key file or the caller (who may keep it in the system's keyring). A change
//! of passphrase wraps the master key anew and touches nothing else.

mod file;
mod header;

use core::fmt;
use std::path::PathBuf;

use argon2::{Algorithm, Argon2, Params, Version};
use hkdf::Hkdf;
use otr_core::SecretBytes;
use sha2::Sha256;
use zeroize::Zeroizing;

pub(crate) use self::header::{KeyHeader, SECTOR};
use crate::error::{BackendError, OpenError};
use crate::random;

/// What unlocks a store. `Debug` shows the kind only.
#[derive(Clone)]
#[non_exhaustive]
pub enum Unlock {
    /// A passphrase, stretched by Argon2id; the cost counts when a store is created or its passphrase changed.
    Passphrase(Zeroizing<String>, KdfCost),
    /// A file of 32 random bytes that only its owner may read (mode 0600); made when the store is created.
    KeyFile(PathBuf),
    /// 32 uniformly random bytes that the caller keeps elsewhere, for example in the keyring of the system.
    Key(SecretBytes<32>),
}

impl Unlock {
    /// A passphrase with the default cost.
    #[must_use]
    pub fn passphrase(passphrase: &str) -> Self {
        Self::Passphrase(Zeroizing::new(passphrase.to_owned()), KdfCost::DEFAULT)
    }

    const fn kind(&self) -> Kind {
        match self {
            Self::Passphrase(..) => Kind::Passphrase,
            Self::KeyFile(_) => Kind::KeyFile,
            Self::Key(_) => Kind::Key,
        }
    }
}

impl fmt::Debug for Unlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passphrase(_, cost) => write!(f, "Passphrase(.., {cost:?})"),
            Self::KeyFile(path) => write!(f, "KeyFile({})", path.display()),
            Self::Key(key) => write!(f, "Key({key:?})"),
        }
    }
}

/// The cost of Argon2id (RFC 9106), recorded in the store's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KdfCost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

impl KdfCost {
    /// 64 MiB, 3 passes, 1 lane: RFC 9106's choice for machines that share their memory, on one thread.
    pub const DEFAULT: Self = Self { memory_kib: 64 << 10, passes: 3, lanes: 1 };

    /// The least a new store may have: 19 MiB, 2 passes, 1 lane.
    pub const LEAST: Self = Self { memory_kib: 19 << 10, passes: 2, lanes: 1 };

    /// The most a header may ask for, so that a forged one cannot exhaust the machine: 4 GiB, 64 passes, 64 lanes.
    pub const MOST: Self = Self { memory_kib: 4 << 20, passes: 64, lanes: 64 };

    /// A cost between [`LEAST`](Self::LEAST) and [`MOST`](Self::MOST).
    ///
    /// # Errors
    ///
    /// [`OpenError::KdfCost`] outside these bounds.
    pub fn new(memory_kib: u32, passes: u32, lanes: u32) -> Result<Self, OpenError> {
        let cost = Self { memory_kib, passes, lanes };
        if memory_kib < Self::LEAST.memory_kib || passes < Self::LEAST.passes || !cost.is_bearable() {
            return Err(OpenError::KdfCost);
        }
        Ok(cost)
    }

    /// A cost without protection, for tests that open stores by the hundred.
    #[cfg(any(test, feature = "conformance"))]
    #[must_use]
    pub const fn for_tests() -> Self {
        Self { memory_kib: 64, passes: 1, lanes: 1 }
    }

    const fn is_bearable(self) -> bool {
        self.memory_kib <= Self::MOST.memory_kib
            && self.passes <= Self::MOST.passes
            && self.lanes <= Self::MOST.lanes
            && self.lanes >= 1
            && self.passes >= 1
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Passphrase = 1,
    KeyFile = 2,
    Key = 3,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Passphrase => "a passphrase",
            Self::KeyFile => "a key file",
            Self::Key => "a key of the program",
        }
    }
}

/// Derives the KEK. `create` makes a missing key file.
fn derive_kek(unlock: &Unlock, cost: KdfCost, salt: &[u8; 16], create: bool) -> Result<SecretBytes<32>, OpenError> {
    let mut kek = Zeroizing::new([0; 32]);
    match unlock {
        Unlock::Passphrase(passphrase, _) => {
            let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(kek.len()))
                .map_err(|_| OpenError::KdfCost)?;
            Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
                .hash_password_into(passphrase.as_bytes(), salt, &mut *kek)
                .map_err(|_| OpenError::KdfCost)?;
        }
        Unlock::KeyFile(path) => expand(&file::read(path, create)?, salt, b"o2tr-ekm key file", &mut kek)?,
        Unlock::Key(key) => expand(key, salt, b"o2tr-ekm program key", &mut kek)?,
    }
    Ok(SecretBytes::new(*kek))
}

/// The keys that follow from the master key, each for one purpose.
pub(crate) struct StoreKeys {
    /// Names in the file ([`crate::RowId`]).
    pub(crate) names: SecretBytes<32>,
    /// Wraps data keys in their cells.
    pub(crate) cells: SecretBytes<32>,
    /// Seals the notes by which database and cells recognise each other.
    pub(crate) binding: SecretBytes<32>,
}

impl StoreKeys {
    pub(crate) fn derive(master: &SecretBytes<32>, store: &[u8; 16]) -> Result<Self, BackendError> {
        let derive = |purpose: &[u8]| {
            let mut key = Zeroizing::new([0; 32]);
            expand(master, store, purpose, &mut key)?;
            Ok::<_, BackendError>(SecretBytes::new(*key))
        };
        Ok(Self {
            names: derive(b"o2tr-ekm row names")?,
            cells: derive(b"o2tr-ekm key cells")?,
            binding: derive(b"o2tr-ekm binding")?,
        })
    }
}

/// HKDF-SHA256; fails for outputs beyond 8160 bytes only.
fn expand(key: &SecretBytes<32>, salt: &[u8; 16], info: &[u8], out: &mut [u8; 32]) -> Result<(), BackendError> {
    Hkdf::<Sha256>::new(Some(salt), key.expose())
        .expand(info, out)
        .map_err(|_| BackendError::Damaged { what: "key derivation" })
}

/// The key that all others follow from.
pub(crate) type MasterKey = SecretBytes<32>;

/// A new master key and store id.
pub(crate) fn new_master() -> Result<(MasterKey, [u8; 16]), BackendError> {
    Ok((random::secret()?, random::bytes()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_secret() {
        assert_eq!(
            format!("{:?}", Unlock::passphrase("hunter2")),
            "Passphrase(.., KdfCost { memory_kib: 65536, passes: 3, lanes: 1 })"
        );
        assert_eq!(format!("{:?}", Unlock::Key(SecretBytes::new([7; 32]))), "Key(SecretBytes<32>(..))");
    }

    #[test]
    fn costs_have_bounds() {
        assert!(KdfCost::new(19 << 10, 2, 1).is_ok());
        for (memory, passes, lanes) in [(1024, 3, 1), (64 << 10, 1, 1), (u32::MAX, 3, 1), (64 << 10, 3, 0)] {
            assert_eq!(KdfCost::new(memory, passes, lanes).unwrap_err(), OpenError::KdfCost);
        }
    }

    #[test]
    fn purposes_have_different_keys() {
        let keys = StoreKeys::derive(&SecretBytes::new([1; 32]), &[2; 16]).unwrap();
        assert_ne!(keys.names.expose(), keys.cells.expose());
        assert_ne!(keys.cells.expose(), keys.binding.expose());
        let other = StoreKeys::derive(&SecretBytes::new([1; 32]), &[3; 16]).unwrap();
        assert_ne!(keys.names.expose(), other.names.expose());
    }
}
