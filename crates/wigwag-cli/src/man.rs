//! `wigwag man`: the manual pages, made of what `--help` says.

use std::{
    fs,
    io::{self, Write as _},
    path::Path,
    process::ExitCode,
};

use anyhow::Context as _;
use clap::CommandFactory as _;
use clap_mangen::Man;

use crate::{
    UsageError,
    cli::{Cli, ManArgs},
};

pub(crate) fn run(args: &ManArgs) -> anyhow::Result<ExitCode> {
    let mut wigwag = Cli::command().disable_help_subcommand(true);
    wigwag.build();
    match &args.dir {
        Some(directory) => write_all(&wigwag, directory)?,
        None => io::stdout().write_all(&page(find(&wigwag, &args.command)?)?)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The command of these words.
fn find<'c>(wigwag: &'c clap::Command, words: &[String]) -> anyhow::Result<&'c clap::Command> {
    let mut command = wigwag;
    for word in words {
        let Some(next) = command.find_subcommand(word) else {
            let known: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
            let known = known.join(", ");
            return Err(UsageError(format!("{} has no command {word}; it has {known}", command.get_name())).into());
        };
        command = next;
    }
    Ok(command)
}

fn page(command: &clap::Command) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    let man = Man::new(command.clone()).title(title(command).to_uppercase()).manual("wigwag");
    man.source(concat!("wigwag ", env!("CARGO_PKG_VERSION"))).render(&mut page)?;
    Ok(page)
}

/// The page of each command and of its own commands, as `wigwag-try-random.1`.
fn write_all(command: &clap::Command, directory: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
    let path = directory.join(format!("{}.1", title(command)));
    fs::write(&path, page(command)?).with_context(|| format!("cannot write {}", path.display()))?;
    command.get_subcommands().filter(|command| !command.is_hide_set()).try_for_each(|each| write_all(each, directory))
}

fn title(command: &clap::Command) -> &str {
    command.get_display_name().unwrap_or_else(|| command.get_name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page_with_its_flags_and_examples() {
        let directory = tempfile::tempdir().expect("a directory");
        run(&ManArgs { command: Vec::new(), dir: Some(directory.path().to_owned()) }).expect("written");
        let read = |name: &str| fs::read_to_string(directory.path().join(name)).expect(name);
        for (name, expected) in [
            ("wigwag.1", "wigwag\\-connect(1)"),
            ("wigwag-serve.1", "message\\-bytes\\-max"),
            ("wigwag-connect.1", "\\-\\-execute"),
            ("wigwag-connect.1", "Exit codes:"),
            ("wigwag-try-random.1", "\\-\\-count"),
            ("wigwag-man.1", "\\-\\-dir"),
        ] {
            assert!(read(name).contains(expected), "{name} lacks {expected}");
        }
    }

    #[test]
    fn a_command_that_is_none_is_named_with_those_that_are() {
        let args = ManArgs { command: vec!["try".to_owned(), "nothing".to_owned()], dir: None };
        let error = run(&args).expect_err("there is none").to_string();
        assert!(error.starts_with("try has no command nothing; it has echo, random"), "{error}");
    }
}
