//! Two models with real clients and stores, over a server in memory.

use core::time::Duration;
use std::path::Path;

use o2tr::client::ClientConfig;
use o2tr::transport::PeerId;
use otr_core::Policy;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::Instant;
use transport_mem::{Config, Hub};

use super::*;
use crate::account::Account;
use crate::account::file::AccountFile;
use crate::chat::model::Dialog;
use crate::chat::run::Workers;
use crate::running::{Keeping, Running, StateOptions};

/// How long something that must happen may take, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A model with a client.
struct Seat {
    desk: Desk,
    running: Running,
    workers: Workers,
    replies: UnboundedReceiver<Reply>,
}

impl Seat {
    fn start(hub: &Hub, name: &str, directory: &Path) -> Self {
        let mut file = AccountFile::new(peer(name).as_str());
        file.state = Some(directory.to_owned());
        let account = Account::new(name.to_owned(), file).unwrap();
        let mut keeping = Keeping::directory(&account, &StateOptions::default()).unwrap();
        let peers = match &mut keeping {
            Keeping::Directory(_, state) => state.peers().unwrap().0,
            Keeping::Memory(_) => Vec::new(),
        };
        let mut config = ClientConfig::new(account.address.clone());
        config.settings.policy |= Policy::REQUIRE_ENCRYPTION;
        let mut desk = Desk::new(100, 30);
        desk.model.contacts.clear();
        for known in peers {
            desk.model.contact(&PeerId::new(&known)).stale = true;
        }
        let running = Running::start(config, hub.start(&peer(name), "desk"), keeping).unwrap();
        let (sender, replies) = unbounded_channel();
        let workers = Workers::new(running.client.clone(), sender);
        Self { desk, running, workers, replies }
    }

    /// Takes what has come, carries wishes out, and draws.
    fn step(&mut self) -> String {
        while let Some(event) = self.running.events.try_next() {
            self.desk.tell(event);
        }
        while let Ok(reply) = self.replies.try_recv() {
            self.desk.give(Message::Reply(reply));
        }
        let screen = self.desk.draw();
        for wish in self.desk.wishes.drain(..) {
            if let Wish::Peer(peer, ask) = wish {
                self.workers.ask(peer, ask);
            }
        }
        screen
    }

    async fn leave(self) {
        let Self { running, workers, .. } = self;
        workers.finish().await;
        running.stop(|_| ()).await.unwrap();
    }
}

/// Lets all of them go on until the first one shows all of this.
async fn until(seats: &mut [&mut Seat], words: &[&str]) {
    let began = Instant::now();
    loop {
        let screens: Vec<_> = seats.iter_mut().map(|seat| seat.step()).collect();
        let shown = squeezed(&screens[0]);
        if words.iter().all(|word| shown.contains(&squeezed(word))) {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "waiting for {words:?}:\n{}", screens.join("\n"));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// With one blank where there are several: columns may be wider or not.
fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn hub() -> Hub {
    let hub = Hub::new(Config::default(), 7, NOON);
    hub.with(|server| server.befriend(&peer("alice"), &peer("bob")));
    hub
}

/// Both are there and talk in private.
async fn talking(hub: &Hub, alice_at: &Path, bob_at: &Path) -> (Seat, Seat) {
    let (mut alice, mut bob) = (Seat::start(hub, "alice", alice_at), Seat::start(hub, "bob", bob_at));
    until(&mut [&mut alice, &mut bob], &["● bob"]).await;
    alice.desk.type_line("/open bob");
    bob.desk.type_line("/open alice@example.org");
    until(&mut [&mut alice, &mut bob], &["bob@example.org (there)"]).await;
    alice.desk.type_line("hello");
    until(&mut [&mut alice, &mut bob], &["PRIVATE, unverified", "sent     me: hello", "First contact"]).await;
    until(&mut [&mut bob, &mut alice], &["live     alice: hello", "First contact"]).await;
    (alice, bob)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_of_a_secret_from_dialog_to_dialog() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let hub = hub();
    let (mut alice, mut bob) = talking(&hub, &one.path().join("s"), &two.path().join("s")).await;
    alice.desk.type_line("/smp where?");
    alice.desk.type_line("Lisbon");
    until(&mut [&mut bob, &mut alice], &["Answer a check", "where?"]).await;
    bob.desk.type_line("Lisbon");
    until(&mut [&mut bob, &mut alice], &["The secrets are equal", "PRIVATE, unverified"]).await;
    until(&mut [&mut alice, &mut bob], &["┌ Verified"]).await;
    alice.desk.key(KeyCode::Enter);
    until(&mut [&mut alice, &mut bob], &["PRIVATE, verified by SMP"]).await;
    // And one that fails.
    bob.desk.key(KeyCode::Enter);
    bob.desk.type_line("/smp");
    bob.desk.type_line("one thing");
    until(&mut [&mut alice, &mut bob], &["Answer a check"]).await;
    alice.desk.type_line("another");
    until(&mut [&mut alice, &mut bob], &["NOT VERIFIED"]).await;
    alice.leave().await;
    bob.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_not_looked_at_and_what_was_missed_is_there_after_the_return() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let hub = hub();
    let (mut alice, mut bob) = talking(&hub, &one.path().join("s"), &two.path().join("s")).await;
    // Bob looks at something else when the next one comes.
    bob.desk.key(KeyCode::F(1));
    alice.desk.type_line("not looked at");
    until(&mut [&mut alice, &mut bob], &["sent     me: not looked at"]).await;
    bob.leave().await;
    alice.desk.type_line("missed");
    until(&mut [&mut alice], &["sent     me: missed"]).await;
    let mut bob = Seat::start(&hub, "bob", &two.path().join("s"));
    until(&mut [&mut bob, &mut alice], &["2 new"]).await;
    bob.desk.type_line("/open alice");
    until(&mut [&mut bob, &mut alice], &["live     alice: not looked at", "offline  alice: missed", "Recovered"]).await;
    until(&mut [&mut alice, &mut bob], &["read     me: missed"]).await;
    bob.leave().await;
    let mut bob = Seat::start(&hub, "bob", &two.path().join("s"));
    until(&mut [&mut bob, &mut alice], &["● alice"]).await;
    bob.desk.type_line("/open alice");
    until(&mut [&mut bob, &mut alice], &["PRIVATE"]).await;
    assert!(!bob.step().contains("missed"), "it does not come again");
    alice.leave().await;
    bob.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_key_gets_nothing_before_the_user_says_so() {
    let (one, two, three) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let hub = hub();
    let (mut alice, bob) = talking(&hub, &one.path().join("s"), &two.path().join("s")).await;
    bob.leave().await;
    // Somebody with bob's password and another key.
    let mut other = Seat::start(&hub, "bob", &three.path().join("s"));
    until(&mut [&mut other, &mut alice], &["● alice"]).await;
    other.desk.type_line("/open alice");
    other.desk.type_line("/query");
    until(&mut [&mut alice, &mut other], &["THE KEY HAS CHANGED", "[>Hold my texts<]"]).await;
    alice.desk.type_text("for the real bob");
    assert!(matches!(alice.desk.model.dialogs.front(), Some(Dialog::KeyChanged { .. })));
    alice.desk.key(KeyCode::Enter);
    alice.desk.type_line("for the real bob");
    assert!(matches!(alice.desk.model.dialogs.front(), Some(Dialog::KeyChanged { .. })), "nothing is sent");
    // The user decides for the new key.
    alice.desk.key(KeyCode::Tab);
    alice.desk.key(KeyCode::Tab);
    alice.desk.key(KeyCode::Enter);
    assert!(!other.step().contains("for the real bob"));
    alice.desk.key(KeyCode::Enter);
    until(&mut [&mut other, &mut alice], &["alice: for the real bob"]).await;
    alice.leave().await;
    other.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_waits_for_the_handshake_and_can_be_withdrawn() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let hub = hub();
    let mut alice = Seat::start(&hub, "alice", &one.path().join("s"));
    until(&mut [&mut alice], &["bob"]).await;
    alice.desk.type_line("/open bob");
    alice.desk.type_line("first");
    alice.desk.type_line("second");
    until(&mut [&mut alice], &["2 texts wait", "queued   me: first"]).await;
    alice.desk.type_line("/outbox");
    until(&mut [&mut alice], &["Outbox 1: \"first\"", "Outbox 2: \"second\""]).await;
    alice.desk.type_line("/cancel 1");
    until(&mut [&mut alice], &["cancelled", "1 text waits"]).await;
    let mut bob = Seat::start(&hub, "bob", &two.path().join("s"));
    until(&mut [&mut bob, &mut alice], &["● alice"]).await;
    bob.desk.type_line("/open alice");
    // The question was asked while bob was away, which nobody answers by itself; after a while it is asked again.
    until(&mut [&mut alice, &mut bob], &["bob@example.org (there)"]).await;
    alice.desk.later(1);
    alice.desk.later(100);
    until(&mut [&mut bob, &mut alice], &["alice: second"]).await;
    assert!(!bob.step().contains("first"));
    alice.leave().await;
    bob.leave().await;
}
