//! `wigwag try letters`: subscribes to letters and prints their updates.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use super::{
    connection::{Connection, Event},
    output::Output,
};

/// A letter as an argument, in upper case.
pub(crate) fn parse(argument: &str) -> Result<char, String> {
    match argument.as_bytes() {
        [letter] if letter.is_ascii_alphabetic() => Ok(char::from(letter.to_ascii_uppercase())),
        _ => Err("expected one letter, A to Z".to_owned()),
    }
}

/// Prints updates of `letters` for `duration`, or until ctrl-c. Whether each letter had one, and all were right.
pub(crate) fn run(
    letters: &[char],
    duration: Option<Duration>,
    connection: &mut Connection,
    output: &mut Output,
) -> anyhow::Result<bool> {
    let letters: BTreeSet<char> = letters.iter().copied().collect();
    for letter in &letters {
        connection.send(&format!(r#"{{"action":"subscribe","letter":"{letter}"}}"#));
    }
    let start = Instant::now();
    let end = duration.map(|duration| start + duration);
    let mut silent = letters.clone();
    loop {
        output.flush()?;
        // Subscribing answers at once: only the first update of each letter has a time-out of its own.
        let answers_due = (!silent.is_empty()).then(|| start + connection.timeout());
        let deadline = [end, answers_due].into_iter().flatten().min();
        let wrong = match connection.next_until(deadline.unwrap_or_else(|| Instant::now() + POLL)) {
            Event::Text(json) => match number(&json, &letters) {
                Some((letter, number)) => {
                    output.line(format_args!("Letter {letter} updated with number {number}."))?;
                    silent.remove(&letter);
                    None
                }
                None => Some(format!("not an update of these letters: {json}")),
            },
            Event::Binary(bytes) => Some(format!("not an update: a binary message of {bytes} bytes")),
            Event::Timeout if end.is_some_and(|end| Instant::now() >= end) => break,
            Event::Timeout if answers_due.is_none() => None,
            Event::Timeout => Some(format!("no update of {silent:?} within {:?}", connection.timeout())),
            Event::Closed(why) => Some(why),
            Event::Interrupted => break,
        };
        if let Some(wrong) = wrong {
            output.complain(format_args!("{wrong}"))?;
            return Ok(false);
        }
    }
    connection.close();
    if !silent.is_empty() {
        output.complain(format_args!("no update of {silent:?}"))?;
    }
    Ok(silent.is_empty())
}

/// The letter and number of an update of one of `letters`.
fn number(json: &str, letters: &BTreeSet<char>) -> Option<(char, u16)> {
    let update: BTreeMap<char, u16> = serde_json::from_str(json).ok()?;
    let (letter, number) = update.first_key_value()?;
    let right = update.len() == 1 && letters.contains(letter) && (1000..=9999).contains(number);
    right.then_some((*letter, *number))
}

/// How long to wait where there is nothing to wait for but the next update.
const POLL: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_letters_in_any_case() {
        assert_eq!(parse("a"), Ok('A'));
        assert_eq!(parse("Z"), Ok('Z'));
        for argument in ["", "AB", "1", "é"] {
            parse(argument).expect_err(argument);
        }
    }

    #[test]
    fn update_is_one_letter_asked_for_with_four_digits() {
        let letters = BTreeSet::from(['A', 'B']);
        assert_eq!(number(r#"{"A":1234}"#, &letters), Some(('A', 1234)));
        for json in [
            r#"{"C":1234}"#,
            r#"{"a":1234}"#,
            r#"{"A":999}"#,
            r#"{"A":10000}"#,
            r#"{"A":1234,"B":1234}"#,
            r#"{"A":"1234"}"#,
            r#"{"error":"no"}"#,
            "{}",
            "1234",
            "",
        ] {
            assert_eq!(number(json, &letters), None, "{json}");
        }
    }
}
