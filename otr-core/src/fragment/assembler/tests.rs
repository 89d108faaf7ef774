//! Reassembly: the protocol's rules, the caps, the round trip.

use proptest::prelude::*;

use super::*;
use crate::InstanceTag;
use crate::fragment::{FragmentHeader, parse_fragment, split};
use crate::text::{Line, classify};

fn tag(value: u32) -> InstanceTag {
    InstanceTag::new(value).unwrap()
}

fn fragment(sender: u32, k: u16, n: u16, piece: &[u8]) -> Fragment<'_> {
    Fragment { origin: Origin::V3(tag(sender)), k, n, piece }
}

fn complete(line: &[u8]) -> Assembled {
    Assembled::Complete(line.to_vec())
}

/// Everything between sender and receiver.
fn receive(assembler: &mut Assembler, line: &[u8]) -> Assembled {
    let Line::Fragment(raw) = classify(line) else { panic!("no fragment") };
    assembler.push(parse_fragment(raw, tag(0x200)).unwrap())
}

#[test]
fn pieces_in_order_make_the_line() {
    let mut assembler = Assembler::new();
    assert_eq!(assembler.push(fragment(0x100, 1, 3, b"a")), Assembled::Stored);
    assert_eq!(assembler.push(fragment(0x100, 2, 3, b"b")), Assembled::Stored);
    assert_eq!(assembler.push(fragment(0x100, 3, 3, b"c")), complete(b"abc"));
    assert!(assembler.is_empty());
}

#[test]
fn one_of_one_is_complete_at_once_and_replaces_what_was_begun() {
    let mut assembler = Assembler::new();
    assembler.push(fragment(0x100, 1, 3, b"a"));
    assert_eq!(assembler.push(fragment(0x100, 1, 1, b"b")), complete(b"b"));
    assert!(assembler.is_empty());
}

#[test]
fn a_first_fragment_begins_anew() {
    let mut assembler = Assembler::new();
    assembler.push(fragment(0x100, 1, 3, b"a"));
    assembler.push(fragment(0x100, 2, 3, b"b"));
    assert_eq!(assembler.push(fragment(0x100, 1, 2, b"c")), Assembled::Stored);
    assert_eq!(assembler.push(fragment(0x100, 2, 2, b"d")), complete(b"cd"));
}

#[test]
fn another_number_or_count_forgets_what_was_begun() {
    for (k, n) in [(2, 4), (2, 5), (4, 4), (3, 5)] {
        let mut assembler = Assembler::new();
        assembler.push(fragment(0x100, 1, 4, b"a"));
        assembler.push(fragment(0x100, 2, 4, b"b"));
        assert_eq!(
            assembler.push(fragment(0x100, k, n, b"x")),
            Assembled::Dropped(DropReason::OutOfSequence),
            "{k} of {n}"
        );
        assert_eq!(assembler.push(fragment(0x100, 3, 4, b"c")), Assembled::Ignored(IgnoreReason::NoBeginning));
        assert!(assembler.is_empty());
    }
}

#[test]
fn an_illegal_fragment_keeps_what_is_stored() {
    let mut assembler = Assembler::new();
    assert_eq!(receive(&mut assembler, b"?OTR,1,3,a,"), Assembled::Stored);
    let before = assembler.snapshot();
    for line in [b"?OTR,0,3,x,".as_slice(), b"?OTR,4,3,x,", b"?OTR,2,3,,", b"?OTR,2,3,x", b"?OTR,65537,3,x,"] {
        let Line::Fragment(raw) = classify(line) else { panic!("no fragment") };
        assert!(parse_fragment(raw, tag(0x200)).is_err());
    }
    assert_eq!(receive(&mut assembler, b"?OTR,3,3,,"), Assembled::Ignored(IgnoreReason::EmptyPiece));
    assert_eq!(assembler.snapshot(), before);
    assert_eq!(receive(&mut assembler, b"?OTR,2,3,b,"), Assembled::Stored);
    assert_eq!(receive(&mut assembler, b"?OTR,3,3,c,"), complete(b"abc"));
}

#[test]
fn an_empty_last_fragment_ends_the_line() {
    let mut assembler = Assembler::new();
    receive(&mut assembler, b"?OTR,1,3,a,");
    receive(&mut assembler, b"?OTR,2,3,b,");
    assert_eq!(receive(&mut assembler, b"?OTR,3,3,,"), complete(b"ab"));
    assert_eq!(receive(&mut assembler, b"?OTR,3,3,,"), Assembled::Ignored(IgnoreReason::NoBeginning));
}

#[test]
fn each_sender_has_its_own_line() {
    let mut assembler = Assembler::new();
    assembler.push(fragment(0x100, 1, 2, b"a"));
    assembler.push(fragment(0x101, 1, 2, b"x"));
    receive(&mut assembler, b"?OTR,1,2,m,");
    assert_eq!(assembler.push(fragment(0x100, 2, 2, b"b")), complete(b"ab"));
    assert_eq!(receive(&mut assembler, b"?OTR,2,2,n,"), complete(b"mn"));
    assert_eq!(assembler.push(fragment(0x101, 2, 2, b"y")), complete(b"xy"));
}

#[test]
fn an_unfragmented_line_forgets_version_2_only() {
    let mut assembler = Assembler::new();
    assembler.push(fragment(0x100, 1, 2, b"a"));
    receive(&mut assembler, b"?OTR,1,2,m,");
    assembler.handle_unfragmented();
    assert_eq!(receive(&mut assembler, b"?OTR,2,2,n,"), Assembled::Ignored(IgnoreReason::NoBeginning));
    assert_eq!(assembler.push(fragment(0x100, 2, 2, b"b")), complete(b"ab"));
}

#[test]
fn an_endless_stream_of_fragments_stays_within_the_cap() {
    let piece = [b'x'; 8192];
    let mut assembler = Assembler::new();
    let mut longest = 0;
    for k in 1..=30_000 {
        assembler.push(fragment(0x100, k, 65535, &piece));
        longest = longest.max(assembler.held_bytes());
    }
    assert_eq!(longest, MAX_MESSAGE_LEN);
    assert!(assembler.is_empty(), "what outgrew the cap is not held");
}

#[test]
fn endless_streams_from_many_senders_stay_within_the_caps() {
    let piece = [b'x'; 32768];
    let mut assembler = Assembler::new();
    for k in 1..=40 {
        for sender in 0x100..0x110 {
            assembler.push(fragment(sender, k, 65535, &piece));
            assert!(assembler.held_bytes() <= MAX_FRAGMENT_BYTES);
            assert!(assembler.len() <= MAX_ASSEMBLIES);
        }
    }
}

#[test]
fn unlimited_new_instances_do_not_exhaust_memory() {
    let mut assembler = Assembler::new();
    for sender in 0x100..0x10100 {
        assert_eq!(assembler.push(fragment(sender, 1, 2, b"x")), Assembled::Stored);
        assert!(assembler.len() <= MAX_ASSEMBLIES);
    }
}

#[test]
fn a_line_of_exactly_the_cap_is_complete_and_one_byte_more_is_dropped() {
    let half = vec![b'x'; MAX_MESSAGE_LEN / 2];
    let mut assembler = Assembler::new();
    assembler.push(fragment(0x100, 1, 2, &half));
    assert_eq!(assembler.push(fragment(0x100, 2, 2, &half)), complete(&[b'x'; MAX_MESSAGE_LEN]));
    assembler.push(fragment(0x100, 1, 3, &half));
    assembler.push(fragment(0x100, 2, 3, &half));
    assert_eq!(assembler.push(fragment(0x100, 3, 3, b"x")), Assembled::Dropped(DropReason::TooLong));
    assert!(assembler.is_empty());
}

#[test]
fn a_first_piece_above_the_cap_changes_nothing() {
    let mut assembler = Assembler::new();
    assembler.push(fragment(0x100, 1, 2, b"a"));
    let huge = vec![b'x'; MAX_MESSAGE_LEN + 1];
    for n in [1, 2] {
        assert_eq!(assembler.push(fragment(0x100, 1, n, &huge)), Assembled::Ignored(IgnoreReason::TooLong));
    }
    assert_eq!(assembler.push(fragment(0x100, 2, 2, b"b")), complete(b"ab"));
}

#[test]
fn a_flood_of_beginnings_leaves_a_running_line_alone() {
    let mut assembler = Assembler::new();
    let mut flood = 0x1000..;
    for k in 1..20 {
        assert_eq!(assembler.push(fragment(0x100, k, 20, b"x")), Assembled::Stored);
        for sender in flood.by_ref().take(usize::from(patience(k)) - 2) {
            assembler.push(fragment(sender, 1, 2, b"flood"));
        }
    }
    assert_eq!(assembler.push(fragment(0x100, 20, 20, b"x")), complete(&[b'x'; 20]));
}

#[test]
fn abandoned_lines_make_room_for_new_ones() {
    let mut assembler = Assembler::new();
    for sender in 0x100..0x108 {
        for k in 1..100 {
            assembler.push(fragment(sender, k, 100, b"x"));
        }
    }
    for sender in 0x1000..0x1000 + u32::from(MAX_PATIENCE) + 8 {
        assembler.push(fragment(sender, 1, 2, b"x"));
    }
    let oldest = assembler.snapshot().pending[0].origin;
    assert!(oldest >= Origin::V3(tag(0x1000)), "{oldest:?}");
}

#[test]
fn large_lines_make_room_before_small_ones() {
    let share = vec![b'x'; MAX_FRAGMENT_BYTES / MAX_ASSEMBLIES];
    let large = vec![b'x'; MAX_MESSAGE_LEN];
    let (first, second) = share.split_at(share.len() / 2);
    let mut assembler = Assembler::new();
    assembler.push(fragment(0x100, 1, 3, first));
    assembler.push(fragment(0x100, 2, 3, second));
    for sender in 0x101..0x108 {
        assembler.push(fragment(sender, 1, 2, &large));
        assert!(assembler.held_bytes() <= MAX_FRAGMENT_BYTES);
    }
    assert_eq!(assembler.push(fragment(0x100, 3, 3, b"")), complete(&share));
}

#[test]
fn the_largest_line_gives_way_to_its_own_growth() {
    let mut assembler = Assembler::new();
    let share = vec![b'x'; MAX_FRAGMENT_BYTES / MAX_ASSEMBLIES];
    for sender in 0x101..0x108 {
        assembler.push(fragment(sender, 1, 2, &share));
    }
    assembler.push(fragment(0x100, 1, 3, &share));
    assert_eq!(assembler.held_bytes(), MAX_FRAGMENT_BYTES);
    assert_eq!(assembler.push(fragment(0x100, 2, 3, b"x")), Assembled::Dropped(DropReason::NoRoom));
    assert_eq!(assembler.len(), 7);
}

#[test]
fn a_line_over_64_kib_goes_through() {
    let line = vec![b'x'; 300_000];
    let header = FragmentHeader::V3 { sender: tag(0x100), receiver: Some(tag(0x200)) };
    let mut assembler = Assembler::new();
    let results: Vec<_> =
        split(&line, 1000, header).unwrap().iter().map(|part| receive(&mut assembler, part)).collect();
    assert_eq!(results.last(), Some(&complete(&line)));
    assert!(results[..results.len() - 1].iter().all(|result| *result == Assembled::Stored));
}

#[test]
fn debug_shows_no_piece() {
    let mut assembler = Assembler::new();
    assembler.push(fragment(0x100, 1, 2, b"piece"));
    assert_eq!(
        format!("{assembler:?}"),
        "Assembler { pending: [Pending(V3(InstanceTag(00000100)), 1 of 2, 5 bytes, patience 8)] }"
    );
}

fn header() -> impl Strategy<Value = FragmentHeader> {
    prop_oneof![
        Just(FragmentHeader::V2),
        any::<bool>().prop_map(|known| FragmentHeader::V3 { sender: tag(0x100), receiver: known.then(|| tag(0x200)) }),
    ]
}

proptest! {
    #[test]
    fn split_and_assembled_is_the_identity(
        line in prop::collection::vec(any::<u8>().prop_filter("comma", |&byte| byte != b','), 1..2000),
        limit in 38_usize..300,
        header in header(),
    ) {
        let fragments = split(&line, limit, header).unwrap();
        if let [only] = fragments.as_slice() {
            prop_assert_eq!(only, &line);
            return Ok(());
        }
        let mut assembler = Assembler::new();
        for (at, fragment) in fragments.iter().enumerate() {
            prop_assert!(fragment.len() < limit);
            // A restart in between changes nothing.
            assembler = Assembler::restore(assembler.snapshot());
            let expected = if at + 1 == fragments.len() { complete(&line) } else { Assembled::Stored };
            prop_assert_eq!(receive(&mut assembler, fragment), expected);
        }
        prop_assert!(assembler.is_empty());
    }

    #[test]
    fn any_sequence_keeps_the_caps_and_what_is_ignored_changes_nothing(
        steps in prop::collection::vec((0x100_u32..0x10c, 1_u16..4, 1_u16..4, 0_usize..MAX_MESSAGE_LEN), 0..40),
    ) {
        let bytes = vec![b'x'; MAX_MESSAGE_LEN];
        let mut assembler = Assembler::new();
        for (sender, k, n, length) in steps {
            if k > n {
                continue;
            }
            let before = assembler.snapshot();
            let result = assembler.push(fragment(sender, k, n, &bytes[..length]));
            prop_assert!(assembler.len() <= MAX_ASSEMBLIES && assembler.held_bytes() <= MAX_FRAGMENT_BYTES);
            let after = assembler.snapshot();
            let holds = after.pending.iter().any(|pending| pending.origin == Origin::V3(tag(sender)));
            match result {
                Assembled::Ignored(_) => prop_assert_eq!(after, before),
                Assembled::Stored => prop_assert!(holds),
                Assembled::Complete(_) | Assembled::Dropped(_) => prop_assert!(!holds),
            }
        }
    }
}
