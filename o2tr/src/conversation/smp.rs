//! SMP and the extra symmetric key: they use keys like texts, and wait like texts.

use core::fmt;

use o2tr_ekm::record::{ExtraKeyItem, InboxKind, TrustLevel};
use otr_core::dsa::Fingerprint;
use otr_core::smp::SmpEvent;
use otr_core::{
    Output as CoreOutput, SealError, SecretBytes, SendError, SessionId, SessionView, SmpSendError, Timestamp,
};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::receive::encrypted;
use super::{Conversation, Event, Hold};

/// Why a wish was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ControlError {
    /// There is no private conversation.
    #[error("there is no private conversation")]
    NoSession,
    /// SMP refused.
    #[error(transparent)]
    Smp(#[from] SmpSendError),
    /// The message could not be made.
    #[error(transparent)]
    Send(#[from] SendError),
}

/// A wish that waits for a key it may use. It is not stored: after a restart SMP starts anew.
#[derive(Debug)]
#[cfg_attr(feature = "copies", derive(Clone))]
pub(super) struct WaitingControl {
    /// Where the user was when it was said: it goes to nobody else.
    session: SessionId,
    control: Control,
}

#[cfg_attr(feature = "copies", derive(Clone))]
enum Control {
    StartSmp { secret: Zeroizing<Vec<u8>>, question: Option<Vec<u8>> },
    RespondSmp { secret: Zeroizing<Vec<u8>> },
    AbortSmp,
    ExtraKey { usage: u32, data: Vec<u8> },
}

/// Names the wish, shows nothing of it.
impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::StartSmp { secret: _, question: _ } => "StartSmp(..)",
            Self::RespondSmp { secret: _ } => "RespondSmp(..)",
            Self::AbortSmp => "AbortSmp",
            Self::ExtraKey { usage: _, data: _ } => "ExtraKey(..)",
        })
    }
}

impl Conversation {
    /// Starts SMP in the present session.
    ///
    /// # Errors
    /// [`ControlError`]; nothing has changed then.
    pub fn start_smp(
        &mut self,
        secret: &[u8],
        question: Option<&[u8]>,
        now: Timestamp,
        rng: &mut dyn CryptoRng,
    ) -> Result<(), ControlError> {
        let secret = Zeroizing::new(secret.to_vec());
        self.control(Control::StartSmp { secret, question: question.map(<[u8]>::to_vec) }, now, rng)
    }

    /// Answers the peer's SMP.
    ///
    /// # Errors
    /// [`ControlError`]; nothing has changed then.
    pub fn respond_smp(&mut self, secret: &[u8], now: Timestamp, rng: &mut dyn CryptoRng) -> Result<(), ControlError> {
        self.control(Control::RespondSmp { secret: Zeroizing::new(secret.to_vec()) }, now, rng)
    }

    /// Ends the SMP run.
    ///
    /// # Errors
    /// [`ControlError`]; nothing has changed then.
    pub fn abort_smp(&mut self, now: Timestamp, rng: &mut dyn CryptoRng) -> Result<(), ControlError> {
        self.control(Control::AbortSmp, now, rng)
    }

    /// Tells the peer that the extra symmetric key will be used; [`Event::ExtraKeySent`] brings it.
    ///
    /// # Errors
    /// [`ControlError`]; nothing has changed then.
    pub fn use_extra_key(
        &mut self,
        usage: u32,
        data: &[u8],
        now: Timestamp,
        rng: &mut dyn CryptoRng,
    ) -> Result<(), ControlError> {
        self.control(Control::ExtraKey { usage, data: data.to_vec() }, now, rng)
    }

    fn control(&mut self, control: Control, now: Timestamp, rng: &mut dyn CryptoRng) -> Result<(), ControlError> {
        let session = self.control_session().ok_or(ControlError::NoSession)?;
        if !self.controls.is_empty() || !self.try_control(session, &control, now, rng)? {
            self.controls.push_back(WaitingControl { session, control });
            self.emit(Event::Paused { queued: self.waiting() + self.controls.len(), reason: Hold::Threshold });
        }
        self.finish_turn(now, rng);
        Ok(())
    }

    pub(super) fn flush_controls(&mut self, now: Timestamp, rng: &mut dyn CryptoRng) {
        while let Some(waiting) = self.controls.pop_front() {
            let Some(session) = self.session_with(waiting.session.fingerprint) else {
                self.give_up_control(&waiting);
                continue;
            };
            // What no longer makes sense is dropped; SMP tells of itself.
            if self.try_control(session, &waiting.control, now, rng) == Ok(false) {
                return self.controls.push_front(waiting);
            }
        }
    }

    /// The session of the first wish that waits, if it is still here.
    pub(super) fn control_in_need(&self) -> Option<SessionId> {
        let session = self.controls.front()?.session;
        self.session_with(session.fingerprint)
    }

    /// There is no session any more that it could go to. Nothing else shall wait behind it.
    fn give_up_control(&mut self, waiting: &WaitingControl) {
        match waiting.control {
            Control::StartSmp { .. } | Control::RespondSmp { .. } => {
                self.emit(Event::Smp { session: waiting.session, event: SmpEvent::Aborted });
            }
            Control::AbortSmp | Control::ExtraKey { .. } => {}
        }
    }

    /// `false` if the key may not be used as often as it takes: a restart of SMP takes two messages.
    fn try_control(
        &mut self,
        session: SessionId,
        control: &Control,
        now: Timestamp,
        rng: &mut dyn CryptoRng,
    ) -> Result<bool, ControlError> {
        if self.at_threshold(session) {
            return Ok(false);
        }
        match self.run_control(session, control, now, rng) {
            Ok(()) => Ok(true),
            Err(
                ControlError::Smp(SmpSendError::Send(SendError::Seal(SealError::KeyExhausted { .. })))
                | ControlError::Send(SendError::Seal(SealError::KeyExhausted { .. })),
            ) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Where the owner of a key was heard last, if we can write there.
    fn session_with(&self, fingerprint: Fingerprint) -> Option<SessionId> {
        let last_heard = |view: &SessionView| view.last_verified.unwrap_or(view.established);
        let of_key = self.peer.sessions().filter(|view| view.id.fingerprint == fingerprint);
        of_key.max_by_key(last_heard).filter(|view| view.encrypted && !self.quarantined).map(|view| view.id)
    }

    fn control_session(&self) -> Option<SessionId> {
        self.peer.current().filter(|id| encrypted(&self.peer, *id).is_some() && !self.quarantined)
    }

    fn at_threshold(&self, session: SessionId) -> bool {
        let uses = self.peer.view(session).map_or(0, |view| view.uses_of_key);
        self.settings.threshold.is_some_and(|k| uses >= k)
    }

    fn run_control(
        &mut self,
        session: SessionId,
        control: &Control,
        now: Timestamp,
        rng: &mut dyn CryptoRng,
    ) -> Result<(), ControlError> {
        // What the OTR layer sends by itself carries no record; the peer shall know with whom it talks before.
        if self.session_record(session).is_some_and(|record| record.announced == 0) {
            self.send_automatic(session, false, now);
        }
        match control {
            Control::StartSmp { secret, question } => {
                self.peer.start_smp(session, secret, question.as_deref(), now, rng)?;
            }
            Control::RespondSmp { secret } => self.peer.respond_smp(session, secret, now, rng)?,
            Control::AbortSmp => self.peer.abort_smp(session, now)?,
            Control::ExtraKey { usage, data } => {
                let key = self.peer.send_extra_key(session, *usage, data, now)?;
                self.emit(Event::ExtraKeySent { session, usage: *usage, key });
            }
        }
        for (output, kept) in self.take_core_outputs() {
            match output {
                CoreOutput::Send(line) => drop(self.add_line(line.bytes, line.route, kept)),
                other => self.turn.deferred.push(other),
            }
        }
        self.touch();
        Ok(())
    }

    pub(super) fn take_smp(&mut self, session: SessionId, event: SmpEvent, trust: Option<bool>) {
        self.touch();
        if let Some(equal) = trust
            && let Some(known) = self.trust.iter_mut().find(|known| known.fingerprint == session.fingerprint)
        {
            // A success takes nothing from a key that the user has compared.
            known.level = if equal { known.level.max(TrustLevel::Smp) } else { TrustLevel::Unverified };
        }
        match event {
            SmpEvent::Success => self.put_in_inbox(InboxKind::SmpResult { session, equal: true }),
            SmpEvent::Failure => self.put_in_inbox(InboxKind::SmpResult { session, equal: false }),
            other => self.emit(Event::Smp { session, event: other }),
        }
    }

    pub(super) fn take_extra_key(&mut self, session: SessionId, usage: u32, data: Vec<u8>, key: SecretBytes<32>) {
        self.put_in_inbox(InboxKind::ExtraKey(ExtraKeyItem { session, usage, data, key }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_secret() {
        let secret = Zeroizing::new(b"swordfish".to_vec());
        for control in [
            Control::StartSmp { secret: secret.clone(), question: Some(secret.to_vec()) },
            Control::RespondSmp { secret: secret.clone() },
            Control::ExtraKey { usage: 1, data: secret.to_vec() },
        ] {
            let shown = format!("{control:?}");
            assert!(shown.ends_with("(..)"), "{shown}");
        }
    }
}
