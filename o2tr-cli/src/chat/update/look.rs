//! What was on the screen counts as seen: only then the engine may forget it.

use crate::chat::model::Model;
use crate::chat::view::{Lens, areas};
use crate::chat::wish::{Ask, Wish};

/// The model was drawn. Acknowledges the entries whose end was visible, unless a question covers them or nobody looks at
/// the terminal.
pub(super) fn drawn(model: &mut Model, wishes: &mut Vec<Wish>) {
    if !model.focused || !model.dialogs.is_empty() {
        return;
    }
    let body = areas(model).body;
    if body.height == 0 {
        return;
    }
    let Some(contact) = model.current() else { return };
    let window = Lens::new(model, contact, body.width, body.height).window();
    let seen: Vec<_> = window.iter().filter(|row| row.last).map(|row| row.serial).collect();
    let Some(contact) = model.current_mut() else { return };
    for serial in seen {
        if let Some(index) = contact.index_of(serial)
            && let Some(id) = contact.entries.get_mut(index).and_then(super::super::model::Entry::look)
        {
            wishes.push(Wish::Peer(contact.peer.clone(), Ask::Acknowledge(id)));
        }
    }
}
