//! SMP at the threshold: a wish waits for the key that it was meant for, and nothing waits behind one that has none.

use crate::common::{End, Pair};
use o2tr::conversation::{Event, Hold, Output};
use o2tr::settings::Settings;
use o2tr::transport::Evidence;
use otr_core::dsa::Fingerprint;
use otr_core::smp::SmpEvent;
use otr_core::{SessionId, Version};

/// At the threshold of the first end, which has asked for SMP; the other end is away.
fn asked_at_the_threshold() -> Pair {
    let mut pair = Pair::new(Settings { reauthenticate: false, ..Settings::default() });
    pair.start(0);
    for (side, text) in [(0, "hello"), (1, "hi")] {
        pair.send(side, text);
        pair.settle();
    }
    pair.kill(1);
    for number in 0..5 {
        pair.send(0, &number.to_string());
    }
    let (now, rng) = (pair.now, &mut pair.rng);
    pair.ends[0].conversation.start_smp(b"plum", None, now, rng).unwrap();
    pair.drain(0);
    pair.ends[0].events.clear();
    pair
}

/// Somebody with another key completes an AKE with the first end under the name of the other. Tells who, and whether it
/// was asked for a secret.
fn stranger_comes(pair: &mut Pair) -> (Fingerprint, bool) {
    let mut asked = false;
    let mut stranger = End::new(2, 0x3000, Settings::default());
    let (now, rng) = (pair.now, &mut pair.rng);
    let mut peer = otr_core::Peer::new(stranger.identity.clone(), otr_core::Settings::default());
    peer.open_exchange(Version::V3, now, rng);
    for _ in 0..4 {
        while let Some(output) = peer.poll_output() {
            match output {
                otr_core::Output::Send(line) => {
                    pair.ends[0].conversation.handle_delivery(&line.bytes, &Evidence::LIVE, now, rng);
                }
                otr_core::Output::Event(event) => asked |= matches!(event, otr_core::Event::Smp { .. }),
                otr_core::Output::Retired(_) => {}
            }
        }
        while let Some(output) = pair.ends[0].conversation.poll_output() {
            match output {
                Output::Commit(_) => pair.ends[0].conversation.commit_done(),
                Output::Transmit(line) => {
                    peer.handle_line(&line.line, now, rng);
                    pair.ends[0].conversation.transmitted(line.id);
                }
                Output::Event(event) => pair.ends[0].events.push(event),
            }
        }
    }
    stranger.down = true;
    (stranger.identity.fingerprint(), asked)
}

fn smp_of(end: &End) -> Vec<(SessionId, SmpEvent)> {
    let smp = |event: &Event| match event {
        Event::Smp { session, event } => Some((*session, event.clone())),
        _ => None,
    };
    end.events.iter().filter_map(smp).collect()
}

#[test]
fn a_wish_for_one_key_is_not_carried_out_with_another() {
    let mut pair = asked_at_the_threshold();
    let (stranger, asked) = stranger_comes(&mut pair);
    assert_eq!(pair.ends[0].conversation.view().session.map(|id| id.fingerprint), Some(stranger));
    assert!(!asked);
    assert_eq!(smp_of(&pair.ends[0]), []);
}

#[test]
fn a_wish_whose_session_is_gone_ends_with_a_word_and_blocks_nothing() {
    let mut pair = asked_at_the_threshold();
    let meant = pair.ends[0].conversation.view().session.unwrap();
    let (now, rng) = (pair.now, &mut pair.rng);
    // The peer closes the conversation.
    pair.ends[1].down = false;
    pair.ends[1].conversation.end(now, rng);
    pair.drain(1);
    pair.settle();
    assert_eq!(smp_of(&pair.ends[0]).last(), Some(&(meant, SmpEvent::Aborted)));
    assert!(pair.ends[0].has(|event| matches!(event, Event::Finished { .. })));
    // What was under way leads to an error reply, and that to a new AKE.
    pair.send(0, "later");
    assert!(pair.ends[0].conversation.outbox().iter().all(|text| text.reason != Some(Hold::Threshold)));
}
