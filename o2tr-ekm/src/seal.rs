//! Sealing of rows and sub-rows: XChaCha20-Poly1305, bound to the place where they stand.
//!
//! A sealed row, all numbers big-endian:
//!
//! ```text
//! magic "O2SR" | version (1) | cell (8) | lineage (8) | data key id (16) | nonce (24) | ciphertext | tag (16)
//! ```
//!
//! Associated data: everything before the ciphertext, the store id, the row id, the generation. The plaintext is the
//! row's name, the record's length, the record, and zeros up to a bucket, so that a length tells little. The codec's
//! envelope ([`crate::codec`]) is part of the record: in clear its length field would undo the padding.
//!
//! A sealed sub-row is `magic "O2SS" | version (1) | nonce (24) | ciphertext | tag (16)` under its own key, bound to
//! store, row and number.

use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::{KeyInit, Tag, XChaCha20Poly1305, XNonce};
use otr_core::SecretBytes;
use zeroize::Zeroizing;

use crate::error::{BackendError, UnsealReason};
use crate::random;
use crate::row::{RowId, RowName, SubRowId, SubRowKey};

/// The largest record in a row (bytes).
pub const MAX_RECORD: usize = 8 << 20;

/// The largest text in a sub-row (bytes).
pub const MAX_SUB_ROW: usize = 16 << 20;

pub(crate) const NONCE_LEN: usize = 24;
pub(crate) const TAG_LEN: usize = 16;

/// A data key: seals one conversation's rows until a secret is retired.
pub(crate) type DataKey = SecretBytes<32>;

/// Names a data key without telling anything about it; random, never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct KeyId(pub(crate) [u8; 16]);

/// What stands in clear before a sealed row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RowHeader {
    /// The key cell of the row.
    pub(crate) cell: u64,
    /// The lineage of the store in which the row was last vouched for; 0: never.
    pub(crate) lineage: u64,
    /// The data key the row is sealed under.
    pub(crate) key: KeyId,
}

/// Where a row stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) store: &'a [u8; 16],
    pub(crate) row: &'a RowId,
    pub(crate) generation: u64,
}

/// A row as it was before sealing.
pub(crate) struct OpenedRow {
    pub(crate) name: RowName,
    pub(crate) record: Zeroizing<Vec<u8>>,
}

const ROW_MAGIC: [u8; 4] = *b"O2SR";
const SUB_MAGIC: [u8; 4] = *b"O2SS";
const VERSION: u8 = 1;
const ROW_HEADER_LEN: usize = 4 + 1 + 8 + 8 + 16;
const SUB_HEADER_LEN: usize = 4 + 1;

impl RowHeader {
    fn to_bytes(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(ROW_HEADER_LEN);
        bytes.extend_from_slice(&ROW_MAGIC);
        bytes.push(VERSION);
        bytes.extend_from_slice(&self.cell.to_be_bytes());
        bytes.extend_from_slice(&self.lineage.to_be_bytes());
        bytes.extend_from_slice(&self.key.0);
        bytes
    }

    /// Reads what stands in clear; nothing of it is to be trusted before [`open_row`] has succeeded.
    pub(crate) fn parse(sealed: &[u8]) -> Result<Self, UnsealReason> {
        let (head, rest) = sealed.split_first_chunk::<5>().ok_or(UnsealReason::Damaged)?;
        let [m0, m1, m2, m3, version] = *head;
        if [m0, m1, m2, m3] != ROW_MAGIC {
            return Err(UnsealReason::Damaged);
        }
        if version != VERSION {
            return Err(UnsealReason::UnknownFormat);
        }
        let (cell, rest) = rest.split_first_chunk::<8>().ok_or(UnsealReason::Damaged)?;
        let (lineage, rest) = rest.split_first_chunk::<8>().ok_or(UnsealReason::Damaged)?;
        let (key, _) = rest.split_first_chunk::<16>().ok_or(UnsealReason::Damaged)?;
        Ok(Self { cell: u64::from_be_bytes(*cell), lineage: u64::from_be_bytes(*lineage), key: KeyId(*key) })
    }
}

/// Seals a row.
pub(crate) fn seal_row(
    key: &DataKey,
    header: RowHeader,
    place: Place<'_>,
    name: &RowName,
    record: &[u8],
) -> Result<Vec<u8>, BackendError> {
    let head = header.to_bytes();
    let content = name.written_len() + 4 + record.len();
    seal_with(key, &head, &place.associated(&head), bucket(content), |plain| {
        name.write_to(plain);
        plain.extend_from_slice(&u32::try_from(record.len()).unwrap_or(u32::MAX).to_be_bytes());
        plain.extend_from_slice(record);
    })
}

/// Opens a row that [`seal_row`] made at this very place.
pub(crate) fn open_row(key: &DataKey, place: Place<'_>, sealed: &[u8]) -> Result<OpenedRow, UnsealReason> {
    RowHeader::parse(sealed)?;
    let (head, body) = sealed.split_at_checked(ROW_HEADER_LEN).ok_or(UnsealReason::Damaged)?;
    let plain = open(key, &place.associated(head), body)?;
    let (name, rest) = RowName::read_from(&plain).ok_or(UnsealReason::Damaged)?;
    let (len, rest) = rest.split_first_chunk::<4>().ok_or(UnsealReason::Damaged)?;
    let len = usize::try_from(u32::from_be_bytes(*len)).map_err(|_| UnsealReason::Damaged)?;
    let record = rest.get(..len).ok_or(UnsealReason::Damaged)?;
    Ok(OpenedRow { name, record: Zeroizing::new(record.to_vec()) })
}

/// Seals a sub-row.
pub(crate) fn seal_sub(
    key: &SubRowKey,
    store: &[u8; 16],
    row: &RowId,
    sub: SubRowId,
    text: &[u8],
) -> Result<Vec<u8>, BackendError> {
    let mut head = SUB_MAGIC.to_vec();
    head.push(VERSION);
    let content = 4 + text.len();
    seal_with(key, &head, &sub_associated(&head, store, row, sub), bucket(content), |plain| {
        plain.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes());
        plain.extend_from_slice(text);
    })
}

/// Opens a sub-row that [`seal_sub`] made.
pub(crate) fn open_sub(
    key: &SubRowKey,
    store: &[u8; 16],
    row: &RowId,
    sub: SubRowId,
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, UnsealReason> {
    let (head, body) = sealed.split_at_checked(SUB_HEADER_LEN).ok_or(UnsealReason::Damaged)?;
    let plain = open(key, &sub_associated(head, store, row, sub), body)?;
    let (len, rest) = plain.split_first_chunk::<4>().ok_or(UnsealReason::Damaged)?;
    let len = usize::try_from(u32::from_be_bytes(*len)).map_err(|_| UnsealReason::Damaged)?;
    Ok(Zeroizing::new(rest.get(..len).ok_or(UnsealReason::Damaged)?.to_vec()))
}

/// `head | nonce | ciphertext | tag` of a plaintext. Also used for the cells' own bindings.
pub(crate) fn seal(
    key: &SecretBytes<32>,
    head: &[u8],
    associated: &[u8],
    plain: &[u8],
) -> Result<Vec<u8>, BackendError> {
    seal_with(key, head, associated, plain.len(), |out| out.extend_from_slice(plain))
}

/// As [`seal`], of `len` bytes that `write` appends, or fewer and zeros: they are written where the ciphertext will
/// stand, so that no copy in clear is left to wipe.
fn seal_with(
    key: &SecretBytes<32>,
    head: &[u8],
    associated: &[u8],
    len: usize,
    write: impl FnOnce(&mut Vec<u8>),
) -> Result<Vec<u8>, BackendError> {
    let nonce: [u8; NONCE_LEN] = random::bytes()?;
    // It never grows: a growing `Vec` leaves unwiped copies behind.
    let mut sealed = Vec::with_capacity(head.len() + NONCE_LEN + len + TAG_LEN);
    sealed.extend_from_slice(head);
    sealed.extend_from_slice(&nonce);
    write(&mut sealed);
    sealed.resize(head.len() + NONCE_LEN + len, 0);
    let (_, plain) = sealed.split_at_mut(head.len() + NONCE_LEN);
    match cipher(key).encrypt_inout_detached(&XNonce::from(nonce), associated, plain.into()) {
        Ok(tag) => sealed.extend_from_slice(&tag),
        // The only failure is a message beyond 256 GiB.
        Err(_) => {
            otr_core::wipe(&mut sealed);
            return Err(BackendError::Damaged { what: "a plaintext too long to seal" });
        }
    }
    Ok(sealed)
}

/// Opens `nonce | ciphertext | tag`.
pub(crate) fn open(key: &SecretBytes<32>, associated: &[u8], body: &[u8]) -> Result<Zeroizing<Vec<u8>>, UnsealReason> {
    let (nonce, rest) = body.split_first_chunk::<NONCE_LEN>().ok_or(UnsealReason::Damaged)?;
    let (ciphertext, tag) = rest.split_last_chunk::<TAG_LEN>().ok_or(UnsealReason::Damaged)?;
    let mut plain = Zeroizing::new(ciphertext.to_vec());
    cipher(key)
        .decrypt_inout_detached(&XNonce::from(*nonce), associated, plain.as_mut_slice().into(), &Tag::from(*tag))
        .map_err(|_| UnsealReason::Damaged)?;
    Ok(plain)
}

impl Place<'_> {
    fn associated(&self, head: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(head.len() + 56);
        bytes.extend_from_slice(head);
        bytes.extend_from_slice(self.store);
        bytes.extend_from_slice(self.row.as_bytes());
        bytes.extend_from_slice(&self.generation.to_be_bytes());
        bytes
    }
}

fn sub_associated(head: &[u8], store: &[u8; 16], row: &RowId, sub: SubRowId) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(head.len() + 56);
    bytes.extend_from_slice(head);
    bytes.extend_from_slice(store);
    bytes.extend_from_slice(row.as_bytes());
    bytes.extend_from_slice(&sub.0.to_be_bytes());
    bytes
}

fn cipher(key: &SecretBytes<32>) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(key.expose().into())
}

/// The padded length of `len` bytes: multiples of 256, and from 8 KiB on of a sixteenth of the next power of two,
/// which adds at most an eighth.
const fn bucket(len: usize) -> usize {
    let step = len.next_power_of_two() / 16;
    len.next_multiple_of(if step < 256 { 256 } else { step })
}

#[cfg(test)]
mod tests {
    use super::*;

    const STORE: [u8; 16] = [1; 16];
    const HEADER: RowHeader = RowHeader { cell: 3, lineage: 1, key: KeyId([9; 16]) };

    fn sealed(record: &[u8]) -> (DataKey, RowId, RowName, Vec<u8>) {
        let key = SecretBytes::new([5; 32]);
        let name = RowName::conversation(b"me", b"ada");
        let row = RowId::of(&name, &SecretBytes::new([6; 32]));
        let place = Place { store: &STORE, row: &row, generation: 4 };
        let bytes = seal_row(&key, HEADER, place, &name, record).unwrap();
        (key, row, name, bytes)
    }

    #[test]
    fn a_row_opens_at_its_place_only() {
        let (key, row, name, bytes) = sealed(b"record");
        let place = Place { store: &STORE, row: &row, generation: 4 };
        let opened = open_row(&key, place, &bytes).unwrap();
        assert_eq!((opened.name, opened.record.as_slice()), (name, b"record".as_slice()));
        assert_eq!(RowHeader::parse(&bytes).unwrap(), HEADER);

        let other_row = RowId::from_bytes([0; 32]);
        for wrong in
            [Place { generation: 5, ..place }, Place { store: &[2; 16], ..place }, Place { row: &other_row, ..place }]
        {
            assert_eq!(open_row(&key, wrong, &bytes).err(), Some(UnsealReason::Damaged));
        }
        assert!(open_row(&SecretBytes::new([4; 32]), place, &bytes).is_err());
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let (key, row, _, bytes) = sealed(b"record");
        let place = Place { store: &STORE, row: &row, generation: 4 };
        for index in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[index] ^= 1 << (index % 8);
            assert!(open_row(&key, place, &flipped).is_err(), "byte {index}");
            assert!(open_row(&key, place, &bytes[..index]).is_err(), "cut at {index}");
        }
    }

    #[test]
    fn lengths_fall_into_buckets() {
        assert_eq!(bucket(0), 0);
        assert_eq!(bucket(1), 256);
        assert_eq!(bucket(256), 256);
        assert_eq!(bucket(1090), 1280);
        assert_eq!(bucket(5000), 5120);
        assert_eq!(bucket(10_000), 10_240);
        for len in 1..100_000 {
            assert!(bucket(len) >= len && bucket(len) - len <= (len / 8).max(255), "{len}");
        }
        let (_, _, _, one) = sealed(b"1");
        let (_, _, _, hundred) = sealed(&[7; 100]);
        assert_eq!(one.len(), hundred.len());
    }

    #[test]
    fn a_sub_row_opens_under_its_number_only() {
        let key = SecretBytes::new([5; 32]);
        let row = RowId::from_bytes([3; 32]);
        let bytes = seal_sub(&key, &STORE, &row, SubRowId(1), b"text").unwrap();
        assert_eq!(open_sub(&key, &STORE, &row, SubRowId(1), &bytes).unwrap().as_slice(), b"text");
        assert!(open_sub(&key, &STORE, &row, SubRowId(2), &bytes).is_err());
        assert!(open_sub(&key, &STORE, &RowId::from_bytes([4; 32]), SubRowId(1), &bytes).is_err());
    }
}
