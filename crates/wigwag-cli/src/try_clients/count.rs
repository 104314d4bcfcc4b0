//! `wigwag try echo` and `wigwag try random`: one answer per message, all of them checked and counted.

use super::{
    connection::{Connection, Event},
    output::Output,
};

/// What a right answer is.
#[derive(Clone, Copy)]
pub(crate) enum Rule {
    /// The message itself.
    Same,
    /// The message, a space, and a number from 1 to 100.
    Numbered,
}

#[derive(Default)]
struct Tally {
    sent: u64,
    answered: u64,
    wrong: u64,
}

/// Sends `text` `count` times without waiting for answers, up to a window. Whether all were answered right.
pub(crate) fn run(
    rule: Rule,
    text: &str,
    count: u64,
    connection: &mut Connection,
    output: &mut Output,
) -> anyhow::Result<bool> {
    let mut tally = Tally::default();
    let stopped = exchange(rule, text, count, &mut tally, connection, output)?;
    let surplus = if stopped { 0 } else { connection.close() };
    if surplus > 0 {
        output.complain(format_args!("{surplus} messages came that answer nothing"))?;
    }
    let lost = tally.sent - tally.answered;
    output.line(format_args!("{} sent, {} answered, {lost} lost", tally.sent, tally.answered))?;
    if tally.wrong > 0 {
        output.complain(format_args!("{} answers were wrong", tally.wrong))?;
    }
    Ok(tally.answered == count && tally.wrong == 0 && surplus == 0)
}

/// The exchange itself; `true` if it was stopped while answers were missing. After ctrl-c nothing more is sent, and what
/// is under way may still arrive; a second one stops at once.
fn exchange(
    rule: Rule,
    text: &str,
    count: u64,
    tally: &mut Tally,
    connection: &mut Connection,
    output: &mut Output,
) -> anyhow::Result<bool> {
    let mut limit = count;
    while tally.answered < limit {
        while tally.sent < limit && tally.sent - tally.answered < WINDOW && connection.send(text) {
            tally.sent += 1;
        }
        output.progress(tally.answered, count);
        let event = match connection.try_next() {
            Some(event) => event,
            None => {
                output.pause()?;
                connection.next()
            }
        };
        match event {
            Event::Text(answer) => {
                tally.answered += 1;
                output.line(format_args!("{answer}"))?;
                if !rule.fits(text, &answer) {
                    tally.wrong += 1;
                    complain_of(tally, &answer, output)?;
                }
            }
            Event::Binary(bytes) => {
                tally.answered += 1;
                tally.wrong += 1;
                complain_of(tally, &format!("a binary message of {bytes} bytes"), output)?;
            }
            Event::Timeout => {
                output.complain(format_args!("no answer within {:?}", connection.timeout()))?;
                return Ok(true);
            }
            Event::Closed(why) => {
                output.complain(format_args!("{why}"))?;
                return Ok(true);
            }
            Event::Interrupted if limit == tally.sent => return Ok(true),
            Event::Interrupted => limit = tally.sent,
        }
    }
    Ok(false)
}

/// The first wrong answers are shown; that there are more, the count says.
fn complain_of(tally: &Tally, answer: &str, output: &mut Output) -> anyhow::Result<()> {
    if tally.wrong <= WRONG_SHOWN_MAX {
        output.complain(format_args!("answer {} is wrong: {answer:?}", tally.answered))?;
    }
    Ok(())
}

impl Rule {
    fn fits(self, text: &str, answer: &str) -> bool {
        match self {
            Self::Same => answer == text,
            Self::Numbered => {
                let digits = answer.strip_prefix(text).and_then(|rest| rest.strip_prefix(' '));
                let number = digits.and_then(|digits| digits.parse::<u8>().ok());
                // Written back, because "007" and "+7" are numbers to the parser.
                number.is_some_and(|number| (1..=100).contains(&number) && digits == Some(&number.to_string()))
            }
        }
    }
}

/// Messages under way at most: enough to fill a batch, few enough for any server's queue.
const WINDOW: u64 = 256;
const WRONG_SHOWN_MAX: u64 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbered_answer_is_the_text_a_space_and_1_to_100() {
        for (answer, fits) in [
            ("a 1", true),
            ("a 100", true),
            ("a 0", false),
            ("a 101", false),
            ("a 07", false),
            ("a +7", false),
            ("a  7", false),
            ("a 7 ", false),
            ("a7", false),
            ("b 7", false),
            ("a ", false),
            ("a", false),
            ("", false),
        ] {
            assert_eq!(Rule::Numbered.fits("a", answer), fits, "{answer:?}");
        }
        assert!(Rule::Numbered.fits("", " 42"));
        assert!(Rule::Numbered.fits("a 1", "a 1 2"));
    }

    #[test]
    fn same_answer_is_the_text() {
        assert!(Rule::Same.fits("a", "a"));
        assert!(!Rule::Same.fits("a", "a "));
    }
}
