//! Faults reconciled, in words: `37 injected, 37 detected, 0 unexplained`.

use super::words::{count, plain};
use crate::snapshot::FaultAccount;

/// One kind of fault in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultLine {
    /// The name as `--fault` takes it.
    pub name: &'static str,
    /// `37 injected, 36 detected, 1 unexplained`.
    pub reconciled: String,
    /// How the server reacted: `36 closed 1002, 1 kept`.
    pub reactions: String,
    /// Whether each injected fault's consequence was seen.
    pub is_reconciled: bool,
}

impl FaultLine {
    /// This kind of fault.
    #[must_use]
    pub fn of(fault: &FaultAccount) -> Self {
        let unexplained = fault.injected.saturating_sub(fault.detected);
        let skipped = fault.planned.saturating_sub(fault.injected);
        let mut reconciled = format!(
            "{} injected, {} detected, {} unexplained",
            count(fault.injected),
            count(fault.detected),
            count(unexplained)
        );
        if skipped > 0 {
            reconciled.push_str(&format!(", {} not injected", count(skipped)));
        }
        let mut reactions: Vec<_> = fault.reactions.iter().collect();
        reactions.sort_by_key(|(_, number)| std::cmp::Reverse(**number));
        let reactions: Vec<String> =
            reactions.iter().map(|(reaction, number)| format!("{} {}", count(**number), plain(reaction))).collect();
        Self { name: fault.kind.name(), reconciled, reactions: reactions.join(", "), is_reconciled: unexplained == 0 }
    }
}
