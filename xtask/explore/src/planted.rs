//! Faults planted on purpose: at which depth is each found?

use core::time::Duration;

use otr_core::planted::{ALL, Fault, plant};

use crate::search::{Limits, Report, search};
use crate::{Begin, Budget, Scope};

/// How a fault was found, or not.
#[derive(Clone, Debug)]
pub struct Found {
    /// The fault.
    pub fault: Fault,
    /// Where the search began that found it, or the last one.
    pub begin: Begin,
    /// What that search has seen.
    pub report: Report,
}

/// Plants one fault after the other and searches for each from every beginning.
pub fn hunt(k: u32, budget: Budget, limits: &Limits, mut found: impl FnMut(&Found)) {
    for fault in ALL {
        found(&hunt_one(fault, k, budget, limits));
    }
}

/// Plants a fault and searches for it. The time of the limits is for all beginnings together.
#[must_use]
pub fn hunt_one(fault: Fault, k: u32, budget: Budget, limits: &Limits) -> Found {
    let beginnings = [Begin::Talking, Begin::Restored, Begin::Fresh];
    let share = limits.time.map(|time| time / u32::try_from(beginnings.len()).unwrap_or(1));
    let limits = Limits { time: share.map(|time| time.max(Duration::from_secs(1))), ..*limits };
    plant(Some(fault));
    let mut last = None;
    for begin in beginnings {
        let report = search(&Scope { begin, k, budget }, &limits, |_| {});
        let is_found = report.failure.is_some();
        last = Some(Found { fault, begin, report });
        if is_found {
            break;
        }
    }
    plant(None);
    last.unwrap_or(Found { fault, begin: Begin::Fresh, report: Report::default() })
}
