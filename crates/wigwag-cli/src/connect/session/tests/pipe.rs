//! Lines of a pipe, and what the end of the input waits for.

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
    case.arrives("counted, not shown");
    case.closes();
    let actions = case.actions();
    assert!(
        matches!(&actions[0], Action::Note(Level::Info, report) if report.starts_with("1 message sent (1 byte), 1 received")),
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
