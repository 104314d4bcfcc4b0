//! What was typed in earlier sessions: a file in the user's state directory, for nobody else to read, of bounded length.

use std::{
    env,
    fs::DirBuilder,
    io,
    path::{Path, PathBuf},
};

use rustyline::{
    Config,
    history::{FileHistory, History as _},
};

/// Where the history is kept; `None` where there is no home. `XDG_STATE_HOME` as the XDG Base Directory Specification has
/// it: a relative path is to be ignored.
pub(super) fn path() -> Option<PathBuf> {
    let absolute = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = absolute("XDG_STATE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".local/state")))?;
    Some(state.join("wigwag").join("connect_history"))
}

/// Reads the history; an empty one where there is none yet.
pub(super) fn load(config: &Config, path: &Path) -> rustyline::Result<FileHistory> {
    let mut history = FileHistory::with_config(config);
    if path.exists() {
        history.load(path)?;
    }
    Ok(history)
}

/// Makes the directory of the history, closed to others.
pub(super) fn make_directory(path: &Path) -> io::Result<()> {
    let Some(directory) = path.parent() else { return Ok(()) };
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}

/// Lines that are kept.
pub(super) const LINES_MAX: usize = 1_000;
/// A longer line is not kept: it was pasted, and is no use in a history.
pub(super) const LINE_BYTES_MAX: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_history_is_bounded_and_its_owners_alone() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("state/wigwag/connect_history");
        let config = Config::builder().max_history_size(3).expect("a size").build();
        make_directory(&path).expect("made");
        for line in ["one", "two", "three", "four"] {
            let mut history = load(&config, &path).expect("readable");
            history.add(line).expect("added");
            history.append(&path).expect("written");
        }
        let history = load(&config, &path).expect("readable");
        assert_eq!(history.iter().collect::<Vec<_>>(), ["two", "three", "four"]);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = |path: &Path| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
            assert_eq!((mode(&path), mode(path.parent().expect("a directory"))), (0o600, 0o700));
        }
    }
}
