//! The user's word: end, trust, release.

use o2tr_ekm::record::{TextState, TrustLevel, TrustRecord, WasPrivate};
use otr_core::Timestamp;
use otr_core::dsa::Fingerprint;
use rand_core::CryptoRng;

use super::Conversation;

impl Conversation {
    /// Ends the private conversation: the peer is told, all keys are forgotten, texts that wait are held until the
    /// user [releases](Self::release) or cancels them, and what is typed next is no longer private. At the threshold
    /// nothing is sent: the peer learns of it from the reply to its next message.
    pub fn end(&mut self, now: Timestamp, rng: &mut dyn CryptoRng) {
        if self.poisoned {
            return;
        }
        let ssids: Vec<_> = self.sessions.iter().map(|record| record.ssid).collect();
        self.peer.end(now);
        self.absorb(now, rng);
        for ssid in ssids {
            self.settle_in_flight(ssid, |_, flight| !flight.transmitted);
        }
        self.sessions.clear();
        self.retained.clear();
        self.early.clear();
        self.controls.clear();
        self.was_private = None;
        self.quarantined = false;
        for text in &mut self.outbox {
            // Written for a private conversation: it does not leave in clear, but waits for the user's word.
            if text.address.is_some() && text.state == TextState::Queued {
                text.state = TextState::HeldForTrust;
            }
        }
        self.touch_and_retire();
        self.finish_turn(now, rng);
    }

    /// What the user thinks of a key.
    pub fn set_trust(&mut self, fingerprint: Fingerprint, level: TrustLevel, now: Timestamp, rng: &mut dyn CryptoRng) {
        if self.poisoned {
            return;
        }
        match self.trust.iter_mut().find(|known| known.fingerprint == fingerprint) {
            Some(known) => known.level = level,
            None => self.trust.push(TrustRecord { fingerprint, level, highest_version: 0, first_seen: now }),
        }
        self.touch();
        self.finish_turn(now, rng);
    }

    /// What the user thinks of the key of the present session, or of a given one.
    #[must_use]
    pub fn trust_in(&self, fingerprint: &Fingerprint) -> TrustLevel {
        self.trust.iter().find(|known| known.fingerprint == *fingerprint).map_or_else(TrustLevel::default, |t| t.level)
    }

    /// All keys of the peer that were ever seen.
    #[must_use]
    pub fn trust(&self) -> &[TrustRecord] {
        &self.trust
    }

    /// Texts that are held, because another key answered or because the peer could not prove that it was the other
    /// end before, may go to the key of the present session.
    pub fn release(&mut self, now: Timestamp, rng: &mut dyn CryptoRng) {
        if self.poisoned {
            return;
        }
        let Some(current) = self.peer.current() else { return };
        for text in &mut self.outbox {
            if !matches!(text.state, TextState::InFlight(_)) {
                text.state = TextState::Queued;
                text.address = Some(current.fingerprint);
            }
        }
        self.was_private = Some(WasPrivate { fingerprint: current.fingerprint });
        self.touch();
        self.finish_turn(now, rng);
    }
}
