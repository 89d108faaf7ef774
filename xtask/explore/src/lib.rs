//! Exhaustive search of small scopes: every order in which a few things can happen to two peers, over the real engine.
//!
//! A state is what both ends are (the engine with all that is only in memory, its row, what the checker has seen of
//! it), what is on the wires between them, and how many faults may still happen. The search is breadth first, so the
//! first trace that breaks an invariant is a shortest one. The invariants are those of [`simulate`], checked in every
//! step; whether everything arrives once the network is fair is tried [from the states](fair) that a search names.
//!
//! # What makes it small
//!
//! * The two ends share nothing but the wires. What one end does depends on itself and its input alone, so each
//!   end is computed once for each input, however many states of the whole it is part of.
//! * Time stands still but where an action lets it pass, and each end has a clock of its own: what an end does depends
//!   on no other clock, and no clock of the other is on the wire.
//! * Randomness is a function of the end, the kind of action and the generation of the end's row. A generation rises
//!   with every commit and nothing leaves without one, so no random value has two effects on one path.
//! * An end that is down can only come back, and that comes first: nothing that the other end does meanwhile takes an
//!   action from it or depends on it, since wires only grow at their tail by it and the budget is the same in any
//!   order. This is the only reduction of orders.
//!
//! Equal states are recognised by 128 bits of SHA-256 of everything that an engine prints of itself, its row in bytes,
//! and everything that the checker remembers. What the engine does not print are secrets, and those are in the row.

mod digest;
mod end;
mod ends;
pub mod fair;
mod random;
mod scope;
pub mod search;
mod step;
pub mod trace;
mod whole;

#[cfg(feature = "planted-faults")]
pub mod planted;

pub use scope::{Begin, Budget, Scope};
