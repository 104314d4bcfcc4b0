//! What is sent: the ledger's own payload, a template, or the lines of a file.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

/// Where messages come from.
#[derive(Clone, Debug, Default)]
pub enum Payload {
    /// The ledger's own: run, connection, sequence number and checksum, filled up to the size.
    #[default]
    Ledger,
    /// One text with placeholders.
    Template(Template),
    /// Several in turn: the lines of a file, each with placeholders. Not empty.
    Lines(Arc<[Template]>),
}

/// A text with placeholders: `{connection}`, `{sequence}`, `{time}` (Unix time in milliseconds), `{random}` (a whole
/// number from 0 to 999,999), `{ledger}` (16 characters that name run, connection and sequence number). `{{` is a brace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    text: String,
    pub(crate) parts: Vec<Part>,
}

/// A piece of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Text(String),
    Connection,
    Sequence,
    Time,
    Random,
    Ledger,
}

/// Why a payload cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PayloadError {
    /// A placeholder that does not exist.
    #[error(
        "unknown placeholder {{{0}}}: use {{connection}}, {{sequence}}, {{time}}, {{random}} or {{ledger}}, and {{{{ for a brace"
    )]
    Placeholder(String),
    /// A size that is no size.
    #[error("{0:?} is no size: use bytes such as 64, 16KiB, or a range such as 16..4KiB")]
    Size(String),
}

impl Template {
    /// Whether each message names its connection and sequence number, so that every answer can be told apart.
    #[must_use]
    pub fn has_ledger(&self) -> bool {
        self.parts.contains(&Part::Ledger)
    }
}

impl FromStr for Template {
    type Err = PayloadError;

    /// A brace that does not enclose a placeholder's name stands for itself, so that JSON can be written as it is; a name
    /// in braces that is no placeholder is an error.
    fn from_str(text: &str) -> Result<Self, PayloadError> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('{') {
            plain.push_str(&rest[..at]);
            rest = &rest[at..];
            if let Some(after) = rest.strip_prefix("{{") {
                plain.push('{');
                rest = after;
                continue;
            }
            let name = rest[1..].split_once('}').map(|(name, _)| name).filter(|name| is_name(name));
            let Some(name) = name else {
                plain.push('{');
                rest = &rest[1..];
                continue;
            };
            let part = match name {
                "connection" => Part::Connection,
                "sequence" => Part::Sequence,
                "time" => Part::Time,
                "random" => Part::Random,
                "ledger" => Part::Ledger,
                _ => return Err(PayloadError::Placeholder(name.to_owned())),
            };
            if !plain.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut plain)));
            }
            parts.push(part);
            rest = &rest[name.len() + 2..];
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Ok(Self { text: text.to_owned(), parts })
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase())
}

/// A range of sizes in bytes, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sizes {
    /// The least.
    pub least: u32,
    /// The most.
    pub most: u32,
}

impl Sizes {
    /// Always the same.
    #[must_use]
    pub const fn exactly(bytes: u32) -> Self {
        Self { least: bytes, most: bytes }
    }
}

impl FromStr for Sizes {
    type Err = PayloadError;

    fn from_str(text: &str) -> Result<Self, PayloadError> {
        let invalid = || PayloadError::Size(text.to_owned());
        let (least, most) = text.split_once("..").unwrap_or((text, text));
        let sizes = Self {
            least: bytes(least).ok_or_else(invalid)?,
            most: bytes(most.trim_start_matches('=')).ok_or_else(invalid)?,
        };
        if sizes.least <= sizes.most { Ok(sizes) } else { Err(invalid()) }
    }
}

impl fmt::Display for Sizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.least == self.most { write!(f, "{}", self.least) } else { write!(f, "{}..{}", self.least, self.most) }
    }
}

/// `64`, `16k`, `16KiB`, `1MiB`; a thousand is 1024 here.
fn bytes(text: &str) -> Option<u32> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let factor = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" | "kib" => 1 << 10,
        "m" | "mb" | "mib" => 1 << 20,
        _ => return None,
    };
    number.parse::<u32>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_have_placeholders_and_braces() {
        let template: Template = r#"{"id":{sequence},"c":"{connection}","t":{{x}}"#.parse().unwrap();
        assert_eq!(template.parts.len(), 5);
        assert_eq!(template.parts[0], Part::Text(r#"{"id":"#.to_owned()));
        assert_eq!(template.parts[4], Part::Text(r#"","t":{x}}"#.to_owned()));
        assert!(!template.has_ledger());
        assert!("x {ledger}".parse::<Template>().unwrap().has_ledger());
        assert_eq!("{seq}".parse::<Template>(), Err(PayloadError::Placeholder("seq".to_owned())));
        assert_eq!("{".parse::<Template>().unwrap().parts, [Part::Text("{".to_owned())]);
        assert_eq!("".parse::<Template>().unwrap().parts, []);
    }

    #[test]
    fn sizes_are_bytes_or_ranges_of_them() {
        assert_eq!("64".parse(), Ok(Sizes::exactly(64)));
        assert_eq!("16..4KiB".parse(), Ok(Sizes { least: 16, most: 4096 }));
        for text in ["", "x", "5..4", "1TiB", "99999999999", "-1"] {
            assert!(text.parse::<Sizes>().is_err(), "{text}");
        }
    }
}
