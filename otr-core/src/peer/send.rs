//! The user's wishes: start, send, end, the extra key.

use super::session::{LastText, Phase};
use super::{Event, Held, Line, MAX_HELD_TEXTS, Offer, Peer, State};
use crate::ratchet::{Letter, SealError, SessionId};
use crate::secret::SecretVec;
use crate::text;
use crate::wire::{DataFlags, Tlv, tlv_type};
use crate::{Policy, SecretBytes, Timestamp};

/// Why a wish of the user was not carried out. Nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The peer has ended the session. End it too (texts are then no longer private) or start a new one.
    #[error("the peer has ended the private conversation")]
    Finished,
    /// There is no such session, or it is not encrypted.
    #[error("there is no such private conversation")]
    NoSession,
    /// Too many texts already wait for a session.
    #[error("{MAX_HELD_TEXTS} texts already wait for a private conversation")]
    TooManyHeld,
    /// The message could not be made.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// Data of a TLV that is longer than 65,535 bytes.
    #[error("{0} bytes are more than a TLV can carry")]
    TooMuchData(usize),
}

impl Peer {
    /// Asks the peer for a private conversation, by a query. In an encrypted session this renews it.
    pub fn start(&mut self) {
        if let Some(query) = text::query(self.settings.policy, &self.settings.query_text) {
            self.transmit_text(query);
        }
    }

    /// Sends a text: encrypted if there is a session, else as the policy says (in clear, perhaps with a
    /// whitespace tag; or held back until there is a session).
    ///
    /// # Errors
    /// See [`SendError`]; the text stays the caller's.
    pub fn send(&mut self, text: &[u8], now: Timestamp) -> Result<(), SendError> {
        if !self.settings.policy.is_on() {
            self.transmit_text(text.to_vec());
            return Ok(());
        }
        match (self.state(), self.current()) {
            (State::Encrypted, Some(id)) => self.send_in(id, text, &[], DataFlags::empty(), now),
            (State::Finished, _) => Err(SendError::Finished),
            (State::Plaintext | State::Encrypted, _) => self.send_without_session(text),
        }
    }

    fn send_without_session(&mut self, text: &[u8]) -> Result<(), SendError> {
        if self.settings.policy.contains(Policy::REQUIRE_ENCRYPTION) {
            if self.held.len() >= MAX_HELD_TEXTS {
                return Err(SendError::TooManyHeld);
            }
            self.held.push(Held(SecretVec::new(text.to_vec())));
            self.emit(Event::EncryptionRequired);
            self.start();
            return Ok(());
        }
        let mut line = text.to_vec();
        if self.settings.policy.contains(Policy::SEND_WHITESPACE_TAG) && self.offer == Offer::Open {
            text::append_tag(&mut line, self.settings.policy);
        }
        self.transmit_text(line);
        Ok(())
    }

    /// Sends text and TLVs in one session. Empty text is not shown to the peer's user.
    ///
    /// # Errors
    /// [`SendError::NoSession`], or why the message could not be made.
    pub fn send_in(
        &mut self,
        id: SessionId,
        text: &[u8],
        tlvs: &[Tlv],
        flags: DataFlags,
        now: Timestamp,
    ) -> Result<(), SendError> {
        let line = self.seal(id, &Letter { flags, text, tlvs }, now)?;
        if self.settings.resend.is_some()
            && let Some(session) = self.session_mut(id)
        {
            session.last_text = Some(LastText { text: SecretVec::new(text.to_vec()), wanted: false, sent: now });
        }
        self.transmit(line);
        Ok(())
    }

    /// Sends TLVs without text, marked so that a receiver that cannot read it stays silent.
    ///
    /// # Errors
    /// As [`Peer::send_in`].
    pub fn send_silent(&mut self, id: SessionId, tlvs: &[Tlv], now: Timestamp) -> Result<(), SendError> {
        let line = self.seal(id, &Letter::silent(tlvs), now)?;
        self.transmit(line);
        Ok(())
    }

    /// Tells the peer that the extra symmetric key will be used, and returns it.
    ///
    /// `usage`: what for, a number that both applications know; `data`: what that use needs.
    ///
    /// # Errors
    /// As [`Peer::send_in`], and [`SendError::TooMuchData`].
    pub fn send_extra_key(
        &mut self,
        id: SessionId,
        usage: u32,
        data: &[u8],
        now: Timestamp,
    ) -> Result<SecretBytes<32>, SendError> {
        let value = [&usage.to_be_bytes(), data].concat();
        let tlv = Tlv::new(tlv_type::EXTRA_KEY, value).ok_or(SendError::TooMuchData(data.len()))?;
        let key =
            self.session(id).and_then(|session| session.live()).ok_or(SendError::NoSession)?.ring.sending_extra_key();
        self.send_silent(id, &[tlv], now)?;
        Ok(key)
    }

    /// Ends one session: the peer is told, the keys go. A session whose key may encrypt no more is forgotten
    /// without a word; the peer learns of it from our answer to its next message.
    ///
    /// # Errors
    /// [`SendError::NoSession`].
    pub fn end_session(&mut self, id: SessionId, now: Timestamp) -> Result<(), SendError> {
        let session = self.session(id).ok_or(SendError::NoSession)?;
        if session.live().is_some() {
            match self.send_silent(id, &[Tlv::empty(tlv_type::DISCONNECTED)], now) {
                Ok(()) | Err(SendError::Seal(SealError::KeyExhausted { .. })) => {}
                Err(other) => return Err(other),
            }
        }
        self.forget_session(id);
        Ok(())
    }

    /// Ends all sessions and every AKE under way: what is typed next is no longer private.
    pub fn end(&mut self, now: Timestamp) {
        let ids: Vec<_> = self.sessions.iter().map(super::Session::id).collect();
        for id in ids {
            let _ = self.end_session(id, now);
        }
        self.open_commit = None;
        self.contacts.clear();
        self.offer = Offer::Open;
    }

    /// Forgets one session without telling the peer. Under
    /// [`ReceivePolicy::Window`](crate::ReceivePolicy::Window) its receiving pairs come out as retired.
    pub fn forget_session(&mut self, id: SessionId) {
        let Some(index) = self.sessions.iter().position(|session| session.id() == id) else { return };
        let session = self.sessions.swap_remove(index);
        if let Phase::Encrypted(live) = session.phase {
            let (retired, _) = self.dissolve(*live, &session.origin);
            self.outputs.extend(retired);
        }
    }

    /// Makes the keys ready that the next message of a session needs, so that sending it is quick.
    pub fn prepare(&self, id: SessionId) {
        if let Some(live) = self.session(id).and_then(|session| session.live()) {
            live.ring.prepare();
        }
    }

    pub(super) fn seal(&mut self, id: SessionId, letter: &Letter<'_>, now: Timestamp) -> Result<Line, SendError> {
        let (own, limit) = (self.own_instance(), self.settings.key_limit);
        let session = self.session_mut(id).ok_or(SendError::NoSession)?;
        let line = session.seal(own, letter, limit, now).ok_or(SendError::NoSession)??;
        Ok(line)
    }

    /// Texts that waited for a session leave in it, in order. What cannot leave waits on.
    pub(super) fn release_held(&mut self, id: SessionId, now: Timestamp) {
        let mut held = core::mem::take(&mut self.held).into_iter();
        while let Some(text) = held.next() {
            if self.send_in(id, text.0.expose(), &[], DataFlags::empty(), now).is_err() {
                self.held = core::iter::once(text).chain(held).collect();
                return;
            }
        }
    }
}
