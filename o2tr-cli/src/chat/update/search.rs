//! Finding words in the open conversation.

use super::scroll;
use crate::chat::model::{Kind, Model, Search};

/// Opens the search; with words, the newest entry with them is shown.
pub(super) fn start(model: &mut Model, words: &str) {
    if model.open.is_none() {
        return model.complain("Open a conversation first");
    }
    let mut search = Search::default();
    search.words.set(words);
    model.search = Some(search);
    if !words.is_empty() {
        older(model);
    }
}

/// The words have changed: begins anew at the newest.
pub(super) fn changed(model: &mut Model) {
    if let Some(search) = &mut model.search {
        search.found = None;
    }
    older(model);
}

/// The next entry further up.
pub(super) fn older(model: &mut Model) {
    go(model, |found, serial| found.is_none_or(|found| serial < found), true);
}

/// The next entry further down.
pub(super) fn newer(model: &mut Model) {
    go(model, |found, serial| found.is_some_and(|found| serial > found), false);
}

fn go(model: &mut Model, wanted: impl Fn(Option<u64>, u64) -> bool, backwards: bool) {
    let Some(search) = &model.search else { return };
    let (found, hits) = (search.found, hits(model));
    let mut fitting = hits.into_iter().filter(|serial| wanted(found, *serial));
    let next = if backwards { fitting.next_back() } else { fitting.next() };
    if let Some(serial) = next {
        if let Some(search) = &mut model.search {
            search.found = Some(serial);
        }
        scroll::show(model, serial, true);
    }
}

/// The serials of the entries with the words, the oldest first.
pub(in crate::chat) fn hits(model: &Model) -> Vec<u64> {
    let (Some(search), Some(contact)) = (&model.search, model.current()) else { return Vec::new() };
    let words = search.words.text().to_lowercase();
    if words.is_empty() {
        return Vec::new();
    }
    let texts = contact.entries.iter().filter(|entry| !matches!(entry.kind, Kind::Notice { .. }));
    texts.filter(|entry| entry.text().to_lowercase().contains(&words)).map(|entry| entry.serial).collect()
}
