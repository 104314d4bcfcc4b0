//! Faults reconciled, in words: `37 injected, 37 detected, 0 unexplained`.

use super::words::{count, plain};
use crate::snapshot::FaultAccount;

/// One kind of fault in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultLine {
    /// The name as `--fault` takes it.
    pub name: &'static str,
    /// `37 injected, 35 detected, 1 borne, 1 unexplained`.
    pub reconciled: String,
    /// How the server reacted: `36 closed 1002, 1 kept`.
    pub reactions: String,
    /// Whether each planned fault was injected, and its consequence was seen.
    pub is_reconciled: bool,
}

impl FaultLine {
    /// This kind of fault.
    #[must_use]
    pub fn of(fault: &FaultAccount) -> Self {
        let unexplained = fault.unnoticed();
        let mut parts = vec![(fault.injected, "injected"), (fault.detected, "detected")];
        if fault.borne > 0 {
            parts.push((fault.borne, "borne"));
        }
        parts.push((unexplained, "unexplained"));
        if fault.skipped() > 0 {
            parts.push((fault.skipped(), "not injected"));
        }
        let parts: Vec<String> = parts.into_iter().map(|(number, what)| format!("{} {what}", count(number))).collect();
        let reconciled = parts.join(", ");
        let mut reactions: Vec<_> = fault.reactions.iter().collect();
        reactions.sort_by_key(|(_, number)| std::cmp::Reverse(**number));
        let reactions: Vec<String> =
            reactions.iter().map(|(reaction, number)| format!("{} {}", count(**number), plain(reaction))).collect();
        let is_reconciled = unexplained == 0 && fault.skipped() == 0;
        Self { name: fault.kind.name(), reconciled, reactions: reactions.join(", "), is_reconciled }
    }
}
