//! What keeps the open conversation from going on, why, and what ends it.

use o2tr::conversation::{Hold, Privacy};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Palette, bar, status};
use crate::chat::model::{Connection, Contact, Model, Smp, Tone};
use crate::chat::text::wrap;

pub(super) fn banner(model: &Model, area: Rect, buffer: &mut Buffer, palette: Palette) {
    for (y, (row, tone)) in (0..).zip(rows(model, area.width)) {
        bar(buffer, area, y, &row, tone, palette);
    }
}

pub(super) fn height(model: &Model, width: u16) -> u16 {
    u16::try_from(rows(model, width).len()).unwrap_or(u16::MAX)
}

fn rows(model: &Model, width: u16) -> Vec<(String, Tone)> {
    let Some(contact) = model.current() else { return Vec::new() };
    let room = usize::from(width).saturating_sub(2);
    let said = sayings(model, contact).into_iter();
    said.flat_map(|(text, tone)| wrap(&text, room).into_iter().map(move |row| (format!(" {row}"), tone))).collect()
}

fn sayings(model: &Model, contact: &Contact) -> Vec<(String, Tone)> {
    let mut said = Vec::new();
    let name = contact.short();
    if let Some(change) = contact.key_change {
        said.push((
            format!(
                "THE KEY OF {name} HAS CHANGED to {}. Nothing is sent to it: /verify compares, /release uses it.",
                change.key
            ),
            Tone::Danger,
        ));
    }
    if let Some(reason) = &contact.locked {
        let text = format!("The stored conversation cannot be read ({reason}). /forget begins anew.");
        said.push((text, Tone::Danger));
    }
    if let Connection::Ended { reason } = &model.connection {
        said.push((format!("Nothing is sent any more: {reason}. /quit and start again."), Tone::Danger));
    }
    let view = contact.standing.as_ref().map(|standing| standing.view);
    if view.is_some_and(|view| view.quarantined) {
        let text = "The store looks like an old copy: what is read is marked UNVERIF., nothing is sent before a new \
                    handshake. /query starts it.";
        said.push((text.to_owned(), Tone::Danger));
    }
    let (waiting, why) = contact.waiting();
    if waiting > 0 && contact.key_change.is_none() {
        let waits = status::waiting_words(waiting);
        let (uses, limit) = view.map_or((0, 0), |view| (view.uses_of_key, view.threshold.unwrap_or(0)));
        let (cause, end) = match why {
            _ if !model.is_online() => ("there is no connection".to_owned(), "the connection is back".to_owned()),
            Some(Hold::Threshold) => {
                (format!("the present key has encrypted {uses} of at most {limit} messages"), format!("{name} answers"))
            }
            Some(Hold::NoSession) if contact.is_there() => (
                "there is no private conversation yet".to_owned(),
                format!("the program of {name} answers the handshake; /clear TEXT sends unencrypted"),
            ),
            Some(Hold::NoSession) => {
                ("there is no private conversation yet".to_owned(), format!("{name} comes and the handshake is made"))
            }
            Some(Hold::PeerAway) => {
                (format!("{name} is away, and not known to keep keys meanwhile"), format!("{name} is back"))
            }
            Some(Hold::Trust) => (
                "another key answered than the one they were written for".to_owned(),
                "you decide: /verify compares, /release sends, /cancel withdraws".to_owned(),
            ),
            None => ("they are about to leave".to_owned(), "that is done".to_owned()),
        };
        said.push((format!("{waits}: {cause}, until {end}."), Tone::Warning));
    } else if view.is_some_and(|view| view.privacy == Privacy::Finished) {
        let text = format!("{name} has ended the private conversation. What you type waits: /query starts a new one.");
        said.push((text, Tone::Warning));
    }
    if let Some(reason) = &contact.refused {
        let text = format!("The server does not take what is sent to {name}: {reason}. It is kept and tried again.");
        said.push((text, Tone::Warning));
    }
    match &contact.smp {
        Smp::Idle => {}
        Smp::Asked => said.push((format!("SMP: waiting for {name} to answer. /smp-abort breaks it off."), Tone::Dim)),
        Smp::Running { .. } => said.push(("SMP: under way. /smp-abort breaks it off.".to_owned(), Tone::Dim)),
        Smp::Asks { question: Some(question) } => {
            said.push((format!("SMP: {name} asks: \"{question}\" /smp answers."), Tone::Strong));
        }
        Smp::Asks { question: None } => {
            said.push((format!("SMP: {name} wants to check your common secret. /smp answers."), Tone::Strong));
        }
    }
    said
}
