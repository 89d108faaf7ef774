//! A data message was read.

use o2tr_ekm::record::{InboxItem, InboxKind, MessageText, Provenance, TextItem};
use o2tr_omd::Evidence;
use otr_core::planted::{Fault, planted};
use otr_core::{Message, SessionId, Timestamp};
use zeroize::Zeroizing;

use super::{Conversation, Event, MAX_INBOX, MAX_INBOX_BYTES, MAX_READ_IDS, Refresh, Rejection, Text};
use crate::capability::Capability;

impl Conversation {
    /// In a session: keys have advanced, the peer has shown that it lives.
    pub(super) fn take_message(&mut self, message: &Message, evidence: &Evidence, now: Timestamp) {
        let id = message.session;
        self.last_activity = Some(now);
        self.expiry_noticed = None;
        if message.advanced {
            self.touch_and_retire();
        } else {
            self.touch();
        }
        let provenance = self.follow_recovery(message, now);
        self.turn.read_in.push(id);
        self.turn.visible |= !message.content.text.is_empty();
        let said = Capability::find(&message.content.tlvs);
        let automatic = is_automatic(message, said.as_ref());
        self.mark_read(message, said.as_ref(), automatic);
        self.check_continuity(id, said.as_ref(), now);
        if let Some(said) = &said {
            self.take_capability(id, said, now);
        }
        if message.advanced {
            self.settle_epochs(id);
        }
        if !message.content.text.is_empty() {
            self.take_text(Some(id), &message.content.text, said.as_ref(), provenance, evidence);
        }
    }

    /// With a pair that its session has left behind: text only, nothing else has an effect.
    pub(super) fn take_retained(&mut self, message: Message, ssid: &[u8; 8], suspect: bool, evidence: &Evidence) {
        self.touch();
        let provenance = if suspect { Provenance::Unverified } else { Provenance::Retained };
        let said = Capability::find(&message.content.tlvs);
        if planted(Fault::RetainedEndsSession) {
            self.peer.forget_session(message.session);
        }
        if !suspect {
            self.mark_for_acknowledgement(&message, ssid, said.as_ref());
        }
        if !message.content.text.is_empty() {
            self.take_text(Some(message.session), &message.content.text, said.as_ref(), provenance, evidence);
        }
    }

    /// Unencrypted.
    pub(super) fn take_clear_text(&mut self, text: Vec<u8>, evidence: &Evidence) {
        let text = Zeroizing::new(text);
        self.take_text(None, &text, None, Provenance::Clear, evidence);
    }

    fn take_text(
        &mut self,
        session: Option<SessionId>,
        text: &[u8],
        said: Option<&Capability>,
        provenance: Provenance,
        evidence: &Evidence,
    ) {
        if let Some(wire_id) = said.and_then(|said| said.message_id).map(|id| *id.as_bytes()) {
            if self.read_ids.contains(&wire_id) && !planted(Fault::ShownTwice) {
                return self.emit(Event::Rejected(Rejection::Duplicate));
            }
            if self.read_ids.len() >= MAX_READ_IDS {
                self.read_ids.pop_front();
            }
            self.read_ids.push_back(wire_id);
        }
        let item = TextItem {
            text: MessageText::new(text.to_vec()),
            session,
            provenance,
            sent_at: evidence.delayed,
            resent: false,
        };
        self.put_in_inbox(InboxKind::Text(item));
    }

    /// What the application must not miss is stored with the step that brought it.
    pub(super) fn put_in_inbox(&mut self, kind: InboxKind) {
        let item = InboxItem { id: self.next_id(), kind };
        self.emit(Event::of_item(&item));
        self.inbox.push_back(item);
        self.touch();
    }

    /// The application takes nothing, and no more can be kept for it.
    pub(super) fn inbox_is_full(&self) -> bool {
        let bytes: usize = self.inbox.iter().map(|item| size_of_item(&item.kind)).sum();
        self.inbox.len() >= MAX_INBOX || bytes >= MAX_INBOX_BYTES
    }

    /// The id of the youngest received text that the application has not [taken](Self::acknowledge).
    #[must_use]
    pub fn newest_text(&self) -> Option<u64> {
        self.inbox.iter().rev().find(|item| matches!(item.kind, InboxKind::Text(_))).map(|item| item.id)
    }

    /// The application has taken what came under `id` for good. Unknown ids are ignored.
    pub fn acknowledge(&mut self, id: u64) {
        let before = self.inbox.len();
        self.inbox.retain(|item| item.id != id);
        if self.inbox.len() != before {
            self.touch_and_retire();
            self.queue_outputs();
        }
    }

    /// Keys from the store: the first message recovers the session, a key made since refreshes it.
    fn follow_recovery(&mut self, message: &Message, now: Timestamp) -> Provenance {
        let silent_since =
            message.advanced && self.peer.view(message.session).is_some_and(|view| view.uses_of_key == 0);
        let Some(record) = self.session_record_mut(message.session) else { return Provenance::Live };
        let Some(mut mark) = record.restored else { return Provenance::Live };
        if message.place.1 > mark.our_keyid {
            record.restored = None;
            record.refresh_owed = false;
            if mark.recovered {
                self.emit(Event::Refreshed { session: message.session, how: Refresh::Ratchet });
            }
            return Provenance::Live;
        }
        if !mark.recovered {
            let (sender_keyid, recipient_keyid, _) = message.place;
            let same_key = record.reading.keyids == (sender_keyid, recipient_keyid);
            let before = if same_key { record.reading.count } else { 0 };
            let messages_under_key = before.saturating_add(1);
            mark.recovered = true;
            record.restored = Some(mark);
            record.refresh_owed = true;
            let age = now.since(mark.last_alive);
            self.emit(Event::Recovered { session: message.session, age, messages_under_key });
            self.timers.batch_until = Some(now.after(super::refresh::BATCH_QUIET));
        } else if silent_since {
            // The peer has used a key that it was told of before the restart: the fresh one is still owed.
            record.refresh_owed = true;
            self.timers.batch_until = Some(now.after(super::refresh::BATCH_QUIET));
        }
        Provenance::Offline
    }
}

fn size_of_item(kind: &InboxKind) -> usize {
    match kind {
        InboxKind::Text(item) => item.text.as_bytes().len(),
        InboxKind::ExtraKey(extra) => extra.data.len(),
        InboxKind::Finished { .. } | InboxKind::NewFingerprint { .. } | InboxKind::SmpResult { .. } => 0,
    }
}

/// An answer that nobody has to answer: marked so, or an empty one as libotr sends it by itself.
fn is_automatic(message: &Message, said: Option<&Capability>) -> bool {
    match said {
        Some(said) => said.auto && !planted(Fault::AutomaticAnswered),
        None => {
            message.content.text.is_empty()
                && message.content.tlvs.is_empty()
                && message.flags.contains(otr_core::wire::DataFlags::IGNORE_UNREADABLE)
        }
    }
}

impl Event {
    /// The event that an item of the inbox comes as, at first and after each restart.
    pub(super) fn of_item(item: &InboxItem) -> Self {
        let id = item.id;
        match &item.kind {
            InboxKind::Text(TextItem { text, session, provenance, sent_at, resent }) => Self::Text(Text {
                id,
                text: Zeroizing::new(text.as_bytes().to_vec()),
                session: *session,
                provenance: *provenance,
                sent_at: *sent_at,
                resent: *resent,
            }),
            InboxKind::Finished { session } => Self::Finished { id, session: *session },
            InboxKind::NewFingerprint { fingerprint } => Self::NewFingerprint { id, fingerprint: *fingerprint },
            InboxKind::SmpResult { session, equal } => Self::SmpResult { id, session: *session, equal: *equal },
            InboxKind::ExtraKey(extra) => Self::ExtraKey {
                id,
                session: extra.session,
                usage: extra.usage,
                data: extra.data.clone(),
                key: extra.key.clone(),
            },
        }
    }
}
