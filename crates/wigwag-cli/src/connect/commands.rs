//! Slash commands: what a typed line means. Knows no connection; the session carries them out.

use std::path::PathBuf;

use wigwag_net::CloseCode;

/// A line as a person typed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Typed {
    /// To be sent.
    Text(String),
    Command(Command),
    /// Meant as a command, but none; says why.
    Wrong(String),
    /// The enter key alone.
    Nothing,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Command {
    Ping(String),
    Pong(String),
    Close(CloseCode, String),
    Send(PathBuf),
    /// Toggled without an argument.
    Hex(Option<bool>),
    Json(Option<bool>),
    History(usize),
    Save(PathBuf),
    Stats,
    Headers,
    Reconnect,
    Help,
}

/// What `/help` lists, and the editor completes: name, arguments, meaning.
pub(super) const COMMANDS: &[(&str, &str, &str)] = &[
    ("/ping", "[TEXT]", "send a Ping and show how long its Pong takes"),
    ("/pong", "[TEXT]", "send a Pong that nobody asked for"),
    ("/close", "[CODE [REASON]]", "close the connection, with 1000 if no code is given"),
    ("/send", "FILE", "send a file as one message (text if it is UTF-8, else binary)"),
    ("/hex", "[on|off]", "show messages as a hex dump"),
    ("/json", "[on|off]", "show JSON indented"),
    ("/history", "[N]", "show the last N lines that were typed, 20 if not given"),
    ("/save", "FILE", "write the conversation to a file, as NDJSON like --record"),
    ("/stats", "", "show what was sent and received, and how fast"),
    ("/headers", "", "show the opening handshake"),
    ("/reconnect", "", "close the connection, if it is open, and open it again"),
    ("/help", "", "show this"),
];

/// Reads a line. Two slashes at its beginning send one.
pub(super) fn parse(line: &str) -> Typed {
    if line.trim().is_empty() {
        return Typed::Nothing;
    }
    let Some(rest) = line.strip_prefix('/') else { return Typed::Text(line.to_owned()) };
    if rest.starts_with('/') {
        return Typed::Text(rest.to_owned());
    }
    let (name, argument) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    match parse_command(name, argument.trim()) {
        Ok(command) => Typed::Command(command),
        Err(why) => Typed::Wrong(why),
    }
}

fn parse_command(name: &str, argument: &str) -> Result<Command, String> {
    let alone = |command| if argument.is_empty() { Ok(command) } else { Err(format!("/{name} takes no argument")) };
    match name {
        "ping" => payload(argument).map(Command::Ping),
        "pong" => payload(argument).map(Command::Pong),
        "close" => close(argument),
        "send" => file(name, argument).map(Command::Send),
        "hex" => switch(name, argument).map(Command::Hex),
        "json" => switch(name, argument).map(Command::Json),
        "history" => count(argument).map(Command::History),
        "save" => file(name, argument).map(Command::Save),
        "stats" => alone(Command::Stats),
        "headers" => alone(Command::Headers),
        "reconnect" => alone(Command::Reconnect),
        "help" => alone(Command::Help),
        _ => Err(unknown(name)),
    }
}

fn unknown(name: &str) -> String {
    let typed = format!("/{name}");
    let near = COMMANDS
        .iter()
        .map(|(known, ..)| (strsim::damerau_levenshtein(known, &typed), *known))
        .filter(|(distance, _)| *distance <= 2)
        .min();
    match near {
        Some((_, known)) => format!("{typed} is no command: is {known} meant? (/help lists all, /{typed} sends it)"),
        None => format!("{typed} is no command (/help lists all, /{typed} sends it)"),
    }
}

/// What fits a control frame (RFC 6455 §5.5).
fn payload(text: &str) -> Result<String, String> {
    let bytes = text.len();
    if bytes <= CONTROL_BYTES_MAX {
        Ok(text.to_owned())
    } else {
        Err(format!("{bytes} bytes are too many: a Ping or Pong holds {CONTROL_BYTES_MAX}"))
    }
}

fn close(argument: &str) -> Result<Command, String> {
    if argument.is_empty() {
        return Ok(Command::Close(CloseCode::NORMAL, String::new()));
    }
    let (code, reason) = argument.split_once(char::is_whitespace).unwrap_or((argument, ""));
    let reason = reason.trim();
    let number: u16 = code.parse().map_err(|_| format!("{code:?} is no close code: /close [CODE [REASON]]"))?;
    let code = CloseCode::new(number)
        .ok_or_else(|| format!("{number} cannot be sent: 1000–1003, 1007–1014 and 3000–4999 can (RFC 6455 §7.4)"))?;
    match reason.len() {
        ..=REASON_BYTES_MAX => Ok(Command::Close(code, reason.to_owned())),
        bytes => Err(format!("a reason of {bytes} bytes is too long: a Close holds {REASON_BYTES_MAX}")),
    }
}

fn file(name: &str, argument: &str) -> Result<PathBuf, String> {
    if argument.is_empty() { Err(format!("which file? /{name} FILE")) } else { Ok(PathBuf::from(argument)) }
}

fn switch(name: &str, argument: &str) -> Result<Option<bool>, String> {
    match argument {
        "" => Ok(None),
        "on" => Ok(Some(true)),
        "off" => Ok(Some(false)),
        _ => Err(format!("/{name} takes on or off, or nothing to change it")),
    }
}

fn count(argument: &str) -> Result<usize, String> {
    if argument.is_empty() {
        return Ok(HISTORY_SHOWN);
    }
    argument.parse().map_err(|_| format!("{argument:?} is no number of lines"))
}

const CONTROL_BYTES_MAX: usize = 125;
/// 125 less the code.
const REASON_BYTES_MAX: usize = 123;
const HISTORY_SHOWN: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: Command) {
        assert_eq!(parse(line), Typed::Command(expected));
    }

    #[track_caller]
    fn fails(line: &str, expected: &str) {
        match parse(line) {
            Typed::Wrong(why) => assert!(why.contains(expected), "{line}: {why}"),
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn lines_without_a_slash_are_sent_as_they_are() {
        for line in ["hello", " hello ", "a / b", "{\"a\": 1}"] {
            assert_eq!(parse(line), Typed::Text(line.to_owned()));
        }
    }

    #[test]
    fn two_slashes_send_one() {
        assert_eq!(parse("//close"), Typed::Text("/close".to_owned()));
        assert_eq!(parse("///"), Typed::Text("//".to_owned()));
    }

    #[test]
    fn the_enter_key_alone_sends_nothing() {
        assert_eq!(parse(""), Typed::Nothing);
        assert_eq!(parse("  "), Typed::Nothing);
    }

    #[test]
    fn commands_take_their_arguments() {
        check("/ping", Command::Ping(String::new()));
        check("/ping a b", Command::Ping("a b".to_owned()));
        check("/pong x", Command::Pong("x".to_owned()));
        check("/close", Command::Close(CloseCode::NORMAL, String::new()));
        check("/close 1001", Command::Close(CloseCode::GOING_AWAY, String::new()));
        check("/close 1008  not  today", Command::Close(CloseCode::POLICY_VIOLATION, "not  today".to_owned()));
        check("/send a file.txt ", Command::Send("a file.txt".into()));
        check("/hex", Command::Hex(None));
        check("/hex on", Command::Hex(Some(true)));
        check("/json off", Command::Json(Some(false)));
        check("/history", Command::History(20));
        check("/history 3", Command::History(3));
        check("/save x.ndjson", Command::Save("x.ndjson".into()));
        check("/stats", Command::Stats);
        check("/headers", Command::Headers);
        check("/reconnect", Command::Reconnect);
        check("/help", Command::Help);
    }

    #[test]
    fn every_listed_command_is_known() {
        for (name, arguments, _) in COMMANDS {
            let line = if arguments.starts_with('F') { format!("{name} x") } else { (*name).to_owned() };
            assert!(matches!(parse(&line), Typed::Command(_)), "{line}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_what_to_type() {
        fails("/clsoe", "is /close meant? (/help lists all, //clsoe sends it)");
        fails("/etc/passwd", "/etc/passwd is no command (/help lists all, //etc/passwd sends it)");
        fails("/", "is no command");
        fails("/close x", "is no close code");
        fails("/close 1005", "cannot be sent");
        fails("/close 70000", "is no close code");
        fails(&format!("/close 1000 {}", "x".repeat(124)), "is too long");
        fails(&format!("/ping {}", "x".repeat(126)), "are too many");
        fails("/send", "which file? /send FILE");
        fails("/hex maybe", "takes on or off");
        fails("/history x", "is no number");
        fails("/stats now", "takes no argument");
    }
}
