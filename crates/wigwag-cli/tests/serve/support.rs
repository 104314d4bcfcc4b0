//! The real binary at work, on ports of its own choice.

use std::{
    io::{BufRead as _, BufReader, Read},
    net::SocketAddr,
    process::{Child, Command, Output, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::Duration,
};

use assert_cmd::cargo::CommandCargoExt as _;

/// `wigwag` without any variables.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::cargo_bin("wigwag").expect("the binary is built");
    command.env_clear().args(arguments);
    command
}

/// Runs a command that ends by itself, which one that serves after all does not.
pub(crate) fn run(arguments: &[&str]) -> Output {
    let mut command = assert_cmd::Command::from_std(command(arguments));
    command.timeout(PATIENCE).output().expect("the binary runs")
}

/// A server that has said where it is. Killed when dropped.
pub(crate) struct Serving {
    pub(crate) child: Child,
    /// What it said, up to the last line.
    pub(crate) banner: Vec<String>,
    errors: Receiver<String>,
}

impl Serving {
    /// Runs `wigwag serve` with these flags and reads its banner.
    pub(crate) fn start(flags: &[&str]) -> Self {
        Self::spawn(command(&[&["serve"], flags].concat()))
    }

    /// Runs `wigwag gateway` with these flags, on a free port, and reads its banner.
    pub(crate) fn gateway(flags: &[&str]) -> Self {
        Self::spawn(command(&[&["gateway", "--listen", "127.0.0.1:0"], flags].concat()))
    }

    /// Runs a command that becomes one that serves.
    pub(crate) fn spawn(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary runs");
        let said = lines(child.stdout.take().expect("piped"));
        let errors = lines(child.stderr.take().expect("piped"));
        let mut banner = Vec::new();
        while !banner.last().is_some_and(|line: &String| line.starts_with("Stop with")) {
            let Some(line) = next(&said) else { panic!("ended before it served: {}", rest(&errors)) };
            banner.push(line);
        }
        Self { child, banner, errors }
    }

    /// Where it listens, as the banner says.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        let pages = self.banner.iter().filter_map(|line| line.strip_prefix("  page     "));
        let authority = |url: &str| url.split("://").nth(1).and_then(|rest| rest.trim_end_matches('/').parse().ok());
        pages.map(|url| authority(url).expect("an address")).collect()
    }

    /// Waits for a line with this text on its standard error.
    pub(crate) fn await_error(&self, text: &str) {
        while let Some(line) = next(&self.errors) {
            if line.contains(text) {
                return;
            }
        }
        panic!("ended without {text:?}");
    }

    /// Sends SIGTERM, and gives the exit code and what is left of standard error.
    pub(crate) fn stop(self) -> (Option<i32>, String) {
        signal(&self.child, "TERM");
        self.end()
    }

    /// Waits for the end.
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        let said = rest(&self.errors);
        (self.child.wait().expect("it ends").code(), said)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The lines of a pipe, read by a thread so that waiting for them has an end.
fn lines(pipe: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let lines = BufReader::new(pipe).lines();
        lines.map_while(Result::ok).try_for_each(|line| sender.send(line))
    });
    receiver
}

/// The next line; `None` at the end.
fn next(lines: &Receiver<String>) -> Option<String> {
    match lines.recv_timeout(PATIENCE) {
        Ok(line) => Some(line),
        Err(RecvTimeoutError::Disconnected) => None,
        Err(RecvTimeoutError::Timeout) => panic!("nothing within {PATIENCE:?}"),
    }
}

/// All lines up to the end.
fn rest(lines: &Receiver<String>) -> String {
    std::iter::from_fn(|| next(lines)).map(|line| line + "\n").collect()
}

/// Sends the signal of this name.
pub(crate) fn signal(child: &Child, name: &str) {
    let kill = Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status();
    assert!(kill.expect("kill is there").success());
}

pub(crate) fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).expect("output is UTF-8")
}

/// Longer than anything here takes, the drain included.
const PATIENCE: Duration = Duration::from_secs(30);
