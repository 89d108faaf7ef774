//! Writes the golden records of the present schema: `cargo run -p o2tr-ekm --example golden -- DIRECTORY`.
//!
//! Run it once when a schema gets a new number, never to make `tests/golden.rs` pass: that test is there to show that
//! records written by an older program are still read.

use std::sync::Arc;

use o2tr_ekm::codec;
use o2tr_ekm::record::{
    AccountInstance, AccountKey, AccountRecord, ConversationRecord, ExtraKeyItem, InFlight, InboxItem, InboxKind,
    JournalItem, JournalRecord, KeptLine, KeyBytes, LineRecord, MessageText, OutboxText, PeerCapability, Predecessor,
    Provenance, ReadPair, Reading, RestoredMark, RetainedRecord, SessionRecord, TextItem, TextState, TrustLevel,
    TrustRecord, WasPrivate,
};
use otr_core::dsa::PrivateKey;
use otr_core::wire::Route;
use otr_core::{
    Identity, InstanceTag, Output, Peer, ReceivePolicy, RetainedPair, SecretBytes, SessionView, Settings, Timestamp,
};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

/// What a conversation of two leaves at one end.
struct Remains {
    peer: Peer,
    retained: Vec<RetainedPair>,
    session: SessionView,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = std::env::args_os().nth(1).ok_or("the directory is missing")?;
    let directory = std::path::Path::new(&directory);
    let mut rng = ChaCha20Rng::seed_from_u64(11);
    let key = PrivateKey::generate(&mut rng);
    let tag = InstanceTag::new(0x1234_5678).ok_or("tag")?;
    let remains = talk(&Identity::new(key.clone(), tag), &mut rng)?;
    std::fs::write(directory.join("conversation-1.bin"), codec::encode(&conversation(&remains))?)?;
    let account = AccountRecord {
        name: "ada@example.org".to_owned(),
        protocol: "prpl-jabber".to_owned(),
        key: AccountKey::Own(KeyBytes::new(key.to_bytes().to_vec())),
        instance: AccountInstance::Own(tag),
    };
    std::fs::write(directory.join("account-1.bin"), codec::encode(&account)?)?;
    std::fs::write(directory.join("journal-1.bin"), codec::encode(&journal())?)?;
    Ok(())
}

/// A session with a few messages, and an AKE and a fragment under way.
fn talk(identity: &Arc<Identity>, rng: &mut ChaCha20Rng) -> Result<Remains, Box<dyn std::error::Error>> {
    let settings = || Settings { receive: ReceivePolicy::Window, ..Settings::default() };
    let other = Identity::new(PrivateKey::generate(rng), InstanceTag::random(rng));
    let mut ends = [Peer::new(Arc::clone(identity), settings()), Peer::new(other, settings())];
    let now = Timestamp::from_secs(1_700_000_000);
    let mut retained = Vec::new();
    ends[0].start();
    for (sender, text) in [(0, "one"), (1, "two"), (0, "three"), (1, "four")] {
        settle(&mut ends, &mut retained, now, rng);
        ends[sender].send(text.as_bytes(), now)?;
    }
    settle(&mut ends, &mut retained, now, rng);
    let [mut peer, _] = ends;
    peer.open_exchange(otr_core::Version::V3, now, rng);
    while peer.poll_output().is_some() {}
    peer.handle_line(b"?OTR,1,2,?OTR:,", now, rng);
    let id = peer.current().ok_or("no session")?;
    let session = peer.view(id).ok_or("no session")?;
    Ok(Remains { peer, retained, session })
}

fn settle(ends: &mut [Peer; 2], retained: &mut Vec<RetainedPair>, now: Timestamp, rng: &mut ChaCha20Rng) {
    let mut lines = Vec::new();
    loop {
        for (side, end) in ends.iter_mut().enumerate() {
            while let Some(output) = end.poll_output() {
                match output {
                    Output::Send(line) => lines.push((1 - side, line.bytes)),
                    Output::Retired(pair) if side == 0 => retained.push(*pair),
                    Output::Retired(_) | Output::Event(_) => {}
                }
            }
        }
        if lines.is_empty() {
            return;
        }
        for (to, line) in lines.drain(..) {
            if let Some(end) = ends.get_mut(to) {
                end.handle_line(&line, now, rng);
            }
        }
    }
}

/// Every field set, every variant there.
fn conversation(remains: &Remains) -> ConversationRecord {
    let Remains { peer, retained, session } = remains;
    let (id, ssid) = (session.id, session.ssid);
    let at = Timestamp::from_millis(1_700_000_000_123);
    let text = |content: &str| MessageText::new(content.as_bytes().to_vec());
    let flight = InFlight { session: id, ssid, keyids: (2, 3), use_number: 1, at, transmitted: true };
    let outbox = |name: &str, state| OutboxText {
        id: name.to_owned(),
        wire_id: [9; 16],
        text: text(name),
        written: at,
        address: Some(id.fingerprint),
        private: true,
        state,
        again: false,
    };
    let item = |content: &str, session, provenance| {
        InboxKind::Text(TextItem { text: text(content), session, provenance, sent_at: Some(at), resent: false })
    };
    let kinds = [
        item("live", Some(id), Provenance::Live),
        item("offline", Some(id), Provenance::Offline),
        item("retained", Some(id), Provenance::Retained),
        item("unverified", Some(id), Provenance::Unverified),
        item("clear", None, Provenance::Clear),
        InboxKind::Finished { session: id },
        InboxKind::NewFingerprint { fingerprint: id.fingerprint },
        InboxKind::SmpResult { session: id, equal: true },
        InboxKind::ExtraKey(ExtraKeyItem { session: id, usage: 7, data: vec![1, 2], key: SecretBytes::new([3; 32]) }),
    ];
    let kept = KeptLine { session: id, ssid, keyids: (2, 3), use_number: 1, auto: false };
    let route = Route::V3 { sender: peer.identity().instance(), receiver: id.instance };
    let line =
        |number, kept| LineRecord { id: number, bytes: b"?OTR".to_vec(), route: Some(route), transmitted: true, kept };
    let trust = |level| TrustRecord { fingerprint: id.fingerprint, level, highest_version: 3, first_seen: at };
    ConversationRecord {
        peer: peer.snapshot(),
        sessions: vec![SessionRecord {
            id,
            ssid,
            continuity: SecretBytes::new([4; 32]),
            revealed: session.revealed,
            predecessors: vec![Predecessor { ssid: [5; 8], continuity: SecretBytes::new([6; 32]) }],
            capable_before: true,
            confirmed: true,
            restored: Some(RestoredMark { at, last_alive: at, our_keyid: 3, recovered: true }),
            refresh_owed: true,
            capability: Some(PeerCapability { threshold: Some(5), record_lifetime: 1_209_600 }),
            announced: 2,
            reading: Reading { keyids: (2, 3), count: 1, wanted: true },
            window: vec![ReadPair { ssid: [7; 4], sender_keyid: 2, recipient_keyid: 3, first: 1, bits: 0b101 }],
            error_replied: true,
            repeated_at: Some(at),
        }],
        retained: retained
            .iter()
            .map(|pair| RetainedRecord { pair: pair.snapshot(), expires: at, unrevealed: false, suspect: true })
            .collect(),
        lines: vec![line(1, None), line(2, Some(kept))],
        outbox: vec![
            outbox("queued", TextState::Queued),
            outbox("held", TextState::HeldForTrust),
            outbox("in flight", TextState::InFlight(flight)),
        ],
        inbox: (1..).zip(kinds).map(|(id, kind)| InboxItem { id, kind }).collect(),
        trust: [TrustLevel::Unverified, TrustLevel::Smp, TrustLevel::Verified].map(trust).to_vec(),
        early: vec![b"early".to_vec()],
        read_ids: vec![[8; 16]],
        was_private: Some(WasPrivate { fingerprint: id.fingerprint }),
        quarantined: true,
        last_id: 99,
        last_activity: Some(at),
        expiry_noticed: Some(at),
        last_own_exchange: Some(at),
        doubted: Some(at),
    }
}

fn journal() -> JournalRecord {
    let item = JournalItem {
        peer: "bob@example.org".to_owned(),
        resource: Some("phone".to_owned()),
        line: MessageText::new(b"?OTR:AAMD".to_vec()),
        delayed: Some(Timestamp::from_secs(1)),
        archived: true,
        offline: false,
        copy: true,
        error: false,
    };
    JournalRecord { items: vec![item] }
}
