//! One crafted or damaged line each: the verdict, the answer, the state behind it, and that what is refused
//! changes nothing.

use otr_core::smp::SmpState;
use otr_core::text::{Kind, Line, classify};
use otr_core::{ExchangeSnapshot, PeerSnapshot, PhaseSnapshot, Timestamp, decode_data};
use serde_json::Value;

use crate::json::{bytes, latin1, lines, list, number, tag, text};
use crate::party::{Outcome, Party, events};
use crate::report::Report;
use crate::rng::Logged;
use crate::state::Comparison;
use crate::{fields, lines as line, restore};

pub(crate) fn run(report: &mut Report, file: &Value, parties: &Value) {
    for case in list(file, "cases") {
        Case { report, case, name: text(case, "name") }.run(parties);
    }
}

struct Case<'a> {
    report: &'a mut Report,
    case: &'a Value,
    name: &'a str,
}

impl Case<'_> {
    fn run(&mut self, parties: &Value) {
        let Self { case, name, .. } = *self;
        fields::of_case(self.report, case);
        let contexts = list(case, "receiver_contexts_before");
        let now = contexts.iter().map(|context| number(context, "lastsent")).max().unwrap_or_default();
        let now = Timestamp::from_secs(now);
        let other = if case["receiver"] == "bob" { "alice" } else { "bob" };
        let theirs = text(&parties[other], "fingerprint").parse().unwrap();
        let policy = u8::try_from(number(case, "policy")).unwrap();
        let instance = tag(case, "receiver_instance").unwrap();
        let snapshot = restore::peer(contexts, theirs, now);
        let mut party = Party::new(&parties[text(case, "receiver")], instance, policy, snapshot);

        let before = party.peer.snapshot();
        // What was restored is what libotr was, keys included.
        let comparison = Comparison::of(&before, contexts);
        self.report.counted("states before", comparison.values);
        let differences = &comparison.differences;
        self.report.holds("states before", name, differences.is_empty(), || format!("{differences:?}"));
        let received = latin1(text(case, "message"));
        let mut rng = Logged::of(case);
        party.peer.handle_line(&received, now, &mut rng);
        let outcome = party.drain();
        let after = party.peer.snapshot();
        let ours = verdict(&outcome, &received);
        let theirs = text(case, "verdict");

        if let Some(listed) = self.report.listed(name) {
            if ours != theirs {
                self.report.deviates(name, name, String::new);
                self.report.same("verdicts", name, &ours.as_str(), &listed);
            }
        } else {
            self.report.same("verdicts", name, &ours.as_str(), &theirs);
        }
        if ours == theirs {
            self.same(&outcome, &after);
            self.report.same("draws", name, &rng.differences(), &(vec![], vec![]));
        }
        if refused(&ours) {
            let [before, after] = [&before, &after].map(comparable);
            self.report.holds("refused without a change", name, before == after, || format!("{before}\n{after}"));
        }
    }

    fn same(&mut self, outcome: &Outcome, after: &PeerSnapshot) {
        let Self { case, name, .. } = *self;
        let shown = (case["internal"] == 0).then(|| bytes(case, "delivered"));
        self.report.same("events", name, &outcome.events, &events(case));
        self.report.same("texts", name, &outcome.shown, &shown);
        let tlvs: Vec<_> = list(case, "tlvs_received")
            .iter()
            .map(|tlv| (u16::try_from(number(tlv, "type")).unwrap(), bytes(tlv, "value")))
            .collect();
        self.report.same("texts", name, &outcome.tlvs, &tlvs);
        line::compare(self.report, name, &outcome.sent, &lines(case, "injected"), after);
        let replied = outcome.sent.iter().any(|line| matches!(classify(line), Line::Error { .. }));
        self.report.same("lines", name, &replied, &(case["replied_with_error"] == true));
        for summary in list(case, "after") {
            self.summary(after, summary);
        }
    }

    fn summary(&mut self, after: &PeerSnapshot, summary: &Value) {
        let instance = tag(summary, "their_instance");
        let session = after.sessions.iter().find(|session| session.origin.session.instance == instance);
        let state = match session.map(|session| &session.phase) {
            None => ("PLAINTEXT", 0, 0, 0, 1),
            Some(PhaseSnapshot::Finished) => ("FINISHED", 0, 0, 0, 1),
            Some(PhaseSnapshot::Encrypted { ring, smp }) => {
                let expect = match smp {
                    SmpState::Idle | SmpState::Asked(_) => 1,
                    SmpState::Expect2(_) => 2,
                    SmpState::Expect3(_) => 3,
                    SmpState::Expect4(_) => 4,
                };
                let saved = u64::try_from(ring.reveal.len()).unwrap();
                ("ENCRYPTED", u64::from(ring.our_keyid), u64::from(ring.their_keyid), saved, expect)
            }
        };
        let field = |name| number(summary, name);
        // libotr copies ENCRYPTED into the new context of a stranger; there are no keys behind it.
        let hollow = summary["msgstate"] == "ENCRYPTED" && field("our_keyid") == 0;
        let msgstate = if hollow { "PLAINTEXT" } else { text(summary, "msgstate") };
        let theirs = (msgstate, field("our_keyid"), field("their_keyid"), field("saved_mac_keys"), field("smp_expect"));
        self.report.same("states after", self.name, &state, &theirs);
        let contact = after.contacts.iter().find(|contact| contact.instance == instance);
        // A D-H Key makes libotr copy its commit to any device into the context of the sender.
        let copied = contact.is_none() && summary["authstate"] == "AWAITING_DHKEY";
        let open = after.open_commit.as_ref().filter(|_| copied);
        let exchange = match (contact.map(|contact| &contact.exchange), open) {
            (None | Some(ExchangeSnapshot::None), None) => "NONE",
            (_, Some(_)) | (Some(ExchangeSnapshot::AwaitingDhKey { .. }), _) => "AWAITING_DHKEY",
            (Some(ExchangeSnapshot::AwaitingRevealSignature { .. }), _) => "AWAITING_REVEALSIG",
            (Some(ExchangeSnapshot::AwaitingSignature { .. }), _) => "AWAITING_SIG",
        };
        self.report.same("states after", self.name, &exchange, &text(summary, "authstate"));
    }
}

/// The verdict in the words of the file; with what we send more when SMP is broken off.
fn verdict(outcome: &Outcome, received: &[u8]) -> String {
    let has = |name: &str| outcome.events.iter().any(|event| event.starts_with(name));
    if let Some(shown) = &outcome.shown {
        return if shown == received { "passed_through_as_plaintext" } else { "accepted_text" }.to_owned();
    }
    if has("gone_secure") || has("still_secure") {
        return "session_established".to_owned();
    }
    for name in ["ERROR", "CHEATED"] {
        if has(&format!("smp {name}")) {
            let aborted = outcome.sent.iter().any(|line| decode_data(line).is_some());
            return format!("event:{name}{}", if aborted { " and abort" } else { "" });
        }
    }
    let telling =
        |event: &&String| event.starts_with("RCVDMSG") || event.starts_with("SETUP") || event.starts_with("MSG");
    if let Some(event) = outcome.events.iter().find(telling) {
        return format!("event:{}", event.split(' ').next().unwrap());
    }
    let answer = outcome.sent.iter().find_map(|line| match classify(line) {
        Line::Encoded(encoded) => Some(encoded.kind()),
        _ => None,
    });
    match answer {
        Some(Kind::Commit) => "answered:DH_COMMIT",
        Some(Kind::Key) => "answered:DH_KEY",
        Some(Kind::RevealSignature) => "answered:REVEAL_SIGNATURE",
        Some(Kind::Signature) => "answered:SIGNATURE",
        Some(Kind::Data) | None if outcome.events.is_empty() => "ignored_silently",
        Some(Kind::Data) | None => "accepted_no_text",
    }
    .to_owned()
}

fn refused(verdict: &str) -> bool {
    let events = ["UNREADABLE", "MALFORMED", "NOT_IN_PRIVATE", "FOR_OTHER_INSTANCE", "UNRECOGNIZED"];
    verdict == "ignored_silently"
        || verdict == "event:SETUP_ERROR"
        || verdict == "event:MSG_REFLECTED"
        || events.iter().any(|event| verdict == format!("event:RCVDMSG_{event}"))
}

/// The whole state but what is no protocol state: unfinished fragments, and keys that were computed and cached.
fn comparable(snapshot: &PeerSnapshot) -> Value {
    let mut value = serde_json::to_value(snapshot).unwrap();
    value["fragments"] = Value::Null;
    strip_cached(&mut value);
    value
}

fn strip_cached(value: &mut Value) {
    match value {
        Value::Object(members) => {
            if members.contains_key("accepted") {
                members.remove("keys");
            }
            members.values_mut().for_each(strip_cached);
        }
        Value::Array(members) => members.iter_mut().for_each(strip_cached),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
