//! The window: what a network reorders is read, once.

use otr_core::wire::DataMessage;
use otr_core::{Event, GapClosed, Probe, Rejection, decode_data};

use crate::forge::{authenticator, revealed};
use crate::pair::{Alice, Bob, Pair, binary, window};

/// All orders of `items`.
fn orders<T: Clone>(items: &[T]) -> Vec<Vec<T>> {
    if items.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for at in 0..items.len() {
        let mut rest = items.to_vec();
        let first = rest.remove(at);
        for mut order in orders(&rest) {
            order.insert(0, first.clone());
            all.push(order);
        }
    }
    all
}

#[test]
fn every_order_of_a_burst_across_two_rotations_is_read_once() {
    let mut pair = Pair::private(20, window());
    let mut lines = vec![pair.write(Alice, "1"), pair.write(Alice, "2")];
    for text in ["3", "5"] {
        // Bob speaks, so that Alice goes on with another pair; her lines stay under way.
        let line = pair.write(Bob, "turn");
        pair.hand(Alice, &line);
        // He has to see something of hers before his own key turns.
        let first = lines[0].clone();
        if text == "3" {
            pair.hand(Bob, &first);
            lines.remove(0);
        }
        lines.push(pair.write(Alice, text));
        lines.push(pair.write(Alice, &format!("{text}+1")));
    }
    let snapshot = pair.end(Bob).peer.snapshot();
    let retained: Vec<_> = pair.end(Bob).retained.iter().map(otr_core::RetainedPair::snapshot).collect();
    for order in orders(&lines) {
        pair.restore(Bob, snapshot.clone(), None);
        let bob = pair.end_mut(Bob);
        bob.retained = retained.iter().map(|pair| otr_core::RetainedPair::restore(pair.clone()).unwrap()).collect();
        bob.forget_past();
        for line in order.iter().chain(&order) {
            pair.read(Bob, line);
        }
        let mut texts = pair.end(Bob).texts();
        texts.sort();
        assert_eq!(texts, ["2", "3", "3+1", "5", "5+1"]);
        assert_eq!(pair.end(Bob).messages().len(), lines.len(), "each was read once");
    }
}

#[test]
fn a_pair_is_retained_only_when_something_of_it_may_be_under_way() {
    let mut pair = Pair::private(21, window());
    // A strict exchange, one by one: every pair that rotates away was used, or could have been.
    for _ in 0..4 {
        pair.say(Alice, "a");
        pair.run();
        pair.say(Bob, "b");
        pair.run();
    }
    for side in [Alice, Bob] {
        for retained in &pair.end(side).retained {
            let (sender, recipient) = retained.keyids();
            let used = retained.accepted().is_used();
            // What the peer could have sent under: an answer to something sent to its key `sender` that
            // announced our key `recipient`, or the first message after the AKE.
            let announced = pair.end(side).sent.iter().any(|line| {
                let message = binary(&line.bytes);
                let message = DataMessage::parse(&message).unwrap();
                (message.sender_keyid + 1, message.recipient_keyid) == (recipient, sender)
            });
            assert!(used || announced || recipient == 1, "{retained:?}");
        }
        let pairs: Vec<_> = pair.end(side).retained.iter().map(otr_core::RetainedPair::keyids).collect();
        assert!(pairs.len() <= 9, "{pairs:?}");
    }
}

#[test]
fn the_mac_key_of_a_retained_pair_is_revealed_by_give_up_alone() {
    let mut pair = Pair::private(22, window());
    let first = pair.write(Alice, "first");
    pair.hand(Bob, &first);
    let mut lines = Vec::new();
    for _ in 0..4 {
        lines.push(pair.write(Bob, "b"));
        pair.hand(Alice, &lines[lines.len() - 1].clone());
        lines.push(pair.write(Alice, "a"));
        pair.hand(Bob, &lines[lines.len() - 1].clone());
    }
    assert!(lines.iter().all(|line| revealed(&binary(line)).is_empty()), "a retained pair reveals nothing");
    let message = binary(&first);
    let parsed = DataMessage::parse(&message).unwrap();
    let at = pair.end(Bob).retained.iter().position(|retained| retained.keyids() == (1, 1)).expect("the first pair");
    assert_eq!(pair.end(Bob).retained[at].probe(&parsed), Probe::Seen { same: true });
    let retained = pair.end_mut(Bob).retained.remove(at);
    pair.act(Bob, |peer, _, _| peer.give_up(retained));
    let next = pair.write(Bob, "b");
    let keys = revealed(&binary(&next));
    assert_eq!(keys.len(), 1);
    assert_eq!(authenticator(&keys[0], parsed.authenticated), parsed.authenticator, "it is the key of that message");
    // It is accepted nowhere any more.
    let before = pair.end(Bob).texts();
    pair.read(Bob, &first);
    assert_eq!(pair.end(Bob).texts(), before);
    assert_eq!(pair.end(Bob).reasons(), [Rejection::Unreadable { forged: false }]);
    assert_eq!(revealed(&binary(&pair.write(Bob, "c"))).len(), 0, "once is enough");
}

#[test]
fn an_unused_pair_that_is_given_up_reveals_nothing() {
    let mut pair = Pair::private(23, window());
    for _ in 0..3 {
        pair.say(Alice, "a");
        pair.run();
        pair.say(Bob, "b");
        pair.run();
    }
    let unused: Vec<_> = {
        let bob = pair.end_mut(Bob);
        let (used, unused) = std::mem::take(&mut bob.retained).into_iter().partition(|pair| pair.accepted().is_used());
        bob.retained = used;
        unused
    };
    for retained in unused {
        pair.act(Bob, |peer, _, _| peer.give_up(retained));
    }
    assert_eq!(revealed(&binary(&pair.write(Bob, "x"))).len(), 0);
}

#[test]
fn a_message_of_a_retained_pair_changes_no_session() {
    let mut pair = Pair::private(24, window());
    let id = pair.end(Alice).id();
    let late = pair.write(Alice, "late");
    // With a disconnect under the same pair, which must not end the session when it is read late.
    pair.act(Alice, |peer, now, _| {
        let tlvs = [otr_core::wire::Tlv::empty(otr_core::wire::tlv_type::DISCONNECTED)];
        peer.send_in(id, b"bye", &tlvs, otr_core::wire::DataFlags::empty(), now)
    })
    .unwrap();
    let bye = pair.take(Alice);
    pair.say(Alice, "a");
    pair.run();
    for _ in 0..3 {
        pair.say(Bob, "b");
        pair.run();
        pair.say(Alice, "a");
        pair.run();
    }
    let before = pair.end(Bob).state();
    for line in [&late, &bye] {
        let message = decode_data(line).unwrap();
        let message = DataMessage::parse(&message).unwrap();
        assert!(pair.end(Bob).peer.probe(&message).all(|(_, probe)| probe == Probe::KeyidsOut));
        pair.read(Bob, line);
    }
    assert_eq!(pair.end(Bob).state(), before);
    assert!(pair.end(Bob).texts().contains(&"late".into()));
    assert!(pair.end(Bob).texts().contains(&"bye".into()));
}

#[test]
fn a_thirty_third_interval_closes_the_lowest_gap() {
    let mut pair = Pair::private(25, window());
    let lines: Vec<_> = (0..67).map(|number| pair.write(Alice, &number.to_string())).collect();
    // Counters 2, 4, ... 64: 32 intervals.
    for line in lines[..64].iter().skip(1).step_by(2) {
        assert!(!pair.events_of(Bob, line).iter().any(|event| matches!(event, Event::GapClosed { .. })));
    }
    let events = pair.events_of(Bob, &lines[65]);
    let closed: Vec<_> = events
        .iter()
        .filter_map(|event| if let Event::GapClosed { gap, .. } = event { Some(*gap) } else { None })
        .collect();
    assert_eq!(closed, [GapClosed { first: 3, last: 3 }]);
    pair.refuse(Bob, &lines[2], Rejection::Replay { same: true });
    // The one below the intervals is still free, as is every other gap.
    pair.hand(Bob, &lines[0]);
    pair.hand(Bob, &lines[4]);
    assert_eq!(pair.end(Bob).texts(), ["0", "4"]);
}

#[test]
fn lines_of_a_session_that_was_renewed_are_read_from_its_retained_pairs() {
    let mut pair = Pair::private(26, window());
    pair.say(Alice, "before");
    pair.run();
    let late: Vec<_> = (0..3).map(|number| pair.write(Alice, &format!("late {number}"))).collect();
    pair.act(Bob, |peer, _, _| peer.start());
    pair.run();
    for line in late.iter().rev() {
        pair.read(Bob, line);
        pair.read(Bob, line);
    }
    assert_eq!(pair.end(Bob).texts(), ["before", "late 2", "late 1", "late 0"]);
}

#[test]
fn lines_under_way_at_a_disconnect_are_read() {
    let mut pair = Pair::private(27, window());
    let late = pair.write(Alice, "late");
    pair.act(Alice, |peer, now, _| peer.end(now));
    pair.run();
    pair.read(Bob, &late);
    pair.read(Bob, &late);
    assert_eq!(pair.end(Bob).texts(), ["late"]);
    assert_eq!(pair.end(Bob).peer.state(), otr_core::State::Finished);
}
