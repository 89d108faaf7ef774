//! What came of wishes.

use o2tr::transport::PeerId;
use otr_core::dsa::Fingerprint;

use super::{dialog, note};
use crate::chat::model::{Dialog, KeyChange, Kind, Model, Progress, Standing, Tone};
use crate::chat::wish::{Ask, Reply, Wish};

pub(super) fn came(model: &mut Model, reply: Reply, wishes: &mut Vec<Wish>) {
    match reply {
        Reply::Looked { peer, standing } => {
            model.contact(&peer).looking = false;
            if let Ok(standing) = standing {
                looked(model, &peer, *standing, wishes);
            }
        }
        Reply::Taken { peer, id, clear } => {
            let contact = model.contact(&peer);
            contact.stale = true;
            if clear {
                contact.set_progress(&id, Progress::Clear);
            }
        }
        Reply::NotTaken { peer, id, error } => {
            model.contact(&peer).set_progress(&id, Progress::Failed);
            note(model, &peer, Tone::Danger, format!("Not sent: {error}."));
        }
        Reply::Cancelled { peer, id } => {
            let contact = model.contact(&peer);
            contact.stale = true;
            if !contact.set_progress(&id, Progress::Cancelled) {
                note(model, &peer, Tone::Dim, "A text from an earlier run was withdrawn.");
            }
        }
        Reply::Done { peer, what } => {
            model.contact(&peer).stale = true;
            if let Some(what) = what {
                note(model, &peer, Tone::Dim, what);
            }
        }
        Reply::Failed { peer, error } => {
            model.contact(&peer).stale = true;
            note(model, &peer, Tone::Danger, format!("{error}."));
        }
    }
}

fn looked(model: &mut Model, peer: &PeerId, standing: Standing, wishes: &mut Vec<Wish>) {
    let contact = model.contact(peer);
    // If something has happened since this look was asked for, it may be older than that: another one follows.
    let is_fresh = !contact.stale;
    for text in standing.outbox.iter().filter(|_| is_fresh) {
        match (text.in_flight, contact.progress(&text.id)) {
            (false, Some(Progress::Waiting(_) | Progress::Sent)) => {
                contact.set_progress(&text.id, Progress::Waiting(text.reason));
            }
            (true, Some(Progress::Waiting(_))) => {
                contact.set_progress(&text.id, Progress::Sent);
            }
            _ => {}
        }
    }
    contact.locked = None;
    let new_keys = core::mem::take(&mut contact.new_keys);
    contact.standing = Some(standing);
    for (id, key) in new_keys {
        new_key(model, peer, id, key, wishes);
    }
}

/// A key that was never seen before: the first one is a notice, any other one a question.
fn new_key(model: &mut Model, peer: &PeerId, id: u64, key: Fingerprint, wishes: &mut Vec<Wish>) {
    let contact = model.contact(peer);
    let keys = contact.standing.iter().flat_map(|standing| &standing.keys);
    let known: Vec<_> = keys.filter(|known| known.fingerprint != key).collect();
    if known.is_empty() {
        let text = format!("First contact with the key {key}. Compare it with /verify, or use /smp.");
        let now = model.now;
        model.contact(peer).push(now, Kind::Notice { text, tone: Tone::Warning, count: 1, unread: Some(id) });
        return;
    }
    let change = KeyChange { id, key };
    // One question at a time; the newest key is the one to decide on.
    if let Some(former) = contact.key_change.replace(change) {
        wishes.push(Wish::Peer(peer.clone(), Ask::Acknowledge(former.id)));
        model.dialogs.retain(|dialog| !matches!(dialog, Dialog::KeyChanged { peer: about, .. } if about == peer));
    }
    let text = format!("THE KEY HAS CHANGED. The new one is {key}. Nothing is sent to it before you decide.");
    note(model, peer, Tone::Danger, text);
    dialog::warn_of_key(model, peer, change);
}
