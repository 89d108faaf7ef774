//! What must hold after every step, seen from outside: rows, lines, events.
//!
//! Each function is one invariant over plain data and has a test that shows that it bites. "Lineage" is one history
//! of a store without copies that nobody noticed.

use std::collections::{HashMap, HashSet};

use o2tr::conversation::{MAX_EARLY, MAX_OUTBOX, MAX_READ_IDS, MAX_RETAINED};
use o2tr_ekm::record::{ConversationRecord, OutboxText, TextState};
use otr_core::SessionId;
use otr_core::dsa::Fingerprint;
use otr_core::text::{self, Line};

/// What a check says: nothing, or what is wrong.
pub type Check = Result<(), Violation>;

/// An invariant does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invariant {invariant}: {what}")]
pub struct Violation {
    /// Its number in the list of the crate's documentation.
    pub invariant: u8,
    /// What was seen.
    pub what: String,
}

impl Violation {
    /// A violation of the invariant with this number.
    #[must_use]
    pub fn new(invariant: u8, what: impl Into<String>) -> Self {
        Self { invariant, what: what.into() }
    }
}

/// A pair of D-H keys, ours first: it names a sending key.
pub type KeyPair = (Vec<u8>, Vec<u8>);

/// One use of a sending key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// The counter.
    pub counter: u64,
    /// What was encrypted under it.
    pub encrypted: Vec<u8>,
}

/// Where a text of the user is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whereabouts {
    /// It waits.
    Queued,
    /// It has left.
    InFlight,
    /// The peer has read it.
    Acknowledged,
    /// Nobody knows.
    Unconfirmed,
    /// The user has withdrawn it.
    Cancelled,
    /// It left in clear, or to a plain OTR client that has gone on since: no more is known of it.
    Left,
}

/// `Ok` if it holds.
///
/// # Errors
/// The violation.
pub fn ensure(invariant: u8, holds: bool, why: impl FnOnce() -> String) -> Check {
    if holds { Ok(()) } else { Err(Violation::new(invariant, why())) }
}

/// 1: no (AES key, counter) with two plaintexts.
///
/// # Errors
/// It does not hold.
pub fn a_counter_encrypts_once(before: &[Use], new: &Use) -> Check {
    let other = before.iter().any(|used| used.counter == new.counter && used.encrypted != new.encrypted);
    ensure(1, !other, || format!("counter {} encrypts twice", new.counter))
}

/// 2: at most k different ciphertexts under a sending key.
///
/// # Errors
/// It does not hold.
pub fn a_key_encrypts_at_most_k(uses: &[Use], k: Option<u32>) -> Check {
    let different: HashSet<_> = uses.iter().map(|used| (used.counter, &used.encrypted)).collect();
    ensure(2, k.is_none_or(|k| different.len() <= k as usize), || {
        format!("{} ciphertexts under one key", different.len())
    })
}

/// 3: every line that leaves stands in a durable commit.
///
/// # Errors
/// It does not hold.
pub fn a_line_is_durable_before_it_leaves(durable: &HashSet<Vec<u8>>, line: &[u8]) -> Check {
    ensure(3, durable.contains(line), || format!("not stored: {}", String::from_utf8_lossy(line)))
}

/// 4: the counters of a key rise, identical repetitions excepted.
///
/// # Errors
/// It does not hold.
pub fn counters_rise(before: &[Use], new: &Use) -> Check {
    let highest = before.iter().map(|used| used.counter).max().unwrap_or(0);
    ensure(4, new.counter > highest || before.contains(new), || format!("counter {} after {highest}", new.counter))
}

/// 5: a MAC key that was revealed is accepted by no state that a reload can reach.
///
/// # Errors
/// It does not hold.
pub fn nothing_revealed_is_accepted(revealed: &HashSet<[u8; 20]>, accepted: &[[u8; 20]]) -> Check {
    ensure(5, !accepted.iter().any(|key| revealed.contains(key)), || "a revealed MAC key is accepted".to_owned())
}

/// 6: the private half of every announced key is durable.
///
/// # Errors
/// It does not hold.
pub fn an_announced_key_is_durable(durable: &HashSet<Vec<u8>>, next_dh: &[u8]) -> Check {
    ensure(6, durable.contains(next_dh), || "the private half of next_dh is not stored".to_owned())
}

/// 7: no clear text, and no offer, after a private conversation, but by the user's command.
///
/// # Errors
/// It does not hold.
pub fn nothing_private_leaves_in_clear(line: &[u8], private: bool, commanded: bool) -> Check {
    let clear = match text::classify(line) {
        Line::Plain | Line::Tagged { .. } | Line::Query { .. } => true,
        Line::Encoded(_) | Line::Error { .. } | Line::Fragment(_) | Line::VersionOne | Line::Unknown { .. } => false,
    };
    ensure(7, !(clear && private) || commanded, || format!("in clear: {}", String::from_utf8_lossy(line)))
}

/// 8: each text is in exactly one place.
///
/// # Errors
/// It does not hold.
pub fn a_text_has_one_place(id: &str, places: &[Whereabouts]) -> Check {
    ensure(8, places.len() == 1, || format!("the text {id} is in {places:?}"))
}

/// 9: each inbox id is handed over, and shown once with one content.
///
/// # Errors
/// It does not hold.
pub fn an_inbox_id_names_one_thing(shown: &mut HashMap<u64, String>, id: u64, content: &str) -> Check {
    let known = shown.entry(id).or_insert_with(|| content.to_owned());
    ensure(9, known == content, || format!("the id {id} names two things"))
}

/// 9, too: what is in the inbox was handed over.
///
/// # Errors
/// It does not hold.
pub fn the_inbox_was_handed_over(shown: &HashMap<u64, String>, inbox: &[u64]) -> Check {
    ensure(9, inbox.iter().all(|id| shown.contains_key(id)), || format!("of {inbox:?} not all were handed over"))
}

/// 9, too: no text comes under two ids.
///
/// # Errors
/// It does not hold.
pub fn a_text_is_shown_once(first: u64, id: u64, content: &str) -> Check {
    ensure(9, first == id, || format!("shown twice, as {first} and {id}: {content}"))
}

/// 10: `acknowledged` implies that the peer has committed the text.
///
/// # Errors
/// It does not hold.
pub fn acknowledged_was_committed(committed: bool, text: &str) -> Check {
    ensure(10, committed, || format!("acknowledged, but never committed by the peer: {text}"))
}

/// 11: unauthenticated input leaves the protocol state as it was.
///
/// # Errors
/// It does not hold.
pub fn unauthenticated_input_changes_nothing(before: &ConversationRecord, after: &ConversationRecord) -> Check {
    ensure(11, protocol_state(before) == protocol_state(after), || {
        "unauthenticated input has changed the state".to_owned()
    })
}

/// 12: a text goes only to the key that it is addressed to.
///
/// # Errors
/// It does not hold.
pub fn a_text_goes_to_its_address(text: &OutboxText) -> Check {
    match text.state {
        TextState::InFlight(flight) => ensure(12, text.address == Some(flight.session.fingerprint), || {
            format!("the text {} went to {:?}", text.id, flight.session.fingerprint)
        }),
        TextState::Queued | TextState::HeldForTrust => Ok(()),
    }
}

/// 13: what one key says changes no session of another.
///
/// # Errors
/// It does not hold.
pub fn another_key_changes_no_record(
    before: &ConversationRecord,
    after: &ConversationRecord,
    actor: Fingerprint,
) -> Check {
    let others = |record: &ConversationRecord| -> Vec<String> {
        rings(record).into_iter().filter(|(id, _)| id.fingerprint != actor).map(|(_, ring)| ring).collect()
    };
    let after = others(after);
    ensure(13, others(before).iter().all(|ring| after.contains(ring)), || {
        "another key has changed a session".to_owned()
    })
}

/// 14: a message of a retained pair changes no session. What the turn has sent besides does not count.
///
/// # Errors
/// It does not hold.
pub fn a_retained_pair_changes_no_session(before: &ConversationRecord, after: &ConversationRecord) -> Check {
    let keys = |record: &ConversationRecord| -> Vec<String> {
        let cut = |ring: String| ring.split(SENDING).next().unwrap_or_default().to_owned();
        rings(record).into_iter().map(|(_, ring)| cut(ring)).collect()
    };
    ensure(14, keys(before) == keys(after), || "a retained pair has changed a session".to_owned())
}

/// 16: at most one automatic message for each message read; none in answer to an answer. `depth`: 0 for what no
/// automatic message has caused.
///
/// # Errors
/// It does not hold.
pub fn automatic_messages_do_not_multiply(read: usize, automatic: usize, depth: usize) -> Check {
    ensure(16, automatic <= read, || format!("{automatic} automatic messages for {read} read"))?;
    ensure(16, depth <= 2, || format!("automatic messages answer each other, {depth} deep"))
}

/// 16, too: they come to an end when nobody says anything.
///
/// # Errors
/// It does not hold.
pub fn automatic_messages_end(in_one_action: usize) -> Check {
    ensure(16, in_one_action <= 300, || format!("{in_one_action} automatic messages without a word of a user"))
}

/// 17: what the application is handed, and what the transport may forget, is durable.
///
/// # Errors
/// It does not hold.
pub fn what_is_handed_over_is_durable(durable: bool, id: u64) -> Check {
    ensure(17, durable, || format!("the item {id} is handed over and not stored"))
}

/// 19: in quarantine no data message leaves, and there is no session whose keys could advance.
///
/// # Errors
/// It does not hold.
pub fn quarantine_is_silent(row: &ConversationRecord, data_message: bool) -> Check {
    ensure(19, !row.quarantined || !data_message, || "a data message leaves in quarantine".to_owned())?;
    ensure(19, !row.quarantined || row.peer.sessions.is_empty(), || "a session lives in quarantine".to_owned())
}

/// 19, too: while the store has doubts about a row, no data message leaves, whatever the row says of itself.
///
/// # Errors
/// It does not hold.
pub fn doubt_is_silent(doubted: bool, line: &[u8]) -> Check {
    let data = doubted && otr_core::decode_data(line).is_some();
    ensure(19, !data, || "a data message leaves although the store has doubts".to_owned())
}

/// 20: the generation rises by one.
///
/// # Errors
/// It does not hold.
pub fn the_generation_rises(stored: u64, expected: u64) -> Check {
    ensure(20, stored == expected, || format!("the row has generation {stored}, the commit expects {expected}"))
}

/// 20, too: all caps hold.
///
/// # Errors
/// It does not hold.
pub fn caps_hold(row: &ConversationRecord) -> Check {
    ensure(20, row.outbox.len() <= MAX_OUTBOX, || format!("{} texts", row.outbox.len()))?;
    ensure(20, row.early.len() <= MAX_EARLY, || format!("{} early messages", row.early.len()))?;
    ensure(20, row.read_ids.len() <= MAX_READ_IDS, || format!("{} ids", row.read_ids.len()))?;
    let mut retained: HashMap<SessionId, usize> = HashMap::new();
    row.retained.iter().for_each(|record| *retained.entry(record.pair.origin.session).or_default() += 1);
    let most = retained.values().max().copied().unwrap_or(0);
    ensure(20, most <= MAX_RETAINED, || format!("{most} retained pairs of a session"))?;
    let kept = row.lines.iter().filter(|line| line.transmitted).count();
    ensure(20, kept <= 64 + MAX_OUTBOX, || format!("{kept} kept lines"))?;
    ensure(20, row.sessions.len() <= otr_core::limits::MAX_SESSIONS, || format!("{} records", row.sessions.len()))
}

/// Before the part of a ring that sending changes.
const SENDING: &str = " sending ";

/// The secrets of a ring as text, to compare: `Debug` of a snapshot hides them.
fn rings(record: &ConversationRecord) -> Vec<(SessionId, String)> {
    let mut rings: Vec<_> = record
        .peer
        .sessions
        .iter()
        .map(|session| {
            let ring = match &session.phase {
                otr_core::PhaseSnapshot::Encrypted { ring, .. } => format!(
                    "{:?} {} {} {:?} {:?} {:?}{SENDING}{} {} {:?}",
                    session.origin,
                    ring.our_keyid,
                    ring.their_keyid,
                    ring.our_newest.public,
                    ring.their_newest,
                    ring.pairs.each_ref().map(|row| row.each_ref().map(|pair| pair.accepted.clone())),
                    ring.counter,
                    ring.uses,
                    ring.reveal,
                ),
                otr_core::PhaseSnapshot::Finished => format!("{:?} finished", session.origin),
            };
            (session.origin.session, ring)
        })
        .collect();
    rings.sort_by(|(_, one), (_, other)| one.cmp(other));
    rings
}

fn protocol_state(record: &ConversationRecord) -> String {
    let retained: Vec<_> = record.retained.iter().map(|record| (&record.pair, record.expires)).collect();
    let sessions: Vec<_> = record
        .sessions
        .iter()
        .map(|session| {
            (session.id, session.ssid, session.confirmed, session.capability, session.reading, &session.window)
        })
        .collect();
    format!(
        "{:?} {retained:?} {sessions:?} {:?} {:?} {:?} {:?} {:?}",
        rings(record),
        record.outbox,
        record.inbox,
        record.trust,
        record.read_ids,
        record.was_private,
    )
}

#[cfg(test)]
mod tests {
    use o2tr_ekm::record::{InFlight, MessageText, RetainedRecord};
    use otr_core::{
        Accepted, InstanceTag, Origin, PhaseSnapshot, RetainedSnapshot, SecretBytes, SessionSnapshot, Timestamp,
        Version,
    };

    use super::*;

    fn use_of(counter: u64, encrypted: &[u8]) -> Use {
        Use { counter, encrypted: encrypted.to_vec() }
    }

    fn session(key: usize) -> SessionId {
        let fingerprint = crate::keys::key(key).public_key().fingerprint();
        SessionId { version: Version::V3, instance: InstanceTag::new(0x100), fingerprint }
    }

    fn with_session(key: usize, ssid: u8) -> ConversationRecord {
        let mut record = ConversationRecord::default();
        record.peer.sessions.push(SessionSnapshot {
            origin: Origin { session: session(key), ssid: [ssid; 8] },
            revealed: false,
            phase: PhaseSnapshot::Finished,
            established: Timestamp::default(),
            last_sent: Timestamp::default(),
            last_verified: None,
            last_text: None,
        });
        record
    }

    #[test]
    fn one_two_and_four_bite() {
        let before = [use_of(1, b"a"), use_of(3, b"b")];
        assert!(a_counter_encrypts_once(&before, &use_of(3, b"c")).is_err());
        assert!(a_counter_encrypts_once(&before, &use_of(3, b"b")).is_ok());
        assert!(a_key_encrypts_at_most_k(&before, Some(1)).is_err());
        assert!(a_key_encrypts_at_most_k(&[use_of(1, b"a"), use_of(1, b"a")], Some(1)).is_ok());
        assert!(counters_rise(&before, &use_of(2, b"c")).is_err());
        assert!(counters_rise(&before, &use_of(1, b"a")).is_ok());
        assert!(counters_rise(&before, &use_of(4, b"c")).is_ok());
    }

    #[test]
    fn three_and_six_bite() {
        let durable = HashSet::from([b"stored".to_vec()]);
        assert!(a_line_is_durable_before_it_leaves(&durable, b"other").is_err());
        assert!(a_line_is_durable_before_it_leaves(&durable, b"stored").is_ok());
        assert!(an_announced_key_is_durable(&durable, b"other").is_err());
        assert!(an_announced_key_is_durable(&durable, b"stored").is_ok());
    }

    #[test]
    fn five_bites() {
        let revealed = HashSet::from([[1; 20]]);
        assert!(nothing_revealed_is_accepted(&revealed, &[[2; 20], [1; 20]]).is_err());
        assert!(nothing_revealed_is_accepted(&revealed, &[[2; 20]]).is_ok());
    }

    #[test]
    fn seven_bites() {
        assert!(nothing_private_leaves_in_clear(b"a secret", true, false).is_err());
        assert!(nothing_private_leaves_in_clear(b"?OTRv3?", true, false).is_err());
        assert!(nothing_private_leaves_in_clear(b"a secret", false, false).is_ok());
        assert!(nothing_private_leaves_in_clear(b"a secret", true, true).is_ok());
        assert!(nothing_private_leaves_in_clear(b"?OTR Error: no", true, false).is_ok());
    }

    #[test]
    fn eight_bites() {
        assert!(a_text_has_one_place("a", &[]).is_err());
        assert!(a_text_has_one_place("a", &[Whereabouts::Queued, Whereabouts::Acknowledged]).is_err());
        assert!(a_text_has_one_place("a", &[Whereabouts::InFlight]).is_ok());
    }

    #[test]
    fn nine_and_ten_bite() {
        let mut shown = HashMap::new();
        assert!(an_inbox_id_names_one_thing(&mut shown, 1, "a").is_ok());
        assert!(an_inbox_id_names_one_thing(&mut shown, 1, "a").is_ok());
        assert!(an_inbox_id_names_one_thing(&mut shown, 1, "b").is_err());
        assert!(the_inbox_was_handed_over(&shown, &[1, 2]).is_err());
        assert!(the_inbox_was_handed_over(&shown, &[1]).is_ok());
        assert!(a_text_is_shown_once(1, 2, "a").is_err());
        assert!(a_text_is_shown_once(1, 1, "a").is_ok());
        assert!(acknowledged_was_committed(false, "b").is_err());
        assert!(acknowledged_was_committed(true, "a").is_ok());
    }

    #[test]
    fn eleven_thirteen_and_fourteen_bite() {
        let (before, after) = (with_session(0, 1), with_session(0, 2));
        assert!(unauthenticated_input_changes_nothing(&before, &after).is_err());
        assert!(unauthenticated_input_changes_nothing(&before, &before).is_ok());
        assert!(a_retained_pair_changes_no_session(&before, &after).is_err());
        assert!(a_retained_pair_changes_no_session(&before, &before).is_ok());
        assert!(another_key_changes_no_record(&before, &after, session(1).fingerprint).is_err());
        assert!(another_key_changes_no_record(&before, &after, session(0).fingerprint).is_ok());
    }

    #[test]
    fn twelve_bites() {
        let flight = InFlight {
            session: session(0),
            ssid: [1; 8],
            keyids: (1, 1),
            use_number: 1,
            at: Timestamp::default(),
            transmitted: false,
        };
        let mut text = OutboxText {
            id: "a".to_owned(),
            wire_id: [1; 16],
            text: MessageText::new(Vec::new()),
            written: Timestamp::default(),
            address: Some(session(1).fingerprint),
            private: true,
            state: TextState::InFlight(flight),
            again: false,
        };
        assert!(a_text_goes_to_its_address(&text).is_err());
        text.address = Some(session(0).fingerprint);
        assert!(a_text_goes_to_its_address(&text).is_ok());
    }

    #[test]
    fn sixteen_bites() {
        assert!(automatic_messages_do_not_multiply(1, 2, 0).is_err());
        assert!(automatic_messages_do_not_multiply(1, 1, 3).is_err());
        assert!(automatic_messages_do_not_multiply(1, 1, 2).is_ok());
        assert!(automatic_messages_end(301).is_err());
        assert!(automatic_messages_end(300).is_ok());
    }

    #[test]
    fn seventeen_bites() {
        assert!(what_is_handed_over_is_durable(false, 1).is_err());
        assert!(what_is_handed_over_is_durable(true, 1).is_ok());
    }

    #[test]
    fn nineteen_bites() {
        let mut row = ConversationRecord { quarantined: true, ..ConversationRecord::default() };
        assert!(quarantine_is_silent(&row, true).is_err());
        assert!(quarantine_is_silent(&row, false).is_ok());
        assert!(doubt_is_silent(true, b"hello").is_ok());
        row.peer.sessions = with_session(0, 1).peer.sessions;
        assert!(quarantine_is_silent(&row, false).is_err());
    }

    #[test]
    fn twenty_bites() {
        assert!(the_generation_rises(3, 2).is_err());
        assert!(the_generation_rises(3, 3).is_ok());
        let mut row = ConversationRecord::default();
        assert!(caps_hold(&row).is_ok());
        let pair = RetainedSnapshot {
            origin: Origin { session: session(0), ssid: [1; 8] },
            sender_keyid: 1,
            recipient_keyid: 1,
            cipher: SecretBytes::new([0; 16]),
            extra: SecretBytes::new([0; 32]),
            accepted: Accepted::default(),
        };
        let retained = RetainedRecord { pair, expires: Timestamp::default(), unrevealed: false, suspect: false };
        row.retained = vec![retained; MAX_RETAINED + 1];
        assert!(caps_hold(&row).is_err());
    }
}
