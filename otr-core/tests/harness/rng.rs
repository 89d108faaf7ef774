//! A random source that hands out libotr's logged draws.

use std::collections::VecDeque;
use std::convert::Infallible;

use rand_core::{TryCryptoRng, TryRng};
use serde_json::Value;

use crate::json::{bytes, list};

/// The logged draws of one step, in their order. Draws that libotr does not make (the hedge of a signature, 32
/// bytes, and the jitter of a timer, 4 bytes) get fixed bytes; any other that is not in the log is noted.
pub(crate) struct Logged {
    draws: VecDeque<Vec<u8>>,
    extra: Vec<usize>,
    made_up: u8,
}

impl Logged {
    pub(crate) fn of(step: &Value) -> Self {
        let draws: VecDeque<_> = list(step, "rng").iter().map(|draw| bytes(draw, "hex")).collect();
        Self { draws, extra: Vec::new(), made_up: 0 }
    }

    pub(crate) fn nothing() -> Self {
        Self { draws: VecDeque::new(), extra: Vec::new(), made_up: 0 }
    }

    /// The lengths of draws that were left over, and of those that libotr did not make.
    pub(crate) fn differences(&self) -> (Vec<usize>, Vec<usize>) {
        (self.draws.iter().map(Vec::len).collect(), self.extra.clone())
    }
}

impl TryRng for Logged {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(0)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.extra.push(8);
        Ok(0)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        if self.draws.front().is_some_and(|draw| draw.len() == bytes.len()) {
            bytes.copy_from_slice(&self.draws.pop_front().unwrap());
            return Ok(());
        }
        if bytes.len() != 32 {
            self.extra.push(bytes.len());
        }
        self.made_up = self.made_up.wrapping_add(1);
        bytes.fill(self.made_up);
        Ok(())
    }
}

impl TryCryptoRng for Logged {}
