//! What the server did is what the ledger says, for each class and for all together, over 1 and over 1,000 connections.

use std::time::Duration;

use wigwag_load::{Outcome, Plan, Run, Verdict, plan::Sizes};

use crate::server::{Deed, Done, Faults, Server};

/// A tester's time-out, generous for a busy machine, and an answer that is later.
const TIMEOUT: Duration = Duration::from_secs(4);
const LATE: Duration = Duration::from_secs(6);
/// A run is over by then, on the busiest machine.
const DEADLINE: Duration = Duration::from_secs(150);

fn faults(connections: usize, messages: u32, percent: &[(Deed, u32)]) -> Faults {
    Faults {
        percent: percent.iter().copied().collect(),
        cut_percent: 0,
        greet_percent: 0,
        late: LATE,
        messages_each: messages,
        connections,
        suffix: "",
    }
}

/// Runs a tester against such a server; the counts of both must be the same.
#[track_caller]
fn check(faults: Faults) -> (Outcome, Done) {
    let server = Server::start(faults.clone());
    let plan = Plan {
        connections: faults.connections as u32,
        per_connection: Some(faults.messages_each.into()),
        // Room for all that is never answered, so that what is held back is always overtaken.
        in_flight: Some(64),
        sizes: Some(Sizes { least: 16, most: 300 }),
        timeout: TIMEOUT,
        connect_timeout: Duration::from_secs(30),
        drain: Some(Duration::from_secs(30).min(LATE * 2)),
        workers: Some(2),
        seed: Some(1),
        offenders_max: 5,
        ..Plan::to(format!("ws://{}/", server.address).parse().expect("a URL"))
    };
    let outcome = Run::start(plan.check().expect("a valid plan")).expect("started").wait_for(DEADLINE);
    let outcome = outcome.expect("over in time");
    let done = server.done();
    let account = outcome.account;
    assert!(!outcome.judgement.broken, "{account:?}");
    assert_eq!(account.sent, done.received, "sent and received; {outcome:#?}");
    let counted = [
        account.ok,
        account.lost,
        account.reordered,
        account.altered,
        account.misrouted,
        account.late,
        account.in_doubt,
        account.duplicate,
        account.unsolicited,
        outcome.connections.lost,
    ];
    let injected = [
        done.answered,
        done.dropped,
        done.reordered,
        done.altered,
        done.misrouted,
        done.late,
        done.cut_off,
        done.doubled,
        done.greeted,
        done.cuts,
    ];
    let names = "ok, lost, reordered, altered, misrouted, late, in doubt, duplicate, unsolicited, cuts";
    assert_eq!(counted, injected, "{names}; {:?}", outcome.offenders);
    (outcome, done)
}

/// As [`check`], and this one thing must have been done.
#[track_caller]
fn check_one(faults: Faults, of: impl Fn(&Done) -> u64) {
    let (outcome, done) = check(faults);
    assert!(of(&done) > 0, "nothing was injected: {done:?}");
    let offenders = outcome.offenders.len() as u64;
    assert!(offenders > 0 && offenders <= 5, "{offenders}");
    assert_eq!((outcome.judgement.verdict, outcome.judgement.exit_code), (Verdict::Fail, 3), "{:?}", outcome.judgement);
}

mod over_one_connection {
    use super::*;

    #[test]
    fn nothing_is_wrong_with_a_good_server() {
        let (outcome, done) = check(Faults { suffix: " 42", ..faults(1, 5000, &[]) });
        assert_eq!(done.answered, 5000);
        assert_eq!((outcome.judgement.exit_code, &*outcome.expect), (0, "suffix"));
    }

    #[test]
    fn dropped_answers_are_lost() {
        check_one(faults(1, 1000, &[(Deed::Drop, 2)]), |done| done.dropped);
    }

    #[test]
    fn doubled_answers_are_duplicates() {
        check_one(faults(1, 1000, &[(Deed::Double, 5)]), |done| done.doubled);
    }

    #[test]
    fn overtaken_answers_are_reordered() {
        check_one(faults(1, 1000, &[(Deed::Reorder, 5)]), |done| done.reordered);
    }

    #[test]
    fn changed_answers_are_altered() {
        check_one(faults(1, 1000, &[(Deed::Alter, 5)]), |done| done.altered);
    }

    #[test]
    fn answers_after_the_time_out_are_late() {
        check_one(faults(1, 1000, &[(Deed::Late, 2)]), |done| done.late);
    }

    #[test]
    fn what_a_cut_connection_leaves_unanswered_is_in_doubt() {
        check_one(Faults { cut_percent: 100, ..faults(1, 1000, &[(Deed::Drop, 1)]) }, |done| done.cut_off);
    }

    #[test]
    fn a_greeting_is_unsolicited() {
        check_one(Faults { greet_percent: 100, ..faults(1, 100, &[]) }, |done| done.greeted);
    }

    #[test]
    fn all_together_are_told_apart() {
        let all = [(Deed::Drop, 1), (Deed::Double, 3), (Deed::Reorder, 3), (Deed::Alter, 1), (Deed::Late, 1)];
        check_one(Faults { greet_percent: 100, suffix: " 7", ..faults(1, 2000, &all) }, |done| done.dropped);
    }
}

mod over_1000_connections {
    use super::*;

    #[test]
    fn nothing_is_wrong_with_a_good_server() {
        let (outcome, done) = check(faults(1000, 20, &[]));
        assert_eq!((done.answered, outcome.judgement.exit_code), (20_000, 0));
        assert_eq!((outcome.connections.opened, outcome.connections.closed), (1000, 1000));
    }

    #[test]
    fn dropped_answers_are_lost() {
        check_one(faults(1000, 10, &[(Deed::Drop, 5)]), |done| done.dropped);
    }

    #[test]
    fn doubled_answers_are_duplicates() {
        check_one(faults(1000, 10, &[(Deed::Double, 5)]), |done| done.doubled);
    }

    #[test]
    fn overtaken_answers_are_reordered() {
        check_one(faults(1000, 10, &[(Deed::Reorder, 5)]), |done| done.reordered);
    }

    #[test]
    fn changed_answers_are_altered() {
        check_one(faults(1000, 10, &[(Deed::Alter, 5)]), |done| done.altered);
    }

    #[test]
    fn answers_after_the_time_out_are_late() {
        check_one(faults(1000, 10, &[(Deed::Late, 5)]), |done| done.late);
    }

    #[test]
    fn what_cut_connections_leave_unanswered_is_in_doubt() {
        check_one(Faults { cut_percent: 20, ..faults(1000, 10, &[]) }, |done| done.cut_off);
    }

    #[test]
    fn greetings_are_unsolicited() {
        check_one(Faults { greet_percent: 20, ..faults(1000, 10, &[]) }, |done| done.greeted);
    }

    #[test]
    fn misrouted_answers_are_found_on_whichever_worker() {
        check_one(faults(1000, 20, &[(Deed::Misroute, 5)]), |done| done.misrouted);
    }

    #[test]
    fn all_together_are_told_apart() {
        let all = [
            (Deed::Drop, 2),
            (Deed::Double, 3),
            (Deed::Reorder, 3),
            (Deed::Alter, 3),
            (Deed::Misroute, 3),
            (Deed::Late, 2),
        ];
        let everything = Faults { cut_percent: 5, greet_percent: 5, suffix: " 100", ..faults(1000, 30, &all) };
        let (outcome, done) = check(everything);
        let kinds = [
            done.dropped,
            done.doubled,
            done.reordered,
            done.altered,
            done.misrouted,
            done.late,
            done.cut_off,
            done.greeted,
        ];
        assert!(kinds.iter().all(|count| *count > 0), "{done:?}");
        assert_eq!(outcome.judgement.exit_code, 3);
    }
}
