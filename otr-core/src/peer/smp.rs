//! The user's side of SMP.

use rand_core::CryptoRng;

use super::{Peer, SendError};
use crate::Timestamp;
use crate::ratchet::SessionId;
use crate::smp::{SmpError, SmpMessage};
use crate::wire::Tlv;

/// Why SMP did not go on. Nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SmpSendError {
    /// SMP itself refused.
    #[error(transparent)]
    Smp(#[from] SmpError),
    /// The message could not be sent.
    #[error(transparent)]
    Send(#[from] SendError),
}

impl Peer {
    /// Starts SMP: does the peer's user know `secret`? With a question the peer's user sees that first.
    /// A run under way is aborted.
    ///
    /// # Errors
    /// See [`SmpSendError`].
    pub fn start_smp(
        &mut self,
        id: SessionId,
        secret: &[u8],
        question: Option<&[u8]>,
        now: Timestamp,
        rng: &mut dyn CryptoRng,
    ) -> Result<(), SmpSendError> {
        // A restart sends an abort before.
        let running = self.session(id).and_then(|session| session.live()).is_some_and(|live| live.smp.is_running());
        self.check_smp_sendable(id, if running { 2 } else { 1 })?;
        let started = self
            .with_smp(id, |smp, context| smp.start(secret, question, context, rng))
            .ok_or(SendError::NoSession)??;
        if let Some(abort) = started.abort {
            self.send_smp(id, &abort, now);
        }
        self.send_smp(id, &started.message, now);
        Ok(())
    }

    /// Answers the peer's SMP with the secret of our user.
    ///
    /// # Errors
    /// See [`SmpSendError`].
    pub fn respond_smp(
        &mut self,
        id: SessionId,
        secret: &[u8],
        now: Timestamp,
        rng: &mut dyn CryptoRng,
    ) -> Result<(), SmpSendError> {
        self.check_smp_sendable(id, 1)?;
        let message =
            self.with_smp(id, |smp, context| smp.respond(secret, context, rng)).ok_or(SendError::NoSession)??;
        self.send_smp(id, &message, now);
        Ok(())
    }

    /// Ends the SMP run and tells the peer.
    ///
    /// # Errors
    /// See [`SendError`].
    pub fn abort_smp(&mut self, id: SessionId, now: Timestamp) -> Result<(), SendError> {
        self.check_smp_sendable(id, 1)?;
        let message = self.with_smp(id, |smp, _| smp.abort()).ok_or(SendError::NoSession)?;
        self.send_smp(id, &message, now);
        Ok(())
    }

    /// Before SMP advances: can its messages leave at all?
    fn check_smp_sendable(&self, id: SessionId, needed: u32) -> Result<(), SendError> {
        let live = self.session(id).and_then(|session| session.live()).ok_or(SendError::NoSession)?;
        Ok(live.ring.check_uses(needed, self.settings.key_limit)?)
    }

    /// A message that cannot leave ends the run here as it does at the peer, which never gets it.
    pub(super) fn send_smp(&mut self, id: SessionId, message: &SmpMessage, now: Timestamp) {
        let tlv = Tlv::new(message.kind().tlv_type(), message.encode_value());
        let sent = tlv.is_some_and(|tlv| self.send_silent(id, &[tlv], now).is_ok());
        if !sent && self.with_smp(id, |smp, _| smp.reset()) == Some(true) {
            self.emit(super::Event::Smp { session: id, event: crate::smp::SmpEvent::Aborted, trust: None });
        }
    }
}
