//! Lines that are no messages: errors, queries, plaintext.

use otr_core::text::error_line;
use otr_core::{Event, Policy, Rejection, Settings, State};

use crate::pair::{Alice, Bob, Pair, quiet, quiet_v2};

#[test]
fn no_error_is_answered_with_an_error() {
    for settings in [quiet(), quiet_v2(), Settings { policy: Policy::OPPORTUNISTIC, ..quiet() }] {
        for private in [false, true] {
            let mut pair = if private { Pair::private(90, settings.clone()) } else { Pair::new(90, settings.clone()) };
            for error in
                [&b"?OTR Error: x"[..], b"?OTR Error:", b"text ?OTR Error: ?OTR:AAMD.", b"?OTR Error: ?OTR Error:"]
            {
                let sent = pair.end(Alice).sent.len();
                let events = pair.events_of(Alice, error);
                assert!(matches!(events[..], [Event::ErrorReceived { .. }]), "{events:?}");
                let answers: Vec<_> = pair.end(Alice).sent[sent..].to_vec();
                assert!(answers.iter().all(|line| line.bytes.starts_with(b"?OTRv")), "{answers:?}");
                assert!(answers.len() <= 1);
            }
        }
    }
}

#[test]
fn two_that_cannot_read_each_other_fall_silent() {
    let settings = Settings { policy: Policy::MANUAL | Policy::ERROR_START_AKE, ..quiet() };
    let mut pair = Pair::private(91, settings);
    let line = pair.write(Alice, "x");
    let bad = crate::pair::changed(&line, |message| {
        let at = message.len() - 8;
        message[at] ^= 1;
    });
    pair.hand(Bob, &bad);
    // The error, the query, the AKE, the text again: and then there is peace.
    pair.run();
    assert_eq!(pair.end(Bob).texts(), ["[resent] x"]);
    assert_eq!(pair.end(Alice).peer.state(), State::Encrypted);
}

#[test]
fn an_unreadable_message_is_answered_once_and_not_if_it_asks_for_silence() {
    let mut pair = Pair::private(92, quiet());
    let id = pair.end(Alice).id();
    let line = pair.write(Alice, "x");
    pair.act(Alice, |peer, now, _| peer.send_silent(id, &[], now)).unwrap();
    let silent = pair.take(Alice);
    for (line, answers) in [(line, 1), (silent, 0)] {
        let before = pair.end(Bob).sent.len();
        let bad = crate::pair::changed(&line, |message| {
            let at = message.len() - 8;
            message[at] ^= 1;
        });
        pair.refuse(Bob, &bad, Rejection::Unreadable { forged: true });
        assert_eq!(pair.end(Bob).sent.len(), before + answers);
        assert_eq!(pair.end(Bob).rejections().len(), 0, "refuse() has taken the event");
    }
}

#[test]
fn a_query_in_the_middle_of_text_is_answered() {
    for private in [false, true] {
        let mut pair = if private { Pair::private(93, quiet()) } else { Pair::new(93, quiet()) };
        let before = pair.end(Alice).peer.state();
        pair.hand(Alice, b"hey, ?OTRv3? that is what I said");
        assert!(pair.end(Alice).events.is_empty(), "it is not shown");
        assert_eq!(pair.end(Alice).wire.len(), 1);
        assert_eq!(pair.end(Alice).peer.state(), before, "and what is private stays private");
    }
}

#[test]
fn plaintext_in_a_private_conversation_is_marked() {
    let mut pair = Pair::private(94, quiet());
    let before = pair.end(Alice).state()["sessions"].clone();
    let events = pair.events_of(Alice, b"psst, this is Bob");
    assert!(matches!(events[..], [Event::Plaintext { unexpected: true, .. }]));
    assert_eq!(pair.end(Alice).state()["sessions"], before);
}

#[test]
fn what_the_user_types_after_the_peer_has_ended_does_not_leave() {
    let mut pair = Pair::private(95, quiet());
    pair.act(Bob, |peer, now, _| peer.end(now));
    pair.run();
    let error = pair.act(Alice, |peer, now, _| peer.send(b"secret", now)).unwrap_err();
    assert_eq!(error, otr_core::SendError::Finished);
    assert!(pair.end(Alice).sent.iter().all(|line| !line.bytes.windows(6).any(|window| window == b"secret")));
    // Garbage and errors do not bring the clear text back.
    pair.hand(Alice, &error_line(b"x"));
    pair.hand(Alice, b"?OTR:AAMD.");
    pair.hand(Alice, b"hello");
    assert_eq!(pair.end(Alice).peer.state(), State::Finished);
}

#[test]
fn nothing_leaves_in_clear_where_encryption_is_required() {
    let settings = Settings { policy: Policy::MANUAL | Policy::REQUIRE_ENCRYPTION, ..quiet() };
    let mut pair = Pair::new(96, settings);
    for number in 0..otr_core::MAX_HELD_TEXTS {
        pair.say(Alice, &format!("secret {number}"));
    }
    let error = pair.act(Alice, |peer, now, _| peer.send(b"one too many", now)).unwrap_err();
    assert_eq!(error, otr_core::SendError::TooManyHeld);
    assert!(pair.end(Alice).sent.iter().all(|line| line.bytes.starts_with(b"?OTRv")));
    // Each has asked; one answer is enough.
    pair.end_mut(Alice).wire.truncate(1);
    pair.run();
    let expected: Vec<_> = (0..otr_core::MAX_HELD_TEXTS).map(|number| format!("secret {number}")).collect();
    assert_eq!(pair.end(Bob).texts(), expected);
}

#[test]
fn with_otr_off_every_line_passes_untouched() {
    let mut pair = Pair::new(97, Settings { policy: Policy::NEVER, ..quiet() });
    for line in [&b"?OTR:AAMD."[..], b"?OTRv3?", b"?OTR Error: x", b"?OTR,1,2,x,"] {
        let events = pair.events_of(Alice, line);
        let [Event::Plaintext { text, unexpected: false }] = &events[..] else { panic!("{events:?}") };
        assert_eq!(text, line);
    }
    assert!(pair.end(Alice).sent.is_empty());
}
