//! What a right answer is: [`Expect`], as `--expect` takes it.

use std::{fmt, str::FromStr};

use regex::bytes::Regex;
use serde_json::Value;

/// What a right answer is.
#[derive(Clone, Debug, Default)]
pub enum Expect {
    /// `echo` or `suffix`, whichever the first answer shows. Until it is known, an answer must be one of the two; the first
    /// that is decides for the whole run.
    #[default]
    Auto,
    /// The message itself.
    Echo,
    /// The message, a space and a whole number from 1 to 100.
    Suffix,
    /// A JSON text that has the message at this place.
    Json(JsonPath),
    /// A message that this regular expression matches; answers are counted in the order of the messages.
    Match(Regex),
    /// So many messages, whatever they are.
    Count(u32),
    /// No answer; what comes is counted as unsolicited, which is no failure here.
    Nothing,
}

/// Why an expectation cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExpectError {
    /// Not one of the words.
    #[error("{0:?} is no expectation: use auto, echo, suffix, json:PATH, match:REGEX, count:N or none")]
    Unknown(String),
    /// An empty path.
    #[error("json: needs a path, such as json:data.text or json:/items/0")]
    Path,
    /// A broken regular expression.
    #[error("match: {0}")]
    Regex(String),
    /// Not a number from 1 on.
    #[error("{0:?} is no number of answers: use count:1 or more")]
    Count(String),
}

impl FromStr for Expect {
    type Err = ExpectError;

    fn from_str(text: &str) -> Result<Self, ExpectError> {
        match text.split_once(':') {
            None if text == "auto" => Ok(Self::Auto),
            None if text == "echo" => Ok(Self::Echo),
            None if text == "suffix" => Ok(Self::Suffix),
            None if text == "none" => Ok(Self::Nothing),
            Some(("json", path)) => Ok(Self::Json(path.parse()?)),
            Some(("match", regex)) => {
                Regex::new(regex).map(Self::Match).map_err(|error| ExpectError::Regex(error.to_string()))
            }
            Some(("count", count)) => match count.parse() {
                Ok(count @ 1..) => Ok(Self::Count(count)),
                _ => Err(ExpectError::Count(count.to_owned())),
            },
            _ => Err(ExpectError::Unknown(text.to_owned())),
        }
    }
}

impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Echo => f.write_str("echo"),
            Self::Suffix => f.write_str("suffix"),
            Self::Json(path) => write!(f, "json:{path}"),
            Self::Match(regex) => write!(f, "match:{regex}"),
            Self::Count(count) => write!(f, "count:{count}"),
            Self::Nothing => f.write_str("none"),
        }
    }
}

/// A place in a JSON text: `data.text`, `items.0`, or a JSON pointer (`/data/text`, RFC 6901).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonPath {
    text: String,
    pointer: String,
}

impl JsonPath {
    /// What is at this place.
    #[must_use]
    pub fn find<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        value.pointer(&self.pointer)
    }
}

impl FromStr for JsonPath {
    type Err = ExpectError;

    fn from_str(text: &str) -> Result<Self, ExpectError> {
        let pointer = match text {
            "" => return Err(ExpectError::Path),
            pointer if pointer.starts_with('/') => pointer.to_owned(),
            dotted => {
                dotted.split('.').map(|part| format!("/{}", part.replace('~', "~0").replace('/', "~1"))).collect()
            }
        };
        Ok(Self { text: text.to_owned(), pointer })
    }
}

impl fmt::Display for JsonPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expectations_are_read_and_written_alike() {
        for text in ["auto", "echo", "suffix", "none", "json:a.b", "json:/a/0", "match:^a:b$", "count:3"] {
            assert_eq!(text.parse::<Expect>().expect(text).to_string(), text);
        }
    }

    #[test]
    fn errors_say_what_to_write_instead() {
        for (text, expected) in [
            ("ehco", "use auto, echo"),
            ("json:", "needs a path"),
            ("match:(", "unclosed"),
            ("count:0", "count:1 or more"),
            ("count:x", "count:1 or more"),
        ] {
            let error = text.parse::<Expect>().expect_err(text).to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn paths_reach_into_objects_and_arrays() {
        let value = serde_json::json!({"a": {"b/c": [1, {"d": "found"}]}});
        for path in ["a.b/c.1.d", "/a/b~1c/1/d"] {
            assert_eq!(path.parse::<JsonPath>().unwrap().find(&value), Some(&Value::from("found")));
        }
        assert_eq!("a.x".parse::<JsonPath>().unwrap().find(&value), None);
    }
}
