//! How tones look. Whatever a colour says, words say as well.

use ratatui::style::{Color, Modifier, Style};

use crate::chat::model::Tone;

/// With or without colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::chat) struct Palette {
    pub(in crate::chat) colour: bool,
}

impl Palette {
    pub(in crate::chat) const fn style(self, tone: Tone) -> Style {
        let plain = Style::new();
        if !self.colour {
            return match tone {
                Tone::Plain | Tone::Dim | Tone::Good | Tone::Peer => plain,
                Tone::Strong | Tone::Warning | Tone::Own => plain.add_modifier(Modifier::BOLD),
                Tone::Danger | Tone::Bar | Tone::Found => plain.add_modifier(Modifier::REVERSED),
            };
        }
        match tone {
            Tone::Plain => plain,
            Tone::Dim => plain.add_modifier(Modifier::DIM),
            Tone::Strong => plain.add_modifier(Modifier::BOLD),
            Tone::Good => plain.fg(Color::Green),
            Tone::Warning => plain.fg(Color::Yellow),
            Tone::Danger => plain.fg(Color::White).bg(Color::Red).add_modifier(Modifier::BOLD),
            Tone::Peer => plain.fg(Color::Cyan).add_modifier(Modifier::BOLD),
            Tone::Own => plain.fg(Color::Blue).add_modifier(Modifier::BOLD),
            Tone::Bar => plain.add_modifier(Modifier::REVERSED),
            Tone::Found => plain.fg(Color::Black).bg(Color::Yellow),
        }
    }
}
