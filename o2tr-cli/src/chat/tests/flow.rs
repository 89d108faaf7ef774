//! What keys, commands and events bring about.

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use o2tr::conversation::{Event, Privacy};
use o2tr_ekm::record::{Provenance, TrustLevel};

use super::*;
use crate::chat::model::{Dialog, Progress};

#[test]
fn a_text_is_taken_once_it_was_on_the_screen() {
    let mut desk = Desk::private(100, 24);
    desk.contact("carol");
    let here = desk.text("bob", "here", Provenance::Live);
    let elsewhere = desk.text("carol", "elsewhere", Provenance::Live);
    assert_eq!(desk.acknowledged(), NOTHING, "nothing before it is drawn");
    desk.draw();
    assert_eq!(desk.acknowledged(), [here]);
    assert_eq!(desk.model.unread_elsewhere(), 1);
    desk.control('n');
    desk.draw();
    assert_eq!(desk.acknowledged(), [elsewhere]);
    desk.draw();
    assert_eq!(desk.acknowledged(), NOTHING, "once");
}

#[test]
fn what_a_question_or_another_window_covers_is_not_taken() {
    let mut desk = Desk::private(100, 24);
    desk.key(KeyCode::F(1));
    let id = desk.text("bob", "under the manual", Provenance::Live);
    desk.draw();
    assert_eq!(desk.acknowledged(), NOTHING);
    desk.key(KeyCode::Esc);
    desk.give(Message::Focus(false));
    desk.draw();
    assert_eq!(desk.acknowledged(), NOTHING, "nobody looks");
    desk.give(Message::Focus(true));
    desk.draw();
    assert_eq!(desk.acknowledged(), [id]);
}

#[test]
fn many_new_texts_are_taken_as_they_are_scrolled_through() {
    let mut desk = Desk::private(100, 24);
    desk.contact("carol");
    let ids: Vec<_> = (0..60).map(|number| desk.text("carol", &format!("text {number}"), Provenance::Live)).collect();
    desk.type_line("/open carol");
    let screen = desk.draw();
    assert!(screen.contains("text 0") && screen.contains("── new"), "{screen}");
    assert!(screen.contains("more below"), "{screen}");
    let seen = desk.acknowledged();
    assert!(!seen.is_empty() && seen.len() < 30 && ids.starts_with(&seen), "{seen:?}");
    for _ in 0..8 {
        desk.key(KeyCode::PageDown);
        desk.draw();
    }
    let rest = desk.acknowledged();
    assert_eq!([seen, rest].concat(), ids, "each once, in order");
    assert!(desk.draw().contains("text 59"));
}

#[test]
fn a_text_of_ours_is_followed_to_its_end() {
    let mut desk = Desk::private(100, 24);
    desk.type_line("one");
    desk.type_line("//two");
    assert_eq!(desk.asked(), ["Send(run-1, 3 bytes)", "Send(run-2, 4 bytes)"]);
    let progress = |desk: &Desk, id: &str| desk.model.current().unwrap().progress(id).cloned();
    assert_eq!(desk.model.current().unwrap().own_text("run-2"), Some("/two"));
    assert_eq!(progress(&desk, "run-1"), Some(Progress::Waiting(None)));
    desk.happens("bob", Event::Sent { id: "run-1".to_owned() });
    assert_eq!(progress(&desk, "run-1"), Some(Progress::Sent));
    desk.happens("bob", Event::Acknowledged { id: "run-1".to_owned() });
    desk.happens("bob", Event::Sent { id: "run-1".to_owned() });
    assert_eq!(progress(&desk, "run-1"), Some(Progress::Read), "read is read");
    let error = "as many texts wait as can be kept".to_owned();
    desk.give(Message::Reply(Reply::NotTaken { peer: peer("bob"), id: "run-2".to_owned(), error }));
    assert!(desk.draw().contains("NOT SENT"));
}

#[test]
fn clear_text_leaves_only_after_a_yes() {
    let mut desk = Desk::private(100, 24);
    desk.type_line("/clear hello");
    assert_eq!(desk.asked(), Vec::<String>::new());
    assert!(desk.draw().contains("SEND UNENCRYPTED?"));
    desk.key(KeyCode::Enter);
    assert_eq!(desk.asked(), Vec::<String>::new(), "the first button is the safe one");
    assert_eq!(desk.model.editor().text(), "/clear hello", "what was written is not lost");
    desk.key(KeyCode::Enter);
    desk.key(KeyCode::Tab);
    desk.key(KeyCode::Enter);
    assert_eq!(desk.asked(), ["SendClear(run-1, 5 bytes)"]);
    let screen = desk.draw();
    assert!(screen.contains("CLEAR") && screen.contains("[NOT ENCRYPTED] hello"), "{screen}");
}

#[test]
fn a_command_that_is_none_is_not_sent() {
    let mut desk = Desk::private(100, 24);
    for line in ["/qeury", "/open nobody here", "/cancel 7", "/trust perhaps", "/clear", "/smp-abort"] {
        desk.type_line(line);
        assert_eq!(desk.asked(), Vec::<String>::new(), "{line}");
        assert!(desk.model.flash.as_ref().is_some_and(|flash| flash.bad), "{line}");
        assert_eq!(desk.model.editor().text(), line);
        desk.control('u');
    }
}

#[test]
fn commands_reach_the_engine() {
    let mut desk = Desk::private(100, 24);
    for (line, asked) in [
        ("/query", "Start"),
        ("/otr start", "Start"),
        ("/end", "End"),
        ("/release", "Release"),
        ("/accept", "Contact(true)"),
        ("/remove", "Contact(false)"),
        ("/allow", "Allow(true)"),
        ("/add Dora@Example.org/phone", "Contact(true)"),
    ] {
        desk.type_line(line);
        assert_eq!(desk.asked(), [asked], "{line}");
    }
    assert_eq!(desk.model.open, Some(peer("dora")), "the address is prepared");
    desk.type_line("/open bob");
    desk.type_line("/trust verified");
    assert_eq!(desk.asked(), [format!("Trust({:?}, Verified)", key(0xb0))]);
    desk.type_line("/quit");
    assert!(desk.model.quitting);
}

#[test]
fn words_are_completed() {
    let mut desk = Desk::private(100, 24);
    desk.contact("bonnie");
    desk.type_text("/ver");
    desk.key(KeyCode::Tab);
    assert_eq!(desk.model.editor().text(), "/verify ");
    desk.control('u');
    desk.type_text("/open b");
    desk.key(KeyCode::Tab);
    assert_eq!(desk.model.editor().text(), "/open bo");
    assert!(desk.model.flash.as_ref().unwrap().text.contains("bonnie@example.org"));
    desk.type_text("n");
    desk.key(KeyCode::Tab);
    assert_eq!(desk.model.editor().text(), "/open bonnie@example.org ");
}

#[test]
fn a_large_paste_asks_first() {
    let mut desk = Desk::private(100, 24);
    desk.give(Message::Paste("two\r\nlines".to_owned()));
    assert_eq!(desk.model.editor().text(), "two\nlines", "nothing is sent by a line break");
    desk.control('c');
    let large = "line\n".repeat(300);
    desk.give(Message::Paste(large.clone()));
    assert!(desk.draw().contains("300 lines"));
    desk.key(KeyCode::Esc);
    assert!(desk.model.editor().is_empty());
    desk.give(Message::Paste(large));
    desk.key(KeyCode::Tab);
    desk.key(KeyCode::Enter);
    assert_eq!(desk.model.editor().text().lines().count(), 300);
    desk.give(Message::Paste("x".repeat(1 << 20)));
    assert!(desk.model.flash.as_ref().is_some_and(|flash| flash.bad));
    assert_eq!(desk.asked(), Vec::<String>::new());
}

#[test]
fn a_draft_stays_with_its_conversation() {
    let mut desk = Desk::private(100, 24);
    desk.contact("carol");
    desk.type_text("for bob");
    desk.control('n');
    assert!(desk.model.editor().is_empty());
    desk.type_line("for carol");
    assert_eq!(desk.asked(), ["Send(run-1, 9 bytes)"]);
    desk.control('p');
    assert_eq!(desk.model.editor().text(), "for bob");
    desk.key(KeyCode::Up);
    assert_eq!(desk.model.editor().text(), "for carol", "history");
    desk.key(KeyCode::Down);
    assert_eq!(desk.model.editor().text(), "for bob");
}

#[test]
fn the_mouse_opens_and_scrolls() {
    let mut desk = Desk::private(100, 24);
    desk.contact("carol");
    for number in 0..60 {
        desk.text("bob", &format!("text {number}"), Provenance::Live);
    }
    desk.draw();
    let at = |kind, column, row| Message::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE });
    desk.give(at(MouseEventKind::ScrollUp, 50, 5));
    assert!(desk.draw().contains("more below"));
    desk.give(at(MouseEventKind::ScrollDown, 50, 5));
    assert!(!desk.draw().contains("more below"));
    desk.give(at(MouseEventKind::Down(MouseButton::Left), 5, 2));
    assert_eq!(desk.model.open, Some(peer("carol")));
    desk.give(at(MouseEventKind::Down(MouseButton::Left), 5, 20));
    assert_eq!(desk.model.open, Some(peer("carol")), "below the list is nobody");
}

#[test]
fn a_scrolled_conversation_stands_still_while_texts_come() {
    let mut desk = Desk::private(100, 24);
    for number in 0..60 {
        desk.text("bob", &format!("text {number}"), Provenance::Live);
    }
    desk.key(KeyCode::PageUp);
    let before = desk.draw();
    desk.key(KeyCode::PageDown);
    desk.draw();
    desk.key(KeyCode::PageUp);
    let id = desk.text("bob", "a new one", Provenance::Live);
    desk.acknowledged();
    assert_eq!(texts(&desk.draw()), texts(&before));
    assert_eq!(desk.acknowledged(), NOTHING, "it was not seen");
    desk.key(KeyCode::PageDown);
    desk.key(KeyCode::PageDown);
    assert!(desk.draw().contains("a new one"));
    assert_eq!(desk.acknowledged(), [id]);
}

#[test]
fn nothing_from_outside_steers_the_screen() {
    let mut desk = Desk::private(100, 24);
    desk.text("bob", "\u{1b}[2J\u{1b}]0;title\u{7}\u{202e}evil\u{9b}1A", Provenance::Live);
    desk.happens("bob", Event::PeerError { text: b"\x1b[31mred\nline".to_vec() });
    let stranger = PeerId::new("m\u{202e}allory\u{1b}@example.org");
    desk.tell(ClientEvent::Stranger { peer: stranger });
    let screen = desk.draw();
    assert!(screen.contains("evil") && screen.contains("red"), "{screen}");
    assert!(
        !screen.chars().any(|c| (c.is_control() && c != '\n') || ('\u{202a}'..='\u{202e}').contains(&c)),
        "{screen}"
    );
}

#[test]
fn html_of_other_clients_is_read_and_that_of_ours_is_not() {
    let mut desk = Desk::private(100, 24);
    desk.text("bob", "<b>x</b> &amp; y", Provenance::Live);
    let mut old = view(Privacy::Encrypted);
    old.peer_keeps_keys = false;
    desk.looked("bob", old, &[(0xb0, TrustLevel::Verified)]);
    desk.text("bob", "<b>bold</b> &amp; so", Provenance::Live);
    let screen = desk.draw();
    assert!(screen.contains("<b>x</b> &amp; y") && screen.contains("bold & so"), "{screen}");
}

#[test]
fn secrets_stay_out_of_sight() {
    let mut desk = Desk::private(100, 24);
    desk.type_line("/smp");
    desk.type_text("swordfish");
    assert!(!desk.draw().contains("swordfish"));
    assert!(!format!("{:?}", desk.model).contains("swordfish"));
    desk.control('r');
    assert!(desk.draw().contains("swordfish"));
    desk.key(KeyCode::Enter);
    assert_eq!(desk.asked(), ["StartSmp(.., false)"]);
    desk.key(KeyCode::Up);
    assert_eq!(desk.model.editor().text(), "/smp", "not in the history");
}

#[test]
fn a_check_that_is_asked_for_does_not_take_the_keys_away() {
    let mut desk = Desk::private(100, 24);
    desk.type_text("in the middle of");
    let event = otr_core::smp::SmpEvent::AskSecret;
    desk.happens("bob", Event::Smp { session: session(0xb0), event });
    desk.type_text(" a word");
    assert_eq!(desk.model.editor().text(), "in the middle of a word");
    assert!(desk.draw().contains("/smp answers"));
    desk.control('u');
    desk.type_line("/smp");
    assert!(matches!(desk.model.dialogs.front(), Some(Dialog::SmpAnswer { .. })));
    desk.type_line("Lisbon");
    assert_eq!(desk.asked(), ["RespondSmp(..)"]);
}

/// What stands in the conversation, without the list beside it.
fn texts(screen: &str) -> Vec<&str> {
    screen.lines().filter_map(|line| line.split_once('│')).map(|(_, text)| text).collect()
}
