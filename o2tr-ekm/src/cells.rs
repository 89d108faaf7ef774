//! The cells file: the only place where data keys stand, and where they are overwritten.
//!
//! No database forgets: replaced records survive in logs, free pages and freed blocks. So records are sealed under a
//! data key per conversation, and what is erased is the key, in place, in this file, which is never copied.
//!
//! ```text
//! page 0   key header (512) | binding (512) | zeros        page 1   the same again
//! page 2   cells 0-15                                      page 3   the same again
//! page 4   cells 16-31                                     page 5   the same again ...
//! cell     slot 0 (128) | slot 1 (128)
//! ```
//!
//! One slot of a cell holds the *live* key, the other the *spare*, durable before it is needed. A commit that retires a
//! secret seals the row under the spare, so nothing is added to its latency. Afterwards the flush overwrites the
//! retired slot with a fresh spare: erasing and provisioning are one write, and the live slot is never written.
//!
//! Each slot stands in two pages, written and synced one after the other, so that an interrupted write, even one that
//! ruins a sector, leaves one good copy of the live key.

mod binding;
mod eraser;
mod file;
mod layout;
mod slot;

pub(crate) use self::binding::{Binding, RowsBinding};
pub(crate) use self::eraser::{Eraser, FlushThread, Job, Work};
pub(crate) use self::file::{CellFile, Piece};
pub(crate) use self::layout::MAX_CELL;
pub(crate) use self::slot::{Slot, SlotPlace};
