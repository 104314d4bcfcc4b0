//! `wigwag try` as a person runs it, against the services and against servers that answer wrong.

use std::{
    io::{BufRead as _, BufReader},
    net::{SocketAddr, TcpListener},
    process::{Output, Stdio},
    sync::Arc,
    time::Duration,
};

use assert_cmd::cargo::CommandCargoExt as _;
use wigwag_net::{
    Accept, Acceptor, CloseCode, Limits, Listener, Message, Net, Peer, Refusal, Service, Socket, Transport, Verdict,
};
use wigwag_proto::{
    Config,
    handshake::{
        extensions::DeflatePolicy,
        server::{Request, Upgrade},
    },
};
use wigwag_services::{Echo, Letters, Random, Stream};

const SENTENCE: &str = "The quick brown fox jumped over the lazy dog o";

/// Serves the services at their paths, and some that misbehave.
struct Paths {
    letters: Letters,
    config: Arc<Config>,
}

impl Acceptor for Paths {
    fn judge(&self, request: &Request<'_>, _: &Upgrade<'_>, _: &Peer) -> Verdict {
        let service: Box<dyn Service> = match request.path() {
            "/echo" => Box::new(Echo),
            "/random" => Box::new(Random),
            "/stream" => Box::new(Stream::new(Duration::from_millis(1))),
            "/letters" => Box::new(self.letters.clone()),
            "/mute" => Box::new(Faulty(|_, _| {})),
            "/twice" => Box::new(Faulty(|socket, message| {
                socket.send(message);
                socket.send(message);
            })),
            "/closing" => Box::new(Faulty(|socket, _| socket.close(CloseCode::GOING_AWAY, "enough"))),
            _ => {
                let body = "there is no such service".to_owned();
                return Verdict::Refuse(Refusal { status: 404, label: "not_found", headers: Vec::new(), body });
            }
        };
        Verdict::Accept(Accept {
            service,
            route: 0,
            config: self.config.clone(),
            deflate: DeflatePolicy::default(),
            protocol: None,
            headers: Vec::new(),
            permit: None,
            hold: None,
        })
    }

    fn http(&self, _: Transport, _: Peer) {}
}

struct Faulty(fn(&mut Socket<'_>, Message<'_>));

impl Service for Faulty {
    fn on_message(&mut self, socket: &mut Socket<'_>, message: Message<'_>) {
        (self.0)(socket, message);
    }
}

struct Running {
    address: SocketAddr,
    _net: Net,
}

fn serve() -> Running {
    let socket = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = socket.local_addr().expect("bound");
    let paths = Paths { letters: Letters::new(Duration::from_millis(20)), config: Arc::default() };
    let listeners = vec![Listener { socket, tls: None }];
    let net = Net::start(1, Limits::default(), listeners, Arc::new(paths)).expect("a worker starts");
    Running { address, _net: net }
}

impl Running {
    /// Runs `wigwag try`; a path can follow the server's URL.
    fn run(&self, arguments: &[&str], path: &str) -> Output {
        let url = format!("ws://{}{path}", self.address);
        command(arguments, &url).output().expect("the binary runs")
    }
}

fn command(arguments: &[&str], url: &str) -> std::process::Command {
    let mut command = std::process::Command::cargo_bin("wigwag").expect("the binary is built");
    command.env_clear().arg("try").args(arguments).args(["--url", url]);
    command
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).expect("output is UTF-8")
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).expect("output is UTF-8")
}

/// Whether the last line and the exit code are as expected.
#[track_caller]
fn check_end(output: &Output, last: &str, complaint: &str, code: i32) {
    let text = (stdout(output).lines().last().unwrap_or_default(), stderr(output));
    assert_eq!((text.0, output.status.code()), (last, Some(code)), "{}", text.1);
    assert!(text.1.contains(complaint), "{complaint:?} is not in {:?}", text.1);
    assert!(!complaint.is_empty() || text.1.is_empty(), "nothing to complain of, but: {}", text.1);
}

mod count {
    use super::*;

    #[test]
    fn ten_thousand_random_answers_are_printed_and_counted() {
        let output = serve().run(&["random", "hello", "-n", "10000"], "");
        check_end(&output, "10000 sent, 10000 answered, 0 lost", "", 0);
        let lines: Vec<&str> = stdout(&output).lines().collect();
        assert_eq!(lines.len(), 10_001);
        for line in &lines[..10_000] {
            let number = line.strip_prefix("hello ").and_then(|number| number.parse::<u8>().ok());
            assert!(number.is_some_and(|number| (1..=100).contains(&number)), "{line}");
        }
    }

    #[test]
    fn echoes_are_printed_and_counted() {
        let output = serve().run(&["echo", "two words", "-n", "3"], "");
        assert_eq!(stdout(&output), "two words\ntwo words\ntwo words\n3 sent, 3 answered, 0 lost\n");
        assert_eq!(output.status.code(), Some(0));
    }

    #[test]
    fn text_larger_than_the_queue_passes() {
        let large = "x".repeat(100_000);
        let output = serve().run(&["echo", &large, "-n", "20"], "");
        check_end(&output, "20 sent, 20 answered, 0 lost", "", 0);
    }

    #[test]
    fn wrong_answers_are_named_and_fail() {
        let output = serve().run(&["random", "a", "-n", "2"], "/echo");
        check_end(&output, "2 sent, 2 answered, 0 lost", "answer 2 is wrong: \"a\"", 1);
    }

    #[test]
    fn missing_answers_are_lost_and_fail() {
        let output = serve().run(&["echo", "-n", "5", "--timeout", "200ms"], "/mute");
        check_end(&output, "5 sent, 0 answered, 5 lost", "no answer within 200ms", 1);
    }

    #[test]
    fn surplus_answers_fail() {
        let output = serve().run(&["echo", "a"], "/twice");
        check_end(&output, "1 sent, 1 answered, 0 lost", "1 messages came that answer nothing", 1);
    }

    #[test]
    fn close_of_the_server_is_told_and_fails() {
        let output = serve().run(&["echo", "-n", "5"], "/closing");
        assert!(stderr(&output).contains("Close 1001, enough"), "{}", stderr(&output));
        assert_eq!(output.status.code(), Some(1));
        // The Close may come while there is still something to send.
        let ends = (1..=5).map(|sent| format!("{sent} sent, 0 answered, {sent} lost\n"));
        assert!(ends.into_iter().any(|end| stdout(&output) == end), "{}", stdout(&output));
    }

    /// Ctrl-c: no more is sent, what is under way arrives, the count so far is told.
    #[cfg(unix)]
    #[test]
    fn interrupted_run_counts_what_was_exchanged() {
        let server = serve();
        let url = format!("ws://{}", server.address);
        let mut child = command(&["random", "a", "-n", "1000000000"], &url)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        lines.next().expect("an answer").expect("UTF-8");
        let kill = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
        assert!(kill.expect("kill is there").success());
        let last = lines.map(|line| line.expect("UTF-8")).last().expect("a count line");
        let words: Vec<&str> = last.split([' ', ',']).filter(|word| !word.is_empty()).collect();
        let [sent, "sent", answered, "answered", "0", "lost"] = words[..] else { panic!("{last}") };
        assert_eq!(sent, answered);
        assert_eq!(child.wait().expect("it ends").code(), Some(1));
    }

    #[cfg(unix)]
    #[test]
    fn closed_pipe_ends_quietly() {
        let server = serve();
        let url = format!("ws://{}", server.address);
        let mut child = command(&["random", "-n", "100000"], &url)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("it ends");
        assert_eq!((stderr(&output), output.status.code()), ("", Some(0)));
    }
}

mod stream {
    use super::*;

    #[test]
    fn sentence_is_printed_there_and_back_with_its_count() {
        let output = serve().run(&["stream", SENTENCE], "");
        let there = SENTENCE.chars().map(|one| format!("Streamed echo: {one}\n"));
        let back = SENTENCE.chars().rev().map(|one| format!("Streamed reverse echo: {one}\n"));
        let expected: String = there.chain(back).chain(["Last char 'o' count: 4\n".to_owned()]).collect();
        assert_eq!((stdout(&output), output.status.code()), (&*expected, Some(0)), "{}", stderr(&output));
    }

    #[test]
    fn empty_text_has_no_answer() {
        let output = serve().run(&["stream", ""], "");
        check_end(&output, "", "", 0);
    }

    #[test]
    fn answer_of_another_service_fails() {
        let output = serve().run(&["stream", "ab"], "/echo");
        check_end(&output, "", "not usable", 1);
    }
}

mod letters {
    use super::*;

    #[test]
    fn updates_are_printed_for_the_time_asked() {
        let output = serve().run(&["letters", "a", "B", "--for", "300ms"], "");
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        for letter in ["A", "B"] {
            let start = format!("Letter {letter} updated with number ");
            let numbers = stdout(&output).lines().filter_map(|line| line.strip_prefix(&start));
            let numbers: Vec<&str> = numbers.filter_map(|rest| rest.strip_suffix('.')).collect();
            assert!(numbers.len() >= 3, "{}", stdout(&output));
            assert!(numbers.iter().all(|number| number.parse().is_ok_and(|number| (1000..=9999).contains(&number))));
        }
        assert!(stdout(&output).lines().all(|line| line.starts_with("Letter A ") || line.starts_with("Letter B ")));
    }

    #[test]
    fn silent_server_fails() {
        let output = serve().run(&["letters", "A", "--timeout", "200ms"], "/mute");
        check_end(&output, "", "no update of {'A'} within 200ms", 1);
    }
}

mod opening {
    use super::*;

    #[test]
    fn absent_server_is_named_with_what_to_do() {
        let socket = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("ws://{}", socket.local_addr().expect("bound"));
        drop(socket);
        let output = command(&["random"], &url).output().expect("the binary runs");
        check_end(&output, "", &format!("no connection to {url}/random: cannot connect"), 1);
        assert!(stderr(&output).ends_with("start it with: wigwag serve\n"), "{}", stderr(&output));
    }

    #[test]
    fn refusal_is_told_as_the_server_puts_it() {
        let output = serve().run(&["random"], "/nowhere");
        check_end(&output, "", "404", 1);
        assert!(stderr(&output).contains("there is no such service"), "{}", stderr(&output));
        assert!(!stderr(&output).contains("wigwag serve"), "{}", stderr(&output));
    }

    #[test]
    fn wrong_usage_has_a_code_of_its_own() {
        for arguments in [&["letters"][..], &["letters", "AB"], &["random", "-n", "x"], &["nothing"], &[]] {
            let output = command(arguments, "ws://127.0.0.1:1").output().expect("the binary runs");
            assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", stderr(&output));
        }
        let output = command(&["echo"], "http://127.0.0.1:1").output().expect("the binary runs");
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    }
}
