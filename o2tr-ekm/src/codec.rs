//! Typed records to bytes and back: the only place that knows bincode.
//!
//! ```text
//! magic "O2TR" | envelope version (1) | codec id (1) | schema version (2, BE) | body length (4, BE) | body
//! ```
//!
//! bincode alone accepts trailing bytes and believes lengths it reads, so every decode here is bounded by the
//! type's limit and has to consume its input to the last byte. What fails says which check failed and shows no content.

mod envelope;

use std::io;

use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

pub use self::envelope::{ENVELOPE_LEN, Envelope};

/// A type that is stored: one struct per schema version.
///
/// A change of layout is a new struct with the next number; the newest one knows how to read its predecessors
/// ([`migrate`](Record::migrate)). Golden files keep each number honest.
pub trait Record: Serialize + DeserializeOwned {
    /// The number of this layout; it never comes back for another one.
    const SCHEMA: u16;

    /// The largest encoded body in bytes, for writing and for reading; at most [`MAX_LIMIT`].
    const LIMIT: usize;

    /// Reads the body of another schema version, usually by [`decode_body`] of the older struct and a conversion.
    ///
    /// # Errors
    ///
    /// [`CodecError::UnknownSchema`] for a version that this program cannot read: the default knows no other.
    fn migrate(schema: u16, body: &[u8]) -> Result<Self, CodecError> {
        let _ = body;
        Err(CodecError::UnknownSchema { found: schema, newest: Self::SCHEMA })
    }
}

/// No record may ask for a higher limit (bytes): it bounds what a corrupt length can make us allocate.
pub const MAX_LIMIT: usize = 8 << 20;

/// Why a record was not encoded or decoded. Holds sizes and versions, never content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CodecError {
    /// The bytes do not begin with the magic: not one of our records.
    #[error("not an O2TR record")]
    Magic,
    /// An envelope or codec of another kind than this program knows.
    #[error("envelope version {envelope}, codec {codec}: not known to this program")]
    UnknownEnvelope {
        /// Envelope version found.
        envelope: u8,
        /// Codec id found.
        codec: u8,
    },
    /// A schema version without a migration: written by a newer program, or too old.
    #[error("schema version {found}: this program reads up to {newest}")]
    UnknownSchema {
        /// Schema version found.
        found: u16,
        /// The newest version this program knows.
        newest: u16,
    },
    /// The body is shorter or longer than the envelope says.
    #[error("{found} bytes of body where the envelope says {stated}")]
    Length {
        /// Bytes stated in the envelope.
        stated: usize,
        /// Bytes present.
        found: usize,
    },
    /// Larger than the type allows.
    #[error("{len} bytes: the limit is {limit}")]
    TooLarge {
        /// Bytes of the body.
        len: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// The body is not what the schema says.
    #[error("malformed body")]
    Malformed,
    /// The value has no encoding (a map without a length, a failing `Serialize`).
    #[error("a value that cannot be encoded")]
    Unencodable,
}

/// Encodes a record: envelope and body in one buffer, which is allocated once and wiped on drop.
///
/// # Errors
///
/// [`CodecError::TooLarge`] above `T::LIMIT`, [`CodecError::Unencodable`] for types bincode cannot write.
pub fn encode<T: Record>(record: &T) -> Result<Zeroizing<Vec<u8>>, CodecError> {
    let limit = T::LIMIT.min(MAX_LIMIT);
    // A first pass counts, so that the buffer never grows: a growing `Vec` leaves unwiped copies behind.
    let mut counter = Counter(0);
    bincode::serde::encode_into_std_write(record, &mut counter, bincode::config::standard())
        .map_err(|_| CodecError::Unencodable)?;
    let len = counter.0;
    if len > limit {
        return Err(CodecError::TooLarge { len, limit });
    }
    let mut bytes = Zeroizing::new(vec![0; ENVELOPE_LEN + len]);
    let (head, body) = bytes.split_at_mut(ENVELOPE_LEN);
    head.copy_from_slice(&Envelope::new(T::SCHEMA, len)?.to_bytes());
    let written = bincode::serde::encode_into_slice(record, body, bincode::config::standard())
        .map_err(|_| CodecError::Unencodable)?;
    if written == len { Ok(bytes) } else { Err(CodecError::Unencodable) }
}

/// Decodes a record of the newest schema, or of an older one through [`Record::migrate`].
///
/// # Errors
///
/// Every fault has its own variant; nothing is returned unless all of `bytes` was consumed.
pub fn decode<T: Record>(bytes: &[u8]) -> Result<T, CodecError> {
    let (envelope, body) = Envelope::split(bytes)?;
    let limit = T::LIMIT.min(MAX_LIMIT);
    if body.len() > limit {
        return Err(CodecError::TooLarge { len: body.len(), limit });
    }
    if envelope.schema == T::SCHEMA { decode_body(body) } else { T::migrate(envelope.schema, body) }
}

/// Decodes a body without its envelope: for migrations.
///
/// # Errors
///
/// [`CodecError::TooLarge`], or [`CodecError::Malformed`] also when bytes are left over.
pub fn decode_body<T: Record>(body: &[u8]) -> Result<T, CodecError> {
    let limit = T::LIMIT.min(MAX_LIMIT);
    if body.len() > limit {
        return Err(CodecError::TooLarge { len: body.len(), limit });
    }
    // bincode wants its limit at compile time: the smallest class that holds the type's own.
    let decoded = match limit {
        0..=0x1_0000 => bincode::serde::decode_from_slice(body, bincode::config::standard().with_limit::<0x1_0000>()),
        0x1_0001..=0x10_0000 => {
            bincode::serde::decode_from_slice(body, bincode::config::standard().with_limit::<0x10_0000>())
        }
        _ => bincode::serde::decode_from_slice(body, bincode::config::standard().with_limit::<MAX_LIMIT>()),
    };
    match decoded {
        Ok((record, consumed)) if consumed == body.len() => Ok(record),
        Ok(_) | Err(_) => Err(CodecError::Malformed),
    }
}

/// Counts what is written and keeps none of it.
struct Counter(usize);

impl io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.saturating_add(bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Serialize, Deserialize, PartialEq)]
    struct First {
        name: String,
    }

    impl Record for First {
        const SCHEMA: u16 = 1;
        const LIMIT: usize = 64;
    }

    #[derive(Debug, Serialize, Deserialize, PartialEq)]
    struct Second {
        name: String,
        counters: Vec<u64>,
    }

    impl Record for Second {
        const SCHEMA: u16 = 2;
        const LIMIT: usize = 4096;

        fn migrate(schema: u16, body: &[u8]) -> Result<Self, CodecError> {
            match schema {
                First::SCHEMA => Ok(Self { name: decode_body::<First>(body)?.name, counters: Vec::new() }),
                found => Err(CodecError::UnknownSchema { found, newest: Self::SCHEMA }),
            }
        }
    }

    fn sample() -> Second {
        Second { name: "ada".into(), counters: vec![1, 300] }
    }

    #[test]
    fn the_layout_is_pinned() {
        let bytes = encode(&sample()).unwrap();
        assert_eq!(hex::encode(&*bytes), "4f3254520101000200000009036164610201fb2c01");
        assert_eq!(decode::<Second>(&bytes).unwrap(), sample());
    }

    #[test]
    fn an_older_schema_is_migrated_and_an_unknown_one_named() {
        let old = encode(&First { name: "ada".into() }).unwrap();
        assert_eq!(decode::<Second>(&old).unwrap(), Second { name: "ada".into(), counters: vec![] });
        let new = encode(&sample()).unwrap();
        assert_eq!(decode::<First>(&new).unwrap_err(), CodecError::UnknownSchema { found: 2, newest: 1 });
    }

    #[test]
    fn trailing_and_missing_bytes_are_refused() {
        let bytes = encode(&sample()).unwrap();
        let mut longer = bytes.to_vec();
        longer.push(0);
        assert_eq!(decode::<Second>(&longer).unwrap_err(), CodecError::Length { stated: 9, found: 10 });
        // The same with an envelope that states the surplus: bincode alone would accept it.
        longer[11] += 1;
        assert_eq!(decode::<Second>(&longer).unwrap_err(), CodecError::Malformed);
        for len in 0..bytes.len() {
            assert!(decode::<Second>(&bytes[..len]).is_err(), "{len} bytes");
        }
    }

    #[test]
    fn a_corrupt_length_allocates_nothing() {
        let body = [0xfd, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
        assert_eq!(decode_body::<Second>(&body).unwrap_err(), CodecError::Malformed);
    }

    #[test]
    fn limits_hold_both_ways() {
        let long = First { name: "x".repeat(65) };
        assert_eq!(encode(&long).unwrap_err(), CodecError::TooLarge { len: 66, limit: 64 });
        assert_eq!(decode_body::<First>(&[0; 65]).unwrap_err(), CodecError::TooLarge { len: 65, limit: 64 });
    }

    proptest! {
        #[test]
        fn what_was_encoded_decodes(name in ".{0,100}", counters in proptest::collection::vec(any::<u64>(), 0..50)) {
            let record = Second { name, counters };
            prop_assert_eq!(decode::<Second>(&encode(&record).unwrap()).unwrap(), record);
        }

        #[test]
        fn no_input_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode::<Second>(&bytes);
            let _ = decode_body::<Second>(&bytes);
        }
    }
}
