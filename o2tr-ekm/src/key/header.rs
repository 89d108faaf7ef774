//! The first sector of the cells file: how to get at the master key.
//!
//! ```text
//! magic "O2CELLS\0" | format (4) | store id (16) | kind (1) | memory KiB (4) | passes (4) | lanes (4) | salt (16)
//! | nonce (24) | wrapped master key (32 + 16) | SHA-256 of all before (32) | zeros to 512
//! ```
//!
//! The hash tells a damaged header from a wrong passphrase; what protects is the wrapping, whose associated data is
//! everything before the nonce.

use otr_core::SecretBytes;
use sha2::{Digest, Sha256};

use super::{KdfCost, Kind, Unlock, derive_kek};
use crate::error::{BackendError, OpenError};
use crate::{random, seal};

/// Bytes of a sector: what disks write in one piece at least.
pub(crate) const SECTOR: usize = 512;

const MAGIC: [u8; 8] = *b"O2CELLS\0";
pub(crate) const FORMAT: u32 = 1;
const CLEAR_LEN: usize = 8 + 4 + 16 + 1 + 12 + 16;
const WRAPPED_LEN: usize = seal::NONCE_LEN + 32 + seal::TAG_LEN;

/// One copy of the header, parsed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct KeyHeader {
    pub(crate) store: [u8; 16],
    kind: Kind,
    cost: KdfCost,
    salt: [u8; 16],
    wrapped: [u8; WRAPPED_LEN],
}

impl KeyHeader {
    /// Wraps the master key under `unlock`, with a fresh salt.
    pub(crate) fn wrap(
        unlock: &Unlock,
        master: &SecretBytes<32>,
        store: [u8; 16],
        create: bool,
    ) -> Result<Self, OpenError> {
        let cost = match unlock {
            Unlock::Passphrase(_, cost) => *cost,
            Unlock::KeyFile(_) | Unlock::Key(_) => KdfCost { memory_kib: 0, passes: 0, lanes: 0 },
        };
        let salt = random::bytes()?;
        let kek = derive_kek(unlock, cost, &salt, create)?;
        let mut header = Self { store, kind: unlock.kind(), cost, salt, wrapped: [0; WRAPPED_LEN] };
        let sealed = seal::seal(&kek, &[], &header.clear(), master.expose())?;
        header.wrapped = sealed.try_into().map_err(|_| BackendError::Damaged { what: "the wrapped master key" })?;
        Ok(header)
    }

    /// The master key.
    pub(crate) fn unwrap(&self, unlock: &Unlock) -> Result<SecretBytes<32>, OpenError> {
        if unlock.kind() != self.kind {
            return Err(OpenError::WrongKind { stored: self.kind.name(), offered: unlock.kind().name() });
        }
        let kek = derive_kek(unlock, self.cost, &self.salt, false)?;
        let master = seal::open(&kek, &self.clear(), &self.wrapped).map_err(|_| OpenError::WrongKey)?;
        SecretBytes::from_prefix(&master).ok_or(OpenError::WrongKey)
    }

    pub(crate) fn to_sector(&self) -> [u8; SECTOR] {
        let mut bytes = self.clear();
        bytes.extend_from_slice(&self.wrapped);
        let hash = Sha256::digest(&bytes);
        bytes.extend_from_slice(&hash);
        let mut sector = [0; SECTOR];
        sector.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
        sector
    }

    /// Parses one copy; `Ok(None)` if it is damaged.
    pub(crate) fn parse(sector: &[u8; SECTOR]) -> Result<Option<Self>, OpenError> {
        let Some((body, rest)) = sector.split_at_checked(CLEAR_LEN + WRAPPED_LEN) else { return Ok(None) };
        if rest.first_chunk::<32>().is_none_or(|hash| *hash != Into::<[u8; 32]>::into(Sha256::digest(body))) {
            return Ok(None);
        }
        Self::parse_intact(body).transpose()
    }

    fn parse_intact(body: &[u8]) -> Option<Result<Self, OpenError>> {
        let (magic, rest) = body.split_first_chunk::<8>()?;
        let (format, rest) = rest.split_first_chunk::<4>()?;
        if *magic != MAGIC {
            return None;
        }
        let found = u32::from_be_bytes(*format);
        if found != FORMAT {
            return Some(Err(OpenError::UnknownFormat { file: "cells", found, known: FORMAT }));
        }
        let (store, rest) = rest.split_first_chunk::<16>()?;
        let (kind, rest) = rest.split_first()?;
        let (memory_kib, rest) = rest.split_first_chunk::<4>()?;
        let (passes, rest) = rest.split_first_chunk::<4>()?;
        let (lanes, rest) = rest.split_first_chunk::<4>()?;
        let (salt, rest) = rest.split_first_chunk::<16>()?;
        let kind = match kind {
            1 => Kind::Passphrase,
            2 => Kind::KeyFile,
            3 => Kind::Key,
            _ => return None,
        };
        let cost = KdfCost {
            memory_kib: u32::from_be_bytes(*memory_kib),
            passes: u32::from_be_bytes(*passes),
            lanes: u32::from_be_bytes(*lanes),
        };
        if kind == Kind::Passphrase && !cost.is_bearable() {
            return Some(Err(OpenError::KdfCost));
        }
        Some(Ok(Self { store: *store, kind, cost, salt: *salt, wrapped: rest.try_into().ok()? }))
    }

    fn clear(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(CLEAR_LEN + WRAPPED_LEN + 32);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&FORMAT.to_be_bytes());
        bytes.extend_from_slice(&self.store);
        bytes.push(self.kind as u8);
        for number in [self.cost.memory_kib, self.cost.passes, self.cost.lanes] {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        bytes.extend_from_slice(&self.salt);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passphrase(text: &str) -> Unlock {
        Unlock::Passphrase(zeroize::Zeroizing::new(text.to_owned()), KdfCost::for_tests())
    }

    #[test]
    fn the_right_secret_unwraps_and_no_other() {
        let master = SecretBytes::new([1; 32]);
        let header = KeyHeader::wrap(&passphrase("right"), &master, [2; 16], true).unwrap();
        let read = KeyHeader::parse(&header.to_sector()).unwrap().unwrap();
        assert_eq!(read.unwrap(&passphrase("right")).unwrap().expose(), master.expose());
        assert_eq!(read.unwrap(&passphrase("wrong")).unwrap_err(), OpenError::WrongKey);
        assert_eq!(
            read.unwrap(&Unlock::Key(SecretBytes::new([0; 32]))).unwrap_err(),
            OpenError::WrongKind { stored: "a passphrase", offered: "a key of the program" }
        );
    }

    #[test]
    fn every_flipped_bit_is_damage_not_a_wrong_key() {
        let key = Unlock::Key(SecretBytes::new([3; 32]));
        let sector = KeyHeader::wrap(&key, &SecretBytes::new([1; 32]), [2; 16], true).unwrap().to_sector();
        for index in 0..CLEAR_LEN + WRAPPED_LEN + 32 {
            let mut flipped = sector;
            flipped[index] ^= 0x10;
            assert!(KeyHeader::parse(&flipped).unwrap().is_none(), "byte {index}");
        }
    }

    #[test]
    fn a_newer_format_is_named() {
        let key = Unlock::Key(SecretBytes::new([3; 32]));
        let header = KeyHeader::wrap(&key, &SecretBytes::new([1; 32]), [2; 16], true).unwrap();
        let mut bytes = header.clear();
        bytes[11] = 2;
        bytes.extend_from_slice(&header.wrapped);
        let hash = Sha256::digest(&bytes);
        bytes.extend_from_slice(&hash);
        bytes.resize(SECTOR, 0);
        assert_eq!(
            KeyHeader::parse(&bytes.try_into().unwrap()).err(),
            Some(OpenError::UnknownFormat { file: "cells", found: 2, known: 1 })
        );
    }

    #[test]
    fn a_forged_cost_is_not_paid() {
        let master = SecretBytes::new([1; 32]);
        let mut header = KeyHeader::wrap(&passphrase("right"), &master, [2; 16], true).unwrap();
        header.cost.memory_kib = u32::MAX;
        assert_eq!(KeyHeader::parse(&header.to_sector()).err(), Some(OpenError::KdfCost));
    }
}
