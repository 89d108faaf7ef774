use std::sync::Arc;

use otr_core::dsa::PrivateKey;
use otr_core::{Identity, InstanceTag, Leap, Policy, Timestamp};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

use super::super::{Conversation, Hold, Opening, Output};
use crate::settings::Settings;

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

/// Carries out all outputs; gives back the lines that left and the last record.
fn drain(conversation: &mut Conversation) -> (Vec<Vec<u8>>, Option<Vec<u8>>) {
    let (mut lines, mut record) = (Vec::new(), None);
    while let Some(output) = conversation.poll_output() {
        match output {
            Output::Commit(commit) => {
                record = Some(commit.record.to_vec());
                conversation.commit_done();
            }
            Output::Transmit(transmission) => lines.push(transmission.line),
            Output::Event(_) => {}
        }
    }
    (lines, record)
}

#[test]
fn what_was_written_to_be_encrypted_never_leaves_in_clear() {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let identity = Identity::new(PrivateKey::generate(&mut rng), InstanceTag::new(0x1000).unwrap());
    let strict = Settings { policy: Policy::ALWAYS, ..Settings::default() };
    let mut conversation = Conversation::new(Arc::clone(&identity), strict);
    conversation.send(b"swordfish", None, NOW, &mut rng).unwrap();
    let (_, record) = drain(&mut conversation);

    // The user has changed the policy since: for what is written from now on.
    conversation.set_settings(Settings::default());
    conversation.send(b"hello", None, NOW, &mut rng).unwrap();
    let (lines, _) = drain(&mut conversation);
    let shown = |lines: &[Vec<u8>], text: &[u8]| lines.iter().any(|line| line.starts_with(text));
    assert!(!shown(&lines, b"swordfish"));
    let opening = Opening { record: &record.unwrap(), generation: 1, quarantine: false, leap: Leap::new(1).unwrap() };
    let mut reopened = Conversation::open(identity, Settings::default(), &opening, NOW, &mut rng).unwrap();
    let (lines, _) = drain(&mut reopened);
    assert!(!shown(&lines, b"swordfish"));
    let outbox = reopened.outbox();
    assert_eq!(outbox.first().and_then(|text| text.reason), Some(Hold::NoSession));
    reopened.end(NOW, &mut rng);
    assert!(!shown(&drain(&mut reopened).0, b"swordfish"));
}
