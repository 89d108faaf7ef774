//! The twelve bytes before every encoded record.

use super::CodecError;

/// Bytes of an envelope.
pub const ENVELOPE_LEN: usize = 12;

const MAGIC: [u8; 4] = *b"O2TR";
const VERSION: u8 = 1;
/// bincode 2, standard configuration (variable-length integers, little-endian), through serde.
const BINCODE_2: u8 = 1;

/// What stands before a body: which schema it has and how long it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Envelope {
    /// The schema version of the body.
    pub schema: u16,
    len: u32,
}

impl Envelope {
    pub(super) fn new(schema: u16, len: usize) -> Result<Self, CodecError> {
        let too_large = CodecError::TooLarge { len, limit: super::MAX_LIMIT };
        Ok(Self { schema, len: u32::try_from(len).map_err(|_| too_large)? })
    }

    /// The envelope as it is stored, before the body.
    #[must_use]
    pub fn to_bytes(self) -> [u8; ENVELOPE_LEN] {
        let [schema_0, schema_1] = self.schema.to_be_bytes();
        let [len_0, len_1, len_2, len_3] = self.len.to_be_bytes();
        let [magic_0, magic_1, magic_2, magic_3] = MAGIC;
        [magic_0, magic_1, magic_2, magic_3, VERSION, BINCODE_2, schema_0, schema_1, len_0, len_1, len_2, len_3]
    }

    /// Takes an encoded record apart into its envelope and the body.
    ///
    /// # Errors
    ///
    /// [`CodecError::Magic`], [`CodecError::UnknownEnvelope`], or [`CodecError::Length`] unless the body is exactly
    /// as long as the envelope says.
    pub fn split(bytes: &[u8]) -> Result<(Self, &[u8]), CodecError> {
        let Some((head, body)) = bytes.split_first_chunk::<ENVELOPE_LEN>() else {
            return Err(CodecError::Magic);
        };
        let [m0, m1, m2, m3, envelope, codec, s0, s1, l0, l1, l2, l3] = *head;
        if [m0, m1, m2, m3] != MAGIC {
            return Err(CodecError::Magic);
        }
        if envelope != VERSION || codec != BINCODE_2 {
            return Err(CodecError::UnknownEnvelope { envelope, codec });
        }
        let parsed = Self { schema: u16::from_be_bytes([s0, s1]), len: u32::from_be_bytes([l0, l1, l2, l3]) };
        match usize::try_from(parsed.len) {
            Ok(len) if len == body.len() => Ok((parsed, body)),
            stated => Err(CodecError::Length { stated: stated.unwrap_or(usize::MAX), found: body.len() }),
        }
    }
}
