//! Stories of two peers and a network that is not their friend.
//!
//! Where other implementations of OTR fell, and the test that shows that this one stands ("src": a unit test next
//! to the code):
//!
//! | fall | test |
//! |---|---|
//! | lengths of 0xffffffff (CVE-2016-2851) | `lengths::*`; src: `wire::codec::a_length_of_all_ones_allocates_nothing` |
//! | short, padded or garbage base64 (CVE-2012-3461) | src: `text::armour::*`, `text::*` |
//! | every prefix of every message | `truncation::*`; src: `text::every_prefix_of_every_message_is_classified`, `fragment::parse::every_prefix_of_a_fragment_is_refused` |
//! | wrong-length fields in the AKE | `lengths::a_field_of_one_legal_length_has_no_other`, `lengths::an_opened_commit_that_is_no_number_is_refused` |
//! | fragments: empty, exact, 0, 65535, 65536, 99999, k > n, endless, over 64 KiB | src: `fragment::*`; `instances::endless_fragments_leave_the_conversation_alone` |
//! | session destroyed in the middle of SMP | `smp::a_session_that_ends_takes_its_run_with_it` |
//! | SMP records in every state, several in a message | `smp::every_record_in_every_state`, `smp::several_records_in_one_message`; src: `smp::tests::machine` |
//! | SMP values 0, 1, p-1, p, exponents 0 and q | src: `smp::tests::hostile` |
//! | a forged counter of 2^64-1 blocks the genuine ones | `counters::a_forged_counter_of_max_blocks_nothing` |
//! | error, new key, resend to somebody else | `resend::*` |
//! | version rollback | `rollback::*` |
//! | revealed MAC keys | `revealed::*` |
//! | leading zeros | `content::numbers_with_leading_zeros_are_read`; src: `dsa`, `wire::codec` |
//! | non-Latin text, text with TLVs, odd TLV lengths | `content::*` |
//! | tags 0, 0xff, 0x100, the largest; foreign tags; unlimited instances | `instances::*` |
//! | own messages reflected | `reflection::*` |
//! | a query in the middle of text | `errors::a_query_in_the_middle_of_text_is_answered` |
//! | an exact duplicate | `counters::an_exact_duplicate_is_silent` |
//! | an error answered with an error | `errors::no_error_is_answered_with_an_error` |
//! | a repeated D-H Key drops encryption | `handshake::a_repeated_key_never_drops_encryption` |
//! | one device shown as two, so that two sessions share their keys | `phantom::*` |
//! | both start at once | `handshake::both_start_at_once` |

#![expect(unreachable_pub, reason = "the fuzz targets share the harness")]
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

#[path = "common/forge.rs"]
mod forge;
#[path = "common/pair.rs"]
mod pair;
#[path = "common/world.rs"]
mod world;

#[path = "scenarios/content.rs"]
mod content;
#[path = "scenarios/counters.rs"]
mod counters;
#[path = "scenarios/errors.rs"]
mod errors;
#[path = "scenarios/handshake.rs"]
mod handshake;
#[path = "scenarios/instances.rs"]
mod instances;
#[path = "scenarios/lengths.rs"]
mod lengths;
#[path = "scenarios/limits.rs"]
mod limits;
#[path = "scenarios/phantom.rs"]
mod phantom;
#[path = "scenarios/reflection.rs"]
mod reflection;
#[path = "scenarios/resend.rs"]
mod resend;
#[path = "scenarios/revealed.rs"]
mod revealed;
#[path = "scenarios/rollback.rs"]
mod rollback;
#[path = "scenarios/schedules.rs"]
mod schedules;
#[path = "scenarios/smp.rs"]
mod smp;
#[path = "scenarios/truncation.rs"]
mod truncation;
#[path = "scenarios/window.rs"]
mod window;
