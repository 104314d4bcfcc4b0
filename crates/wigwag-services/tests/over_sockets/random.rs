//! `/random`: format and distribution.

use wigwag_services::Random;

use crate::support::{Message, Running};

fn number(answer: &str, question: &str) -> usize {
    let rest = answer.strip_prefix(question).expect("starts with the question");
    let digits = rest.strip_prefix(' ').expect("then a space");
    let number: usize = digits.parse().expect("then a number");
    assert_eq!(digits, number.to_string(), "in plain decimal");
    assert!((1..=100).contains(&number), "{number}");
    number
}

#[test]
fn text_comes_back_with_a_number() {
    let server = Running::start(|| Box::new(Random));
    let mut client = server.connect();
    for question in ["hello", "", "two words 7", "grüße 👋", &"x".repeat(200_000), "short again"] {
        client.send_text(question);
        number(&client.read_text(), question);
    }
}

#[test]
fn binary_comes_back_as_binary_with_a_number() {
    let server = Running::start(|| Box::new(Random));
    let mut client = server.connect();
    for question in [&b"\xff\x00"[..], b"", &[0x80; 100_000]] {
        client.send(Message::binary(question.to_vec()));
        let Message::Binary(answer) = client.read() else { panic!("binary expected") };
        let digits = answer.strip_prefix(question).expect("starts with the question");
        number(std::str::from_utf8(digits).expect("digits"), "");
    }
}

/// With 100 numbers a fair generator exceeds 200 less than once in 10^7 runs (chi-square, 99 degrees of freedom).
#[test]
fn numbers_are_uniform() {
    const EACH: usize = 200;
    let server = Running::start(|| Box::new(Random));
    let mut client = server.connect();
    let mut counts = [0_usize; 100];
    for _ in 0..100 {
        for _ in 0..EACH {
            client.queue(Message::text("m"));
        }
        client.flush();
        for _ in 0..EACH {
            counts[number(&client.read_text(), "m") - 1] += 1;
        }
    }
    let deviation = |count: usize| (count as f64 - EACH as f64).powi(2) / EACH as f64;
    let chi_square: f64 = counts.into_iter().map(deviation).sum();
    assert!(chi_square < 200.0, "{chi_square}: {counts:?}");
}
