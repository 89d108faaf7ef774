//! Base64 armour, both ways.

#![no_main]

use libfuzzer_sys::fuzz_target;
use otr_core::limits::MAX_MESSAGE_LEN;
use otr_core::text::{Termination, armour, dearmour};

fuzz_target!(|data: &[u8]| {
    // As a message: it comes back.
    let line = armour(data);
    if line.len() <= MAX_MESSAGE_LEN {
        assert_eq!(dearmour(&line, Termination::DotRequired).as_deref(), Ok(data));
    }
    // As a body, and as a whole line: whatever comes out is no longer than what went in, and is its own armour.
    for line in [[b"?OTR:", data].concat(), data.to_vec()] {
        let strict = dearmour(&line, Termination::DotRequired);
        let tolerant = dearmour(&line, Termination::DotOptional);
        if let Ok(message) = &strict {
            assert_eq!(tolerant.as_ref(), Ok(message));
        }
        if let Ok(message) = tolerant {
            assert!(message.len() <= line.len());
            assert_eq!(dearmour(&armour(&message), Termination::DotRequired), Ok(message));
        }
    }
});
