//! How far a long run is, on standard error.

use std::io::{IsTerminal as _, Write as _, stderr};

const WIDTH: usize = 40;

/// A bar on a terminal; elsewhere a line for every tenth.
pub(crate) struct Progress {
    title: String,
    total: usize,
    done: usize,
    tenths: usize,
    terminal: bool,
}

impl Progress {
    pub(crate) fn new(title: impl Into<String>, total: usize) -> Self {
        let progress =
            Self { title: title.into(), total: total.max(1), done: 0, tenths: 0, terminal: stderr().is_terminal() };
        progress.draw();
        progress
    }

    /// So much is done in all.
    pub(crate) fn set(&mut self, done: usize) {
        self.done = done.min(self.total);
        let tenths = self.done * 10 / self.total;
        if self.terminal || tenths > self.tenths {
            self.tenths = tenths;
            self.draw();
        }
    }

    fn draw(&self) {
        let Self { title, total, done, terminal, .. } = self;
        let line = line(title, *done, *total);
        // Where nobody reads, nothing is lost.
        let _ = if *terminal { write!(stderr(), "\r{line}") } else { writeln!(stderr(), "{line}") };
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.terminal {
            eprintln!();
        }
    }
}

fn line(title: &str, done: usize, total: usize) -> String {
    let filled = WIDTH * done / total;
    format!("{title:<34} [{:<WIDTH$}] {done}/{total}", "#".repeat(filled))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_fills() {
        assert!(line("fill", 0, 4).contains(&format!("[{}] 0/4", " ".repeat(WIDTH))));
        assert!(line("fill", 2, 4).contains(&format!("[{}{}] 2/4", "#".repeat(20), " ".repeat(20))));
        assert!(line("fill", 4, 4).ends_with(&format!("[{}] 4/4", "#".repeat(WIDTH))));
    }
}
