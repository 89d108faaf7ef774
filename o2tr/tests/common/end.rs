//! One end of a conversation, as the test sees it.

use std::collections::VecDeque;
use std::sync::Arc;

use o2tr::conversation::{Conversation, Event, Text};
use o2tr::settings::Settings;
use o2tr_ekm::record::ConversationRecord;
use otr_core::{Identity, InstanceTag, Peer, PhaseSnapshot, SessionSnapshot};

use super::{Watch, key};

/// One end: an account, a conversation with the other end, and its row; or a plain OTR client.
pub(crate) struct End {
    pub(crate) identity: Arc<Identity>,
    pub(crate) settings: Settings,
    pub(crate) conversation: Conversation,
    /// Present on an end that is no O2TR client: it behaves like libotr.
    pub(crate) legacy: Option<Peer>,
    /// The row: generation and record.
    pub(crate) row: Option<(u64, Vec<u8>)>,
    /// Lines under way to this end.
    pub(crate) incoming: VecDeque<Vec<u8>>,
    pub(crate) events: Vec<Event>,
    /// What a plain OTR client has told its user.
    pub(crate) legacy_events: Vec<otr_core::Event>,
    /// Ids of inbox items that were shown, each once.
    pub(crate) shown: Vec<u64>,
    /// It is not running.
    pub(crate) down: bool,
    /// The application takes what it is given for good.
    pub(crate) acknowledges: bool,
    /// Which checks have to hold, and what they have seen.
    pub(crate) watch: Watch,
    pub(crate) commits: usize,
    /// What the process did when it died last was stored before.
    pub(crate) stored: bool,
    pub(crate) sent: u64,
}

impl End {
    pub(crate) fn new(key_index: usize, tag: u32, settings: Settings) -> Self {
        let identity = Identity::new(key(key_index), InstanceTag::new(tag).unwrap());
        let conversation = Conversation::new(Arc::clone(&identity), settings.clone());
        let watch = Watch::new(settings.threshold);
        Self {
            identity,
            settings,
            conversation,
            legacy: None,
            row: None,
            incoming: VecDeque::new(),
            events: Vec::new(),
            legacy_events: Vec::new(),
            shown: Vec::new(),
            down: false,
            acknowledges: true,
            watch,
            commits: 0,
            stored: false,
            sent: 0,
        }
    }

    /// The texts that were shown, in order; taking them clears the events.
    pub(crate) fn texts(&mut self) -> Vec<String> {
        let shown = |text: &[u8]| String::from_utf8_lossy(text).into_owned();
        let mut texts = Vec::new();
        for event in self.events.drain(..) {
            if let Event::Text(Text { text, .. }) = event {
                texts.push(shown(&text));
            }
        }
        for event in self.legacy_events.drain(..) {
            match event {
                otr_core::Event::Message(message) if !message.content.text.is_empty() => {
                    texts.push(shown(&message.content.text));
                }
                otr_core::Event::Plaintext { text, .. } => texts.push(shown(&text)),
                _ => {}
            }
        }
        texts
    }

    pub(crate) fn has(&self, wanted: impl Fn(&Event) -> bool) -> bool {
        self.events.iter().any(wanted)
    }

    pub(crate) fn count(&self, wanted: impl Fn(&Event) -> bool) -> usize {
        self.events.iter().filter(|event| wanted(event)).count()
    }

    /// The row, decoded.
    pub(crate) fn record(&self) -> ConversationRecord {
        self.watch.row.as_deref().cloned().unwrap_or_default()
    }

    /// The only session in the row.
    pub(crate) fn session(&self) -> SessionSnapshot {
        self.record().peer.sessions[0].clone()
    }

    /// Keyid of our newest key and of the peer's, in the only session.
    pub(crate) fn session_keyids(&self) -> (u32, u32) {
        match &self.session().phase {
            PhaseSnapshot::Encrypted { ring, .. } => (ring.our_keyid, ring.their_keyid),
            PhaseSnapshot::Finished => (0, 0),
        }
    }

    pub(crate) fn queued(&self) -> usize {
        self.conversation.view().queued
    }
}
