//! `wigwag try stream`: prints a text's stream and checks it.
//!
//! Where one character ends and the next begins is the server's business: what is checked is that the pieces make up the
//! text, come back in reverse, and are counted right.

use serde::Deserialize;

use super::{
    connection::{Connection, Event},
    output::Output,
};

/// Has `text` streamed. Whether the whole stream came and was right.
pub(crate) fn run(text: &str, connection: &mut Connection, output: &mut Output) -> anyhow::Result<bool> {
    connection.send(&serde_json::json!({ "message": text }).to_string());
    let mut check = Check::new(text);
    while !check.is_complete() {
        output.pause()?;
        let wrong = match connection.next() {
            Event::Text(json) => match serde_json::from_str(&json) {
                Ok(Item::Error { code, message }) => Some(format!("the server says {code}: {message}")),
                Ok(item) => {
                    item.print(output)?;
                    check.take(item).err()
                }
                Err(error) => Some(format!("not usable: {error}: {json}")),
            },
            Event::Binary(bytes) => Some(format!("a binary message of {bytes} bytes")),
            Event::Timeout => Some(format!("nothing more within {:?}", connection.timeout())),
            Event::Closed(why) => Some(why),
            Event::Interrupted => return Ok(false),
        };
        if let Some(wrong) = wrong {
            output.complain(format_args!("{wrong}"))?;
            return Ok(false);
        }
    }
    let surplus = connection.close();
    if surplus > 0 {
        output.complain(format_args!("{surplus} messages came after the end"))?;
    }
    Ok(surplus == 0)
}

/// One message of a stream.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Item {
    Stream { data: String },
    StreamReverse { data: String },
    Count { last_char: String, count: u64 },
    Error { code: String, message: String },
}

impl Item {
    fn print(&self, output: &mut Output) -> std::io::Result<()> {
        match self {
            Self::Stream { data } => output.line(format_args!("Streamed echo: {data}")),
            Self::StreamReverse { data } => output.line(format_args!("Streamed reverse echo: {data}")),
            Self::Count { last_char, count } => output.line(format_args!("Last char '{last_char}' count: {count}")),
            Self::Error { .. } => Ok(()),
        }
    }
}

/// What has come so far, against the text.
struct Check<'t> {
    text: &'t str,
    /// What of the text has not been streamed yet.
    rest: &'t str,
    pieces: Vec<String>,
    reversed: usize,
    counted: bool,
}

impl<'t> Check<'t> {
    fn new(text: &'t str) -> Self {
        Self { text, rest: text, pieces: Vec::new(), reversed: 0, counted: false }
    }

    /// An empty text has no stream and no count.
    fn is_complete(&self) -> bool {
        self.counted || self.text.is_empty()
    }

    fn take(&mut self, item: Item) -> Result<(), String> {
        match item {
            Item::Stream { data } => {
                let rest = self.rest.strip_prefix(data.as_str()).filter(|_| !data.is_empty());
                self.rest = rest.ok_or_else(|| format!("{data:?} does not come next: {:?} is left", self.rest))?;
                self.pieces.push(data);
            }
            Item::StreamReverse { data } => {
                let next = self.pieces.iter().rev().nth(self.reversed);
                if !self.rest.is_empty() || next != Some(&data) {
                    return Err(format!("{data:?} does not come next on the way back"));
                }
                self.reversed += 1;
            }
            Item::Count { last_char, count } => {
                let last = self.pieces.last();
                let met = self.pieces.iter().filter(|piece| Some(*piece) == last).count() as u64;
                let whole = self.rest.is_empty() && self.reversed == self.pieces.len();
                if !whole || last != Some(&last_char) || count.checked_add(1) != Some(met) {
                    return Err(format!("the count of {last_char:?} is wrong: {count}"));
                }
                self.counted = true;
            }
            Item::Error { code, message } => return Err(format!("{code}: {message}")),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, items: &[(&str, &str)], right: bool) {
        let mut check = Check::new(text);
        let items = items.iter().map(|(kind, data)| match *kind {
            "stream" => Item::Stream { data: (*data).to_owned() },
            "reverse" => Item::StreamReverse { data: (*data).to_owned() },
            count => Item::Count { last_char: (*data).to_owned(), count: count.parse().expect("a count") },
        });
        let outcome: Result<(), String> = items.into_iter().try_for_each(|item| check.take(item));
        assert_eq!(outcome.is_ok() && check.is_complete(), right, "{outcome:?}");
    }

    #[test]
    fn whole_stream_is_right() {
        check("ab", &[("stream", "a"), ("stream", "b"), ("reverse", "b"), ("reverse", "a"), ("0", "b")], true);
        check("éé", &[("stream", "é"), ("stream", "é"), ("reverse", "é"), ("reverse", "é"), ("1", "é")], true);
        check("", &[], true);
    }

    #[test]
    fn anything_else_is_not() {
        check("ab", &[("stream", "a"), ("stream", "b"), ("reverse", "b"), ("reverse", "a")], false);
        check("ab", &[("stream", "a"), ("stream", "a")], false);
        check("ab", &[("stream", "")], false);
        check("ab", &[("stream", "a"), ("reverse", "a")], false);
        check("ab", &[("stream", "a"), ("stream", "b"), ("reverse", "a")], false);
        check("ab", &[("stream", "a"), ("stream", "b"), ("reverse", "b"), ("0", "b")], false);
        check("a", &[("stream", "a"), ("reverse", "a"), ("reverse", "a")], false);
        check("a", &[("stream", "a"), ("reverse", "a"), ("1", "a")], false);
        check("a", &[("stream", "a"), ("reverse", "a"), ("0", "b")], false);
        check("a", &[("0", "a")], false);
        check("", &[("0", "")], false);
        check("a", &[("stream", "a"), ("reverse", "a"), ("18446744073709551615", "a")], false);
    }
}
