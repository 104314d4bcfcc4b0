//! Whether a message is what a step expects.

use std::fmt;

use regex::bytes::Regex;
use serde_json::Value;

use crate::plan::{JsonPath, Template};

/// What a message must be; all that is given must hold, and a matcher without anything fits every message.
#[derive(Clone, Debug, Default)]
pub struct Matcher {
    /// It is this text.
    pub text: Option<Template>,
    /// This text is in it.
    pub contains: Option<Template>,
    /// It is JSON, and has these values at these places.
    pub json: Vec<(JsonPath, Saying)>,
    /// This regular expression matches somewhere in it.
    pub regex: Option<Regex>,
    /// It is binary; else it is text.
    pub binary: bool,
}

/// A value in JSON.
#[derive(Clone, Debug, PartialEq)]
pub enum Saying {
    /// A text.
    Text(Template),
    /// A number or a boolean.
    Value(Value),
}

/// A message that came in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heard<'a> {
    pub(crate) content: &'a [u8],
    pub(crate) is_binary: bool,
}

impl Matcher {
    /// Whether the message fits; `fill` writes a template with its values to a string.
    pub(crate) fn fits(&self, heard: Heard<'_>, mut fill: impl FnMut(&Template, &mut String)) -> bool {
        let mut filled = String::new();
        let mut filled = |template: &Template| {
            filled.clear();
            fill(template, &mut filled);
            filled.clone()
        };
        if heard.is_binary != self.binary {
            return false;
        }
        let content = heard.content;
        self.text.as_ref().is_none_or(|text| filled(text).as_bytes() == content)
            && self.contains.as_ref().is_none_or(|text| contains(content, filled(text).as_bytes()))
            && self.regex.as_ref().is_none_or(|regex| regex.is_match(content))
            && (self.json.is_empty() || self.fits_json(content, filled))
    }

    fn fits_json(&self, content: &[u8], mut filled: impl FnMut(&Template) -> String) -> bool {
        let Ok(value) = serde_json::from_slice::<Value>(content) else { return false };
        self.json.iter().all(|(path, saying)| match (path.find(&value), saying) {
            (Some(Value::String(found)), Saying::Text(template)) => *found == filled(template),
            (Some(Value::Number(found)), Saying::Value(Value::Number(wanted))) => found.as_f64() == wanted.as_f64(),
            (Some(found), Saying::Value(wanted)) => found == wanted,
            _ => false,
        })
    }
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        parts.extend(self.text.iter().map(|text| format!("text {text}")));
        parts.extend(self.contains.iter().map(|text| format!("contains {text}")));
        parts.extend(self.regex.iter().map(|regex| format!("match {regex}")));
        parts.extend(self.json.iter().map(|(path, saying)| match saying {
            Saying::Text(text) => format!("json {path} = {text}"),
            Saying::Value(value) => format!("json {path} = {value}"),
        }));
        if parts.is_empty() {
            parts.push("any message".to_owned());
        }
        f.write_str(&parts.join(", "))
    }
}

fn contains(content: &[u8], text: &[u8]) -> bool {
    text.is_empty() || content.windows(text.len()).any(|window| window == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(matcher: &Matcher, content: &str) -> bool {
        let heard = Heard { content: content.as_bytes(), is_binary: false };
        matcher.fits(heard, |template, out| out.push_str(&template.to_string().replace("{sequence}", "7")))
    }

    fn template(text: &str) -> Template {
        text.parse().expect("a template")
    }

    #[test]
    fn texts_are_compared_with_their_values_filled_in() {
        let matcher = Matcher { text: Some(template("hello {sequence}")), ..Matcher::default() };
        assert!(fits(&matcher, "hello 7"));
        assert!(!fits(&matcher, "hello 8") && !fits(&matcher, "hello 7 "));
        let matcher = Matcher { contains: Some(template("<{sequence}>")), ..Matcher::default() };
        assert!(fits(&matcher, "a <7> b") && !fits(&matcher, "a 7 b"));
    }

    #[test]
    fn every_place_in_json_must_have_its_value() {
        let json = [
            ("type", Saying::Text(template("tick"))),
            ("data.number", Saying::Value(Value::from(4))),
            ("data.ok", Saying::Value(Value::from(true))),
        ];
        let json = json.map(|(path, saying)| (path.parse().expect("a path"), saying)).into();
        let matcher = Matcher { json, ..Matcher::default() };
        assert!(fits(&matcher, r#"{"type":"tick","data":{"number":4.0,"ok":true,"more":1}}"#));
        for wrong in [
            r#"{"type":"tock","data":{"number":4,"ok":true}}"#,
            r#"{"type":"tick","data":{"number":"4","ok":true}}"#,
            r#"{"type":"tick","data":{"number":4}}"#,
            "no json",
        ] {
            assert!(!fits(&matcher, wrong), "{wrong}");
        }
    }

    #[test]
    fn all_that_is_given_must_hold_and_nothing_given_fits_all_of_its_kind() {
        let regex = Some(Regex::new("^a").expect("a regex"));
        let both = Matcher { regex, contains: Some(template("z")), ..Matcher::default() };
        assert!(fits(&both, "a to z") && !fits(&both, "to z") && !fits(&both, "a to y"));
        assert!(fits(&Matcher::default(), ""));
        assert!(!fits(&Matcher { binary: true, ..Matcher::default() }, ""));
    }
}
