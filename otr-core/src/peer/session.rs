//! One private conversation with one device of the peer.

use crate::ratchet::{KeyRing, Letter, Origin, SealError, SessionId};
use crate::secret::SecretVec;
use crate::smp::{Smp, SmpContext};
use crate::text;
use crate::wire::{DataFlags, Route, Tlv};
use crate::{InstanceTag, Timestamp, Version};

use super::Line;

/// A session with one (version, instance, fingerprint).
#[derive(Debug)]
#[cfg_attr(feature = "copies", derive(Clone))]
pub(crate) struct Session {
    pub(super) origin: Origin,
    /// Whether we sent the Reveal Signature.
    pub(super) revealed: bool,
    pub(super) phase: Phase,
    pub(super) established: Timestamp,
    /// When we last sent anything in it, its AKE included.
    pub(super) last_sent: Timestamp,
    /// When its last authentic message arrived.
    pub(super) last_verified: Option<Timestamp>,
    /// The last text, for a resend.
    pub(super) last_text: Option<LastText>,
}

/// Keys exist only while they may be used.
#[derive(Debug)]
#[cfg_attr(feature = "copies", derive(Clone))]
pub(crate) enum Phase {
    Encrypted(Box<Live>),
    Finished,
}

/// What an encrypted session holds.
#[derive(Debug)]
#[cfg_attr(feature = "copies", derive(Clone))]
pub(crate) struct Live {
    pub(super) ring: KeyRing,
    pub(super) smp: Smp,
}

/// A text that may have to be sent again.
#[derive(Clone)]
pub(crate) struct LastText {
    pub(super) text: SecretVec,
    /// The peer has said that it could not read it.
    pub(super) wanted: bool,
    pub(super) sent: Timestamp,
}

impl core::fmt::Debug for LastText {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self { text, wanted, sent } = self;
        write!(f, "LastText {{ text: {} bytes, wanted: {wanted}, sent: {sent:?} }}", text.expose().len())
    }
}

impl Session {
    pub(super) const fn id(&self) -> SessionId {
        self.origin.session
    }

    pub(super) fn live(&self) -> Option<&Live> {
        match &self.phase {
            Phase::Encrypted(live) => Some(live),
            Phase::Finished => None,
        }
    }

    pub(super) fn live_mut(&mut self) -> Option<&mut Live> {
        match &mut self.phase {
            Phase::Encrypted(live) => Some(live),
            Phase::Finished => None,
        }
    }

    /// The last moment at which the peer was certainly there.
    pub(super) fn last_heard(&self) -> Timestamp {
        self.last_verified.map_or(self.established, |verified| verified.max(self.established))
    }

    /// The way of a message of ours.
    pub(super) const fn route(&self, own: InstanceTag) -> Route {
        match self.origin.session.version {
            Version::V2 => Route::V2,
            Version::V3 => Route::V3 { sender: own, receiver: self.origin.session.instance },
        }
    }

    /// Encrypts and armours; `None` if the session is finished.
    pub(super) fn seal(
        &mut self,
        own: InstanceTag,
        letter: &Letter<'_>,
        limit: Option<u32>,
        now: Timestamp,
    ) -> Option<Result<Line, SealError>> {
        let route = self.route(own);
        let message = match self.live_mut()?.ring.seal(route, letter, limit) {
            Ok(message) => message,
            Err(error) => return Some(Err(error)),
        };
        self.last_sent = now;
        Some(Ok(Line { bytes: text::armour(&message), route: Some(route) }))
    }
}

impl<'a> Letter<'a> {
    /// A message without text that an unable receiver shall pass over.
    pub(super) const fn silent(tlvs: &'a [Tlv]) -> Self {
        Self { flags: DataFlags::IGNORE_UNREADABLE, text: &[], tlvs }
    }
}

/// What SMP binds the secret to.
pub(super) fn smp_context<'a>(ours: &'a [u8; 20], origin: &'a Origin) -> SmpContext<'a> {
    SmpContext { ours, theirs: origin.session.fingerprint.as_bytes(), ssid: &origin.ssid }
}
