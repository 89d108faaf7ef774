//! Whole conversations, simulated: the engine, its store and a message server under a virtual clock, with everything
//! that can go wrong; and the checker of what must hold all the same.
//!
//! A [`plan::Plan`] is a setup and a list of actions; it is made from a seed, [run](run::run), and if something does
//! not hold, [shortened](shrink::shrink) and kept as a file. The engine, the sealing and the cells are those that
//! ship; only disk, server, clock and randomness are simulated.
//!
//! # The invariants
//!
//! 1. No (AES key, counter) with two plaintexts, per lineage.
//! 2. Distinct ciphertexts per sending key at most k, all kinds.
//! 3. Every transmitted byte string stands in a durable commit that precedes it.
//! 4. Counters per key leave in rising order, identical retries excepted.
//! 5. No revealed MAC key is accepted by any state reachable by a reload.
//! 6. Every announced next_dh has a durable private key.
//! 7. No clear text after "was private" without the user's command.
//! 8. Each text is in exactly one place.
//! 9. Each inbox id is delivered at least once, shown once; the rest is reported.
//! 10. `acknowledged` implies that the peer committed that text.
//! 11. Unauthenticated input leaves the durable protocol state unchanged.
//! 12. Texts go only to the fingerprint they were addressed to.
//! 13. A different fingerprint never alters a record.
//! 14. Input under a retained pair changes no live state.
//! 15. With a fair network and both there, everything that waits leaves and arrives in bounded time.
//! 16. Automatic messages per received message at most 1; they do not answer each other.
//! 17. What the application is handed and what the transport may forget is durable.
//! 18. Every row unseals or yields an event; no erased data key is left.
//! 19. Quarantined: no sending, no key advance; a rollback that can be noticed is noticed.
//! 20. All caps hold; the generation strictly rises.
//!
//! A panic anywhere counts as a violation with the number 0.

pub mod invariants;
pub mod keys;
pub mod watch;

mod randomness;

mod disk;
mod outgoing;

mod device;
pub mod plan;
mod world;

pub mod run;
pub mod shrink;

pub mod campaign;
#[cfg(feature = "planted-faults")]
pub mod planted;
#[cfg(feature = "program")]
pub mod program;
