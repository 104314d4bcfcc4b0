//! `/metrics/live` says once a second how the server is.

use serde_json::Value;

use crate::support::{Wire, handshake, start, text_frame};

fn service<'v>(snapshot: &'v Value, name: &str) -> &'v Value {
    let services = snapshot["services"].as_array().unwrap();
    services.iter().find(|service| service["name"] == name).unwrap()
}

#[test]
fn the_first_snapshot_comes_at_once_and_the_next_ones_bear_rates() {
    let (_server, address) = start();
    let mut live = Wire::connect(address);
    assert_eq!(live.send(handshake("/metrics/live", "")).head().status, 101);
    let first: Value = serde_json::from_str(&live.text()).unwrap();
    assert_eq!(first["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(first["workers"], 2);
    assert_eq!(service(&first, "echo")["messages_in_total"], 0);
    let names: Vec<&str> =
        first["services"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["outgoing", "echo", "rooms/{room}", "members", "metrics/live"]);

    let mut echo = Wire::connect(address);
    echo.send(handshake("/echo", "")).head();
    for _ in 0..10 {
        echo.send(text_frame("hello")).text();
    }
    let next = loop {
        let snapshot: Value = serde_json::from_str(&live.text()).unwrap();
        if service(&snapshot, "echo")["messages_in_total"] == 10 {
            break snapshot;
        }
    };
    let figures = service(&next, "echo");
    assert_eq!((&figures["connections"], &figures["opened_total"]), (&1.into(), &1.into()));
    assert!(figures["messages_in_per_second"].as_f64().unwrap() > 0.0, "{figures}");
    assert!(next["all"]["bytes_out_total"].as_u64().unwrap() > 70, "{next}");
    assert!(next["latency"]["answers"].as_u64().unwrap() > 0, "{next}");
    assert!(next["latency"]["p50_micros"].as_u64() <= next["latency"]["max_micros"].as_u64(), "{next}");
    assert!(next["uptime_seconds"].as_f64() > first["uptime_seconds"].as_f64());
}

/// A client's Close, masked with zeros.
fn close_frame(code: u16) -> Vec<u8> {
    [&[0x88, 0x82, 0, 0, 0, 0][..], &code.to_be_bytes()].concat()
}

#[test]
fn closes_are_those_of_services_and_not_of_the_feed() {
    let (_server, address) = start();
    let mut live = Wire::connect(address);
    live.send(handshake("/metrics/live", "")).head();
    let mut other = Wire::connect(address);
    other.send(handshake("/metrics/live", "")).head();
    other.text();
    assert_eq!(other.send(close_frame(4001)).frame().0, 0x88);
    let mut echo = Wire::connect(address);
    echo.send(handshake("/echo", "")).head();
    assert_eq!(echo.send(close_frame(4000)).frame().0, 0x88);
    loop {
        let snapshot: Value = serde_json::from_str(&live.text()).unwrap();
        let closes = snapshot["closes_total"].as_object().unwrap();
        assert!(!closes.contains_key("4001"), "{closes:?}");
        // The echo's connection ended last.
        if closes.get("4000").is_some_and(|count| *count == 1) {
            break;
        }
    }
}

#[test]
fn the_documented_fields_are_the_ones_that_are_sent() {
    let (_server, address) = start();
    let mut live = Wire::connect(address);
    live.send(handshake("/metrics/live", "")).head();
    let snapshot: Value = serde_json::from_str(&live.text()).unwrap();
    let document = include_str!("../../../../docs/metrics-live.md");
    let groups = [&snapshot, &snapshot["all"], &snapshot["latency"]];
    for field in groups.iter().flat_map(|group| group.as_object().unwrap().keys()) {
        assert!(document.contains(&format!("`{field}`")), "docs/metrics-live.md does not know `{field}`");
    }
}
