//! Faults planted on purpose are found, by a shortest trace that shows them again.
#![cfg(feature = "planted-faults")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that panics has failed")]

use explore::planted::hunt_one;
use explore::search::Limits;
use explore::{Begin, Budget};
use otr_core::planted::{Fault, plant};

#[test]
fn faults_are_found_by_their_invariants_at_a_small_depth() {
    let budget = Budget { texts: 3, starts: 0, timers: 1, faults: 1, crashes: 0 };
    let limits = Limits { depth: 6, time: None, states: 100_000, ends: 20_000, fair_depth: 1, fair_every: 0 };
    let expected = [
        (Fault::EffectBeforeCommit, [3, 17].as_slice()),
        (Fault::InboxNotCommitted, &[9, 17]),
        (Fault::AcknowledgedUnread, &[10]),
        (Fault::RetainedEndsSession, &[14]),
        (Fault::QueuedDropped, &[8]),
        (Fault::RevealedTooEarly, &[5]),
        (Fault::MacSkipped, &[11]),
    ];
    for (fault, invariants) in expected {
        let found = hunt_one(fault, 2, budget, &limits);
        let Some((violation, trace)) = found.report.failure else { panic!("{fault:?} is not found: {}", found.report) };
        assert!(invariants.contains(&violation.invariant), "{fault:?}: {violation}");
        if found.begin != Begin::Fresh {
            assert!(trace.actions.len() <= 6, "{fault:?}: {} actions", trace.actions.len());
        }
        plant(Some(fault));
        let again = trace.replay().violation;
        plant(None);
        assert_eq!(again, Some(violation), "{fault:?}");
        assert_eq!(trace.replay().violation, None, "without {fault:?} all holds");
    }
}
