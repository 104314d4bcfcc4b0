//! The log of the Messages tab: what was sent and received, bounded, filtered, and as NDJSON.

use std::{
    collections::VecDeque,
    io::{self, Write},
    time::{Duration, Instant, SystemTime},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::json;
use wigwag_net::OwnedMessage;

/// One line of the log.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) wall: SystemTime,
    pub(crate) what: What,
    /// From the message that it answers, as far as that can be told.
    pub(crate) rtt: Option<Duration>,
}

/// What happened.
#[derive(Clone, Debug)]
pub(crate) enum What {
    Sent(OwnedMessage),
    Received(OwnedMessage),
    /// The connection opened, ended, or something was said about it.
    Note(String),
}

/// The newest entries, and which of them are shown.
#[derive(Default)]
pub(crate) struct Log {
    entries: VecDeque<Entry>,
    /// Entries that are gone: the number of the first one that is left.
    first: usize,
    bytes: usize,
    filter: String,
    /// Numbers of the entries that the filter lets through, up to `seen`.
    matching: VecDeque<usize>,
    seen: usize,
    /// While paused: nothing from this number on is shown.
    paused_at: Option<usize>,
    /// Sent and not answered yet, the oldest first.
    waiting: VecDeque<(OwnedMessage, Instant)>,
    pub(crate) sent: u64,
    pub(crate) received: u64,
}

impl Log {
    pub(crate) fn sent(&mut self, message: OwnedMessage, wall: SystemTime, now: Instant) {
        self.sent += 1;
        if self.waiting.len() >= WAITING_MAX {
            self.waiting.pop_front();
        }
        self.waiting.push_back((message.clone(), now));
        self.push(Entry { wall, what: What::Sent(message), rtt: None });
    }

    pub(crate) fn received(&mut self, message: OwnedMessage, wall: SystemTime, at: Instant) {
        self.received += 1;
        let rtt = self.answered(&message, at);
        self.push(Entry { wall, what: What::Received(message), rtt });
    }

    pub(crate) fn note(&mut self, note: String, wall: SystemTime) {
        self.waiting.clear();
        self.push(Entry { wall, what: What::Note(note), rtt: None });
    }

    pub(crate) fn clear(&mut self) {
        *self = Self { filter: std::mem::take(&mut self.filter), ..Self::default() };
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.paused_at.is_some()
    }

    /// While paused what comes is kept, and not shown.
    pub(crate) fn pause(&mut self, paused: bool) {
        self.paused_at = paused.then(|| self.first + self.entries.len());
    }

    /// What came since the pause began.
    pub(crate) fn held_back(&self) -> usize {
        self.paused_at.map_or(0, |at| (self.first + self.entries.len()).saturating_sub(at))
    }

    pub(crate) fn filter(&self) -> &str {
        &self.filter
    }

    /// Shows only what contains this, whatever its case.
    pub(crate) fn set_filter(&mut self, filter: &str) {
        if filter != self.filter {
            filter.clone_into(&mut self.filter);
            self.matching.clear();
            self.seen = self.first;
        }
    }

    /// How many entries are shown.
    pub(crate) fn shown(&mut self) -> usize {
        let end = self.end();
        if self.filter.is_empty() {
            return end.saturating_sub(self.first);
        }
        while self.matching.front().is_some_and(|number| *number < self.first) {
            self.matching.pop_front();
        }
        let wanted = self.filter.to_lowercase();
        for number in self.seen.max(self.first)..self.first + self.entries.len() {
            if self.entries[number - self.first].contains(&wanted) {
                self.matching.push_back(number);
            }
        }
        self.seen = self.first + self.entries.len();
        self.matching.partition_point(|number| *number < end)
    }

    /// The number of the entry in this shown row; it stays the same when older entries go.
    pub(crate) fn number(&self, row: usize) -> Option<usize> {
        if self.filter.is_empty() { Some(self.first + row) } else { self.matching.get(row).copied() }
    }

    pub(crate) fn get(&self, number: usize) -> Option<&Entry> {
        self.entries.get(number.checked_sub(self.first)?)
    }

    /// All entries, oldest first.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    fn end(&self) -> usize {
        self.paused_at.unwrap_or(usize::MAX).min(self.first + self.entries.len())
    }

    fn push(&mut self, entry: Entry) {
        self.bytes += entry.bytes();
        self.entries.push_back(entry);
        while self.entries.len() > ENTRIES_MAX || (self.bytes > BYTES_MAX && self.entries.len() > 1) {
            if let Some(gone) = self.entries.pop_front() {
                self.bytes -= gone.bytes();
                self.first += 1;
            }
        }
    }

    /// How long the message took that this one answers: equal to it, or begins with it and a space.
    fn answered(&mut self, answer: &OwnedMessage, at: Instant) -> Option<Duration> {
        let answer = answer.as_bytes();
        let place = self.waiting.iter().take(LOOK_BACK_MAX).position(|(sent, _)| {
            let sent = sent.as_bytes();
            answer.strip_prefix(sent).is_some_and(|rest| rest.is_empty() || rest.starts_with(b" "))
        })?;
        let (_, sent_at) = self.waiting.remove(place)?;
        Some(at.saturating_duration_since(sent_at))
    }
}

impl Entry {
    /// In one line, for a list.
    pub(crate) fn line(&self) -> String {
        match &self.what {
            What::Sent(message) | What::Received(message) => match message {
                OwnedMessage::Text(text) => {
                    let line: String = text.chars().take(LINE_CHARS_MAX).collect();
                    line.replace(['\n', '\r', '\t'], " ")
                }
                OwnedMessage::Binary(bytes) => hex_line(&bytes[..bytes.len().min(LINE_CHARS_MAX / 3)]),
            },
            What::Note(note) => note.replace('\n', " "),
        }
    }

    /// Whole: JSON indented, bytes as a hex dump.
    pub(crate) fn whole(&self) -> String {
        match &self.what {
            What::Sent(message) | What::Received(message) => match message {
                OwnedMessage::Text(text) => pretty(text).unwrap_or_else(|| text.clone()),
                OwnedMessage::Binary(bytes) => hex_dump(bytes),
            },
            What::Note(note) => note.clone(),
        }
    }

    /// As it went over the wire, for the clipboard.
    pub(crate) fn payload(&self) -> String {
        match &self.what {
            What::Sent(message) | What::Received(message) => match message {
                OwnedMessage::Text(text) => text.clone(),
                OwnedMessage::Binary(bytes) => hex_line(bytes),
            },
            What::Note(note) => note.clone(),
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        match &self.what {
            What::Sent(message) | What::Received(message) => message.as_bytes().len(),
            What::Note(note) => note.len(),
        }
    }

    fn contains(&self, wanted: &str) -> bool {
        match &self.what {
            What::Sent(OwnedMessage::Text(text)) | What::Received(OwnedMessage::Text(text)) | What::Note(text) => {
                text[..text.floor_char_boundary(SEARCHED_BYTES_MAX)].to_lowercase().contains(wanted)
            }
            What::Sent(OwnedMessage::Binary(bytes)) | What::Received(OwnedMessage::Binary(bytes)) => {
                hex_line(&bytes[..bytes.len().min(SEARCHED_BYTES_MAX)]).contains(wanted)
            }
        }
    }

    /// A line of the export, as the Console of the pages writes it (docs/console-export.md).
    fn json(&self) -> serde_json::Value {
        let time = humantime::format_rfc3339_millis(self.wall).to_string();
        let (direction, message) = match &self.what {
            What::Sent(message) => ("out", message),
            What::Received(message) => ("in", message),
            What::Note(text) => {
                return json!({ "time": time, "direction": "event", "event": "note", "text": text });
            }
        };
        let bytes = message.as_bytes().len();
        match message {
            OwnedMessage::Text(text) => {
                let kind = if pretty(text).is_some() { "json" } else { "text" };
                json!({ "time": time, "direction": direction, "type": kind, "bytes": bytes, "data": text })
            }
            OwnedMessage::Binary(data) => {
                let data = STANDARD.encode(data);
                json!({ "time": time, "direction": direction, "type": "binary", "bytes": bytes, "base64": data })
            }
        }
    }
}

/// Writes one JSON object per line.
///
/// # Errors
/// Where the writer fails.
pub(crate) fn write_ndjson<'a>(entries: impl Iterator<Item = &'a Entry>, mut out: impl Write) -> io::Result<()> {
    for entry in entries {
        writeln!(out, "{}", entry.json())?;
    }
    out.flush()
}

/// Bytes from hexadecimal digits, spaces allowed between them.
pub(crate) fn from_hex(text: &str) -> Result<Vec<u8>, String> {
    let digits: Vec<u32> = text
        .chars()
        .filter(|digit| !digit.is_whitespace())
        .map(|digit| digit.to_digit(16).ok_or_else(|| format!("{digit:?} is no hexadecimal digit")))
        .collect::<Result<_, _>>()?;
    if digits.len() % 2 == 1 {
        return Err("half a byte: two digits make one".to_owned());
    }
    Ok(digits.chunks(2).map(|pair| (pair[0] * 16 + pair[1]) as u8).collect())
}

/// Indented, if it is a JSON object or list.
fn pretty(text: &str) -> Option<String> {
    if !text.trim_start().starts_with(['{', '[']) || text.len() > PRETTY_BYTES_MAX {
        return None;
    }
    let value: serde_json::Value = serde_json::from_str(text).ok()?;
    serde_json::to_string_pretty(&value).ok()
}

fn hex_line(bytes: &[u8]) -> String {
    let mut line = String::with_capacity(bytes.len() * 3);
    for (place, byte) in bytes.iter().enumerate() {
        if place > 0 {
            line.push(' ');
        }
        line.push_str(&format!("{byte:02x}"));
    }
    line
}

/// Sixteen bytes a line, with what is printable of them.
fn hex_dump(bytes: &[u8]) -> String {
    let mut dump = String::new();
    for (place, line) in bytes.chunks(16).take(DUMP_LINES_MAX).enumerate() {
        let printable: String =
            line.iter().map(|byte| if (0x20..0x7f).contains(byte) { char::from(*byte) } else { '.' }).collect();
        dump.push_str(&format!("{:06x}  {:<47}  {printable}\n", place * 16, hex_line(line)));
    }
    if bytes.len() > 16 * DUMP_LINES_MAX {
        dump.push_str(&format!("… {} bytes more\n", bytes.len() - 16 * DUMP_LINES_MAX));
    }
    dump
}

/// Entries kept; the oldest go first.
pub(crate) const ENTRIES_MAX: usize = 100_000;
const BYTES_MAX: usize = 256 << 20;
/// Sent messages whose answers are waited for.
const WAITING_MAX: usize = 10_000;
/// Answers come in order, or nearly so.
const LOOK_BACK_MAX: usize = 64;
/// Of each message, by the filter: huge ones must not hold a frame up.
const SEARCHED_BYTES_MAX: usize = 16 << 10;
/// A line of the list is never wider.
const LINE_CHARS_MAX: usize = 400;
const PRETTY_BYTES_MAX: usize = 1 << 20;
const DUMP_LINES_MAX: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> OwnedMessage {
        OwnedMessage::Text(text.to_owned())
    }

    fn log(lines: &[&str]) -> Log {
        let mut log = Log::default();
        lines.iter().for_each(|line| log.received(text(line), SystemTime::UNIX_EPOCH, Instant::now()));
        log
    }

    fn rows(log: &mut Log) -> Vec<String> {
        (0..log.shown()).filter_map(|row| Some(log.get(log.number(row)?)?.line())).collect()
    }

    #[test]
    fn the_oldest_entries_make_room_and_numbers_stay() {
        let mut log = log(&["first"]);
        let kept = log.number(0).expect("a row") + 5;
        for number in 1..ENTRIES_MAX + 5 {
            log.received(text(&number.to_string()), SystemTime::UNIX_EPOCH, Instant::now());
        }
        assert_eq!((log.len(), log.received), (ENTRIES_MAX, ENTRIES_MAX as u64 + 5));
        assert_eq!(log.get(kept).map(Entry::line).as_deref(), Some("5"));
        assert!(log.get(0).is_none());
        assert_eq!(rows(&mut log)[0], "5");
    }

    #[test]
    fn a_filter_follows_what_comes_and_forgets_what_goes() {
        let mut log = log(&["Apple", "pear", "pineapple"]);
        log.set_filter("APPLE");
        assert_eq!(rows(&mut log), ["Apple", "pineapple"]);
        log.received(text("apple pie"), SystemTime::UNIX_EPOCH, Instant::now());
        log.received(text("plum"), SystemTime::UNIX_EPOCH, Instant::now());
        assert_eq!(rows(&mut log), ["Apple", "pineapple", "apple pie"]);
        log.set_filter("");
        assert_eq!(log.shown(), 5);
    }

    #[test]
    fn a_pause_keeps_and_does_not_show() {
        let mut log = log(&["before"]);
        log.pause(true);
        log.received(text("meanwhile"), SystemTime::UNIX_EPOCH, Instant::now());
        assert_eq!((rows(&mut log), log.held_back()), (vec!["before".to_owned()], 1));
        log.set_filter("mean");
        assert_eq!(log.shown(), 0);
        log.pause(false);
        assert_eq!(rows(&mut log), ["meanwhile"]);
    }

    #[test]
    fn an_answer_is_timed_by_the_message_that_it_repeats() {
        let start = Instant::now();
        let after = |millis| start + Duration::from_millis(millis);
        let mut log = Log::default();
        log.sent(text("one"), SystemTime::UNIX_EPOCH, start);
        log.sent(text("two"), SystemTime::UNIX_EPOCH, after(1));
        for (answer, at) in [("news", 2), ("two 17", 5), ("one 4", 9), ("one 4", 10)] {
            log.received(text(answer), SystemTime::UNIX_EPOCH, after(at));
        }
        let times: Vec<_> = log.entries().skip(2).map(|entry| entry.rtt.map(|rtt| rtt.as_millis())).collect();
        assert_eq!(times, [None, Some(4), Some(9), None]);
    }

    #[test]
    fn the_export_has_a_line_per_entry() {
        let mut log = log(&["a\nb"]);
        log.sent(OwnedMessage::Binary(vec![0, 255]), SystemTime::UNIX_EPOCH, Instant::now());
        log.note("closed".to_owned(), SystemTime::UNIX_EPOCH);
        let mut out = Vec::new();
        write_ndjson(log.entries(), &mut out).expect("memory takes it");
        let text = String::from_utf8(out).expect("JSON is UTF-8");
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!(lines.len(), 3);
        assert_eq!(
            (&lines[0]["direction"], &lines[0]["data"], &lines[0]["bytes"]),
            (&json!("in"), &json!("a\nb"), &json!(3))
        );
        assert_eq!((&lines[1]["type"], &lines[1]["base64"]), (&json!("binary"), &json!("AP8=")));
        assert_eq!((&lines[2]["time"], &lines[2]["text"]), (&json!("1970-01-01T00:00:00.000Z"), &json!("closed")));
    }

    #[test]
    fn json_is_indented_and_bytes_are_dumped() {
        let entry = |message| Entry { wall: SystemTime::UNIX_EPOCH, what: What::Received(message), rtt: None };
        assert_eq!(entry(text(r#"{"a":[1]}"#)).whole(), "{\n  \"a\": [\n    1\n  ]\n}");
        assert_eq!(entry(text("{no json")).whole(), "{no json");
        let dump = entry(OwnedMessage::Binary(b"wigwag \xff0123456789".to_vec())).whole();
        assert!(dump.starts_with("000000  77 69 67 77 61 67 20 ff 30"), "{dump}");
        assert!(dump.contains("wigwag .01234567\n000010  38 39"), "{dump}");
    }

    #[test]
    fn hexadecimal_digits_become_bytes() {
        assert_eq!(from_hex("00 fF\n7"), Err("half a byte: two digits make one".to_owned()));
        assert_eq!(from_hex("00 fF"), Ok(vec![0, 255]));
        assert_eq!(from_hex("xy"), Err("'x' is no hexadecimal digit".to_owned()));
    }
}
