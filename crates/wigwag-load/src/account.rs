//! The classes that every message and every arrival falls into, and the two equations that must balance.

use std::ops::{AddAssign, Index, IndexMut};

use serde::{Deserialize, Serialize};

/// What became of a message that was sent, or what an arrival was that answers nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Answered once, on its own connection, unaltered, in order, in time.
    Ok,
    /// No answer came until the connection was properly closed.
    Lost,
    /// Answered rightly, but after a message of the same connection that was sent later.
    Reordered,
    /// The answer is not what it should be.
    Altered,
    /// The answer came on another connection.
    Misrouted,
    /// The right answer came after the time-out.
    Late,
    /// The connection died before the answer: nobody can know.
    InDoubt,
    /// An arrival that answers a message for the second time.
    Duplicate,
    /// An arrival that answers no message of this run.
    Unsolicited,
}

impl Class {
    /// The classes of sent messages, in the order of the equation.
    pub const SENT: [Self; 7] =
        [Self::Ok, Self::Lost, Self::Reordered, Self::Altered, Self::Misrouted, Self::Late, Self::InDoubt];
    /// The classes of arrivals that answer nothing.
    pub const SURPLUS: [Self; 2] = [Self::Duplicate, Self::Unsolicited];

    /// The name for people: `in doubt`.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Lost => "lost",
            Self::Reordered => "reordered",
            Self::Altered => "altered",
            Self::Misrouted => "misrouted",
            Self::Late => "late",
            Self::InDoubt => "in doubt",
            Self::Duplicate => "duplicate",
            Self::Unsolicited => "unsolicited",
        }
    }

    /// Whether a message of this class came back.
    #[must_use]
    pub const fn is_answered(self) -> bool {
        matches!(self, Self::Ok | Self::Reordered | Self::Altered | Self::Misrouted | Self::Late)
    }
}

/// The totals of a run or a part of it.
///
/// ```text
/// sent     = ok + lost + reordered + altered + misrouted + late + in doubt  (+ outstanding, while it runs)
/// arrivals = answers + parts + duplicate + unsolicited
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Messages given to a connection.
    pub sent: u64,
    /// Those that are not settled yet; 0 when the run is over.
    pub outstanding: u64,
    /// See [`Class::Ok`], and so on.
    pub ok: u64,
    /// See [`Class::Lost`].
    pub lost: u64,
    /// See [`Class::Reordered`].
    pub reordered: u64,
    /// See [`Class::Altered`].
    pub altered: u64,
    /// See [`Class::Misrouted`].
    pub misrouted: u64,
    /// See [`Class::Late`].
    pub late: u64,
    /// See [`Class::InDoubt`].
    pub in_doubt: u64,
    /// Messages that came in.
    pub arrivals: u64,
    /// Arrivals that settled a message.
    pub answers: u64,
    /// Messages that nobody is to answer: ok once they are sent.
    #[serde(default)]
    pub silent: u64,
    /// Arrivals that belong to a message which wants several (`count:N`), the settling one excluded.
    pub parts: u64,
    /// See [`Class::Duplicate`].
    pub duplicate: u64,
    /// See [`Class::Unsolicited`].
    pub unsolicited: u64,
}

impl Account {
    /// The right side of the first equation.
    #[must_use]
    pub fn settled(&self) -> u64 {
        Class::SENT.iter().map(|class| self[*class]).sum()
    }

    /// Whether both equations hold. Where they do not, the tester has a bug.
    #[must_use]
    pub fn balances(&self) -> bool {
        let answered: u64 = Class::SENT.iter().filter(|class| class.is_answered()).map(|class| self[*class]).sum();
        self.sent == self.settled() + self.outstanding
            && answered == self.answers + self.silent
            && self.arrivals == self.answers + self.parts + self.duplicate + self.unsolicited
    }

    /// Whether every message is ok and nothing came besides the answers.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.ok == self.sent && self.duplicate == 0 && self.unsolicited == 0
    }
}

impl Index<Class> for Account {
    type Output = u64;

    fn index(&self, class: Class) -> &u64 {
        match class {
            Class::Ok => &self.ok,
            Class::Lost => &self.lost,
            Class::Reordered => &self.reordered,
            Class::Altered => &self.altered,
            Class::Misrouted => &self.misrouted,
            Class::Late => &self.late,
            Class::InDoubt => &self.in_doubt,
            Class::Duplicate => &self.duplicate,
            Class::Unsolicited => &self.unsolicited,
        }
    }
}

impl IndexMut<Class> for Account {
    fn index_mut(&mut self, class: Class) -> &mut u64 {
        match class {
            Class::Ok => &mut self.ok,
            Class::Lost => &mut self.lost,
            Class::Reordered => &mut self.reordered,
            Class::Altered => &mut self.altered,
            Class::Misrouted => &mut self.misrouted,
            Class::Late => &mut self.late,
            Class::InDoubt => &mut self.in_doubt,
            Class::Duplicate => &mut self.duplicate,
            Class::Unsolicited => &mut self.unsolicited,
        }
    }
}

impl AddAssign for Account {
    fn add_assign(&mut self, other: Self) {
        self.sent += other.sent;
        self.outstanding += other.outstanding;
        for class in Class::SENT.into_iter().chain(Class::SURPLUS) {
            self[class] += other[class];
        }
        self.arrivals += other.arrivals;
        self.answers += other.answers;
        self.silent += other.silent;
        self.parts += other.parts;
    }
}
