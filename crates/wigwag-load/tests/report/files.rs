//! JSON, CSV and the HDR log.

use hdrhistogram::{
    Histogram,
    serialization::{
        Deserializer,
        interval_log::{IntervalLogIterator, LogEntry},
    },
};
use wigwag_load::{
    outcome::Outcome,
    report::{csv, hdr, json},
};

use crate::sample;

#[test]
fn a_report_in_json_is_read_back_as_it_was() {
    for outcome in [sample::pass(), sample::fail(), sample::inconclusive(), sample::nothing()] {
        let mut file = Vec::new();
        json::write(&outcome, &mut file).expect("a vector takes everything");
        let read = json::read(file.as_slice()).expect("our own report");
        assert_eq!((read.account, &read.judgement, &read.plan), (outcome.account, &outcome.judgement, &outcome.plan));
        // Times in seconds may lose their last bit; counts may not.
        let counts = |outcome: &Outcome| {
            let stretches = outcome.timeline.stretches.iter();
            stretches.map(|second| (second.sent, second.open, second.heat.clone())).collect::<Vec<_>>()
        };
        assert!(counts(&read) == counts(&outcome));
        assert_eq!(read.timeline.marks, outcome.timeline.marks);
        assert_eq!(read.latencies.intended.quantile(0.99), outcome.latencies.intended.quantile(0.99));
    }
}

#[test]
fn what_is_no_report_is_refused_with_the_reason() {
    for (file, expected) in [
        ("", "no report of `wigwag load --json`"),
        ("{}", "missing field `format`"),
        ("[1,2]", "no report"),
        (r#"{"format":999}"#, "has format 999"),
        (r#"{"format":1}"#, "missing field"),
    ] {
        let error = json::read(file.as_bytes()).expect_err(file).to_string();
        assert!(error.contains(expected), "{file}: {error}");
    }
}

#[test]
fn the_csv_has_a_row_per_second_and_each_cell_under_its_name() {
    let outcome = sample::fail();
    let mut file = Vec::new();
    csv::write(&outcome, &mut file).expect("a vector takes everything");
    let text = String::from_utf8(file).expect("UTF-8");
    let rows: Vec<&str> = text.split_terminator("\r\n").collect();
    assert_eq!(rows.len(), 31);
    let cell = |row: usize, name: &str| {
        let at = csv::COLUMNS.iter().position(|column| *column == name).expect("a column");
        rows[row].splitn(csv::COLUMNS.len(), ',').nth(at).expect("a cell").to_owned()
    };
    assert_eq!((cell(0, "sent").as_str(), cell(18, "sent").as_str()), ("sent", "2600"));
    assert_eq!((cell(18, "start_s").as_str(), cell(18, "errors").as_str()), ("17", "412"));
    assert_eq!(cell(18, "marks"), r#""412 connections, ""lost""""#);
    assert_eq!(cell(1, "marks"), "\"1,000 connections\"");
    assert_eq!(cell(13, "marks"), "malformed 12; malformed 13");
    assert!(cell(18, "p99_s").parse::<f64>().expect("seconds") > cell(1, "p99_s").parse().expect("seconds"));
}

#[test]
fn the_hdr_log_gives_the_same_percentiles_to_a_reader_of_such_logs() {
    let outcome = sample::pass();
    let mut file = Vec::new();
    hdr::write(&outcome, &mut file).expect("a vector takes everything");
    let mut tags = Vec::new();
    for entry in IntervalLogIterator::new(&file) {
        let LogEntry::Interval(interval) = entry.expect("a valid line") else { continue };
        let tag = interval.tag().map(|tag| tag.as_str().to_owned());
        let bytes = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, interval.encoded_histogram());
        let bytes = bytes.expect("base64");
        let histogram: Histogram<u64> = Deserializer::new().deserialize(&mut bytes.as_slice()).expect("a histogram");
        if tag.is_none() {
            let expected = outcome.latencies.intended.quantile(0.999).as_nanos() as f64;
            let found = histogram.value_at_quantile(0.999) as f64;
            assert!((found - expected).abs() < expected / 500.0, "{found} {expected}");
            assert_eq!(histogram.len(), outcome.latencies.intended.count());
            assert!((interval.max() - outcome.latencies.intended.max().as_secs_f64() * 1e3).abs() < 0.1);
        }
        tags.push(tag.unwrap_or_default());
    }
    assert_eq!(tags[..6], ["", "service", "lag", "connect", "handshake", "open"]);
    assert_eq!(tags.iter().filter(|tag| *tag == "stretch").count(), 10);
}
