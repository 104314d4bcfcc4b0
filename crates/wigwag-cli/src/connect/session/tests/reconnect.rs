//! Connections that are lost, and opened again.

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
