//! `wigwag load` against `wigwag serve`: the files that remain, and the commands that read them.

use std::{fs, path::Path, process::Output};

use crate::support::{Serving, command, run};

#[test]
fn every_file_of_a_run_is_written_and_agrees_with_the_others() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let [html, json, csv, hdr, ledger] = ["a.html", "a.json", "a.csv", "a.hlog", "ledger.csv"].map(file);
    let found = load(&[
        "-c",
        "5",
        "-n",
        "500",
        "--seed",
        "7",
        "--ledger-all",
        "--html",
        &html,
        &format!("--json={json}"),
        "--csv",
        &csv,
        "--hdr",
        &hdr,
        "--ledger",
        &ledger,
    ]);
    let said = text(&found.stdout);
    assert_eq!(found.status.code(), Some(0), "{said}{}", text(&found.stderr));
    assert!(said.starts_with("PASS") && said.contains("500 sent     = 500 ok"), "{said}");
    assert!(!said.contains('\x1b'), "no colours in a pipe: {said}");
    assert!(fs::read_to_string(&html).expect("the page").contains("<b>500 sent</b>"));
    assert!(fs::read_to_string(&csv).expect("the time line").lines().count() >= 2);
    assert!(fs::read_to_string(&hdr).expect("the log").contains("HISTFAAA"));
    let report: serde_json::Value = serde_json::from_slice(&fs::read(&json).expect("the report")).expect("JSON");
    assert_eq!((&report["account"]["ok"], &report["seed"]), (&500.into(), &7.into()));
    assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 5, "nothing unfinished is left");

    let verified = run(&["load", "verify", &ledger, "--report", &json]);
    assert_eq!(verified.status.code(), Some(0), "{}", text(&verified.stdout));
    assert!(text(&verified.stdout).starts_with("VERIFIED  500 lines of all messages"), "{}", text(&verified.stdout));

    let changed = fs::read_to_string(&ledger).expect("the ledger").replacen("\nok,", "\nlost,", 1);
    fs::write(&ledger, changed).expect("written");
    let verified = run(&["load", "verify", &ledger]);
    assert_eq!(verified.status.code(), Some(3), "{}", text(&verified.stdout));

    // Half a second says nothing about noise, and must not be taken for a pass.
    let compared = run(&["load", "compare", &json, &json]);
    assert_eq!(compared.status.code(), Some(5), "{}", text(&compared.stdout));
}

#[test]
fn json_on_standard_output_is_alone_there() {
    let found = load(&["-c", "2", "-n", "20", "--json"]);
    let report: serde_json::Value = serde_json::from_slice(&found.stdout).expect("JSON and nothing else");
    assert_eq!(report["judgement"]["verdict"], "PASS");
    assert!(text(&found.stderr).contains("20 sent     = 20 ok"), "{}", text(&found.stderr));
    assert!(load(&["-c", "2", "-n", "20", "--quiet"]).stdout.is_empty());
}

#[test]
fn a_baseline_is_kept_by_name_and_compared_with() {
    let home = tempfile::tempdir().expect("a folder");
    let served = Serving::start(&["--listen", "127.0.0.1:0"]);
    let url = url(&served);
    let load = |flags: &[&str]| {
        let mut command = command(&[&["load", &url, "-c", "2", "-n", "20"], flags].concat());
        command.env("XDG_DATA_HOME", home.path()).output().expect("the binary runs")
    };
    assert_eq!(load(&["--save-baseline", "monday"]).status.code(), Some(0));
    assert!(home.path().join("wigwag/baselines/monday.json").exists());
    let found = load(&["--baseline", "monday"]);
    assert!(text(&found.stdout).contains("Compared with the baseline: "), "{}", text(&found.stdout));
    let missing = load(&["--baseline", "tuesday"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(text(&missing.stderr).contains("no baseline \"tuesday\": there are monday"), "{}", text(&missing.stderr));
    assert_eq!(load(&["--save-baseline", "../x"]).status.code(), Some(2));
}

#[test]
fn a_file_that_cannot_be_written_is_known_before_the_run() {
    let found = load(&["-n", "5", "--html", "/nonexistent/a.html"]);
    assert_eq!(found.status.code(), Some(1));
    assert!(text(&found.stderr).contains("cannot write /nonexistent/a.html"), "{}", text(&found.stderr));
    assert!(found.stdout.is_empty(), "nothing was run");
}

#[test]
fn a_run_that_cannot_start_leaves_the_last_report_as_it_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let report = folder.path().join("a.json");
    fs::write(&report, "yesterday").expect("written");
    let flag = format!("--json={}", report.display());
    let found = run(&["load", "ws://127.0.0.1:1/", "-n", "5", "--size", "1", "--quiet", &flag]);
    assert_eq!(found.status.code(), Some(2));
    assert_eq!(fs::read_to_string(&report).expect("still there"), "yesterday");
    assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 1);
}

#[test]
fn what_is_no_report_and_no_ledger_is_refused() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml").to_string_lossy().into_owned();
    for (arguments, expected) in [
        (["load", "verify", &file, "--report", &file], "this is no ledger of `wigwag load --ledger`"),
        (["load", "compare", &file, &file, "--json"], "this is no report of `wigwag load --json`"),
    ] {
        let found = run(&arguments);
        assert_eq!(found.status.code(), Some(1));
        assert!(text(&found.stderr).contains(expected), "{}", text(&found.stderr));
    }
}

fn load(flags: &[&str]) -> Output {
    let served = Serving::start(&["--listen", "127.0.0.1:0"]);
    run(&[&["load", &url(&served)], flags].concat())
}

fn url(served: &Serving) -> String {
    format!("ws://{}/random", served.addresses()[0])
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
