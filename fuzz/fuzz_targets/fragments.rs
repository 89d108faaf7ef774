//! Lines of any sender through one assembler, and lines cut and put together again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use otr_core::InstanceTag;
use otr_core::fragment::{Assembled, Assembler, FragmentHeader, parse_fragment, split};
use otr_core::limits::{MAX_ASSEMBLIES, MAX_FRAGMENT_BYTES};
use otr_core::text::{Line, classify};

fn own() -> InstanceTag {
    InstanceTag::new(0x100).expect("the smallest tag")
}

fn take(assembler: &mut Assembler, line: &[u8]) -> Option<Assembled> {
    let Line::Fragment(raw) = classify(line) else { return None };
    let fragment = parse_fragment(raw, own()).ok()?;
    assert!(fragment.k() >= 1 && fragment.k() <= fragment.n());
    Some(assembler.push(fragment))
}

fuzz_target!(|data: &[u8]| {
    let mut assembler = Assembler::new();
    for line in data.split(|&byte| byte == b'\n') {
        let before = assembler.snapshot();
        match take(&mut assembler, line) {
            None | Some(Assembled::Ignored(_)) => assert_eq!(assembler.snapshot(), before),
            Some(Assembled::Complete(_) | Assembled::Stored | Assembled::Dropped(_)) => {}
        }
        assert!(assembler.len() <= MAX_ASSEMBLIES && assembler.held_bytes() <= MAX_FRAGMENT_BYTES);
        assert_eq!(Assembler::restore(assembler.snapshot()).snapshot(), assembler.snapshot());
    }
    let Some((&limit, line)) = data.split_first() else { return };
    let headers = [FragmentHeader::V2, FragmentHeader::V3 { sender: own(), receiver: Some(own()) }];
    for header in headers {
        let Ok(pieces) = split(line, usize::from(limit), header) else { continue };
        if let [whole] = pieces.as_slice() {
            assert_eq!(whole, line);
            continue;
        }
        let mut assembler = Assembler::new();
        for (at, piece) in pieces.iter().enumerate() {
            assert!(piece.len() < usize::from(limit));
            let expected = if at + 1 < pieces.len() { Assembled::Stored } else { Assembled::Complete(line.to_vec()) };
            assert_eq!(take(&mut assembler, piece), Some(expected));
        }
    }
});
