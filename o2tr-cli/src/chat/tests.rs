//! The screens as text, and what keys and events make of the model.

mod flow;
mod held;
mod screens;
mod with_peers;

use core::time::Duration;
use std::path::PathBuf;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use jiff::tz::TimeZone;
use o2tr::client::ClientEvent;
use o2tr::conversation::{Event, Privacy, Text, View};
use o2tr::transport::{Address, PeerId, Subscription};
use o2tr_ekm::record::{Provenance, TrustLevel, TrustRecord};
use otr_core::dsa::Fingerprint;
use otr_core::{InstanceTag, SessionId, Timestamp, Version};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::model::{Beginning, Model, Standing};
use super::update::update;
use super::view::{self, Palette};
use super::wish::{Ask, Message, Reply, Wish};

/// 1 January 2026, 12:00.
const NOON: Timestamp = Timestamp::from_secs(1_767_268_800);

/// No ids.
const NOTHING: [u64; 0] = [];

fn peer(name: &str) -> PeerId {
    PeerId::new(&format!("{name}@example.org"))
}

fn key(byte: u8) -> Fingerprint {
    format!("{byte:02x}").repeat(20).parse().unwrap()
}

/// A program of alice's with a contact, bob.
struct Desk {
    model: Model,
    wishes: Vec<Wish>,
    inbox: u64,
}

impl Desk {
    fn new(columns: u16, rows: u16) -> Self {
        let model = Model::new(Beginning {
            account: peer("alice"),
            fingerprint: key(0xa1).to_string(),
            zone: TimeZone::UTC,
            now: NOON,
            size: (columns, rows),
            run: "run".to_owned(),
            peers: Vec::new(),
        });
        let mut desk = Self { model, wishes: Vec::new(), inbox: 0 };
        desk.tell(ClientEvent::Online { resumed: false });
        desk.tell(ClientEvent::CaughtUp);
        desk
    }

    /// With a private conversation that is open.
    fn private(columns: u16, rows: u16) -> Self {
        let mut desk = Self::new(columns, rows);
        desk.contact("bob");
        desk.looked("bob", view(Privacy::Encrypted), &[(0xb0, TrustLevel::Verified)]);
        desk.type_line("/open bob");
        desk.wishes.clear();
        desk
    }

    fn give(&mut self, message: Message) {
        let wishes = update(&mut self.model, message);
        self.wishes.extend(wishes);
    }

    fn tell(&mut self, event: ClientEvent) {
        self.give(Message::Event(event));
    }

    fn happens(&mut self, name: &str, event: Event) {
        self.tell(ClientEvent::Conversation { peer: peer(name), event });
    }

    fn later(&mut self, seconds: u64) {
        let now = self.model.now.after(Duration::from_secs(seconds));
        self.give(Message::Tick(now));
    }

    fn contact(&mut self, name: &str) {
        self.tell(ClientEvent::Subscription { peer: peer(name), subscription: Subscription::Granted });
        self.tell(ClientEvent::Presence { from: Address::full(peer(name), "home"), available: true });
    }

    /// The engine answers a look.
    fn looked(&mut self, name: &str, view: View, keys: &[(u8, TrustLevel)]) {
        self.looked_with(name, view, keys, Vec::new());
    }

    fn looked_with(
        &mut self,
        name: &str,
        view: View,
        keys: &[(u8, TrustLevel)],
        outbox: Vec<o2tr::conversation::OutboxView>,
    ) {
        let keys = keys.iter().map(|(byte, level)| TrustRecord {
            fingerprint: key(*byte),
            level: *level,
            highest_version: 3,
            first_seen: NOON,
        });
        let standing = Box::new(Standing { view, outbox, keys: keys.collect() });
        self.give(Message::Reply(Reply::Looked { peer: peer(name), standing: Ok(standing) }));
    }

    fn text(&mut self, name: &str, text: &str, provenance: Provenance) -> u64 {
        self.text_of(name, text, provenance, None)
    }

    fn text_of(&mut self, name: &str, text: &str, provenance: Provenance, sent_at: Option<Timestamp>) -> u64 {
        self.inbox += 1;
        let session = (provenance != Provenance::Clear).then(|| session(0xb0));
        let text = text.as_bytes().to_vec().into();
        self.happens(name, Event::Text(Text { id: self.inbox, text, session, provenance, sent_at, resent: false }));
        self.inbox
    }

    fn key(&mut self, code: KeyCode) {
        self.give(Message::Key(KeyEvent::new(code, KeyModifiers::NONE)));
    }

    fn control(&mut self, c: char) {
        self.give(Message::Key(KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL)));
    }

    fn type_text(&mut self, text: &str) {
        for c in text.chars() {
            self.key(KeyCode::Char(c));
        }
    }

    fn type_line(&mut self, text: &str) {
        self.type_text(text);
        self.key(KeyCode::Enter);
    }

    fn draw(&mut self) -> String {
        let (columns, rows) = self.model.size;
        let area = Rect::new(0, 0, columns, rows);
        let mut buffer = Buffer::empty(area);
        let cursor = view::paint(&self.model, Palette { colour: false }, &mut buffer, area);
        self.give(Message::Drawn);
        let mut text = as_text(&buffer);
        if let Some(cursor) = cursor {
            text.push_str(&format!("cursor {},{}\n", cursor.x, cursor.y));
        }
        text
    }

    /// The wishes about conversations but looks, as text, since the last call.
    fn asked(&mut self) -> Vec<String> {
        let wishes = self.wishes.drain(..).filter_map(|wish| match wish {
            Wish::Peer(_, Ask::Look) => None,
            Wish::Peer(_, ask) => Some(format!("{ask:?}")),
            other => Some(format!("{other:?}")),
        });
        wishes.collect()
    }

    fn acknowledged(&mut self) -> Vec<u64> {
        let wishes = self.wishes.drain(..).filter_map(|wish| match wish {
            Wish::Peer(_, Ask::Acknowledge(id)) => Some(id),
            _ => None,
        });
        wishes.collect()
    }
}

fn session(byte: u8) -> SessionId {
    SessionId { version: Version::V3, instance: InstanceTag::new(0x1234_5678), fingerprint: key(byte) }
}

fn view(privacy: Privacy) -> View {
    let is_private = matches!(privacy, Privacy::Encrypted | Privacy::Finished);
    View {
        privacy,
        session: is_private.then(|| session(0xb0)),
        ssid: None,
        keyids: (1, 1),
        uses_of_key: 2,
        threshold: Some(5),
        queued: 0,
        trust: if is_private { TrustLevel::Verified } else { TrustLevel::Unverified },
        peer_keeps_keys: is_private,
        restored: false,
        quarantined: false,
        generation: 1,
    }
}

/// Rows of a buffer; what is reversed stands between brackets of its own, for information never hangs on colour but bars do
/// on that.
fn as_text(buffer: &Buffer) -> String {
    let mut text = String::new();
    for y in buffer.area.top()..buffer.area.bottom() {
        let mut row = String::new();
        let mut hidden = 0;
        for x in buffer.area.left()..buffer.area.right() {
            let symbol = buffer[(x, y)].symbol();
            if hidden > 0 {
                hidden -= 1;
                continue;
            }
            row.push_str(symbol);
            hidden = super::text::width(symbol).saturating_sub(1);
        }
        text.push_str(row.trim_end());
        text.push('\n');
    }
    text
}

/// Compares with the file `tests/snapshots/NAME.txt`; with UPDATE_SNAPSHOTS set, writes it instead.
#[track_caller]
fn snapshot(name: &str, shown: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots").join(format!("{name}.txt"));
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        return std::fs::write(&path, shown).unwrap();
    }
    let expected = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; UPDATE_SNAPSHOTS=1 writes it. Shown:\n{shown}", path.display()));
    assert!(
        expected == shown,
        "{name} is not as in {}; UPDATE_SNAPSHOTS=1 takes it over.\n--- expected\n{expected}--- shown\n{shown}",
        path.display()
    );
}
