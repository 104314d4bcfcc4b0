//! What one trial says about its load.

use super::Held;
use crate::{
    outcome::Outcome,
    snapshot::SaturationKind,
    verdict::{EXIT_INTEGRITY, EXIT_NOT_RUN, EXIT_SATURATED, EXIT_THRESHOLD},
};

/// Whether the load of this trial held.
pub(super) fn judge(outcome: &Outcome) -> Held {
    let whole = outcome.unsent == 0
        && outcome.account.late == 0
        && outcome.connections.failed + outcome.connections.lost == 0
        && outcome.judgement.thresholds.iter().all(|one| one.held);
    let saturated: Vec<_> = outcome.health.saturated.iter().map(|one| one.kind).collect();
    held(outcome.judgement.exit_code, &saturated, whole)
}

/// What violates integrity stands whatever the generator suffers from. One that is short of CPU makes figures worse, never
/// better: where everything was sent and held nevertheless (`whole`), the load holds. Where the server did not get what was
/// asked for, nobody can know.
fn held(exit_code: u8, saturated: &[SaturationKind], whole: bool) -> Held {
    use SaturationKind::{Cpu, Crowded, Stall};
    let only_slow = saturated.iter().all(|kind| matches!(kind, Cpu | Crowded | Stall));
    match exit_code {
        0 => Held::Yes,
        // No connection at all: the server may have gone down under the load before.
        EXIT_INTEGRITY | EXIT_THRESHOLD | EXIT_NOT_RUN => Held::No,
        EXIT_SATURATED if only_slow && whole => Held::Yes,
        _ => Held::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_say_whether_a_load_held() {
        for (exit_code, expected) in [(0, Held::Yes), (1, Held::No), (3, Held::No), (4, Held::No)] {
            assert_eq!(held(exit_code, &[], true), expected, "{exit_code}");
        }
    }

    #[test]
    fn a_slow_generator_does_not_spoil_what_held_but_explains_what_did_not() {
        use SaturationKind::{Cpu, Descriptors, Rate, SendLag, Stall};
        assert_eq!(held(5, &[Cpu, Stall], true), Held::Yes);
        assert_eq!(held(5, &[Cpu], false), Held::Unknown);
        for kind in [Rate, SendLag, Descriptors] {
            assert_eq!(held(5, &[Cpu, kind], true), Held::Unknown, "{kind:?}");
        }
        assert_eq!(held(3, &[Cpu], false), Held::No, "what was altered is altered, however busy this machine is");
    }
}
