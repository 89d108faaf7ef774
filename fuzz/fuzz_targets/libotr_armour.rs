//! Base64 armour: the same bytes as libotr, both ways.

#![no_main]

use libfuzzer_sys::fuzz_target;
use libotr_oracle::{Libotr, c_line};
use otr_core::text::{ArmourError, Termination, armour, dearmour};

fuzz_target!(|data: &[u8]| {
    let libotr = Libotr::new();
    assert_eq!(libotr.armour(data), Some(armour(data)));
    for line in [[b"?OTR:", data].concat(), data.to_vec()] {
        let Some(c) = c_line(&line) else { continue };
        let theirs = libotr.dearmour(&c).filter(|message| !message.is_empty());
        match dearmour(&line, Termination::DotRequired) {
            Ok(message) => assert_eq!(theirs.unwrap_or_default(), message),
            Err(ArmourError::NoMarker | ArmourError::Unterminated) => assert_eq!(theirs, None),
            Err(_) => {} // our limit on the length; libotr has none
        }
    }
});
