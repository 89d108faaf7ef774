//! The terminal: taken over at the start, given back at the end, however that comes.

use std::io::{self, Stdout};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use crossterm::cursor::Show;
use crossterm::event::{
    DisableBracketedPaste, DisableFocusChange, DisableMouseCapture, EnableBracketedPaste, EnableFocusChange,
    EnableMouseCapture,
};
use crossterm::execute;
use crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, SetTitle, disable_raw_mode, enable_raw_mode, size,
};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;

use crate::chat::model::Model;
use crate::chat::view::{self, Palette};
use crate::failure::{Failure, Kind};

/// Whether the terminal is ours at present: then it must be given back.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// The terminal while it is ours. Dropping it gives it back.
pub(in crate::chat) struct Screen {
    terminal: Terminal<CrosstermBackend<Stdout>>,
}

impl Screen {
    /// Takes the terminal over.
    ///
    /// # Errors
    /// It does not obey.
    pub(in crate::chat) fn take() -> Result<Self, Failure> {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let before = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |info| {
                give_back();
                before(info);
            }));
        });
        let terminal = Terminal::new(CrosstermBackend::new(io::stdout())).map_err(failed)?;
        // Before the first change: half of them must be undone as well.
        let screen = Self { terminal };
        take_over().map_err(failed)?;
        Ok(screen)
    }

    /// Columns and rows.
    pub(in crate::chat) fn size() -> (u16, u16) {
        size().unwrap_or((80, 24))
    }

    /// # Errors
    /// The terminal does not obey.
    pub(in crate::chat) fn draw(&mut self, model: &Model, palette: Palette) -> Result<(), Failure> {
        self.terminal.draw(|frame| view::draw(model, palette, frame)).map_err(failed)?;
        Ok(())
    }

    /// Draws something else than a conversation.
    ///
    /// # Errors
    /// The terminal does not obey.
    pub(in crate::chat) fn draw_with(&mut self, draw: impl FnOnce(&mut ratatui::Frame<'_>)) -> Result<(), Failure> {
        self.terminal.draw(draw).map_err(failed)?;
        Ok(())
    }

    /// Has everything drawn anew with the next [`draw`](Self::draw).
    ///
    /// # Errors
    /// The terminal does not obey.
    pub(in crate::chat) fn redraw(&mut self) -> Result<(), Failure> {
        self.terminal.clear().map_err(failed)
    }

    /// Gives the terminal back, stops the process as ctrl-z does elsewhere, and takes it over again when it goes on.
    ///
    /// # Errors
    /// The terminal does not obey.
    pub(in crate::chat) fn suspend(&mut self) -> Result<(), Failure> {
        give_back();
        let us = rustix::process::getpid();
        // If that is refused, the program simply goes on.
        let _ = rustix::process::kill_process(us, rustix::process::Signal::STOP);
        take_over().map_err(failed)?;
        self.redraw()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

fn take_over() -> io::Result<()> {
    TAKEN.store(true, Ordering::SeqCst);
    enable_raw_mode()?;
    // The title names the program, nobody's address and no text.
    execute!(
        io::stdout(),
        EnterAlternateScreen,
        EnableBracketedPaste,
        EnableMouseCapture,
        EnableFocusChange,
        SetTitle("o2tr")
    )
}

/// Puts the terminal into the state in which a shell expects it. Errors have nobody left to be told to.
fn give_back() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        let _ = execute!(
            io::stdout(),
            DisableFocusChange,
            DisableMouseCapture,
            DisableBracketedPaste,
            LeaveAlternateScreen,
            Show
        );
        let _ = disable_raw_mode();
    }
}

fn failed(error: io::Error) -> Failure {
    Failure::new(Kind::Other, "terminal", format!("the terminal: {error}"))
}
