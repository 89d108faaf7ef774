//! What happened in the demo, as data: the terminal, the page and `--json` are three views of it.

use serde::Serialize;

/// Who.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Person {
    Alice,
    Bob,
}

impl Person {
    pub(crate) const BOTH: [Self; 2] = [Self::Alice, Self::Bob];

    pub(crate) const fn other(self) -> Self {
        match self {
            Self::Alice => Self::Bob,
            Self::Bob => Self::Alice,
        }
    }

    /// As accounts are called.
    pub(crate) const fn account(self) -> &'static str {
        match self {
            Self::Alice => "alice",
            Self::Bob => "bob",
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Alice => "Alice",
            Self::Bob => "Bob",
        }
    }

    /// Her keys are A1, A2, ...; his B1, B2, ...
    pub(crate) const fn letter(self) -> char {
        match self {
            Self::Alice => 'A',
            Self::Bob => 'B',
        }
    }
}

/// The whole demo.
#[derive(Debug, Serialize)]
pub(crate) struct Timeline {
    /// Messages that one key may encrypt.
    pub(crate) threshold: u32,
    pub(crate) acts: Vec<Act>,
}

/// One conversation.
#[derive(Debug, Serialize)]
pub(crate) struct Act {
    pub(crate) title: &'static str,
    pub(crate) subtitle: &'static str,
    /// Whether the endpoints keep their keys.
    pub(crate) keeps_keys: bool,
    pub(crate) scenes: Vec<Scene>,
    pub(crate) tally: Tally,
}

/// Some steps, and a sentence that explains them.
#[derive(Debug, Serialize)]
pub(crate) struct Scene {
    /// Milliseconds since the demo began.
    pub(crate) at_ms: u128,
    pub(crate) sentence: String,
    pub(crate) steps: Vec<Step>,
}

/// How many texts were written, and what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Tally {
    pub(crate) written: usize,
    /// Shown to the other, once.
    pub(crate) read: usize,
    /// Shown more often than once.
    pub(crate) repeated: usize,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub(crate) enum Step {
    /// A process has begun.
    Started { who: Person, pid: u32, fingerprint: String, restored: bool },
    /// A process was ended by a signal that it cannot catch.
    Killed { who: Person, pid: u32 },
    /// A line left.
    Line { from: Person, line: Line, fate: Fate },
    /// The server hands over what it has kept.
    Delivered { to: Person, line: Line, kept: bool, again: bool },
    /// A text was shown.
    Shown { who: Person, text: String, provenance: String },
    /// A text waits.
    Paused { who: Person, text: String, queued: u64, reason: String },
    /// A new key pair was made.
    Key { who: Person, keyid: u64 },
    /// A session is there.
    Encrypted { who: Person, ssid: String },
    /// A message was read with keys from the store.
    Recovered { who: Person },
    /// Fresh keys have replaced those from the store.
    Refreshed { who: Person },
    /// A line was refused.
    Rejected { who: Person, reason: String },
}

/// What became of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Fate {
    /// The other side has it.
    Arrives,
    /// The server keeps it, since the other side is not there.
    Kept,
}

/// What a line is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Line {
    /// A message of the handshake, or the question for it.
    Handshake { name: &'static str },
    /// A data message.
    Data {
        /// `None`: an empty one that the program has sent.
        text: Option<String>,
        /// The key that encrypts: the sender's and the receiver's.
        keys: (u32, u32),
        /// The how many-th message under it.
        used: u32,
        /// The same bytes were sent before: no use of the key.
        repeated: bool,
    },
    /// Anything else.
    Other,
}
