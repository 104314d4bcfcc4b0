//! Checks a finished run's totals again from its ledger file, by a way of its own: it shares no counting with the run.
//!
//! Every line is read and counted; the counts must be the totals in the last line. Where the file has all messages, each
//! connection's numbers must run from 0 without a gap or a double, and lateness and order are judged anew from the times.

mod numbers;

use std::{
    collections::HashMap,
    io::{self, BufRead, Read as _},
};

use self::numbers::Numbers;
use super::ledger::{COLUMNS, FORMAT, HEAD, Head, TOTALS, Totals, name};
use crate::{
    account::{Account, Class},
    outcome::Outcome,
    report::words::count,
};

/// Why a file is no ledger.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// It cannot be read.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It is not what `--ledger` writes.
    #[error("line {line}: {why}")]
    Shape {
        /// Counted from 1.
        line: u64,
        /// What is wrong.
        why: String,
    },
}

/// What the check found.
#[derive(Clone, Debug, PartialEq)]
pub struct Verification {
    /// The first line.
    pub head: Head,
    /// The last line; without it the run or the disk ended too early.
    pub totals: Option<Totals>,
    /// Lines by class.
    pub counted: Account,
    /// Lines of messages and arrivals.
    pub lines: u64,
    /// What was compared and agrees.
    pub agrees: Vec<String>,
    /// What does not; empty where the file proves its totals.
    pub problems: Vec<String>,
}

impl Verification {
    /// Whether the file proves its totals.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.problems.is_empty()
    }

    /// Compares the totals with the run's report too.
    pub fn compare_with(&mut self, outcome: &Outcome) {
        let Some(totals) = &self.totals else { return };
        if totals.seed != outcome.seed {
            let (one, other) = (totals.seed, outcome.seed);
            self.problems
                .push(format!("the report is of another run: the ledger's seed is {one}, the report's {other}"));
        } else if totals.account == outcome.account {
            self.agrees.push("the report has the same account".to_owned());
        } else {
            self.problems.push("the report has another account than the ledger".to_owned());
        }
    }
}

/// Reads the whole file once. Memory: a bit per message where the file has all of them, little otherwise.
///
/// # Errors
/// Where the file cannot be read, or is no ledger.
pub fn verify(mut input: impl BufRead) -> Result<Verification, VerifyError> {
    let mut check = Check::default();
    let mut line = String::new();
    let mut number = 0;
    let mut head = None;
    let mut totals = None;
    loop {
        line.clear();
        if (&mut input).take(LINE_BYTES_MAX).read_line(&mut line)? == 0 {
            break;
        }
        number += 1;
        let shape = |why: &str| VerifyError::Shape { line: number, why: why.to_owned() };
        let Some(text) = line.strip_suffix('\n') else {
            // The last line was not written to its end.
            check.cut = true;
            break;
        };
        match number {
            1 => head = Some(read_head(text).map_err(|why| shape(&why))?),
            2 if text == COLUMNS => {}
            2 => return Err(shape("the names of the columns are missing")),
            _ if totals.is_some() => return Err(shape("there is more after the totals")),
            _ => match text.strip_prefix(TOTALS) {
                Some(json) => {
                    totals = Some(serde_json::from_str::<Totals>(json).map_err(|error| shape(&error.to_string()))?);
                }
                None => {
                    let all = head.as_ref().is_some_and(|head: &Head| head.all);
                    let timeout = head.as_ref().map_or(f64::INFINITY, |head| head.timeout);
                    check.row(&row(text).ok_or_else(|| shape("this is no record"))?, all, timeout);
                }
            },
        }
    }
    let head = head.ok_or(VerifyError::Shape { line: 1, why: "the file is empty".to_owned() })?;
    Ok(check.finish(head, totals))
}

fn read_head(text: &str) -> Result<Head, String> {
    let json = text.strip_prefix(HEAD).ok_or("this is no ledger of `wigwag load --ledger`")?;
    let head: Head = serde_json::from_str(json).map_err(|error| error.to_string())?;
    if head.format == FORMAT { Ok(head) } else { Err(format!("the ledger has format {}", head.format)) }
}

struct Row {
    class: Class,
    connection: u32,
    sequence: Option<u64>,
    intended: Option<u64>,
    sent: Option<u64>,
    answered: Option<u64>,
}

fn row(text: &str) -> Option<Row> {
    let mut cells = text.split(',');
    let mut next = || cells.next();
    let class = next()?;
    let class = Class::SENT.into_iter().chain(Class::SURPLUS).find(|other| name(*other) == class)?;
    let connection = next()?.parse().ok()?;
    let row = Row {
        class,
        connection,
        sequence: optional(next()?)?,
        intended: optional(next()?)?,
        sent: optional(next()?)?,
        answered: optional(next()?)?,
    };
    next().is_none().then_some(row)
}

fn optional(cell: &str) -> Option<Option<u64>> {
    if cell.is_empty() { Some(None) } else { cell.parse().ok().map(Some) }
}

#[derive(Default)]
struct Check {
    counted: Account,
    lines: u64,
    numbers: Numbers,
    /// The highest number answered so far, and when, per connection.
    answered: HashMap<u32, (u64, u64)>,
    doubles: u64,
    backwards: u64,
    wrongly_late: u64,
    wrongly_ok: u64,
    cut: bool,
}

impl Check {
    fn row(&mut self, row: &Row, all: bool, timeout: f64) {
        self.lines += 1;
        self.counted[row.class] += 1;
        let times = [row.intended, row.sent, row.answered];
        let known: Vec<u64> = times.into_iter().flatten().collect();
        self.backwards += u64::from(!known.is_sorted());
        let surplus = Class::SURPLUS.contains(&row.class);
        if let (false, Some(sequence)) = (surplus, row.sequence)
            && !self.numbers.insert(row.connection, sequence, self.lines)
        {
            self.doubles += 1;
        }
        if let (Some(sent), Some(answered)) = (row.sent, row.answered) {
            // The tester's clock ticks between two readings: a millisecond decides nothing.
            let took = answered.saturating_sub(sent) as f64 / 1e9;
            match row.class {
                Class::Late => self.wrongly_late += u64::from(took + TOLERANCE < timeout),
                Class::Ok => self.wrongly_ok += u64::from(took - TOLERANCE > timeout),
                _ => {}
            }
        }
        if all && !surplus {
            self.order(row);
        }
    }

    /// An ok message must not be answered after a later one of its connection.
    fn order(&mut self, row: &Row) {
        let (Some(sequence), Some(answered)) = (row.sequence, row.answered) else { return };
        // Answers on another connection say nothing about the order on this one.
        if row.class == Class::Misrouted {
            return;
        }
        let highest = self.answered.entry(row.connection).or_insert((sequence, answered));
        if row.class == Class::Ok && sequence < highest.0 && answered > highest.1 {
            self.wrongly_ok += 1;
        }
        if sequence > highest.0 {
            *highest = (sequence, answered);
        }
    }

    fn finish(self, head: Head, totals: Option<Totals>) -> Verification {
        let mut found = Verification {
            head,
            totals,
            counted: self.counted,
            lines: self.lines,
            agrees: Vec::new(),
            problems: Vec::new(),
        };
        match found.totals.clone() {
            Some(totals) => self.compare(&totals, &mut found),
            None => found.problems.push("the file has no totals: the run or the disk ended before them".to_owned()),
        }
        if self.cut {
            found.problems.push("the last line is cut off".to_owned());
        }
        for (number, what) in [
            (self.doubles, "messages have two lines"),
            (self.backwards, "lines have times that run backwards"),
            (self.wrongly_late, "messages are late although they were answered in time"),
            (self.wrongly_ok, "messages are ok although they were late or out of order"),
        ] {
            if number > 0 {
                found.problems.push(format!("{} {what}", count(number)));
            }
        }
        found
    }

    fn compare(&self, totals: &Totals, found: &mut Verification) {
        if !totals.account.balances() || totals.account.outstanding > 0 {
            found.problems.push("the totals do not balance".to_owned());
        } else {
            found.agrees.push("both equations of the totals balance".to_owned());
        }
        if totals.left_out > 0 {
            let left_out = count(totals.left_out);
            found.problems.push(format!("{left_out} records were left out, because the disk did not keep up"));
        }
        let mut wrong = Vec::new();
        if totals.written != self.lines {
            wrong.push(format!("{} lines, but {} were written", count(self.lines), count(totals.written)));
        }
        for class in Class::SENT.into_iter().chain(Class::SURPLUS) {
            let (lines, total) = (self.counted[class], totals.account[class]);
            if (class != Class::Ok || found.head.all) && lines != total {
                wrong.push(format!("{}: {} lines, but {} in the totals", class.label(), count(lines), count(total)));
            }
        }
        if wrong.is_empty() {
            found.agrees.push(format!("{} lines are what the totals say, class by class", count(self.lines)));
        }
        found.problems.append(&mut wrong);
        if found.head.all {
            self.completeness(totals, found);
        }
    }

    /// With all messages at hand, each connection's numbers must be complete.
    fn completeness(&self, totals: &Totals, found: &mut Verification) {
        let settled = self.counted.settled();
        if settled != totals.account.sent {
            let (lines, sent) = (count(settled), count(totals.account.sent));
            found.problems.push(format!("{lines} messages have a line, but {sent} were sent"));
        }
        match self.numbers.gaps() {
            None => found.problems.push("the numbers are too sparse to be checked".to_owned()),
            Some(0) => {
                let connections = count(self.numbers.connections());
                found.agrees.push(format!("on {connections} connections the numbers run from 0 without a gap"));
            }
            Some(gaps) => {
                found.problems.push(format!("{} messages have no line: their numbers are missing", count(gaps)))
            }
        }
    }
}

/// The totals are the longest line, below 1 KiB.
const LINE_BYTES_MAX: u64 = 1 << 20;
const TOLERANCE: f64 = 0.001;
