//! Tests of the whole machine; the vectors of libotr are in `tests/smp_vectors.rs`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod codec;
mod hostile;
mod machine;
mod stored;

use std::sync::LazyLock;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

use super::{Smp, SmpContext, SmpMessage, SmpState};

const ALICE: SmpContext<'static> = SmpContext { ours: &[0xa; 20], theirs: &[0xb; 20], ssid: &[7; 8] };
const BOB: SmpContext<'static> = SmpContext { ours: &[0xb; 20], theirs: &[0xa; 20], ssid: &[7; 8] };

fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

/// The states and messages of one run of Alice against Bob with equal secrets and no question.
struct Run {
    expect2: SmpState,
    asked: SmpState,
    expect3: SmpState,
    expect4: SmpState,
    one: SmpMessage,
    two: SmpMessage,
    three: SmpMessage,
    four: SmpMessage,
}

static RUN: LazyLock<Run> = LazyLock::new(|| Run::make(b"same", b"same", None));

impl Run {
    fn make(alice_secret: &[u8], bob_secret: &[u8], question: Option<&[u8]>) -> Self {
        let mut rng = rng(1);
        let (mut alice, mut bob) = (Smp::default(), Smp::default());
        let one = alice.start(alice_secret, question, ALICE, &mut rng).unwrap().message;
        let expect2 = alice.snapshot();
        let _ = bob.handle(one.clone(), &mut rng);
        let asked = bob.snapshot();
        let two = bob.respond(bob_secret, BOB, &mut rng).unwrap();
        let expect3 = bob.snapshot();
        let three = alice.handle(two.clone(), &mut rng).reply.unwrap();
        let expect4 = alice.snapshot();
        let four = bob.handle(three.clone(), &mut rng).reply.unwrap();
        assert!(!bob.is_running());
        Self { expect2, asked, expect3, expect4, one, two, three, four }
    }
}

/// The state's name, for tables.
fn name(state: &SmpState) -> &'static str {
    match state {
        SmpState::Idle => "idle",
        SmpState::Asked(_) => "asked",
        SmpState::Expect2(_) => "expect 2",
        SmpState::Expect3(_) => "expect 3",
        SmpState::Expect4(_) => "expect 4",
    }
}
