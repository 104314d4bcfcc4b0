//! The command that reproduces a run: its settings as flags, defaults left out, quoted for a POSIX shell.

use crate::{outcome::Outcome, plan::PlanEcho};

/// The command that reproduces the run, and what it cannot name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reproduction {
    /// What to type.
    pub command: String,
    /// What must be added by hand: secrets are not in a report.
    pub missing: Vec<String>,
}

/// The command for this outcome.
#[must_use]
pub fn reproduction(outcome: &Outcome) -> Reproduction {
    let settings = &outcome.plan;
    let url = settings.0.get("url").map_or("URL", String::as_str);
    let mut words = vec!["wigwag".to_owned(), "load".to_owned(), quoted(url)];
    let mut missing = Vec::new();
    for (name, value) in &settings.0 {
        if name != "url" && name != "seed" && !is_default(name, value, settings) {
            push(&mut words, &mut missing, name, value);
        }
    }
    words.extend(["--seed".to_owned(), outcome.seed.to_string()]);
    Reproduction { command: words.join(" "), missing }
}

fn push(words: &mut Vec<String>, missing: &mut Vec<String>, name: &str, value: &str) {
    match name {
        "header" => missing.push(format!("-H for {value} (values are secrets and not in a report)")),
        // A plan that was not made by a command knows no name.
        "message-file" if value.ends_with(" lines") => missing.push(format!("-f FILE ({value})")),
        // Each has a flag of its own; none of them contains a comma.
        "stage" | "fault" | "subprotocol" | "resolve" => {
            for one in value.split(',') {
                words.extend([flag(name), quoted(one)]);
            }
        }
        _ if value == "true" => words.push(flag(name)),
        _ if value == "false" => {}
        _ => words.extend([flag(name), quoted(value)]),
    }
}

fn flag(name: &str) -> String {
    match name {
        "connections" => "-c".to_owned(),
        "messages" => "-n".to_owned(),
        "duration" => "-d".to_owned(),
        "rate" => "-r".to_owned(),
        "message" => "-m".to_owned(),
        "message-file" => "-f".to_owned(),
        "workers" => "-w".to_owned(),
        "timeout" => "-t".to_owned(),
        "binary" => "-b".to_owned(),
        "origin" => "-o".to_owned(),
        "subprotocol" => "-s".to_owned(),
        _ => format!("--{name}"),
    }
}

/// Whether leaving the flag out gives the same value.
fn is_default(name: &str, value: &str, settings: &PlanEcho) -> bool {
    let other = |name: &str| settings.0.get(name).map(String::as_str);
    match name {
        "expect" => value == "auto",
        "size" => value == "64",
        "timeout" | "connect-timeout" => value == "10s",
        "drain" => Some(value) == other("timeout"),
        // Derived from the connections, unless it was asked for; both give the same run.
        "in-flight" => {
            let connections = other("connections").and_then(|count| count.parse::<u64>().ok()).unwrap_or(1);
            other("stage").is_none() && value == (256 / connections.max(1)).max(1).to_string()
        }
        "reconnect" => value == "false",
        _ => false,
    }
}

/// The word as a POSIX shell reads it back.
fn quoted(word: &str) -> String {
    let harmless = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+,".contains(c);
    if !word.is_empty() && word.chars().all(harmless) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_tls_are_named_as_they_were_asked_for() {
        let mut plan = crate::Plan::to("wss://127.0.0.1:8765/echo".parse().expect("a URL"));
        plan.url.tls = false;
        plan.tls_names = crate::plan::TlsNames {
            insecure: true,
            cacert: Some("our ca.pem".to_owned()),
            cert: Some("me.pem".to_owned()),
            key: Some("me.key".to_owned()),
        };
        plan.payload = crate::plan::Payload::Lines(["a".parse().expect("a template")].into());
        plan.message_file = Some("lines.txt".to_owned());
        let settings = plan.check().expect("a valid plan").settings();
        let (mut words, mut missing) = (Vec::new(), Vec::new());
        settings.0.iter().for_each(|(name, value)| push(&mut words, &mut missing, name, value));
        let command = words.join(" ");
        for expected in ["--insecure", "--cacert 'our ca.pem'", "--cert me.pem", "--key me.key", "-f lines.txt"] {
            assert!(command.contains(expected), "{command}");
        }
        assert!(missing.is_empty(), "{missing:?}");
    }

    #[test]
    fn words_are_quoted_where_a_shell_would_read_them_otherwise() {
        assert_eq!(quoted("ws://127.0.0.1:8765/random"), "ws://127.0.0.1:8765/random");
        assert_eq!(quoted("ws://h/?a=1&b=2"), "'ws://h/?a=1&b=2'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
    }
}
