//! `wigwag connect`: a terminal client for any WebSocket server.
//!
//! | module | is |
//! |---|---|
//! | `args` | what can be typed after the command |
//! | `session` | the state machine: what a line means, what an arrival prints, when it is over |
//! | `commands` | slash commands, read |
//! | `format`, `words` | how messages look, and what is said of connections |
//! | `tally` | what is counted |
//! | `record` | NDJSON, written and read |
//! | `mailbox` | where arrivals, lines and ctrl-c meet |
//! | `link` | the connection |
//! | `terminal`, `history`, `above` | the line editor, and printing above its line |
//! | `input` | pipes and arguments |
//! | `screen` | what is printed |
//!
//! Here they are tied together: one thread takes from the mailbox, asks the session, and does what it says.

mod above;
mod args;
mod commands;
mod format;
mod history;
mod input;
mod link;
mod mailbox;
mod record;
mod screen;
mod session;
mod tally;
mod terminal;
mod words;

use std::{
    fs::File,
    io::{self, BufWriter, IsTerminal as _, Read as _, Write as _},
    path::Path,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Instant, SystemTime},
};

use anyhow::{Context as _, bail};
use wigwag_net::Connect;
use wigwag_proto::Config;

pub(crate) use args::ConnectArgs;
use args::Replies;
use format::View;
use link::Link;
use mailbox::{Arrival, Mailbox, Taken};
use record::Replay;
use screen::Screen;
use session::{Action, EXIT_INTERRUPTED, Level, Now, Options, Session};
use terminal::{Modes, Terminal};

/// Connects, and talks until it is over. The exit code is 0 if all that was asked for came.
pub(crate) fn run(args: ConnectArgs) -> anyhow::Result<ExitCode> {
    let config = Config { message_bytes_max: MESSAGE_BYTES_MAX, ..Config::default() };
    let connect = Connect { config: Arc::new(config), ..args.client.connect(&args.url)? };
    let source = Source::of(&args)?;
    let recorder = args.record.as_deref().map(create).transpose()?;
    let interactive = matches!(source, Source::Terminal(_));
    let terminal = io::stdout().is_terminal();
    let view = View {
        terminal,
        colour: terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
        hex: args.hex,
        json: args.json_pretty,
        timestamps: args.timestamps,
        rtt: args.rtt,
    };
    let options = Options {
        request: words::request(&connect),
        interactive,
        person: io::stdin().is_terminal() && matches!(source, Source::Stdin),
        binary: args.binary,
        wait: args.wait,
        replies: args.replies,
        until: args.until,
        reconnect: args.reconnect,
        ping_interval: args.ping_interval,
        record: recorder.is_some(),
        keep: interactive || !args.execute.is_empty(),
        seed: fastrand::u64(..),
        url: args.url,
    };
    let mailbox = Arc::new(Mailbox::default());
    watch_for_interrupts(mailbox.clone())?;
    let typed = if let Source::Terminal(terminal) = &source { terminal.typed.clone() } else { Vec::new() };
    let mut conversation = Conversation {
        session: Session::new(options, view, typed, now()),
        link: Link::new(connect, mailbox.clone())?,
        screen: Screen::new(view),
        recorder,
        source: Some(source),
        modes: None,
        mailbox,
    };
    conversation.run()
}

/// Where lines come from; started when the connection is open, so that nothing is read that cannot be sent.
enum Source {
    Terminal(Box<Terminal>),
    Stdin,
    Arguments(Option<Replay>, Vec<String>),
}

impl Source {
    fn of(args: &ConnectArgs) -> anyhow::Result<Self> {
        if let (Some(record), Some(replay)) = (&args.record, &args.replay)
            && record::is_same_file(record, replay)
        {
            bail!("{} cannot be replayed and recorded at once", record.display());
        }
        if args.replay.is_some() || !args.execute.is_empty() {
            let replay = args.replay.as_deref().map(Replay::open).transpose()?;
            return Ok(Self::Arguments(replay, args.execute.clone()));
        }
        // What says when to stop comes from a script, even at a terminal: it must end without a person.
        let ends_by_itself = args.until.is_some() || args.replies != Replies::OnePerMessage;
        if io::stdin().is_terminal() && io::stdout().is_terminal() && !ends_by_itself {
            Ok(Self::Terminal(Box::new(Terminal::open()?)))
        } else {
            Ok(Self::Stdin)
        }
    }
}

/// The session, and all that it acts on.
struct Conversation {
    session: Session,
    link: Link,
    screen: Screen,
    recorder: Option<BufWriter<File>>,
    source: Option<Source>,
    modes: Option<Modes>,
    mailbox: Arc<Mailbox>,
}

impl Conversation {
    fn run(&mut self) -> anyhow::Result<ExitCode> {
        loop {
            if let Some(code) = self.act()? {
                self.flush()?;
                return Ok(ExitCode::from(code));
            }
            let inputs = self.session.takes_input() && (self.link.has_room() || self.modes.is_some());
            let taken = match self.mailbox.take_now(inputs) {
                Some(taken) => taken,
                None => {
                    self.flush()?;
                    self.mailbox.take(self.session.poll_timeout(), inputs)
                }
            };
            self.handle(taken)?;
        }
    }

    fn handle(&mut self, taken: Taken) -> anyhow::Result<()> {
        let now = now();
        match taken {
            Taken::Interrupt => {
                self.stop_typing();
                self.session.handle_interrupt(now);
            }
            Taken::Writable => self.link.push_on(),
            Taken::Input(input) => self.session.handle_input(input, now),
            Taken::Nothing => self.session.handle_timeout(now),
            Taken::Arrival(arrival) => {
                match &arrival {
                    Arrival::Opened(opened) => self.link.opened(opened.remote.clone()),
                    Arrival::Closed(_) => self.session.handle_unsent(self.link.closed()),
                    Arrival::Message(_) | Arrival::Pong(_) => {}
                }
                let opened = matches!(arrival, Arrival::Opened(_));
                self.session.handle_arrival(arrival, now);
                if opened {
                    self.act()?;
                    self.start_source();
                }
            }
        }
        // A busy connection must not keep what is due from happening.
        if self.session.poll_timeout().is_some_and(|due| due <= now.instant) {
            self.session.handle_timeout(now);
        }
        Ok(())
    }

    /// Does what the session wants; gives the exit code if that is the end.
    fn act(&mut self) -> anyhow::Result<Option<u8>> {
        while let Some(action) = self.session.poll_action() {
            match action {
                Action::Connect => self.link.open(),
                Action::Send(message) => {
                    if let Err(message) = self.link.send(message) {
                        self.session.handle_overflow(&message);
                    }
                }
                Action::Ping(payload) => self.link.ping(&payload),
                Action::Pong(payload) => self.link.pong(&payload),
                Action::Close(code, reason) => self.link.close(code, reason),
                Action::Answer(lines) => self.screen.answer(&lines)?,
                Action::Note(level, note) => self.screen.note(level, &note)?,
                Action::Record(line) => self.record(&line)?,
                Action::ReadFile(path) => self.session.send_file(read(&path), now()),
                Action::WriteFile(path, bytes) => match std::fs::write(&path, bytes) {
                    Ok(()) => self.session.note(Level::Info, format!("saved to {}", path.display())),
                    Err(error) => self.session.wrong(format!("cannot write {}: {error}", path.display())),
                },
                Action::Exit(code) => return Ok(Some(code)),
            }
        }
        Ok(None)
    }

    fn start_source(&mut self) {
        match self.source.take() {
            None => {}
            Some(Source::Stdin) => input::from_stdin(self.mailbox.clone()),
            Some(Source::Arguments(replay, lines)) => input::from_arguments(replay, lines, self.mailbox.clone()),
            Some(Source::Terminal(mut terminal)) => {
                if let Some(trouble) = terminal.trouble.take() {
                    self.session.note(Level::Warning, trouble);
                }
                self.screen.print_through(terminal.printer());
                self.modes = Some(terminal.start(self.session.view(), self.mailbox.clone()));
            }
        }
    }

    /// After an interrupt nobody types any more, also where it came from outside while the editor waits for a key.
    fn stop_typing(&mut self) {
        if let Some(modes) = self.modes.as_ref().filter(|modes| modes.is_editing()) {
            modes.restore();
        }
        self.screen.print_directly();
    }

    fn record(&mut self, line: &str) -> anyhow::Result<()> {
        let Some(recorder) = &mut self.recorder else { return Ok(()) };
        writeln!(recorder, "{line}").context("cannot write the record")
    }

    fn flush(&mut self) -> anyhow::Result<()> {
        if let Some(recorder) = &mut self.recorder {
            recorder.flush().context("cannot write the record")?;
        }
        Ok(self.screen.flush()?)
    }
}

impl Drop for Conversation {
    fn drop(&mut self) {
        // Also where an error ends it: a terminal without echo helps nobody.
        if let Some(modes) = self.modes.as_ref().filter(|modes| modes.is_editing()) {
            modes.restore();
        }
    }
}

/// The session hears of the first ones; who insists ends the process, whatever holds it up.
fn watch_for_interrupts(mailbox: Arc<Mailbox>) -> anyhow::Result<()> {
    let seen = AtomicU32::new(0);
    ctrlc::set_handler(move || {
        if seen.fetch_add(1, Ordering::Relaxed) >= INTERRUPTS_HEARD {
            std::process::exit(i32::from(EXIT_INTERRUPTED));
        }
        mailbox.interrupt();
    })
    .context("cannot watch for ctrl-c")
}

fn now() -> Now {
    Now { instant: Instant::now(), wall: SystemTime::now() }
}

fn create(path: &Path) -> anyhow::Result<BufWriter<File>> {
    let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(BufWriter::new(file))
}

/// A file to be sent.
fn read(path: &Path) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MESSAGE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes));
    match read {
        Ok(_) if bytes.len() > MESSAGE_BYTES_MAX => {
            Err(format!("{} has more than {} MiB", path.display(), MESSAGE_BYTES_MAX >> 20))
        }
        Ok(_) => Ok(bytes),
        Err(error) => Err(format!("cannot read {}: {error}", path.display())),
    }
}

/// Of a message, in either direction: there is one connection, and a person's machine.
const MESSAGE_BYTES_MAX: usize = 64 << 20;
const INTERRUPTS_HEARD: u32 = 2;
