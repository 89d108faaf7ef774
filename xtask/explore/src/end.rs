//! One end: the engine, its row, and what is known of it.

use core::fmt::Write as _;
use core::hash::{Hash as _, Hasher as _};
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use o2tr::conversation::Conversation;
use otr_core::Timestamp;
use simulate::watch::Watch;

use crate::digest::{Digest, Digester};
use crate::scope::{Frame, START};

/// All that one end is.
#[derive(Clone)]
pub(crate) struct End {
    pub(crate) side: usize,
    /// `None`: its process is dead.
    pub(crate) engine: Option<Box<Conversation>>,
    /// Generation and record of its row.
    pub(crate) row: Option<(u64, Rc<[u8]>)>,
    pub(crate) watch: Watch,
    pub(crate) clock: Timestamp,
    /// Texts that its user has written.
    pub(crate) texts: u32,
    /// Texts that its user was shown.
    pub(crate) shown: BTreeSet<String>,
    /// Its engine was told that what waited at the server has arrived.
    pub(crate) caught_up: bool,
    /// Its engine takes the peer for present.
    pub(crate) present: bool,
}

impl End {
    /// One that knows nothing.
    pub(crate) fn new(side: usize, frame: &Frame) -> Self {
        let engine = Conversation::new(Arc::clone(&frame.identity(side)), frame.settings.clone());
        Self {
            side,
            engine: Some(Box::new(engine)),
            row: None,
            watch: Watch::new(frame.settings.threshold),
            clock: START,
            texts: 0,
            shown: BTreeSet::new(),
            caught_up: false,
            present: true,
        }
    }

    pub(crate) fn generation(&self) -> u64 {
        self.row.as_ref().map_or(0, |(generation, _)| *generation)
    }

    /// When its engine wants to be called.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        self.engine.as_ref().and_then(|engine| engine.poll_timeout())
    }

    /// Texts that wait in its engine.
    pub(crate) fn queued(&self) -> usize {
        self.engine.as_ref().map_or(0, |engine| engine.view().queued)
    }

    /// The same end with its process dead: what is left is the row.
    pub(crate) fn dead(mut self) -> Self {
        self.engine = None;
        self.caught_up = false;
        self.present = true;
        self.watch.died();
        self
    }

    pub(crate) fn digest(&self) -> Digest {
        let Self { side, engine, row, watch, clock, texts, shown, caught_up, present } = self;
        let mut digest = Digester::default();
        (side, clock.as_millis(), texts, shown, caught_up, present).hash(&mut digest);
        if let Some((generation, record)) = row {
            digest.write_u64(*generation);
            digest.write(record);
        }
        // A digester takes whatever is written.
        let _ = write!(digest, "{engine:?}");
        watch.digest(&mut digest);
        digest.done()
    }
}
