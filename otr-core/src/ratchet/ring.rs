//! The key ring of a session: two own keys, up to two of the peer's, the four pairs between them.
//!
//! Place `(i, j)` is our key `our_keyid - i` with the peer's key `their_keyid - j`.

use std::collections::VecDeque;
use std::sync::OnceLock;

use rand_core::CryptoRng;

use super::accepted::{Accepted, Freshness, GapClosed, ReceivePolicy};
use super::keys::{DataKeys, RevealedMacKey, decrypt};
use super::retained::{Origin, Probe, RetainedPair};
use super::their_key::TheirKey;
use crate::SecretBytes;
use crate::dh::{DhKeyPair, SharedSecret};
use crate::group::GroupElement;
use crate::limits::MAX_PENDING_MAC_KEYS;
use crate::planted::{Fault, planted};
use crate::wire::{Content, DataMessage};

/// The place of the pair that sends: our previous key, the peer's newest.
const SENDING: Place = (1, 0);

/// (0 newest or 1 previous of ours, 0 newest or 1 previous of the peer's).
type Place = (usize, usize);

/// The ratchet of one session.
#[derive(Clone, Debug)]
pub(crate) struct KeyRing {
    pub(super) our_keyid: u32,
    pub(super) ours: [DhKeyPair; 2],
    pub(super) their_keyid: u32,
    pub(super) their_newest: TheirKey,
    pub(super) their_previous: Option<TheirKey>,
    pub(super) pairs: [[Pair; 2]; 2],
    /// Counter of the last message sent under the sending pair: `uses`, how far the session has leapt, and (policy
    /// Window) what our sending key has used with earlier keys of the peer.
    pub(super) counter: u64,
    /// Messages sent under the sending pair.
    pub(super) uses: u32,
    /// Where the counters of stored keys begin.
    pub(super) head_start: HeadStart,
    /// (our keyid, peer's keyid) of every pair we sent under, and of the AKE, as long as it matters.
    pub(super) epochs: Vec<(u32, u32)>,
    /// MAC keys that the next message reveals.
    pub(super) reveal: VecDeque<RevealedMacKey>,
}

/// Our keys up to a keyid were in a store, and a copy of that store may be in use: under each new key of the peer
/// their counters begin where no copy's do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct HeadStart {
    /// The last keyid of ours that it is for; 0 if it is for none.
    pub through: u32,
    /// The counter of the last message that may have been sent before.
    pub counter: u64,
}

/// Derived keys, computed when first needed, and what was received under them.
#[derive(Clone, Debug, Default)]
pub(super) struct Pair {
    pub(super) keys: OnceLock<DataKeys>,
    pub(super) accepted: Accepted,
}

/// A message that was read, and what followed from it.
pub(crate) struct Opened {
    pub(crate) content: Content,
    /// The extra symmetric key of the message's pair.
    pub(crate) extra: SecretBytes<32>,
    /// Pairs that the rotation left behind (policy Window).
    pub(crate) retired: Vec<RetainedPair>,
    pub(crate) gap: Option<GapClosed>,
    /// Our sending key changed: the peer has shown that it holds a newer key of ours, or brought one.
    pub(crate) advanced: bool,
    /// A keyid has reached its end: only a new AKE brings new keys.
    pub(crate) exhausted: bool,
}

/// Why a message was not read. Nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    KeyidsOut,
    BadMac,
    Seen {
        same: bool,
    },
    /// The peer announces one of our own keys, or one of its present ones, as its next.
    KnownKey,
}

impl KeyRing {
    /// The ring after an AKE: our AKE key is the previous one already, a new one is drawn (40 bytes).
    /// `leap`: where the send counter starts; above 0 if the AKE was restored from a store.
    pub(crate) fn new(
        (our_keyid, ours): (u32, DhKeyPair),
        (their_keyid, theirs): (u32, GroupElement),
        secret: &SharedSecret,
        leap: u64,
        rng: &mut dyn CryptoRng,
    ) -> Self {
        let pairs: [[Pair; 2]; 2] = Default::default();
        // The AKE's secret is that of the sending pair: nothing is computed twice.
        let keys = DataKeys::derive(secret, *ours.public() > theirs);
        if let Some(pair) = pairs.get(SENDING.0).and_then(|row| row.get(SENDING.1)) {
            let _ = pair.keys.set(keys);
        }
        Self {
            our_keyid: our_keyid.saturating_add(1),
            ours: [DhKeyPair::generate(rng), ours],
            their_keyid,
            their_newest: TheirKey::known(theirs),
            their_previous: None,
            pairs,
            counter: leap,
            uses: 0,
            head_start: HeadStart { through: our_keyid, counter: leap },
            epochs: vec![(our_keyid.saturating_sub(1), their_keyid)],
            reveal: VecDeque::new(),
        }
    }

    pub(crate) const fn our_keyid(&self) -> u32 {
        self.our_keyid
    }

    pub(crate) const fn their_keyid(&self) -> u32 {
        self.their_keyid
    }

    pub(crate) const fn uses(&self) -> u32 {
        self.uses
    }

    /// The extra symmetric key of the pair that would send now.
    pub(crate) fn sending_extra_key(&self) -> SecretBytes<32> {
        self.sending_keys().extra.clone()
    }

    /// Computes the sending pair's keys now, so that the next message finds them.
    pub(crate) fn prepare(&self) {
        let _ = self.sending_keys();
    }

    pub(super) fn sending_keys(&self) -> &DataKeys {
        let [_, [pair, _]] = &self.pairs;
        pair.keys.get_or_init(|| DataKeys::of_pair(&self.ours[1], &self.their_newest))
    }

    /// What `message` is to this ring. Computes and caches keys, changes nothing.
    pub(crate) fn probe(&self, message: &DataMessage<'_>, policy: ReceivePolicy) -> Probe {
        match self.check(message, policy) {
            Ok(_) => Probe::Fresh,
            Err(Refused::KeyidsOut | Refused::KnownKey) => Probe::KeyidsOut,
            Err(Refused::BadMac) => Probe::BadMac,
            Err(Refused::Seen { same }) => Probe::Seen { same },
        }
    }

    /// Reads `message`, records it and rotates. A rotation of our own keys draws 40 bytes.
    pub(crate) fn open(
        &mut self,
        message: &DataMessage<'_>,
        policy: ReceivePolicy,
        origin: &Origin,
        rng: &mut dyn CryptoRng,
    ) -> Result<Opened, Refused> {
        let (place, keys) = self.check(message, policy)?;
        let content = decrypt(&keys.receiving.cipher, message);
        let extra = keys.extra.clone();
        // From here on everything succeeds.
        let gap = self.pair_mut(place).accepted.insert(message.counter, &message.authenticator, policy);
        let ours_next = (place.0 == 0).then(|| self.our_keyid.checked_add(1));
        let theirs_next = (place.1 == 0).then(|| self.their_keyid.checked_add(1));
        let exhausted = matches!(ours_next, Some(None)) || matches!(theirs_next, Some(None));
        let mut retired = Vec::new();
        let mut advanced = false;
        let mut ours_turned = false;
        if let Some(Some(keyid)) = ours_next {
            retired.extend(self.rotate_ours(keyid, policy, origin, rng));
            (advanced, ours_turned) = (true, true);
        }
        if let Some(Some(keyid)) = theirs_next {
            retired.extend(self.rotate_theirs(keyid, message.next_dh, policy, origin));
            advanced = true;
        }
        if advanced {
            let begin = self.first_counter();
            self.counter = match policy {
                // A peer that brings an old key back brings a pair back that we have sent under, unless our key is new.
                ReceivePolicy::Window if !ours_turned => self.counter.max(begin),
                ReceivePolicy::Window | ReceivePolicy::Strict => begin,
            };
            self.uses = 0;
            self.forget_epochs();
        }
        Ok(Opened { content, extra, retired, gap, advanced, exhausted })
    }

    /// Ends the ring. Policy Window: every pair under which something of the peer may still be under way.
    /// Policy Strict: none; used MAC keys move to the list that is returned second.
    pub(crate) fn dissolve(
        mut self,
        policy: ReceivePolicy,
        origin: &Origin,
    ) -> (Vec<RetainedPair>, VecDeque<RevealedMacKey>) {
        let retired = self.leave([(0, 0), (0, 1), (1, 0), (1, 1)], policy, origin);
        (retired, core::mem::take(&mut self.reveal))
    }

    /// The counter behind which the sending pair begins.
    pub(super) const fn first_counter(&self) -> u64 {
        if self.our_keyid <= self.head_start.through.saturating_add(1) { self.head_start.counter } else { 0 }
    }

    /// Adds MAC keys to those that the next message reveals.
    pub(crate) fn reveal_later(&mut self, keys: impl IntoIterator<Item = RevealedMacKey>) {
        self.reveal.extend(keys);
        while self.reveal.len() > MAX_PENDING_MAC_KEYS {
            self.reveal.pop_front();
        }
    }

    /// Keyids, MAC, counter, next key: in this order.
    fn check(&self, message: &DataMessage<'_>, policy: ReceivePolicy) -> Result<(Place, &DataKeys), Refused> {
        let place = self.place(message).ok_or(Refused::KeyidsOut)?;
        let keys = self.keys(place).ok_or(Refused::KeyidsOut)?;
        let authentic = keys.receiving.mac.verifies(message.authenticated, &message.authenticator);
        if !authentic && !planted(Fault::MacSkipped) {
            return Err(Refused::BadMac);
        }
        match self.pair(place).accepted.judge(message.counter, &message.authenticator, policy) {
            Freshness::Seen { same } => return Err(Refused::Seen { same }),
            Freshness::Fresh => {}
        }
        // A known key of the peer as its next would bring back a pair whose counters we have used.
        let repeated = place.1 == 0
            && [Some(&self.their_newest), self.their_previous.as_ref()]
                .into_iter()
                .flatten()
                .any(|known| *known.public() == message.next_dh);
        if repeated || self.ours.iter().any(|pair| *pair.public() == message.next_dh) {
            return Err(Refused::KnownKey);
        }
        Ok((place, keys))
    }

    fn place(&self, message: &DataMessage<'_>) -> Option<Place> {
        if message.sender_keyid == 0 || message.recipient_keyid == 0 || message.counter == 0 {
            return None;
        }
        let index = |newest: u32, keyid: u32| match newest.checked_sub(keyid)? {
            0 => Some(0),
            1 => Some(1),
            _ => None,
        };
        Some((index(self.our_keyid, message.recipient_keyid)?, index(self.their_keyid, message.sender_keyid)?))
    }

    fn pair(&self, (i, j): Place) -> &Pair {
        let [newest, previous] = &self.pairs;
        let row = if i == 0 { newest } else { previous };
        let [first, second] = row;
        if j == 0 { first } else { second }
    }

    fn pair_mut(&mut self, (i, j): Place) -> &mut Pair {
        let [newest, previous] = &mut self.pairs;
        let row = if i == 0 { newest } else { previous };
        let [first, second] = row;
        if j == 0 { first } else { second }
    }

    /// The keys of a place, computed at the first use; `None` where the peer's previous key is unknown.
    fn keys(&self, place: Place) -> Option<&DataKeys> {
        let [newest, previous] = &self.ours;
        let ours = if place.0 == 0 { newest } else { previous };
        let theirs = if place.1 == 0 { Some(&self.their_newest) } else { self.their_previous.as_ref() }?;
        Some(self.pair(place).keys.get_or_init(|| DataKeys::of_pair(ours, theirs)))
    }

    fn rotate_ours(
        &mut self,
        keyid: u32,
        policy: ReceivePolicy,
        origin: &Origin,
        rng: &mut dyn CryptoRng,
    ) -> Vec<RetainedPair> {
        let retired = self.leave([(1, 0), (1, 1)], policy, origin);
        let [newest, previous] = &mut self.pairs;
        *previous = core::mem::take(newest);
        self.ours.swap(0, 1);
        let [newest, _] = &mut self.ours;
        *newest = DhKeyPair::generate(rng);
        self.our_keyid = keyid;
        retired
    }

    fn rotate_theirs(
        &mut self,
        keyid: u32,
        next_dh: GroupElement,
        policy: ReceivePolicy,
        origin: &Origin,
    ) -> Vec<RetainedPair> {
        let retired = self.leave([(0, 1), (1, 1)], policy, origin);
        for [newest, previous] in &mut self.pairs {
            *previous = core::mem::take(newest);
        }
        self.their_previous = Some(core::mem::replace(&mut self.their_newest, TheirKey::announced(next_dh)).retired());
        self.their_keyid = keyid;
        retired
    }

    /// Deals with pairs that are about to be forgotten: their MAC keys are revealed (Strict), or the pairs
    /// stay readable (Window).
    fn leave<const N: usize>(
        &mut self,
        places: [Place; N],
        policy: ReceivePolicy,
        origin: &Origin,
    ) -> Vec<RetainedPair> {
        let mut retired = Vec::new();
        for place in places {
            let used = self.pair(place).accepted.is_used();
            let keyids = (self.their_keyid.wrapping_sub(place.1 as u32), self.our_keyid.wrapping_sub(place.0 as u32));
            let wanted = match policy {
                ReceivePolicy::Strict => used,
                ReceivePolicy::Window => used || self.may_be_under_way(keyids),
            };
            let Some(keys) = wanted.then(|| self.keys(place).cloned()).flatten() else { continue };
            let accepted = core::mem::take(&mut self.pair_mut(place).accepted);
            match policy {
                ReceivePolicy::Strict => self.reveal_later([keys.receiving.mac.reveal()]),
                ReceivePolicy::Window => {
                    if planted(Fault::RevealedTooEarly) && used {
                        self.reveal_later([keys.receiving.mac.clone().reveal()]);
                    }
                    retired.push(RetainedPair::new(*origin, keyids, &keys, accepted));
                }
            }
        }
        retired
    }

    /// Whether the peer can have sent under this pair: it uses our key R with its key S only after it has
    /// read a message of ours from key R-1 to key S, or straight after the AKE.
    fn may_be_under_way(&self, (theirs, ours): (u32, u32)) -> bool {
        ours.checked_sub(1).is_some_and(|before| self.epochs.contains(&(before, theirs)))
    }

    /// Epochs older than any pair that is still here say nothing any more.
    fn forget_epochs(&mut self) {
        let (ours, theirs) = (self.our_keyid.saturating_sub(2), self.their_keyid.saturating_sub(1));
        self.epochs.retain(|&(our, their)| our >= ours && their >= theirs);
    }
}
