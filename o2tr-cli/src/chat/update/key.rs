//! Keys.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::{command, complete, dialog, open, scroll, search};
use crate::chat::model::{Contact, Dialog, Kind, Model, Progress};
use crate::chat::view::is_narrow;
use crate::chat::wish::{Ask, Wish};

pub(super) fn pressed(model: &mut Model, key: KeyEvent, wishes: &mut Vec<Wish>) {
    if key.kind == KeyEventKind::Release {
        return;
    }
    // Somebody is there.
    model.focused = true;
    model.flash = None;
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    match key.code {
        KeyCode::Char('z') if control => return wishes.push(Wish::Suspend),
        KeyCode::Char('l') if control => return wishes.push(Wish::Redraw),
        _ => {}
    }
    if !model.dialogs.is_empty() {
        dialog::pressed(model, key, wishes);
    } else if moved(model, key) {
    } else if model.search.is_some() {
        searching(model, key);
    } else {
        writing(model, key, wishes);
    }
}

/// Keys that move about, whatever is written.
fn moved(model: &mut Model, key: KeyEvent) -> bool {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    let alt = key.modifiers.contains(KeyModifiers::ALT);
    let page = scroll::page(model);
    match key.code {
        KeyCode::PageUp => scroll::up(model, page),
        KeyCode::PageDown => scroll::down(model, page),
        KeyCode::Home if control => scroll::begin(model),
        KeyCode::End if control => scroll::end(model),
        KeyCode::Char('n') if control => next_contact(model, 1),
        KeyCode::Char('p') if control => next_contact(model, -1),
        KeyCode::Down if alt => next_contact(model, 1),
        KeyCode::Up if alt => next_contact(model, -1),
        KeyCode::Char('a') if alt => next_unread(model),
        KeyCode::Char('f') if control => search::start(model, ""),
        KeyCode::F(1) => model.dialogs.push_back(Dialog::Help { scroll: 0 }),
        KeyCode::F(2) if is_narrow(model) => model.shows_list = !model.shows_list || model.open.is_none(),
        _ => return false,
    }
    true
}

fn searching(model: &mut Model, key: KeyEvent) {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    match key.code {
        KeyCode::Enter | KeyCode::Up => return search::older(model),
        KeyCode::Down => return search::newer(model),
        KeyCode::Esc => {
            model.search = None;
            return scroll::end(model);
        }
        KeyCode::Char('c') if control => {
            model.search = None;
            return scroll::end(model);
        }
        _ => {}
    }
    let Some(search) = &mut model.search else { return };
    let before = search.words.text().to_owned();
    edit(&mut search.words, key);
    if search.words.text() != before {
        search::changed(model);
    }
}

fn writing(model: &mut Model, key: KeyEvent, wishes: &mut Vec<Wish>) {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    let newline = key.modifiers.intersects(KeyModifiers::ALT | KeyModifiers::SHIFT);
    match key.code {
        KeyCode::Enter if newline => insert(model, "\n"),
        KeyCode::Char('j') if control => insert(model, "\n"),
        KeyCode::Enter => entered(model, wishes),
        KeyCode::Tab => complete::complete(model),
        KeyCode::Char('c') if control => {
            if model.editor().is_empty() {
                model.say("/quit leaves; sessions and waiting texts are kept");
            } else {
                model.editor_mut().take();
            }
        }
        KeyCode::Char('d') if control && model.editor().is_empty() => model.quitting = true,
        KeyCode::Esc if is_narrow(model) && model.editor().is_empty() => model.shows_list = true,
        KeyCode::Up if is_list_in_use(model) => next_contact_in_list(model, -1),
        KeyCode::Down if is_list_in_use(model) => next_contact_in_list(model, 1),
        KeyCode::Up => {
            if !model.editor_mut().up() {
                let present = model.editor().text().to_owned();
                if let Some(older) = model.history.older(&present) {
                    model.editor_mut().set(&older);
                }
            }
        }
        KeyCode::Down => {
            if !model.editor_mut().down()
                && let Some(newer) = model.history.newer()
            {
                model.editor_mut().set(&newer);
            }
        }
        KeyCode::Char(c) if !control => insert(model, c.encode_utf8(&mut [0; 4])),
        _ => edit(model.editor_mut(), key),
    }
    if model.quitting {
        wishes.push(Wish::Quit);
    }
}

fn insert(model: &mut Model, text: &str) {
    if !model.editor_mut().insert(text) {
        model.complain("That is as much as a message holds");
    }
}

/// Keys that mean the same in every line.
fn edit(editor: &mut super::super::editor::Editor, key: KeyEvent) {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    let word = key.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT);
    match key.code {
        KeyCode::Left if word => editor.word_left(),
        KeyCode::Right if word => editor.word_right(),
        KeyCode::Left => editor.left(),
        KeyCode::Right => editor.right(),
        KeyCode::Home => editor.line_start(),
        KeyCode::End => editor.line_end(),
        KeyCode::Backspace if word => editor.delete_word(),
        KeyCode::Backspace => editor.backspace(),
        KeyCode::Delete => editor.delete(),
        KeyCode::Char('a') if control => editor.line_start(),
        KeyCode::Char('e') if control => editor.line_end(),
        KeyCode::Char('b') if control => editor.left(),
        KeyCode::Char('u') if control => editor.delete_to_start(),
        KeyCode::Char('k') if control => editor.delete_to_end(),
        KeyCode::Char('w') if control => editor.delete_word(),
        KeyCode::Char('h') if control => editor.backspace(),
        KeyCode::Char(c) if !control => {
            // A line of its own limit; what does not fit is not typed.
            let _ = editor.insert(c.encode_utf8(&mut [0; 4]));
        }
        _ => {}
    }
}

/// Whether the arrows move in the list of contacts.
fn is_list_in_use(model: &Model) -> bool {
    model.editor().is_empty() && (model.open.is_none() || (is_narrow(model) && model.shows_list))
}

fn next_contact(model: &mut Model, step: isize) {
    let Some(peer) = neighbour(model, step) else { return model.say("No contacts yet: /add ADDRESS") };
    open(model, &peer);
}

/// Moves in the list and leaves it on the screen.
fn next_contact_in_list(model: &mut Model, step: isize) {
    let was_list = model.shows_list;
    next_contact(model, step);
    model.shows_list = was_list && is_narrow(model);
}

fn neighbour(model: &Model, step: isize) -> Option<o2tr::transport::PeerId> {
    let count = isize::try_from(model.contacts.len()).ok().filter(|count| *count > 0)?;
    let present = model.open.as_ref().and_then(|peer| model.contacts.iter().position(|contact| contact.peer == *peer));
    let next = match present.and_then(|present| isize::try_from(present).ok()) {
        Some(present) => (present + step).rem_euclid(count),
        None if step < 0 => count - 1,
        None => 0,
    };
    model.contacts.get(usize::try_from(next).ok()?).map(|contact| contact.peer.clone())
}

fn next_unread(model: &mut Model) {
    let open_peer = model.open.clone();
    let unread =
        model.contacts.iter().find(|contact| contact.unread() > 0 && Some(&contact.peer) != open_peer.as_ref());
    match unread.map(|contact| contact.peer.clone()) {
        Some(peer) => open(model, &peer),
        None => model.say("Nothing unread elsewhere"),
    }
}

fn entered(model: &mut Model, wishes: &mut Vec<Wish>) {
    if is_narrow(model) && model.shows_list && model.editor().is_empty() && model.open.is_some() {
        model.shows_list = false;
        return;
    }
    let text = model.editor().text().to_owned();
    if text.trim().is_empty() {
        return;
    }
    let is_command = text.starts_with('/') && !text.starts_with("//");
    if is_command {
        if command::run(model, &text, wishes) {
            model.history.push(&text);
        }
        return;
    }
    // Two strokes stand for one at the beginning of a text.
    let said = text.strip_prefix('/').filter(|rest| rest.starts_with('/')).unwrap_or(&text).to_owned();
    if send(model, &said, wishes) {
        model.editor_mut().take();
        model.history.push(&text);
    }
}

/// Sends a text to the open conversation; `false` if it stays in the line.
fn send(model: &mut Model, text: &str, wishes: &mut Vec<Wish>) -> bool {
    let Some(peer) = model.open.clone() else {
        model.complain("Open a conversation first: ctrl-n, or /open ADDRESS");
        return false;
    };
    if let super::Connection::Ended { reason } = &model.connection {
        let reason = format!("Nothing is sent any more: {reason}");
        model.complain(reason);
        return false;
    }
    let Contact { key_change, locked, .. } = model.contact(&peer);
    let (key_change, locked) = (*key_change, locked.is_some());
    if let Some(change) = key_change {
        dialog::warn_of_key(model, &peer, change);
        return false;
    }
    if locked {
        model.complain("The stored conversation cannot be read: /forget begins anew");
        return false;
    }
    let id = model.next_id();
    let now = model.now;
    let contact = model.contact(&peer);
    contact.push(now, Kind::Sent { id: id.clone(), text: text.to_owned(), progress: Progress::Waiting(None) });
    contact.anchor = None;
    contact.news = None;
    wishes.push(Wish::Peer(peer, Ask::Send { id, text: text.to_owned().into() }));
    true
}
