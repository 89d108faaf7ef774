//! Moving through a conversation.

use crate::chat::model::{Anchor, Model};
use crate::chat::view::{Lens, areas};

/// Some rows up.
pub(super) fn up(model: &mut Model, rows: usize) {
    shift(model, |lens, top| Some(lens.up(top, rows)));
}

/// Some rows down; at the end the newest is followed again.
pub(super) fn down(model: &mut Model, rows: usize) {
    shift(model, |lens, top| lens.down(top, rows));
}

/// To the newest.
pub(super) fn end(model: &mut Model) {
    if let Some(contact) = model.current_mut() {
        contact.anchor = None;
    }
}

/// To the first.
pub(super) fn begin(model: &mut Model) {
    if let Some(contact) = model.current_mut() {
        contact.anchor = contact.entries.front().map(|first| Anchor { serial: first.serial, row: 0 });
    }
}

/// To the first entry that is new, if not all of them fit on the screen.
pub(super) fn show_news(model: &mut Model) {
    let Some(news) = model.current().and_then(|contact| contact.news) else { return end(model) };
    show(model, news, false);
}

/// Rows of the conversation on the screen.
pub(super) fn page(model: &Model) -> usize {
    usize::from(areas(model).body.height).saturating_sub(1).max(1)
}

/// Makes an entry visible; `central` in the middle, else on top if it is not in the last screenful.
pub(super) fn show(model: &mut Model, serial: u64, central: bool) {
    let above = if central { page(model) / 2 } else { 0 };
    shift(model, |lens, _| {
        let entry = Anchor { serial, row: 0 };
        let to = lens.up(entry, above);
        let end = lens.bottom_top()?;
        ((to.serial, to.row) < (end.serial, end.row)).then_some(to)
    });
}

fn shift(model: &mut Model, to: impl FnOnce(&Lens<'_>, Anchor) -> Option<Anchor>) {
    let body = areas(model).body;
    let Some(contact) = model.current() else { return };
    let lens = Lens::new(model, contact, body.width, body.height);
    let Some(top) = lens.top() else { return };
    let anchor = to(&lens, top);
    // Scrolling up where everything is on the screen changes nothing.
    let anchor = anchor
        .filter(|anchor| lens.bottom_top().is_some_and(|end| (anchor.serial, anchor.row) < (end.serial, end.row)));
    if let Some(contact) = model.current_mut() {
        contact.anchor = anchor;
    }
}
