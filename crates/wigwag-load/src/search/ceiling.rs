//! The highest load that this machine lets a search try: file descriptors and local ports, as far as they are known
//! beforehand.

use serde::{Deserialize, Serialize};

use super::{SearchPlan, Subject};
use crate::{descriptors, plan::Plan, run};

/// No load above it is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ceiling {
    /// Connections, or messages per second.
    pub load: u64,
    /// What sets it.
    pub limit: Limit,
}

/// What sets a [`Ceiling`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// Whoever asked, or the default.
    Asked,
    /// No more file descriptors are to be had, even with a table for each worker.
    Descriptors,
    /// The system gives no more local ports for this server.
    Ports,
}

impl Limit {
    /// Whether it is the generator's, not the search's.
    #[must_use]
    pub const fn is_of_machine(self) -> bool {
        matches!(self, Self::Descriptors | Self::Ports)
    }

    /// For a person: what it is, and what to do.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Asked => "the most that was to be tried (--search-max)",
            Self::Descriptors => "all that file descriptors allow here (raise the hard limit: ulimit -Hn)",
            Self::Ports => "all that local ports allow here (use --source-ip)",
        }
    }
}

impl Ceiling {
    /// The lowest of what was asked for and what this machine has.
    pub(super) fn of(plan: &Plan, subject: Subject, asked: &SearchPlan) -> Self {
        let mut least = Self { load: asked.most.max(1), limit: Limit::Asked };
        if subject == Subject::Rate {
            return least;
        }
        let descriptors = descriptors::connections_max(plan.workers);
        let ports = run::ports_for(plan).unwrap_or(u64::MAX);
        for (load, limit) in [(descriptors, Limit::Descriptors), (ports, Limit::Ports)] {
            // Where the system does not say how many there are, it is not the limit that is known beforehand.
            if (1..least.load).contains(&load) {
                least = Self { load, limit };
            }
        }
        least
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ceiling(subject: Subject, most: u64) -> Ceiling {
        Ceiling::of(&Plan::default(), subject, &SearchPlan { most, ..SearchPlan::default() })
    }

    #[test]
    fn what_was_asked_for_holds_where_the_machine_has_more() {
        assert_eq!(ceiling(Subject::Connections, 5), Ceiling { load: 5, limit: Limit::Asked });
        assert_eq!(ceiling(Subject::Rate, u64::MAX), Ceiling { load: u64::MAX, limit: Limit::Asked });
    }

    #[test]
    fn no_more_connections_are_tried_than_descriptors_allow() {
        let plan = Plan { workers: Some(2), ..Plan::default() };
        let asked = SearchPlan { most: u64::MAX, ..SearchPlan::default() };
        let found = Ceiling::of(&plan, Subject::Connections, &asked);
        assert_eq!(found.limit, Limit::Descriptors);
        assert!(found.load < 2 * descriptors::max(), "{found:?}");
    }

    #[test]
    fn ports_bound_connections_to_a_server_elsewhere() {
        let plan = Plan { url: "ws://192.0.2.1:9000/".parse().expect("a URL"), ..Plan::default() };
        assert_eq!(run::ports_for(&plan), Some(crate::health::ports_max()));
        assert_eq!(run::ports_for(&Plan::default()), None, "loopback addresses are taken in turn");
    }
}
