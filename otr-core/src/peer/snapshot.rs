//! A peer at rest: plain data that a store can keep, and the way back.

use std::collections::VecDeque;
use std::sync::Arc;

use zeroize::{Zeroize, ZeroizeOnDrop};

use super::contact::{Answer, Contact, LastSignature, OpenCommit, Retry};
use super::session::{LastText, Live, Phase, Session};
use super::{Held, Identity, MAX_HELD_TEXTS, Offer, Peer, Settings};
use crate::ake::{Exchange, ExchangeSnapshot};
use crate::fragment::{Assembler, AssemblerSnapshot};
use crate::limits::{MAX_INSTANCES, MAX_SESSIONS};
use crate::planted::{Fault, planted};
use crate::ratchet::{KeyRing, Leap, Origin, RestoreError, RingSnapshot, SessionId};
use crate::secret::SecretVec;
use crate::smp::{Smp, SmpState};
use crate::{InstanceTag, Timestamp, Version};

/// The complete state of a [`Peer`], except who we are and how we behave.
///
/// It holds secrets; whoever stores it seals it. Outputs that were not polled are not part of it.
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct PeerSnapshot {
    /// All sessions.
    pub sessions: Vec<SessionSnapshot>,
    /// The AKE with each device.
    pub contacts: Vec<ContactSnapshot>,
    /// Our D-H Commit to any device.
    pub open_commit: Option<OpenCommitSnapshot>,
    /// Commits that have led to a session.
    pub spent_commits: Vec<[u8; 32]>,
    /// What has answered a commit of ours that can still be answered.
    pub answers: Vec<AnswerSnapshot>,
    /// Fragments that wait for the rest.
    pub fragments: AssemblerSnapshot,
    /// Whether plaintext carries a tag.
    pub offer: Offer,
    /// Texts that wait for a session.
    pub held: Vec<HeldText>,
}

/// A text of the user that has not left, wiped on drop.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct HeldText(pub Vec<u8>);

impl core::fmt::Debug for HeldText {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "HeldText({} bytes)", self.0.len())
    }
}

/// One session.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SessionSnapshot {
    /// Its name and ssid.
    pub origin: Origin,
    /// Whether we sent the Reveal Signature.
    pub revealed: bool,
    /// Its keys, or that they are gone.
    pub phase: PhaseSnapshot,
    /// When its AKE was complete.
    pub established: Timestamp,
    /// When we last sent in it, its AKE included.
    pub last_sent: Timestamp,
    /// When its last authentic message arrived.
    pub last_verified: Option<Timestamp>,
    /// The last text sent.
    pub last_text: Option<LastTextSnapshot>,
}

/// A text that may have to be sent again.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct LastTextSnapshot {
    /// The text.
    pub text: HeldText,
    /// Whether the peer has said that it could not read it.
    pub wanted: bool,
    /// When it was sent.
    pub sent: Timestamp,
}

/// What is left of a session's keys.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum PhaseSnapshot {
    /// All of it.
    Encrypted {
        /// The ratchet.
        ring: Box<RingSnapshot>,
        /// SMP.
        smp: SmpState,
    },
    /// Nothing: the peer has ended the session.
    Finished,
}

/// The AKE with one device.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ContactSnapshot {
    /// The device; `None` in version 2.
    pub instance: Option<InstanceTag>,
    /// Where the exchange stands.
    pub exchange: ExchangeSnapshot,
    /// To which tag our last commit went.
    pub commit_to: Option<InstanceTag>,
    /// Whether it has answered our open commit.
    pub answered_open_commit: bool,
    /// Where the send counter of the next session starts.
    pub leap: u64,
    /// SHA-256 of the Reveal Signature that completed the last AKE, and the line that answered it.
    pub last_signature: Option<([u8; 32], Vec<u8>)>,
    /// When the exchange is taken up again, and how often it was.
    pub retry: Option<(Timestamp, u32)>,
    /// When it was last heard of.
    pub last_heard: Timestamp,
}

/// A D-H Key that a commit of ours was answered with: none makes two sessions.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct AnswerSnapshot {
    /// SHA-256 of the MPI of our g^x.
    pub commit: [u8; 32],
    /// SHA-256 of the MPI of the g^y.
    pub key: [u8; 32],
}

/// A D-H Commit to any device.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct OpenCommitSnapshot {
    /// Its version.
    pub version: Version,
    /// Always [`ExchangeSnapshot::AwaitingDhKey`].
    pub exchange: ExchangeSnapshot,
    /// When it was sent.
    pub sent: Timestamp,
    /// Where the send counter of the sessions that come of it starts.
    pub leap: u64,
}

impl Peer {
    /// The whole state as plain data.
    #[must_use]
    pub fn snapshot(&self) -> PeerSnapshot {
        let Self {
            identity: _,
            settings: _,
            sessions,
            contacts,
            open_commit,
            spent_commits,
            answers,
            assembler,
            offer,
            held,
            outputs: _,
        } = self;
        PeerSnapshot {
            sessions: sessions.iter().map(SessionSnapshot::of).collect(),
            contacts: contacts.iter().map(ContactSnapshot::of).collect(),
            open_commit: open_commit.as_ref().map(OpenCommitSnapshot::of),
            spent_commits: spent_commits.iter().copied().collect(),
            answers: answers.iter().map(|&Answer { commit, key }| AnswerSnapshot { commit, key }).collect(),
            fragments: assembler.snapshot(),
            offer: *offer,
            held: held.iter().map(|Held(text)| HeldText(text.expose().to_vec())).collect(),
        }
    }

    /// After a restore: draws our newest key in a session anew (40 bytes), unless the peer may know it. What was in
    /// the store is then of no use to whoever has it, as soon as the peer uses the new one. Says whether it did.
    pub fn renew_unannounced(&mut self, id: SessionId, rng: &mut dyn rand_core::CryptoRng) -> bool {
        self.session_mut(id).and_then(Session::live_mut).is_some_and(|live| live.ring.renew_unannounced(rng))
    }

    /// A peer as it was when the snapshot was taken, the send counters of its sessions, and of those that come
    /// out of an AKE under way, `leap` further.
    ///
    /// `leap: None` only if it is certain that nothing was sent since and that there is no copy: for an object
    /// that is moved, not for one that was stored.
    ///
    /// # Errors
    /// [`RestoreError`] if the snapshot describes no possible state.
    pub fn restore(
        identity: Arc<Identity>,
        settings: Settings,
        snapshot: PeerSnapshot,
        leap: Option<Leap>,
    ) -> Result<Self, RestoreError> {
        let PeerSnapshot { sessions, contacts, open_commit, spent_commits, answers, fragments, offer, held } = snapshot;
        if sessions.len() > MAX_SESSIONS || contacts.len() > MAX_INSTANCES || held.len() > MAX_HELD_TEXTS {
            return Err(RestoreError("list lengths"));
        }
        let leap = leap.filter(|_| !planted(Fault::NoLeap)).map_or(0, Leap::get);
        Ok(Self {
            identity,
            settings,
            sessions: sessions.into_iter().map(|session| session.restore(leap)).collect::<Result<_, _>>()?,
            contacts: contacts.into_iter().map(|contact| contact.restore(leap)).collect::<Result<_, _>>()?,
            open_commit: open_commit.map(|commit| commit.restore(leap)).transpose()?,
            spent_commits: spent_commits.into_iter().take(32).collect(),
            answers: answers.into_iter().map(|AnswerSnapshot { commit, key }| Answer { commit, key }).collect(),
            assembler: Assembler::restore(fragments),
            offer,
            held: held.into_iter().map(|text| Held(SecretVec::new(text.0.clone()))).collect(),
            outputs: VecDeque::new(),
        })
    }
}

impl SessionSnapshot {
    fn of(session: &Session) -> Self {
        let Session { origin, revealed, phase, established, last_sent, last_verified, last_text } = session;
        let phase = match phase {
            Phase::Encrypted(live) => {
                let Live { ring, smp } = &**live;
                PhaseSnapshot::Encrypted { ring: Box::new(ring.snapshot()), smp: smp.snapshot() }
            }
            Phase::Finished => PhaseSnapshot::Finished,
        };
        let last_text = last_text.as_ref().map(|LastText { text, wanted, sent }| LastTextSnapshot {
            text: HeldText(text.expose().to_vec()),
            wanted: *wanted,
            sent: *sent,
        });
        Self {
            origin: *origin,
            revealed: *revealed,
            phase,
            established: *established,
            last_sent: *last_sent,
            last_verified: *last_verified,
            last_text,
        }
    }

    fn restore(self, leap: u64) -> Result<Session, RestoreError> {
        let Self { origin, revealed, phase, established, last_sent, last_verified, last_text } = self;
        if (origin.session.version == Version::V3) != origin.session.instance.is_some() {
            return Err(RestoreError("a tag where none may be, or none where one must be"));
        }
        let phase = match phase {
            PhaseSnapshot::Encrypted { ring, smp } => {
                let ring = KeyRing::restore(*ring, leap)?;
                Phase::Encrypted(Box::new(Live { ring, smp: Smp::restore(smp) }))
            }
            PhaseSnapshot::Finished => Phase::Finished,
        };
        let last_text = last_text.map(|LastTextSnapshot { text, wanted, sent }| LastText {
            text: SecretVec::new(text.0.clone()),
            wanted,
            sent,
        });
        Ok(Session { origin, revealed, phase, established, last_sent, last_verified, last_text })
    }
}

impl ContactSnapshot {
    fn of(contact: &Contact) -> Self {
        let Contact { instance, exchange, commit_to, answered_open_commit, leap, last_signature, retry, last_heard } =
            contact;
        Self {
            instance: *instance,
            exchange: exchange.snapshot(),
            commit_to: *commit_to,
            answered_open_commit: *answered_open_commit,
            leap: *leap,
            last_signature: last_signature.as_ref().map(|last| (last.answers, last.line.to_vec())),
            retry: retry.map(|Retry { at, attempt }| (at, attempt)),
            last_heard: *last_heard,
        }
    }

    fn restore(self, leap: u64) -> Result<Contact, RestoreError> {
        let exchange = Exchange::restore(self.exchange).map_err(|_| RestoreError("AKE"))?;
        Ok(Contact {
            instance: self.instance,
            exchange,
            commit_to: self.commit_to,
            answered_open_commit: self.answered_open_commit,
            leap: self.leap.saturating_add(leap),
            last_signature: self
                .last_signature
                .map(|(answers, line)| LastSignature { answers, line: line.into_boxed_slice().into() }),
            retry: self.retry.map(|(at, attempt)| Retry { at, attempt }),
            last_heard: self.last_heard,
        })
    }
}

impl OpenCommitSnapshot {
    fn of(commit: &OpenCommit) -> Self {
        let OpenCommit { version, committed, sent, leap } = commit;
        let exchange = Exchange::AwaitingDhKey(committed.clone()).snapshot();
        Self { version: *version, exchange, sent: *sent, leap: *leap }
    }

    fn restore(self, leap: u64) -> Result<OpenCommit, RestoreError> {
        match Exchange::restore(self.exchange) {
            Ok(Exchange::AwaitingDhKey(committed)) => Ok(OpenCommit {
                version: self.version,
                committed,
                sent: self.sent,
                leap: self.leap.saturating_add(leap),
            }),
            Ok(_) | Err(_) => Err(RestoreError("open commit")),
        }
    }
}
