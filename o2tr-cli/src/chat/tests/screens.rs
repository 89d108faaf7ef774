//! What is on the screen, at several sizes.

use o2tr::client::ClientEvent;
use o2tr::conversation::{Event, Hold, OutboxView, Privacy, Refresh};
use o2tr::transport::{OfflineReason, Subscription};
use o2tr_ekm::record::{Provenance, TrustLevel};
use otr_core::smp::SmpEvent;

use super::*;

/// A conversation in which everything has happened.
fn full(columns: u16, rows: u16) -> Desk {
    let mut desk = Desk::private(columns, rows);
    desk.contact("carol");
    desk.tell(ClientEvent::Subscription { peer: peer("dora"), subscription: Subscription::Requested });
    desk.happens(
        "bob",
        Event::Recovered { session: session(0xb0), age: Duration::from_secs(7300), messages_under_key: 1 },
    );
    desk.text_of("bob", "are you there?", Provenance::Offline, Some(Timestamp::from_secs(NOON.as_secs() - 3600)));
    desk.text("bob", "I wrote this with the key before", Provenance::Retained);
    desk.happens("bob", Event::Refreshed { session: session(0xb0), how: Refresh::Ratchet });
    desk.later(60);
    desk.type_line("yes, all of it arrived: every single message that you sent while I was away, in the right order");
    desk.happens("bob", Event::Sent { id: "run-1".to_owned() });
    desk.happens("bob", Event::Acknowledged { id: "run-1".to_owned() });
    desk.text("bob", "good.\nTwo lines: 你好 👋", Provenance::Live);
    desk.text("bob", "anybody could have written this", Provenance::Clear);
    desk.later(60);
    desk.type_line("second");
    desk.happens("bob", Event::Sent { id: "run-2".to_owned() });
    desk.type_line("third");
    desk.text("carol", "psst", Provenance::Live);
    let waiting = OutboxView { id: "run-3".to_owned(), in_flight: false, reason: Some(Hold::Threshold), written: NOON };
    let mut view = view(Privacy::Encrypted);
    view.uses_of_key = 5;
    desk.looked_with("bob", view, &[(0xb0, TrustLevel::Verified)], vec![waiting]);
    desk
}

#[test]
fn a_conversation_at_every_size() {
    for (columns, rows) in [(120, 40), (80, 24), (40, 12)] {
        let mut desk = full(columns, rows);
        snapshot(&format!("conversation_{columns}x{rows}"), &desk.draw());
    }
}

#[test]
fn the_list_has_a_small_screen_for_itself() {
    let mut desk = full(80, 24);
    desk.key(KeyCode::F(2));
    snapshot("list_80x24", &desk.draw());
    desk.key(KeyCode::F(2));
    assert!(desk.draw().contains("second"));
}

#[test]
fn nothing_yet() {
    let mut desk = Desk::new(100, 30);
    snapshot("empty_100x30", &desk.draw());
    desk.model.connection = super::super::model::Connection::Connecting;
    desk.tell(ClientEvent::Offline { reason: OfflineReason::Lost, retry_in: Some(Duration::from_secs(12)) });
    assert!(desk.draw().contains("OFFLINE: "), "{}", desk.draw());
}

#[test]
fn the_manual() {
    let mut desk = Desk::private(100, 60);
    desk.key(KeyCode::F(1));
    snapshot("help_100x60", &desk.draw());
    let mut desk = Desk::private(40, 12);
    desk.type_line("/help");
    for _ in 0..100 {
        desk.key(KeyCode::PageDown);
    }
    snapshot("help_end_40x12", &desk.draw());
    desk.key(KeyCode::Esc);
    assert!(desk.model.dialogs.is_empty());
}

#[test]
fn another_key_cannot_be_overlooked() {
    for (columns, rows) in [(100, 30), (40, 12)] {
        let mut desk = Desk::private(columns, rows);
        desk.happens("bob", Event::NewFingerprint { id: 900, fingerprint: key(0xcc) });
        let keys = [(0xb0, TrustLevel::Verified), (0xcc, TrustLevel::Unverified)];
        desk.looked("bob", view(Privacy::Encrypted), &keys);
        snapshot(&format!("key_changed_{columns}x{rows}"), &desk.draw());
        desk.key(KeyCode::Enter);
        snapshot(&format!("key_held_{columns}x{rows}"), &desk.draw());
    }
}

#[test]
fn the_keys_side_by_side() {
    let mut desk = Desk::private(100, 30);
    desk.type_line("/verify");
    desk.key(KeyCode::Tab);
    snapshot("verify_100x30", &desk.draw());
}

#[test]
fn smp_from_question_to_result() {
    let mut desk = Desk::private(100, 24);
    desk.type_line("/smp where did we meet?");
    desk.type_text("Lisbon");
    snapshot("smp_start_100x24", &desk.draw());
    desk.key(KeyCode::Esc);
    let question = b"where did we \x1b[31mmeet?".to_vec();
    desk.happens("bob", Event::Smp { session: session(0xb0), event: SmpEvent::AskAnswer { question } });
    desk.type_text("Lis");
    snapshot("smp_answer_100x24", &desk.draw());
    desk.key(KeyCode::Enter);
    desk.happens("bob", Event::SmpResult { id: 901, session: session(0xb0), equal: false });
    snapshot("smp_differs_100x24", &desk.draw());
}

#[test]
fn why_texts_wait_and_what_ends_it() {
    let mut shown = String::new();
    for (reason, there) in [
        (Some(Hold::Threshold), true),
        (Some(Hold::NoSession), true),
        (Some(Hold::NoSession), false),
        (Some(Hold::PeerAway), false),
        (Some(Hold::Trust), true),
    ] {
        let mut desk = Desk::private(100, 24);
        if !there {
            desk.tell(ClientEvent::Presence { from: Address::bare(peer("bob")), available: false });
        }
        desk.type_line("hello");
        let waiting = OutboxView { id: "run-1".to_owned(), in_flight: false, reason, written: NOON };
        desk.looked_with("bob", view(Privacy::Encrypted), &[(0xb0, TrustLevel::Verified)], vec![waiting]);
        let screen = desk.draw();
        let rows: Vec<_> = screen.lines().map(|line| line.split_once('│').map_or(line, |(_, text)| text)).collect();
        let begin = rows.iter().position(|row| row.starts_with(" 1 text")).unwrap();
        let banner: Vec<_> = rows[begin..].iter().take_while(|row| !row.contains("PRIVATE")).copied().collect();
        assert!(screen.contains("queued"), "{screen}");
        shown.push_str(&format!("{reason:?}, there: {there}\n{}\n\n", banner.join("\n")));
    }
    snapshot("banners_100", &shown);
}

#[test]
fn a_search_marks_what_it_finds() {
    let mut desk = Desk::private(100, 12);
    for number in 0..40 {
        desk.text("bob", &format!("message number {number}"), Provenance::Live);
    }
    desk.control('f');
    desk.type_text("NUMBER 1");
    snapshot("search_100x12", &desk.draw());
    desk.key(KeyCode::Up);
    assert!(desk.draw().contains("10 of 11"), "{}", desk.draw());
    desk.key(KeyCode::Esc);
    assert!(desk.draw().contains("message number 39"));
}

#[test]
fn any_size_can_be_drawn() {
    for columns in 0..130 {
        for rows in 0..45 {
            let mut desk = if columns % 7 == 0 { full(columns, rows) } else { Desk::private(columns, rows) };
            if rows % 3 == 0 {
                desk.key(KeyCode::F(1));
            }
            desk.draw();
        }
    }
}

#[test]
fn colours_say_nothing_that_words_do_not() {
    let mut desk = full(120, 40);
    desk.draw();
    let plain = desk.draw();
    let area = Rect::new(0, 0, 120, 40);
    let mut buffer = Buffer::empty(area);
    view::paint(&desk.model, Palette { colour: true }, &mut buffer, area);
    assert!(plain.starts_with(&as_text(&buffer)), "the same words with colours");
    for tone in ["CLEAR", "NOT ENCRYPTED", "offline", "retained", "queued", "read", "sent", "PRIVATE, verified"] {
        assert!(plain.contains(tone), "{tone}");
    }
}
