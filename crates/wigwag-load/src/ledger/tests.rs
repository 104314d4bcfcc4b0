//! Every class by itself, and any mixture of them: the counts are those of what was done, and both equations hold.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::{
    account::Account,
    payload::{Payloads, SEQUENCES},
    plan::{Expect, Payload, Plan, Sizes},
};

/// A ledger with two workers' worth of connections, and what a server would see.
struct Desk {
    ledgers: Vec<Ledger>,
    rules: Arc<Rules>,
    now: u64,
}

const SECOND: u64 = 1_000_000_000;
const MILLI: u64 = SECOND / 1000;

impl Desk {
    fn new(plan: Plan) -> Self {
        let plan = Plan { workers: Some(2), seed: Some(7), timeout: Duration::from_secs(1), ..plan };
        let plan = plan.check().expect("a valid plan");
        let asked = plan.plan();
        let payloads = Payloads::new(asked.payload.clone(), plan.sizes, asked.binary, plan.seed, 0);
        let rules = Arc::new(Rules::new(&plan, payloads));
        let ledgers = (0..plan.workers as u32)
            .map(|worker| {
                let own = crate::shape::share(plan.connections_max, worker, plan.workers as u32);
                Ledger::new(rules.clone(), worker, own)
            })
            .collect();
        Self { ledgers, rules, now: SECOND }
    }

    fn echo() -> Self {
        Self::new(Plan { connections: 4, expect: Expect::Echo, ..Plan::default() })
    }

    /// As if each connection had sent so many messages, and been answered.
    fn go_on_from(&mut self, number: u64) {
        let windows = self.ledgers.iter_mut().flat_map(|ledger| &mut ledger.windows);
        windows.for_each(|window| *window = Window::starting_at(number));
    }

    /// Sends on a connection of the run; gives the message.
    fn send(&mut self, connection: u32) -> Vec<u8> {
        let (worker, local) = (connection % 2, connection / 2);
        let ledger = &mut self.ledgers[worker as usize];
        let (id, token) = ledger.enter_sent(local, self.now, self.now);
        let message = ledger.compose(id, self.now).to_vec();
        if self.rules.payloads.is_token_alone() {
            assert_eq!(message, token);
        }
        message
    }

    fn arrive(&mut self, connection: u32, content: &[u8]) {
        self.arrive_as(connection, content, true);
    }

    fn arrive_as(&mut self, connection: u32, content: &[u8], kind_fits: bool) {
        let (worker, local) = (connection % 2, connection / 2);
        let ledger = &mut self.ledgers[worker as usize];
        let is_due = ledger.due_answers(local, self.now).is_next(kind_fits, content);
        if self.rules.expects_tokens() {
            let due = ledger.due_tokens(local, self.now).next();
            assert_eq!(is_due, kind_fits && due.is_some_and(|due| due == content));
        }
        if is_due {
            return ledger.enter_answers(local, 1, self.now);
        }
        if let Some((worker, note)) = ledger.arrive_any(local, kind_fits, content, self.now).note {
            self.ledgers[worker as usize].resolve(&note);
        }
    }

    fn account(&self) -> Account {
        let mut sum = Account::default();
        self.ledgers.iter().for_each(|ledger| sum += ledger.tally.account);
        sum
    }

    /// Ends all connections; the classes that are not 0.
    #[track_caller]
    fn judge(mut self, expected: &[(Class, u64)]) -> Account {
        for connection in 0..self.rules.connections {
            self.ledgers[(connection % 2) as usize].end(connection / 2, End::Closed);
        }
        let account = self.account();
        assert!(account.balances() && account.outstanding == 0, "{account:?}");
        let all = Class::SENT.into_iter().chain(Class::SURPLUS);
        let counted: Vec<_> = all.map(|class| (class, account[class])).filter(|(_, count)| *count > 0).collect();
        assert_eq!(counted, expected);
        account
    }
}

#[test]
fn answers_of_one_read_are_entered_together_with_the_time_of_each() {
    let mut desk = Desk::echo();
    let mut messages = vec![desk.send(0), desk.send(0)];
    desk.now += MILLI;
    messages.push(desk.send(0));
    desk.now += MILLI;
    let ledger = &mut desk.ledgers[0];
    let mut answers = ledger.due_answers(0, desk.now);
    assert!(messages.iter().all(|message| answers.is_next(true, message)));
    assert!(!answers.is_next(true, &messages[2]), "nothing is due any more");
    assert_eq!(answers.count(), 3);
    ledger.enter_answers(0, 3, desk.now);
    let times = ledger.tally.latencies(false).service;
    // A histogram is exact to 0.1 %.
    let millis = |time: std::time::Duration| (time.as_secs_f64() * 1000.0).round() as u64;
    assert_eq!((times.count(), millis(times.min()), millis(times.max())), (3, 1, 2));
    let account = desk.account();
    assert_eq!((account.sent, account.ok, account.arrivals, account.outstanding), (3, 3, 3, 0));
    assert!(account.balances());
}

#[test]
fn messages_sent_together_are_those_sent_one_by_one_and_what_is_not_sent_is_composed_again() {
    sent_together_is_sent_one_by_one(Sizes::exactly(16));
    sent_together_is_sent_one_by_one(Sizes::exactly(64));
    sent_together_is_sent_one_by_one(Sizes { least: 16, most: 1024 });
}

fn sent_together_is_sent_one_by_one(sizes: Sizes) {
    let plan = Plan { sizes: Some(sizes), connections: 4, expect: Expect::Echo, ..Plan::default() };
    let (mut one_by_one, mut together) = (Desk::new(plan.clone()), Desk::new(plan));
    assert!(together.rules.sends_together());
    one_by_one.go_on_from(SEQUENCES - 70);
    together.go_on_from(SEQUENCES - 70);
    let expected: Vec<_> = (0..100).map(|_| one_by_one.send(2)).collect();
    let (now, ledger) = (together.now, &mut together.ledgers[0]);
    let mut sent: Vec<Vec<u8>> = Vec::new();
    for (count, is_sent) in [(60, true), (7, false), (1, true), (39, true)] {
        let messages: Vec<_> = ledger.compose_joined(1, count).iter().map(Vec::from).collect();
        assert_eq!(messages.len(), count as usize);
        if sizes.most == 16 {
            assert_eq!(ledger.compose_tokens(1, count).concat(), messages.concat());
        }
        if is_sent {
            ledger.enter_composed(1, now);
            sent.extend(messages);
        }
    }
    assert_eq!(sent, expected);
    assert_eq!(together.account(), one_by_one.account());
    sent.iter().for_each(|message| together.arrive(2, message));
    together.judge(&[(Class::Ok, 100)]);
}

#[test]
fn messages_are_sent_together_only_where_they_are_ours_and_short_and_sent_when_they_are_due_and_answered() {
    let plan = || Plan { sizes: Some(Sizes::exactly(16)), connections: 4, expect: Expect::Echo, ..Plan::default() };
    for plan in [
        Plan { sizes: Some(Sizes { least: 16, most: 1025 }), ..plan() },
        Plan { rate: Some(10.0), ..plan() },
        Plan { expect: Expect::Nothing, ..plan() },
        Plan { payload: Payload::Template("{ledger}".parse().expect("a template")), sizes: None, ..plan() },
    ] {
        assert!(!Desk::new(plan).rules.sends_together());
    }
}

#[test]
fn what_a_token_has_no_digits_for_is_known_all_the_same() {
    let mut desk = Desk::echo();
    desk.go_on_from(2 * SEQUENCES - 1);
    let (last, first, next) = (desk.send(0), desk.send(0), desk.send(0));
    desk.arrive(0, &first);
    desk.arrive(0, &last);
    desk.arrive(0, &last);
    desk.arrive(1, &next);
    desk.judge(&[(Class::Ok, 1), (Class::Reordered, 1), (Class::Misrouted, 1), (Class::Duplicate, 1)]);
}

#[test]
fn a_message_that_was_not_sent_yet_is_unsolicited() {
    let mut desk = Desk::echo();
    let mut ahead = Desk::echo();
    (0..3).for_each(|_| drop(ahead.send(0)));
    let message = ahead.send(0);
    desk.arrive(0, &message);
    desk.judge(&[(Class::Unsolicited, 1)]);
}

#[test]
fn an_echo_is_ok() {
    let mut desk = Desk::echo();
    for connection in [0, 1, 3, 0] {
        let message = desk.send(connection);
        desk.arrive(connection, &message);
    }
    assert_eq!(desk.judge(&[(Class::Ok, 4)]).answers, 4);
}

#[test]
fn what_never_comes_is_lost_where_the_end_was_seen_and_else_in_doubt() {
    let mut desk = Desk::echo();
    desk.send(0);
    desk.send(1);
    desk.ledgers[1].end(0, End::Died);
    desk.judge(&[(Class::Lost, 1), (Class::InDoubt, 1)]);
}

#[test]
fn the_lower_of_two_that_changed_places_is_reordered() {
    let mut desk = Desk::echo();
    let (first, second) = (desk.send(0), desk.send(0));
    desk.arrive(0, &second);
    desk.arrive(0, &first);
    desk.judge(&[(Class::Ok, 1), (Class::Reordered, 1)]);
}

#[test]
fn a_gap_makes_nothing_reordered() {
    let mut desk = Desk::echo();
    let messages: Vec<_> = (0..5).map(|_| desk.send(2)).collect();
    for number in [0, 2, 4] {
        desk.arrive(2, &messages[number]);
    }
    desk.judge(&[(Class::Ok, 3), (Class::Lost, 2)]);
}

#[test]
fn one_bit_makes_an_answer_altered_wherever_it_is() {
    for at in [0, 5, 15, 16, 40, 63] {
        let mut desk = Desk::echo();
        let mut message = desk.send(0);
        message[at] ^= 1;
        desk.arrive(0, &message);
        let offender = &desk.ledgers[0].tally.offenders[0];
        assert_eq!(offender.difference.as_ref().map(|difference| difference.at), Some(at as u64));
        desk.judge(&[(Class::Altered, 1)]);
    }
}

#[test]
fn too_short_too_long_and_of_the_other_kind_are_altered() {
    let mut desk = Desk::echo();
    let (one, two, three, four) = (desk.send(0), desk.send(0), desk.send(0), desk.send(0));
    desk.arrive(0, &one[..63]);
    desk.arrive(0, &[&two[..], b"!"].concat());
    desk.arrive_as(0, &three, false);
    desk.arrive(0, &four[..0]);
    desk.judge(&[(Class::Altered, 4)]);
}

#[test]
fn an_answer_on_another_connection_is_misrouted_on_the_same_worker_and_on_another() {
    let mut desk = Desk::echo();
    let (to_neighbour, across) = (desk.send(0), desk.send(1));
    desk.arrive(2, &to_neighbour);
    desk.arrive(0, &across);
    desk.judge(&[(Class::Misrouted, 2)]);
}

#[test]
fn an_answer_that_came_elsewhere_is_misrouted_even_if_its_own_connection_died() {
    let mut desk = Desk::echo();
    let (_, second) = (desk.send(0), desk.send(0));
    desk.ledgers[0].end(0, End::Died);
    assert_eq!(desk.account().in_doubt, 2);
    desk.arrive(3, &second);
    desk.judge(&[(Class::Misrouted, 1), (Class::InDoubt, 1)]);
}

#[test]
fn which_message_an_answer_without_a_name_belonged_to_stays_open_when_its_connection_died() {
    let mut desk = Desk::echo();
    let (first, _) = (desk.send(0), desk.send(0));
    desk.arrive(0, b"?");
    desk.ledgers[0].end(0, End::Died);
    // The oldest was the likely one, but its answer comes elsewhere: so the other one was altered.
    desk.arrive(3, &first);
    desk.judge(&[(Class::Altered, 1), (Class::Misrouted, 1)]);
}

#[test]
fn an_answer_without_a_name_answers_nothing_if_all_its_connections_messages_were_answered_elsewhere() {
    let mut desk = Desk::echo();
    let (first, second) = (desk.send(0), desk.send(0));
    desk.arrive(0, b"?");
    desk.ledgers[0].end(0, End::Died);
    desk.arrive(3, &first);
    desk.arrive(1, &second);
    desk.judge(&[(Class::Misrouted, 2), (Class::Unsolicited, 1)]);
}

#[test]
fn a_second_answer_is_a_duplicate_on_whichever_connection() {
    let mut desk = Desk::echo();
    let message = desk.send(0);
    for connection in [0, 0, 2, 1] {
        desk.arrive(connection, &message);
    }
    desk.judge(&[(Class::Ok, 1), (Class::Duplicate, 3)]);
}

#[test]
fn what_answers_nothing_is_unsolicited() {
    let mut desk = Desk::echo();
    desk.arrive(0, b"welcome");
    // Of another run, and of a message that was never sent.
    let mut other = Desk::new(Plan { connections: 4, ..Plan::default() });
    other.send(1);
    let unsent = other.send(1);
    desk.arrive(1, &unsent);
    desk.judge(&[(Class::Unsolicited, 2)]);
}

#[test]
fn an_answer_without_a_name_belongs_to_a_message_only_if_one_stays_without_an_answer() {
    let mut desk = Desk::echo();
    let messages: Vec<_> = (0..3).map(|_| desk.send(0)).collect();
    desk.arrive(0, b"x");
    desk.arrive(0, b"y");
    assert_eq!((desk.account().altered, desk.ledgers[0].window(0).live()), (2, 1));
    desk.arrive(0, &messages[0]);
    desk.arrive(0, &messages[2]);
    assert!(desk.account().balances());
    desk.judge(&[(Class::Ok, 2), (Class::Altered, 1), (Class::Unsolicited, 1)]);
}

#[test]
fn the_right_answer_after_the_time_out_is_late_and_frees_its_place_before() {
    let mut desk = Desk::echo();
    let message = desk.send(0);
    assert_eq!(desk.ledgers[0].window(0).live(), 1);
    desk.now += SECOND + 1;
    assert_eq!(desk.ledgers[0].expire(0, desk.now), 1);
    assert_eq!(desk.ledgers[0].window(0).live(), 0);
    desk.arrive(0, &message);
    desk.judge(&[(Class::Late, 1)]);
}

#[test]
fn auto_takes_the_first_fitting_answer_for_the_rule_of_the_run() {
    let suffixed = |message: &[u8], suffix: &[u8]| [message, suffix].concat();
    let mut desk = Desk::new(Plan { connections: 4, ..Plan::default() });
    for (suffix, what) in [
        (&b" 0"[..], Class::Altered),
        (b" 42", Class::Ok),
        (b"", Class::Altered),
        (b" 1", Class::Ok),
        (b" 100", Class::Ok),
        (b" 101", Class::Altered),
        (b" 07", Class::Altered),
        (b"  7", Class::Altered),
    ] {
        let before = desk.account()[what];
        let message = desk.send(3);
        desk.arrive(3, &suffixed(&message, suffix));
        assert_eq!(desk.account()[what], before + 1, "{suffix:?}");
    }
    assert_eq!(desk.rules.found(), "suffix");
}

#[test]
fn json_answers_carry_the_message_as_text_or_as_value() {
    let expect: Expect = "json:data.echo".parse().unwrap();
    let mut desk = Desk::new(Plan { connections: 1, workers: Some(1), expect: expect.clone(), ..Plan::default() });
    let message = String::from_utf8(desk.send(0)).unwrap();
    desk.arrive(0, serde_json::json!({"data": {"echo": message}}).to_string().as_bytes());
    let message = String::from_utf8(desk.send(0)).unwrap();
    desk.arrive(0, serde_json::json!({"data": {"echo": message + "x"}}).to_string().as_bytes());
    desk.judge(&[(Class::Ok, 1), (Class::Altered, 1)]);

    let payload = Payload::Template(r#"{"id": "{ledger}"}"#.parse().unwrap());
    let mut desk = Desk::new(Plan { connections: 1, payload, expect, ..Plan::default() });
    let message: serde_json::Value = serde_json::from_slice(&desk.send(0)).unwrap();
    desk.arrive(0, serde_json::json!({"ok": true, "data": {"echo": message}}).to_string().as_bytes());
    desk.judge(&[(Class::Ok, 1)]);
}

#[test]
fn messages_without_a_name_are_matched_in_order() {
    let template = |text: &str| Plan {
        connections: 2,
        payload: Payload::Template(text.parse().unwrap()),
        expect: Expect::Echo,
        ..Plan::default()
    };
    let mut desk = Desk::new(template("hello {sequence}"));
    let messages: Vec<_> = (0..4).map(|_| desk.send(0)).collect();
    desk.arrive(0, &messages[1]);
    desk.arrive(0, &messages[0]);
    desk.arrive(0, b"hello?");
    desk.arrive(0, &messages[3]);
    desk.arrive(0, &messages[3]);
    desk.judge(&[(Class::Ok, 2), (Class::Reordered, 1), (Class::Altered, 1), (Class::Duplicate, 1)]);

    // All alike: only the number of answers can be judged.
    let mut desk = Desk::new(template("hello"));
    (0..3).for_each(|_| drop(desk.send(1)));
    (0..5).for_each(|_| desk.arrive(1, b"hello"));
    desk.judge(&[(Class::Ok, 3), (Class::Duplicate, 2)]);
}

#[test]
fn several_answers_settle_a_message_with_the_last() {
    let mut desk = Desk::new(Plan { connections: 1, expect: Expect::Count(3), ..Plan::default() });
    (0..2).for_each(|_| drop(desk.send(0)));
    (0..5).for_each(|_| desk.arrive(0, b"part"));
    assert_eq!(desk.account().ok, 1);
    assert_eq!(desk.judge(&[(Class::Ok, 1), (Class::Lost, 1)]).parts, 4);
}

#[test]
fn patterns_are_matched_in_order() {
    let expect = "match:^ok [0-9]+$".parse().unwrap();
    let mut desk = Desk::new(Plan { connections: 1, expect, ..Plan::default() });
    (0..2).for_each(|_| drop(desk.send(0)));
    ["ok 1", "no", "ok 3"].iter().for_each(|answer| desk.arrive(0, answer.as_bytes()));
    desk.judge(&[(Class::Ok, 1), (Class::Altered, 1), (Class::Unsolicited, 1)]);
}

#[test]
fn without_an_expectation_a_message_is_ok_as_soon_as_it_is_sent() {
    let mut desk = Desk::new(Plan { connections: 1, expect: Expect::Nothing, ..Plan::default() });
    desk.send(0);
    desk.arrive(0, b"news");
    desk.judge(&[(Class::Ok, 1), (Class::Unsolicited, 1)]);
}

#[test]
fn without_an_expectation_whatever_comes_answers_nothing() {
    let mut desk = Desk::new(Plan { connections: 2, expect: Expect::Nothing, ..Plan::default() });
    let (own, other) = (desk.send(0), desk.send(1));
    for message in [&own, &own, &other] {
        desk.arrive(0, message);
    }
    desk.judge(&[(Class::Ok, 2), (Class::Unsolicited, 3)]);
}

#[test]
fn numbers_go_on_after_a_connection_died_and_what_was_in_doubt_may_be_answered() {
    let mut desk = Desk::echo();
    let lost = desk.send(0);
    desk.ledgers[0].end(0, End::Died);
    let next = desk.send(0);
    desk.arrive(0, &next);
    desk.arrive(0, &lost);
    desk.arrive(0, &lost);
    desk.judge(&[(Class::Ok, 1), (Class::Reordered, 1), (Class::Duplicate, 1)]);
}

/// What a server does with one message.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Answer,
    Drop,
    Alter(u8),
    Double,
    Misroute(u8),
    Delay,
    Invent,
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        4 => Just(Deed::Answer),
        1 => Just(Deed::Drop),
        1 => any::<u8>().prop_map(Deed::Alter),
        1 => Just(Deed::Double),
        1 => any::<u8>().prop_map(Deed::Misroute),
        1 => Just(Deed::Delay),
        1 => Just(Deed::Invent),
    ]
}

proptest! {
    /// Whatever a server does, on whichever connections, with messages of whatever size: each deed is counted as what it is.
    #[test]
    fn any_mixture_is_counted_exactly(
        deeds in prop::collection::vec((0u32..4, deed()), 0..300),
        (least, more) in (16u32..80, 0u32..300),
        binary in any::<bool>(),
        first in prop_oneof![Just(0), Just(SEQUENCES - 10), Just(3 * SEQUENCES - 10), Just((1 << 32) - 10)],
    ) {
        let sizes = Some(Sizes { least, most: least + more });
        let mut desk = Desk::new(Plan { connections: 4, sizes, binary, expect: Expect::Echo, ..Plan::default() });
        desk.go_on_from(first);
        let mut done = Account::default();
        let mut delayed = Vec::new();
        for (connection, deed) in deeds {
            desk.now += 1000;
            if matches!(deed, Deed::Invent) {
                // Told apart from an altered answer only while nothing is under way.
                if desk.ledgers[(connection % 2) as usize].window(connection / 2).outstanding() == 0 {
                    desk.arrive(connection, b"invented");
                    done.unsolicited += 1;
                    done.arrivals += 1;
                }
                continue;
            }
            let message = desk.send(connection);
            done.sent += 1;
            match deed {
                Deed::Answer => {
                    desk.arrive(connection, &message);
                    done.ok += 1;
                }
                Deed::Drop => done.lost += 1,
                Deed::Alter(at) => {
                    let mut altered = message.clone();
                    let at = usize::from(at) % altered.len();
                    altered[at] ^= 0x20;
                    desk.arrive(connection, &altered);
                    done.altered += 1;
                }
                Deed::Double => {
                    desk.arrive(connection, &message);
                    desk.arrive(connection, &message);
                    done.ok += 1;
                    done.duplicate += 1;
                    done.arrivals += 1;
                }
                Deed::Misroute(by) => {
                    desk.arrive((connection + 1 + u32::from(by) % 3) % 4, &message);
                    done.misrouted += 1;
                }
                Deed::Delay => delayed.push((connection, message)),
                Deed::Invent => {}
            }
            if !matches!(deed, Deed::Drop | Deed::Delay) {
                done.arrivals += 1;
                done.answers += 1;
            }
        }
        desk.now += 2 * SECOND;
        for (connection, message) in delayed {
            desk.arrive(connection, &message);
            done.late += 1;
            done.arrivals += 1;
            done.answers += 1;
        }
        for connection in 0..4 {
            desk.ledgers[connection % 2].end(connection as u32 / 2, End::Closed);
        }
        prop_assert!(desk.account().balances());
        prop_assert_eq!(desk.account(), done);
    }
}
