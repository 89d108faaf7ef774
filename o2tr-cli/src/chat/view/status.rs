//! The bars: who we are and what goes on; how private the open conversation is.

use o2tr::conversation::{Hold, OutboxView, Privacy};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Palette, bar, line, trust_words};
use crate::chat::model::{Connection, Contact, Model, Tone};
use crate::chat::text::{clean_line, fit};
use crate::chat::words;

pub(super) fn header(model: &Model, area: Rect, buffer: &mut Buffer, palette: Palette) {
    let connection = match &model.connection {
        Connection::Connecting => "connecting".to_owned(),
        Connection::Online { caught_up: true } => "online".to_owned(),
        Connection::Online { caught_up: false } => "online, reading what has waited".to_owned(),
        Connection::Offline { reason, retry_at: Some(at) } => {
            format!("OFFLINE: {reason}; next attempt in {} s", at.since(model.now).as_secs())
        }
        Connection::Offline { reason, retry_at: None } => format!("OFFLINE: {reason}"),
        Connection::Ended { reason } => format!("ENDED: {reason}"),
    };
    let unread = match model.unread_elsewhere() {
        0 => String::new(),
        unread => format!("  [{unread} unread elsewhere: alt-a]"),
    };
    let account = clean_line(model.account.as_str());
    bar(buffer, area, 0, &format!(" {account}  {connection}{unread}"), Tone::Bar, palette);
}

/// How private a text would be that is typed now: the first words are the important ones.
pub(super) fn status(model: &Model, area: Rect, buffer: &mut Buffer, palette: Palette) {
    if area.is_empty() {
        return;
    }
    let Some(contact) = model.current() else {
        return bar(buffer, area, 0, " no conversation is open   F1 help", Tone::Bar, palette);
    };
    let (first, tone) = privacy(contact);
    let mut rest = format!(" {}", contact.name);
    rest.push_str(if contact.is_there() { " (there)" } else { " (away)" });
    rest.push_str(&details(contact));
    let used = crate::chat::text::width(&first);
    let rest = fit(&rest, usize::from(area.width).saturating_sub(used));
    line(buffer, area, 0, &[(first, tone), (rest, Tone::Bar)], palette);
}

fn privacy(contact: &Contact) -> (String, Tone) {
    let Some(standing) = &contact.standing else { return (" ... ".to_owned(), Tone::Bar) };
    let view = &standing.view;
    match view.privacy {
        Privacy::Encrypted if contact.key_change.is_some() => (" PRIVATE, KEY CHANGED ".to_owned(), Tone::Danger),
        Privacy::Encrypted => {
            let trust = trust_words(view.trust);
            let tone = if trust == "unverified" { Tone::Warning } else { Tone::Good };
            (format!(" PRIVATE, {trust} "), tone)
        }
        Privacy::Finished => (" ENDED BY THE OTHER SIDE ".to_owned(), Tone::Warning),
        Privacy::WasPrivate => (" WAS PRIVATE, WAITS ".to_owned(), Tone::Warning),
        Privacy::Plaintext => (" NOT PRIVATE ".to_owned(), Tone::Danger),
    }
}

fn details(contact: &Contact) -> String {
    let Some(standing) = &contact.standing else { return String::new() };
    let view = &standing.view;
    let Some(session) = view.session else { return String::new() };
    let mut parts = vec![match session.instance {
        Some(instance) => format!("OTR{} instance {:08x}", session.version.number(), instance.get()),
        None => format!("OTR{}", session.version.number()),
    }];
    parts.push(match view.threshold {
        Some(threshold) => format!("key used {}/{threshold}", view.uses_of_key),
        None => format!("key used {}", view.uses_of_key),
    });
    if view.peer_keeps_keys {
        parts.push("o2tr".to_owned());
    }
    if view.restored {
        parts.push("recovered".to_owned());
    }
    if view.quarantined {
        parts.push("DOUBTFUL STORE".to_owned());
    }
    format!(" | {}", parts.join(", "))
}

pub(super) fn flash(model: &Model, area: Rect, buffer: &mut Buffer, palette: Palette) {
    if let Some(flash) = &model.flash {
        let (sign, tone) = if flash.bad { ("! ", Tone::Warning) } else { ("", Tone::Dim) };
        bar(buffer, area, 0, &format!(" {sign}{}", flash.text), tone, palette);
    }
}

/// What has become of a text in the outbox.
pub(in crate::chat) fn outbox_words(text: &OutboxView) -> String {
    match text.reason {
        _ if text.in_flight => "sent, not confirmed".to_owned(),
        Some(Hold::Threshold) => "waits for a new key".to_owned(),
        Some(Hold::NoSession) => "waits for a private conversation".to_owned(),
        Some(Hold::PeerAway) => "waits for the other side to be there".to_owned(),
        Some(Hold::Trust) => "held, for the key is another one".to_owned(),
        None => "about to leave".to_owned(),
    }
}

/// The number of texts that wait, in words.
pub(super) fn waiting_words(number: usize) -> String {
    let verb = if number == 1 { "waits" } else { "wait" };
    format!("{} {verb}", words::count(number, "text"))
}
