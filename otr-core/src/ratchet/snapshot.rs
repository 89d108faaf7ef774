//! A key ring at rest: plain data that a store can keep, and the way back.

use core::fmt;
use std::sync::OnceLock;

use super::accepted::Accepted;
use super::keys::{DataKeys, DirectionKeys, MacKey, RevealedMacKey};
use super::retained::{Origin, RetainedPair};
use super::ring::{HeadStart, KeyRing, Pair};
use super::their_key::TheirKey;
use crate::SecretBytes;
use crate::dh::DhKeyPair;
use crate::group::{DH_SECRET_LEN, GroupElement};
use crate::limits::MAX_PENDING_MAC_KEYS;
use crate::planted::{Fault, planted};

/// The complete state of a [session](crate::SessionSnapshot)'s ratchet: about 532 bytes, plus own public
/// values and derived keys that would cost an exponentiation each, plus MAC keys that wait.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RingSnapshot {
    /// Keyid of our newest key.
    pub our_keyid: u32,
    /// Our newest key, announced in every message we send.
    pub our_newest: KeyPairSnapshot,
    /// Our previous key, with which we send.
    pub our_previous: KeyPairSnapshot,
    /// Keyid of the peer's newest key.
    pub their_keyid: u32,
    /// The peer's newest key, to which we send.
    pub their_newest: GroupElement,
    /// The peer's previous key; unknown straight after an AKE.
    pub their_previous: Option<GroupElement>,
    /// `pairs[i][j]`: our key `our_keyid - i` with the peer's key `their_keyid - j`.
    pub pairs: [[PairSnapshot; 2]; 2],
    /// Counter of the last message sent under the sending pair: `uses`, how far the session has leapt, and (policy
    /// Window) what our sending key has used with earlier keys of the peer.
    pub counter: u64,
    /// Messages sent under the sending pair.
    pub uses: u32,
    /// Where the counters of keys begin that were restored before.
    pub head_start: HeadStart,
    /// Pairs (our keyid, peer's keyid) that we sent under and that still matter.
    pub epochs: Vec<(u32, u32)>,
    /// MAC keys to be revealed by the next message.
    pub reveal: Vec<RevealedMacKey>,
}

/// A D-H key pair.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct KeyPairSnapshot {
    /// The private exponent, 40 bytes.
    pub secret: SecretBytes<DH_SECRET_LEN>,
    /// Its public value; computed if absent. It is trusted: a store must protect it as it protects the secret.
    pub public: Option<GroupElement>,
}

/// What is known of a pair.
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct PairSnapshot {
    /// The counters accepted under it.
    pub accepted: Accepted,
    /// Its keys; computed when needed if absent.
    pub keys: Option<PairKeysSnapshot>,
}

/// The derived keys of a pair. The MAC keys follow from the AES keys.
#[derive(Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct PairKeysSnapshot {
    /// AES key that we send with.
    pub sending: SecretBytes<16>,
    /// AES key that we receive with.
    pub receiving: SecretBytes<16>,
    /// Extra symmetric key.
    pub extra: SecretBytes<32>,
}

/// How far a restored session's send counter moves ahead: 1 to 2^40.
///
/// Drawn anew for each restore, it keeps even two copies of one store from using the same counter twice
/// under one key, except with a probability of about 2^-40 for each pair of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leap(u64);

impl Leap {
    /// The largest leap.
    pub const MAX: u64 = 1 << 40;

    /// A leap of `step`; `None` outside 1..=2^40.
    #[must_use]
    pub const fn new(step: u64) -> Option<Self> {
        if step >= 1 && step <= Self::MAX { Some(Self(step)) } else { None }
    }

    /// Draws a leap, eight bytes.
    pub fn random(rng: &mut dyn rand_core::CryptoRng) -> Self {
        let mut bytes = [0; 8];
        rng.fill_bytes(&mut bytes);
        Self((u64::from_be_bytes(bytes) & (Self::MAX - 1)) + 1)
    }

    /// The step.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

/// Why a snapshot describes no state that this crate could have been in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the snapshot is inconsistent: {0}")]
pub struct RestoreError(pub(crate) &'static str);

impl KeyRing {
    pub(crate) fn snapshot(&self) -> RingSnapshot {
        let Self {
            our_keyid,
            ours,
            their_keyid,
            their_newest,
            their_previous,
            pairs,
            counter,
            uses,
            head_start,
            epochs,
            reveal,
        } = self;
        let [our_newest, our_previous] = ours;
        RingSnapshot {
            our_keyid: *our_keyid,
            our_newest: KeyPairSnapshot::of(our_newest),
            our_previous: KeyPairSnapshot::of(our_previous),
            their_keyid: *their_keyid,
            their_newest: *their_newest.public(),
            their_previous: their_previous.as_ref().map(|key| *key.public()),
            pairs: pairs.each_ref().map(|row| row.each_ref().map(PairSnapshot::of)),
            counter: counter.saturating_sub(planted(Fault::CounterNotCommitted).into()),
            uses: uses.saturating_sub(planted(Fault::CounterNotCommitted).into()),
            head_start: *head_start,
            epochs: epochs.clone(),
            reveal: reveal.iter().cloned().collect(),
        }
    }

    /// The ring again, its send counter `leap` further; so are the counters that its two keys of ours begin with
    /// under later keys of the peer. Only keys that are drawn from now on begin at 1.
    pub(crate) fn restore(snapshot: RingSnapshot, leap: u64) -> Result<Self, RestoreError> {
        if snapshot.our_keyid < 2 || snapshot.their_keyid == 0 {
            return Err(RestoreError("keyids"));
        }
        if !snapshot.pairs.iter().flatten().all(|pair| pair.accepted.is_consistent()) {
            return Err(RestoreError("accepted counters"));
        }
        if snapshot.reveal.len() > MAX_PENDING_MAC_KEYS || snapshot.epochs.len() > 8 {
            return Err(RestoreError("list lengths"));
        }
        let before = snapshot.head_start;
        let live = if snapshot.our_keyid <= before.through.saturating_add(1) { before.counter } else { 0 };
        let head_start = match leap {
            0 => before,
            leap => HeadStart { through: snapshot.our_keyid, counter: live.saturating_add(leap) },
        };
        Ok(Self {
            our_keyid: snapshot.our_keyid,
            ours: [snapshot.our_newest.restore()?, snapshot.our_previous.restore()?],
            their_keyid: snapshot.their_keyid,
            their_newest: TheirKey::known(snapshot.their_newest),
            their_previous: snapshot.their_previous.map(TheirKey::known),
            pairs: snapshot.pairs.map(|row| row.map(PairSnapshot::restore)),
            counter: snapshot.counter.checked_add(leap).ok_or(RestoreError("send counter"))?,
            uses: snapshot.uses,
            head_start,
            epochs: snapshot.epochs,
            reveal: snapshot.reveal.into(),
        })
    }

    /// Draws our newest key anew (40 bytes) unless a message that announces it may have left. Says whether it did.
    pub(crate) fn renew_unannounced(&mut self, rng: &mut dyn rand_core::CryptoRng) -> bool {
        let sending = self.our_keyid.saturating_sub(1);
        if self.epochs.iter().any(|(ours, _)| *ours == sending) {
            return false;
        }
        let [newest, _] = &mut self.ours;
        *newest = DhKeyPair::generate(rng);
        let [pairs, _] = &mut self.pairs;
        *pairs = Default::default();
        true
    }
}

impl KeyPairSnapshot {
    fn of(pair: &DhKeyPair) -> Self {
        Self { secret: pair.secret().clone(), public: Some(*pair.public()) }
    }

    fn restore(self) -> Result<DhKeyPair, RestoreError> {
        match self.public {
            Some(public) => Ok(DhKeyPair::from_parts(self.secret, public)),
            None => DhKeyPair::from_secret(self.secret).ok_or(RestoreError("private D-H value")),
        }
    }
}

impl PairSnapshot {
    fn of(pair: &Pair) -> Self {
        let keys = pair.keys.get().map(|DataKeys { sending, receiving, extra }| PairKeysSnapshot {
            sending: sending.cipher.clone(),
            receiving: receiving.cipher.clone(),
            extra: extra.clone(),
        });
        Self { accepted: pair.accepted.clone(), keys }
    }

    fn restore(self) -> Pair {
        let keys = OnceLock::new();
        if let Some(PairKeysSnapshot { sending, receiving, extra }) = self.keys {
            let direction = |cipher| DirectionKeys { mac: MacKey::of_cipher(&cipher), cipher };
            let _ = keys.set(DataKeys { sending: direction(sending), receiving: direction(receiving), extra });
        }
        Pair { keys, accepted: self.accepted }
    }
}

impl fmt::Debug for PairKeysSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sending: _, receiving: _, extra: _ } = self;
        f.write_str("PairKeysSnapshot(..)")
    }
}

/// A [`RetainedPair`] at rest.
#[derive(Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RetainedSnapshot {
    /// Whose session the pair belonged to.
    pub origin: Origin,
    /// The peer's keyid.
    pub sender_keyid: u32,
    /// Our keyid.
    pub recipient_keyid: u32,
    /// AES key; the MAC key follows from it.
    pub cipher: SecretBytes<16>,
    /// Extra symmetric key.
    pub extra: SecretBytes<32>,
    /// The counters accepted under the pair.
    pub accepted: Accepted,
}

impl RetainedPair {
    /// The pair as plain data.
    #[must_use]
    pub fn snapshot(&self) -> RetainedSnapshot {
        let Self { origin, sender_keyid, recipient_keyid, cipher, mac: _, extra, accepted } = self;
        RetainedSnapshot {
            origin: *origin,
            sender_keyid: *sender_keyid,
            recipient_keyid: *recipient_keyid,
            cipher: cipher.clone(),
            extra: extra.clone(),
            accepted: accepted.clone(),
        }
    }

    /// The pair again.
    ///
    /// # Errors
    /// [`RestoreError`] if the counters are inconsistent.
    pub fn restore(snapshot: RetainedSnapshot) -> Result<Self, RestoreError> {
        let RetainedSnapshot { origin, sender_keyid, recipient_keyid, cipher, extra, accepted } = snapshot;
        if !accepted.is_consistent() {
            return Err(RestoreError("accepted counters"));
        }
        let mac = MacKey::of_cipher(&cipher);
        Ok(Self { origin, sender_keyid, recipient_keyid, cipher, mac, extra, accepted })
    }
}

impl fmt::Debug for RetainedSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { origin, sender_keyid, recipient_keyid, cipher: _, extra: _, accepted } = self;
        f.debug_struct("RetainedSnapshot")
            .field("origin", origin)
            .field("sender_keyid", sender_keyid)
            .field("recipient_keyid", recipient_keyid)
            .field("accepted", accepted)
            .finish_non_exhaustive()
    }
}
