//! Both sides start at once: libotr's deadlock, and how we get out of it.

use std::collections::VecDeque;

use otr_core::text::{Kind, Line, classify};
use otr_core::{ExchangeSnapshot, OpenCommitSnapshot, PeerSnapshot, Policy, State, Timestamp, Version};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;
use serde_json::Value;

use crate::conversation::hash_of;
use crate::json::{latin1, lines, list, number, padded, secret, tag, text};
use crate::party::{Party, events};
use crate::report::Report;
use crate::rng::Logged;
use crate::state::Comparison;
use crate::{lines as line, restore};

/// Two of ours that start at once end in one session, whichever hash is the higher one.
pub(crate) fn both_start(report: &mut Report, place: &str, parties: &Value, step: &Value) {
    let now = Timestamp::from_secs(number(step, "time"));
    for seed in 0..6 {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let mut both = ["alice", "bob"].map(|name| Party::of(&parties[name]));
        let mut under_way: [VecDeque<Vec<u8>>; 2] = Default::default();
        both.iter_mut().for_each(|party| party.peer.start());
        loop {
            for (from, party) in both.iter_mut().enumerate() {
                under_way[1 - from].extend(party.drain().sent);
            }
            let mut idle = true;
            for (to, party) in both.iter_mut().enumerate() {
                if let Some(line) = under_way[to].pop_front() {
                    party.peer.handle_line(&line, now, &mut rng);
                    idle = false;
                }
            }
            if idle {
                break;
            }
        }
        let views = both.each_ref().map(|party| party.peer.sessions().map(|view| view.ssid).collect::<Vec<_>>());
        let encrypted = both.iter().all(|party| party.peer.state() == State::Encrypted);
        let one = views[0] == views[1] && views[0].len() == 1;
        report.holds("deviations", place, encrypted && one, || format!("no common session: {views:?}"));
    }
}

/// The runs of libotr (bob) against a peer that obeys the text: we play bob as recorded, and alice against him.
pub(crate) fn text_peer(report: &mut Report, file: &Value, parties: &Value) {
    for run in list(file, "runs") {
        as_libotr(report, run, parties);
        as_text_peer(report, run, parties);
    }
}

fn as_libotr(report: &mut Report, run: &Value, parties: &Value) {
    let name = text(run, "run");
    let instance = tag(run, "bob_instance").unwrap();
    let mut bob = Party::new(&parties["bob"], instance, Policy::MANUAL.bits(), PeerSnapshot::default());
    let mut insisted = false;
    for step in list(run, "steps") {
        let place = format!("{name}, step {}", number(step, "i"));
        let now = Timestamp::from_secs(number(step, "time"));
        let mut rng = Logged::of(step);
        let received = latin1(text(step, "message"));
        let crossing = kind_of(&received) == Some(Kind::Commit) && hash_of(&received) < our_hash(&bob);
        bob.peer.handle_line(&received, now, &mut rng);
        let outcome = bob.drain();
        let kinds: Vec<_> = outcome.sent.iter().map(|line| kind_of(line)).collect();
        if crossing {
            insisted = true;
            let case = format!("{name}: the lower D-H Commit arrives");
            report.deviates(&case, &place, || format!("{kinds:?}"));
            report.same("deviations", &place, &outcome.sent, &vec![latin1(text(run, "bob_commit"))]);
            continue;
        }
        if insisted && list(step, "injected").is_empty() && kind_of(&received) == Some(Kind::Key) {
            let case = format!("{name}: the D-H Key that answers it");
            report.deviates(&case, &place, || format!("{kinds:?}"));
            report.same("deviations", &place, &kinds, &vec![Some(Kind::RevealSignature)]);
            continue;
        }
        line::compare(report, &place, &outcome.sent, &lines(step, "injected"), &bob.peer.snapshot());
        report.same("events", &place, &outcome.events, &events(step));
        report.same("draws", &place, &rng.differences(), &(vec![], vec![]));
        let comparison = Comparison::of(&bob.peer.snapshot(), list(step, "contexts"));
        report.counted("state values", comparison.values);
        let differences = &comparison.differences;
        report.holds("state values", &place, differences.is_empty(), || format!("{differences:?}"));
    }
    let encrypted = bob.peer.state() == State::Encrypted;
    report.same("results", name, &encrypted, &(run["result"] == "encrypted"));
}

/// The hash of our open commit; empty, and so below all others, if there is none.
pub(crate) fn our_hash(party: &Party) -> Vec<u8> {
    match party.peer.snapshot().open_commit.map(|open| open.exchange) {
        Some(ExchangeSnapshot::AwaitingDhKey { hashed_gx, .. }) => hashed_gx.to_vec(),
        _ => Vec::new(),
    }
}

fn kind_of(line: &[u8]) -> Option<Kind> {
    match classify(line) {
        Line::Encoded(encoded) => Some(encoded.kind()),
        _ => None,
    }
}

/// We are alice with her x and r, and get all that libotr sent.
fn as_text_peer(report: &mut Report, run: &Value, parties: &Value) {
    let name = text(run, "run");
    let version = if name.starts_with("v2") { Version::V2 } else { Version::V3 };
    let theirs =
        Party::new(&parties["bob"], tag(run, "bob_instance").unwrap(), 6, PeerSnapshot::default()).fingerprint();
    let first = &list(run, "steps")[1];
    let now = Timestamp::from_secs(number(first, "time"));
    let commit = latin1(text(first, "message"));
    report.same("results", name, &hex::encode(hash_of(&commit)).as_str(), &text(run, "alice_commit_hash"));
    let theirs_commit = hash_of(&latin1(text(run, "bob_commit")));
    report.same("results", name, &hex::encode(theirs_commit).as_str(), &text(run, "bob_commit_hash"));
    let exchange = ExchangeSnapshot::AwaitingDhKey {
        secret: secret(run, "alice_x"),
        r: secret(run, "alice_r"),
        encrypted_gx: encrypted_gx(&commit, version),
        hashed_gx: padded(&hash_of(&commit)),
    };
    let open_commit = Some(OpenCommitSnapshot { version, exchange, sent: now, leap: 0 });
    let snapshot = PeerSnapshot { open_commit, ..restore::peer(&[], theirs, now) };
    let mut alice = Party::new(&parties["alice"], tag(run, "alice_instance").unwrap(), 6, snapshot);
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let higher = text(run, "alice_commit_hash") > text(run, "bob_commit_hash");
    alice.peer.handle_line(&latin1(text(run, "bob_commit")), now, &mut rng);
    let answer: Vec<_> = alice.drain().sent.iter().map(|line| kind_of(line)).collect();
    let expected = if higher { Kind::Commit } else { Kind::Key };
    report.same("results", name, &answer, &vec![Some(expected)]);
    if !higher {
        return;
    }
    // She insisted; what libotr sent after its own commit answers hers.
    for step in &list(run, "steps")[1..] {
        for line in lines(step, "injected") {
            let kind = kind_of(&line);
            alice.peer.handle_line(&line, now, &mut rng);
            let sent: Vec<_> = alice.drain().sent.iter().map(|line| kind_of(line)).collect();
            if kind == Some(Kind::Key) {
                report.same("results", name, &sent, &vec![Some(Kind::RevealSignature)]);
            }
        }
    }
    // His Signature is bound to the Reveal Signature's x and his y only, so it completes ours too.
    report.same("results", name, &(alice.peer.state() == State::Encrypted), &(run["result"] == "encrypted"));
}

fn encrypted_gx(commit: &[u8], version: Version) -> Vec<u8> {
    let message = otr_core::text::dearmour(commit, otr_core::text::Termination::DotRequired).unwrap();
    let header = if version == Version::V2 { 3 } else { 11 };
    // DATA encrypted g^x, then DATA of 32 bytes.
    message[header + 4..message.len() - 36].to_vec()
}
