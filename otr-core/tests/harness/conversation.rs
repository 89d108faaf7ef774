//! Whole conversations: each party is a peer of ours that gets what libotr got, draw for draw, and has to put
//! out what libotr put out, and to be in the state in which libotr was, after every step.

use std::collections::HashSet;
use std::ops::ControlFlow;

use otr_core::text::{Kind, Line, classify};
use otr_core::wire::{DataFlags, DataMessage, Tlv};
use otr_core::{
    Event, Leap, Output, Peer, PeerSnapshot, Rejection, SecretBytes, SendError, State, Timestamp, decode_data,
};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;
use serde_json::Value;

use crate::json::{bytes, latin1, lines, list, number, text, unhex};
use crate::party::{Outcome, Party, events};
use crate::report::Report;
use crate::rng::Logged;
use crate::state::{Comparison, Part};
use crate::{collision, lines as line, restore};

/// What we do otherwise than libotr, as cases of the table of deviations.
mod case {
    pub(super) const REPEATED_REVEAL: &str = "a Reveal Signature again after the AKE";
    pub(super) const REPEATED_KEY: &str = "a D-H Key again in an encrypted session";
    pub(super) const REPEATED_COMMIT: &str = "a D-H Commit again after its AKE";
    pub(super) const IN_CLEAR: &str = "libotr in clear after a D-H Key";
    pub(super) const REFRESH_KEY: &str = "the D-H Key of a refresh";
    pub(super) const REFRESH_SIGNATURE: &str = "the Signature of a refresh";
    pub(super) const REFRESH_REVEALS: &str = "MAC keys of the session before a refresh";
    pub(super) const FINISHED: &str = "a text typed in FINISHED";
    pub(super) const SMP_BROKEN: &str = "an SMP message out of turn";
    pub(super) const V3_RESEND: &str = "an error and a new AKE in version 3";
    pub(super) const OLD_RESEND: &str = "a resend of a text older than a minute";
    pub(super) const COMMITS_CROSS: &str = "two D-H Commits cross";
}

pub(crate) fn run(report: &mut Report, file: &Value) {
    let parties = ["alice", "bob"].map(|name| Acting::new(name, &file["parties"][name]));
    let mut replay = Replay { report, file, parties };
    for step in list(file, "steps") {
        if replay.step(step).is_break() {
            break;
        }
    }
    if file.get("held_messages").is_some() {
        replay.leaps();
    }
}

struct Replay<'a> {
    report: &'a mut Report,
    file: &'a Value,
    parties: [Acting; 2],
}

/// A party and what the replay must remember of it.
struct Acting {
    name: &'static str,
    party: Party,
    /// Lines that it has received.
    received: HashSet<Vec<u8>>,
    /// The last line of the AKE that it has sent.
    last_sent: Vec<u8>,
    /// Parts of the state in which it may differ for the present, and by which deviation.
    excused: Vec<(Part, &'static str)>,
    /// libotr's contexts after the party's step before.
    contexts: Vec<Value>,
}

impl Acting {
    fn new(name: &'static str, party: &Value) -> Self {
        let party = Party::of(party);
        Self { name, party, received: HashSet::new(), last_sent: Vec::new(), excused: Vec::new(), contexts: Vec::new() }
    }

    fn encrypted(&self) -> bool {
        self.party.peer.state() == State::Encrypted
    }

    fn excuse(&mut self, part: Part, case: &'static str) {
        if !self.excused.iter().any(|(excused, _)| *excused == part) {
            self.excused.push((part, case));
        }
    }

    /// libotr believes that nothing is encrypted, we know better.
    fn in_clear(&self) -> bool {
        self.encrypted() && !self.contexts.iter().any(|context| context["msgstate"] == "ENCRYPTED")
    }
}

fn kind_of(line: &[u8]) -> Option<Kind> {
    match classify(line) {
        Line::Encoded(encoded) => Some(encoded.kind()),
        _ => None,
    }
}

fn has(events: &[String], name: &str) -> bool {
    events.iter().any(|event| event.starts_with(name))
}

impl Replay<'_> {
    fn step(&mut self, step: &Value) -> ControlFlow<()> {
        let place = format!("step {}", number(step, "i"));
        let index = usize::from(text(step, "party") == "bob");
        let other = self.parties[1 - index].party.fingerprint();
        let acting = &mut self.parties[index];
        assert_eq!(acting.name, text(step, "party"));
        let now = Timestamp::from_secs(number(step, "time"));
        if step["op"] == "restored_from_minimal_state" {
            // Only what cannot be computed comes from the record; nothing of the peer before is left.
            let sessions = restore::peer(list(self.file, "receiver_state_at_loss"), other, now).sessions;
            acting.party.restore(PeerSnapshot { sessions, ..PeerSnapshot::default() });
        }
        let expected = Expected::of(step);
        let before = acting.party.peer.snapshot();
        let case = situation(acting, step, &expected);
        let in_clear = acting.in_clear();
        let mut rng = Logged::of(step);
        let outcome = perform(&mut acting.party, step, now, &mut rng);
        let after = acting.party.peer.snapshot();
        let judged = Judged { place: &place, expected: &expected, outcome: &outcome, after: &after };

        let case = case.or_else(|| late_situation(in_clear, &expected, &outcome));
        match case {
            None => {
                judged.compare(self.report, acting);
                self.report.same("draws", &place, &rng.differences(), &(vec![], vec![]));
            }
            Some(case) => {
                self.report.deviates(case, &place, || format!("{outcome:?}"));
                judged.deviation(case, self.report, acting, &before);
                if case == case::COMMITS_CROSS {
                    // From here on libotr's lines lead into its deadlock: ours are played on their own.
                    collision::both_start(self.report, &place, &self.file["parties"], step);
                    return ControlFlow::Break(());
                }
            }
        }
        acting.contexts = list(step, "contexts").to_vec();
        judged.state(self.report, acting, list(step, "contexts"));
        if let Some(line) = outcome.sent.iter().find(|line| kind_of(line).is_some_and(|kind| kind != Kind::Data)) {
            acting.last_sent.clone_from(line);
        }
        if let Some(line) = step["message"].as_str() {
            acting.received.insert(latin1(line));
        }
        ControlFlow::Continue(())
    }

    /// The offline scenario once more with leaping counters, as after a real restore: libotr's rule takes the gap.
    fn leaps(&mut self) {
        let keys = self.parties.each_ref().map(|acting| acting.party.fingerprint());
        let step = &list(self.file, "steps")[usize::try_from(number(self.file, "first_step_after_restore")).unwrap()];
        let now = Timestamp::from_secs(number(step, "time"));
        let restored = |index: usize, name: &str, leap: u64| {
            let snapshot = restore::peer(list(self.file, name), keys[1 - index], now);
            let party = &self.parties[index].party;
            let settings = party.peer.settings().clone();
            let peer = Peer::restore(party.identity.clone(), settings, snapshot, Leap::new(leap)).unwrap();
            Party { peer, identity: party.identity.clone() }
        };
        let mut alice = restored(0, "sender_state_at_loss", 7);
        let mut bob = restored(1, "receiver_state_at_loss", Leap::MAX);
        for line in lines(self.file, "held_messages") {
            bob.peer.handle_line(&line, now, &mut Logged::nothing());
            self.report
                .holds("leaps", "held", bob.drain().shown.is_some(), || "a held message was not read".to_owned());
        }
        // The same lines again are known as what they are, and none is read twice.
        for line in lines(self.file, "held_messages") {
            bob.peer.handle_line(&line, now, &mut Logged::nothing());
            while let Some(output) = bob.peer.poll_output() {
                if let Output::Event(event) = output {
                    let replay = Rejection::Replay { same: true };
                    let known = matches!(&event, Event::Rejected(rejected) if rejected.reason == replay);
                    self.report.holds("leaps", "held again", known, || format!("{event:?}"));
                }
            }
        }
        // Bob to alice and back, three times; the leap of either is a gap in the other's counters.
        for round in 0..6_u8 {
            let (from, to) = if round % 2 == 0 { (&mut bob, &mut alice) } else { (&mut alice, &mut bob) };
            let text = format!("after the leap, {round}").into_bytes();
            let mut rng = ChaCha20Rng::from_seed([round + 1; 32]);
            from.peer.send(&text, now).unwrap();
            let sent = from.drain().sent.pop().unwrap();
            let counter = DataMessage::parse(&decode_data(&sent).unwrap()).unwrap().counter;
            self.report.holds("leaps", "counter", counter > 7 || round > 1, || format!("{counter} has not leapt"));
            to.peer.handle_line(&sent, now, &mut rng);
            let shown = to.drain().shown;
            self.report.holds("leaps", "after", shown == Some(text), || format!("counter {counter} was not taken"));
        }
    }
}

/// What libotr did in a step.
struct Expected {
    lines: Vec<Vec<u8>>,
    events: Vec<String>,
    shown: Option<Vec<u8>>,
    tlvs: Vec<(u16, Vec<u8>)>,
}

impl Expected {
    fn of(step: &Value) -> Self {
        let shown = (step["internal"] == 0).then(|| bytes(step, "delivered"));
        let tlvs = list(step, "tlvs_received").iter().map(tlv).collect();
        Self { lines: lines(step, "injected"), events: events(step), shown, tlvs }
    }
}

fn tlv(value: &Value) -> (u16, Vec<u8>) {
    (u16::try_from(number(value, "type")).unwrap(), bytes(value, "value"))
}

/// A step in which we behave otherwise, known before it is made.
fn situation(acting: &Acting, step: &Value, expected: &Expected) -> Option<&'static str> {
    let line = latin1(step["message"].as_str().unwrap_or_default());
    let kind = kind_of(&line);
    let again = acting.received.contains(&line);
    match text(step, "op") {
        "receive" if again && acting.encrypted() => match kind? {
            Kind::RevealSignature => {
                let contacts = acting.party.peer.snapshot().contacts;
                let unconfirmed = contacts.iter().any(|contact| contact.last_signature.is_some());
                unconfirmed.then_some(case::REPEATED_REVEAL)
            }
            Kind::Key if !expected.lines.is_empty() => Some(case::REPEATED_KEY),
            Kind::Commit => Some(case::REPEATED_COMMIT),
            _ => None,
        },
        "receive" if kind == Some(Kind::Data) && acting.in_clear() => Some(case::IN_CLEAR),
        "receive" if kind == Some(Kind::Commit) => {
            let ours = collision::our_hash(&acting.party);
            (!acting.encrypted() && ours > hash_of(&line)).then_some(case::COMMITS_CROSS)
        }
        "user_send" if has(&expected.events, "CONNECTION_ENDED") => Some(case::FINISHED),
        "user_send" if acting.in_clear() => Some(case::IN_CLEAR),
        _ => None,
    }
}

/// The hash in a D-H Commit line.
pub(crate) fn hash_of(line: &[u8]) -> Vec<u8> {
    let message = otr_core::text::dearmour(line, otr_core::text::Termination::DotRequired).unwrap();
    message[message.len() - 32..].to_vec()
}

/// A step in which we behave otherwise, as its outcome shows.
fn late_situation(in_clear: bool, expected: &Expected, outcome: &Outcome) -> Option<&'static str> {
    let resent = [&outcome.events, &expected.events].map(|events| has(events, "MSG_RESENT"));
    if has(&expected.events, "smp ERROR") || has(&expected.events, "smp CHEATED") {
        return Some(case::SMP_BROKEN);
    }
    match resent {
        [true, false] => Some(case::V3_RESEND),
        [false, true] => Some(case::OLD_RESEND),
        _ if in_clear && has(&expected.events, "gone_secure") => Some(case::REFRESH_SIGNATURE),
        _ => None,
    }
}

/// Makes the step.
fn perform(party: &mut Party, step: &Value, now: Timestamp, rng: &mut Logged) -> Outcome {
    let peer = &mut party.peer;
    let current = peer.current();
    let mut extra = None;
    let result: Result<(), String> = match text(step, "op") {
        "receive" => {
            peer.handle_line(&latin1(text(step, "message")), now, rng);
            Ok(())
        }
        "user_send" => send(peer, step, now),
        "user_end" => {
            peer.end(now);
            Ok(())
        }
        "smp_start" | "smp_start_question" => {
            let question = step["question"].as_str().map(latin1);
            let secret = latin1(text(step, "secret_ascii"));
            peer.start_smp(current.unwrap(), &secret, question.as_deref(), now, rng).map_err(|e| e.to_string())
        }
        "smp_respond" => {
            let secret = latin1(text(step, "secret_ascii"));
            peer.respond_smp(current.unwrap(), &secret, now, rng).map_err(|e| e.to_string())
        }
        "smp_abort" => peer.abort_smp(current.unwrap(), now).map_err(|e| e.to_string()),
        "symkey" => {
            let usage = u32::from_str_radix(text(step, "use"), 16).unwrap();
            let key = peer.send_extra_key(current.unwrap(), usage, &bytes(step, "usedata"), now).unwrap();
            extra = Some(key);
            Ok(())
        }
        "poll_after_clock_advance" => {
            peer.handle_timeout(now, rng);
            Ok(())
        }
        "restored_from_minimal_state" => Ok(()),
        op => panic!("unknown operation {op}"),
    };
    let mut outcome = party.drain();
    if let Some(key) = extra {
        // The key that the caller gets back.
        assert_eq!(hex::encode(SecretBytes::expose(&key)), text(step, "symkey"));
    }
    if let Err(error) = result {
        outcome.events.push(error);
    }
    outcome
}

fn send(peer: &mut Peer, step: &Value, now: Timestamp) -> Result<(), String> {
    let text = unhex(text(step, "plaintext"));
    let tlvs: Vec<_> =
        list(step, "tlvs_sent").iter().map(tlv).map(|(kind, value)| Tlv::new(kind, value).unwrap()).collect();
    let result = match peer.current().filter(|_| !tlvs.is_empty()) {
        // libotr puts its own query for a line that is one.
        _ if matches!(classify(&text), Line::Query { .. }) => {
            peer.start();
            Ok(())
        }
        Some(id) => peer.send_in(id, &text, &tlvs, DataFlags::empty(), now),
        None => peer.send(&text, now),
    };
    result.map_err(|error| match error {
        SendError::Finished => "CONNECTION_ENDED".to_owned(),
        other => other.to_string(),
    })
}

/// A step that was made, to be compared.
struct Judged<'a> {
    place: &'a str,
    expected: &'a Expected,
    outcome: &'a Outcome,
    after: &'a PeerSnapshot,
}

impl Judged<'_> {
    fn compare(&self, report: &mut Report, acting: &mut Acting) {
        report.same("events", self.place, &self.outcome.events, &self.expected.events);
        self.reading(report);
        self.lines(report, acting);
    }

    fn reading(&self, report: &mut Report) {
        report.same("texts", self.place, &self.outcome.shown, &self.expected.shown);
        report.same("texts", self.place, &self.outcome.tlvs, &self.expected.tlvs);
    }

    /// All lines. A data message may reveal other MAC keys after a refresh; everything else of it is compared.
    fn lines(&self, report: &mut Report, acting: &mut Acting) {
        let (mut ours, mut theirs) = (self.outcome.sent.clone(), self.expected.lines.clone());
        if let (Some(our_last), Some(their_last)) = (ours.last(), theirs.last())
            && differs_in_revealed_keys(our_last, their_last)
        {
            report.deviates(case::REFRESH_REVEALS, self.place, || "other MAC keys were revealed".to_owned());
            report.counted("lines", 1);
            acting.excuse(Part::Reveal, case::REFRESH_REVEALS);
            ours.pop();
            theirs.pop();
        }
        line::compare(report, self.place, &ours, &theirs, self.after);
    }

    /// What we do instead, to the letter.
    fn deviation(&self, case: &'static str, report: &mut Report, acting: &mut Acting, before: &PeerSnapshot) {
        let Self { place, expected, outcome, after } = *self;
        let Outcome { sent, events, shown, .. } = outcome;
        let kinds: Vec<_> = sent.iter().map(|line| kind_of(line)).collect();
        let unchanged = || serde_json::to_value(before).unwrap() == serde_json::to_value(after).unwrap();
        let mut holds = |what: &'static str, holds: bool| {
            report.holds("deviations", place, holds, || format!("{case}: not {what}: {outcome:?}"));
        };
        match case {
            case::REPEATED_REVEAL => {
                holds("the same Signature again", *sent == [acting.last_sent.clone()] && events.is_empty());
                holds("unchanged", unchanged());
            }
            case::REPEATED_KEY | case::REPEATED_COMMIT => {
                holds("silent", sent.is_empty() && events.is_empty());
                holds("unchanged", unchanged());
                acting.excuse(Part::Exchange, case);
                if case == case::REPEATED_KEY {
                    acting.excuse(Part::Session, case);
                }
            }
            case::IN_CLEAR if expected.lines.is_empty() => holds("read", shown.is_some()),
            case::IN_CLEAR => holds("encrypted", kinds == [Some(Kind::Data)]),
            case::REFRESH_SIGNATURE => holds("a renewal", *events == ["still_secure 1"] && sent.is_empty()),
            case::FINISHED => holds("kept back", sent.is_empty() && *events == ["CONNECTION_ENDED"] && unchanged()),
            case::SMP_BROKEN => {
                holds("the same events", *events == expected.events);
                holds(
                    "an abort more",
                    sent.len() == expected.lines.len() + 1 && kinds.last() == Some(&Some(Kind::Data)),
                );
            }
            case::V3_RESEND => {
                let rest: Vec<_> = events.iter().filter(|event| *event != "MSG_RESENT").cloned().collect();
                holds("the same events and a resend", rest == expected.events);
                holds("a data message more", sent.len() == expected.lines.len() + 1);
                line::compare(report, place, &sent[..sent.len() - 1], &expected.lines, after);
            }
            case::OLD_RESEND => {
                let rest: Vec<_> = expected.events.iter().filter(|event| *event != "MSG_RESENT").cloned().collect();
                holds("the same events but for the resend", *events == rest);
                holds("a data message less", sent.len() + 1 == expected.lines.len());
                line::compare(report, place, sent, &expected.lines[..expected.lines.len() - 1], after);
            }
            case::COMMITS_CROSS => holds("our own D-H Commit again", *sent == [acting.last_sent.clone()]),
            other => panic!("{other} is not known"),
        }
    }

    /// The whole state. Where a deviation has changed what the session has sent or done, it is set to libotr's for
    /// the steps that follow.
    fn state(&self, report: &mut Report, acting: &mut Acting, contexts: &[Value]) {
        let resets = [case::SMP_BROKEN, case::V3_RESEND, case::OLD_RESEND];
        let late = late_situation(false, self.expected, self.outcome);
        if late.is_some_and(|case| resets.contains(&case)) {
            let mut snapshot = acting.party.peer.snapshot();
            for session in &mut snapshot.sessions {
                let fits =
                    |context: &&Value| crate::json::tag(context, "their_instance") == session.origin.session.instance;
                let Some(context) = contexts.iter().find(fits) else { continue };
                let theirs = restore::session(context, session.origin.session.fingerprint).unwrap();
                session.phase = theirs.phase;
                session.last_text = theirs.last_text;
                session.last_sent = theirs.last_sent;
            }
            acting.party.restore(snapshot);
        }
        let comparison = Comparison::of(&acting.party.peer.snapshot(), contexts);
        report.counted("state values", comparison.values);
        for (part, difference) in &comparison.differences {
            let excuse = acting.excused.iter().find(|(excused, _)| excused == part).map(|(_, case)| *case);
            match excuse.or_else(|| new_excuse(acting, *part, contexts)) {
                Some(case) => {
                    report.deviates(case, self.place, || difference.clone());
                    acting.excuse(*part, case);
                }
                None => report.holds("state values", self.place, false, || format!("{part:?}: {difference}")),
            }
        }
        acting.excused.retain(|(part, _)| comparison.differences.iter().any(|(differs, _)| differs == part));
    }
}

/// Differences of the state that begin in a step whose outputs are the same.
fn new_excuse(acting: &Acting, part: Part, contexts: &[Value]) -> Option<&'static str> {
    let dropped = !contexts.iter().any(|context| context["msgstate"] == "ENCRYPTED");
    match part {
        Part::Session if dropped && acting.encrypted() => Some(case::REFRESH_KEY),
        Part::Reveal if contexts.iter().any(|context| context["generation"].as_u64() > Some(1)) => {
            Some(case::REFRESH_REVEALS)
        }
        Part::Session | Part::Reveal | Part::Exchange => None,
    }
}

/// Two data messages that are the same as far as their authenticators reach.
fn differs_in_revealed_keys(ours: &[u8], theirs: &[u8]) -> bool {
    let (Some(ours), Some(theirs)) = (decode_data(ours), decode_data(theirs)) else { return false };
    let (Ok(ours), Ok(theirs)) = (DataMessage::parse(&ours), DataMessage::parse(&theirs)) else { return false };
    ours.authenticated == theirs.authenticated
        && ours.authenticator == theirs.authenticator
        && ours.old_mac_keys != theirs.old_mac_keys
}
