//! Faults that the tester injects itself, on connections of their own, beside those that are verified.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use crate::{
    plan::{Fault, FaultKind},
    snapshot::FaultAccount,
    worker::Job,
};

/// What was injected and what came of it.
#[derive(Debug, Default)]
pub(crate) struct Injected {
    kinds: BTreeMap<FaultKind, (u64, u64, BTreeMap<String, u64>)>,
}

impl Injected {
    pub(crate) fn accounts(&self, planned: &[Fault]) -> Vec<FaultAccount> {
        let mut wanted: BTreeMap<FaultKind, u64> = BTreeMap::new();
        planned.iter().for_each(|fault| *wanted.entry(fault.kind).or_default() += u64::from(fault.count));
        let account = |(kind, planned): (FaultKind, u64)| {
            let (injected, detected, reactions) = self.kinds.get(&kind).cloned().unwrap_or_default();
            FaultAccount { kind, planned, injected, detected, reactions }
        };
        wanted.into_iter().map(account).collect()
    }
}

/// Faults under way.
pub(crate) struct Faults;

impl Faults {
    pub(crate) fn finish(self) {}
}

pub(crate) fn start(job: &Arc<Job>, _: &Arc<Mutex<Injected>>) -> Option<Faults> {
    (!job.plan.plan().faults.is_empty()).then_some(Faults)
}
