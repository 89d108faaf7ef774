//! The messages, parsed from TLV values and written to them.
//!
//! A payload is INT count, then `count` MPIs; bytes behind the last MPI are ignored, as libotr does.

use core::fmt;

use super::{EqualLogs, KnowsCoordinates, KnowsLog, MAX_QUESTION_LEN};
use crate::group::GroupElement;
use crate::limits::MAX_SMP_MPIS;
use crate::wire::{Codec, DecodeError, Reader, Writer};

/// Which message; the number is that of the TLV.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum SmpKind {
    /// Message 1 without a question.
    One = 2,
    /// Message 2.
    Two = 3,
    /// Message 3.
    Three = 4,
    /// Message 4.
    Four = 5,
    /// The end of a run.
    Abort = 6,
    /// Message 1 with a question.
    OneWithQuestion = 7,
}

impl SmpKind {
    /// The kind that a TLV type stands for; `None` if it is none of SMP's.
    #[must_use]
    pub const fn from_tlv_type(tlv_type: u16) -> Option<Self> {
        match tlv_type {
            2 => Some(Self::One),
            3 => Some(Self::Two),
            4 => Some(Self::Three),
            5 => Some(Self::Four),
            6 => Some(Self::Abort),
            7 => Some(Self::OneWithQuestion),
            _ => None,
        }
    }

    /// The TLV type.
    #[must_use]
    pub const fn tlv_type(self) -> u16 {
        self as u16
    }
}

impl fmt::Display for SmpKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::One => "1",
            Self::OneWithQuestion => "1Q",
            Self::Two => "2",
            Self::Three => "3",
            Self::Four => "4",
            Self::Abort => "abort",
        })
    }
}

/// A message of SMP, every value in its range. Whether the proofs hold is the receiver's to check.
#[derive(Clone, PartialEq, Eq)]
pub enum SmpMessage {
    /// The initiator starts.
    One {
        /// What the user is asked; no zero byte, at most [`MAX_QUESTION_LEN`] bytes. May be empty.
        question: Option<Vec<u8>>,
        /// The values.
        body: Box<Message1>,
    },
    /// The responder answers.
    Two(Box<Message2>),
    /// The initiator goes on.
    Three(Box<Message3>),
    /// The responder ends.
    Four(Box<Message4>),
    /// Either side breaks off.
    Abort,
}

/// Message 1. Wire: g2a c2 D2 g3a c3 D3; 860 bytes at full length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message1 {
    /// g2a.
    pub g2a: GroupElement,
    /// c2, D2.
    pub g2a_proof: KnowsLog,
    /// g3a.
    pub g3a: GroupElement,
    /// c3, D3.
    pub g3a_proof: KnowsLog,
}

/// Message 2. Wire: g2b c2 D2 g3b c3 D3 Pb Qb cP D5 D6; 1680 bytes at full length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message2 {
    /// g2b.
    pub g2b: GroupElement,
    /// c2, D2.
    pub g2b_proof: KnowsLog,
    /// g3b.
    pub g3b: GroupElement,
    /// c3, D3.
    pub g3b_proof: KnowsLog,
    /// Pb.
    pub pb: GroupElement,
    /// Qb.
    pub qb: GroupElement,
    /// cP, D5, D6.
    pub coordinates_proof: KnowsCoordinates,
}

/// Message 3. Wire: Pa Qa cP D5 D6 Ra cR D7; 1252 bytes at full length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message3 {
    /// Pa.
    pub pa: GroupElement,
    /// Qa.
    pub qa: GroupElement,
    /// cP, D5, D6.
    pub coordinates_proof: KnowsCoordinates,
    /// Ra.
    pub ra: GroupElement,
    /// cR, D7.
    pub ra_proof: EqualLogs,
}

/// Message 4. Wire: Rb cR D7; 432 bytes at full length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message4 {
    /// Rb.
    pub rb: GroupElement,
    /// cR, D7.
    pub rb_proof: EqualLogs,
}

impl SmpMessage {
    /// Which message this is, and with that its TLV type.
    #[must_use]
    pub const fn kind(&self) -> SmpKind {
        match self {
            Self::One { question: None, .. } => SmpKind::One,
            Self::One { question: Some(_), .. } => SmpKind::OneWithQuestion,
            Self::Two(_) => SmpKind::Two,
            Self::Three(_) => SmpKind::Three,
            Self::Four(_) => SmpKind::Four,
            Self::Abort => SmpKind::Abort,
        }
    }

    /// The TLV value. Its type is that of [`kind`](SmpMessage::kind).
    #[must_use]
    pub fn encode_value(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        match self {
            Self::One { question, body } => {
                if let Some(question) = question {
                    writer.raw(question);
                    writer.byte(0);
                }
                body.encode(&mut writer);
            }
            Self::Two(body) => body.encode(&mut writer),
            Self::Three(body) => body.encode(&mut writer),
            Self::Four(body) => body.encode(&mut writer),
            Self::Abort => {}
        }
        writer.into_bytes()
    }

    /// Reads the value of a TLV. A question ends at the first zero byte. The value of an abort is ignored.
    ///
    /// # Errors
    /// A wrong count, a value out of its range, a field cut short, a question that is too long or without an
    /// end.
    pub fn decode(kind: SmpKind, value: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(value);
        Ok(match kind {
            SmpKind::One => Self::One { question: None, body: Box::new(Message1::decode(&mut reader)?) },
            SmpKind::OneWithQuestion => {
                let question = question(&mut reader)?;
                Self::One { question: Some(question), body: Box::new(Message1::decode(&mut reader)?) }
            }
            SmpKind::Two => Self::Two(Box::new(Message2::decode(&mut reader)?)),
            SmpKind::Three => Self::Three(Box::new(Message3::decode(&mut reader)?)),
            SmpKind::Four => Self::Four(Box::new(Message4::decode(&mut reader)?)),
            SmpKind::Abort => Self::Abort,
        })
    }
}

/// Shows the kind and the length of a question.
impl fmt::Debug for SmpMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SmpMessage({}", self.kind())?;
        if let Self::One { question: Some(question), .. } = self {
            write!(f, ", question of {} bytes", question.len())?;
        }
        f.write_str(")")
    }
}

impl Codec for Message1 {
    fn encode(&self, writer: &mut Writer) {
        let Self { g2a, g2a_proof, g3a, g3a_proof } = self;
        writer.int(6);
        g2a.encode(writer);
        g2a_proof.encode(writer);
        g3a.encode(writer);
        g3a_proof.encode(writer);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        count(reader, 6)?;
        Ok(Self {
            g2a: Codec::decode(reader)?,
            g2a_proof: Codec::decode(reader)?,
            g3a: Codec::decode(reader)?,
            g3a_proof: Codec::decode(reader)?,
        })
    }
}

impl Codec for Message2 {
    fn encode(&self, writer: &mut Writer) {
        let Self { g2b, g2b_proof, g3b, g3b_proof, pb, qb, coordinates_proof } = self;
        writer.int(11);
        g2b.encode(writer);
        g2b_proof.encode(writer);
        g3b.encode(writer);
        g3b_proof.encode(writer);
        pb.encode(writer);
        qb.encode(writer);
        coordinates_proof.encode(writer);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        count(reader, 11)?;
        Ok(Self {
            g2b: Codec::decode(reader)?,
            g2b_proof: Codec::decode(reader)?,
            g3b: Codec::decode(reader)?,
            g3b_proof: Codec::decode(reader)?,
            pb: Codec::decode(reader)?,
            qb: Codec::decode(reader)?,
            coordinates_proof: Codec::decode(reader)?,
        })
    }
}

impl Codec for Message3 {
    fn encode(&self, writer: &mut Writer) {
        let Self { pa, qa, coordinates_proof, ra, ra_proof } = self;
        writer.int(8);
        pa.encode(writer);
        qa.encode(writer);
        coordinates_proof.encode(writer);
        ra.encode(writer);
        ra_proof.encode(writer);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        count(reader, 8)?;
        Ok(Self {
            pa: Codec::decode(reader)?,
            qa: Codec::decode(reader)?,
            coordinates_proof: Codec::decode(reader)?,
            ra: Codec::decode(reader)?,
            ra_proof: Codec::decode(reader)?,
        })
    }
}

impl Codec for Message4 {
    fn encode(&self, writer: &mut Writer) {
        let Self { rb, rb_proof } = self;
        writer.int(3);
        rb.encode(writer);
        rb_proof.encode(writer);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        count(reader, 3)?;
        Ok(Self { rb: Codec::decode(reader)?, rb_proof: Codec::decode(reader)? })
    }
}

/// The count must be the one that the message has.
fn count(reader: &mut Reader<'_>, expected: usize) -> Result<(), DecodeError> {
    let field = "SMP count";
    let length = usize::try_from(reader.int(field)?).unwrap_or(usize::MAX);
    if length > MAX_SMP_MPIS {
        return Err(DecodeError::Length { field, length });
    }
    if length == expected { Ok(()) } else { Err(DecodeError::Value(field)) }
}

fn question(reader: &mut Reader<'_>) -> Result<Vec<u8>, DecodeError> {
    let field = "SMP question";
    let length = reader.rest().iter().position(|&byte| byte == 0).ok_or(DecodeError::Truncated(field))?;
    if length > MAX_QUESTION_LEN {
        return Err(DecodeError::Length { field, length });
    }
    let question = reader.take(length, field)?.to_vec();
    reader.byte(field)?;
    Ok(question)
}
