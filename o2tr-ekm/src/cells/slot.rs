//! One slot: a data key, wrapped.
//!
//! ```text
//! magic "O2SL" | key id (16) | sequence (8) | floor (8) | nonce (24) | wrapped key (32 + 16) | zeros to 128
//! ```
//!
//! Associated data: everything before the nonce, the store id, the row id, the cell and the slot's number. A slot
//! belongs to one row at one place; elsewhere it does not open.

use core::fmt;

use otr_core::SecretBytes;

use super::layout::SLOT_LEN;
use crate::error::BackendError;
use crate::row::RowId;
use crate::seal::{self, DataKey, KeyId};

const MAGIC: [u8; 4] = *b"O2SL";
const CLEAR_LEN: usize = 4 + 16 + 8 + 8;
const USED_LEN: usize = CLEAR_LEN + seal::NONCE_LEN + 32 + seal::TAG_LEN;

/// A data key with what is known about it.
#[derive(Clone)]
pub(crate) struct Slot {
    pub(crate) id: KeyId,
    /// Keys of a conversation are numbered: of two slots the spare has the next number after the live one.
    pub(crate) sequence: u64,
    /// The row's generation when this slot was written: an older row is a rolled-back one.
    pub(crate) floor: u64,
    pub(crate) key: DataKey,
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, sequence, floor, key } = self;
        f.debug_struct("Slot")
            .field("id", id)
            .field("sequence", sequence)
            .field("floor", floor)
            .field("key", key)
            .finish()
    }
}

/// Where a slot stands and whose it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SlotPlace<'a> {
    pub(crate) store: &'a [u8; 16],
    pub(crate) row: &'a RowId,
    pub(crate) cell: u64,
    pub(crate) slot: usize,
}

impl Slot {
    /// A fresh key.
    pub(crate) fn fresh(sequence: u64, floor: u64) -> Result<Self, BackendError> {
        Ok(Self { id: KeyId(crate::random::bytes()?), sequence, floor, key: crate::random::secret()? })
    }

    pub(crate) fn wrap(
        &self,
        wrapping: &SecretBytes<32>,
        place: SlotPlace<'_>,
    ) -> Result<[u8; SLOT_LEN], BackendError> {
        let mut clear = Vec::with_capacity(CLEAR_LEN);
        clear.extend_from_slice(&MAGIC);
        clear.extend_from_slice(&self.id.0);
        clear.extend_from_slice(&self.sequence.to_be_bytes());
        clear.extend_from_slice(&self.floor.to_be_bytes());
        let associated = place.associated(&clear);
        let sealed = seal::seal(wrapping, &clear, &associated, self.key.expose())?;
        let mut bytes = [0; SLOT_LEN];
        bytes.iter_mut().zip(sealed).for_each(|(to, from)| *to = from);
        Ok(bytes)
    }

    /// `None` if the slot is empty, torn, or not of this place.
    pub(crate) fn unwrap(bytes: &[u8; SLOT_LEN], wrapping: &SecretBytes<32>, place: SlotPlace<'_>) -> Option<Self> {
        let (clear, body) = bytes.get(..USED_LEN)?.split_at_checked(CLEAR_LEN)?;
        let (magic, rest) = clear.split_first_chunk::<4>()?;
        let (id, rest) = rest.split_first_chunk::<16>()?;
        let (sequence, rest) = rest.split_first_chunk::<8>()?;
        if *magic != MAGIC {
            return None;
        }
        let key = seal::open(wrapping, &place.associated(clear), body).ok()?;
        Some(Self {
            id: KeyId(*id),
            sequence: u64::from_be_bytes(*sequence),
            floor: u64::from_be_bytes(rest.try_into().ok()?),
            key: SecretBytes::from_prefix(&key)?,
        })
    }

    /// The id a slot claims, whoever it belongs to: for finding keys that are to be erased.
    pub(crate) fn claimed_id(bytes: &[u8; SLOT_LEN]) -> Option<KeyId> {
        let (magic, rest) = bytes.split_first_chunk::<4>()?;
        let (id, _) = rest.split_first_chunk::<16>()?;
        (*magic == MAGIC).then_some(KeyId(*id))
    }
}

impl SlotPlace<'_> {
    fn associated(&self, clear: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(clear.len() + 57);
        bytes.extend_from_slice(clear);
        bytes.extend_from_slice(self.store);
        bytes.extend_from_slice(self.row.as_bytes());
        bytes.extend_from_slice(&self.cell.to_be_bytes());
        bytes.push(u8::from(self.slot != 0));
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_opens_at_its_place_only() {
        let wrapping = SecretBytes::new([1; 32]);
        let row = RowId::from_bytes([2; 32]);
        let place = SlotPlace { store: &[3; 16], row: &row, cell: 4, slot: 1 };
        let slot = Slot::fresh(7, 9).unwrap();
        let bytes = slot.wrap(&wrapping, place).unwrap();
        let read = Slot::unwrap(&bytes, &wrapping, place).unwrap();
        assert_eq!((read.id, read.sequence, read.floor), (slot.id, 7, 9));
        assert_eq!(read.key.expose(), slot.key.expose());
        assert_eq!(Slot::claimed_id(&bytes), Some(slot.id));

        let other = RowId::from_bytes([5; 32]);
        for wrong in [
            SlotPlace { cell: 5, ..place },
            SlotPlace { slot: 0, ..place },
            SlotPlace { row: &other, ..place },
            SlotPlace { store: &[0; 16], ..place },
        ] {
            assert!(Slot::unwrap(&bytes, &wrapping, wrong).is_none());
        }
        for index in 0..USED_LEN {
            let mut flipped = bytes;
            flipped[index] ^= 1;
            assert!(Slot::unwrap(&flipped, &wrapping, place).is_none(), "byte {index}");
        }
    }

    #[test]
    fn debug_shows_no_key() {
        let slot = Slot { id: KeyId([0; 16]), sequence: 1, floor: 2, key: SecretBytes::new([0xab; 32]) };
        assert_eq!(
            format!("{slot:?}"),
            "Slot { id: KeyId([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), sequence: 1, floor: 2, \
             key: SecretBytes<32>(..) }"
        );
    }
}
