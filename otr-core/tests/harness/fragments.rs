//! How lines are cut, and what comes out of pieces that arrive in every order.

use otr_core::fragment::{FragmentHeader, split};
use otr_core::{Policy, Timestamp};
use serde_json::Value;

use crate::json::{bytes, latin1, lines, list, number, tag, text};
use crate::party::{Party, events};
use crate::report::Report;
use crate::rng::Logged;
use crate::{lines as line, restore};

pub(crate) fn run(report: &mut Report, file: &Value, parties: &Value) {
    for case in list(file, "cases") {
        cut(report, case);
        join(report, case, parties);
    }
}

fn cut(report: &mut Report, case: &Value) {
    let name = text(case, "name");
    let header = if case["otr_version"] == 3 {
        FragmentHeader::V3 { sender: tag(case, "sender_instance").unwrap(), receiver: tag(case, "receiver_instance") }
    } else {
        FragmentHeader::V2
    };
    let limit = usize::try_from(number(case, "max_message_size")).unwrap();
    let ours = split(&latin1(text(case, "original_message")), limit, header).unwrap();
    let theirs = lines(case, "fragments");
    report.same("fragments cut", name, &ours.len(), &theirs.len());
    for (ours, theirs) in ours.iter().zip(&theirs) {
        report.same("fragments cut", name, ours, theirs);
    }
}

/// Every delivery goes to the receiver as it was before.
fn join(report: &mut Report, case: &Value, parties: &Value) {
    let name = text(case, "name");
    let contexts = list(case, "receiver_contexts_before");
    let instance = tag(&contexts[0], "our_instance").unwrap();
    let own = |party: &str| text(&parties[party], "fingerprint");
    let theirs = contexts.iter().find_map(|context| context["active_fingerprint"].as_str()).unwrap();
    let receiver = if theirs == own("alice") { "bob" } else { "alice" };
    let now = Timestamp::from_secs(contexts.iter().map(|context| number(context, "lastsent")).max().unwrap());
    let snapshot = restore::peer(contexts, theirs.parse().unwrap(), now);
    let mut party = Party::new(&parties[receiver], instance, Policy::MANUAL.bits(), snapshot);
    // Of these draws there is no log: a new key of ours is of no consequence here.
    let mut rng = Logged::nothing();
    for delivery in list(case, "deliveries") {
        party.peer.handle_line(&latin1(text(delivery, "message")), now, &mut rng);
        let outcome = party.drain();
        let shown = (delivery["internal"] == 0).then(|| bytes(delivery, "delivered"));
        report.same("deliveries", name, &outcome.shown, &shown);
        report.same("deliveries", name, &outcome.events, &events(delivery));
        line::compare(report, name, &outcome.sent, &lines(delivery, "injected"), &party.peer.snapshot());
    }
    let waits = party.peer.snapshot().fragments.pending.len();
    report.holds("deliveries", name, waits <= 2, || format!("{waits} lines are unfinished"));
}
