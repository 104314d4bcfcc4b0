//! What a line means, what an arrival prints, when it is over: without terminal, socket or clock.

use wigwag_net::{CloseReason, OpenError, OpenErrorKind};

use super::*;

struct Case {
    session: Session,
    now: Now,
}

fn options() -> Options {
    Options {
        url: "ws://localhost:8765/random".parse().expect("a URL"),
        request: vec!["GET /random HTTP/1.1".to_owned()],
        interactive: false,
        person: false,
        binary: false,
        wait: Duration::from_secs(10),
        replies: Replies::OnePerMessage,
        until: None,
        reconnect: false,
        ping_interval: None,
        record: false,
        keep: true,
        seed: 7,
    }
}

impl Case {
    fn new(options: Options) -> Self {
        let now = Now { instant: Instant::now(), wall: SystemTime::UNIX_EPOCH };
        let view = View { terminal: options.interactive, ..View::default() };
        let mut case = Self { session: Session::new(options, view, Vec::new(), now), now };
        assert_eq!(case.actions(), [Action::Connect]);
        case
    }

    /// Connected, and nothing said of it yet.
    fn open(options: Options) -> Self {
        let mut case = Self::new(options);
        case.opened();
        case.actions();
        case
    }

    fn pipe() -> Self {
        Self::open(options())
    }

    fn person() -> Self {
        Self::open(Options { interactive: true, ..options() })
    }

    fn actions(&mut self) -> Vec<Action> {
        std::iter::from_fn(|| self.session.poll_action()).collect()
    }

    fn notes(&mut self) -> String {
        let notes = self.actions().into_iter().filter_map(|action| match action {
            Action::Note(_, note) => Some(note),
            _ => None,
        });
        notes.collect::<Vec<_>>().join("\n")
    }

    fn opened(&mut self) {
        let headers = vec![("Set-Cookie".to_owned(), "abc".to_owned())];
        let opened = Opened { remote: None, protocol: None, headers };
        self.session.handle_arrival(Arrival::Opened(opened), self.now);
    }

    fn line(&mut self, line: &str) {
        self.session.handle_input(Input::Line(line.as_bytes().to_vec()), self.now);
    }

    fn types(&mut self, line: &str) {
        self.session.handle_input(Input::Typed(line.to_owned()), self.now);
    }

    fn end(&mut self) {
        self.session.handle_input(Input::End, self.now);
    }

    fn arrives(&mut self, message: &str) {
        self.session.handle_arrival(Arrival::Message(message.into()), self.now);
    }

    fn closed(&mut self, cause: CloseCause, code: Option<CloseCode>) {
        let reason = code.map(|code| CloseReason::new(code, ""));
        self.session.handle_arrival(Arrival::Closed(Closed { reason, cause }), self.now);
    }

    fn refused(&mut self, kind: OpenErrorKind) {
        let error = OpenError { kind, why: "no".to_owned(), refusal: None };
        self.closed(CloseCause::NotOpened(error), None);
    }

    /// The peer answers our Close.
    fn closes(&mut self) {
        assert!(self.actions().iter().any(|action| matches!(action, Action::Close(CloseCode::NORMAL, _))));
        self.closed(CloseCause::Local, Some(CloseCode::NORMAL));
    }

    fn passes(&mut self, time: Duration) {
        self.now.instant += time;
        self.session.handle_timeout(self.now);
    }

    fn exit(&mut self) -> Option<u8> {
        self.actions().into_iter().find_map(|action| if let Action::Exit(code) = action { Some(code) } else { None })
    }
}

fn answer(text: &str) -> Action {
    Action::Answer(format!("{text}\n").into_bytes())
}

mod pipe {
    use super::*;

    #[test]
    fn a_line_is_a_message_and_slashes_mean_nothing() {
        let mut case = Case::pipe();
        case.line("/help");
        case.line("");
        assert_eq!(case.actions(), [Action::Send("/help".into()), Action::Send("".into())]);
        case.arrives("/help 42");
        assert_eq!(case.actions(), [answer("/help 42")]);
    }

    #[test]
    fn the_end_waits_for_an_answer_to_each_message_and_closes_with_1000() {
        let mut case = Case::pipe();
        case.line("a");
        case.line("b");
        case.end();
        case.arrives("a 1");
        assert!(!case.actions().iter().any(|action| matches!(action, Action::Close(..))));
        case.arrives("b 2");
        case.closes();
        assert_eq!(case.exit(), Some(0));
    }

    #[test]
    fn the_end_without_messages_closes_at_once() {
        let mut case = Case::pipe();
        case.end();
        case.closes();
        assert_eq!(case.exit(), Some(0));
    }

    #[test]
    fn a_missing_answer_is_a_failure_that_says_so() {
        let mut case = Case::pipe();
        case.line("a");
        case.line("b");
        case.end();
        assert_eq!(case.session.poll_timeout(), Some(case.now.instant + Duration::from_secs(10)));
        case.actions();
        case.passes(Duration::from_secs(9));
        case.arrives("a 1");
        case.passes(Duration::from_secs(9));
        assert_eq!(case.actions(), [answer("a 1")], "each answer gives time for the next");
        case.passes(Duration::from_secs(1));
        let actions = case.actions();
        assert!(
            matches!(&actions[0], Action::Note(Level::Error, why) if why == "1 of 2 messages not answered within 10s (--wait)"),
            "{actions:?}"
        );
        case.closed(CloseCause::Local, Some(CloseCode::NORMAL));
        assert_eq!(case.exit(), Some(1));
    }

    #[test]
    fn replies_say_how_many_are_enough() {
        let mut case = Case::open(Options { replies: Replies::Count(2), ..options() });
        case.line("a");
        case.arrives("1");
        case.arrives("2");
        case.closes();
        assert_eq!(case.exit(), Some(0));

        let mut case = Case::open(Options { replies: Replies::Count(0), ..options() });
        case.line("a");
        case.end();
        case.closes();
        assert_eq!(case.exit(), Some(0));
    }

    #[test]
    fn any_replies_are_taken_for_the_whole_time() {
        let mut case = Case::open(Options { replies: Replies::Any, ..options() });
        case.line("a");
        case.end();
        case.passes(Duration::from_secs(6));
        case.arrives("1");
        case.arrives("2");
        case.passes(Duration::from_secs(4));
        case.closes();
        assert_eq!(case.exit(), Some(0));
    }

    #[test]
    fn until_ends_with_the_match_and_fails_without_one() {
        let until = || Some(Regex::new("^c.*t$").expect("a regex"));
        let mut case = Case::open(Options { until: until(), ..options() });
        case.arrives("stream");
        case.arrives("count");
        case.closes();
        assert_eq!(case.exit(), Some(0));

        let mut case = Case::open(Options { until: until(), ..options() });
        case.end();
        case.passes(Duration::from_secs(5));
        case.arrives("stream");
        case.passes(Duration::from_secs(5));
        assert!(case.notes().contains("no message matched ^c.*t$ within 10s"));
        case.closed(CloseCause::Local, Some(CloseCode::NORMAL));
        assert_eq!(case.exit(), Some(1));
    }

    #[test]
    fn a_connection_that_ends_early_is_a_failure() {
        for (code, sent, ended, expected) in [
            (Some(CloseCode::NORMAL), 0, true, 0),
            (Some(CloseCode::GOING_AWAY), 0, true, 0),
            (Some(CloseCode::NORMAL), 1, true, 1),
            (Some(CloseCode::NORMAL), 0, false, 1),
            (Some(CloseCode::INTERNAL_ERROR), 0, true, 1),
            (None, 0, true, 1),
        ] {
            let mut case = Case::open(Options { replies: Replies::OnePerMessage, ..options() });
            // With nothing missing the end would close at once: an unanswered Ping keeps it open.
            case.types("/ping");
            (0..sent).for_each(|_| case.line("a"));
            if ended {
                case.end();
            }
            case.session.handle_arrival(Arrival::Pong(b"wigwag 1".to_vec()), case.now);
            case.session.phase = Phase::Open;
            case.actions();
            case.closed(if code.is_some() { CloseCause::Peer } else { CloseCause::Eof }, code);
            assert_eq!(case.exit(), Some(expected), "{code:?} {sent} {ended}");
        }
    }

    #[test]
    fn a_feed_that_ends_by_itself_is_no_failure_where_a_person_could_have_typed() {
        let mut case = Case::open(Options { person: true, ..options() });
        case.arrives("news");
        case.closed(CloseCause::Peer, Some(CloseCode::NORMAL));
        assert_eq!(case.exit(), Some(0));
    }

    #[test]
    fn a_refusal_is_said_and_is_exit_code_1() {
        let mut case = Case::new(options());
        case.refused(OpenErrorKind::Handshake);
        let actions = case.actions();
        assert!(
            matches!(&actions[0], Action::Note(Level::Error, why) if why == "no connection to ws://localhost:8765/random: no")
        );
        assert_eq!(actions[1], Action::Exit(1));
    }

    #[test]
    fn a_line_that_is_no_text_needs_the_binary_flag() {
        let mut case = Case::pipe();
        case.session.handle_input(Input::Line(vec![0xff]), case.now);
        assert!(case.notes().contains("--binary"));
        case.closed(CloseCause::Local, Some(CloseCode::NORMAL));
        assert_eq!(case.exit(), Some(1));

        let mut case = Case::open(Options { binary: true, ..options() });
        case.session.handle_input(Input::Line(vec![0xff]), case.now);
        assert_eq!(case.actions(), [Action::Send(vec![0xff].into())]);
    }

    #[test]
    fn an_interrupt_closes_properly_and_the_second_at_once() {
        let mut case = Case::pipe();
        case.line("a");
        case.session.handle_interrupt(case.now);
        case.closes();
        let actions = case.actions();
        assert!(
            matches!(&actions[0], Action::Note(Level::Info, report) if report.starts_with("1 message sent")),
            "{actions:?}"
        );
        assert_eq!(actions.last(), Some(&Action::Exit(130)));

        let mut case = Case::pipe();
        case.session.handle_interrupt(case.now);
        case.session.handle_interrupt(case.now);
        assert_eq!(case.exit(), Some(130));
    }

    #[test]
    fn an_executed_ping_is_waited_for() {
        let mut case = Case::pipe();
        case.types("/ping");
        case.end();
        assert_eq!(case.actions(), [Action::Ping(b"wigwag 1".to_vec())]);
        case.now.instant += Duration::from_millis(2);
        case.session.handle_arrival(Arrival::Pong(b"wigwag 1".to_vec()), case.now);
        let actions = case.actions();
        assert_eq!(actions[0], Action::Note(Level::Info, "pong after 2.00 ms".to_owned()));
        assert_eq!(actions[1], Action::Close(CloseCode::NORMAL, String::new()));
    }
}

mod reconnect {
    use super::*;

    fn case() -> Case {
        Case::open(Options { reconnect: true, ..options() })
    }

    #[test]
    fn a_lost_connection_is_opened_again_after_growing_pauses() {
        let mut case = case();
        case.closed(CloseCause::Eof, None);
        let mut pauses = Vec::new();
        for attempt in 1..=9 {
            assert!(case.notes().contains(&format!("(attempt {attempt})")));
            let due = case.session.poll_timeout().expect("an attempt is planned");
            pauses.push((due - case.now.instant).as_secs_f64());
            case.passes(due - case.now.instant);
            assert_eq!(case.actions(), [Action::Connect]);
            case.refused(OpenErrorKind::Unreachable(std::io::ErrorKind::ConnectionRefused));
        }
        assert!((0.375..=0.625).contains(&pauses[0]), "{pauses:?}");
        assert!((0.75..=1.25).contains(&pauses[1]), "{pauses:?}");
        assert!((22.5..=37.5).contains(&pauses[8]), "{pauses:?}");
    }

    #[test]
    fn input_waits_for_the_connection_and_what_had_no_answer_is_in_doubt() {
        let mut case = case();
        case.line("a");
        case.line("b");
        case.actions();
        case.session.handle_unsent(vec!["b".into()]);
        case.closed(CloseCause::Eof, None);
        assert!(!case.session.takes_input());
        case.passes(Duration::from_secs(1));
        case.actions();
        case.opened();
        assert!(case.session.takes_input());
        assert!(case.actions().contains(&Action::Send("b".into())), "what was never handed over is sent again");
        case.arrives("b 1");
        case.end();
        let notes = case.notes();
        assert!(notes.contains("1 of 2 messages not answered"), "{notes}");
        case.closed(CloseCause::Local, Some(CloseCode::NORMAL));
        assert_eq!(case.exit(), Some(1));
    }

    #[test]
    fn what_time_cannot_mend_is_not_tried_again() {
        for kind in [OpenErrorKind::Untrusted, OpenErrorKind::Request] {
            let mut case = Case::new(Options { reconnect: true, ..options() });
            case.refused(kind);
            assert_eq!(case.exit(), Some(1), "{kind:?}");
        }
    }

    #[test]
    fn an_interrupt_between_attempts_ends_at_once() {
        let mut case = case();
        case.closed(CloseCause::Eof, None);
        case.session.handle_interrupt(case.now);
        assert_eq!(case.exit(), Some(130));
    }
}

mod person {
    use super::*;

    #[test]
    fn lines_are_sent_and_answers_are_marked() {
        let mut case = Case::person();
        case.types("hello");
        case.types("//slash");
        case.types("");
        assert_eq!(case.actions(), [Action::Send("hello".into()), Action::Send("/slash".into())]);
        case.arrives("hello 42");
        assert_eq!(case.actions(), [answer("< hello 42")]);
    }

    #[test]
    fn leaving_closes_and_reports() {
        let mut case = Case::person();
        case.types("hello");
        case.end();
        case.closes();
        let notes = case.notes();
        assert!(notes.starts_with("closed: 1000 normal closure\n1 message sent"), "{notes}");
    }

    #[test]
    fn the_session_outlives_its_connection() {
        let mut case = Case::person();
        case.closed(CloseCause::Peer, Some(CloseCode::GOING_AWAY));
        assert_eq!(case.notes(), "closed by the server: 1001 going away; /reconnect opens it again, ctrl-d leaves");
        case.types("hello");
        assert!(case.notes().contains("not sent"));
        case.types("/reconnect");
        assert_eq!(case.actions(), [Action::Connect]);
        case.refused(OpenErrorKind::Unreachable(std::io::ErrorKind::ConnectionRefused));
        assert!(case.notes().contains("start it with: wigwag serve"));
        case.types("/reconnect");
        case.opened();
        assert!(case.notes().contains("connected to"));
        case.end();
        case.closes();
        assert_eq!(case.exit(), Some(0));
    }

    #[test]
    fn close_stays_and_reconnect_reopens() {
        let mut case = Case::person();
        case.types("/close 1008 not today");
        assert_eq!(case.actions(), [Action::Close(CloseCode::POLICY_VIOLATION, "not today".to_owned())]);
        case.closed(CloseCause::Local, Some(CloseCode::POLICY_VIOLATION));
        assert_eq!(case.notes(), "closed: 1008 policy violation");
        case.types("/close");
        assert!(case.notes().contains("not open"));

        let mut case = Case::person();
        case.types("/reconnect");
        case.types("meanwhile");
        case.closes();
        assert!(case.actions().contains(&Action::Connect));
        case.opened();
        assert!(case.actions().contains(&Action::Send("meanwhile".into())), "nothing typed is lost");
    }

    #[test]
    fn a_wrong_command_is_explained_and_sends_nothing() {
        let mut case = Case::person();
        case.types("/clsoe");
        let actions = case.actions();
        assert!(matches!(&actions[..], [Action::Note(Level::Warning, why)] if why.contains("/close")), "{actions:?}");
    }

    #[test]
    fn pings_and_pongs_go_out_and_are_timed() {
        let mut case = Case::person();
        case.types("/ping");
        case.types("/pong beat");
        let actions = case.actions();
        assert_eq!(actions[..2], [Action::Ping(b"wigwag 1".to_vec()), Action::Pong(b"beat".to_vec())]);
        case.session.handle_arrival(Arrival::Pong(Vec::new()), case.now);
        assert_eq!(case.notes(), "", "the answer to a Ping of the workers' own");
        case.session.handle_arrival(Arrival::Pong(b"wigwag 1".to_vec()), case.now);
        assert!(case.notes().starts_with("pong after "));
    }

    #[test]
    fn files_are_text_where_they_are() {
        let mut case = Case::person();
        case.types("/send a b.txt");
        assert_eq!(case.actions(), [Action::ReadFile("a b.txt".into())]);
        case.session.send_file(Ok(b"text\n".to_vec()), case.now);
        case.session.send_file(Ok(vec![0xff]), case.now);
        assert_eq!(case.actions(), [Action::Send("text\n".into()), Action::Send(vec![0xff].into())]);
        case.session.send_file(Err("cannot read a".to_owned()), case.now);
        assert_eq!(case.notes(), "cannot read a");
    }

    #[test]
    fn views_change_and_change_back() {
        let mut case = Case::person();
        case.types("/json");
        case.actions();
        case.arrives("[1]");
        assert_eq!(case.actions(), [answer("< [\n    1\n  ]")]);
        case.types("/json off");
        case.types("/hex on");
        case.actions();
        case.arrives("a");
        let shown = case.actions();
        assert!(
            matches!(&shown[0], Action::Answer(dump) if dump.starts_with(b"< text, 1 byte\n00000000  61")),
            "{shown:?}"
        );
    }

    #[test]
    fn the_conversation_can_be_saved() {
        let mut case = Case::person();
        case.types("hello");
        case.arrives("hello 42");
        case.actions();
        case.types("/save x");
        let actions = case.actions();
        let Action::WriteFile(path, lines) = &actions[0] else { panic!("{actions:?}") };
        let lines = String::from_utf8_lossy(lines);
        assert_eq!((path.to_str(), lines.lines().count()), (Some("x"), 3));
        assert!(lines.contains(r#""direction":"out","type":"text","data":"hello""#), "{lines}");
    }

    #[test]
    fn history_headers_stats_and_help_are_shown_without_secrets() {
        let mut case = Case::person();
        case.types("one");
        case.types("two");
        case.actions();
        case.types("/history 2");
        assert_eq!(case.notes(), "two\n/history 2");
        case.types("/headers");
        let headers = case.notes();
        assert!(headers.contains("> GET /random") && headers.contains("< Set-Cookie: (hidden)"), "{headers}");
        case.types("/stats");
        assert!(case.notes().starts_with("2 messages sent (6 bytes)"));
        case.types("/help");
        assert_eq!(case.notes().matches("\n  /").count(), 12);
    }

    #[test]
    fn a_ping_interval_pings_without_a_word() {
        let mut case =
            Case::open(Options { interactive: true, ping_interval: Some(Duration::from_secs(5)), ..options() });
        case.passes(Duration::from_secs(5));
        assert_eq!(case.actions(), [Action::Ping(b"wigwag 1".to_vec())]);
        case.session.handle_arrival(Arrival::Pong(b"wigwag 1".to_vec()), case.now);
        assert_eq!(case.notes(), "");
        assert_eq!(case.session.poll_timeout(), Some(case.now.instant + Duration::from_secs(5)));
    }

    #[test]
    fn a_record_has_everything() {
        let mut case = Case::new(Options { record: true, ..options() });
        case.opened();
        case.line("hello");
        case.arrives("hello 42");
        case.closed(CloseCause::Peer, Some(CloseCode::NORMAL));
        let lines = case.actions().into_iter().filter(|action| matches!(action, Action::Record(_))).count();
        assert_eq!(lines, 4);
    }
}
