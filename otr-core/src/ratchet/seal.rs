//! Making a data message (section "Data message").

use super::ring::KeyRing;
use crate::dh::aes_ctr;
use crate::limits::MAX_CONTENT_LEN;
use crate::planted::{Fault, planted};
use crate::wire::{Content, DataFlags, DataHead, Route, Tlv, Writer};

/// What a data message shall carry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Letter<'a> {
    pub(crate) flags: DataFlags,
    pub(crate) text: &'a [u8],
    pub(crate) tlvs: &'a [Tlv],
}

/// Why nothing was encrypted. Nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// The sending key has encrypted as many messages as it may; the peer must answer first.
    #[error("the sending key was used {uses} times, as often as allowed")]
    KeyExhausted {
        /// How often the key was used.
        uses: u32,
    },
    /// A text cannot contain a NUL: TLVs begin there.
    #[error("the text contains a NUL byte")]
    NulInText,
    /// Text and TLVs are longer than a message may be.
    #[error("text and TLVs have {length} bytes, more than {MAX_CONTENT_LEN}")]
    TooLong {
        /// Bytes of text and TLVs.
        length: usize,
    },
}

impl KeyRing {
    /// Encrypts and authenticates one message under the next counter, and reveals what waits for it.
    ///
    /// `limit`: how many messages the sending key may encrypt in all.
    pub(crate) fn seal(&mut self, route: Route, letter: &Letter<'_>, limit: Option<u32>) -> Result<Vec<u8>, SealError> {
        if letter.text.contains(&0) {
            return Err(SealError::NulInText);
        }
        let length = letter.text.len() + letter.tlvs.iter().map(|tlv| 4 + tlv.value().len()).sum::<usize>() + 1;
        if length > MAX_CONTENT_LEN {
            return Err(SealError::TooLong { length });
        }
        self.check_uses(1, limit)?;
        let exhausted = SealError::KeyExhausted { uses: self.uses };
        let counter = self.counter.checked_add(1).ok_or(exhausted)?;
        let uses = self.uses.checked_add(1).ok_or(exhausted)?;
        let message = self.build(route, letter, length, counter);
        // From here on everything succeeds.
        self.counter = counter;
        self.uses = uses;
        self.reveal.clear();
        let epoch = (self.our_keyid.saturating_sub(1), self.their_keyid);
        if self.epochs.last() != Some(&epoch) {
            self.epochs.push(epoch);
        }
        Ok(message)
    }

    /// Whether the sending key may encrypt `needed` messages more.
    pub(crate) fn check_uses(&self, needed: u32, limit: Option<u32>) -> Result<(), SealError> {
        let allowed = limit.unwrap_or(u32::MAX).saturating_add(planted(Fault::ThresholdOffByOne).into());
        if self.uses.checked_add(needed).is_some_and(|uses| uses <= allowed) {
            Ok(())
        } else {
            Err(SealError::KeyExhausted { uses: self.uses })
        }
    }

    fn build(&self, route: Route, letter: &Letter<'_>, length: usize, counter: u64) -> Vec<u8> {
        let keys = self.sending_keys();
        let mut writer = Writer::with_capacity(300 + length + 20 * self.reveal.len());
        let head = DataHead {
            route,
            flags: letter.flags,
            sender_keyid: self.our_keyid.saturating_sub(1),
            recipient_keyid: self.their_keyid,
            next_dh: *self.ours[0].public(),
            counter,
        };
        head.encode(&mut writer);
        writer.data_with(
            |writer| Content::write(letter.text, letter.tlvs, writer),
            |data| {
                aes_ctr(&keys.sending.cipher, counter, data);
            },
        );
        let authenticator = keys.sending.mac.authenticate(writer.as_bytes());
        writer.raw(&authenticator);
        writer.data_with(|writer| self.reveal.iter().for_each(|key| writer.raw(key.as_bytes())), |_| {});
        writer.into_bytes()
    }
}
