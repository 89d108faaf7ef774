//! The AKE with each device of the peer.

use core::time::Duration;
use std::sync::Arc;

use super::Peer;
use crate::ake::{Committed, Exchange, Reply};
use crate::limits::{MAX_INSTANCES, MAX_SESSIONS};
use crate::text;
use crate::wire::{Codec, Header, Route, Writer};
use crate::{InstanceTag, Timestamp, Version};

use super::Line;

/// How often a standing AKE is taken up again before we leave it to the users; even attempts restart it.
pub(super) const MAX_ATTEMPTS: u32 = 6;

/// A device of the peer that has taken part in an AKE.
#[derive(Debug)]
#[cfg_attr(feature = "copies", derive(Clone))]
pub(super) struct Contact {
    /// `None`: version 2.
    pub(super) instance: Option<InstanceTag>,
    pub(super) exchange: Exchange,
    /// To which tag our last commit went: a repetition must be the same bytes.
    pub(super) commit_to: Option<InstanceTag>,
    /// It has answered our open commit already, so it has no second try.
    pub(super) answered_open_commit: bool,
    /// How far the counter of the next session leaps, because this exchange was restored from a store.
    pub(super) leap: u64,
    /// The Reveal Signature that completed the last AKE and our answer, until the peer has shown that it
    /// received it.
    pub(super) last_signature: Option<LastSignature>,
    /// When a standing exchange is taken up again, and how often it was already.
    pub(super) retry: Option<Retry>,
    pub(super) last_heard: Timestamp,
}

#[derive(Clone, Debug)]
pub(super) struct LastSignature {
    /// SHA-256 of the body of the Reveal Signature.
    pub(super) answers: [u8; 32],
    pub(super) line: Arc<[u8]>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Retry {
    pub(super) at: Timestamp,
    pub(super) attempt: u32,
}

impl Retry {
    /// The attempt that follows when the exchange has gone on: the next that repeats and does not restart. The patience
    /// that has grown stays until the exchange is complete.
    pub(super) const fn after_a_step(self) -> u32 {
        let next = self.attempt | 1;
        if next < MAX_ATTEMPTS { next } else { MAX_ATTEMPTS - 1 }
    }
}

/// Our D-H Commit to whoever answers.
#[derive(Debug)]
#[cfg_attr(feature = "copies", derive(Clone))]
pub(super) struct OpenCommit {
    pub(super) version: Version,
    pub(super) committed: Committed,
    pub(super) sent: Timestamp,
    pub(super) leap: u64,
}

/// A D-H Key that a commit of ours was answered with.
///
/// The tags of an AKE are not authenticated: whoever carries the messages can show us one device's answers as those of
/// two. Both sessions would have one secret, and encrypt different texts with the same keys and counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// The hash of our g^x.
    pub(super) commit: [u8; 32],
    /// SHA-256 of the g^y.
    pub(super) key: [u8; 32],
}

impl Contact {
    fn new(instance: Option<InstanceTag>, now: Timestamp) -> Self {
        Self {
            instance,
            exchange: Exchange::None,
            commit_to: None,
            answered_open_commit: false,
            leap: 0,
            last_signature: None,
            retry: None,
            last_heard: now,
        }
    }

    pub(super) const fn version(&self) -> Version {
        if self.instance.is_some() { Version::V3 } else { Version::V2 }
    }
}

impl Peer {
    /// The contact of an instance; `None` if it has never taken part in an AKE.
    pub(super) fn contact(&self, instance: Option<InstanceTag>) -> Option<&Contact> {
        self.contacts.iter().find(|contact| contact.instance == instance)
    }

    /// The contact of an instance, made when missing. If there are too many, the one silent for longest makes room:
    /// of those without a session, else of those with nothing under way. A session needs its contact only for its
    /// next AKE, which makes it anew; so devices of the past never shut out a new one.
    pub(super) fn contact_mut(&mut self, instance: Option<InstanceTag>, now: Timestamp) -> Option<&mut Contact> {
        if self.contact(instance).is_none() {
            if self.contacts.len() >= MAX_INSTANCES {
                let worth = |contact: &Contact| {
                    let session = self.sessions.iter().any(|session| session.id().instance == contact.instance);
                    let under_way = !matches!(contact.exchange, Exchange::None);
                    (session, session && under_way, contact.last_heard)
                };
                let (least, _) = self.contacts.iter().enumerate().min_by_key(|(_, contact)| worth(contact))?;
                self.contacts.swap_remove(least);
            }
            self.contacts.push(Contact::new(instance, now));
        }
        self.contacts.iter_mut().find(|contact| contact.instance == instance)
    }

    /// Whether an answer to a commit of ours may be taken: once, and of no more devices than have a session.
    pub(super) fn is_first_of(&self, answer: &Answer) -> bool {
        let of_commit = || self.answers.iter().filter(|known| known.commit == answer.commit);
        of_commit().count() < MAX_SESSIONS && !of_commit().any(|known| known == answer)
    }

    /// Remembers an answer as long as its commit can have others.
    pub(super) fn remember_answer(&mut self, answer: Answer) {
        self.answers.push(answer);
        let Self { answers, contacts, open_commit, .. } = self;
        answers.retain(|known| {
            let stands = |exchange: &Exchange| exchange.own_commit_hash() == Some(known.commit);
            open_commit.as_ref().is_some_and(|open| open.committed.hash() == known.commit)
                || contacts.iter().any(|contact| stands(&contact.exchange))
        });
    }

    /// Whether an instance may be spoken to: it has a session or took part in an AKE.
    pub(super) fn knows(&self, instance: Option<InstanceTag>) -> bool {
        self.contact(instance).is_some() || self.sessions.iter().any(|session| session.id().instance == instance)
    }

    /// Whether an AKE with this device lacks only the peer's Signature: its first data messages may come before
    /// that.
    #[must_use]
    pub fn awaits_signature(&self, instance: Option<InstanceTag>) -> bool {
        self.contact(instance).is_some_and(|contact| matches!(contact.exchange, Exchange::AwaitingSignature(_)))
    }

    /// Whether an AKE is under way that the peer has answered, or that we began no longer than `within` ago.
    #[must_use]
    pub fn is_exchanging(&self, now: Timestamp, within: Duration) -> bool {
        let answered = self.contacts.iter().any(|contact| contact.retry.is_some());
        // A clock that was set back makes no commit younger than it is.
        let recent = |sent: Timestamp| sent <= now && now.since(sent) <= within;
        answered || self.open_commit.as_ref().is_some_and(|commit| recent(commit.sent))
    }

    /// A message of the AKE as a line.
    pub(super) fn ake_line(&self, version: Version, receiver: Option<InstanceTag>, reply: &Reply) -> Line {
        let route = match version {
            Version::V2 => Route::V2,
            Version::V3 => Route::V3 { sender: self.own_instance(), receiver },
        };
        let mut writer = Writer::with_capacity(reply.body.len() + 11);
        Header { route, kind: reply.kind }.encode(&mut writer);
        writer.raw(&reply.body);
        Line { bytes: text::armour(&writer.into_bytes()), route: Some(route) }
    }
}
