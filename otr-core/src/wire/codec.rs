//! Bounded reading and plain writing of the data types of the protocol (section "Data types").

use super::minimal;

/// Why bytes are not the structure they should be. Says nothing about their content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The input ends inside a field.
    #[error("the input ends inside {0}")]
    Truncated(&'static str),
    /// The input goes on behind the last field.
    #[error("{0} bytes stand behind the last field")]
    Trailing(usize),
    /// A length is larger than its cap, or not the one length that the field can have.
    #[error("{field} has a length of {length}")]
    Length {
        /// The field's name in the protocol text.
        field: &'static str,
        /// The length that was read.
        length: usize,
    },
    /// A value that the protocol forbids, for example a group element outside 2..=p-2 or keyid 0.
    #[error("{0} has a forbidden value")]
    Value(&'static str),
    /// A receiver instance tag of 1 to 0xff: addressed to nobody.
    #[error("the receiver instance tag {0} is reserved")]
    ReceiverTag(u32),
    /// A version this crate does not speak.
    #[error("version {0} is not spoken here")]
    Version(u16),
    /// A message type that is unknown.
    #[error("message type 0x{0:02x} is unknown")]
    Type(u8),
}

/// A structure of the wire format.
pub trait Codec: Sized {
    /// Appends the encoding to `writer`.
    fn encode(&self, writer: &mut Writer);

    /// Reads one structure, leaving what stands behind it.
    ///
    /// # Errors
    /// The first fault met.
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError>;

    /// The encoding as bytes.
    fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        self.encode(&mut writer);
        writer.into_bytes()
    }

    /// Reads one structure from the whole of `bytes`.
    ///
    /// # Errors
    /// The first fault met; [`DecodeError::Trailing`] if anything is left.
    fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let value = Self::decode(&mut reader)?;
        reader.finish()?;
        Ok(value)
    }
}

/// A bounded cursor over received bytes. Nothing is allocated before its length was found to be there.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Starts at the first byte.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// How many bytes are left.
    #[must_use]
    pub const fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// What is left.
    #[must_use]
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Takes exactly `length` bytes.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] if they are not there.
    pub fn take(&mut self, length: usize, field: &'static str) -> Result<&'a [u8], DecodeError> {
        let (head, tail) = self.rest.split_at_checked(length).ok_or(DecodeError::Truncated(field))?;
        self.rest = tail;
        Ok(head)
    }

    /// Takes `N` bytes as an array.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`].
    pub fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], DecodeError> {
        let (head, tail) = self.rest.split_first_chunk().ok_or(DecodeError::Truncated(field))?;
        self.rest = tail;
        Ok(*head)
    }

    /// BYTE.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`].
    pub fn byte(&mut self, field: &'static str) -> Result<u8, DecodeError> {
        self.array::<1>(field).map(|[byte]| byte)
    }

    /// SHORT.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`].
    pub fn short(&mut self, field: &'static str) -> Result<u16, DecodeError> {
        self.array(field).map(u16::from_be_bytes)
    }

    /// INT.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`].
    pub fn int(&mut self, field: &'static str) -> Result<u32, DecodeError> {
        self.array(field).map(u32::from_be_bytes)
    }

    /// DATA of at most `cap` bytes, without its length.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`]; [`DecodeError::Length`] above the cap.
    pub fn data(&mut self, cap: usize, field: &'static str) -> Result<&'a [u8], DecodeError> {
        let length = usize::try_from(self.int(field)?).unwrap_or(usize::MAX);
        if length > cap {
            return Err(DecodeError::Length { field, length });
        }
        self.take(length, field)
    }

    /// MPI of at most `cap` value bytes, in minimal form. Leading zeros are forbidden by the text but
    /// accepted by libotr; they are cut here, so that everything later sees one form.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`]; [`DecodeError::Length`] above the cap.
    pub fn mpi(&mut self, cap: usize, field: &'static str) -> Result<&'a [u8], DecodeError> {
        self.data(cap, field).map(minimal)
    }

    /// Checks that everything was consumed.
    ///
    /// # Errors
    /// [`DecodeError::Trailing`] with the number of bytes left.
    pub const fn finish(&self) -> Result<(), DecodeError> {
        match self.rest.len() {
            0 => Ok(()),
            left => Err(DecodeError::Trailing(left)),
        }
    }
}

/// A growing buffer for an encoding.
#[derive(Clone, Debug, Default)]
pub struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// An empty buffer with room for `capacity` bytes.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self { bytes: Vec::with_capacity(capacity) }
    }

    /// What was written.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// What was written so far.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Bytes as they are.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// BYTE.
    pub fn byte(&mut self, value: u8) {
        self.bytes.push(value);
    }

    /// SHORT.
    pub fn short(&mut self, value: u16) {
        self.raw(&value.to_be_bytes());
    }

    /// INT.
    pub fn int(&mut self, value: u32) {
        self.raw(&value.to_be_bytes());
    }

    /// DATA: INT length, then the bytes. Every message is capped far below 4 GiB before it gets here.
    pub fn data(&mut self, bytes: &[u8]) {
        debug_assert!(u32::try_from(bytes.len()).is_ok());
        #[expect(clippy::cast_possible_truncation, reason = "callers cap their data far below 4 GiB")]
        self.int(bytes.len() as u32);
        self.raw(bytes);
    }

    /// DATA that is written in place by `write` and then changed in place by `finish`, without a second buffer.
    pub(crate) fn data_with(&mut self, write: impl FnOnce(&mut Self), finish: impl FnOnce(&mut [u8])) {
        let start = self.bytes.len();
        self.int(0);
        write(self);
        let (_, tail) = self.bytes.split_at_mut(start);
        if let Some((length, data)) = tail.split_first_chunk_mut::<4>() {
            #[expect(clippy::cast_possible_truncation, reason = "callers cap their data far below 4 GiB")]
            let value = data.len() as u32;
            *length = value.to_be_bytes();
            finish(data);
        }
    }

    /// MPI of a big-endian value; leading zeros are cut.
    pub fn mpi(&mut self, value: &[u8]) {
        self.data(minimal(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_of_all_ones_allocates_nothing() {
        let bytes = [0xff, 0xff, 0xff, 0xff, 1, 2, 3];
        let error = Reader::new(&bytes).data(1000, "field").unwrap_err();
        assert_eq!(error, DecodeError::Length { field: "field", length: 0xffff_ffff });
    }

    #[test]
    fn an_mpi_is_read_and_written_minimal() {
        let mut reader = Reader::new(&[0, 0, 0, 3, 0, 0, 7]);
        assert_eq!(reader.mpi(8, "x").unwrap(), [7]);
        let mut writer = Writer::default();
        writer.mpi(&[0, 0]);
        assert_eq!(writer.as_bytes(), [0; 4]);
    }

    #[test]
    fn a_rejected_read_leaves_the_cursor() {
        let mut reader = Reader::new(&[1, 2]);
        assert!(reader.int("x").is_err());
        assert_eq!(reader.remaining(), 2);
    }
}
