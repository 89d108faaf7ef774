//! Texts of the user on their way.

use o2tr_ekm::record::{MessageText, OutboxText, TextState};
use otr_core::dsa::Fingerprint;
use otr_core::{Policy, Timestamp};
use rand_core::CryptoRng;

use super::{Conversation, Event, Hold, MAX_OUTBOX, MAX_OUTBOX_BYTES};
use crate::capability::MessageId;

#[cfg(test)]
mod tests;

/// Why a text was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The outbox is full.
    #[error("as many texts wait as can be kept; cancel some or wait until the peer answers")]
    OutboxFull,
    /// A text under way has this id already.
    #[error("a text with the id {0:?} is already under way")]
    IdInUse(String),
    /// A text cannot contain a NUL byte.
    #[error("the text contains a NUL byte")]
    NulInText,
    /// The text is longer than a message may be.
    #[error("the text has {0} bytes; the longest that can be sent has {MAX_TEXT}")]
    TooLong(usize),
    /// No such text waits.
    #[error("no text with the id {0:?} waits")]
    UnknownId(String),
    /// The text has left already.
    #[error("the text {0:?} has left already")]
    AlreadyLeft(String),
    /// The store has failed; load the conversation again.
    #[error("the store has failed; nothing is taken before the conversation is loaded again")]
    Poisoned,
}

/// Bytes of a text, at most.
pub(super) const MAX_TEXT: usize = 256 << 10;

/// A text of the outbox as a user sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxView {
    /// Its name.
    pub id: String,
    /// It has left, and was not acknowledged.
    pub in_flight: bool,
    /// Why it waits, if it does.
    pub reason: Option<Hold>,
    /// When it was written.
    pub written: Timestamp,
}

impl Conversation {
    /// Sends a text: encrypted if there is a session, in clear only where nothing was ever private and the policy
    /// allows it; otherwise it waits. Returns its name: `id`, or one that is made.
    ///
    /// # Errors
    /// [`SendError`]; the text stays the caller's.
    pub fn send(
        &mut self,
        text: &[u8],
        id: Option<String>,
        now: Timestamp,
        rng: &mut dyn CryptoRng,
    ) -> Result<String, SendError> {
        self.check_text(text)?;
        let wire_id = *MessageId::random(rng).as_bytes();
        let id = id.unwrap_or_else(|| wire_id.iter().take(8).map(|byte| format!("{byte:02x}")).collect());
        if self.outbox.iter().any(|known| known.id == id) {
            return Err(SendError::IdInUse(id));
        }
        self.outbox.push_back(OutboxText {
            id: id.clone(),
            wire_id,
            text: MessageText::new(text.to_vec()),
            written: now,
            address: self.addressee(),
            private: self.settings.policy.contains(Policy::REQUIRE_ENCRYPTION),
            state: TextState::Queued,
            again: false,
        });
        self.touch();
        self.flush(now, rng);
        if let Some(reason) = self.hold_of(&id) {
            self.emit(Event::Paused { queued: self.waiting(), reason });
            if reason == Hold::NoSession {
                self.ask_for_session(now, rng);
            }
        }
        self.finish_turn(now, rng);
        Ok(id)
    }

    /// Sends this one text unencrypted, although the conversation was private: the user has said so.
    ///
    /// # Errors
    /// [`SendError`].
    pub fn send_clear(&mut self, text: &[u8], now: Timestamp, rng: &mut dyn CryptoRng) -> Result<(), SendError> {
        self.check_text(text)?;
        self.add_line(text.to_vec(), None, None);
        self.finish_turn(now, rng);
        Ok(())
    }

    /// Withdraws a text that has not left.
    ///
    /// # Errors
    /// [`SendError::UnknownId`], [`SendError::AlreadyLeft`].
    pub fn cancel(&mut self, id: &str, now: Timestamp, rng: &mut dyn CryptoRng) -> Result<(), SendError> {
        match self.outbox.iter().find(|text| text.id == id).map(|text| text.state) {
            None => Err(SendError::UnknownId(id.to_owned())),
            Some(TextState::InFlight(_)) => Err(SendError::AlreadyLeft(id.to_owned())),
            Some(TextState::Queued | TextState::HeldForTrust) => {
                self.outbox.retain(|text| text.id != id);
                self.touch_and_retire();
                self.finish_turn(now, rng);
                Ok(())
            }
        }
    }

    /// Texts that wait, and those that left and are not known to have arrived, in order.
    #[must_use]
    pub fn outbox(&self) -> Vec<OutboxView> {
        self.outbox
            .iter()
            .map(|text| OutboxView {
                id: text.id.clone(),
                in_flight: matches!(text.state, TextState::InFlight(_)),
                reason: self.hold_of(&text.id),
                written: text.written,
            })
            .collect()
    }

    /// How many texts wait.
    pub(super) fn waiting(&self) -> usize {
        self.outbox.iter().filter(|text| !matches!(text.state, TextState::InFlight(_))).count()
    }

    /// For whom a text that is written now is: the key of the private conversation.
    fn addressee(&self) -> Option<Fingerprint> {
        let current = self.peer.current().map(|session| session.fingerprint);
        self.was_private.map(|private| private.fingerprint).or(current)
    }

    fn check_text(&self, text: &[u8]) -> Result<(), SendError> {
        if self.poisoned {
            return Err(SendError::Poisoned);
        }
        if text.contains(&0) {
            return Err(SendError::NulInText);
        }
        if text.len() > MAX_TEXT {
            return Err(SendError::TooLong(text.len()));
        }
        let bytes: usize = self.outbox.iter().map(|known| known.text.as_bytes().len()).sum();
        if self.outbox.len() >= MAX_OUTBOX || bytes + text.len() > MAX_OUTBOX_BYTES {
            return Err(SendError::OutboxFull);
        }
        Ok(())
    }
}
