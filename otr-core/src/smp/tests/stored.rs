//! A run that is stored and continued at every state.

use zeroize::ZeroizeOnDrop;

use super::super::{SmpEvent, SmpExponent};
use super::*;

/// Through the store: with feature `serde` by way of bytes.
fn stored(smp: &Smp) -> Smp {
    let state = smp.snapshot();
    #[cfg(feature = "serde")]
    let state: SmpState = serde_json::from_slice(&serde_json::to_vec(&state).unwrap()).unwrap();
    Smp::restore(state)
}

#[test]
fn a_run_continues_after_a_restart_at_any_state() {
    for (bob_secret, event) in [(&b"same"[..], SmpEvent::Success), (b"other", SmpEvent::Failure)] {
        let mut rng = rng(21);
        let (mut alice, mut bob) = (stored(&Smp::default()), stored(&Smp::default()));
        let one = alice.start(b"same", None, ALICE, &mut rng).unwrap().message;
        alice = stored(&alice);
        let _ = bob.handle(one, &mut rng);
        bob = stored(&bob);
        let two = bob.respond(bob_secret, BOB, &mut rng).unwrap();
        bob = stored(&bob);
        let three = alice.handle(two, &mut rng).reply.unwrap();
        alice = stored(&alice);
        let at_bob = bob.handle(three, &mut rng);
        let at_alice = alice.handle(at_bob.reply.unwrap(), &mut rng);
        assert_eq!((&at_alice.event, &at_bob.event), (&event, &event));
        assert_eq!(at_alice.trust, at_bob.trust);
    }
}

/// Whoever knows the trust of the responder must know of the question, also after a restart.
#[test]
fn a_stored_run_remembers_the_question() {
    let run = Run::make(b"same", b"same", Some(b"who?"));
    let mut bob = stored(&Smp::restore(run.expect3));
    assert_eq!(bob.handle(run.three, &mut rng(22)).trust, None);
}

/// A second handling of the same message after a restart from the older snapshot ends the same way.
#[test]
fn a_step_can_be_repeated_from_its_snapshot() {
    let run = &*RUN;
    for seed in [1, 2] {
        let outcome = Smp::restore(run.expect3.clone()).handle(run.three.clone(), &mut rng(seed));
        let alice = Smp::restore(run.expect4.clone()).handle(outcome.reply.unwrap(), &mut rng(seed));
        assert_eq!(alice.event, SmpEvent::Success);
    }
}

#[test]
fn debug_shows_no_secret() {
    let run = &*RUN;
    let shown =
        [&SmpState::Idle, &run.asked, &run.expect2, &run.expect3, &run.expect4].map(|state| format!("{state:?}"));
    assert_eq!(
        shown,
        [
            "Idle",
            "Asked(Asked { with_question: false, .. })",
            "Expect2(Expect2 { .. })",
            "Expect3(Expect3 { with_question: false, .. })",
            "Expect4(Expect4 { .. })",
        ]
    );
    assert_eq!(format!("{:?}", Smp::restore(run.expect2.clone())), "Smp { state: Expect2(Expect2 { .. }) }");
}

#[test]
fn secret_fields_are_wiped_on_drop() {
    const fn wiped<T: ZeroizeOnDrop>() {}
    wiped::<SmpExponent>();
    wiped::<crate::SecretBytes<32>>();
}
