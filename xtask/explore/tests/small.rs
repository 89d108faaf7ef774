//! Small scopes, searched to a depth or to their end.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that panics has failed")]

use explore::search::{Limits, Report, search};
use explore::trace::Trace;
use explore::{Begin, Budget, Scope};

const LIMITS: Limits = Limits { depth: 3, time: None, states: 1_000_000, ends: 50_000, fair_depth: 1, fair_every: 100 };

fn holds(begin: Begin, budget: Budget, limits: &Limits) -> Report {
    let report = search(&Scope { begin, k: 2, budget }, limits, |_| {});
    if let Some((violation, trace)) = &report.failure {
        panic!("{violation}\n{}\n{}", trace.replay().story.join("\n"), serde_json::to_string(trace).unwrap());
    }
    report
}

#[test]
fn everything_that_can_happen_first_holds_from_every_beginning() {
    let budget = Budget { texts: 4, starts: 1, timers: 2, faults: 2, crashes: 1 };
    for begin in Begin::ALL {
        let report = holds(begin, budget, &LIMITS);
        assert_eq!(report.depth, 3, "{begin:?}");
        assert!(report.states > 1000, "{begin:?}: {report}");
        assert!(report.fair > 25, "{begin:?}: {report}");
    }
}

#[test]
fn a_small_scope_is_searched_to_its_end() {
    let budget = Budget { texts: 2, starts: 0, timers: 0, faults: 1, crashes: 0 };
    let report = holds(Begin::Talking, budget, &Limits { depth: 60, fair_depth: 0, ..LIMITS });
    assert!(report.exhausted, "{report}");
    assert!(report.states > 500, "{report}");
    // Two texts, their answers and one fault: far less deep than the limit.
    assert!((6..30).contains(&report.depth), "{report}");
}

#[test]
fn the_same_search_sees_the_same() {
    let budget = Budget { texts: 2, starts: 0, timers: 1, faults: 1, crashes: 1 };
    let [one, other] = [0, 1].map(|_| holds(Begin::Talking, budget, &Limits { fair_every: 0, ..LIMITS }));
    assert_eq!((one.states, one.transitions, one.ends), (other.states, other.transitions, other.ends));
    assert_eq!(one.levels, other.levels);
}

#[test]
fn an_impossible_action_of_a_trace_is_told_and_changes_nothing() {
    let text = r#"{"scope":{"begin":"Fresh","k":2,"budget":{"texts":1,"starts":0,"timers":0,"faults":0,"crashes":0}},
        "actions":[{"side":0,"what":"Deliver","dies":0},{"side":0,"what":"Send","dies":0}],"then":"Fair"}"#;
    let replay = serde_json::from_str::<Trace>(text).unwrap().replay();
    assert_eq!(replay.violation, None);
    assert!(replay.story.iter().any(|line| line.contains("makes no sense")), "{:?}", replay.story);
    assert!(
        replay.story.iter().any(|line| line.contains("?OTRv23?")),
        "the text asks for a session: {:?}",
        replay.story
    );
}
