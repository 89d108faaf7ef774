//! MAC keys are published when they can no longer prove or authenticate anything.

use otr_core::Rejection;
use otr_core::text::armour;
use otr_core::wire::DataMessage;

use crate::forge::{authenticator, revealed};
use crate::pair::{Alice, Bob, Pair, Side, binary, quiet, quiet_v2};

/// Everything that was sent, with its sender, in a conversation of `rounds` rounds.
fn talk(pair: &mut Pair, rounds: usize) -> Vec<(Side, Vec<u8>)> {
    let mut lines = Vec::new();
    for _ in 0..rounds {
        for side in [Alice, Bob, Bob] {
            let line = pair.write(side, "x");
            pair.hand(side.other(), &line);
            lines.push((side, binary(&line)));
        }
    }
    lines
}

#[test]
fn only_used_receiving_keys_are_revealed_once_and_after_their_rotation() {
    for settings in [quiet(), quiet_v2()] {
        let mut pair = Pair::private(70, settings);
        let lines = talk(&mut pair, 6);
        let mut seen = Vec::new();
        let mut count = 0;
        for (at, (side, message)) in lines.iter().enumerate() {
            for key in revealed(message) {
                count += 1;
                assert!(!seen.contains(&key), "revealed twice");
                seen.push(key);
                let verified = |&(from, ref message): &(Side, Vec<u8>)| {
                    let message = DataMessage::parse(message).unwrap();
                    from != *side && authenticator(&key, message.authenticated) == message.authenticator
                };
                assert!(lines[..at].iter().any(verified), "a key that verified nothing received was revealed");
                assert!(!lines[at..].iter().any(verified), "a key was revealed while it was in use");
                let own = |&(from, ref message): &(Side, Vec<u8>)| {
                    let message = DataMessage::parse(message).unwrap();
                    from == *side && authenticator(&key, message.authenticated) == message.authenticator
                };
                assert!(!lines.iter().any(own), "a sending key was revealed");
            }
        }
        assert!(count >= 8, "{count} keys in 18 messages");
    }
}

#[test]
fn what_is_forged_with_a_revealed_key_is_refused() {
    let mut pair = Pair::private(71, quiet());
    let lines = talk(&mut pair, 5);
    for (side, message) in &lines {
        for key in revealed(message) {
            // Every message that the key could have made, with another text.
            for (from, old) in lines.iter().filter(|(from, _)| from != side) {
                let parsed = DataMessage::parse(old).unwrap();
                if authenticator(&key, parsed.authenticated) != parsed.authenticator {
                    continue;
                }
                let mut forged = old.clone();
                let end = parsed.authenticated.len();
                forged[end - 1] ^= 1;
                let mac = authenticator(&key, &forged[..end]);
                forged[end..end + 20].copy_from_slice(&mac);
                pair.refuse(from.other(), &armour(&forged), Rejection::Unreadable { forged: false });
            }
        }
    }
}

#[test]
fn a_forgery_that_is_not_accepted_marks_no_key_as_used() {
    let mut pair = Pair::private(72, quiet());
    let mut line = binary(&pair.write(Alice, "x"));
    let mac = DataMessage::parse(&line).unwrap().authenticated.len();
    line[mac] ^= 1;
    pair.hand(Bob, &armour(&line));
    pair.act(Bob, |peer, _, _| peer.settings_mut().error_replies = None);
    let snapshot = serde_json::to_string(&pair.end(Bob).state()).unwrap();
    assert!(!snapshot.contains("\"intervals\":[["), "{snapshot}");
}

#[test]
fn a_disconnect_carries_what_is_due_and_finished_drops_the_rest() {
    let mut pair = Pair::private(73, quiet());
    for side in [Alice, Bob, Alice, Bob] {
        pair.say(side, "x");
        pair.run();
    }
    pair.say(Alice, "y");
    pair.run();
    pair.act(Bob, |peer, now, _| peer.end(now));
    let bye = binary(&pair.end(Bob).wire[0].bytes);
    assert!(!revealed(&bye).is_empty());
    pair.run();
    let finished = serde_json::to_string(&pair.end(Alice).state()).unwrap();
    assert!(!finished.contains("reveal\":"), "{finished}");
}
