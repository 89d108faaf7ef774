//! What holds for every delivery.

use std::cell::Cell;

use o2tr_omd::{
    Action, Addressed, Candidate, Candidates, Carbon, Evidence, Group, Line, LineKind, Place, Situation, Standing,
    Store, Verdict, verdict,
};
use otr_core::{Probe, Timestamp};
use proptest::prelude::*;

fn probe() -> impl Strategy<Value = Probe> {
    let seen = any::<bool>().prop_map(|same| Probe::Seen { same });
    prop_oneof![3 => Just(Probe::KeyidsOut), 3 => Just(Probe::BadMac), 1 => Just(Probe::Fresh), 1 => seen]
}

fn candidate() -> impl Strategy<Value = Candidate> {
    let standing = prop_oneof![Just(Standing::Sound), Just(Standing::Quarantined), Just(Standing::Expired)];
    (probe(), standing, any::<bool>(), any::<bool>()).prop_map(|(probe, standing, restored, refreshed)| Candidate {
        probe,
        standing,
        restored,
        refreshed,
    })
}

fn group() -> impl Strategy<Value = Vec<Candidate>> {
    prop::collection::vec(candidate(), 0..6)
}

fn evidence() -> impl Strategy<Value = Evidence> {
    let carbon = prop_oneof![Just(None), Just(Some(Carbon::Received)), Just(Some(Carbon::Sent))];
    let delayed = any::<Option<u32>>().prop_map(|secs| secs.map(|secs| Timestamp::from_secs(secs.into())));
    (delayed, any::<[bool; 3]>(), carbon).prop_map(|(delayed, [archived, offline, error], carbon)| Evidence {
        delayed,
        archived,
        carbon,
        offline,
        error,
    })
}

fn kind() -> impl Strategy<Value = LineKind> {
    let with = any::<bool>();
    prop_oneof![
        6 => with.prop_map(|ignorable| LineKind::Data { ignorable }),
        1 => with.prop_map(|ignorable| LineKind::Damaged { ignorable }),
        1 => with.prop_map(|expected| LineKind::Commit { expected }),
        1 => with.prop_map(|expected| LineKind::Answer { expected }),
        1 => Just(LineKind::Offer),
        1 => Just(LineKind::Error),
        1 => Just(LineKind::Plain),
    ]
}

fn line() -> impl Strategy<Value = Line> {
    let addressed = prop_oneof![4 => Just(Addressed::Here), 1 => Just(Addressed::Elsewhere)];
    (kind(), addressed, prop::bool::weighted(0.2), any::<bool>(), evidence()).prop_map(
        |(kind, addressed, reflected, handled, evidence)| Line { kind, addressed, reflected, handled, evidence },
    )
}

fn situation() -> impl Strategy<Value = Situation> {
    let store = prop_oneof![4 => Just(Store::Open), 1 => Just(Store::Locked), 1 => Just(Store::Unsealable)];
    (store, any::<[bool; 5]>(), 0_usize..12).prop_map(|(store, [expired, waits, session, alone, spent], early)| {
        Situation {
            store,
            expired,
            awaiting_signature: waits,
            early,
            peer_has_session: session,
            sender_reachable_alone: alone,
            error_reply_spent: spent,
        }
    })
}

fn data(ignorable: bool) -> Line {
    Line::new(LineKind::Data { ignorable })
}

/// The place that a verdict names.
fn place_of(verdict: Verdict) -> Option<Place> {
    let at = |group, index| Some(Place { group, index });
    match verdict {
        Verdict::Live { index, .. } => at(Group::Live, index),
        Verdict::Offline { index } => at(Group::Record, index),
        Verdict::Retained { index } => at(Group::Retained, index),
        Verdict::CloneSuspected { place } | Verdict::Quarantined { place } => Some(place),
        Verdict::Duplicate { place } | Verdict::Expired { place } => place,
        _ => None,
    }
}

proptest! {
    /// Nobody outside can tell a forgery that met the right keys from one that met none.
    #[test]
    fn forged_and_unreadable_look_alike(line in line(), situation in situation()) {
        let [forged, unreadable] =
            [Verdict::Forged, Verdict::Unreadable].map(|verdict| Action::of(&verdict, &line, &situation));
        prop_assert_eq!(forged, unreadable);
    }

    /// The same from the other end: whichever keys are asked, as long as none fits, the same follows.
    #[test]
    fn probes_that_fail_do_not_show(
        line in line(),
        situation in situation(),
        one in prop::collection::vec(any::<bool>(), 0..20),
        other in prop::collection::vec(any::<bool>(), 0..20),
    ) {
        let [one, other] = [one, other].map(|bad| {
            let probes = bad.into_iter().map(|bad| if bad { Probe::BadMac } else { Probe::KeyidsOut });
            let live = probes.map(Candidate::from);
            Action::of(&verdict(&line, &situation, Candidates { live, records: [], retained: [] }), &line, &situation)
        });
        prop_assert_eq!(one, other);
    }

    /// Live, then record, then retained, then by index; nothing behind the first that fits is asked.
    #[test]
    fn the_first_that_fits_decides(live in group(), records in group(), retained in group(), situation in situation()) {
        prop_assume!(situation.store != Store::Locked);
        let asked = Cell::new(0_usize);
        let count = |candidate: Candidate| {
            asked.set(asked.get() + 1);
            candidate
        };
        let found = verdict(&data(false), &situation, Candidates {
            live: live.iter().copied().map(count),
            records: records.iter().copied().map(count),
            retained: retained.iter().copied().map(count),
        });
        let places = [(Group::Live, &live), (Group::Record, &records), (Group::Retained, &retained)]
            .into_iter()
            .flat_map(|(group, list)| list.iter().enumerate().map(move |(index, one)| (Place { group, index }, one)));
        let first = places.enumerate().find(|(_, (_, one))| matches!(one.probe, Probe::Fresh | Probe::Seen { .. }));
        match first {
            Some((position, (place, _))) => {
                prop_assert_eq!(place_of(found), Some(place));
                prop_assert_eq!(asked.get(), position + 1);
            }
            None => {
                prop_assert_eq!(place_of(found), None);
                prop_assert_eq!(asked.get(), live.len() + records.len() + retained.len());
            }
        }
    }

    /// A forgery is claimed only when every set of keys was asked and said no, and none is missing.
    #[test]
    fn forged_means_that_all_have_failed(
        live in group(), records in group(), retained in group(), line in line(), situation in situation(),
    ) {
        let all: Vec<_> = [&live, &records, &retained].into_iter().flatten().map(|one| one.probe).collect();
        if verdict(&line, &situation, Candidates { live, records, retained }) == Verdict::Forged {
            prop_assert!(all.contains(&Probe::BadMac));
            prop_assert!(all.iter().all(|probe| matches!(probe, Probe::BadMac | Probe::KeyidsOut)));
            prop_assert_eq!((situation.store, situation.expired), (Store::Open, false));
        }
    }

    #[test]
    fn the_same_input_gives_the_same_verdict(
        live in group(), records in group(), retained in group(), line in line(), situation in situation(),
    ) {
        let ask = || verdict(&line, &situation, Candidates {
            live: live.iter().copied(), records: records.iter().copied(), retained: retained.iter().copied(),
        });
        prop_assert_eq!(ask(), ask());
    }

    /// A server's word never hides, and never makes, an authentic message.
    #[test]
    fn evidence_does_not_touch_what_a_key_has_decided(
        live in group(), evidence in evidence(), handled in any::<bool>(), situation in situation(),
    ) {
        prop_assume!(live.iter().any(|one| matches!(one.probe, Probe::Fresh | Probe::Seen { .. })));
        let plain = data(false);
        let told = Line { evidence, handled, ..plain };
        let ask = |line| verdict(line, &situation, Candidates { live: live.iter().copied(), records: [], retained: [] });
        prop_assert_eq!(ask(&told), ask(&plain));
    }

    /// A line that is no data message costs no key.
    #[test]
    fn only_data_messages_ask_keys(line in line(), situation in situation()) {
        prop_assume!(!matches!(line.kind, LineKind::Data { .. }));
        let asked = Cell::new(false);
        let live = std::iter::from_fn(|| {
            asked.set(true);
            None
        });
        let found = verdict(&line, &situation, Candidates { live, records: [], retained: [] });
        prop_assert!(!asked.get());
        prop_assert_eq!(place_of(found), None);
        prop_assert!(found != Verdict::Forged && found != Verdict::Unreadable);
    }

    /// Nothing old or bounced starts a handshake, and nothing that was meant to be silent is answered.
    #[test]
    fn what_may_not_be_answered_is_not(
        live in group(), line in line(), situation in situation(),
    ) {
        let found = verdict(&line, &situation, Candidates { live, records: [], retained: [] });
        let action = Action::of(&found, &line, &situation);
        if action.proceed {
            prop_assert!(!line.evidence.error);
            prop_assert!(!line.evidence.is_late() || found == Verdict::Continuation);
        }
        if action.error_reply != o2tr_omd::ErrorReply::Forbidden {
            prop_assert!(!line.is_ignorable() && !line.evidence.error && !situation.error_reply_spent);
            prop_assert!(line.kind != LineKind::Error);
            prop_assert!(action.event);
        }
    }
}
