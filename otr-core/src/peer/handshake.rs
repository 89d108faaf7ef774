//! Messages of the AKE, and what a complete one changes.

use std::collections::VecDeque;

use rand_core::CryptoRng;
use sha2::{Digest, Sha256};

use super::contact::{Answer, LastSignature, OpenCommit, Retry};
use super::session::{Live, Phase, Session};
use super::{Established, Event, Output, Peer, Rejection};
use crate::ake::{Completed, Exchange, FIRST_KEYID, Fault, Refusal, Step};
use crate::ratchet::{KeyRing, Origin, SessionId};
use crate::smp::{Smp, SmpEvent};
use crate::wire::{Codec, DhCommit, DhKey, EncryptedSignature, Header, MessageType, RevealSignature, Route};
use crate::{InstanceTag, Timestamp, Version};

/// How many completed commits are remembered.
const MAX_SPENT_COMMITS: usize = 32;

impl Peer {
    /// Offers a session to all devices of the peer by a D-H Commit, whatever the present state: an AKE under
    /// way is dropped, sessions stay until the new one is complete. Draws 40 and 16 bytes.
    pub fn open_exchange(&mut self, version: Version, now: Timestamp, rng: &mut dyn CryptoRng) {
        let (committed, reply) = Exchange::start(rng);
        for contact in &mut self.contacts {
            if contact.version() == version {
                contact.exchange = Exchange::None;
                contact.answered_open_commit = false;
                contact.retry = None;
            }
        }
        let line = self.ake_line(version, None, &reply);
        self.open_commit = Some(OpenCommit { version, committed, sent: now, leap: 0 });
        self.transmit(line);
    }

    /// Renews the session with one device of the peer by a D-H Commit to it alone. Draws 40 and 16 bytes.
    pub fn renew_exchange(&mut self, instance: InstanceTag, now: Timestamp, rng: &mut dyn CryptoRng) {
        self.commit_to(Some(instance), now, rng);
    }

    pub(super) fn commit_to(&mut self, instance: Option<InstanceTag>, now: Timestamp, rng: &mut dyn CryptoRng) {
        let (committed, reply) = Exchange::start(rng);
        let version = if instance.is_some() { Version::V3 } else { Version::V2 };
        let line = self.ake_line(version, instance, &reply);
        let Some(contact) = self.contact_mut(instance, now) else { return };
        contact.exchange = Exchange::AwaitingDhKey(committed);
        contact.commit_to = instance;
        contact.answered_open_commit = true;
        contact.leap = 0;
        self.transmit(line);
    }

    pub(super) fn handle_ake(&mut self, header: Header, body: &[u8], now: Timestamp, rng: &mut dyn CryptoRng) {
        let route = header.route;
        let instance = route.sender();
        let opens = matches!(header.kind, MessageType::DhCommit | MessageType::DhKey);
        if !opens && !self.knows(instance) {
            return self.reject_quietly(Rejection::UnknownInstance);
        }
        let exchange = self.effective_exchange(route, header.kind, now);
        let mut answer = None;
        let step = match header.kind {
            MessageType::DhCommit => match DhCommit::from_bytes(body) {
                Ok(commit) if exchange.has_sent(&commit) => return self.reject_on(route, Rejection::Reflected),
                Ok(commit) if self.is_spent(&commit, &exchange) => {
                    return self.reject_on(route, Rejection::AkeReplay);
                }
                Ok(commit) => {
                    if exchange.outranks(&commit) {
                        self.spend(commit.hashed_gx);
                    }
                    Ok(exchange.handle_commit(commit, rng))
                }
                Err(error) => Err(error.into()),
            },
            MessageType::DhKey => match DhKey::from_bytes(body) {
                Ok(key) => {
                    let key_hash = Sha256::digest(key.gy.to_bytes()).into();
                    answer = exchange.own_commit_hash().map(|commit| Answer { commit, key: key_hash });
                    if answer.as_ref().is_some_and(|answer| !self.is_first_of(answer)) {
                        return self.reject_on(route, Rejection::AkeReplay);
                    }
                    exchange.handle_key(key, self.identity.key(), rng)
                }
                Err(error) => Err(error.into()),
            },
            MessageType::RevealSignature => RevealSignature::from_bytes(body)
                .map_err(Refusal::from)
                .and_then(|message| exchange.handle_reveal(&message, self.identity.key(), rng)),
            MessageType::Signature => EncryptedSignature::from_bytes(body)
                .map_err(Refusal::from)
                .and_then(|message| exchange.handle_signature(&message)),
            // Dealt with elsewhere.
            MessageType::Data => return,
        };
        match step {
            Ok(step) => {
                self.take_step(header, body, &exchange, step, now, rng);
                if let Some(answer) = answer {
                    self.remember_answer(answer);
                }
            }
            Err(Refusal::Stray)
                if header.kind == MessageType::RevealSignature && self.repeat_signature(instance, body) => {}
            Err(Refusal::Stray) => self.reject_on(route, Rejection::AkeStray),
            Err(Refusal::Fault(Fault::Reflected)) => self.reject_on(route, Rejection::Reflected),
            // libotr is silent here, and so is the event: it may be a late message of an AKE we dropped.
            Err(Refusal::Fault(Fault::WrongCommitment)) => self.reject_quietly(Rejection::AkeFailed),
            Err(Refusal::Fault(Fault::Malformed(_) | Fault::Unauthentic | Fault::Unusable)) => {
                self.reject_on(route, Rejection::AkeFailed);
            }
        }
    }

    /// The exchange that a message from this instance meets: its own, or else our open commit, which every
    /// device may answer once.
    fn effective_exchange(&self, route: Route, kind: MessageType, now: Timestamp) -> Exchange {
        let contact = self.contact(route.sender());
        let own = contact.map_or(Exchange::None, |contact| contact.exchange.clone());
        let open = matches!(kind, MessageType::DhCommit | MessageType::DhKey)
            && matches!(own, Exchange::None)
            && !contact.is_some_and(|contact| contact.answered_open_commit);
        match &self.open_commit {
            Some(commit) if open && commit.version == route.version() && !self.is_stale(commit, now) => {
                Exchange::AwaitingDhKey(commit.committed.clone())
            }
            Some(_) | None => own,
        }
    }

    pub(super) fn is_stale(&self, commit: &OpenCommit, now: Timestamp) -> bool {
        now.since(commit.sent) > self.settings.commit_lifetime
    }

    /// A commit that has led to a session, or one that our own has outranked; as long as ours is unanswered, that
    /// one may come again and gets ours again.
    fn is_spent(&self, commit: &DhCommit, exchange: &Exchange) -> bool {
        self.spent_commits.contains(&commit.hashed_gx) && !exchange.outranks(commit)
    }

    fn take_step(
        &mut self,
        header: Header,
        body: &[u8],
        before: &Exchange,
        step: Step,
        now: Timestamp,
        rng: &mut dyn CryptoRng,
    ) {
        let instance = header.route.sender();
        let open_leap = self.open_commit.as_ref().map_or(0, |commit| commit.leap);
        // A step forward is repeated first, but no sooner than the peer has shown to need.
        let attempt = self.contact(instance).and_then(|contact| contact.retry).map_or(1, Retry::after_a_step);
        let retry = self.next_retry(&step.next, attempt, now, rng);
        let Some(contact) = self.contact_mut(instance, now) else {
            return self.reject_on(header.route, Rejection::UnknownInstance);
        };
        let from_open = matches!(before, Exchange::AwaitingDhKey(_)) && matches!(contact.exchange, Exchange::None);
        if from_open {
            contact.answered_open_commit = true;
            contact.commit_to = None;
            contact.leap = open_leap;
        } else if matches!(before, Exchange::None) {
            contact.leap = 0;
        }
        contact.last_heard = now;
        contact.exchange = step.next;
        contact.retry = retry;
        let leap = contact.leap;
        let commit_to = contact.commit_to;
        let reply = step.reply.map(|reply| {
            let receiver = if reply.kind == MessageType::DhCommit { commit_to } else { instance };
            self.ake_line(header.route.version(), receiver, &reply)
        });
        if let (Some(_), Some(line), Some(contact)) = (&step.completed, &reply, self.contact_mut(instance, now)) {
            let answers = Sha256::digest(body).into();
            contact.last_signature = Some(LastSignature { answers, line: line.bytes.as_slice().into() });
        }
        if let Some(line) = reply {
            self.transmit(line);
        }
        if let Some(completed) = step.completed {
            if let Some(hash) = before.commit_hash() {
                self.spend(hash);
            }
            self.establish(header.route, *completed, leap, now, rng);
        }
    }

    fn spend(&mut self, hash: [u8; 32]) {
        if self.spent_commits.contains(&hash) {
            return;
        }
        if self.spent_commits.len() >= MAX_SPENT_COMMITS {
            self.spent_commits.pop_front();
        }
        self.spent_commits.push_back(hash);
    }

    /// The exact Reveal Signature that completed the last AKE came again: our Signature was lost.
    fn repeat_signature(&mut self, instance: Option<InstanceTag>, body: &[u8]) -> bool {
        let answers: [u8; 32] = Sha256::digest(body).into();
        let Some(contact) = self.contact(instance) else { return false };
        let Some(last) = contact.last_signature.as_ref().filter(|last| last.answers == answers) else { return false };
        let version = contact.version();
        let bytes = last.line.to_vec();
        let route = match version {
            Version::V2 => Route::V2,
            Version::V3 => Route::V3 { sender: self.own_instance(), receiver: instance },
        };
        self.transmit(super::Line { bytes, route: Some(route) });
        true
    }

    fn establish(&mut self, route: Route, completed: Completed, leap: u64, now: Timestamp, rng: &mut dyn CryptoRng) {
        let Completed { ssid, revealed, their_key, their_keyid, their_dh, ours, secret } = completed;
        let fingerprint = their_key.fingerprint();
        let exporter = secret.h2(0xfe);
        let id = SessionId { version: route.version(), instance: route.sender(), fingerprint };
        let mut ring = KeyRing::new((FIRST_KEYID, ours), (their_keyid, their_dh), &secret, leap, rng);
        let before = self.sessions.iter().position(|session| session.id() == id);
        let mut renewed = false;
        let mut last_text = None;
        if let Some(before) = before.map(|index| self.sessions.swap_remove(index)) {
            last_text = before.last_text;
            if let Phase::Encrypted(live) = before.phase {
                renewed = true;
                let (retired, reveal) = self.dissolve(*live, &before.origin);
                ring.reveal_later(reveal);
                self.outputs.extend(retired);
            }
        }
        let origin = Origin { session: id, ssid };
        let phase = Phase::Encrypted(Box::new(Live { ring, smp: Smp::default() }));
        self.sessions.push(Session {
            origin,
            revealed,
            phase,
            established: now,
            last_sent: now,
            last_verified: None,
            last_text,
        });
        self.evict_sessions();
        self.emit(Event::Established(Established { session: id, ssid, revealed, renewed, exporter }));
        self.resend_after(id, now);
        self.release_held(id, now);
    }

    /// Takes a session's keys apart: what stays readable, and which MAC keys may be revealed.
    pub(super) fn dissolve(
        &mut self,
        mut live: Live,
        origin: &Origin,
    ) -> (Vec<Output>, VecDeque<crate::ratchet::RevealedMacKey>) {
        if live.smp.reset() {
            self.emit(Event::Smp { session: origin.session, event: SmpEvent::Aborted, trust: None });
        }
        let (retired, reveal) = live.ring.dissolve(self.settings.receive, origin);
        (retired.into_iter().map(Output::Retired).collect(), reveal)
    }

    /// More keys of one peer than any honest one has: those that never sent anything go first.
    fn evict_sessions(&mut self) {
        while self.sessions.len() > crate::limits::MAX_SESSIONS {
            let newest = self.sessions.len() - 1;
            let victim = self
                .sessions
                .iter()
                .enumerate()
                .filter(|(index, _)| *index != newest)
                .min_by_key(|(_, session)| (session.last_verified.is_some(), session.last_heard()))
                .map(|(index, _)| index);
            match victim {
                Some(index) => drop(self.sessions.remove(index)),
                None => return,
            }
        }
    }
}
