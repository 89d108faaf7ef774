//! Transactions of one file or of several.
//!
//! ```text
//! SHA-256 of the rest (32) | "O2FJ" | version (1) | entries: name length (2) | name | present (1) | length (8) | bytes
//! ```

use sha2::{Digest, Sha256};

use crate::error::{BackendError, OpenError};
use crate::media::Media;

/// Files to be replaced, or removed if `None`.
pub(super) type Writes = Vec<(String, Option<Vec<u8>>)>;

pub(super) const NAME: &str = "rows/journal";
const DIRECTORY: &str = "rows";
const NEW: &str = "rows/new";
const MAGIC: [u8; 5] = *b"O2FJ\x01";
const ACTION: &str = "writing rows";

/// Carries out all writes or none; durable on return.
pub(super) fn apply(media: &dyn Media, writes: &Writes) -> Result<(), BackendError> {
    match writes.as_slice() {
        [] => Ok(()),
        [only] => carry_out(media, core::slice::from_ref(only)),
        several => {
            carry_out(media, &[(NAME.to_owned(), Some(encode(several)))])?;
            carry_out(media, several)?;
            remove(media)
        }
    }
}

/// Completes the transaction that a crash interrupted, if there is one.
pub(super) fn complete(media: &dyn Media) -> Result<(), OpenError> {
    let Some(bytes) = media.read(NAME).map_err(BackendError::io("reading the journal"))? else { return Ok(()) };
    let writes = decode(&bytes).ok_or(OpenError::Damaged { file: NAME })?;
    carry_out(media, &writes)?;
    Ok(remove(media)?)
}

fn carry_out(media: &dyn Media, writes: &[(String, Option<Vec<u8>>)]) -> Result<(), BackendError> {
    let failed = BackendError::io(ACTION);
    for (name, bytes) in writes {
        match bytes {
            Some(bytes) => media.write_new(NEW, bytes).and_then(|()| media.rename(NEW, name)).map_err(&failed)?,
            None => media.remove(name).map_err(&failed)?,
        }
    }
    media.sync_names(DIRECTORY).map_err(failed)
}

/// Need not be durable at once: the next transaction synchronises the directory before it is acknowledged, and
/// carrying out this journal once more before that only takes back what nobody was told of.
fn remove(media: &dyn Media) -> Result<(), BackendError> {
    media.remove(NAME).map_err(BackendError::io(ACTION))
}

fn encode(writes: &[(String, Option<Vec<u8>>)]) -> Vec<u8> {
    let mut body = MAGIC.to_vec();
    for (name, bytes) in writes {
        body.extend_from_slice(&u16::try_from(name.len()).unwrap_or(u16::MAX).to_be_bytes());
        body.extend_from_slice(name.as_bytes());
        body.push(u8::from(bytes.is_some()));
        let bytes = bytes.as_deref().unwrap_or_default();
        body.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
        body.extend_from_slice(bytes);
    }
    [Sha256::digest(&body).as_slice(), &body].concat()
}

fn decode(bytes: &[u8]) -> Option<Writes> {
    let (hash, body) = bytes.split_first_chunk::<32>()?;
    if *hash != Into::<[u8; 32]>::into(Sha256::digest(body)) {
        return None;
    }
    let mut rest = body.strip_prefix(&MAGIC)?;
    let mut writes = Writes::new();
    while !rest.is_empty() {
        let (len, after) = rest.split_first_chunk::<2>()?;
        let (name, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*len)))?;
        let (present, after) = after.split_first()?;
        let (len, after) = after.split_first_chunk::<8>()?;
        let (bytes, after) = after.split_at_checked(usize::try_from(u64::from_be_bytes(*len)).ok()?)?;
        let name = String::from_utf8(name.to_vec()).ok()?;
        // A journal put there by somebody else must not reach beyond the directory of the rows.
        if name.strip_prefix("rows/").is_none_or(|file| file.contains(['/', '\\']) || file == "..") {
            return None;
        }
        writes.push((name, (*present == 1).then(|| bytes.to_vec())));
        rest = after;
    }
    Some(writes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::{Aftermath, Fault, Simulated};

    fn writes() -> Writes {
        vec![
            ("rows/a".to_owned(), Some(b"new a".to_vec())),
            ("rows/b".to_owned(), None),
            ("rows/c".to_owned(), Some(Vec::new())),
        ]
    }

    #[test]
    fn a_journal_reads_back_whole_or_not_at_all() {
        let bytes = encode(&writes());
        assert_eq!(decode(&bytes), Some(writes()));
        for index in 0..bytes.len() {
            assert_eq!(decode(&bytes[..index]), None);
        }
        for outside in ["rows/../lock", "/etc/passwd", "rows/..", "cells"] {
            assert_eq!(decode(&encode(&[(outside.to_owned(), None)])), None, "{outside}");
        }
    }

    #[test]
    fn several_files_change_together_wherever_it_crashes() {
        let prepare = || {
            let media = Simulated::new();
            apply(&media, &vec![("rows/a".to_owned(), Some(b"old a".to_vec()))]).unwrap();
            apply(&media, &vec![("rows/b".to_owned(), Some(b"old b".to_vec()))]).unwrap();
            media.set_fault(None);
            media
        };
        let counted = prepare();
        apply(&counted, &writes()).unwrap();
        let operations = counted.operations();
        let mut seen = [0, 0];
        for at in 1..=operations {
            for aftermath in [Aftermath::Killed, Aftermath::PowerCut, Aftermath::Mixed(at), Aftermath::Mixed(at + 999)]
            {
                let media = prepare();
                media.set_fault(Some(Fault::Crash(at)));
                assert!(apply(&media, &writes()).is_err());
                let media = media.after_crash(aftermath);
                complete(&media).unwrap();
                let found = ["rows/a", "rows/b", "rows/c"].map(|name| media.bytes(name));
                let old = [Some(b"old a".to_vec()), Some(b"old b".to_vec()), None];
                let new = [Some(b"new a".to_vec()), None, Some(Vec::new())];
                assert!(found == old || found == new, "operation {at}, {aftermath:?}: {found:?}");
                seen[usize::from(found == new)] += 1;
                assert_eq!(media.bytes(NAME), None);
            }
        }
        assert!(seen[0] > 0 && seen[1] > 0);
    }
}
