//! Which source gives a setting its text: the flag, else the variable, else the file, else the default.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use super::file::{self, nearest};
use super::setting::{Serving, Setting};
use super::value::{Reading, Refused, Value};
use super::{LoadError, Place, SETTINGS, Source};
use crate::cli::GivenFlags;

/// Variables that are not settings, with what they are for.
pub(super) const OTHER_VARIABLES: &[(&str, &str)] =
    &[(CONFIG_VARIABLE, "TOML file to read settings from (`--config`)")];

const CONFIG_VARIABLE: &str = "WIGWAG_CONFIG";

/// What each source says, and what was found wrong so far.
pub(super) struct Layers<'a> {
    flags: &'a GivenFlags,
    serving: Option<Serving>,
    variables: HashMap<String, String>,
    file: Option<PathBuf>,
    entries: Vec<file::Entry>,
    places: Vec<Place>,
    problems: Vec<String>,
}

impl<'a> Layers<'a> {
    /// Reads the variables and the file; unknown names in them are problems.
    pub(super) fn gather(
        flags: &'a GivenFlags,
        serving: Option<Serving>,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, LoadError> {
        let (variables, mut problems) = known_variables(variables);
        let named = flags.config.clone().or_else(|| variables.get(CONFIG_VARIABLE).map(PathBuf::from));
        let mut entries = Vec::new();
        if let Some(path) = &named {
            let content = fs::read_to_string(path).map_err(|error| LoadError::Unreadable(path.clone(), error))?;
            let (found, wrong) = file::read(&path.display().to_string(), &content);
            entries = found;
            problems.extend(wrong);
        }
        Ok(Self { flags, serving, variables, file: named, entries, places: Vec::new(), problems })
    }

    /// The value of `setting`; on a problem, which is noted, its default.
    pub(super) fn value<T: Value>(&mut self, setting: &'static Setting) -> T {
        let (source, texts) = self.texts(setting);
        let value = T::read(&texts, &reading(setting, &source)).unwrap_or_else(|refused| {
            self.problems.push(self.blame::<T>(setting, &source, &texts, refused));
            let default = [setting.default.to_owned()];
            T::read(&default, &reading(setting, &Source::Default)).expect("defaults are valid, a test holds")
        });
        self.places.push(Place { setting, texts: value.texts(setting.default), source });
        value
    }

    /// The complaint about `texts`: of several in the file only the first that is wrong by itself, with its own line.
    fn blame<T: Value>(
        &self,
        setting: &'static Setting,
        source: &Source,
        texts: &[String],
        refused: Refused,
    ) -> String {
        if let Source::File { path, .. } = source
            && T::MANY
            && let Some(entry) = self.entries.iter().find(|entry| entry.setting.is(setting))
        {
            for (text, line) in entry.texts.iter().zip(&entry.lines) {
                let text = std::slice::from_ref(text);
                if let Err(refused) = T::read(text, &reading(setting, source)) {
                    return complaint(setting, &Source::File { path: path.clone(), line: *line }, text, refused);
                }
            }
        }
        complaint(setting, source, texts, refused)
    }

    /// Where every value came from, and everything that is wrong.
    pub(super) fn into_parts(self) -> (Vec<Place>, Vec<String>) {
        (self.places, self.problems)
    }

    fn texts(&self, setting: &Setting) -> (Source, Vec<String>) {
        if let Some(values) = self.flags.values(setting) {
            return (Source::Flag, values.to_vec());
        }
        // Commands may have settings of the same name, and so share a variable: it is for the one that runs.
        let has_variable = self.serving.is_none_or(|serving| setting.is_read_by(serving));
        if let Some(value) = self.variables.get(&setting.variable()).filter(|_| has_variable) {
            return (Source::Variable, vec![value.clone()]);
        }
        if let Some(entry) = self.entries.iter().find(|entry| entry.setting.is(setting)) {
            let path = self.file.clone().expect("entries come from a file");
            return (Source::File { path, line: entry.line }, entry.texts.clone());
        }
        (Source::Default, vec![setting.default.to_owned()])
    }
}

impl Place {
    /// The source as a person would look for it: `--listen`, `WIGWAG_LISTEN`, `wigwag.toml line 3`, `default`.
    pub(super) fn source_text(&self) -> String {
        match &self.source {
            Source::Default => "default".to_owned(),
            Source::Flag => format!("--{}", self.setting.flag()),
            Source::Variable => self.setting.variable(),
            Source::File { path, line } => format!("{} line {line}", path.display()),
        }
    }
}

/// Keeps the variables that are ours. An empty one counts as not set, as launchers pass on what they were not given.
fn known_variables(
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> (HashMap<String, String>, Vec<String>) {
    let known: Vec<String> = SETTINGS
        .iter()
        .map(Setting::variable)
        .chain(OTHER_VARIABLES.iter().map(|(name, _)| (*name).to_owned()))
        .collect();
    let mut values = HashMap::new();
    let mut problems = Vec::new();
    for (name, value) in variables {
        let name = name.to_string_lossy().into_owned();
        if !name.starts_with("WIGWAG_") || value.is_empty() || is_service_link(&name) {
            continue;
        }
        if !known.contains(&name) {
            let hint = nearest(&name, known.iter().cloned()).map(|near| format!(": did you mean {near}?"));
            problems.push(format!("unknown variable {name}{}", hint.unwrap_or_default()));
            continue;
        }
        match value.into_string() {
            Ok(value) => drop(values.insert(name, value)),
            Err(_) => problems.push(format!("the value of {name} is not UTF-8")),
        }
    }
    problems.sort();
    (values, problems)
}

/// Whether a container platform sets this variable because some service in reach is called `wigwag` or `wigwag-…`:
/// `WIGWAG_SERVICE_HOST`, `WIGWAG_PORT`, `WIGWAG_PORT_8765_TCP_ADDR`.
fn is_service_link(name: &str) -> bool {
    let port_number = || name.split("_PORT_").skip(1).any(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    name.contains("_SERVICE_HOST") || name.contains("_SERVICE_PORT") || name.ends_with("_PORT") || port_number()
}

fn reading<'a>(setting: &'a Setting, source: &'a Source) -> Reading<'a> {
    let directory = match source {
        Source::File { path, .. } => path.parent(),
        _ => None,
    };
    Reading { range: setting.range.as_ref(), absent: setting.default, directory }
}

/// `invalid value `12x` for --workers: expected a whole number or `cores``
fn complaint(setting: &Setting, source: &Source, texts: &[String], refused: Refused) -> String {
    let given = texts.join(", ");
    let place = match source {
        Source::File { path, line } => format!("`{}` in {} line {line}", setting.key(), Path::display(path)),
        Source::Variable => setting.variable(),
        Source::Flag | Source::Default => format!("--{}", setting.flag()),
    };
    let reason = match refused {
        Refused::Form => format!("expected {}", setting.expectation()),
        Refused::Reason(reason) => reason,
    };
    format!("invalid value `{given}` for {place}: {reason}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_setting_is_taken_for_a_service_link() {
        for setting in SETTINGS {
            assert!(!is_service_link(&setting.variable()), "{}", setting.variable());
        }
        for name in
            ["WIGWAG_PORT", "WIGWAG_SERVICE_HOST", "WIGWAG_PORT_8765_TCP_ADDR", "WIGWAG_GATEWAY_SERVICE_PORT_HTTP"]
        {
            assert!(is_service_link(name), "{name}");
        }
    }

    #[test]
    fn defaults_are_valid_and_shown_as_declared() {
        let flags = GivenFlags::default();
        let effective = crate::settings::load(&flags, None, []).expect("defaults are valid");
        for place in &effective.places {
            let declared = match place.setting.default {
                "on" => "true",
                "off" if place.setting.switch => "false",
                "60s" => "1m",
                default => default,
            };
            assert_eq!(place.texts.join(","), declared, "{}", place.setting.flag());
        }
    }
}
