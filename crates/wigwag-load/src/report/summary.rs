//! The text at the end of a run: the verdict first, then the equations, then the figures.
//!
//! Sixteen colours at most, and none is needed to understand it. [`summary`] with [`Paint::Plain`] has no escapes; a command
//! that prints through a stream which strips them may ask for [`Paint::Ansi`] always.

mod sections;

pub(in crate::report) use self::sections::{COLUMNS, cell, figure, offender_line, rows};

use crate::{
    outcome::{Outcome, Verdict},
    report::{equation::Equation, words},
};

/// Whether the text has colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Paint {
    /// Text alone.
    #[default]
    Plain,
    /// With ANSI escapes of the sixteen colours.
    Ansi,
}

/// What a piece of text means, which decides its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// A heading, or a figure that matters most.
    Strong,
    /// What is as it should be.
    Ok,
    /// What deserves a look.
    Warn,
    /// What is wrong.
    Bad,
    /// What explains.
    Muted,
}

impl Paint {
    /// The text in this tone.
    #[must_use]
    pub fn paint(self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Strong => "1",
            Tone::Ok => "1;32",
            Tone::Warn => "1;33",
            Tone::Bad => "1;31",
            Tone::Muted => "2",
        };
        match self {
            Self::Plain => text.to_owned(),
            Self::Ansi => format!("\x1b[{code}m{text}\x1b[0m"),
        }
    }
}

/// The whole summary; ends with a line break.
#[must_use]
pub fn summary(outcome: &Outcome, paint: Paint) -> String {
    let mut text = Text { out: String::new(), paint };
    text.verdict(outcome);
    text.equations(outcome);
    sections::thresholds(&mut text, outcome);
    sections::latencies(&mut text, outcome);
    sections::facts(&mut text, outcome);
    sections::offenders(&mut text, outcome);
    sections::reproduction(&mut text, outcome);
    text.out
}

/// The tone of a verdict.
#[must_use]
pub const fn verdict_tone(verdict: Verdict) -> Tone {
    match verdict {
        Verdict::Pass => Tone::Ok,
        Verdict::Fail => Tone::Bad,
        Verdict::Inconclusive => Tone::Warn,
    }
}

/// The text as it grows.
struct Text {
    out: String,
    paint: Paint,
}

impl Text {
    fn line(&mut self, line: &str) {
        self.out.push_str(line.trim_end());
        self.out.push('\n');
    }

    fn blank(&mut self) {
        self.out.push('\n');
    }

    /// A line with a name in front; further lines of the same kind have none.
    fn fact(&mut self, name: &str, fact: &str) {
        let name = self.paint.paint(Tone::Muted, &format!("{name:<NAME_WIDTH$}"));
        self.line(&format!("{name}{fact}"));
    }

    fn verdict(&mut self, outcome: &Outcome) {
        let judgement = &outcome.judgement;
        let word = self.paint.paint(verdict_tone(judgement.verdict), &judgement.verdict.to_string());
        let mut reasons = judgement.reasons.iter().map(|reason| words::plain(reason));
        let first = reasons.next().unwrap_or_default();
        let interrupted = if judgement.interrupted { "  (stopped by hand)" } else { "" };
        self.line(&format!("{word}  {first}{interrupted}"));
        let indent = " ".repeat(judgement.verdict.to_string().len() + 2);
        for reason in reasons {
            self.line(&format!("{indent}{reason}"));
        }
        if judgement.broken {
            let broken = self.paint.paint(Tone::Bad, "The equations do not balance: this is a bug of the tester.");
            self.line(&format!("{indent}{broken}"));
        }
        self.blank();
    }

    fn equations(&mut self, outcome: &Outcome) {
        let both = [Equation::of_sent(&outcome.account), Equation::of_arrivals(&outcome.account)];
        let figures = both.each_ref().map(|equation| words::count(equation.total.count));
        let width = figures.iter().map(String::len).max().unwrap_or_default();
        for (equation, figure) in both.iter().zip(figures) {
            let mut terms = Vec::new();
            for term in &equation.terms {
                let text = term.to_string();
                let offends = term.offends && term.count > 0;
                terms.push(if offends { self.paint.paint(Tone::Bad, &text) } else { text });
            }
            let (label, sign) = (equation.total.label, equation.sign());
            self.line(&format!("  {figure:>width$} {label:<8} {sign} {}", terms.join(" + ")));
        }
        if outcome.unsent > 0 {
            self.line(&format!("  {:>width$} more were to be sent and were not", words::count(outcome.unsent)));
        }
        self.blank();
    }
}

/// Names before facts are padded to this width.
const NAME_WIDTH: usize = 13;
