//! Setting the first account up, step by step. Nothing is there before the last one, and giving up leaves nothing.

mod make;
mod steps;
mod view;

use core::time::Duration;

use crossterm::event::{Event as TerminalEvent, EventStream, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use futures::StreamExt as _;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use transport_xmpp::Config;

use self::make::{Made, Stage, make};
use self::steps::{Next, Step, Wizard};
use super::run::Screen;
use super::view::Palette;
use crate::account::Account;
use crate::account::file::AccountFile;
use crate::args::ServerArguments;
use crate::failure::Failure;

/// How often the screen shows that something is going on.
const BEAT: Duration = Duration::from_millis(200);

/// Asks for an account and makes it; `None` if the user gives up. Says also how to log in, so that nobody is asked twice.
///
/// # Errors
/// The terminal fails.
pub(super) async fn run(server: &ServerArguments, palette: Palette) -> Result<Option<(Account, Config)>, Failure> {
    let mut file = AccountFile::new("");
    server.apply(&mut file);
    let mut wizard = Wizard::new(file);
    let mut screen = Screen::take()?;
    let mut terminal = EventStream::new();
    let mut signals = crate::signals::Signals::listen()?;
    let mut beat = tokio::time::interval(BEAT);
    let mut work: Option<Work> = None;
    loop {
        screen.draw_with(|frame| view::draw(&wizard, palette, frame))?;
        let key = tokio::select! {
            event = terminal.next() => match event {
                Some(Ok(event)) => pressed(&mut wizard, event),
                // The terminal is gone.
                Some(Err(_)) | None => return Ok(None),
            },
            () = signals.wait() => return Ok(None),
            _ = beat.tick(), if work.is_some() => {
                wizard.beats += 1;
                None
            }
        };
        if let Some(Work { stage, task }) = &mut work {
            wizard.stage = *stage.borrow();
            if task.is_finished() {
                let made = task.await.unwrap_or_else(|_| Err(Failure::usage("the work was broken off")));
                work = None;
                wizard.step = match made {
                    Ok(made) => Step::Outcome(Box::new(made)),
                    Err(failure) => wizard.failed(failure.to_string()),
                };
            }
        }
        let Some(key) = key else { continue };
        match wizard.press(key) {
            Next::Stay => {}
            Next::GiveUp => {
                if let Some(work) = work {
                    // What it has made by then, it removes.
                    work.task.abort();
                }
                return Ok(None);
            }
            Next::Make(plan) => {
                let (sender, stage) = watch::channel(Stage::Key);
                work = Some(Work { stage, task: tokio::spawn(make(*plan, sender)) });
            }
            Next::BreakOff => {
                if let Some(work) = work.take() {
                    work.task.abort();
                }
            }
            Next::Keep(made) => match made.keep() {
                Ok(kept) => return Ok(Some(kept)),
                Err(failure) => wizard.step = wizard.failed(failure.to_string()),
            },
        }
    }
}

struct Work {
    stage: watch::Receiver<Stage>,
    task: JoinHandle<Result<Made, Failure>>,
}

fn pressed(wizard: &mut Wizard, event: TerminalEvent) -> Option<KeyEvent> {
    match event {
        TerminalEvent::Key(key) if key.kind != KeyEventKind::Release => {
            let leaves = matches!(key.code, KeyCode::Char('c' | 'd')) && key.modifiers.contains(KeyModifiers::CONTROL);
            // Esc goes a step back; these leave at once.
            Some(if leaves { KeyEvent::new(KeyCode::F(12), KeyModifiers::NONE) } else { key })
        }
        TerminalEvent::Paste(text) => {
            wizard.paste(&text);
            None
        }
        _ => None,
    }
}
