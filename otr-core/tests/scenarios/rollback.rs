//! Somebody on the way takes the higher version out of an offer.

use otr_core::{Event, Policy, Rejection, Settings, Version};

use crate::pair::{Alice, Bob, Pair, quiet};

fn both() -> Settings {
    Settings { policy: Policy::MANUAL, ..quiet() }
}

#[test]
fn a_three_stripped_from_a_query_shows_in_the_event() {
    let mut pair = Pair::new(60, both());
    pair.act(Bob, |peer, _, _| peer.start());
    let query = pair.take(Bob);
    assert!(query.starts_with(b"?OTRv23?"));
    pair.hand(Alice, b"?OTRv2?");
    pair.run();
    for side in [Alice, Bob] {
        let versions: Vec<_> = pair
            .end(side)
            .events
            .iter()
            .filter_map(|event| if let Event::Established(new) = event { Some(new.session.version) } else { None })
            .collect();
        assert_eq!(versions, [Version::V2], "an embedder that keeps the highest version seen can warn");
    }
}

#[test]
fn who_forbids_version_2_cannot_be_rolled_back() {
    let mut pair = Pair::new(61, quiet());
    let before = pair.end(Alice).state();
    pair.hand(Alice, b"?OTRv2?");
    assert_eq!(pair.end(Alice).state(), before);
    assert!(pair.end(Alice).sent.is_empty());
}

#[test]
fn a_session_of_version_3_is_not_reached_through_version_2() {
    let mut pair = Pair::private(62, both());
    assert_eq!(pair.end(Alice).id().version, Version::V3);
    let line = pair.write(Alice, "text");
    // The same message without its tags, as version 2 would have it.
    let stripped = crate::pair::changed(&line, |message| {
        message[1] = 2;
        message.drain(3..11);
    });
    pair.refuse(Bob, &stripped, Rejection::OtherInstance);
    pair.hand(Bob, &line);
    assert_eq!(pair.end(Bob).texts(), ["text"]);
}

#[test]
fn the_highest_version_of_a_whitespace_tag_counts() {
    let settings = Settings { policy: Policy::OPPORTUNISTIC, ..quiet() };
    let mut pair = Pair::new(63, settings);
    pair.say(Alice, "hello");
    pair.run();
    assert_eq!(pair.end(Bob).id().version, Version::V3);
}
