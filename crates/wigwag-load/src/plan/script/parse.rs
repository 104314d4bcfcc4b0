//! A scenario's TOML as a [`Script`], or all that is wrong with it, each with its line and the nearest known name.

use std::{borrow::Cow, time::Duration};

use regex::bytes::Regex;
use serde_json::Value;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{Matcher, Message, Saying, Script, ScriptError, Step, Wanted};
use crate::plan::{Broadcast, Delivery, JsonPath, Template, Think, TopicMessage};

type Held<'a> = Spanned<DeValue<'a>>;

pub(super) fn parse(name: &str, content: &str) -> Result<Script, ScriptError> {
    let (root, errors) = DeTable::parse_recoverable(content);
    let mut reader = Reader { name, content, problems: Vec::new() };
    for error in &errors {
        reader.problem(error.span().map_or(0, |span| span.start), error.message());
    }
    let script = if errors.is_empty() { reader.script(root.get_ref()) } else { None };
    match script {
        Some(script) if reader.problems.is_empty() => Ok(script),
        _ => {
            reader.problems.sort_by_key(|(line, _)| *line);
            Err(ScriptError { problems: reader.problems.into_iter().map(|(_, problem)| problem).collect() })
        }
    }
}

struct Reader<'a> {
    name: &'a str,
    content: &'a str,
    problems: Vec<(usize, String)>,
}

impl Reader<'_> {
    fn script(&mut self, root: &DeTable<'_>) -> Option<Script> {
        let is_fan = ["subscribe", "publish", "delivery"].iter().any(|name| find(root, name).is_some());
        if is_fan {
            return self.fan(root);
        }
        self.check_keys(
            root,
            &["repeat", "ignore", "step", "topics", "subscribe", "publish", "delivery"],
            "a scenario",
        );
        let repeat = find(root, "repeat").and_then(|value| self.number("repeat", value, 1_000_000_000_000));
        let ignore = match find(root, "ignore") {
            None => Vec::new(),
            Some(value) => match value.get_ref() {
                DeValue::Array(items) => items.iter().filter_map(|item| self.ignored(item)).collect(),
                _ => self.wrong(value, "`ignore` is a list of matchers, such as ignore = [{ match = '^ping' }]")?,
            },
        };
        let Some(steps) = find(root, "step") else {
            return self
                .wrong_at(0, "a scenario needs steps: write [[step]] and below it send, expect, wait or subscribe");
        };
        let DeValue::Array(items) = steps.get_ref() else {
            return self.wrong(steps, "`step` is a list of tables: write [[step]] before each step");
        };
        let read: Vec<Step> = items.iter().filter_map(|item| self.step(item)).collect();
        if read.len() == items.len() && read.iter().all(|step| matches!(step, Step::Wait(_))) {
            return self.wrong(steps, "no step sends or expects anything");
        }
        Some(Script { name: self.name.to_owned(), repeat, ignore, steps: read.into(), broadcast: None })
    }

    /// A scenario for a fan-out.
    fn fan(&mut self, root: &DeTable<'_>) -> Option<Script> {
        self.check_keys(root, &["topics", "subscribe", "publish", "delivery"], "a scenario for --fan-out");
        let mut broadcast = Broadcast::default();
        if let Some(topics) = find(root, "topics") {
            let DeValue::Array(items) = topics.get_ref() else {
                return self.wrong(topics, "`topics` is a list of names, such as topics = [\"A\", \"B\"]");
            };
            broadcast.topics = items.iter().filter_map(|item| self.text("topics", item)).collect();
        }
        if let Some((value, table)) = self.table(root, "subscribe") {
            self.check_keys(table, &["send", "expect", "binary"], "[subscribe]");
            broadcast.subscribe = self.topic_message(value, table, "[subscribe]");
            broadcast.confirm = find(table, "expect").and_then(|value| self.matcher("expect", value, false));
        }
        if let Some((value, table)) = self.table(root, "publish") {
            self.check_keys(table, &["send", "binary"], "[publish]");
            broadcast.publish = self.topic_message(value, table, "[publish]");
        }
        if let Some((_, table)) = self.table(root, "delivery") {
            self.check_keys(table, &["match", "topic", "publisher", "sequence", "value"], "[delivery]");
            broadcast.delivery = Delivery {
                regex: find(table, "match").and_then(|value| self.regex(value)),
                topic: self.path(table, "topic"),
                publisher: self.path(table, "publisher"),
                sequence: self.path(table, "sequence"),
                value: self.path(table, "value"),
            };
        }
        let (repeat, ignore, steps) = (None, Vec::new(), Vec::new().into());
        Some(Script { name: self.name.to_owned(), repeat, ignore, steps, broadcast: Some(broadcast) })
    }

    fn table<'t, 'a>(&mut self, root: &'t DeTable<'a>, name: &str) -> Option<(&'t Held<'a>, &'t DeTable<'a>)> {
        let value = find(root, name)?;
        match value.get_ref() {
            DeValue::Table(table) => Some((value, table)),
            _ => self.wrong(value, &format!("`{name}` is a table: write [{name}]")),
        }
    }

    fn topic_message(&mut self, whole: &Held<'_>, table: &DeTable<'_>, name: &str) -> Option<TopicMessage> {
        let Some(value) = find(table, "send") else {
            return self.wrong(whole, &format!("{name} needs `send`: the text, in which {{topic}} is filled in"));
        };
        let binary = find(table, "binary").is_some_and(|value| self.boolean("binary", value));
        let message = TopicMessage { text: self.text("send", value)?, binary };
        match message.template("name") {
            Ok(_) => Some(message),
            Err(error) => self.wrong(value, &format!("`send`: {error}; {{topic}} as well")),
        }
    }

    fn path(&mut self, table: &DeTable<'_>, name: &str) -> Option<JsonPath> {
        let value = find(table, name)?;
        match self.text(name, value)?.parse() {
            Ok(path) => Some(path),
            Err(error) => self.wrong(value, &format!("`{name}`: {error}")),
        }
    }

    /// A matcher, or a regular expression alone.
    fn ignored(&mut self, item: &Held<'_>) -> Option<Matcher> {
        match item.get_ref() {
            DeValue::String(_) => Some(Matcher { regex: Some(self.regex(item)?), ..Matcher::default() }),
            _ => self.matcher("ignore", item, false),
        }
    }

    fn step(&mut self, item: &Held<'_>) -> Option<Step> {
        let DeValue::Table(table) = item.get_ref() else {
            return self.wrong(item, "a step is a table: write [[step]] before each");
        };
        let kinds = ["send", "expect", "wait", "subscribe"];
        let kind: Vec<_> = kinds.into_iter().filter_map(|kind| Some((kind, find(table, kind)?))).collect();
        let [(kind, value)] = kind[..] else {
            if kind.is_empty() {
                self.check_keys(table, &kinds, "a step");
            }
            let found = if kind.is_empty() { "none of them" } else { "several" };
            return self
                .wrong(item, &format!("a step has one of send, expect, wait and subscribe, and this has {found}"));
        };
        let more: &[&str] = match kind {
            "send" => &["send", "binary"],
            "subscribe" => &["subscribe", "updates", "binary"],
            "expect" => &["expect", "count", "within", "binary"],
            _ => &["wait"],
        };
        self.check_keys(table, more, &format!("a step with `{kind}`"));
        let binary = find(table, "binary").is_some_and(|value| self.boolean("binary", value));
        match kind {
            "send" => Some(Step::Send(Message { template: self.template("send", value)?, binary })),
            "subscribe" => {
                let message = Message { template: self.template("subscribe", value)?, binary };
                let Some(updates) = find(table, "updates") else {
                    return self.wrong(
                        item,
                        "`subscribe` needs `updates`: what may come from then on, such as updates = { match = '^tick' }",
                    );
                };
                Some(Step::Subscribe(message, self.matcher("updates", updates, false)?))
            }
            "expect" => {
                let count = match find(table, "count") {
                    None => 1,
                    Some(count) => self.number("count", count, 1_000_000)? as u32,
                };
                let within = match find(table, "within") {
                    None => None,
                    Some(value) => Some(self.time("within", value)?),
                };
                let matcher = self.matcher("expect", value, binary)?;
                Some(Step::Expect(Wanted { matcher, count, within, line: self.line(item.span().start) }))
            }
            _ => Some(Step::Wait(self.range(value)?)),
        }
    }

    /// A text stands for itself; a table says what must hold.
    fn matcher(&mut self, key: &str, value: &Held<'_>, binary: bool) -> Option<Matcher> {
        let table = match value.get_ref() {
            DeValue::String(_) => {
                return Some(Matcher { text: Some(self.template(key, value)?), binary, ..Matcher::default() });
            }
            DeValue::Table(table) => table,
            _ => {
                let text = format!("`{key}` is a text or a table, such as {{ json = {{ type = \"tick\" }} }}");
                return self.wrong(value, &text);
            }
        };
        self.check_keys(table, &["text", "contains", "json", "match"], &format!("`{key}`"));
        let mut matcher = Matcher { binary, ..Matcher::default() };
        if let Some(text) = find(table, "text") {
            matcher.text = Some(self.template("text", text)?);
        }
        if let Some(text) = find(table, "contains") {
            matcher.contains = Some(self.template("contains", text)?);
        }
        if let Some(regex) = find(table, "match") {
            matcher.regex = Some(self.regex(regex)?);
        }
        if let Some(json) = find(table, "json") {
            match json.get_ref() {
                DeValue::Table(places) => self.places("", places, &mut matcher.json),
                _ => return self.wrong(json, "`json` is a table of places and values, such as { \"data.id\" = 7 }"),
            }
        }
        Some(matcher)
    }

    /// Nested tables are paths: `json.data.id = 7` is the same as `json = { "data.id" = 7 }`.
    fn places(&mut self, before: &str, table: &DeTable<'_>, places: &mut Vec<(crate::plan::JsonPath, Saying)>) {
        for (key, value) in table {
            let path = format!("{before}{}", key.get_ref());
            let saying = match value.get_ref() {
                DeValue::Table(inner) => {
                    self.places(&format!("{path}."), inner, places);
                    continue;
                }
                DeValue::String(_) => self.template(&path, value).map(Saying::Text),
                DeValue::Boolean(wanted) => Some(Saying::Value(Value::from(*wanted))),
                DeValue::Integer(_) | DeValue::Float(_) => number(value.get_ref()).map(Saying::Value),
                _ => None,
            };
            match (path.parse(), saying) {
                (Ok(path), Some(saying)) => places.push((path, saying)),
                (Err(error), _) => self.problem(key.span().start, &format!("{error}")),
                (_, None) => {
                    if !matches!(value.get_ref(), DeValue::String(_)) {
                        self.problem(value.span().start, &format!("`{path}`: use a text, a number, true or false"));
                    }
                }
            }
        }
    }

    fn template(&mut self, key: &str, value: &Held<'_>) -> Option<Template> {
        match self.text(key, value)?.parse() {
            Ok(template) => Some(template),
            Err(error) => self.wrong(value, &format!("`{key}`: {error}")),
        }
    }

    fn regex(&mut self, value: &Held<'_>) -> Option<Regex> {
        let text = self.text("match", value)?;
        match Regex::new(&text) {
            Ok(regex) => Some(regex),
            Err(error) => {
                let error = error.to_string();
                let last = error.lines().last().unwrap_or("no regular expression");
                self.wrong(value, &format!("`match`: {}", last.trim_start_matches("error: ")))
            }
        }
    }

    fn text(&mut self, key: &str, value: &Held<'_>) -> Option<String> {
        match value.get_ref() {
            DeValue::String(text) => Some(text.clone().into_owned()),
            _ => self.wrong(value, &format!("`{key}` is a text: put it in quotes")),
        }
    }

    fn boolean(&mut self, key: &str, value: &Held<'_>) -> bool {
        match value.get_ref() {
            DeValue::Boolean(value) => *value,
            _ => self.wrong(value, &format!("`{key}` is true or false")).unwrap_or(false),
        }
    }

    fn number(&mut self, key: &str, value: &Held<'_>, most: u64) -> Option<u64> {
        match number(value.get_ref()).and_then(|number| number.as_u64()).filter(|number| (1..=most).contains(number)) {
            Some(number) => Some(number),
            None => self.wrong(value, &format!("`{key}` is a whole number from 1 to {most}")),
        }
    }

    fn time(&mut self, key: &str, value: &Held<'_>) -> Option<Duration> {
        let text = self.text(key, value)?;
        match humantime::parse_duration(&text) {
            Ok(time) if !time.is_zero() && time <= TIME_MAX => Some(time),
            _ => self.wrong(value, &format!("`{key}` is a time up to a day, such as \"500ms\" or \"30s\"")),
        }
    }

    /// `"1s"` or `"1s..3s"`.
    fn range(&mut self, value: &Held<'_>) -> Option<Think> {
        let text = self.text("wait", value)?;
        let (least, most) = text.split_once("..").unwrap_or((&text, &text));
        match (humantime::parse_duration(least), humantime::parse_duration(most)) {
            (Ok(least), Ok(most)) if least <= most && most <= TIME_MAX => Some(Think { least, most }),
            _ => self.wrong(value, "`wait` is a time up to a day, or a range, such as \"1s\" or \"100ms..2s\""),
        }
    }

    fn check_keys(&mut self, table: &DeTable<'_>, known: &[&str], of: &str) {
        for (key, _) in table {
            let name = key.get_ref().as_ref();
            if !known.contains(&name) {
                let near = nearest(name, known).map(|near| format!(": did you mean `{near}`?"));
                let hint = near.unwrap_or_else(|| format!(": use {}", known.join(", ")));
                self.problem(key.span().start, &format!("{of} has no `{name}`{hint}"));
            }
        }
    }

    fn wrong<T>(&mut self, value: &Held<'_>, text: &str) -> Option<T> {
        self.wrong_at(value.span().start, text)
    }

    fn wrong_at<T>(&mut self, start: usize, text: &str) -> Option<T> {
        self.problem(start, text);
        None
    }

    fn problem(&mut self, start: usize, text: &str) {
        let line = self.line(start);
        self.problems.push((line, format!("{} line {line}: {text}", self.name)));
    }

    fn line(&self, start: usize) -> usize {
        self.content.as_bytes()[..start.min(self.content.len())].iter().filter(|byte| **byte == b'\n').count() + 1
    }
}

fn find<'t, 'a>(table: &'t DeTable<'a>, name: &str) -> Option<&'t Held<'a>> {
    table.iter().find(|(key, _)| Cow::as_ref(key.get_ref()) == name).map(|(_, value)| value)
}

fn number(value: &DeValue<'_>) -> Option<Value> {
    match value {
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix()).ok().map(Value::from),
        DeValue::Float(number) => number.as_str().parse::<f64>().ok().map(Value::from),
        _ => None,
    }
}

/// The known name that may have been meant.
fn nearest<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    let distance = |candidate: &&str| strsim::damerau_levenshtein(name, candidate);
    let near = known.iter().copied().min_by_key(distance)?;
    (distance(&near) <= near.len().max(name.len()) / 3 + 1).then_some(near)
}

const TIME_MAX: Duration = Duration::from_secs(24 * 3600);

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(content: &str, problems: &[&str]) {
        let found = parse("f.toml", content).map(|_| ()).map_err(|error| error.problems);
        assert_eq!(found, Err(problems.iter().map(|&problem| problem.to_owned()).collect()), "{content}");
    }

    #[test]
    fn a_scenario_has_steps_and_a_number_of_passes() {
        let script = parse(
            "f.toml",
            r#"
            repeat = 3
            ignore = ['^heartbeat', { json = { type = "ping" } }]
            [[step]]
            subscribe = '{"on":"{connection}"}'
            updates = { json.kind = "tick", json.data.ok = true }
            [[step]]
            expect = "hello {sequence}"
            [[step]]
            expect = { match = '^\d{4}$', contains = "1" }
            count = 46
            within = "20s"
            [[step]]
            wait = "1s..2s"
            [[step]]
            send = "x"
            binary = true
            "#,
        )
        .expect("a scenario");
        assert_eq!((script.repeat, script.ignore.len(), script.steps.len()), (Some(3), 2, 5));
        let Step::Subscribe(_, updates) = &script.steps[0] else { panic!("{:?}", script.steps[0]) };
        assert_eq!(updates.to_string(), "json data.ok = true, json kind = tick");
        let opened: Vec<_> =
            script.opened_by(Some(0)).map(|(step, wanted)| (step, wanted.count, wanted.line)).collect();
        assert_eq!(opened, [(1, 1, 7), (2, 46, 9)]);
        assert_eq!(script.opened_by(None).count(), 0);
        assert_eq!(script.longest(Duration::from_secs(10)), Duration::from_secs(10 + 10 + 20 + 2));
        assert!(script.steps[4].message().is_some_and(|message| message.binary));
    }

    #[test]
    fn every_mistake_is_named_with_its_line_and_the_nearest_name() {
        check(
            "repeats = 2\n[[step]]\nsend = 'x'\ncuont = 3\n[[step]]\nexpect = { jsom = {} }\ncuont = 3",
            &[
                "f.toml line 1: a scenario has no `repeats`: did you mean `repeat`?",
                "f.toml line 4: a step with `send` has no `cuont`: use send, binary",
                "f.toml line 6: `expect` has no `jsom`: did you mean `json`?",
                "f.toml line 7: a step with `expect` has no `cuont`: did you mean `count`?",
            ],
        );
        check(
            "[[step]]\nexpct = 'x'",
            &[
                "f.toml line 1: a step has one of send, expect, wait and subscribe, and this has none of them",
                "f.toml line 2: a step has no `expct`: did you mean `expect`?",
            ],
        );
    }

    #[test]
    fn values_are_checked_where_they_stand() {
        check(
            "[[step]]\nsend = '{seq}'",
            &[
                "f.toml line 2: `send`: unknown placeholder {seq}: use {connection}, {sequence}, {time}, {random} or {ledger}, and \
             {{ for a brace",
            ],
        );
        check("[[step]]\nexpect = { match = '(' }", &["f.toml line 2: `match`: unclosed group"]);
        check("[[step]]\nexpect = 'x'\ncount = 0", &["f.toml line 3: `count` is a whole number from 1 to 1000000"]);
        check(
            "[[step]]\nexpect = 'x'\nwithin = 'soon'",
            &["f.toml line 3: `within` is a time up to a day, such as \"500ms\" or \"30s\""],
        );
        check(
            "[[step]]\nsend = 'a'\nexpect = 'b'",
            &["f.toml line 1: a step has one of send, expect, wait and subscribe, and this has several"],
        );
        check(
            "[[step]]\nexpect = { json = { a = [1] } }",
            &["f.toml line 2: `a`: use a text, a number, true or false"],
        );
        check("[[step]]\nwait = '1s'", &["f.toml line 1: no step sends or expects anything"]);
        check(
            "[[step]]\nsubscribe = 'x'",
            &[
                "f.toml line 1: `subscribe` needs `updates`: what may come from then on, such as updates = { match = '^tick' }",
            ],
        );
    }

    #[test]
    fn a_scenario_for_a_fan_out_has_tables_instead_of_steps() {
        let script = parse(
            "f.toml",
            r#"
            topics = ["a", "b"]
            [subscribe]
            send = '{"join":"{topic}"}'
            expect = { json.joined = true }
            [publish]
            send = '{"to":"{topic}","id":"{ledger}"}'
            [delivery]
            topic = "to"
            "#,
        );
        let broadcast = script.expect("a scenario").broadcast.expect("a fan-out");
        assert_eq!(broadcast.topics, ["a", "b"]);
        assert!(broadcast.confirm.is_some() && !broadcast.delivery.has_sequence());
        let text = broadcast.publish.expect("a message").template("x").expect("a template").to_string();
        assert_eq!(text, r#"{"to":"x","id":"{ledger}"}"#);
        check(
            "[publish]\nsent = 'x'",
            &[
                "f.toml line 1: [publish] needs `send`: the text, in which {topic} is filled in",
                "f.toml line 2: [publish] has no `sent`: did you mean `send`?",
            ],
        );
        check(
            "[publish]\nsend = 'x'\n[[step]]\nsend = 'x'",
            &["f.toml line 3: a scenario for --fan-out has no `step`: use topics, subscribe, publish, delivery"],
        );
    }

    #[test]
    fn what_is_no_scenario_at_all_is_said() {
        check(
            "",
            &["f.toml line 1: a scenario needs steps: write [[step]] and below it send, expect, wait or subscribe"],
        );
        check("[step]\nsend = 'x'", &["f.toml line 1: `step` is a list of tables: write [[step]] before each step"]);
        assert!(
            parse("f.toml", "[[step]]\nsend = ").is_err_and(|error| error.problems[0].starts_with("f.toml line 2: "))
        );
    }
}
