//! Our record in the padding of a data message, as the engine thinks of it.

use otr_core::wire::Tlv;

/// What one data message says about itself and its sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Note {
    /// An answer made by the program: it wants none.
    pub(super) auto: bool,
    /// The sender has read from its store and wants to see a fresh key of ours.
    pub(super) refresh_wanted: bool,
    /// The text was under way before.
    pub(super) again: bool,
    /// The sender's threshold; `None`: off.
    pub(super) threshold: Option<u32>,
    /// How many days the sender keeps its record.
    pub(super) keeps_days: u16,
    /// The text's name.
    pub(super) message_id: [u8; 8],
    /// The how many-th message under its key, from 1.
    pub(super) use_number: u32,
    /// The head of the session's id.
    pub(super) ssid: [u8; 4],
    /// Which of our messages the sender has read: (our keyid, its keyid), bits.
    pub(super) read: Vec<((u32, u32), u64)>,
    /// Proves that the sender was the other end of the session before.
    pub(super) continuity: Option<[u8; 16]>,
}
impl Note {
    pub(super) fn to_tlv(&self) -> Option<Tlv> {
        None
    }
    pub(super) fn find(_: &[Tlv]) -> Option<Self> {
        None
    }
}
impl super::Conversation {
    pub(super) fn note_for(
        &self,
        _: &otr_core::SessionView,
        _: &super::flush::Parcel<'_>,
        _: u32,
        _: &mut dyn rand_core::CryptoRng,
    ) -> Option<Note> {
        None
    }
}
