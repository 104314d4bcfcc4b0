//! A person at a prompt.

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
fn a_connection_that_takes_its_time_is_announced_once() {
    let mut case = Case::new(Options { interactive: true, ..options() });
    let due = case.session.poll_timeout().expect("an announcement is planned");
    case.passes(due - case.now.instant);
    assert!(case.notes().starts_with("connecting to ws://localhost:8765/random"));
    assert_eq!(case.session.poll_timeout(), None);
    assert_eq!(Case::new(options()).session.poll_timeout(), None, "a pipe needs none");
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
    let mut case = Case::open(Options { interactive: true, ping_interval: Some(Duration::from_secs(5)), ..options() });
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
