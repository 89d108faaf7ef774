//! Stories of two ends, a network that loses, repeats and reorders, and stores that survive; after every step the
//! invariants of `common::invariants` hold.
//!
//! A test whose name begins with a number tells one story of the project's list:
//!
//! | story | where |
//! |---|---|
//! | 1 copied store, revealed key, forged `next_dh` | `quarantine`; detection: `o2tr-ekm/tests/copied_and_restored_stores.rs` |
//! | 2 database restored across a rotation | `o2tr-cli/tests/state_directory.rs`; `o2tr-ekm/tests/copied_and_restored_stores.rs` |
//! | 3, 4, 5 restored and cloned states | `quarantine` |
//! | 6 leaps differ | `o2tr/src/client/random.rs` draws them; `quarantine` for what they are good for |
//! | 7, 22 to 26, 30, 40 restarts and AKEs | `restart` |
//! | 8, 33, 34 time | `time` |
//! | 9, 27, 31, 32, 35, 37 hostile or plain peers | `hostile`, `legacy` |
//! | 10 to 12 other keys | `trust` |
//! | 13 to 15, 36 overtaken messages | `retained` |
//! | 16 to 21 the threshold | `threshold` |
//! | 28, 29 acknowledgements | `acknowledgements` |
//! | 38 every cell write | `o2tr-ekm/tests/crash_at_every_write.rs` |
//! | 39 second process | `o2tr-cli/tests/state_directory.rs`; `o2tr-ekm/tests/process_kill.rs` |

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

#[path = "scenarios/acknowledgements.rs"]
mod acknowledgements;
#[path = "scenarios/hostile.rs"]
mod hostile;
#[path = "scenarios/legacy.rs"]
mod legacy;
#[path = "scenarios/offline_messages.rs"]
mod offline_messages;
#[path = "scenarios/quarantine.rs"]
mod quarantine;
#[path = "scenarios/restart.rs"]
mod restart;
#[path = "scenarios/retained.rs"]
mod retained;
#[path = "scenarios/schedules.rs"]
mod schedules;
#[path = "scenarios/threshold.rs"]
mod threshold;
#[path = "scenarios/time.rs"]
mod time;
#[path = "scenarios/trust.rs"]
mod trust;
#[path = "scenarios/user.rs"]
mod user;
#[path = "scenarios/waiting_wishes.rs"]
mod waiting_wishes;
