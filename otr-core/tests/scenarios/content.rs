//! What a message carries.

use otr_core::text::armour;
use otr_core::wire::{Content, DataFlags, DataMessage, Route, Tlv, tlv_type};
use otr_core::{Event, SealError, SendError, State};

use crate::forge::{Forged, authenticator, mac_key, sending_key};
use crate::pair::{Alice, Bob, Pair, binary, changed, header_len, quiet, quiet_v2};

#[test]
fn text_of_any_script_arrives_as_it_was_sent() {
    for settings in [quiet(), quiet_v2()] {
        let mut pair = Pair::private(80, settings);
        let long = "語".repeat(30_000);
        let texts =
            ["Привет", "你好，世界", "مرحبا\u{202e}", "👩‍👩‍👧‍👦", "e\u{301}", "<b>&amp;</b>", "%s%n%x", "\u{1b}[31m", &long];
        for text in texts {
            pair.say(Alice, text);
            pair.run();
            assert_eq!(pair.end(Bob).texts().last().map(String::as_str), Some(text));
        }
        // No UTF-8 at all.
        pair.act(Alice, |peer, now, _| peer.send(&[0xff, 0xfe, 0x80], now)).unwrap();
        pair.run();
        assert_eq!(pair.end(Bob).messages().last().unwrap().content.text, [0xff, 0xfe, 0x80]);
    }
}

#[test]
fn a_nul_is_refused_before_anything_happens() {
    let mut pair = Pair::private(81, quiet());
    let before = pair.end(Alice).state();
    let error = pair.act(Alice, |peer, now, _| peer.send(b"a\0b", now)).unwrap_err();
    assert_eq!(error, SendError::Seal(SealError::NulInText));
    assert_eq!(pair.end(Alice).state(), before);
}

#[test]
fn text_and_records_travel_together() {
    let mut pair = Pair::private(82, quiet());
    let id = pair.end(Alice).id();
    let tlvs = [
        Tlv::new(tlv_type::PADDING, vec![0; 77]).unwrap(),
        Tlv::new(0x4242, b"unknown".to_vec()).unwrap(),
        Tlv::empty(0xffff),
        Tlv::new(9, vec![1; 65_535]).unwrap(),
    ];
    pair.act(Alice, |peer, now, _| peer.send_in(id, "Grüße".as_bytes(), &tlvs, DataFlags::empty(), now)).unwrap();
    pair.run();
    let message = pair.end(Bob).messages()[0];
    assert_eq!(message.content.text, "Grüße".as_bytes());
    assert_eq!(message.content.tlvs, tlvs);
    assert_eq!(Tlv::new(9, vec![1; 65_536]), None);
}

#[test]
fn records_of_odd_lengths_end_the_list_and_nothing_else() {
    for (tail, records) in [
        (&b""[..], 0),
        (&[0], 0),
        (&[0, 1], 0),
        (&[0, 1, 0], 0),
        (&[0, 9, 0, 1], 0),
        (&[0, 9, 0, 0], 1),
        (&[0, 9, 0, 1, 7], 1),
        (&[0, 9, 0, 1, 7, 0], 1),
        (&[0, 9, 0, 0, 0, 1, 0xff, 0xff], 1),
        (&[0, 9, 0, 0, 0, 10, 0, 2, 1, 2], 2),
    ] {
        let mut pair = Pair::private(83, quiet());
        let id = pair.end(Alice).id();
        pair.act(Alice, |peer, _, _| peer.prepare(id));
        let route = Route::V3 { sender: pair.end(Alice).identity.instance(), receiver: id.instance };
        let plaintext = [b"text\0", tail].concat();
        let line = Forged::next(&pair.end(Alice).peer.snapshot(), route, &plaintext).line();
        pair.hand(Bob, &line);
        assert_eq!(pair.end(Bob).texts(), ["text"]);
        assert_eq!(pair.end(Bob).messages()[0].content.tlvs.len(), records, "{tail:?}");
        assert_eq!(pair.end(Bob).peer.state(), State::Encrypted, "a cut disconnect is none");
    }
}

#[test]
fn a_thousand_records_are_capped() {
    let plaintext = [b"x\0".to_vec(), [0, 9, 0, 0].repeat(1000)].concat();
    assert_eq!(Content::parse(&plaintext).tlvs.len(), otr_core::limits::MAX_TLVS);
}

#[test]
fn an_extra_key_record_that_is_too_short_is_passed_over() {
    let mut pair = Pair::private(84, quiet());
    let id = pair.end(Alice).id();
    for length in 0..4 {
        let tlv = Tlv::new(tlv_type::EXTRA_KEY, vec![0; length]).unwrap();
        pair.act(Alice, |peer, now, _| peer.send_silent(id, &[tlv], now)).unwrap();
    }
    pair.run();
    assert!(!pair.end(Bob).events.iter().any(|event| matches!(event, Event::ExtraKey { .. })));
    let key = pair.act(Alice, |peer, now, _| peer.send_extra_key(id, 7, b"file", now)).unwrap();
    pair.run();
    let received: Vec<_> = pair
        .end(Bob)
        .events
        .iter()
        .filter_map(|event| match event {
            Event::ExtraKey { usage, data, key, .. } => Some((*usage, data.clone(), *key.expose())),
            _ => None,
        })
        .collect();
    assert_eq!(received, [(7, b"file".to_vec(), *key.expose())]);
}

#[test]
fn numbers_with_leading_zeros_are_read() {
    let mut pair = Pair::private(85, quiet());
    let id = pair.end(Alice).id();
    pair.act(Alice, |peer, _, _| peer.prepare(id));
    let snapshot = pair.end(Alice).peer.snapshot();
    let key = mac_key(&sending_key(&snapshot.sessions[0]).unwrap());
    // The next key of a data message, its authenticator made over the longer form.
    let line = binary(&pair.write(Alice, "zeros"));
    let covered = DataMessage::parse(&line).unwrap().authenticated.to_vec();
    let at = header_len(id.version) + 9;
    let mut padded = covered.clone();
    padded[at..at + 4].copy_from_slice(&195_u32.to_be_bytes());
    padded.splice(at + 4..at + 4, [0, 0, 0]);
    let mac = authenticator(&key, &padded);
    pair.hand(Bob, &armour(&[&padded[..], &mac, &[0; 4]].concat()));
    assert_eq!(pair.end(Bob).texts(), ["zeros"]);
    // It is the same number: the conversation goes on with it.
    pair.say(Bob, "back");
    pair.run();
    pair.say(Alice, "and forth");
    pair.run();
    assert_eq!(pair.end(Bob).texts(), ["zeros", "and forth"]);

    // g^y of a D-H Key.
    let mut pair = Pair::new(86, quiet());
    pair.act(Alice, |peer, now, rng| peer.open_exchange(id.version, now, rng));
    pair.deliver(Alice);
    let key = pair.take(Bob);
    let at = header_len(id.version);
    let padded = changed(&key, |message| {
        message[at..at + 4].copy_from_slice(&193_u32.to_be_bytes());
        message.insert(at + 4, 0);
    });
    pair.hand(Alice, &padded);
    pair.run();
    assert_eq!(pair.end(Alice).peer.state(), State::Encrypted);
}

#[test]
fn the_largest_text_is_sent_whole_and_a_larger_one_is_refused() {
    let mut pair = Pair::private(87, quiet());
    let room = otr_core::limits::MAX_MESSAGE_LEN / 2 - 1;
    let largest = vec![b'x'; room];
    pair.act(Alice, |peer, now, _| peer.send(&largest, now)).unwrap();
    pair.run();
    assert_eq!(pair.end(Bob).messages()[0].content.text, largest);
    let before = pair.end(Alice).state();
    let error = pair.act(Alice, |peer, now, _| peer.send(&vec![b'x'; room + 1], now)).unwrap_err();
    assert!(matches!(error, SendError::Seal(SealError::TooLong { .. })));
    assert!(!error.to_string().contains(&otr_core::limits::MAX_MESSAGE_LEN.to_string()), "{error}");
    assert_eq!(pair.end(Alice).state(), before);
}
