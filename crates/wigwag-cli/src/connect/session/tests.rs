//! What a line means, what an arrival prints, when it is over: without terminal, socket or clock.

mod person;
mod pipe;
mod reconnect;

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
