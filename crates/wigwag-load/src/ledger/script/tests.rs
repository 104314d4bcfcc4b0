//! A scenario's answers, class by class: whatever comes, the counts are those of what was done, and both equations hold.

use std::{sync::Arc, time::Duration};

use super::*;
use crate::{account::Account, payload::Payloads, plan::Plan};

/// A ledger with one connection that plays a script.
struct Stage {
    ledger: Ledger,
    now: u64,
}

const SECOND: u64 = 1_000_000_000;

impl Stage {
    fn new(content: &str) -> Self {
        let script = Script::parse("f.toml", content).expect("a scenario");
        let plan = Plan {
            connections: 1,
            workers: Some(1),
            seed: Some(7),
            timeout: Duration::from_secs(1),
            script: Some(Arc::new(script)),
            ..Plan::default()
        };
        let plan = plan.check().expect("a valid plan");
        let payloads = Payloads::new(plan.plan().payload.clone(), plan.sizes, false, plan.seed, 0);
        let mut ledger = Ledger::new(Arc::new(Rules::new(&plan, payloads)), 0, 1);
        ledger.begin_pass(0, SECOND);
        Self { ledger, now: SECOND }
    }

    fn say(&mut self, step: usize) -> String {
        let mut said = String::new();
        self.ledger.say(0, step, self.now, |text| said.push_str(text));
        said
    }

    fn hear(&mut self, text: &str) -> bool {
        self.now += 1_000_000;
        self.ledger.hear(0, Heard { content: text.as_bytes(), is_binary: false }, self.now)
    }

    fn hear_all(&mut self, texts: &[&str]) {
        texts.iter().for_each(|text| {
            self.hear(text);
        });
    }

    /// Comes to a step and lets its time pass.
    fn miss(&mut self, step: usize) {
        let deadline = self.ledger.await_step(0, step, self.now).expect("not answered yet");
        self.now = deadline + 1;
        self.ledger.miss(0, step);
    }

    #[track_caller]
    fn end(mut self, expected: &[(Class, u64)]) -> Account {
        self.ledger.end(0, End::Closed);
        let account = self.ledger.tally.account;
        assert!(account.balances() && account.outstanding == 0, "{account:?}");
        for class in Class::SENT.into_iter().chain(Class::SURPLUS) {
            let wanted = expected.iter().find(|(one, _)| *one == class).map_or(0, |(_, count)| *count);
            assert_eq!(account[class], wanted, "{class:?} of {account:?}");
        }
        account
    }
}

const STREAM: &str = r#"
[[step]]
send = '{"message":"abc"}'
[[step]]
expect = { json = { type = "stream" } }
count = 3
[[step]]
expect = { json = { type = "reverse" } }
count = 3
[[step]]
expect = { json = { type = "count", count = 0 } }
"#;
const A: &str = r#"{"type":"stream","data":"a"}"#;
const R: &str = r#"{"type":"reverse","data":"a"}"#;
const C: &str = r#"{"type":"count","count":0}"#;

const ECHO: &str = "
[[step]]
send = 'hello {sequence} of {connection}'
[[step]]
expect = 'hello {sequence} of {connection}'
";

#[test]
fn each_expected_answer_is_one() {
    let mut stage = Stage::new(STREAM);
    assert_eq!(stage.say(0), r#"{"message":"abc"}"#);
    assert_eq!([A, A, A].map(|text| stage.hear(text)), [false, false, true], "the script goes on after the third");
    stage.hear_all(&[R, R, R]);
    assert!(stage.hear(C));
    assert_eq!(stage.ledger.await_step(0, 3, stage.now), None);
    let account = stage.end(&[(Class::Ok, 7)]);
    assert_eq!((account.sent, account.arrivals, account.answers), (7, 7, 7));
}

#[test]
fn one_that_is_left_out_is_lost_and_nothing_else() {
    let mut stage = Stage::new(STREAM);
    stage.say(0);
    stage.hear_all(&[A, A, R, R, R, C]);
    stage.end(&[(Class::Ok, 6), (Class::Lost, 1)]);
}

#[test]
fn one_too_many_is_a_duplicate() {
    let mut stage = Stage::new(STREAM);
    stage.say(0);
    stage.hear_all(&[A, A, A, A, R, R, R, C, C]);
    stage.end(&[(Class::Ok, 7), (Class::Duplicate, 2)]);
}

#[test]
fn one_that_is_overtaken_by_a_later_step_is_reordered() {
    let mut stage = Stage::new(STREAM);
    stage.say(0);
    stage.hear_all(&[A, A, R, A, R, R, C]);
    stage.end(&[(Class::Ok, 6), (Class::Reordered, 1)]);
}

#[test]
fn something_else_instead_of_an_answer_is_altered() {
    let mut stage = Stage::new(STREAM);
    stage.say(0);
    stage.hear_all(&[A, A, "garbage", R, R, R, C]);
    let offenders = stage.ledger.tally.offenders.clone();
    assert!(offenders[0].note.contains("step 2 (line 4, json type = stream)"), "{offenders:?}");
    stage.end(&[(Class::Ok, 6), (Class::Altered, 1)]);
}

#[test]
fn something_else_besides_all_answers_is_unsolicited() {
    for at in 0..=7 {
        let mut stage = Stage::new(STREAM);
        stage.say(0);
        let mut texts = vec![A, A, A, R, R, R, C];
        texts.insert(at, "garbage");
        stage.hear_all(&texts);
        assert!(stage.ledger.tally.offenders.iter().all(|one| one.class == Class::Unsolicited), "at {at}");
        stage.end(&[(Class::Ok, 7), (Class::Unsolicited, 1)]);
    }
}

#[test]
fn an_answer_after_the_steps_time_is_late_and_one_that_never_comes_is_lost() {
    let mut stage = Stage::new(ECHO);
    stage.say(0);
    stage.miss(1);
    stage.hear("hello 0 of 0");
    stage.say(0);
    stage.miss(1);
    stage.say(0);
    stage.hear("hello 2 of 0");
    stage.end(&[(Class::Late, 1), (Class::Lost, 1), (Class::Ok, 1)]);
}

#[test]
fn templates_are_filled_in_as_in_the_message_before() {
    let mut stage = Stage::new(ECHO);
    assert_eq!(stage.say(0), "hello 0 of 0");
    assert!(stage.hear("hello 0 of 0"));
    assert_eq!(stage.say(0), "hello 1 of 0");
    // Once more what was answered before is no answer to this.
    assert!(!stage.hear("hello 0 of 0"));
    assert!(stage.hear("hello 1 of 0"));
    stage.end(&[(Class::Ok, 2), (Class::Duplicate, 1)]);
}

#[test]
fn a_greeting_is_expected_before_anything_is_said() {
    let mut stage = Stage::new("[[step]]\nexpect = 'welcome'\n[[step]]\nsend = 'bye'");
    assert!(stage.hear("welcome"));
    stage.say(1);
    let account = stage.end(&[(Class::Ok, 2)]);
    assert_eq!((account.sent, account.answers), (2, 1), "a message that wants no answer is ok once it is sent");
}

#[test]
fn answers_may_come_while_the_script_still_waits() {
    let mut stage = Stage::new("[[step]]\nsend = 'x'\n[[step]]\nwait = '1s'\n[[step]]\nexpect = 'y'");
    stage.say(0);
    assert!(stage.hear("y"));
    assert_eq!(stage.ledger.await_step(0, 2, stage.now), None);
    stage.end(&[(Class::Ok, 1)]);
}

#[test]
fn updates_of_a_subscription_are_welcome_until_the_connection_ends() {
    let script = "
        ignore = ['^ping$']
        [[step]]
        subscribe = 'on'
        updates = { match = '^tick' }
        [[step]]
        expect = { match = '^tick' }
        count = 2
        [[step]]
        send = 'off'
        [[step]]
        expect = 'done'
    ";
    let mut stage = Stage::new(script);
    assert!(!stage.hear("tick 0"), "nobody has subscribed yet");
    stage.say(0);
    stage.hear_all(&["tick 1", "ping", "tick 2", "tick 3"]);
    stage.say(2);
    stage.hear_all(&["tick 4", "done", "ping"]);
    let account = stage.end(&[(Class::Ok, 3), (Class::Unsolicited, 1)]);
    assert_eq!(account.parts, 4);
}

#[test]
fn a_connection_that_dies_leaves_what_was_expected_in_doubt() {
    let mut stage = Stage::new(STREAM);
    stage.say(0);
    stage.hear(A);
    assert_eq!(stage.ledger.outstanding(0), 6);
    stage.ledger.end(0, End::Died);
    assert_eq!(stage.ledger.outstanding(0), 0);
    stage.end(&[(Class::Ok, 1), (Class::InDoubt, 6)]);
}
