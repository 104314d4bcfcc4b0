//! The line editor of a person at a terminal, on a thread of its own: lines and ctrl-c go to the mailbox, and arrivals are
//! printed above what is being typed.
//!
//! Nothing can stop the editor while it waits for a key. Where the session ends without it, [`Modes`] gives the terminal
//! back as it was.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use anyhow::Context as _;
use rustyline::{
    Config, Context, Editor, Helper,
    completion::{Completer, FilenameCompleter, Pair},
    config::Configurer as _,
    error::ReadlineError,
    highlight::Highlighter,
    hint::Hinter,
    history::FileHistory,
    validate::{ValidationContext, ValidationResult, Validator},
};

use super::{
    above::{Above, Turn},
    commands::COMMANDS,
    format::{BAD, View},
    history,
    mailbox::{Input, Mailbox},
};

/// A terminal that is ready to be typed at.
pub(super) struct Terminal {
    editor: Editor<Assistant, FileHistory>,
    turn: Arc<Turn>,
    history: Option<PathBuf>,
    /// What was typed in earlier sessions.
    pub(super) typed: Vec<String>,
    /// Why the history cannot be kept.
    pub(super) trouble: Option<String>,
}

/// How the terminal was before, and whether somebody is typing.
pub(super) struct Modes {
    #[cfg(unix)]
    before: Option<nix::sys::termios::Termios>,
    editing: Arc<AtomicBool>,
}

impl Terminal {
    pub(super) fn open() -> anyhow::Result<Self> {
        let config = Config::builder()
            .max_history_size(history::LINES_MAX)
            .and_then(|config| config.history_ignore_dups(true))
            .context("cannot set up the line editor")?
            .history_ignore_space(true)
            .build();
        let path = history::path();
        let (mut past, mut trouble) = (FileHistory::with_config(&config), None);
        if let Some(path) = &path {
            let loaded = history::make_directory(path).map_err(ReadlineError::from);
            match loaded.and_then(|()| history::load(&config, path)) {
                Ok(loaded) => past = loaded,
                Err(error) => trouble = Some(format!("no history: {}: {error}", path.display())),
            }
        }
        let history = path.filter(|_| trouble.is_none());
        let typed = past.iter().cloned().collect();
        let mut editor = Editor::with_history(config, past).context("cannot use the terminal")?;
        editor.set_auto_add_history(false);
        let turn = Arc::new(Turn::default());
        editor.set_helper(Some(Assistant { files: FilenameCompleter::new(), turn: turn.clone() }));
        Ok(Self { editor, turn, history, typed, trouble })
    }

    /// `None` on a terminal that cannot move its cursor: all is printed in a row there.
    pub(super) fn printer(&mut self) -> Option<Above> {
        let printer = self.editor.create_external_printer().ok()?;
        Some(Above::new(printer, self.turn.clone()))
    }

    /// Reads lines until ctrl-c or ctrl-d.
    pub(super) fn start(mut self, view: View, mailbox: Arc<Mailbox>) -> Modes {
        let modes = Modes::now();
        let editing = modes.editing.clone();
        thread::spawn(move || {
            let last = self.read(view, &mailbox);
            let turn = self.turn.clone();
            // The terminal is as it was from here on, and a printer that waits for the editor is released.
            drop(self);
            turn.end();
            editing.store(false, Ordering::Release);
            match last {
                Some(input) => drop(mailbox.type_in(input)),
                None => mailbox.interrupt(),
            }
        });
        modes
    }

    /// What ended the input; `None` is ctrl-c.
    fn read(&mut self, view: View, mailbox: &Mailbox) -> Option<Input> {
        let prompt = ("> ", view.paint(BAD, ">") + " ");
        loop {
            match self.editor.readline(&prompt) {
                Ok(line) => {
                    self.remember(&line);
                    if !mailbox.type_in(Input::Typed(line)) {
                        eprintln!("not taken: too many lines at once; pipe a file instead");
                    }
                }
                Err(ReadlineError::Interrupted) => return None,
                Err(ReadlineError::Eof) => return Some(Input::End),
                #[cfg(unix)]
                Err(ReadlineError::Signal(_)) => {}
                Err(error) => return Some(Input::Broken(format!("cannot read from the terminal: {error}"))),
            }
        }
    }

    fn remember(&mut self, line: &str) {
        if line.len() > history::LINE_BYTES_MAX || !self.editor.add_history_entry(line).unwrap_or(false) {
            return;
        }
        if let Some(path) = &self.history {
            // The line is in this session's history all the same; a full disk must not disturb the conversation.
            let _ = self.editor.append_history(path);
        }
    }
}

impl Modes {
    fn now() -> Self {
        Self {
            #[cfg(unix)]
            before: nix::sys::termios::tcgetattr(std::io::stdin()).ok(),
            editing: Arc::new(AtomicBool::new(true)),
        }
    }

    /// Whether the editor still waits for keys.
    pub(super) fn is_editing(&self) -> bool {
        self.editing.load(Ordering::Acquire)
    }

    /// Gives the terminal back as it was before the editor, on a line of its own.
    pub(super) fn restore(&self) {
        #[cfg(unix)]
        if let Some(before) = &self.before {
            // Without it the terminal echoes nothing, which `reset` mends: nothing more can be done from here.
            let _ = nix::sys::termios::tcsetattr(std::io::stdin(), nix::sys::termios::SetArg::TCSADRAIN, before);
        }
        println!("{BRACKETED_PASTE_OFF}");
    }
}

/// Completes commands and the names of files, and tells when the editor comes to its prompt and leaves it.
struct Assistant {
    files: FilenameCompleter,
    turn: Arc<Turn>,
}

impl Completer for Assistant {
    type Candidate = Pair;

    fn complete(&self, line: &str, pos: usize, context: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        if line.starts_with("/send ") || line.starts_with("/save ") {
            return self.files.complete(line, pos, context);
        }
        let typed = &line[..pos];
        let names =
            COMMANDS.iter().map(|(name, ..)| *name).filter(|name| typed.starts_with('/') && name.starts_with(typed));
        let pair = |name: &str| Pair { display: name.to_owned(), replacement: format!("{name} ") };
        Ok((0, names.map(pair).collect()))
    }
}

impl Hinter for Assistant {
    type Hint = String;

    /// Called when the prompt is drawn, first before any key.
    fn hint(&self, _: &str, _: usize, _: &Context<'_>) -> Option<String> {
        self.turn.prompt();
        None
    }
}

impl Validator for Assistant {
    /// Called when a line is accepted, while it is still edited.
    fn validate(&self, _: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        self.turn.leave_prompt();
        Ok(ValidationResult::Valid(None))
    }
}

impl Highlighter for Assistant {}
impl Helper for Assistant {}

const BRACKETED_PASTE_OFF: &str = "\x1b[?2004l";
