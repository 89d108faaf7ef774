//! Records as they were written once, byte for byte: what a program has stored, every later one reads.
//!
//! If a change of a record makes one of these fail, the record needs a new schema number and a migration. The files
//! were written by `examples/golden.rs`; they are never written anew under the same number.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::path::Path;

use o2tr_ekm::codec::{self, Envelope, Record};
use o2tr_ekm::record::{
    AccountInstance, AccountKey, AccountRecord, ConversationRecord, InboxKind, JournalRecord, TextState,
};
use otr_core::dsa::PrivateKey;
use otr_core::{Identity, Leap, Peer, RetainedPair, Settings};

/// Reads a golden file, and sees that writing it again gives the same bytes.
fn read<T: Record>(name: &str) -> T {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    let bytes = std::fs::read(path).unwrap();
    let (envelope, _) = Envelope::split(&bytes).unwrap();
    assert_eq!(envelope.schema, T::SCHEMA, "{name}: a new schema keeps the old file and gets one of its own");
    let record = codec::decode::<T>(&bytes).unwrap();
    assert_eq!(*codec::encode(&record).unwrap(), bytes, "{name}");
    record
}

#[test]
fn a_conversation_of_schema_1_is_read_and_goes_on() {
    let record = read::<ConversationRecord>("conversation-1.bin");
    assert_eq!(
        record.outbox.iter().map(|text| text.text.as_bytes()).collect::<Vec<_>>(),
        [&b"queued"[..], b"held", b"in flight"]
    );
    assert!(matches!(record.outbox[2].state, TextState::InFlight(flight) if flight.keyids == (2, 3)));
    let texts = record.inbox.iter().filter(|item| matches!(item.kind, InboxKind::Text(_))).count();
    assert_eq!((texts, record.inbox.len()), (5, 9));
    assert_eq!(record.sessions[0].continuity.expose(), &[4; 32]);
    for retained in &record.retained {
        RetainedPair::restore(retained.pair.clone()).unwrap();
    }
    // The protocol state is whole: a session comes back and can send.
    let account = read::<AccountRecord>("account-1.bin");
    let (AccountKey::Own(key), AccountInstance::Own(tag)) = (account.key, account.instance) else {
        panic!("the account has its key elsewhere")
    };
    let identity = Identity::new(PrivateKey::from_bytes(key.expose()).unwrap(), tag);
    let mut peer = Peer::restore(identity, Settings::default(), record.peer, Leap::new(5)).unwrap();
    peer.send(b"on we go", record.last_activity.unwrap()).unwrap();
    assert_eq!(peer.current(), Some(record.sessions[0].id));
}

#[test]
fn an_account_of_schema_1_is_read() {
    let account = read::<AccountRecord>("account-1.bin");
    assert_eq!((account.name.as_str(), account.protocol.as_str()), ("ada@example.org", "prpl-jabber"));
}

#[test]
fn a_journal_of_schema_1_is_read() {
    let journal = read::<JournalRecord>("journal-1.bin");
    assert_eq!(journal.items[0].line.as_bytes(), b"?OTR:AAMD");
}
