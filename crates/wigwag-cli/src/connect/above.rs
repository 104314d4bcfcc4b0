//! Printing above the line that is being typed, in order.
//!
//! The editor's own printer queues what it is given while a line is edited, and writes at once in between: what was queued
//! before a line was accepted would come after what is written then. So nothing is written in between: [`Above`] waits for
//! the next prompt, and the queue stays the only way.

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rustyline::ExternalPrinter;

/// Prints above the line that is being typed.
pub(super) struct Above {
    printer: Box<dyn ExternalPrinter + Send>,
    turn: Arc<Turn>,
}

impl Above {
    pub(super) fn new(printer: impl ExternalPrinter + Send + 'static, turn: Arc<Turn>) -> Self {
        Self { printer: Box::new(printer), turn }
    }

    /// Waits for a prompt. Fails, with nothing printed, where the editor has ended.
    pub(super) fn print(&mut self, text: String) -> rustyline::Result<()> {
        if self.turn.begin_printing() {
            let printed = self.printer.print(text);
            self.turn.end_printing();
            printed
        } else {
            Err(rustyline::error::ReadlineError::Eof)
        }
    }
}

/// What the editor is about, told by its thread.
#[derive(Default)]
pub(super) struct Turn {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    editor: Editor,
    printing: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Editor {
    /// Between a line and the next prompt.
    #[default]
    Away,
    /// A line is edited: what is printed is queued.
    AtPrompt,
    Ended,
}

impl Turn {
    /// The editor has drawn its prompt. May be told again and again.
    pub(super) fn prompt(&self) {
        drop(self.set(Editor::AtPrompt));
    }

    /// The editor is about to leave the prompt: nothing is printed any more, but for what has been queued.
    pub(super) fn leave_prompt(&self) {
        let state = self.set(Editor::Away);
        // A printer that has just begun may not have looked yet whether a line is edited. One that finds the queue full has,
        // and waits until the editor is back: it cannot be waited for, nor told from the other but by time.
        drop(self.changed.wait_timeout_while(state, PRINTING_MAX, |state| state.printing));
    }

    /// Nobody types any more: who waits to print is told so.
    pub(super) fn end(&self) {
        drop(self.set(Editor::Ended));
    }

    fn begin_printing(&self) -> bool {
        let away = |state: &mut State| state.editor == Editor::Away;
        let mut state = self.changed.wait_while(self.lock(), away).unwrap_or_else(PoisonError::into_inner);
        state.printing = state.editor == Editor::AtPrompt;
        state.printing
    }

    fn end_printing(&self) {
        self.lock().printing = false;
        self.changed.notify_all();
    }

    fn set(&self, editor: Editor) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        if state.editor != editor {
            state.editor = editor;
            self.changed.notify_all();
        }
        state
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long an accepted line waits for a printer: a thousand times what it takes to look, and nothing to a person.
const PRINTING_MAX: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use std::{
        sync::mpsc::{SyncSender, channel, sync_channel},
        thread,
    };

    use super::*;

    /// Queues one text, like the editor's own.
    struct Queue(SyncSender<String>);

    impl ExternalPrinter for Queue {
        fn print(&mut self, text: String) -> rustyline::Result<()> {
            self.0.send(text).map_err(|_| rustyline::error::ReadlineError::Eof)
        }
    }

    #[test]
    fn what_comes_between_two_prompts_waits_for_the_second() {
        let (turn, (queue, queued)) = (Arc::new(Turn::default()), sync_channel(8));
        let mut above = Above::new(Queue(queue), turn.clone());
        turn.prompt();
        above.print("first".to_owned()).expect("at a prompt");
        turn.leave_prompt();
        let (tell, told) = channel();
        let printing = thread::spawn(move || {
            tell.send(()).expect("the test listens");
            above.print("second".to_owned())
        });
        told.recv().expect("it has begun");
        assert_eq!(queued.recv().as_deref(), Ok("first"));
        assert!(queued.try_recv().is_err(), "nothing is printed between prompts");
        turn.prompt();
        printing.join().expect("no panic").expect("at a prompt");
        assert_eq!(queued.recv().as_deref(), Ok("second"));
    }

    #[test]
    fn a_full_queue_does_not_keep_a_line_from_being_accepted() {
        let (turn, (queue, queued)) = (Arc::new(Turn::default()), sync_channel(1));
        let mut above = Above::new(Queue(queue), turn.clone());
        turn.prompt();
        let printing = thread::spawn(move || (0..3).try_for_each(|number| above.print(number.to_string())));
        while !turn.lock().printing {
            thread::yield_now();
        }
        turn.leave_prompt();
        turn.prompt();
        let printed: Vec<String> = queued.iter().take(3).collect();
        assert_eq!(printed, ["0", "1", "2"]);
        printing.join().expect("no panic").expect("at a prompt");
    }

    #[test]
    fn who_waits_for_a_prompt_is_told_that_none_comes() {
        let (turn, (queue, queued)) = (Arc::new(Turn::default()), sync_channel(1));
        let mut above = Above::new(Queue(queue), turn.clone());
        let printing = thread::spawn(move || above.print("late".to_owned()));
        turn.end();
        assert!(printing.join().expect("no panic").is_err());
        assert!(queued.recv().is_err(), "nothing was printed");
    }
}
