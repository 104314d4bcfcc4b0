//! Where lines go: answers to standard output, complaints and progress to standard error.
//!
//! Answers are gathered and written when nothing more is at hand, so that ten thousand of them cost few writes and each
//! is seen when it comes.

use std::{
    io::{self, IsTerminal as _, Write as _},
    time::{Duration, Instant},
};

/// Gathers lines for standard output, and shows progress on standard error if that is a terminal.
pub(crate) struct Output {
    pending: Vec<u8>,
    progress: Option<Progress>,
}

struct Progress {
    text: String,
    shown: bool,
    next: Instant,
}

impl Output {
    pub(crate) fn new() -> Self {
        let terminal = io::stderr().is_terminal();
        let progress = terminal.then(|| Progress { text: String::new(), shown: false, next: Instant::now() });
        Self { pending: Vec::new(), progress }
    }

    /// A line for standard output.
    pub(crate) fn line(&mut self, line: std::fmt::Arguments<'_>) -> io::Result<()> {
        writeln!(self.pending, "{line}")?;
        if self.pending.len() >= PENDING_BYTES_MAX { self.flush() } else { Ok(()) }
    }

    /// A line for standard error, after everything before it.
    pub(crate) fn complain(&mut self, line: std::fmt::Arguments<'_>) -> io::Result<()> {
        self.flush()?;
        anstream::eprintln!("{line}");
        Ok(())
    }

    /// How far the work is: shown on a terminal, a few times a second.
    pub(crate) fn progress(&mut self, done: u64, all: u64) {
        let Some(progress) = &mut self.progress else { return };
        let now = Instant::now();
        if now >= progress.next {
            progress.next = now + PROGRESS_INTERVAL;
            progress.text = format!("{done} of {all} answered");
        }
    }

    /// Writes what was gathered.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.hide_progress();
        if !self.pending.is_empty() {
            let mut stdout = io::stdout().lock();
            stdout.write_all(&self.pending)?;
            stdout.flush()?;
            self.pending.clear();
        }
        Ok(())
    }

    /// As [`Self::flush`], and shows the progress below it: for when nothing more is at hand.
    pub(crate) fn pause(&mut self) -> io::Result<()> {
        self.flush()?;
        if let Some(progress) = self.progress.as_mut().filter(|progress| !progress.text.is_empty()) {
            eprint!("{}", progress.text);
            progress.shown = true;
        }
        Ok(())
    }

    /// The line is taken away before anything else is written to the terminal.
    fn hide_progress(&mut self) {
        if let Some(progress) = self.progress.as_mut().filter(|progress| progress.shown) {
            eprint!("\r\x1b[2K");
            progress.shown = false;
        }
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        self.hide_progress();
    }
}

const PENDING_BYTES_MAX: usize = 32 << 10;
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);
