//! Everything OTR knows about one peer: all its devices, all sessions, whatever is under way.
//!
//! A [`Peer`] takes lines ([`Peer::handle_line`]), wishes of the user ([`Peer::send`], [`Peer::start`],
//! [`Peer::end`], SMP) and the passing of time ([`Peer::handle_timeout`]). After each of them
//! [`Peer::poll_output`] is to be drained.

mod contact;
mod data;
mod handshake;
mod output;
mod probe;
mod receive;
mod resend;
mod send;
mod session;
mod settings;
mod smp;
mod snapshot;
mod timer;

use std::collections::VecDeque;
use std::sync::Arc;

use crate::fragment::Assembler;
use crate::ratchet::SessionId;
use crate::secret::SecretVec;
use crate::{InstanceTag, Timestamp};

use contact::{Answer, Contact, OpenCommit};
pub use output::{Established, Event, Line, Message, Output, Rejected, Rejection};
pub use probe::{claimed_sender, decode_data};
pub use send::SendError;
use session::{Phase, Session};
pub use settings::{ErrorTexts, Identity, Settings};
pub use smp::SmpSendError;
pub use snapshot::{
    AnswerSnapshot, ContactSnapshot, HeldText, LastTextSnapshot, OpenCommitSnapshot, PeerSnapshot, PhaseSnapshot,
    SessionSnapshot,
};

/// Texts held back by REQUIRE_ENCRYPTION, at most. One more is refused.
pub const MAX_HELD_TEXTS: usize = 64;

/// All of OTR with one peer of one account.
#[derive(Debug)]
#[cfg_attr(feature = "copies", derive(Clone))]
pub struct Peer {
    identity: Arc<Identity>,
    settings: Settings,
    sessions: Vec<Session>,
    /// Who has taken part in an AKE, by instance; version 2 has one without a tag.
    contacts: Vec<Contact>,
    /// Our D-H Commit to any device, while it can be answered.
    open_commit: Option<OpenCommit>,
    /// Commits that have led to a session: they are not answered again.
    spent_commits: VecDeque<[u8; 32]>,
    /// What has answered a commit of ours that can still be answered.
    answers: Vec<Answer>,
    assembler: Assembler,
    offer: Offer,
    held: Vec<Held>,
    outputs: VecDeque<Output>,
}

/// Whether our plaintext carries a whitespace tag.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Offer {
    /// None was sent yet, or one was and no answer came: it goes out with each plaintext.
    #[default]
    Open,
    /// The peer has answered in plaintext without a tag: it is not asked again.
    Rejected,
}

/// A text that waits for a session.
#[derive(Clone)]
struct Held(SecretVec);

impl core::fmt::Debug for Held {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Held({} bytes)", self.0.expose().len())
    }
}

/// What happens to a text that the user sends now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// No session: it leaves as it is, or waits for one.
    Plaintext,
    /// It leaves encrypted, in the session named by [`Peer::current`].
    Encrypted,
    /// The peer has ended the session: it does not leave.
    Finished,
}

impl Peer {
    /// A peer that nothing is known of.
    #[must_use]
    pub fn new(identity: Arc<Identity>, settings: Settings) -> Self {
        Self {
            identity,
            settings,
            sessions: Vec::new(),
            contacts: Vec::new(),
            open_commit: None,
            spent_commits: VecDeque::new(),
            answers: Vec::new(),
            assembler: Assembler::default(),
            offer: Offer::default(),
            held: Vec::new(),
            outputs: VecDeque::new(),
        }
    }

    /// Who we are.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// How we behave. May be changed at any time; what is under way goes on.
    pub const fn settings_mut(&mut self) -> &mut Settings {
        &mut self.settings
    }

    /// How we behave.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The next output; `None` when all is done. Call until `None` after each call that changes anything.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// The session in which the peer was last certainly there: that is where [`Peer::send`] sends.
    /// A finished one counts, so that nothing goes elsewhere unnoticed.
    #[must_use]
    pub fn current(&self) -> Option<SessionId> {
        self.sessions.iter().max_by_key(|session| session.last_heard()).map(Session::id)
    }

    /// What would happen to a text now.
    #[must_use]
    pub fn state(&self) -> State {
        match self.current().and_then(|id| self.session(id)).map(|session| &session.phase) {
            None => State::Plaintext,
            Some(Phase::Encrypted(_)) => State::Encrypted,
            Some(Phase::Finished) => State::Finished,
        }
    }

    /// All sessions, finished ones too.
    pub fn sessions(&self) -> impl Iterator<Item = SessionView> + '_ {
        self.sessions.iter().map(SessionView::of)
    }

    /// One session.
    #[must_use]
    pub fn view(&self, id: SessionId) -> Option<SessionView> {
        self.session(id).map(SessionView::of)
    }

    fn session(&self, id: SessionId) -> Option<&Session> {
        self.sessions.iter().find(|session| session.id() == id)
    }

    fn session_mut(&mut self, id: SessionId) -> Option<&mut Session> {
        self.sessions.iter_mut().find(|session| session.id() == id)
    }

    fn own_instance(&self) -> InstanceTag {
        self.identity.instance()
    }

    fn emit(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    fn transmit(&mut self, line: Line) {
        self.outputs.push_back(Output::Send(line));
    }

    /// Queries, errors, plaintext: for every device.
    fn transmit_text(&mut self, bytes: Vec<u8>) {
        self.transmit(Line { bytes, route: None });
    }
}

/// What can be seen of a session from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionView {
    /// Its name.
    pub id: SessionId,
    /// The id that both users may compare.
    pub ssid: [u8; 8],
    /// Whether the first half of the ssid is shown bold (we sent the Reveal Signature), else the second.
    pub revealed: bool,
    /// Whether texts can be sent in it; if not, the peer has ended it.
    pub encrypted: bool,
    /// When its AKE was complete.
    pub established: Timestamp,
    /// When its last authentic message arrived.
    pub last_verified: Option<Timestamp>,
    /// When we last sent in it.
    pub last_sent: Timestamp,
    /// Keyid of our newest key, of the peer's newest; 0 when finished.
    pub keyids: (u32, u32),
    /// How many messages the present sending key has encrypted.
    pub uses_of_key: u32,
    /// Whether SMP is under way.
    pub smp_running: bool,
}

impl SessionView {
    fn of(session: &Session) -> Self {
        let live = session.live();
        Self {
            id: session.id(),
            ssid: session.origin.ssid,
            revealed: session.revealed,
            encrypted: live.is_some(),
            established: session.established,
            last_verified: session.last_verified,
            last_sent: session.last_sent,
            keyids: live.map_or((0, 0), |live| (live.ring.our_keyid(), live.ring.their_keyid())),
            uses_of_key: live.map_or(0, |live| live.ring.uses()),
            smp_running: live.is_some_and(|live| live.smp.is_running()),
        }
    }
}
