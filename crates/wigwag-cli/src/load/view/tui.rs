//! The full screen: drawn five times per second from snapshots, steered by keys.
//!
//! It draws on standard error, so that standard output stays free for a report. However the view ends, by the run's end, a
//! signal or a panic, the terminal is as it was before.

mod draw;
mod keys;
mod panels;
mod style;
#[cfg(test)]
mod tests;

use std::{
    io::{self, BufWriter, Stderr},
    panic,
    sync::Once,
    time::Duration,
};

use crossterm::{
    ExecutableCommand as _, cursor,
    event::{self, Event},
    terminal::{Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode},
};
use ratatui::{Terminal, backend::CrosstermBackend};
use wigwag_load::{Outcome, RunHandle};

use self::{
    keys::{Action, action},
    style::Style,
};

/// What the view knows besides the snapshot.
#[derive(Clone, Debug)]
struct View {
    url: String,
    style: Style,
    /// The keys are explained.
    help: bool,
    /// What the last key did, where it is not to be seen otherwise.
    notice: Option<&'static str>,
}

/// Shows the run until it is over.
///
/// # Errors
/// Where the terminal cannot be drawn on; it is restored, and the run goes on.
pub(super) fn watch(run: &RunHandle) -> io::Result<Outcome> {
    let mut screen = Screen::enter()?;
    let url = run.plan().settings().0.remove("url").unwrap_or_default();
    let mut view = View { url, style: Style::from_environment(), help: false, notice: None };
    let mut asked_to_stop = false;
    loop {
        if let Some(outcome) = run.wait_for(Duration::ZERO) {
            return Ok(outcome);
        }
        let snapshot = run.snapshot();
        screen.terminal.draw(|frame| draw::draw(frame, &snapshot, &view))?;
        let mut wait = FRAME;
        while event::poll(wait)? {
            wait = Duration::ZERO;
            let Event::Key(key) = event::read()? else { continue };
            view.notice = None;
            match action(key, &snapshot) {
                Action::Nothing => {}
                Action::Help => view.help = !view.help,
                Action::Pause => run.pause(),
                Action::Resume => run.resume(),
                Action::Rate(rate) => run.set_rate(rate),
                Action::NoRate => view.notice = Some("the rate is what the answers allow: start with -r to steer it"),
                Action::Stop => {
                    run.stop();
                    asked_to_stop = true;
                }
                Action::Interrupt if asked_to_stop => run.abort(),
                Action::Interrupt => {
                    run.stop();
                    asked_to_stop = true;
                    view.notice = Some("stopping: waiting for answers (ctrl-c again ends at once)");
                }
            }
        }
    }
}

/// The terminal while it is ours.
struct Screen {
    terminal: Terminal<CrosstermBackend<BufWriter<Stderr>>>,
}

impl Screen {
    fn enter() -> io::Result<Self> {
        restore_on_panic();
        enable_raw_mode()?;
        // From here on dropping it restores the terminal, whatever fails.
        let out = BufWriter::with_capacity(BUFFER_BYTES, io::stderr());
        let screen = Self { terminal: Terminal::new(CrosstermBackend::new(out))? };
        // Not the terminal's own `clear`, which asks where the cursor is: not every terminal answers.
        io::stderr().execute(EnterAlternateScreen)?.execute(Clear(ClearType::All))?.execute(cursor::Hide)?;
        Ok(screen)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        restore();
    }
}

/// Gives the terminal back. What fails here cannot be told anywhere.
fn restore() {
    let _ = io::stderr().execute(LeaveAlternateScreen).and_then(|out| out.execute(cursor::Show).map(drop));
    let _ = disable_raw_mode();
}

/// A panic's message is for the restored screen.
fn restore_on_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            restore();
            before(panic);
        }));
    });
}

const FRAME: Duration = Duration::from_millis(200);
/// A frame in one write.
const BUFFER_BYTES: usize = 64 << 10;
