//! Outcomes that are kept by name, in the user's data folder.

use std::{
    env,
    ffi::OsString,
    fs::{self, File},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use wigwag_load::{Outcome, report::json};

/// The file of this name.
pub(super) fn path(name: &str) -> anyhow::Result<PathBuf> {
    Ok(folder(|variable| env::var_os(variable))?.join(format!("{name}.json")))
}

/// Reads what was kept under this name.
pub(super) fn read(name: &str) -> anyhow::Result<Outcome> {
    let path = path(name)?;
    match read_file(&path) {
        Err(_) if !path.exists() => bail!("there is no baseline {name:?}{}", known(&path)),
        read => read,
    }
}

/// Reads a report.
pub(super) fn read_file(path: &Path) -> anyhow::Result<Outcome> {
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    json::read(file).with_context(|| format!("cannot read {}", path.display()))
}

/// What there is instead.
fn known(path: &Path) -> String {
    let entries = path.parent().and_then(|folder| fs::read_dir(folder).ok()).into_iter().flatten().flatten();
    let files = entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|end| end == "json"));
    let mut names: Vec<String> =
        files.filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned())).take(NAMES_MAX).collect();
    names.sort();
    if names.is_empty() {
        return ": make one with --save-baseline NAME".to_owned();
    }
    format!(": there are {}", names.join(", "))
}

/// `$XDG_DATA_HOME/wigwag/baselines`; on Windows the local application data.
fn folder(variable: impl Fn(&str) -> Option<OsString>) -> anyhow::Result<PathBuf> {
    let absolute = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let data = absolute("XDG_DATA_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/share")))
        .or_else(|| absolute("LOCALAPPDATA"));
    let data = data.context("no folder for baselines: set HOME or XDG_DATA_HOME")?;
    Ok(data.join("wigwag").join("baselines"))
}

const NAMES_MAX: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn baselines_lie_where_the_user_keeps_data() {
        let folder_with = |set: &[(&str, &str)]| {
            let value = |name: &str| set.iter().find(|(other, _)| *other == name).map(|(_, value)| value.into());
            folder(value).map(|path| path.to_string_lossy().into_owned()).map_err(|error| error.to_string())
        };
        let expected = Ok("/data/wigwag/baselines".to_owned());
        assert_eq!(folder_with(&[("XDG_DATA_HOME", "/data"), ("HOME", "/home/a")]), expected);
        let expected = Ok("/home/a/.local/share/wigwag/baselines".to_owned());
        assert_eq!(folder_with(&[("XDG_DATA_HOME", "relative"), ("HOME", "/home/a")]), expected);
        assert!(folder_with(&[]).is_err());
    }
}
