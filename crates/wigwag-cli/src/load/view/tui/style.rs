//! The colours of the screen: of the sixteen that every terminal has, and none that is needed to understand it.

use ratatui::style::{Color, Modifier, Style as Ink};

/// Whether there are colours.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    pub(super) colors: bool,
}

impl Style {
    /// Without colours where `NO_COLOR` is set and not empty.
    pub(super) fn from_environment() -> Self {
        Self { colors: std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) }
    }

    pub(super) fn strong(self) -> Ink {
        Ink::new().add_modifier(Modifier::BOLD)
    }

    pub(super) fn muted(self) -> Ink {
        Ink::new().add_modifier(Modifier::DIM)
    }

    /// What comes from the server.
    pub(super) fn sea(self) -> Ink {
        self.colored(Color::Blue)
    }

    /// The one accent.
    pub(super) fn signal(self) -> Ink {
        self.colored(Color::Red)
    }

    pub(super) fn ok(self) -> Ink {
        self.colored(Color::Green).add_modifier(Modifier::BOLD)
    }

    pub(super) fn warn(self) -> Ink {
        self.colored(Color::Yellow).add_modifier(Modifier::BOLD)
    }

    pub(super) fn bad(self) -> Ink {
        self.colored(Color::Red).add_modifier(Modifier::BOLD)
    }

    fn colored(self, color: Color) -> Ink {
        if self.colors { Ink::new().fg(color) } else { Ink::new() }
    }
}
