//! The clients in `examples/python`, as they are. They need Python 3 with `websockets`; the variable `PYTHON` names another
//! interpreter than `python3`.

use std::{path::Path, process::Command, time::Duration};

use wigwag_net::Service;
use wigwag_services::{Letters, Random, Stream};

use crate::support::Running;

/// Runs an example against a server of one service; its output, if it ended with 0.
fn run(example: &str, factory: impl Fn() -> Box<dyn Service> + Send + Sync + 'static) -> String {
    let server = Running::start(factory);
    let python = std::env::var_os("PYTHON").unwrap_or_else(|| "python3".into());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/python").join(example);
    let output = Command::new(python).arg(script).arg(server.url()).output().expect("Python 3 is there");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    String::from_utf8(output.stdout).expect("output is UTF-8")
}

#[test]
#[ignore = "needs Python with websockets"]
fn ten_thousand_messages_have_ten_thousand_answers() {
    let output = run("random_10000.py", || Box::new(Random));
    assert_eq!(output.trim_end(), "10000 sent, 10000 answered, 0 lost");
}

#[test]
#[ignore = "needs Python with websockets"]
fn sentence_is_printed_in_93_lines_with_count_4() {
    let output = run("stream.py", || Box::new(Stream::new(Duration::from_millis(1))));
    assert_eq!(output.lines().count(), 46 + 46 + 1);
    assert_eq!(output.lines().last(), Some("Last char 'o' count: 4"));
}

#[test]
#[ignore = "needs Python with websockets"]
fn letters_are_subscribed_again_and_unsubscribed() {
    let letters = Letters::new(Duration::from_millis(50));
    let output = run("letters.py", move || Box::new(letters.clone()));
    assert_eq!(output.lines().filter(|line| line.starts_with("Letter B updated")).count(), 3, "{output}");
}
