//! Another key: nothing goes to it before the user has decided.

use o2tr::conversation::{Event, Privacy};
use o2tr_ekm::record::TrustLevel;

use super::*;
use crate::chat::model::Dialog;

const BOTH: [(u8, TrustLevel); 2] = [(0xb0, TrustLevel::Verified), (0xcc, TrustLevel::Unverified)];

fn changed() -> Desk {
    let mut desk = Desk::private(100, 30);
    desk.happens("bob", Event::NewFingerprint { id: 900, fingerprint: key(0xcc) });
    desk.looked("bob", view(Privacy::Encrypted), &BOTH);
    desk
}

#[test]
fn the_first_key_is_a_notice() {
    let mut desk = Desk::new(100, 30);
    desk.contact("bob");
    desk.type_line("/open bob");
    desk.happens("bob", Event::NewFingerprint { id: 900, fingerprint: key(0xb0) });
    desk.looked("bob", view(Privacy::Encrypted), &[(0xb0, TrustLevel::Unverified)]);
    assert!(desk.model.dialogs.is_empty());
    assert!(desk.draw().contains("First contact with the key B0B0B0B0"), "{}", desk.draw());
    assert_eq!(desk.acknowledged(), [900]);
}

#[test]
fn typing_cannot_answer_the_warning_by_accident() {
    let mut desk = Desk::private(100, 30);
    desk.type_text("hel");
    desk.happens("bob", Event::NewFingerprint { id: 900, fingerprint: key(0xcc) });
    desk.looked("bob", view(Privacy::Encrypted), &BOTH);
    desk.type_text("lo");
    desk.key(KeyCode::Enter);
    assert_eq!(desk.acknowledged(), NOTHING, "Enter holds");
    assert_eq!(desk.model.editor().text(), "hel");
}

#[test]
fn while_it_is_open_nothing_is_sent() {
    let mut desk = changed();
    desk.key(KeyCode::Esc);
    desk.type_line("hello");
    assert_eq!(desk.asked(), Vec::<String>::new());
    assert!(matches!(desk.model.dialogs.front(), Some(Dialog::KeyChanged { .. })), "the question comes back");
    assert_eq!(desk.model.editor().text(), "hello", "the text stays");
    let screen = desk.draw();
    assert!(screen.contains("THE KEY HAS CHANGED") && screen.contains("KEY CHANGED"), "{screen}");
}

#[test]
fn using_the_new_key_settles_it() {
    let mut desk = changed();
    desk.key(KeyCode::Tab);
    desk.key(KeyCode::Tab);
    desk.key(KeyCode::Enter);
    assert_eq!(desk.asked(), ["Acknowledge(900)", "Release"]);
    desk.type_line("hello");
    assert_eq!(desk.asked(), ["Send(run-1, 5 bytes)"]);
}

#[test]
fn comparing_the_keys_settles_it() {
    let mut desk = changed();
    desk.key(KeyCode::Tab);
    desk.key(KeyCode::Enter);
    let screen = desk.draw();
    assert!(screen.contains("A1A1A1A1 A1A1A1A1") && screen.contains("CCCCCCCC CCCCCCCC"), "{screen}");
    desk.key(KeyCode::Tab);
    desk.key(KeyCode::Enter);
    let trust = format!("Trust({:?}, Verified)", key(0xcc));
    assert_eq!(desk.asked(), [trust.as_str(), "Acknowledge(900)", "Release"]);
    assert!(desk.model.dialogs.is_empty());
}

#[test]
fn the_command_settles_it() {
    let mut desk = changed();
    desk.key(KeyCode::Enter);
    desk.type_line("/release");
    assert_eq!(desk.asked(), ["Acknowledge(900)", "Release"]);
}

#[test]
fn it_warns_whatever_conversation_is_open() {
    let mut desk = Desk::private(100, 30);
    desk.contact("carol");
    desk.type_line("/open carol");
    desk.happens("bob", Event::NewFingerprint { id: 900, fingerprint: key(0xcc) });
    desk.looked("bob", view(Privacy::Encrypted), &BOTH);
    let screen = desk.draw();
    assert!(screen.contains("The key of bob@example.org"), "{screen}");
    desk.key(KeyCode::Esc);
    assert!(desk.draw().contains("KEY!"), "the list remembers it");
}
