//! A receiving pair that outlives its session's rotation, so that an overtaken message can still be read.

use core::fmt;

use super::accepted::{Accepted, Freshness, ReceivePolicy};
use super::keys::{DataKeys, DirectionKeys, MacKey, RevealedMacKey, decrypt};
use super::ring::Refused;
use crate::dsa::Fingerprint;
use crate::wire::{Content, DataMessage, Route};
use crate::{InstanceTag, SecretBytes, Version};

/// What a data message is to a set of keys. Read-only: nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    /// Its keyids, version or sender name no keys that are here.
    KeyidsOut,
    /// Its authenticator does not verify.
    BadMac,
    /// It is authentic and can be read now.
    Fresh,
    /// It is authentic; its counter was accepted before.
    Seen {
        /// As far as is remembered, the message accepted then had the same authenticator.
        same: bool,
    },
}

/// The receiving half of a pair that a rotation, a newer AKE or a Disconnected TLV has left behind.
///
/// It can only read. Its MAC key may be revealed only when the pair is given up
/// ([`Peer::give_up`](crate::Peer::give_up)); list, number and lifetime are the embedder's.
#[derive(Clone)]
pub struct RetainedPair {
    pub(crate) origin: Origin,
    pub(crate) sender_keyid: u32,
    pub(crate) recipient_keyid: u32,
    pub(crate) cipher: SecretBytes<16>,
    pub(crate) mac: MacKey,
    pub(crate) extra: SecretBytes<32>,
    pub(crate) accepted: Accepted,
}

/// Whose session a pair belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Origin {
    /// The session, as long as it lives under these names.
    pub session: SessionId,
    /// The id of the AKE that made it.
    pub ssid: [u8; 8],
}

/// Names a session of a peer: with which of its devices, and with which long-term key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SessionId {
    /// The protocol version.
    pub version: Version,
    /// The peer's instance; `None` in version 2.
    pub instance: Option<InstanceTag>,
    /// The peer's fingerprint.
    pub fingerprint: Fingerprint,
}

impl SessionId {
    /// Whether a message that came this way can belong to the session.
    pub(crate) fn fits(&self, route: Route) -> bool {
        self.version == route.version() && self.instance == route.sender()
    }
}

impl RetainedPair {
    pub(crate) fn new(origin: Origin, keyids: (u32, u32), keys: &DataKeys, accepted: Accepted) -> Self {
        let DirectionKeys { cipher, mac } = keys.receiving.clone();
        let (sender_keyid, recipient_keyid) = keyids;
        Self { origin, sender_keyid, recipient_keyid, cipher, mac, extra: keys.extra.clone(), accepted }
    }

    /// Whose session the pair belonged to.
    #[must_use]
    pub const fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The keyids that name the pair: the peer's, ours.
    #[must_use]
    pub const fn keyids(&self) -> (u32, u32) {
        (self.sender_keyid, self.recipient_keyid)
    }

    /// The counters that were accepted.
    #[must_use]
    pub const fn accepted(&self) -> &Accepted {
        &self.accepted
    }

    /// The extra symmetric key of the pair.
    #[must_use]
    pub const fn extra_key(&self) -> &SecretBytes<32> {
        &self.extra
    }

    /// What `message` is to this pair.
    #[must_use]
    pub fn probe(&self, message: &DataMessage<'_>) -> Probe {
        let fits = self.origin.session.fits(message.route)
            && (message.sender_keyid, message.recipient_keyid) == self.keyids()
            && message.counter != 0;
        if !fits {
            return Probe::KeyidsOut;
        }
        if !self.mac.verifies(message.authenticated, &message.authenticator) {
            return Probe::BadMac;
        }
        match self.accepted.judge(message.counter, &message.authenticator, ReceivePolicy::Window) {
            Freshness::Fresh => Probe::Fresh,
            Freshness::Seen { same } => Probe::Seen { same },
        }
    }

    /// Reads `message` and records its counter; changes nothing else anywhere.
    pub(crate) fn open(&mut self, message: &DataMessage<'_>) -> Result<Content, Refused> {
        match self.probe(message) {
            Probe::Fresh => {}
            Probe::KeyidsOut => return Err(Refused::KeyidsOut),
            Probe::BadMac => return Err(Refused::BadMac),
            Probe::Seen { same } => return Err(Refused::Seen { same }),
        }
        // A gap that closes here is not worth an event: the pair is about to go as a whole.
        let _ = self.accepted.insert(message.counter, &message.authenticator, ReceivePolicy::Window);
        Ok(decrypt(&self.cipher, message))
    }

    /// Ends the pair. The MAC key comes out for revealing if it has verified anything.
    pub(crate) fn into_revealed(self) -> Option<RevealedMacKey> {
        self.accepted.is_used().then(|| self.mac.reveal())
    }
}

impl fmt::Debug for RetainedPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { origin, sender_keyid, recipient_keyid, cipher: _, mac: _, extra: _, accepted } = self;
        f.debug_struct("RetainedPair")
            .field("origin", origin)
            .field("sender_keyid", sender_keyid)
            .field("recipient_keyid", recipient_keyid)
            .field("accepted", accepted)
            .finish_non_exhaustive()
    }
}
