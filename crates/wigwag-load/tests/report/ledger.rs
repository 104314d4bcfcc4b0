//! The ledger as a file, and its check.

use std::fs;

use wigwag_load::{
    account::{Account, Class},
    outcome::Outcome,
    plan::Record,
    report::{
        ledger::{FORMAT, Head, LedgerFile},
        verify::{Verification, verify},
    },
};

use crate::sample;

#[test]
fn a_whole_ledger_proves_its_totals() {
    let (file, outcome) = written(true, &all_messages());
    let mut found = check(&file);
    assert_eq!(found.problems, [""; 0]);
    assert_eq!((found.counted.ok, found.counted.lost, found.counted.duplicate), (298, 2, 1));
    found.compare_with(&outcome);
    assert!(found.holds() && found.agrees.iter().any(|text| text.contains("without a gap")), "{found:?}");
}

#[test]
fn a_ledger_of_offenders_proves_their_number() {
    let offenders: Vec<Record> = all_messages().into_iter().filter(|record| record.class != Class::Ok).collect();
    let (file, _) = written(false, &offenders);
    assert!(file.lines().any(|line| line == "lost,2,98,1098000,1098500,"), "{file}");
    let found = check(&file);
    assert!(found.holds() && found.lines == 3, "{found:?}");
}

#[test]
fn whatever_is_changed_in_a_ledger_is_found() {
    let (file, _) = written(true, &all_messages());
    let without = |wanted: &str| {
        assert!(file.contains(wanted), "{wanted}");
        file.lines().filter(|line| !line.starts_with(wanted)).map(|line| format!("{line}\n")).collect::<String>()
    };
    for (name, changed, expected) in [
        ("a line is gone", without("ok,1,50,"), "300 lines, but 301 were written"),
        ("a number is gone", file.replace("ok,1,50,", "ok,1,51,"), "messages have two lines"),
        ("a loss is hidden", file.replace("lost,2,98,", "ok,2,98,"), "lost: 1 lines, but 2 in the totals"),
        ("the end is gone", without("#totals"), "no totals"),
        (
            "a late answer is ok",
            file.replace(",1050000,1050500,1150000\n", ",1050000,1050500,99000000000\n"),
            "late or out of order",
        ),
        ("time runs backwards", file.replace(",1050000,1050500,1150000\n", ",1050000,1050500,1050400\n"), "backwards"),
        ("the sum is wrong", file.replace("\"sent\":300", "\"sent\":301"), "do not balance"),
        ("cut off", file[..file.len() - 20].to_owned(), "no totals"),
    ] {
        let found = check(&changed);
        assert!(found.problems.iter().any(|problem| problem.contains(expected)), "{name}: {found:?}");
    }
}

#[test]
fn what_is_no_ledger_is_refused_with_the_line() {
    let (file, _) = written(true, &all_messages());
    let garbage = file.replace("ok,1,50,", "fine,1,50,");
    for (text, expected) in [
        ("", "line 1: the file is empty"),
        ("hello\n", "line 1: this is no ledger"),
        (garbage.as_str(), "line 153: this is no record"),
    ] {
        let error = verify(text.as_bytes()).expect_err(expected).to_string();
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn a_report_of_another_run_is_told_apart() {
    let (file, mut outcome) = written(true, &all_messages());
    let mut found = check(&file);
    outcome.seed += 1;
    found.compare_with(&outcome);
    assert!(found.problems[0].contains("another run"), "{found:?}");
}

#[test]
fn a_full_disk_is_told_and_does_not_stop_the_workers() {
    // Every write to this device fails as on a full disk.
    let full = std::path::Path::new("/dev/full");
    if !full.exists() {
        return;
    }
    let error = LedgerFile::create(full, &head(true)).expect_err("the first line cannot be written");
    assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
}

/// Three connections with a hundred messages each, in the order of their answers; two are lost, one is answered twice.
fn all_messages() -> Vec<Record> {
    let mut records = Vec::new();
    for connection in 0..3 {
        for sequence in 0..100 {
            let intended = 1_000_000 + sequence * 1_000;
            let is_lost = connection == 2 && sequence >= 98;
            records.push(Record {
                connection,
                sequence: Some(sequence),
                class: if is_lost { Class::Lost } else { Class::Ok },
                intended_nanos: Some(intended),
                sent_nanos: Some(intended + 500),
                answered_nanos: (!is_lost).then_some(intended + 100_000),
            });
        }
    }
    let again = Record { class: Class::Duplicate, answered_nanos: Some(5_000_000), ..records[3].clone() };
    records.push(Record { intended_nanos: None, sent_nanos: None, ..again });
    records
}

fn written(all: bool, records: &[Record]) -> (String, Outcome) {
    let mut outcome = sample::pass();
    outcome.account =
        Account { sent: 300, ok: 298, lost: 2, arrivals: 299, answers: 298, duplicate: 1, ..Account::default() };
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ledger.csv");
    let file = LedgerFile::create(&path, &head(all)).expect("a file");
    let recorder = file.recorder();
    records.chunks(7).for_each(|batch| recorder.record(batch));
    let totals = file.finish(&outcome).expect("written");
    assert_eq!((totals.written, totals.left_out), (records.len() as u64, 0));
    (fs::read_to_string(&path).expect("the file is there"), outcome)
}

fn head(all: bool) -> Head {
    Head { format: FORMAT, all, timeout: 10.0, url: "ws://127.0.0.1:8765/random".to_owned() }
}

fn check(file: &str) -> Verification {
    verify(file.as_bytes()).expect("a ledger")
}
