//! The list of contacts.

use o2tr::conversation::Privacy;
use o2tr::transport::{PeerId, Subscription};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Palette, is_narrow, line};
use crate::chat::model::{Contact, Model, Tone};
use crate::chat::text::{clip, fit, width};

pub(super) fn list(model: &Model, area: Rect, buffer: &mut Buffer, palette: Palette) {
    if area.is_empty() {
        return;
    }
    let narrow = is_narrow(model);
    let inside = Rect { width: area.width.saturating_sub(u16::from(!narrow)), ..area };
    let room = usize::from(inside.width);
    let first = first(model, area);
    for (y, contact) in (0..area.height).zip(model.contacts.iter().skip(first)) {
        let is_open = model.open.as_ref() == Some(&contact.peer);
        line(buffer, inside, y, &row(contact, is_open, room, narrow), palette);
    }
    if model.contacts.is_empty() && narrow {
        line(buffer, inside, 0, &[(clip("No contacts yet: /add ADDRESS", room), Tone::Dim)], palette);
    }
    if !narrow {
        let edge = Rect { x: area.right().saturating_sub(1), width: 1, ..area };
        for y in 0..area.height {
            line(buffer, edge, y, &[("│".to_owned(), Tone::Dim)], palette);
        }
    }
}

/// Whose row it is, of those on the screen.
pub(in crate::chat) fn contact_at(model: &Model, area: Rect, y: u16) -> Option<PeerId> {
    let row = usize::from(y.checked_sub(area.y)?);
    model.contacts.get(first(model, area) + row).map(|contact| contact.peer.clone())
}

/// The first contact on the screen: the open one is always among them.
fn first(model: &Model, area: Rect) -> usize {
    let open = model.open.as_ref().and_then(|peer| model.contacts.iter().position(|contact| contact.peer == *peer));
    open.map_or(0, |open| (open + 1).saturating_sub(usize::from(area.height)))
}

fn row(contact: &Contact, is_open: bool, room: usize, narrow: bool) -> Vec<(String, Tone)> {
    // A filled dot is there, an open one is away, a question mark wants to be a contact.
    let there = match (contact.subscription, contact.is_there()) {
        (_, true) => ("●", Tone::Good),
        (Subscription::Requested, false) => ("?", Tone::Warning),
        (_, false) => ("○", Tone::Dim),
    };
    let (sign, sign_tone) = sign(contact);
    let unread = contact.unread();
    let count = if unread > 0 { format!(" {unread} new") } else { String::new() };
    let tone = match (is_open, unread > 0) {
        (true, _) => Tone::Bar,
        (false, true) => Tone::Strong,
        (false, false) => Tone::Plain,
    };
    let used = 3 + width(sign) + 1 + width(&count);
    // In a list of its own there is room for the whole address.
    let name = if narrow { contact.name.as_str() } else { contact.short() };
    let name = fit(name, room.saturating_sub(used));
    vec![
        (if is_open { ">" } else { " " }.to_owned(), tone),
        (there.0.to_owned(), there.1),
        (" ".to_owned(), Tone::Plain),
        (name, tone),
        (count, Tone::Strong),
        (" ".to_owned(), Tone::Plain),
        (sign.to_owned(), sign_tone),
    ]
}

/// How private it is, in a few letters.
fn sign(contact: &Contact) -> (&'static str, Tone) {
    if contact.key_change.is_some() {
        return ("KEY!", Tone::Danger);
    }
    if contact.locked.is_some() {
        return ("locked", Tone::Danger);
    }
    match contact.privacy() {
        Some(Privacy::Encrypted) => ("otr", Tone::Good),
        Some(Privacy::Finished | Privacy::WasPrivate) => ("held", Tone::Warning),
        Some(Privacy::Plaintext) | None => ("   ", Tone::Dim),
    }
}
