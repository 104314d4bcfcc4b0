//! How a message looks: as text, as a hex dump, as indented JSON; with time and round trip. Text in, text out.
//!
//! For a pipe, text and bytes stay as they came. For a terminal, what would steer it is made visible instead: a server must
//! not be able to move the cursor, set the title or answer in the person's place.

use std::{
    fmt::Write as _,
    time::{Duration, SystemTime},
};

use wigwag_net::OwnedMessage;

/// How messages are shown.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct View {
    /// To a person at a terminal, and not to a program.
    pub(super) terminal: bool,
    /// With colours.
    pub(super) colour: bool,
    pub(super) hex: bool,
    pub(super) json: bool,
    pub(super) timestamps: bool,
    pub(super) rtt: bool,
}

/// What is known of a message besides its payload.
#[derive(Clone, Copy, Debug)]
pub(super) struct Circumstances {
    pub(super) wall: SystemTime,
    /// How long after the message that it answers, if it is known.
    pub(super) rtt: Option<Duration>,
}

impl View {
    /// A message that arrived, as lines; the last one is ended.
    pub(super) fn message(self, message: &OwnedMessage, circumstances: Circumstances) -> Vec<u8> {
        let mut line = self.prefix(circumstances).into_bytes();
        line.extend(self.payload(message));
        line.push(b'\n');
        line
    }

    /// Text in one of the 16 colours, where there are any.
    pub(super) fn paint(self, style: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{style}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn prefix(self, circumstances: Circumstances) -> String {
        let mut prefix = String::new();
        if self.timestamps {
            let time = humantime::format_rfc3339_millis(circumstances.wall).to_string();
            // A person knows the day.
            let time = if self.terminal { time.get(11..).unwrap_or(&time) } else { &time };
            prefix += &self.paint(MUTED, time);
            prefix.push(' ');
        }
        if self.rtt {
            let rtt = circumstances.rtt.map_or_else(|| "–".to_owned(), duration);
            prefix += &self.paint(MUTED, &format!("{rtt:>8}"));
            prefix.push(' ');
        }
        if self.terminal {
            prefix += &self.paint(SEA, "<");
            prefix.push(' ');
        }
        prefix
    }

    fn payload(self, message: &OwnedMessage) -> Vec<u8> {
        let json = |text: &str| if self.json { indent_json(text) } else { None };
        match message {
            _ if self.hex => hex_dump(message, self.terminal).into_bytes(),
            OwnedMessage::Text(text) if self.terminal => {
                let text = json(text).unwrap_or_else(|| text.clone());
                for_terminal(&text).into_bytes()
            }
            OwnedMessage::Binary(bytes) if self.terminal => self.binary(bytes).into_bytes(),
            OwnedMessage::Text(text) => json(text).unwrap_or_else(|| text.clone()).into_bytes(),
            OwnedMessage::Binary(bytes) => bytes.clone(),
        }
    }

    /// A binary message in one line: as text where it is, else its first bytes.
    fn binary(self, bytes: &[u8]) -> String {
        let kind = self.paint(MUTED, &format!("(binary, {})", bytes_in_words(bytes.len())));
        match str::from_utf8(bytes) {
            Ok(text) if !text.contains(|character: char| character.is_control()) => {
                format!("{kind} {}", for_terminal(text))
            }
            _ => {
                let shown = &bytes[..bytes.len().min(BINARY_SHOWN)];
                let hex: String = shown.iter().map(|byte| format!(" {byte:02x}")).collect();
                let more = if shown.len() < bytes.len() { " … (/hex shows all)" } else { "" };
                format!("{kind}{hex}{more}")
            }
        }
    }
}

/// Makes visible what would steer a terminal, and ends where a screen has had enough.
pub(super) fn for_terminal(text: &str) -> String {
    let end = text.floor_char_boundary(SHOWN_BYTES_MAX);
    let mut shown: String = text[..end].chars().map(visible).collect();
    // Whatever follows the first line belongs to the same message.
    if shown.contains('\n') {
        shown = shown.trim_end_matches('\n').replace('\n', "\n  ");
    }
    if end < text.len() {
        let _ = write!(shown, " … {} more (/save FILE keeps it whole)", bytes_in_words(text.len() - end));
    }
    shown
}

fn visible(character: char) -> char {
    match character {
        '\n' | '\t' => character,
        // The pictures of the control characters stand in the same order.
        '\0'..='\x1f' => char::from_u32(0x2400 + u32::from(character)).unwrap_or('\u{fffd}'),
        '\x7f' => '\u{2421}',
        // C1 controls, and what reverses the direction of the text that follows.
        '\u{80}'..='\u{9f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        other => other,
    }
}

/// Sixteen bytes a line: offset, bytes, and the ASCII among them.
fn hex_dump(message: &OwnedMessage, terminal: bool) -> String {
    let kind = if message.as_text().is_some() { "text" } else { "binary" };
    let bytes = message.as_bytes();
    let end = if terminal { bytes.len().min(SHOWN_BYTES_MAX / 4) } else { bytes.len() };
    let mut dump = format!("{kind}, {}", bytes_in_words(bytes.len()));
    for (row, chunk) in bytes[..end].chunks(16).enumerate() {
        let _ = write!(dump, "\n{:08x}  ", row * 16);
        for column in 0..16 {
            match chunk.get(column) {
                Some(byte) => drop(write!(dump, "{byte:02x} ")),
                None => dump += "   ",
            }
            if column == 7 {
                dump.push(' ');
            }
        }
        let ascii = |byte: &u8| if byte.is_ascii_graphic() || *byte == b' ' { char::from(*byte) } else { '.' };
        let _ = write!(dump, " |{}|", chunk.iter().map(ascii).collect::<String>());
    }
    if end < bytes.len() {
        let _ = write!(dump, "\n… {} more (/save FILE keeps it whole)", bytes_in_words(bytes.len() - end));
    }
    dump
}

/// JSON with a member or an element a line; `None` if it is no JSON. Only white space is changed: the order of members,
/// repeated names and the digits of numbers are what the server sent.
fn indent_json(text: &str) -> Option<String> {
    serde_json::from_str::<serde::de::IgnoredAny>(text).ok()?;
    let mut indented = String::with_capacity(text.len() * 2);
    let mut depth = 0_usize;
    let (mut in_string, mut escaped) = (false, false);
    let mut characters = text.chars().filter(|character| !matches!(character, '\r' | '\n' | '\t')).peekable();
    while let Some(character) = characters.next() {
        if in_string {
            indented.push(character);
            in_string = escaped || character != '"';
            escaped = !escaped && character == '\\';
            continue;
        }
        match character {
            ' ' => {}
            '{' | '[' => {
                indented.push(character);
                while characters.next_if_eq(&' ').is_some() {}
                match characters.next_if(|next| matches!(next, '}' | ']')) {
                    Some(end) => indented.push(end),
                    None => {
                        depth += 1;
                        break_line(&mut indented, depth);
                    }
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                break_line(&mut indented, depth);
                indented.push(character);
            }
            ',' => {
                indented.push(',');
                break_line(&mut indented, depth);
            }
            ':' => indented += ": ",
            other => {
                in_string = other == '"';
                indented.push(other);
            }
        }
    }
    Some(indented)
}

fn break_line(text: &mut String, depth: usize) {
    text.push('\n');
    text.extend(std::iter::repeat_n("  ", depth));
}

/// Three significant digits and a unit.
pub(super) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    let (value, unit) = match seconds {
        _ if seconds < 1e-3 => (seconds * 1e6, "µs"),
        _ if seconds < 1.0 => (seconds * 1e3, "ms"),
        _ if seconds < 120.0 => (seconds, "s"),
        _ => return humantime::format_duration(Duration::from_secs(duration.as_secs())).to_string(),
    };
    let decimals = if value < 10.0 { 2 } else { usize::from(value < 100.0) };
    format!("{value:.decimals$} {unit}")
}

pub(super) fn bytes_in_words(bytes: usize) -> String {
    match bytes {
        1 => "1 byte".to_owned(),
        0..1024 => format!("{bytes} bytes"),
        _ => bytesize::ByteSize::b(bytes as u64).display().iec().to_string(),
    }
}

/// `1 message`, `2 messages`.
pub(super) fn counted(count: u64, what: &str) -> String {
    let digits = count.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let plural = if count == 1 { "" } else { "s" };
    format!("{grouped} {what}{plural}")
}

pub(super) const MUTED: &str = "2";
pub(super) const SEA: &str = "36";
pub(super) const WARN: &str = "33";
pub(super) const BAD: &str = "1;31";

/// Of a binary message in one line.
const BINARY_SHOWN: usize = 32;
/// Of one message on a terminal.
const SHOWN_BYTES_MAX: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    const PIPE: View = View { terminal: false, colour: false, hex: false, json: false, timestamps: false, rtt: false };
    const TERMINAL: View = View { terminal: true, ..PIPE };

    #[track_caller]
    fn check(view: View, message: impl Into<OwnedMessage>, expected: &str) {
        let wall = SystemTime::UNIX_EPOCH + Duration::from_millis(45_296_789);
        let circumstances = Circumstances { wall, rtt: Some(Duration::from_micros(1_234)) };
        let shown = view.message(&message.into(), circumstances);
        assert_eq!(String::from_utf8_lossy(&shown), expected);
    }

    #[test]
    fn a_pipe_gets_what_came() {
        check(PIPE, "hello", "hello\n");
        check(PIPE, "a\x1b[2J\nb", "a\x1b[2J\nb\n");
        check(PIPE, vec![b'a', 0, b'b'], "a\0b\n");
        check(PIPE, "", "\n");
    }

    #[test]
    fn a_terminal_is_not_steered_by_a_server() {
        check(TERMINAL, "hello", "< hello\n");
        check(TERMINAL, "a\x1b[2Jb\x07\r\x7f\u{9b}\u{202e}", "< a␛[2Jb␇␍␡\u{fffd}\u{fffd}\n");
        check(TERMINAL, "one\ntwo\tx\n", "< one\n  two\tx\n");
    }

    #[test]
    fn binary_messages_are_told_from_text_on_a_terminal() {
        check(TERMINAL, b"hello 42".to_vec(), "< (binary, 8 bytes) hello 42\n");
        check(TERMINAL, vec![0, 255], "< (binary, 2 bytes) 00 ff\n");
        check(TERMINAL, b"\x1b[2J".to_vec(), "< (binary, 4 bytes) 1b 5b 32 4a\n");
        let long = View::default().binary(&[1; 2048]);
        assert!(long.starts_with("(binary, 2.0 KiB) 01 01") && long.ends_with("… (/hex shows all)"), "{long}");
    }

    #[test]
    fn hex_shows_offset_bytes_and_ascii() {
        let expected = "text, 18 bytes\n\
                        00000000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  |0123456789abcdef|\n\
                        00000010  c3 a9                                             |..|\n";
        check(View { hex: true, ..PIPE }, "0123456789abcdefé", expected);
        check(View { hex: true, ..PIPE }, vec![], "binary, 0 bytes\n");
    }

    #[test]
    fn json_is_indented_and_otherwise_untouched() {
        let view = View { json: true, ..PIPE };
        let given = r#"{"b":[1, 2.50,{}],"a":{"x": "a, \"b\": {c}\\"},"n":1e400000,"a":[ ]}"#;
        let expected = "{\n  \"b\": [\n    1,\n    2.50,\n    {}\n  ],\n  \"a\": {\n    \"x\": \"a, \\\"b\\\": {c}\\\\\"\n  },\n  \
                        \"n\": 1e400000,\n  \"a\": []\n}\n";
        check(view, given, expected);
        check(view, expected.trim_end(), expected);
        check(view, "no json", "no json\n");
        check(view, "{\"a\":", "{\"a\":\n");
        check(view, "7", "7\n");
    }

    #[test]
    fn time_and_round_trip_come_first() {
        check(View { timestamps: true, ..PIPE }, "a", "1970-01-01T12:34:56.789Z a\n");
        check(View { timestamps: true, rtt: true, ..TERMINAL }, "a", "12:34:56.789Z  1.23 ms < a\n");
        check(View { rtt: true, colour: true, ..TERMINAL }, "a", "\x1b[2m 1.23 ms\x1b[0m \x1b[36m<\x1b[0m a\n");
    }

    #[test]
    fn a_screen_is_not_flooded_by_one_message() {
        let shown = for_terminal(&"é".repeat(100_000));
        assert!(shown.len() < SHOWN_BYTES_MAX + 100 && shown.contains("KiB more (/save"), "{}", shown.len());
    }

    #[test]
    fn times_have_three_digits_and_a_unit() {
        for (micros, expected) in [
            (0, "0.00 µs"),
            (999, "999 µs"),
            (1_234, "1.23 ms"),
            (45_600, "45.6 ms"),
            (3_000_000, "3.00 s"),
            (200_000_000, "3m 20s"),
        ] {
            assert_eq!(duration(Duration::from_micros(micros)), expected);
        }
        assert_eq!(counted(1, "message"), "1 message");
        assert_eq!(counted(1_234_567, "message"), "1,234,567 messages");
        assert_eq!(counted(0, "message"), "0 messages");
    }
}
