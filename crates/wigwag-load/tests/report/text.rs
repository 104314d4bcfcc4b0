//! The summary.

use wigwag_load::report::summary::{Paint, summary};

use crate::sample;

#[test]
fn the_verdict_comes_first_then_the_equations() {
    let text = summary(&sample::pass(), Paint::Plain);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "PASS  every message was answered once, unaltered, in order and in time");
    assert_eq!(lines[2], "  200,000 sent     = 200,000 ok");
    assert_eq!(lines[3], "  200,000 arrivals = 200,000 answers");
    assert!(text.contains("wigwag load ws://127.0.0.1:8765/random -c 10000 -d 10s --seed 7"), "{text}");
}

#[test]
fn a_failure_names_every_class_fault_threshold_and_offender() {
    let text = summary(&sample::fail(), Paint::Plain);
    for expected in [
        "FAIL  37 of 147,600 messages were lost",
        "147,600 sent     = 147,144 ok + 37 lost + 2 altered + 5 late + 412 in doubt",
        "147,164 arrivals = 147,151 answers + 13 duplicate",
        "missed  lost==0   37",
        "held    p99<50ms  48.8 ms",
        "malformed: 37 injected, 37 detected, 0 unexplained\n               36 closed 1002, 1 closed 1007",
        "slow-reader: 3 injected, 2 detected, 1 unexplained",
        "12 unexplained on the other connections",
        "First 4 of 469 offending messages",
        "connection 7, message 301, at 17.3 s",
        "expected  a3 000007 0012c checksum=9f31",
        "'ws://chat.example:9000/room?name=<b>&x='\\''1'\\'''",
        "--fault malformed:37 --fault slow-reader:3",
        "and -H for Authorization (values are secrets and not in a report)",
    ] {
        assert!(text.contains(expected), "{expected:?} is missing in\n{text}");
    }
    let pointed = text.lines().skip_while(|line| !line.contains("got  ")).nth(1).expect("a pointer below");
    let got = text.lines().find(|line| line.contains("got  ")).expect("what came");
    assert_eq!(got.chars().nth(pointed.find('^').expect("a caret")), Some('<'), "{text}");
}

#[test]
fn equations_and_figures_fit_80_columns_and_no_escape_is_in_plain_text() {
    for outcome in [sample::pass(), sample::fail(), sample::inconclusive(), sample::nothing()] {
        let text = summary(&outcome, Paint::Plain);
        assert!(!text.contains('\x1b'), "{text}");
        // Reasons, offenders and the command are as long as they are.
        let figures = text
            .lines()
            .skip_while(|line| !line.is_empty())
            .take_while(|line| !line.starts_with("First") && !line.starts_with("Reproduce"));
        let wide = figures.filter(|line| line.chars().count() > 80).collect::<Vec<_>>();
        assert_eq!(wide, [""; 0], "{text}");
        assert!(text.ends_with('\n'));
    }
}

#[test]
fn colours_only_add_escapes() {
    let outcome = sample::fail();
    let coloured = summary(&outcome, Paint::Ansi);
    assert!(coloured.starts_with("\x1b[1;31mFAIL\x1b[0m"), "{coloured}");
    let mut stripped = String::new();
    for (at, piece) in coloured.split('\x1b').enumerate() {
        stripped.push_str(if at == 0 { piece } else { piece.split_once('m').expect("an escape ends").1 });
    }
    assert_eq!(stripped, summary(&outcome, Paint::Plain));
}

#[test]
fn a_run_without_a_message_has_no_table_of_zeros() {
    let text = summary(&sample::nothing(), Paint::Plain);
    assert!(text.contains("FAIL  no connection could be opened") && text.contains("10  connection refused"), "{text}");
    assert!(!text.contains("p99.99"), "{text}");
}
