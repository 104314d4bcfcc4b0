//! The two equations in words: `10,000 sent = 9,963 ok + 37 lost`. Terms that are 0 are left out, but the first.

use super::words::count;
use crate::account::{Account, Class};

/// One side of an equation that must balance, as figures and words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Equation {
    /// The left side.
    pub total: Term,
    /// The right side; never empty.
    pub terms: Vec<Term>,
    /// Whether both sides are equal.
    pub balances: bool,
}

/// A figure and what it counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// How many.
    pub count: u64,
    /// Of what: `in doubt`.
    pub label: &'static str,
    /// Whether it is a class that a person does not want to see.
    pub offends: bool,
}

impl Equation {
    /// *sent* = ok + lost + ...; what is outstanding belongs to it while a run goes on.
    #[must_use]
    pub fn of_sent(account: &Account) -> Self {
        let classes = Class::SENT.into_iter().map(|class| Term::of(account, class));
        let terms = classes.chain([Term { count: account.outstanding, label: "outstanding", offends: false }]);
        Self::new(Term { count: account.sent, label: "sent", offends: false }, terms)
    }

    /// *arrivals* = answers + parts + duplicate + unsolicited.
    #[must_use]
    pub fn of_arrivals(account: &Account) -> Self {
        let answers = Term { count: account.answers, label: "answers", offends: false };
        let parts = Term { count: account.parts, label: "parts of answers", offends: false };
        let surplus = Class::SURPLUS.into_iter().map(|class| Term::of(account, class));
        let total = Term { count: account.arrivals, label: "arrivals", offends: false };
        Self::new(total, [answers, parts].into_iter().chain(surplus))
    }

    /// The right side as text: `9,963 ok + 37 lost`.
    #[must_use]
    pub fn right(&self) -> String {
        self.terms.iter().map(Term::to_string).collect::<Vec<_>>().join(" + ")
    }

    /// `=`, or `≠` where it does not balance.
    #[must_use]
    pub const fn sign(&self) -> &'static str {
        if self.balances { "=" } else { "≠" }
    }

    fn new(total: Term, terms: impl Iterator<Item = Term>) -> Self {
        let all: Vec<Term> = terms.collect();
        let balances = all.iter().map(|term| term.count).fold(0, u64::saturating_add) == total.count;
        let shown = |(at, term): &(usize, Term)| *at == 0 || term.count > 0;
        let terms = all.into_iter().enumerate().filter(shown).map(|(_, term)| term).collect();
        Self { total, terms, balances }
    }
}

impl Term {
    /// A class and how many there are of it.
    #[must_use]
    pub fn of(account: &Account, class: Class) -> Self {
        Self { count: account[class], label: class.label(), offends: class != Class::Ok }
    }
}

impl std::fmt::Display for Term {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", count(self.count), self.label)
    }
}

impl std::fmt::Display for Equation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} {}", self.total, self.sign(), self.right())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equations_name_what_is_not_zero_and_say_whether_they_balance() {
        let mut account =
            Account { sent: 10_000, ok: 9_963, lost: 37, arrivals: 9_963, answers: 9_963, ..Account::default() };
        assert_eq!(Equation::of_sent(&account).to_string(), "10,000 sent = 9,963 ok + 37 lost");
        assert_eq!(Equation::of_arrivals(&account).to_string(), "9,963 arrivals = 9,963 answers");
        account.lost = 36;
        account.duplicate = 1;
        assert_eq!(Equation::of_sent(&account).to_string(), "10,000 sent ≠ 9,963 ok + 36 lost");
        assert_eq!(Equation::of_arrivals(&account).to_string(), "9,963 arrivals ≠ 9,963 answers + 1 duplicate");
        assert_eq!(Equation::of_sent(&Account::default()).to_string(), "0 sent = 0 ok");
    }
}
