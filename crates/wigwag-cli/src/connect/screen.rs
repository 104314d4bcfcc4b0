//! What is printed: answers to standard output, everything else to standard error; at a terminal both above the line that
//! is being typed.
//!
//! Lines are gathered and written when nothing more is at hand, so that ten thousand cost few writes and each is seen when
//! it comes.

use std::io::{self, IsTerminal as _, Write as _};

use super::{
    above::Above,
    format::{BAD, MUTED, View, WARN},
    session::Level,
};

pub(super) struct Screen {
    view: View,
    printer: Option<Above>,
    /// Standard error goes to the terminal, where notes must not disturb the line that is being typed.
    notes_here: bool,
    pending: Vec<u8>,
}

impl Screen {
    pub(super) fn new(view: View) -> Self {
        Self { view, printer: None, notes_here: io::stderr().is_terminal(), pending: Vec::new() }
    }

    /// From now on somebody types.
    pub(super) fn print_through(&mut self, printer: Option<Above>) {
        self.printer = printer;
    }

    /// From now on nobody types any more.
    pub(super) fn print_directly(&mut self) {
        self.printer = None;
    }

    pub(super) fn answer(&mut self, lines: &[u8]) -> io::Result<()> {
        self.pending.extend_from_slice(lines);
        if self.pending.len() >= PENDING_BYTES_MAX { self.flush() } else { Ok(()) }
    }

    pub(super) fn note(&mut self, level: Level, note: &str) -> io::Result<()> {
        let line = match level {
            Level::Info => format!("\x1b[{MUTED}m{note}\x1b[0m"),
            Level::Warning => format!("\x1b[{WARN}m{note}\x1b[0m"),
            Level::Error => format!("\x1b[{BAD}merror:\x1b[0m {note}"),
        };
        if self.printer.is_none() || !self.notes_here {
            self.flush()?;
            anstream::eprintln!("{line}");
            return Ok(());
        }
        let line = if self.view.colour { line } else { anstream::adapter::strip_str(&line).to_string() };
        self.answer(format!("{line}\n").as_bytes())
    }

    /// Writes what was gathered.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let pending = std::mem::take(&mut self.pending);
        if let Some(printer) = &mut self.printer {
            // It fails where the editor has ended meanwhile: then the line is free.
            if printer.print(String::from_utf8_lossy(&pending).into_owned()).is_ok() {
                return Ok(());
            }
            self.printer = None;
        }
        let mut stdout = io::stdout().lock();
        stdout.write_all(&pending)?;
        stdout.flush()
    }
}

const PENDING_BYTES_MAX: usize = 32 << 10;
