//! The TOML file as text values with their lines. Knows which keys there are, not what their values must be.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::declared::SETTINGS;
use super::routes;
use super::setting::{self, Setting};

/// The text of one setting in the file.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) setting: &'static Setting,
    pub(super) texts: Vec<String>,
    /// Counted from 1.
    pub(super) line: usize,
    /// That of each text.
    pub(super) lines: Vec<usize>,
}

/// Reads `content` of the file called `name`: what is usable, and a sentence for whatever is not.
pub(super) fn read(name: &str, content: &str) -> (Vec<Entry>, Vec<String>) {
    let (root, errors) = DeTable::parse_recoverable(content);
    let mut reader = Reader { name, content, entries: Vec::new(), problems: Vec::new() };
    if errors.is_empty() {
        for (key, value) in root.get_ref() {
            reader.top_level(key, value);
        }
    }
    for error in errors {
        let start = error.span().map_or(0, |span| span.start);
        reader.problem(start, format!("{} in {{place}}", error.message()));
    }
    // The table's order is the alphabet's; a person goes through the file by line.
    reader.problems.sort_by_key(|(line, _)| *line);
    (reader.entries, reader.problems.into_iter().map(|(_, problem)| problem).collect())
}

struct Reader<'a> {
    name: &'a str,
    content: &'a str,
    entries: Vec<Entry>,
    problems: Vec<(usize, String)>,
}

type Key<'a> = Spanned<std::borrow::Cow<'a, str>>;

impl Reader<'_> {
    fn top_level(&mut self, key: &Key<'_>, value: &Spanned<DeValue<'_>>) {
        let name = key.get_ref().as_ref();
        let is_table = SETTINGS.iter().any(|setting| !setting.table.is_empty() && setting.table == name);
        match value.get_ref() {
            DeValue::Table(table) if is_table => {
                for (key, value) in table {
                    self.entry(name, key, value);
                }
            }
            _ if is_table => {
                self.problem(key.span().start, format!("`{name}` in {{place}} is a table: write [{name}]"));
            }
            DeValue::Table(_) => {
                let tables = SETTINGS.iter().map(|setting| setting.table.to_owned());
                let hint = nearest(name, tables).map(|near| format!(": did you mean [{near}]?")).unwrap_or_default();
                self.problem(key.span().start, format!("unknown table [{name}] in {{place}}{hint}"));
            }
            _ => self.entry("", key, value),
        }
    }

    fn entry(&mut self, table: &str, key: &Key<'_>, value: &Spanned<DeValue<'_>>) {
        let name = key.get_ref().as_ref();
        let Some(setting) = SETTINGS.iter().find(|setting| setting.table == table && setting.key() == name) else {
            let hint = suggestion(table, name).map(|hint| format!(": {hint}")).unwrap_or_default();
            return self.problem(key.span().start, format!("unknown key `{name}` in {{place}}{hint}"));
        };
        match texts(value, setting) {
            Ok(found) => {
                let line = self.line(key.span().start);
                let lines = found.iter().map(|(_, start)| self.line(*start)).collect();
                let texts = found.into_iter().map(|(text, _)| text).collect();
                self.entries.push(Entry { setting, texts, line, lines });
            }
            Err(Unusable { start, reason }) => {
                let reason = reason.unwrap_or_else(|| format!("expected {}", setting.expectation()));
                self.problem(start, format!("`{name}` in {{place}}: {reason}"));
            }
        }
    }

    /// Notes a sentence in which `{place}` stands for file and line.
    fn problem(&mut self, start: usize, sentence: String) {
        let line = self.line(start);
        self.problems.push((line, sentence.replace("{place}", &format!("{} line {line}", self.name))));
    }

    fn line(&self, start: usize) -> usize {
        self.content.as_bytes()[..start.min(self.content.len())].iter().filter(|byte| **byte == b'\n').count() + 1
    }
}

/// The name nearest to `name`, if it is near enough to have been meant.
pub(super) fn nearest(name: &str, candidates: impl IntoIterator<Item = String>) -> Option<String> {
    let distance = |candidate: &String| strsim::damerau_levenshtein(name, candidate);
    let near = candidates.into_iter().filter(|candidate| !candidate.is_empty()).min_by_key(distance)?;
    (distance(&near) <= near.len().max(name.len()) / 3 + 1).then_some(near)
}

/// What may have been meant: a key written as its flag, with underscores or in another table; else the nearest name.
fn suggestion(table: &str, name: &str) -> Option<String> {
    let place = |setting: &Setting| match setting.table {
        "" => format!("`{}` at the top of the file", setting.key()),
        table => format!("`{}` in [{table}]", setting.key()),
    };
    let dashed = name.replace('_', "-");
    let known = setting::by_flag(&dashed).or_else(|| {
        let here = |setting: &&Setting| setting.table == table && setting.key() == dashed;
        SETTINGS.iter().find(here)
    });
    if let Some(setting) = known {
        let place = if setting.table == table { format!("`{}`", setting.key()) } else { place(setting) };
        return Some(format!("did you mean {place}?"));
    }
    let keys_here = SETTINGS.iter().filter(|setting| setting.table == table).map(Setting::key);
    if let Some(near) = nearest(name, keys_here) {
        return Some(format!("did you mean `{near}`?"));
    }
    let near = setting::by_flag(&nearest(name, SETTINGS.iter().map(Setting::flag))?)?;
    Some(format!("did you mean {}?", place(near)))
}

/// Why a value has no text, and where that is; without a reason, it is of a wrong type.
struct Unusable {
    start: usize,
    reason: Option<String>,
}

/// The texts of a value, each with where it starts.
fn texts(value: &Spanned<DeValue<'_>>, setting: &Setting) -> Result<Vec<(String, usize)>, Unusable> {
    let one = |value: &Spanned<DeValue<'_>>| {
        let start = value.span().start;
        let text = match value.get_ref() {
            DeValue::Table(table) if setting.tabular => return Ok((table_text(table, start)?, start)),
            value => text(value),
        };
        text.map(|text| (text, start)).ok_or(Unusable { start, reason: None })
    };
    match value.get_ref() {
        DeValue::Array(items) if setting.many => items.iter().map(one).collect(),
        _ => Ok(vec![one(value)?]),
    }
}

/// The text of a route's table. Its URL is judged here, where its own line is known.
fn table_text(table: &DeTable<'_>, start: usize) -> Result<String, Unusable> {
    let unusable = |start, reason| Unusable { start, reason };
    for (_, url) in table.iter().filter(|(key, _)| key.get_ref() == "upstream") {
        if let Some(problem) = text(url.get_ref()).and_then(|url| routes::problem_of_url(&url)) {
            return Err(unusable(url.span().start, Some(problem)));
        }
    }
    let parts = parts(table).ok_or(unusable(start, None))?;
    routes::text_of_table(&parts).map_err(|reason| unusable(start, Some(reason)))
}

/// The keys of a table, each with its values.
fn parts(table: &DeTable<'_>) -> Option<Vec<(String, Vec<String>)>> {
    let values = |value: &DeValue<'_>| match value {
        DeValue::Array(items) => items.iter().map(|item| text(item.get_ref())).collect(),
        value => Some(vec![text(value)?]),
    };
    table.iter().map(|(key, value)| Some((key.get_ref().to_string(), values(value.get_ref())?))).collect()
}

fn text(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => Some(number.as_str().to_owned()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix()).ok().map(|n| n.to_string()),
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        DeValue::Boolean(value) => Some(value.to_string()),
        DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::value::Scalar as _;
    use super::*;

    #[track_caller]
    fn check(content: &str, problem: &str) {
        let (_, problems) = read("wigwag.toml", content);
        assert_eq!(problems, [problem], "{content}");
    }

    #[test]
    fn unknown_key_is_answered_with_the_nearest() {
        check("\n\nliste = 1", "unknown key `liste` in wigwag.toml line 3: did you mean `listen`?");
        check(
            "[timeouts]\nidle_timeout = '1s'",
            "unknown key `idle_timeout` in wigwag.toml line 2: did you mean `idle-timeout`?",
        );
        check("[tls]\ntls-cert = 'a'", "unknown key `tls-cert` in wigwag.toml line 2: did you mean `cert`?");
        check(
            "idle-timeout = '1s'",
            "unknown key `idle-timeout` in wigwag.toml line 1: did you mean `idle-timeout` in [timeouts]?",
        );
        check("[limits]\nzzzzzz = 1", "unknown key `zzzzzz` in wigwag.toml line 2");
        check("[limit]\nx = 1", "unknown table [limit] in wigwag.toml line 1: did you mean [limits]?");
        check("limits = 3", "`limits` in wigwag.toml line 1 is a table: write [limits]");
    }

    #[test]
    fn every_mistake_is_named_by_line() {
        let (entries, problems) = read("f", "listen = []\nworker = 2\n[logs]\n[access]\nb = 1");
        assert_eq!(entries.len(), 1);
        let lines: Vec<_> = problems.iter().map(|p| p.split("line ").nth(1).expect("a line")[..1].to_owned()).collect();
        assert_eq!(lines, ["2", "3", "5"]);
    }

    #[test]
    fn broken_toml_names_its_line() {
        let (entries, problems) = read("f", "workers = 2\nlisten = [\"a\"");
        assert!(entries.is_empty());
        assert!(problems.iter().all(|problem| problem.contains("in f line 2")), "{problems:?}");
        assert!(!problems.is_empty());
    }

    #[test]
    fn a_route_is_text_or_a_table() {
        let text = "[gateway]\nroute = ['/a=ws://h/', { path = '/b', upstream = 'ws://h/b', replay-key = ['x', 'y'] }]";
        let tables = "[[gateway.route]]\npath = '/c'\nhold = '1s'\nreplay-on-reconnect = true";
        let read_texts = |content| {
            let (entries, problems) = read("f", content);
            assert_eq!(problems, [""; 0]);
            entries.into_iter().flat_map(|entry| entry.texts).collect::<Vec<_>>()
        };
        assert_eq!(read_texts(text), ["/a=ws://h/", "/b=ws://h/b; replay-key=x; replay-key=y"]);
        assert_eq!(read_texts(tables), ["/c; hold=1s; replay-on-reconnect=true"]);
        check("[[gateway.route]]\nhold = '1s'", "`route` in wigwag.toml line 1: a route needs a `path`");
        check(
            "[[gateway.route]]\npath = '/a'\nupstream = 'ws://h/'\n\n[[gateway.route]]\npath = '/b'\nupstream = 'http://h/'",
            "`route` in wigwag.toml line 7: unknown scheme http://: use ws://, or wss:// for TLS",
        );
        let lines = "[gateway]\nroute = [\n  '/a=ws://h/',\n  { path = '/b', upstream = 'ws://h/b' },\n]\n\n";
        let (entries, _) = read("f", lines);
        assert_eq!(entries[0].lines, [3, 4]);
        let (entries, _) = read("f", "[[gateway.route]]\npath = '/a'\n[[gateway.route]]\npath = '/b'");
        assert_eq!(entries[0].lines, [1, 3]);
        check("[gateway]\nhold = {}", &format!("`hold` in wigwag.toml line 2: expected {}", Duration::form()));
    }

    #[test]
    fn values_of_any_scalar_type_are_text() {
        let (entries, problems) = read("f", "[limits]\nhead-bytes-max = 0x4000\nmessage-bytes-max = '2MiB'");
        assert_eq!(problems, [""; 0]);
        let mut texts: Vec<_> = entries.into_iter().flat_map(|entry| entry.texts).collect();
        texts.sort();
        assert_eq!(texts, ["16384", "2MiB"]);
    }
}
