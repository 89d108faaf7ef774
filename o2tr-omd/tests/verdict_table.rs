//! One entry per kind of delivery that detection has to tell apart, with everything that may follow from it.

use o2tr_omd::{
    Acknowledge, Action, Addressed, Candidate, Candidates, Carbon, ErrorReply, Evidence, Group, Line, LineKind,
    MAX_EARLY, Place, Situation, Standing, Store, Verdict, verdict,
};
use otr_core::{Probe, Timestamp};

const QUIET: Action = Action {
    acknowledge: Acknowledge::AfterCommit,
    event: false,
    error_reply: ErrorReply::Forbidden,
    proceed: false,
    ake: false,
    refresh: false,
};
const REPORTED: Action = Action { event: true, error_reply: ErrorReply::ToPeer, ..QUIET };
const NOW: Action = Action { acknowledge: Acknowledge::Now, ..QUIET };
const LATE: Evidence = Evidence { delayed: Some(Timestamp::from_secs(1)), offline: true, ..Evidence::LIVE };

/// One delivery.
struct Row {
    line: Line,
    situation: Situation,
    live: Vec<Candidate>,
    records: Vec<Candidate>,
    retained: Vec<Candidate>,
}

fn row(kind: LineKind) -> Row {
    Row {
        line: Line::new(kind),
        situation: Situation::default(),
        live: Vec::new(),
        records: Vec::new(),
        retained: Vec::new(),
    }
}

fn data() -> Row {
    row(LineKind::Data { ignorable: false })
}

impl Row {
    fn live(mut self, probe: Probe) -> Self {
        self.live.push(probe.into());
        self
    }

    fn record(self, probe: Probe) -> Self {
        self.record_in(Standing::Sound, probe)
    }

    fn record_in(mut self, standing: Standing, probe: Probe) -> Self {
        self.records.push(Candidate { standing, restored: true, ..probe.into() });
        self
    }

    fn retained(mut self, probe: Probe) -> Self {
        self.retained.push(probe.into());
        self
    }

    fn evidence(mut self, evidence: Evidence) -> Self {
        self.line.evidence = evidence;
        self
    }

    fn when(mut self, situation: Situation) -> Self {
        self.situation = situation;
        self
    }

    #[track_caller]
    fn is(self, expected: Verdict, action: Action) {
        let Self { line, situation, live, records, retained } = self;
        let found = verdict(&line, &situation, Candidates { live, records, retained });
        assert_eq!(found, expected);
        assert_eq!(Action::of(&found, &line, &situation), action);
    }
}

const fn at(group: Group, index: usize) -> Place {
    Place { group, index }
}

#[test]
fn live_session_fits_counter_new() {
    data()
        .live(Probe::BadMac)
        .live(Probe::Fresh)
        .record(Probe::Fresh)
        .is(Verdict::Live { index: 1, shown_as_offline: false }, QUIET);
}

#[test]
fn live_session_restored_and_not_refreshed_is_shown_as_offline() {
    let mut restored = data();
    restored.live = vec![Candidate { restored: true, ..Probe::Fresh.into() }];
    restored.is(Verdict::Live { index: 0, shown_as_offline: true }, Action { refresh: true, ..QUIET });
    let mut refreshed = data();
    refreshed.live = vec![Candidate { restored: true, refreshed: true, ..Probe::Fresh.into() }];
    refreshed.is(Verdict::Live { index: 0, shown_as_offline: false }, QUIET);
}

#[test]
fn no_live_session_record_fits_counter_new() {
    data()
        .record(Probe::KeyidsOut)
        .record(Probe::Fresh)
        .evidence(LATE)
        .is(Verdict::Offline { index: 1 }, Action { event: true, refresh: true, ..QUIET });
}

#[test]
fn retained_pair_fits_counter_new() {
    data()
        .live(Probe::KeyidsOut)
        .record(Probe::BadMac)
        .retained(Probe::KeyidsOut)
        .retained(Probe::Fresh)
        .is(Verdict::Retained { index: 1 }, QUIET);
}

#[test]
fn counter_seen_same_authenticator() {
    let seen = Probe::Seen { same: true };
    data().live(seen).is(Verdict::Duplicate { place: Some(at(Group::Live, 0)) }, NOW);
    data().record(seen).is(Verdict::Duplicate { place: Some(at(Group::Record, 0)) }, NOW);
    data().retained(seen).is(Verdict::Duplicate { place: Some(at(Group::Retained, 0)) }, NOW);
}

#[test]
fn counter_seen_other_authenticator() {
    let seen = Probe::Seen { same: false };
    let action = Action { event: true, ake: true, ..QUIET };
    data().live(seen).is(Verdict::CloneSuspected { place: at(Group::Live, 0) }, action);
    data().record(seen).is(Verdict::CloneSuspected { place: at(Group::Record, 0) }, action);
    data().retained(seen).is(Verdict::CloneSuspected { place: at(Group::Retained, 0) }, action);
}

#[test]
fn what_a_live_session_has_seen_is_not_new_to_its_record() {
    let place = Some(at(Group::Live, 0));
    data().live(Probe::Seen { same: true }).record(Probe::Fresh).is(Verdict::Duplicate { place }, NOW);
}

#[test]
fn keyids_fit_no_mac_does() {
    data().live(Probe::BadMac).record(Probe::KeyidsOut).retained(Probe::BadMac).is(Verdict::Forged, REPORTED);
    data().record(Probe::BadMac).is(Verdict::Forged, REPORTED);
}

#[test]
fn no_record() {
    data().is(Verdict::Unreadable, REPORTED);
}

#[test]
fn keyids_out_of_reach() {
    data().live(Probe::KeyidsOut).record(Probe::KeyidsOut).retained(Probe::KeyidsOut).is(Verdict::Unreadable, REPORTED);
}

#[test]
fn malformed_or_bad_next_dh() {
    let damaged = |ignorable| row(LineKind::Damaged { ignorable }).live(Probe::Fresh);
    damaged(false).is(Verdict::Malformed, REPORTED);
    damaged(true).is(Verdict::Malformed, Action { error_reply: ErrorReply::Forbidden, ..REPORTED });
}

#[test]
fn ignore_unreadable_is_reported_here_and_answered_by_nothing() {
    let silent = Action { error_reply: ErrorReply::Forbidden, ..REPORTED };
    row(LineKind::Data { ignorable: true }).is(Verdict::Unreadable, silent);
    row(LineKind::Data { ignorable: true }).live(Probe::BadMac).is(Verdict::Forged, silent);
}

#[test]
fn one_error_reply_per_epoch() {
    let spent = Situation { error_reply_spent: true, ..Situation::default() };
    data().when(spent).is(Verdict::Unreadable, Action { error_reply: ErrorReply::Forbidden, ..REPORTED });
}

#[test]
fn no_error_reply_into_the_session_of_another_device() {
    let elsewhere = Situation { peer_has_session: true, ..Situation::default() };
    let forbidden = Action { error_reply: ErrorReply::Forbidden, ..REPORTED };
    data().live(Probe::KeyidsOut).when(elsewhere).is(Verdict::Unreadable, forbidden);
    let alone = Situation { sender_reachable_alone: true, ..elsewhere };
    let to_sender = Action { error_reply: ErrorReply::ToSender, ..REPORTED };
    data().live(Probe::KeyidsOut).when(alone).is(Verdict::Unreadable, to_sender);
}

#[test]
fn no_error_reply_to_an_error_an_archive_or_a_copy() {
    let forbidden = Action { error_reply: ErrorReply::Forbidden, ..REPORTED };
    for evidence in [
        Evidence { error: true, ..Evidence::LIVE },
        Evidence { archived: true, ..Evidence::LIVE },
        Evidence { carbon: Some(Carbon::Received), ..Evidence::LIVE },
    ] {
        data().evidence(evidence).is(Verdict::Unreadable, forbidden);
    }
    row(LineKind::Error).is(Verdict::Error, Action { event: true, ..QUIET });
}

#[test]
fn record_quarantined() {
    let place = at(Group::Record, 0);
    let action = Action { event: true, ake: true, ..QUIET };
    data().record_in(Standing::Quarantined, Probe::Fresh).is(Verdict::Quarantined { place }, action);
}

#[test]
fn record_expired() {
    let place = Some(at(Group::Record, 0));
    data().record_in(Standing::Expired, Probe::Fresh).is(Verdict::Expired { place }, REPORTED);
    let gone = Situation { expired: true, ..Situation::default() };
    data().when(gone).is(Verdict::Expired { place: None }, REPORTED);
    // Its keyids may also be those of a newer session: not a forgery yet.
    data().live(Probe::BadMac).when(gone).is(Verdict::Expired { place: None }, REPORTED);
}

#[test]
fn record_not_unsealable() {
    let unsealable = Situation { store: Store::Unsealable, ..Situation::default() };
    data().when(unsealable).is(Verdict::Unsealable, REPORTED);
    data().live(Probe::BadMac).when(unsealable).is(Verdict::Unsealable, REPORTED);
    // A session made since is not affected.
    data().live(Probe::Fresh).when(unsealable).is(Verdict::Live { index: 0, shown_as_offline: false }, QUIET);
}

#[test]
fn store_locked() {
    let locked = Situation { store: Store::Locked, ..Situation::default() };
    let action = Action { acknowledge: Acknowledge::Never, event: true, ..QUIET };
    data().live(Probe::Fresh).when(locked).is(Verdict::Locked, action);
    row(LineKind::Plain).when(locked).is(Verdict::Locked, action);
}

#[test]
fn ake_awaits_its_signature() {
    let waiting = |early| Situation { awaiting_signature: true, early, ..Situation::default() };
    let journalled = Action { acknowledge: Acknowledge::AfterJournal, ..QUIET };
    data().when(waiting(0)).is(Verdict::Early, journalled);
    // After a refresh the keyids of the new session are those of the old one.
    data().live(Probe::BadMac).when(waiting(MAX_EARLY - 1)).is(Verdict::Early, journalled);
    data().when(waiting(MAX_EARLY)).is(Verdict::Unreadable, REPORTED);
    data().live(Probe::Fresh).when(waiting(0)).is(Verdict::Live { index: 0, shown_as_offline: false }, QUIET);
}

#[test]
fn other_receiver_instance() {
    let action = Action { event: true, ..NOW };
    for kind in [LineKind::Data { ignorable: false }, LineKind::Commit { expected: false }] {
        let mut elsewhere = row(kind).live(Probe::Fresh);
        elsewhere.line.addressed = Addressed::Elsewhere;
        elsewhere.is(Verdict::OtherInstance, action);
    }
}

#[test]
fn v2_message_against_a_v3_record_or_the_reverse() {
    // A probe compares the version first.
    data().record(Probe::KeyidsOut).is(Verdict::Unreadable, REPORTED);
}

#[test]
fn reflected() {
    let mut own = data().live(Probe::BadMac);
    own.line.reflected = true;
    own.is(Verdict::Echo, NOW);
}

#[test]
fn carbon_of_own() {
    let own = Evidence { carbon: Some(Carbon::Sent), ..Evidence::LIVE };
    data().live(Probe::BadMac).evidence(own).is(Verdict::Echo, NOW);
    row(LineKind::Plain).evidence(own).is(Verdict::Echo, NOW);
    row(LineKind::Damaged { ignorable: false }).evidence(own).is(Verdict::Echo, NOW);
    // A server that calls a message of the peer our own cannot hide it.
    data().live(Probe::Fresh).evidence(own).is(Verdict::Live { index: 0, shown_as_offline: false }, QUIET);
}

#[test]
fn archived_copy_already_handled() {
    let archived = Evidence { archived: true, ..LATE };
    let place = Some(at(Group::Live, 0));
    data().live(Probe::Seen { same: true }).evidence(archived).is(Verdict::Duplicate { place }, NOW);
    let mut text = row(LineKind::Plain).evidence(archived);
    text.line.handled = true;
    text.is(Verdict::Duplicate { place: None }, NOW);
    // A stanza id proves nothing about a data message.
    let mut data = data().live(Probe::Fresh).evidence(archived);
    data.line.handled = true;
    data.is(Verdict::Live { index: 0, shown_as_offline: false }, QUIET);
}

#[test]
fn initiation_is_answered_live_and_shown_when_delayed() {
    for kind in [LineKind::Offer, LineKind::Commit { expected: false }] {
        row(kind).is(Verdict::Initiation, Action { proceed: true, ..QUIET });
        row(kind).evidence(LATE).is(Verdict::Initiation, Action { event: true, ..QUIET });
        let bounced = Evidence { error: true, ..Evidence::LIVE };
        row(kind).evidence(bounced).is(Verdict::Initiation, Action { event: true, ..QUIET });
    }
}

#[test]
fn delayed_continuation_proceeds() {
    for kind in [LineKind::Commit { expected: true }, LineKind::Answer { expected: true }] {
        row(kind).evidence(LATE).is(Verdict::Continuation, Action { proceed: true, ..QUIET });
        row(kind).evidence(Evidence { error: true, ..LATE }).is(Verdict::Continuation, QUIET);
    }
    row(LineKind::Answer { expected: false }).evidence(LATE).is(Verdict::Stray, NOW);
}

#[test]
fn plaintext_is_the_embedders() {
    row(LineKind::Plain).is(Verdict::Plaintext, QUIET);
}
