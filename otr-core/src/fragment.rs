//! Fragmentation: long lines cut for the network, and put together again (protocol section "Fragmentation").
//!
//! [`split`] cuts exactly as libotr does. On receipt [`parse_fragment`] checks the header and to whom it is
//! addressed, and an [`Assembler`] per peer collects the pieces. Fragments are not authenticated: whoever can
//! write lines to us can spoil an assembly, so all that is promised is that this costs us no more than the caps.

mod assembler;
mod parse;
mod snapshot;
mod split;

pub use assembler::{Assembled, Assembler, DropReason, IgnoreReason};
pub use parse::{Fragment, FragmentError, FragmentKind, Origin, RawFragment, parse_fragment};
pub use snapshot::{AssemblerSnapshot, PendingFragments};
pub use split::{FragmentHeader, SplitError, split};
