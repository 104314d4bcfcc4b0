//! One setting's declaration and the names that follow from it.

use std::ops::RangeInclusive;
use std::ptr;

use super::declared::SETTINGS;

/// What is declared about a setting; its type is known to the [`Value`](super::value::Value) behind it.
#[derive(Debug)]
pub(crate) struct Setting {
    /// TOML table; empty for the top level.
    pub(crate) table: &'static str,
    /// What the settings of the table are about.
    pub(super) about: &'static str,
    pub(super) flags: Flags,
    /// The commands that it is for.
    pub(super) read_by: &'static [Serving],
    /// Name of the field.
    pub(super) field: &'static str,
    /// As a person would write it; for an optional value, the word for its absence.
    pub(crate) default: &'static str,
    /// What is allowed: a count, bytes or milliseconds.
    pub(super) range: Option<RangeInclusive<u64>>,
    pub(super) words: &'static str,
    /// What stands for the value in `--help`.
    pub(crate) metavar: &'static str,
    /// May be given more than once.
    pub(crate) many: bool,
    /// The flag alone means on.
    pub(crate) switch: bool,
    /// May be a table in the file, with a key for each part of the value.
    pub(super) tabular: bool,
    pub(super) expected: fn() -> String,
}

/// The commands that listen and serve. They share most settings, and one file may serve both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Serving {
    /// `wigwag serve`
    Serve,
    /// `wigwag gateway`
    Gateway,
}

/// How the flags of a table are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flags {
    /// Like the keys.
    Plain,
    /// With the table's name before the key, which is shorter in the table.
    Prefixed,
}

impl Setting {
    /// Whether this command has the setting: as flag and variable, and not only in the file that it reads.
    pub(crate) fn is_read_by(&self, serving: Serving) -> bool {
        self.read_by.contains(&serving)
    }

    /// The setting itself, and not one of the same name of another command.
    pub(crate) fn is(&self, other: &Self) -> bool {
        ptr::eq(self, other)
    }

    /// The flag without its dashes: `tls-cert`. It names the setting uniquely among those of a command.
    pub(crate) fn flag(&self) -> String {
        match (self.flags, self.field) {
            (Flags::Prefixed, "enabled") => self.table.to_owned(),
            (Flags::Prefixed, _) => format!("{}-{}", self.table, self.key()),
            (Flags::Plain, _) => self.key(),
        }
    }

    /// The environment variable: `WIGWAG_TLS_CERT`.
    pub(crate) fn variable(&self) -> String {
        format!("WIGWAG_{}", self.flag().replace('-', "_").to_uppercase())
    }

    /// The key in its table: `cert`.
    pub(crate) fn key(&self) -> String {
        self.field.replace('_', "-")
    }

    /// Whole sentences, the first of which stands in tables.
    pub(crate) fn help(&self) -> &'static str {
        self.words.trim()
    }

    /// The group in `--help`.
    pub(crate) fn heading(&self) -> String {
        match self.table {
            "" => "Server".to_owned(),
            "tls" => "TLS".to_owned(),
            table => table[..1].to_uppercase() + &table[1..],
        }
    }

    /// What a value must be: `a size such as 64KiB or 1MiB, or "off"`.
    pub(super) fn expectation(&self) -> String {
        (self.expected)().replace("{absent}", self.default)
    }
}

/// The first setting with this flag name.
pub(super) fn by_flag(flag: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.flag() == flag)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn flags_are_unique_in_each_command() {
        for serving in [Serving::Serve, Serving::Gateway] {
            let settings = || SETTINGS.iter().filter(|setting| setting.is_read_by(serving));
            let flags: HashSet<String> = settings().map(Setting::flag).collect();
            assert_eq!(flags.len(), settings().count(), "{serving:?}");
        }
    }

    #[test]
    fn keys_are_unique_in_each_table() {
        let keys: HashSet<_> = SETTINGS.iter().map(|setting| (setting.table, setting.key())).collect();
        assert_eq!(keys.len(), SETTINGS.len());
    }

    #[test]
    fn names_follow_from_section_and_field() {
        let names = |flag: &str| {
            let setting = by_flag(flag).expect("declared");
            (setting.table, setting.key(), setting.variable())
        };
        assert_eq!(names("tls-cert"), ("tls", "cert".to_owned(), "WIGWAG_TLS_CERT".to_owned()));
        assert_eq!(names("deflate"), ("deflate", "enabled".to_owned(), "WIGWAG_DEFLATE".to_owned()));
        assert_eq!(names("idle-timeout"), ("timeouts", "idle-timeout".to_owned(), "WIGWAG_IDLE_TIMEOUT".to_owned()));
        assert_eq!(names("listen"), ("", "listen".to_owned(), "WIGWAG_LISTEN".to_owned()));
    }
}
