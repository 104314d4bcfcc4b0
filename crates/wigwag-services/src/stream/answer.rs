//! One text's answer, item by item: its characters forwards, then backwards, then the count. Knows nothing of sockets
//! or time.
//!
//! A character is an extended grapheme cluster (Unicode Standard Annex #29): what a person sees as one.

use serde::Serialize;
use unicode_segmentation::UnicodeSegmentation as _;

/// What is still to be said about one text.
#[derive(Debug)]
pub(super) struct Answer {
    text: String,
    /// Where each character ends, as far as they have been said. Walking backwards needs them: finding the boundary
    /// before a position can take a look at the whole text before it.
    ends: Vec<u32>,
    /// Characters still to be said backwards; before that, all that were said.
    left: usize,
    /// How often the last character was met on the way back, itself included.
    met: u64,
    phase: Phase,
}

#[derive(Debug, PartialEq, Eq)]
enum Phase {
    Forwards,
    Backwards,
    Count,
}

/// One message of an answer.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "StreamItem"))]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Item<'a> {
    /// On the way forwards.
    Stream {
        /// One character.
        data: &'a str,
    },
    /// On the way back.
    StreamReverse {
        /// One character.
        data: &'a str,
    },
    /// The end.
    Count {
        /// The text's last character.
        last_char: &'a str,
        /// How often it occurs before.
        count: u64,
    },
}

impl Answer {
    /// The answer to `text`; none to an empty one.
    pub(super) fn new(text: String) -> Option<Self> {
        // Positions are kept in four bytes each; messages of 4 GiB are beyond every bound that can be set.
        let usable = !text.is_empty() && u32::try_from(text.len()).is_ok();
        usable.then(|| Self { text, ends: Vec::new(), left: 0, met: 0, phase: Phase::Forwards })
    }

    /// What comes next; `None` when all is said.
    pub(super) fn next(&mut self) -> Option<Item<'_>> {
        if self.phase == Phase::Forwards {
            let start = self.ends.last().map_or(0, |end| *end as usize);
            if start < self.text.len() {
                let data = self.text[start..].graphemes(true).next()?;
                self.ends.push((start + data.len()) as u32);
                self.left = self.ends.len();
                return Some(Item::Stream { data });
            }
            self.phase = Phase::Backwards;
        }
        if self.phase == Phase::Backwards {
            if self.left > 0 {
                self.left -= 1;
                self.met += u64::from(self.character(self.left) == self.last());
                return Some(Item::StreamReverse { data: self.character(self.left) });
            }
            self.phase = Phase::Count;
            return Some(Item::Count { last_char: self.last(), count: self.met - 1 });
        }
        None
    }

    /// Size of the text.
    pub(super) fn text_bytes(&self) -> usize {
        self.text.len()
    }

    fn character(&self, index: usize) -> &str {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        &self.text[start..self.ends[index] as usize]
    }

    fn last(&self) -> &str {
        self.character(self.ends.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        let Some(mut answer) = Answer::new(text.to_owned()) else { return Vec::new() };
        let mut lines = Vec::new();
        while let Some(item) = answer.next() {
            lines.push(serde_json::to_string(&item).expect("strings and a number"));
        }
        assert!(answer.next().is_none(), "what is over stays over");
        lines
    }

    /// Checks the whole answer against the characters that a person sees.
    fn check(characters: &[&str], count: u64) {
        let json = |text: &str| serde_json::to_string(text).expect("a string");
        let forwards = characters.iter().map(|one| format!(r#"{{"type":"stream","data":{}}}"#, json(one)));
        let backwards = characters.iter().rev();
        let backwards = backwards.map(|one| format!(r#"{{"type":"stream_reverse","data":{}}}"#, json(one)));
        let last = json(characters.last().expect("not empty"));
        let counted = format!(r#"{{"type":"count","last_char":{last},"count":{count}}}"#);
        let expected: Vec<String> = forwards.chain(backwards).chain([counted]).collect();
        assert_eq!(lines(&characters.concat()), expected);
    }

    #[test]
    fn sentence_is_46_and_46_and_1_with_count_4() {
        let text = "The quick brown fox jumped over the lazy dog o";
        let characters: Vec<&str> = text.split("").filter(|one| !one.is_empty()).collect();
        check(&characters, 4);
        assert_eq!(lines(text).len(), 46 + 46 + 1);
    }

    #[test]
    fn formats_are_exact() {
        assert_eq!(
            lines("ab"),
            [
                r#"{"type":"stream","data":"a"}"#,
                r#"{"type":"stream","data":"b"}"#,
                r#"{"type":"stream_reverse","data":"b"}"#,
                r#"{"type":"stream_reverse","data":"a"}"#,
                r#"{"type":"count","last_char":"b","count":0}"#,
            ]
        );
    }

    #[test]
    fn empty_text_has_no_answer() {
        assert!(lines("").is_empty());
    }

    #[test]
    fn counts_the_last_character_before_itself() {
        check(&["a"], 0);
        check(&["a", "a", "a"], 2);
        check(&["a", "b", "a", "A"], 0);
    }

    #[test]
    fn quotes_and_control_characters_are_escaped() {
        check(&["\"", "\\", "\n", "\u{1}", "/", "\""], 1);
    }

    mod grapheme_clusters {
        use super::*;

        #[test]
        fn families_flags_and_skin_tones_are_one_character() {
            check(&["👨‍👩‍👧‍👦", "x", "👍🏽", "👍", "👨‍👩‍👧‍👦"], 1);
            check(&["🇩🇪", "🇫🇷", "🇩🇪"], 1);
        }

        #[test]
        fn combining_marks_stay_with_their_base() {
            check(&["e\u{301}", "e", "é", "e\u{301}"], 1);
            check(&["\r\n", "\n", "\r\n"], 1);
            check(&["각", "\u{1100}\u{1161}\u{11a8}"], 0);
        }

        #[test]
        fn steps_agree_with_the_text_taken_whole() {
            let flags = "🇩🇪🇫🇷🇪🇸".repeat(200) + "🇩";
            for text in [&*flags, "a\u{200d}🇩🇪\u{301}👩‍🚀क्षि\u{600}1\r\n\r", "\u{301}\u{301}\u{200d}"]
            {
                check(&text.graphemes(true).collect::<Vec<_>>(), {
                    let all: Vec<_> = text.graphemes(true).collect();
                    all.iter().filter(|one| Some(*one) == all.last()).count() as u64 - 1
                });
            }
        }
    }
}
