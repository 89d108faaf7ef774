//! Offline message detection: what a received OTR message is.
//!
//! The question of the paper, section 3 ("OMD"): does a message belong to a session that lives, to one that was lost,
//! or to none? [`verdict`] answers it from what is known of the line ([`Line`]), of the peer ([`Situation`]), and from
//! the probes of every set of keys that could fit ([`Candidates`]). [`Action::of`] says how far the outside world may
//! notice the answer.
//!
//! The modules stand in the order in which a delivery passes them. Deliberately absent: keys, storage, sending, clocks.
//! Nothing here reads a message or changes anything; two calls with the same input give the same answer.
//!
//! ```
//! use o2tr_omd::{Action, Candidate, Candidates, Line, LineKind, Situation, Verdict, verdict};
//! use otr_core::Probe;
//!
//! // A data message arrives; no session lives, the second of two records fits.
//! let line = Line::new(LineKind::Data { ignorable: false });
//! let situation = Situation::default();
//! let records = [Probe::KeyidsOut, Probe::Fresh].map(Candidate::from);
//! let verdict = verdict(&line, &situation, Candidates { live: [], records, retained: [] });
//! assert_eq!(verdict, Verdict::Offline { index: 1 });
//! assert!(Action::of(&verdict, &line, &situation).refresh);
//! ```

mod evidence;

mod candidate;
mod line;
mod situation;

mod verdict;

mod action;

pub use action::{Acknowledge, Action, ErrorReply};
pub use candidate::{Candidate, Candidates, Group, MAX_ATTEMPTS, MAX_CANDIDATES, Place, Standing};
pub use evidence::{Carbon, Evidence};
pub use line::{Addressed, Line, LineKind};
pub use situation::{MAX_EARLY, Situation, Store};
pub use verdict::{Verdict, verdict};
