//! A conversation as NDJSON: one JSON object a line, for `--record`, `/save` and `--replay`.
//!
//! ```json
//! {"time":"2026-11-21T08:00:00.123456Z","at":1.5,"direction":"out","type":"text","data":"hello"}
//! {"time":"2026-11-21T08:00:00.124000Z","at":1.500877,"direction":"in","type":"binary","base64":"AAEC"}
//! ```
//! `at` counts seconds from the start. Opening, Pongs and the end stand there as well (`open`, `pong`, `close`).

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read as _},
    path::Path,
    time::{Duration, SystemTime},
};

use anyhow::{Context as _, bail};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use wigwag_net::OwnedMessage;

/// One line of a record.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Entry {
    time: String,
    at: f64,
    direction: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<u16>,
}

/// From this side to the other, or the reverse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    In,
    Out,
}

/// When something happened: for people, and since the start.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stamp {
    pub(super) wall: SystemTime,
    pub(super) at: Duration,
}

impl Entry {
    fn new(stamp: Stamp, direction: Direction, kind: &str) -> Self {
        Self {
            time: humantime::format_rfc3339_micros(stamp.wall).to_string(),
            at: stamp.at.as_micros() as f64 / 1e6,
            direction: direction.name().to_owned(),
            kind: kind.to_owned(),
            ..Self::default()
        }
    }

    pub(super) fn message(stamp: Stamp, direction: Direction, message: &OwnedMessage) -> Self {
        match message {
            OwnedMessage::Text(text) => Self { data: Some(text.clone()), ..Self::new(stamp, direction, "text") },
            OwnedMessage::Binary(bytes) => {
                Self { base64: Some(STANDARD.encode(bytes)), ..Self::new(stamp, direction, "binary") }
            }
        }
    }

    /// Something else that happened, in words.
    pub(super) fn event(stamp: Stamp, direction: Direction, kind: &str, words: &str, code: Option<u16>) -> Self {
        Self { data: Some(words.to_owned()), code, ..Self::new(stamp, direction, kind) }
    }

    /// The line, without its end.
    pub(super) fn line(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// What was sent, if this is such an entry, and when.
    fn sent(self) -> anyhow::Result<Option<(Duration, OwnedMessage)>> {
        if self.direction != Direction::Out.name() {
            return Ok(None);
        }
        let message = match (self.kind.as_str(), self.data, self.base64) {
            ("text", Some(text), _) => OwnedMessage::Text(text),
            ("binary", _, Some(base64)) => {
                OwnedMessage::Binary(STANDARD.decode(base64).context("its base64 cannot be read")?)
            }
            ("text" | "binary", ..) => bail!("it has no payload"),
            _ => return Ok(None),
        };
        let at = Duration::try_from_secs_f64(self.at).context("its time cannot be used")?;
        Ok(Some((at, message)))
    }
}

impl Direction {
    const fn name(self) -> &'static str {
        match self {
            Self::In => "in",
            Self::Out => "out",
        }
    }
}

/// Reads what a record has as sent, one after the other.
pub(super) struct Replay {
    lines: BufReader<File>,
    number: usize,
    name: String,
}

impl Replay {
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Self { lines: BufReader::new(file), number: 0, name: path.display().to_string() })
    }

    fn next_sent(&mut self) -> anyhow::Result<Option<(Duration, OwnedMessage)>> {
        loop {
            let mut line = Vec::new();
            self.number += 1;
            let where_it_is = || format!("{}, line {}", self.name, self.number);
            (&mut self.lines).take(LINE_BYTES_MAX).read_until(b'\n', &mut line).with_context(where_it_is)?;
            if line.is_empty() {
                return Ok(None);
            }
            if line.trim_ascii().is_empty() {
                continue;
            }
            let entry: Entry = serde_json::from_slice(&line)
                .with_context(|| format!("{}, line {} is no line of a record", self.name, self.number))?;
            if let Some(sent) = entry.sent().with_context(|| format!("{}, line {}", self.name, self.number))? {
                return Ok(Some(sent));
            }
        }
    }
}

impl Iterator for Replay {
    /// How long after the start, and what.
    type Item = anyhow::Result<(Duration, OwnedMessage)>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_sent().transpose()
    }
}

/// Whether both paths lead to one file, which then cannot be read and written at once.
pub(super) fn is_same_file(one: &Path, other: &Path) -> bool {
    let canonical = |path: &Path| path.canonicalize();
    let same: io::Result<bool> = canonical(one).and_then(|one| Ok(one == canonical(other)?));
    same.unwrap_or(false)
}

/// A message of 64 MiB in base64 or with escapes, and room for the rest.
const LINE_BYTES_MAX: u64 = 400 << 20;

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn stamp(at: f64) -> Stamp {
        Stamp { wall: SystemTime::UNIX_EPOCH + Duration::from_millis(1_500), at: Duration::from_secs_f64(at) }
    }

    fn replay(lines: &str) -> Vec<Result<(f64, OwnedMessage), String>> {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        file.write_all(lines.as_bytes()).expect("written");
        let sent = Replay::open(file.path()).expect("it is there");
        let plain = |sent: anyhow::Result<(Duration, OwnedMessage)>| match sent {
            Ok((at, message)) => Ok((at.as_secs_f64(), message)),
            Err(error) => Err(format!("{error:#}")),
        };
        sent.map(plain).take(10).collect()
    }

    #[test]
    fn lines_are_json_that_names_time_direction_and_type() {
        let text = Entry::message(stamp(0.25), Direction::Out, &"a\n\"b\"".into());
        let expected =
            r#"{"time":"1970-01-01T00:00:01.500000Z","at":0.25,"direction":"out","type":"text","data":"a\n\"b\""}"#;
        assert_eq!(text.line(), expected);
        let binary = Entry::message(stamp(0.0), Direction::In, &vec![0, 1, 2].into());
        assert!(binary.line().ends_with(r#""direction":"in","type":"binary","base64":"AAEC"}"#), "{}", binary.line());
        let close = Entry::event(stamp(0.0), Direction::In, "close", "going away", Some(1001));
        assert!(close.line().ends_with(r#""type":"close","data":"going away","code":1001}"#), "{}", close.line());
    }

    #[test]
    fn a_replay_is_what_was_sent_and_when() {
        let lines = [
            Entry::event(stamp(0.0), Direction::In, "open", "ws://a/", None),
            Entry::message(stamp(0.5), Direction::Out, &"one".into()),
            Entry::message(stamp(0.75), Direction::In, &"one 42".into()),
            Entry::message(stamp(1.0), Direction::Out, &vec![0, 255].into()),
            Entry::event(stamp(2.0), Direction::Out, "close", "", Some(1000)),
        ];
        let text: String = lines.iter().map(|entry| entry.line() + "\n\n").collect();
        assert_eq!(replay(&text), [Ok((0.5, "one".into())), Ok((1.0, vec![0, 255].into()))]);
    }

    #[test]
    fn a_line_that_cannot_be_replayed_is_named() {
        for (line, expected) in [
            ("hello", "line 1 is no line of a record"),
            (r#"{"time":"","at":0,"direction":"out","type":"text"}"#, "line 1: it has no payload"),
            (r#"{"time":"","at":0,"direction":"out","type":"binary","base64":"?"}"#, "its base64"),
            (r#"{"time":"","at":-1,"direction":"out","type":"text","data":""}"#, "its time"),
        ] {
            let sent = replay(line);
            assert!(matches!(&sent[0], Err(why) if why.contains(expected)), "{sent:?}");
        }
    }

    #[test]
    fn a_file_is_the_same_by_any_path() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("a");
        std::fs::write(&file, "").expect("written");
        assert!(is_same_file(&file, &dir.path().join(".").join("a")));
        assert!(!is_same_file(&file, &dir.path().join("b")));
    }
}
