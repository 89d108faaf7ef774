//! What is known of the account's archive (XEP-0313): how far this device has read it, and what it has seen already.
//!
//! The archive holds what another device of the account took while this one was away. It is read from the last id
//! that this device is done with; before any id is known it is not read at all, for then the server's offline store
//! (XEP-0160) has what was waiting. Some servers keep nothing there for a stream that has asked for the archive, so
//! whoever has asked once must go on doing so: the id should outlive the program.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

/// Ids that are remembered, so that a line does not come from the archive once more.
const MAX_SEEN: usize = 4096;
/// Results on one page.
pub(crate) const PAGE: usize = 50;
/// Pages that are read after one login.
const MAX_PAGES: usize = 200;

/// The id under which the archive keeps a message (XEP-0359, `stanza-id` by the account).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ArchiveId(Arc<str>);

impl ArchiveId {
    pub(crate) fn new(id: &str) -> Self {
        Self(Arc::from(id))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// What is to be asked next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A page, from behind this id or from the beginning.
    Page { after: Option<ArchiveId>, query: String },
    /// Nothing: it has been read, or is not to be.
    Done,
}

/// The reading of one account's archive by this device.
#[derive(Debug, Default)]
pub(crate) struct Archive {
    /// Everything up to here is done with.
    position: Option<ArchiveId>,
    /// Done with, but there is something unread before it.
    ahead: Option<ArchiveId>,
    seen: HashSet<ArchiveId>,
    order: VecDeque<ArchiveId>,
    reading: Option<Reading>,
    /// How many queries were made, for their names.
    queries: u64,
}

#[derive(Debug, Default)]
struct Reading {
    /// The name of the query whose results are awaited.
    query: String,
    pages: usize,
    /// What came out of the archive, and advances the position.
    fetched: HashSet<ArchiveId>,
}

impl Archive {
    /// Goes on from where an earlier run of the program was.
    pub(crate) fn resume_from(&mut self, position: Option<ArchiveId>) {
        self.position = position;
    }

    /// Everything up to here is done with.
    pub(crate) const fn position(&self) -> Option<&ArchiveId> {
        self.position.as_ref()
    }

    /// A new stream. What was not acknowledged on the former one may come from the archive again.
    pub(crate) fn restart(&mut self, unacknowledged: &[ArchiveId]) {
        for id in unacknowledged {
            self.seen.remove(id);
        }
        self.order.retain(|id| self.seen.contains(id));
        self.ahead = None;
        self.reading = self.position.is_some().then(Reading::default);
    }

    /// Begins to read.
    pub(crate) fn begin(&mut self) -> Step {
        match (&self.reading, self.position.clone()) {
            (Some(_), Some(position)) => self.ask(Some(position)),
            (None, _) | (_, None) => self.end(),
        }
    }

    /// Whether results of this query are awaited.
    pub(crate) fn expects(&self, query: Option<&str>) -> bool {
        self.reading.as_ref().is_some_and(|reading| !reading.query.is_empty() && query == Some(reading.query.as_str()))
    }

    /// A page has come to its end.
    pub(crate) fn page_read(&mut self, complete: bool, last: Option<&str>) -> Step {
        let pages = self.reading.as_ref().map_or(MAX_PAGES, |reading| reading.pages);
        match last {
            Some(last) if !complete && pages < MAX_PAGES => self.ask(Some(ArchiveId::new(last))),
            Some(_) | None => self.end(),
        }
    }

    /// The position is unknown to the archive: it keeps only what is younger, so all of it is read.
    pub(crate) fn position_lost(&mut self) -> Step {
        self.position = None;
        match self.reading.as_ref().is_some_and(|reading| reading.pages <= 1) {
            true => self.ask(None),
            false => self.end(),
        }
    }

    /// There is nothing more to read, or no archive.
    pub(crate) fn end(&mut self) -> Step {
        self.reading = None;
        if let Some(ahead) = self.ahead.take() {
            self.position = Some(ahead);
        }
        Step::Done
    }

    /// A line has come, live or out of the archive. False if it was seen before.
    pub(crate) fn see(&mut self, id: &ArchiveId, archived: bool) -> bool {
        if archived && let Some(reading) = &mut self.reading {
            reading.fetched.insert(id.clone());
        }
        let new = self.seen.insert(id.clone());
        if new {
            self.order.push_back(id.clone());
            if self.order.len() > MAX_SEEN
                && let Some(oldest) = self.order.pop_front()
            {
                self.seen.remove(&oldest);
            }
        }
        new
    }

    /// These are done with, in the order of the stream.
    pub(crate) fn done(&mut self, ids: Vec<ArchiveId>) {
        for id in ids {
            match &self.reading {
                Some(reading) if !reading.fetched.contains(&id) => self.ahead = Some(id),
                Some(_) | None => self.position = Some(id),
            }
        }
    }

    fn ask(&mut self, after: Option<ArchiveId>) -> Step {
        self.queries += 1;
        let query = format!("q{}", self.queries);
        let reading = self.reading.get_or_insert_default();
        reading.query.clone_from(&query);
        reading.pages += 1;
        Step::Page { after, query }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(id: &str) -> ArchiveId {
        ArchiveId::new(id)
    }

    fn page(after: Option<&str>, query: &str) -> Step {
        Step::Page { after: after.map(id), query: query.to_owned() }
    }

    #[test]
    fn without_a_position_nothing_is_read() {
        let mut archive = Archive::default();
        archive.restart(&[]);
        assert_eq!(archive.begin(), Step::Done);
        assert!(!archive.expects(None) && !archive.expects(Some("")) && !archive.expects(Some("q1")));
    }

    #[test]
    fn read_from_the_last_line_that_is_done_with() {
        let mut archive = Archive::default();
        assert!(archive.see(&id("a"), false) && archive.see(&id("b"), false));
        archive.done(vec![id("a")]);
        // "b" was not acknowledged: it is new when it comes out of the archive.
        archive.restart(&[id("b")]);
        assert_eq!(archive.begin(), page(Some("a"), "q1"));
        assert!(archive.expects(Some("q1")) && !archive.expects(Some("q2")) && !archive.expects(None));
        assert!(archive.see(&id("b"), true));
        assert_eq!(archive.page_read(false, Some("b")), page(Some("b"), "q2"));
        // A live line meanwhile does not move the position past what is unread.
        assert!(archive.see(&id("z"), false));
        archive.done(vec![id("b"), id("z")]);
        assert_eq!(archive.position, Some(id("b")));
        assert!(!archive.see(&id("z"), true), "live already");
        assert_eq!(archive.page_read(true, Some("z")), Step::Done);
        assert_eq!(archive.position, Some(id("z")));
    }

    #[test]
    fn an_archive_that_forgot_the_position_is_read_from_its_beginning_once() {
        let mut archive = Archive::default();
        archive.done(vec![id("a")]);
        archive.restart(&[]);
        assert_eq!(archive.begin(), page(Some("a"), "q1"));
        assert_eq!(archive.position_lost(), page(None, "q2"));
        assert_eq!(archive.position_lost(), Step::Done);
    }

    #[test]
    fn bounded() {
        let mut archive = Archive::default();
        archive.done(vec![id("a")]);
        archive.restart(&[]);
        let mut step = archive.begin();
        let mut pages = 0;
        while step != Step::Done {
            pages += 1;
            step = archive.page_read(false, Some("again"));
        }
        assert_eq!(pages, MAX_PAGES);
        for number in 0..3 * MAX_SEEN {
            archive.see(&id(&number.to_string()), false);
        }
        assert_eq!((archive.seen.len(), archive.order.len()), (MAX_SEEN, MAX_SEEN));
    }
}
