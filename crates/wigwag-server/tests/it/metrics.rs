//! `/metrics` says what happened.

use std::{sync::Arc, time::Instant};

use wigwag_server::{Families, HealthReport, Histogram, MetricsSource};

use crate::support::{PATIENCE, Wire, ask, get, handshake, start, text_frame};

#[test]
fn what_happened_is_counted_under_its_name() {
    let (_server, address) = start();
    let mut open = Wire::connect(address);
    open.send(handshake("/echo", "")).head();
    assert_eq!(open.send(text_frame("one")).text(), "one");
    assert_eq!(open.send(text_frame("two")).text(), "two");
    let mut closed = Wire::connect(address);
    closed.send(handshake("/rooms/1", "")).head();
    closed.text();
    closed.send([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8]);
    closed.frame();
    ask(address, handshake("/echo", "Origin: https://evil.example\r\n"));
    get(address, "/nothing");
    let expected = [
        "wigwag_connections{service=\"echo\"} 1",
        "wigwag_connections{service=\"rooms/{room}\"} 0",
        "wigwag_connections_opened_total{service=\"rooms/{room}\"} 1",
        "wigwag_messages_received_total{service=\"echo\"} 2",
        "wigwag_messages_sent_total{service=\"echo\"} 2",
        "wigwag_bytes_received_total{service=\"echo\"} 18",
        "wigwag_bytes_sent_total{service=\"echo\"} 10",
        "wigwag_handshakes_refused_total{reason=\"origin\"} 1",
        "wigwag_closes_total{code=\"1000\"} 1",
        "wigwag_ends_total{cause=\"peer\"} 1",
        "wigwag_http_responses_total{status=\"404\"} 1",
        "wigwag_out_queue_bytes 0",
        "wigwag_answer_latency_seconds_bucket{le=\"+Inf\"} 3",
        "wigwag_answer_latency_seconds_count 3",
        "wigwag_draining 0",
        "# EOF",
    ];
    let (mut text, mut missing) = (String::new(), Vec::new());
    let deadline = Instant::now() + PATIENCE;
    while text.is_empty() || (!missing.is_empty() && Instant::now() < deadline) {
        text = get(address, "/metrics").body;
        missing = expected.iter().filter(|line| !text.lines().any(|other| other == **line)).collect();
    }
    assert!(missing.is_empty(), "missing {missing:#?} in\n{text}");
    if cfg!(target_os = "linux") {
        for name in ["process_resident_memory_bytes ", "process_open_fds "] {
            let line = text.lines().find(|line| line.starts_with(name)).unwrap();
            assert!(line[name.len()..].parse::<u64>().unwrap() > 0, "{line}");
        }
    }
}

#[test]
fn a_service_that_panics_is_counted_and_the_server_lives() {
    struct Panics;
    impl wigwag_net::Service for Panics {
        fn on_message(&mut self, _: &mut wigwag_net::Socket<'_>, _: wigwag_net::Message<'_>) {
            panic!("on purpose");
        }
    }
    let builder = crate::support::builder().route("/panics", |_: &wigwag_server::Handshake<'_>| Panics);
    let (_server, address) = crate::support::start_with(builder);
    let mut wire = Wire::connect(address);
    wire.send(handshake("/panics", "")).head();
    let (opcode, payload) = wire.send(text_frame("x")).frame();
    assert_eq!((opcode, &payload[..2]), (0x88, &[0x03, 0xf3][..]), "1011");
    assert!(get(address, "/metrics").body.contains("\nwigwag_panics_total 1\n"));
}

#[test]
fn a_program_adds_its_own_families_and_its_own_word_on_its_health() {
    struct Weather;
    impl MetricsSource for Weather {
        fn write(&self, families: &mut Families<'_>) -> std::fmt::Result {
            families.gauge("weather_stations", "Stations", 3)?;
            families.counters_by(
                "weather_reports",
                "Reports",
                ["of", "by"],
                [(["rain", "me"].map(String::from), 7)].into_iter(),
            )?;
            let histogram = Histogram { sum: 1.5, buckets: vec![(0.5, 1), (1.0, 2), (f64::INFINITY, 0)] };
            families.histograms("weather_seconds", "Time", "of", [("rain".to_owned(), histogram)].into_iter())
        }
    }
    let health = HealthReport::new(|| async { ["fine", "so far"] });
    let builder = crate::support::builder().metrics_source(Arc::new(Weather)).health(health);
    let (_server, address) = crate::support::start_with(builder);
    let text = get(address, "/metrics").body;
    for line in [
        "weather_stations 3",
        "weather_reports_total{of=\"rain\",by=\"me\"} 7",
        "weather_seconds_bucket{le=\"1.0\",of=\"rain\"} 3",
        "weather_seconds_count{of=\"rain\"} 3",
    ] {
        assert!(text.lines().any(|other| other == line), "{line} is not in\n{text}");
    }
    let response = get(address, "/healthz");
    assert_eq!((response.status, response.body.as_str()), (200, "[\"fine\",\"so far\"]\n"));
    assert_eq!(response.header("content-type"), Some("application/json"));
}
