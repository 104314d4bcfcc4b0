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

/// A line that is written over again and again.
struct Progress {
    done: u64,
    all: u64,
    shown: bool,
    next: Instant,
    /// Answers go to a terminal as well, most likely the same: the line must make way for them.
    makes_way: bool,
}

impl Output {
    pub(crate) fn new() -> Self {
        let makes_way = io::stdout().is_terminal();
        let next = Instant::now() + PROGRESS_INTERVAL;
        let progress = Progress { done: 0, all: 0, shown: false, next, makes_way };
        Self { pending: Vec::new(), progress: io::stderr().is_terminal().then_some(progress) }
    }

    /// A line for standard output.
    pub(crate) fn line(&mut self, line: std::fmt::Arguments<'_>) -> io::Result<()> {
        writeln!(self.pending, "{line}")?;
        if self.pending.len() >= PENDING_BYTES_MAX { self.flush() } else { Ok(()) }
    }

    /// A line for standard error, after everything before it.
    pub(crate) fn complain(&mut self, line: std::fmt::Arguments<'_>) -> io::Result<()> {
        self.flush()?;
        self.hide_progress();
        anstream::eprintln!("{line}");
        Ok(())
    }

    /// How far the work is; shown by [`Self::pause`].
    pub(crate) fn progress(&mut self, done: u64, all: u64) {
        if let Some(progress) = &mut self.progress {
            (progress.done, progress.all) = (done, all);
        }
    }

    /// Writes what was gathered.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        if self.progress.as_ref().is_some_and(|progress| progress.makes_way) {
            self.hide_progress();
        }
        let mut stdout = io::stdout().lock();
        stdout.write_all(&self.pending)?;
        stdout.flush()?;
        self.pending.clear();
        Ok(())
    }

    /// As [`Self::flush`], and shows the progress a few times a second: for when nothing more is at hand.
    pub(crate) fn pause(&mut self) -> io::Result<()> {
        self.flush()?;
        let now = Instant::now();
        if let Some(progress) = self.progress.as_mut().filter(|progress| progress.all > 0 && now >= progress.next) {
            eprint!("{CLEAR_LINE}{} of {} answered", progress.done, progress.all);
            progress.shown = true;
            progress.next = now + PROGRESS_INTERVAL;
        }
        Ok(())
    }

    fn hide_progress(&mut self) {
        if let Some(progress) = self.progress.as_mut().filter(|progress| progress.shown) {
            eprint!("{CLEAR_LINE}");
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
/// To the beginning of the line, and erase it.
const CLEAR_LINE: &str = "\r\x1b[2K";
