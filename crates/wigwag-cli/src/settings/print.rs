//! The effective configuration as TOML: each setting with a comment where its value came from. Read back as a file of
//! the working directory, to which relative paths refer, it gives the same settings. Nothing secret is in it, as settings
//! hold paths of secrets only.

use std::fmt::Write as _;

use super::{Effective, Place, Serving};

/// A whole TOML file, with the settings of one command or of all.
pub(crate) fn to_toml(effective: &Effective, serving: Option<Serving>) -> String {
    let is_read = |place: &&Place| serving.is_none_or(|serving| place.setting.is_read_by(serving));
    let places: Vec<&Place> = effective.places.iter().filter(is_read).collect();
    let mut out = format!("# Effective configuration of wigwag {}\n", env!("CARGO_PKG_VERSION"));
    let width = places.iter().map(|place| assignment(place).len()).max().unwrap_or(0).min(COLUMN_MAX);
    let mut about = "";
    for place in places {
        if place.setting.about != about {
            about = place.setting.about;
            let _ = write!(out, "\n# {}\n", first_sentence(about));
            if !place.setting.table.is_empty() {
                let _ = writeln!(out, "[{}]", place.setting.table);
            }
        }
        let _ = writeln!(out, "{:width$}  # {}", assignment(place), comment(&place.source_text()));
    }
    out
}

fn first_sentence(text: &str) -> String {
    format!("{}.", text.trim().trim_end_matches('.').split(". ").next().unwrap_or_default())
}

/// `key = value` in TOML.
fn assignment(place: &Place) -> String {
    let values: Vec<String> = place.texts.iter().map(|text| literal(text)).collect();
    let value = if place.setting.many { format!("[{}]", values.join(", ")) } else { values.join("") };
    format!("{} = {value}", place.setting.key())
}

fn literal(text: &str) -> String {
    let is_bare = matches!(text, "true" | "false") || text.parse::<u32>().is_ok();
    if is_bare { text.to_owned() } else { quoted(text) }
}

/// A basic string (TOML 1.0, "String").
fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => drop(write!(out, "\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A path may hold what a comment must not.
fn comment(text: &str) -> String {
    text.replace(char::is_control, "?")
}

/// Comments of ordinary lines stand in one column; a longer line only moves its own.
const COLUMN_MAX: usize = 48;
