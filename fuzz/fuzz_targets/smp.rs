//! SMP records in any state of a run.

#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use otr_core::smp::{Smp, SmpContext, SmpEvent, SmpKind, SmpMessage, SmpState};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

const ALICE: SmpContext<'_> = SmpContext { ours: &[1; 20], theirs: &[2; 20], ssid: &[3; 8] };
const BOB: SmpContext<'_> = SmpContext { ours: &[2; 20], theirs: &[1; 20], ssid: &[3; 8] };

/// A run in each state, with the message that the state waits for.
fn states() -> &'static [(SmpState, Vec<u8>); 5] {
    static STATES: OnceLock<[(SmpState, Vec<u8>); 5]> = OnceLock::new();
    STATES.get_or_init(|| {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let (mut alice, mut bob) = (Smp::default(), Smp::default());
        let value = |message: &SmpMessage| message.encode_value();
        let one = alice.start(b"x", None, ALICE, &mut rng).expect("a question").message;
        let expect_2 = alice.snapshot();
        let idle = bob.snapshot();
        let first = value(&one);
        let _ = bob.handle(one, &mut rng);
        let asked = bob.snapshot();
        let two = bob.respond(b"x", BOB, &mut rng).expect("an answer");
        let expect_3 = bob.snapshot();
        let second = value(&two);
        let three = alice.handle(two, &mut rng).reply.expect("message 3");
        let expect_4 = alice.snapshot();
        let third = value(&three);
        let four = bob.handle(three, &mut rng).reply.expect("message 4");
        [(idle, first.clone()), (asked, first), (expect_2, second), (expect_3, third), (expect_4, value(&four))]
    })
}

fuzz_target!(|data: &[u8]| {
    let [state, kind, how, rest @ ..] = data else { return };
    let (state, wanted) = &states()[usize::from(state % 5)];
    let kind = SmpKind::from_tlv_type(u16::from(kind % 6) + 2).expect("2 to 7");
    // Either bytes of the fuzzer, or the right message with some of them in it.
    let value = match how % 2 {
        0 => rest.to_vec(),
        _ => {
            let mut value = wanted.clone();
            for change in rest.chunks_exact(3) {
                let at = usize::from(change[0]) << 8 | usize::from(change[1]);
                let length = value.len();
                value[at % length] ^= change[2];
            }
            value
        }
    };
    if let Ok(message) = SmpMessage::decode(kind, &value) {
        assert_eq!(SmpMessage::decode(kind, &message.encode_value()), Ok(message));
    }
    let mut smp = Smp::restore(state.clone());
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    let outcome = smp.handle_tlv(kind.tlv_type(), &value, &mut rng).expect("a kind of SMP");
    match outcome.event {
        SmpEvent::Cheated(_) | SmpEvent::Error(_) => {
            assert!(!smp.is_running());
            assert_eq!(outcome.reply, Some(SmpMessage::Abort));
            assert_eq!(outcome.trust, None);
        }
        SmpEvent::Success => assert!(*wanted == value, "another message than the right one gave success"),
        SmpEvent::Aborted => assert_eq!(outcome.reply, None, "an abort is not answered"),
        SmpEvent::AskSecret | SmpEvent::AskAnswer { .. } | SmpEvent::InProgress | SmpEvent::Failure => {}
    }
});
