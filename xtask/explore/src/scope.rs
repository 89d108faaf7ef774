//! How much may happen.

use core::time::Duration;
use std::sync::Arc;

use o2tr::settings::Settings;
use otr_core::{Identity, InstanceTag, Policy, Timestamp};
use serde::{Deserialize, Serialize};
use simulate::keys;

/// A moment long after 1970, by both clocks.
pub(crate) const START: Timestamp = Timestamp::from_secs(1_700_000_000);
/// How much time a pause takes: more than every span of seconds in the engine but the waits for an answer.
pub(crate) const PAUSE: Duration = Duration::from_secs(90);

/// Where a search begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Begin {
    /// Two who know nothing of each other.
    Fresh,
    /// In a session, and each has read something of the other.
    Talking,
    /// The same, after both programs were started anew.
    Restored,
}

impl Begin {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Fresh, Self::Talking, Self::Restored];

    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Talking => "talking",
            Self::Restored => "restored",
        }
    }
}

/// What may still happen on a path, of both ends together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Budget {
    /// Texts that users write.
    pub texts: u8,
    /// How often a user asks for a new session.
    pub starts: u8,
    /// How often time passes: to the next deadline of an end, or by 90 seconds.
    pub timers: u8,
    /// Lines lost, doubled, overtaken, stamped as late, or forged besides; and words that the peer is away.
    pub faults: u8,
    /// Processes that die.
    pub crashes: u8,
}

/// A search: where it begins and how much may happen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// Where it begins.
    pub begin: Begin,
    /// The threshold k of both ends.
    pub k: u32,
    /// What may happen.
    pub budget: Budget,
}

/// Who the two are and how they behave.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) identities: [Arc<Identity>; 2],
    pub(crate) settings: Settings,
}

impl Frame {
    /// `None` if a tag were not legal.
    pub(crate) fn new(k: u32) -> Option<Self> {
        let identity = |index, tag| Some(Identity::new(keys::key(index), InstanceTag::new(tag)?));
        let policy = Policy::OPPORTUNISTIC.union(Policy::REQUIRE_ENCRYPTION);
        let settings = Settings { policy, threshold: Some(k), ..Settings::default() };
        Some(Self { identities: [identity(0, 0x1000)?, identity(1, 0x2000)?], settings })
    }

    pub(crate) fn identity(&self, side: usize) -> Arc<Identity> {
        let [first, second] = &self.identities;
        Arc::clone(if side == 0 { first } else { second })
    }
}
