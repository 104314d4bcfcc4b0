//! Two runs side by side.

use wigwag_load::{
    latency::Heat,
    report::{
        compare::{Change, Figure, compare, text},
        summary::Paint,
    },
};

use crate::sample;

#[test]
fn a_run_is_the_same_as_itself() {
    let run = sample::pass();
    let found = compare(&run, &run);
    assert_eq!(found.verdict, Change::Same);
    let text = text(&found, ("one.json", "two.json"), Paint::Plain);
    assert!(text.starts_with("SAME  no difference beyond noise\n"), "{text}");
}

#[test]
fn a_slower_run_is_worse_and_says_in_what() {
    let base = sample::pass();
    let mut other = sample::pass();
    for second in &mut other.timeline.stretches {
        second.answered = second.answered * 8 / 10;
        let slower: Vec<u32> = [0; 8].into_iter().chain(second.heat.counts().iter().copied()).collect();
        second.heat = serde_json::from_value::<Heat>(serde_json::json!({ "counts": slower })).expect("heat");
    }
    let found = compare(&base, &other);
    assert_eq!(found.verdict, Change::Worse);
    let change = |figure| found.rows.iter().find(|row| row.figure == figure).expect("a row").change;
    assert_eq!(
        [Figure::Rate, Figure::P50, Figure::P99, Figure::Offending].map(change),
        [Change::Worse, Change::Worse, Change::Worse, Change::Same]
    );
    assert!(
        text(&found, ("a", "b"), Paint::Plain)
            .starts_with("WORSE  throughput, latency p50, latency p90, latency p99\n")
    );
    assert_eq!(compare(&other, &base).verdict, Change::Better);
}

#[test]
fn one_lost_message_more_is_worse_without_any_noise() {
    let base = sample::pass();
    let mut other = sample::pass();
    other.account.ok -= 1;
    other.account.lost += 1;
    assert_eq!(compare(&base, &other).verdict, Change::Worse);
}

#[test]
fn short_runs_give_no_verdict() {
    let mut run = sample::pass();
    run.timeline.stretches.truncate(3);
    let found = compare(&run, &run);
    assert_eq!(found.verdict, Change::Unknown);
    assert!(text(&found, ("a", "b"), Paint::Plain).contains("too short to tell noise from difference"));
}

#[test]
fn different_settings_and_doubtful_runs_are_named() {
    let found = compare(&sample::pass(), &sample::inconclusive());
    assert!(
        found
            .settings
            .iter()
            .any(|(name, one, two)| (name.as_str(), one.as_str(), two.as_str()) == ("connections", "10000", "64"))
    );
    assert!(found.cautions.iter().any(|caution| caution.contains("inconclusive")), "{:?}", found.cautions);
}
