//! The play: a crash with O2TR, and the same crash with plain OTR.

use std::path::Path;
use std::time::Instant;

use anyhow::Result;

use super::actor::Cast;
use super::stage::Stage;
use super::timeline::Person::{Alice, Bob};
use super::timeline::{Act, Timeline};

/// The default of `o2tr pipe`.
pub(super) const THRESHOLD: u32 = 5;

/// Plays everything, with `directory` for what outlives a process.
///
/// # Errors
/// A process does not start, or ends by itself.
pub(super) fn play(directory: &Path) -> Result<Timeline> {
    let began = Instant::now();
    let cast = |name: &str, keeps_keys| -> Result<Cast> {
        let directory = directory.join(name);
        std::fs::create_dir(&directory)?;
        let threshold = if keeps_keys { THRESHOLD } else { 0 };
        Ok(Cast { directory, keeps_keys, threshold })
    };
    let acts = vec![
        with_o2tr(Stage::new(cast("o2tr", true)?, began))?,
        with_plain_otr(Stage::new(cast("otr", false)?, began))?,
    ];
    Ok(Timeline { threshold: THRESHOLD, acts })
}

fn with_o2tr(mut stage: Stage) -> Result<Act> {
    begin(&mut stage, "Two people, two processes. Each keeps its keys sealed in a SQLite store of its own.")?;

    stage.scene("Bob's process is killed. He cannot say goodbye; what his memory held is gone.");
    stage.kill(Bob)?;
    stage.scene("Alice does not know and goes on writing. The server keeps her messages.");
    for text in ["The train leaves at 9.", "Platform four.", "Don't be late!"] {
        stage.write(Alice, text)?;
    }
    stage.scene(
        "Bob comes back. His store still has the session's newest keys: every message is read, though none of them \
         was meant for a process that had lost its keys.",
    );
    stage.start(Bob)?;
    let old = stage.oldest(Bob);
    while stage.deliver(Bob)? {}
    stage.scene(
        "When all is read, Bob sends an empty message with a key that was made after the crash. As soon as Alice uses \
         it, the stored keys are worth nothing: the session is refreshed, without a new handshake.",
    );
    stage.caught_up(Bob)?;
    stage.settle()?;
    stage.write(Alice, "Did you get all that?")?;
    stage.settle()?;
    stage.write(Bob, "Every word.")?;
    stage.settle()?;
    if let Some(old) = old {
        stage.scene("Somebody sends Bob an old message again. Its number was seen before, so it is not shown twice.");
        stage.replay(Bob, &old)?;
        stage.settle()?;
    }

    stage.scene("Bob's process is killed once more.");
    stage.kill(Bob)?;
    stage.scene(format!(
        "Whoever steals a key reads what it has encrypted. So no key encrypts more than {THRESHOLD} messages (the \
         threshold k): the rest waits in Alice's outbox, sealed, and she is told."
    ));
    for text in ["One.", "Two.", "Three.", "Four.", "Five.", "Six.", "Seven."] {
        stage.write(Alice, text)?;
    }
    stage.scene("Bob is back, reads, and answers with a fresh key. What had to wait leaves under it, in order.");
    stage.start(Bob)?;
    while stage.deliver(Bob)? {}
    stage.caught_up(Bob)?;
    stage.settle()?;
    stage.write(Bob, "Seven of seven.")?;
    stage.settle()?;
    stage.finish("With O2TR", "the newest keys are kept, so a crash costs nothing")
}

fn with_plain_otr(mut stage: Stage) -> Result<Act> {
    begin(&mut stage, "The same two people with plain OTR: keys live in memory only.")?;
    stage.scene("Bob's process is killed.");
    stage.kill(Bob)?;
    stage.scene("Alice writes the same messages. To her everything looks as usual.");
    for text in ["The train leaves at 9.", "Platform four.", "Don't be late!"] {
        stage.write(Alice, text)?;
    }
    stage.scene("Bob comes back without keys. The messages arrive, and nobody will ever read them.");
    stage.start(Bob)?;
    while stage.deliver(Bob)? {}
    stage.finish("With plain OTR", "the keys are gone with the process, and the messages with them (paper, figure 2)")
}

fn begin(stage: &mut Stage, sentence: &str) -> Result<()> {
    stage.scene(sentence);
    stage.start(Alice)?;
    stage.start(Bob)?;
    stage.scene("They agree on keys: OTR's handshake.");
    stage.ask(Alice)?;
    stage.settle()?;
    stage.scene("Both say something. With every change of speaker OTR changes the keys.");
    stage.write(Alice, "Hello Bob!")?;
    stage.settle()?;
    stage.write(Bob, "Hello Alice!")?;
    stage.settle()
}
