//! Fragments: what we accept libotr puts together in the same way, and what we cut it can read.

#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use libotr_oracle::{Assembler as Theirs, Fragment, Libotr, c_line};
use otr_core::InstanceTag;
use otr_core::fragment::{Assembled, Assembler, FragmentHeader, Origin, parse_fragment, split};
use otr_core::text::{Line, classify};

fn own() -> InstanceTag {
    InstanceTag::new(0x100).expect("the smallest tag")
}

fuzz_target!(|data: &[u8]| {
    let libotr = Libotr::new();
    let mut ours = Assembler::new();
    // One context for each device of the sender, as libotr keeps them.
    let mut theirs: BTreeMap<Origin, Theirs> = BTreeMap::new();
    for line in data.split(|&byte| byte == b'\n') {
        // Of several markers libotr takes the first of a kind, we take the first.
        if !line.starts_with(b"?OTR") || line.iter().filter(|&&byte| byte == b'?').count() != 1 {
            continue;
        }
        let Line::Fragment(raw) = classify(line) else { continue };
        // libotr reads numbers with scanf and takes blanks, signs and overflows for numbers; we refuse them.
        let Ok(fragment) = parse_fragment(raw, own()) else { continue };
        // An empty piece may end a message here, as otr3 sends it; libotr drops it.
        if fragment.piece().is_empty() {
            continue;
        }
        let (origin, k, n) = (fragment.origin(), fragment.k(), fragment.n());
        let Some(c) = c_line(line) else { return };
        let whole = match ours.push(fragment) {
            Assembled::Complete(whole) => Fragment::Complete(whole),
            Assembled::Stored | Assembled::Ignored(_) => Fragment::Incomplete,
            // A limit of ours; libotr has none.
            Assembled::Dropped(_) => return,
        };
        let answer = theirs.entry(origin).or_insert_with(|| Theirs::new(libotr)).push(&c);
        assert_eq!(answer, whole, "fragment {k} of {n}");
    }
    let Some((&limit, line)) = data.split_first() else { return };
    // No armour: the comma ends a piece, and libotr looks for the marker of either kind anywhere in a line.
    if line.is_empty() || line.iter().any(|byte| b",?\0".contains(byte)) {
        return;
    }
    let headers = [FragmentHeader::V2, FragmentHeader::V3 { sender: own(), receiver: Some(own()) }];
    for header in headers {
        let Ok(pieces) = split(line, usize::from(limit), header) else { continue };
        if pieces.len() < 2 {
            continue;
        }
        let mut theirs = Theirs::new(libotr);
        for (at, piece) in pieces.iter().enumerate() {
            let c = c_line(piece).expect("no NUL in it");
            let whole = at + 1 == pieces.len();
            let expected = if whole { Fragment::Complete(line.to_vec()) } else { Fragment::Incomplete };
            assert_eq!(theirs.push(&c), expected);
        }
    }
});
