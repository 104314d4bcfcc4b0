//! The HTML report.

use std::{fs, path::Path};

use wigwag_load::report::html;

use crate::sample;

#[test]
fn a_report_holds_verdict_equations_and_figures() {
    for (name, outcome, expected) in [
        ("pass", sample::pass(), ["<h1>PASS</h1>", "<b>200,000 sent</b>", "It was not the limit."]),
        ("fail", sample::fail(), ["<h1>FAIL</h1>", "412 in doubt", "37 injected, 37 detected, 0 unexplained"]),
        ("inconclusive", sample::inconclusive(), ["<h1>INCONCLUSIVE</h1>", "✗ missed", ">saturated<"]),
        ("nothing", sample::nothing(), ["<h1>FAIL</h1>", "No message was answered.", "connection refused"]),
    ] {
        let page = html::render(&outcome);
        // Left there to be looked at.
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("report-{name}.html"));
        fs::write(&file, &page).expect("a folder for files of tests");
        for text in expected {
            assert!(page.contains(text), "{name}: {text}");
        }
        assert!(!page.contains("NaN") && !page.contains("inf%"), "{name}");
    }
}

#[test]
fn a_peers_text_stays_text() {
    let page = html::render(&sample::fail());
    assert!(!page.contains("<script>alert") && !page.contains("<b>x checksum") && !page.contains("name=<b>"));
    assert!(!page.contains('\x1b'));
    assert!(page.contains("&#60;script&#62;alert(1)"), "the text itself is shown");
}

#[test]
fn only_the_bytes_that_differ_are_marked() {
    let page = html::render(&sample::fail());
    assert!(
        page.contains("00<ins>12c</ins> checksum=9f31") && page.contains("00<mark>&#60;b&#62;x</mark> checksum"),
        "{page}"
    );
}

#[test]
fn a_report_loads_nothing() {
    let page = html::render(&sample::fail());
    assert!(page.contains("default-src 'none'"));
    for forbidden in ["src=\"", "@import", "url(", "<link rel=\"stylesheet\"", "https://"] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
}

#[test]
fn an_hour_long_run_still_makes_a_small_file() {
    let mut outcome = sample::fail();
    let second = outcome.timeline.stretches[0].clone();
    outcome.timeline.stretches = vec![second; 3_600];
    outcome.sending = std::time::Duration::from_secs(3_600);
    let page = html::render(&outcome);
    assert!(page.len() < 1 << 20, "{} bytes", page.len());
}

#[test]
fn a_fan_out_says_how_far_apart_its_subscribers_are() {
    let mut outcome = sample::pass();
    assert!(!html::render(&outcome).contains("<h2>Fan-out</h2>"));
    let mut skew = wigwag_load::Latency::default();
    skew.record(std::time::Duration::from_millis(7));
    let shape = "2:1:50".parse().expect("a shape");
    outcome.fan_out = Some(wigwag_load::outcome::FanReport { shape, publications: 1_234, complete: 1_230, skew });
    let page = html::render(&outcome);
    for expected in
        ["<h2>Fan-out</h2>", "1,234 <small>2 topics x 50 subscribers</small>", "1,230", "skew p99", "7.00 ms"]
    {
        assert!(page.contains(expected), "{expected} is missing");
    }
}
