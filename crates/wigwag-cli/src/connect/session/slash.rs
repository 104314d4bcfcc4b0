//! What a typed line does, slash commands above all.

use wigwag_net::CloseCode;

use super::{Action, Direction, EXIT_FAILED, Entry, Level, Now, Phase, Session, Then};
use crate::connect::{
    commands::{self, COMMANDS, Command, Typed},
    words,
};

impl Session {
    pub(super) fn handle_typed(&mut self, line: &str, now: Now) {
        self.remember(line);
        match commands::parse(line) {
            Typed::Nothing => {}
            Typed::Wrong(why) => self.wrong(why),
            Typed::Text(text) if self.options.binary => self.send(text.into_bytes().into(), now),
            Typed::Text(text) => self.send(text.into(), now),
            Typed::Command(command) => self.carry_out(command, now),
        }
    }

    /// Keeps a line for `/history`.
    fn remember(&mut self, line: &str) {
        if self.typed.back().is_some_and(|last| last == line) || line.trim().is_empty() {
            return;
        }
        if self.typed.len() >= TYPED_MAX {
            self.typed.pop_front();
        }
        self.typed.push_back(line.to_owned());
    }

    /// A command could not be carried out: a person tries again, a script has failed.
    pub(in crate::connect) fn wrong(&mut self, why: String) {
        if self.options.interactive {
            self.note(Level::Warning, why);
        } else {
            self.note(Level::Error, why);
            self.close_then(CloseCode::NORMAL, String::new(), Then::Leave(EXIT_FAILED));
        }
    }

    fn carry_out(&mut self, command: Command, now: Now) {
        match command {
            Command::Ping(payload) if self.phase == Phase::Open => self.ping(payload, true, now),
            Command::Pong(payload) if self.phase == Phase::Open => {
                self.actions.push_back(Action::Pong(payload.into_bytes()));
                self.note(Level::Info, "pong sent".to_owned());
            }
            Command::Close(code, reason) if self.phase == Phase::Open => {
                self.log(Entry::event(self.stamp(now), Direction::Out, "close", &reason, Some(code.get())));
                let then = if self.options.interactive { Then::Stay } else { Then::Judge };
                self.close_then(code, reason, then);
            }
            Command::Ping(_) | Command::Pong(_) | Command::Close(..) => {
                self.wrong("the connection is not open".to_owned())
            }
            Command::Send(path) => self.actions.push_back(Action::ReadFile(path)),
            Command::Hex(on) => {
                self.view.hex = on.unwrap_or(!self.view.hex);
                self.note(Level::Info, format!("hex dump {}", on_or_off(self.view.hex)));
            }
            Command::Json(on) => {
                self.view.json = on.unwrap_or(!self.view.json);
                self.note(Level::Info, format!("indented JSON {}", on_or_off(self.view.json)));
            }
            Command::History(count) => self.show_history(count),
            Command::Save(path) => {
                let lines =
                    self.transcript.iter().flat_map(|line| [line.as_bytes(), b"\n"]).collect::<Vec<_>>().concat();
                self.actions.push_back(Action::WriteFile(path, lines));
            }
            Command::Stats => self.report(now),
            Command::Headers => self.show_headers(),
            Command::Reconnect => self.reconnect(),
            Command::Help => self.show_help(),
        }
    }

    fn reconnect(&mut self) {
        self.attempts = 0;
        match self.phase {
            Phase::Open => self.close_then(CloseCode::NORMAL, String::new(), Then::Reopen),
            Phase::Closing(Then::Stay) => self.phase = Phase::Closing(Then::Reopen),
            Phase::Waiting(_) | Phase::Down => self.open(),
            Phase::Opening | Phase::Closing(_) | Phase::Over => {}
        }
    }

    fn show_history(&mut self, count: usize) {
        let skipped = self.typed.len().saturating_sub(count);
        let lines: Vec<String> = self.typed.iter().skip(skipped).cloned().collect();
        if lines.is_empty() {
            return self.note(Level::Info, "nothing was typed yet".to_owned());
        }
        for line in lines {
            self.note(Level::Info, line);
        }
    }

    fn show_headers(&mut self) {
        for line in self.options.request.clone() {
            self.note(Level::Info, format!("> {line}"));
        }
        if self.response.is_empty() {
            return;
        }
        let lines: Vec<String> = self.response.iter().map(|header| format!("< {}", words::header(header))).collect();
        self.note(Level::Info, "< HTTP/1.1 101 Switching Protocols".to_owned());
        for line in lines {
            self.note(Level::Info, line);
        }
    }

    fn show_help(&mut self) {
        self.note(Level::Info, "lines are sent as messages; two slashes at the beginning send one".to_owned());
        for (name, arguments, meaning) in COMMANDS {
            self.note(Level::Info, format!("  {:<24} {meaning}", format!("{name} {arguments}")));
        }
        self.note(Level::Info, "ctrl-c or ctrl-d closes the connection and leaves".to_owned());
    }
}

const fn on_or_off(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}

/// As many as the history file keeps.
const TYPED_MAX: usize = 1_000;
