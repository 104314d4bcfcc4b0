//! The configuration: flags > `WIGWAG_*` variables > TOML file > defaults, settled once into checked types.
//!
//! | module | is |
//! |---|---|
//! | [`declared`] | every setting, declared once: name, type, default, range, help |
//! | [`setting`] | the names that follow from a declaration: flag, variable, TOML key |
//! | [`value`] | how text becomes a value and a value text |
//! | [`types`] | sizes, networks, origins, hosts, words |
//! | [`routes`] | the gateway's routes, each with options of its own, and what they are made of |
//! | [`layers`] | which source gives a setting its text; unknown keys and variables |
//! | [`file`] | the TOML file as text values with their lines |
//! | [`checks`] | what must hold between settings |
//! | [`print`] | the effective configuration as TOML |
//! | [`reference`] | docs/configuration.md |
//!
//! Absent: opening what a setting names. A certificate that does not exist is the server's finding, not ours.

mod checks;
mod declared;
mod file;
mod layers;
mod print;
#[cfg(test)]
mod reference;
mod routes;
mod setting;
mod types;
mod value;

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use crate::cli::GivenFlags;

pub(crate) use declared::{Gateway, Log, SETTINGS, Settings};
pub(crate) use print::to_toml;
pub(crate) use routes::{Relayed, UPSTREAM_PATH};
pub(crate) use setting::{Serving, Setting};
pub(crate) use types::{LogFormat, LogLevel, ReplayOthers};
pub(crate) use value::Scalar;

/// Settings and where each came from.
#[derive(Debug)]
pub(crate) struct Effective {
    pub(crate) settings: Settings,
    /// In the order of [`SETTINGS`].
    pub(crate) places: Vec<Place>,
}

/// The value of one setting as text, and its source.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) setting: &'static Setting,
    pub(crate) texts: Vec<String>,
    pub(crate) source: Source,
}

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Default,
    Flag,
    Variable,
    File { path: PathBuf, line: usize },
}

/// Why there are no settings.
#[derive(Debug)]
pub(crate) enum LoadError {
    /// The file could not be read.
    Unreadable(PathBuf, io::Error),
    /// Everything that is wrong, a sentence each.
    Invalid(Vec<String>),
}

/// Settles the configuration of a command, or of all, from the given flags, the given variables and the file that they
/// name. What the file says for other commands is checked as well, value by value.
pub(crate) fn load(
    flags: &GivenFlags,
    serving: Option<Serving>,
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Effective, LoadError> {
    let mut layers = layers::Layers::gather(flags, serving, variables)?;
    let settings = Settings::settle(&mut layers);
    let (places, mut problems) = layers.into_parts();
    // Values that stand in for bad ones would only give misleading complaints.
    if problems.is_empty() {
        problems = checks::problems(&settings, &places, serving);
    }
    if problems.is_empty() { Ok(Effective { settings, places }) } else { Err(LoadError::Invalid(problems)) }
}

impl Settings {
    /// How many workers to start: as asked, or one for each core.
    pub(crate) fn workers(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        self.server.workers.map_or_else(cores, |workers| workers as usize)
    }

    /// Largest frame accepted; follows the message bound unless set.
    pub(crate) fn frame_bytes_max(&self) -> usize {
        self.limits.frame_bytes_max.unwrap_or(self.limits.message_bytes_max).get()
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(path, error) => write!(f, "cannot read {}: {error}", path.display()),
            Self::Invalid(problems) => f.write_str(&problems.join("\n")),
        }
    }
}

impl std::error::Error for LoadError {}
