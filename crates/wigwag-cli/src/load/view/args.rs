//! The flags that say what is shown and written, and the commands for what was written.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use crate::UsageError;

/// What is shown and written.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct ViewArgs {
    /// Write a report as one HTML file that needs nothing else
    #[arg(long, value_name = "FILE", help_heading = OUTPUT)]
    pub(super) html: Option<PathBuf>,
    /// Write the outcome as JSON, without FILE to standard output
    #[arg(
        long, value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = STDOUT, help_heading = OUTPUT
    )]
    pub(super) json: Option<PathBuf>,
    /// Write the time line as CSV, a row per second
    #[arg(long, value_name = "FILE", help_heading = OUTPUT)]
    pub(super) csv: Option<PathBuf>,
    /// Write the latencies as an HdrHistogram log
    #[arg(long, value_name = "FILE", help_heading = OUTPUT)]
    pub(super) hdr: Option<PathBuf>,
    /// Write a line per message that is not ok
    #[arg(long, value_name = "FILE", help_heading = OUTPUT)]
    pub(super) ledger: Option<PathBuf>,
    /// Write a line per message, whatever became of it
    #[arg(long, requires = "ledger", help_heading = OUTPUT)]
    pub(super) ledger_all: bool,
    /// Keep the outcome under this name, for --baseline
    #[arg(long, value_name = "NAME", value_parser = name, help_heading = OUTPUT)]
    pub(super) save_baseline: Option<String>,
    /// Compare with the outcome that was kept under this name
    #[arg(long, value_name = "NAME", value_parser = name, help_heading = OUTPUT)]
    pub(super) baseline: Option<String>,
    /// Print lines instead of drawing a screen
    #[arg(long, help_heading = OUTPUT)]
    pub(super) no_tui: bool,
    /// Print nothing; the exit code says the verdict
    #[arg(long, help_heading = OUTPUT)]
    pub(in crate::load) quiet: bool,
}

impl ViewArgs {
    /// Whether standard output is for the report.
    pub(in crate::load) fn json_on_stdout(&self) -> bool {
        self.json.as_ref().is_some_and(|path| path.as_os_str() == STDOUT)
    }

    /// Each file is written by one flag, and none over what another wrote.
    ///
    /// # Errors
    /// [`UsageError`] where two flags name the same file.
    pub(in crate::load) fn check(&self) -> anyhow::Result<()> {
        let files = [
            (&self.html, "--html"),
            (&self.json, "--json"),
            (&self.csv, "--csv"),
            (&self.hdr, "--hdr"),
            (&self.ledger, "--ledger"),
        ];
        let mut seen: Vec<(PathBuf, &str)> = Vec::new();
        for (path, flag) in files.into_iter().filter_map(|(path, flag)| Some((path.as_ref()?, flag))) {
            let place = place(path);
            if let Some((_, other)) = seen.iter().find(|(taken, _)| *taken == place && !is_special(path)) {
                let path = path.display();
                return Err(UsageError(format!("{other} and {flag} name the same file, {path}")).into());
            }
            seen.push((place, flag));
        }
        Ok(())
    }

    /// A flag that was given and asks for what remains of one run, which a search has not.
    pub(in crate::load) fn of_one_run(&self) -> Option<&'static str> {
        let given = [
            (self.html.is_some(), "--html"),
            (self.csv.is_some(), "--csv"),
            (self.hdr.is_some(), "--hdr"),
            (self.ledger.is_some(), "--ledger"),
            (self.save_baseline.is_some(), "--save-baseline"),
            (self.baseline.is_some(), "--baseline"),
        ];
        given.into_iter().find_map(|(is_given, flag)| is_given.then_some(flag))
    }
}

/// What can be done with finished runs.
#[derive(Subcommand, Debug)]
pub(crate) enum LoadCommand {
    /// Show two reports (--json) side by side, and say whether they differ beyond noise
    #[command(after_help = COMPARE_EXAMPLES)]
    Compare(CompareArgs),
    /// Check a run's totals again from its ledger (--ledger)
    #[command(after_help = VERIFY_EXAMPLES)]
    Verify(VerifyArgs),
}

#[derive(Args, Debug)]
pub(crate) struct CompareArgs {
    /// The report to compare with: a file, or the name of a baseline
    pub(super) base: PathBuf,
    /// The report that is compared: a file, or the name of a baseline
    pub(super) other: PathBuf,
    /// Print the comparison as JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct VerifyArgs {
    /// What --ledger wrote
    pub(super) ledger: PathBuf,
    /// What --json wrote in the same run: its totals must be the same
    #[arg(long, value_name = "FILE")]
    pub(super) report: Option<PathBuf>,
}

/// Where a file is or will be, whatever it is called.
fn place(path: &Path) -> PathBuf {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let placed = || Some(folder.canonicalize().ok()?.join(path.file_name()?));
    path.canonicalize().ok().or_else(placed).unwrap_or_else(|| path.to_owned())
}

/// A device or a pipe, which takes what comes, one after the other; standard output is none of the files.
fn is_special(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| !metadata.is_file())
}

/// A baseline's name becomes a file's name.
fn name(text: &str) -> Result<String, String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let is_name = !text.is_empty() && text.len() <= 100 && !text.starts_with('.') && text.chars().all(allowed);
    if is_name { Ok(text.to_owned()) } else { Err("use letters, digits, hyphens, dots and underscores".to_owned()) }
}

/// Stands for standard output.
pub(super) const STDOUT: &str = "-";
const OUTPUT: &str = "Output";

const COMPARE_EXAMPLES: &str = "\
Examples:
  wigwag load ws://127.0.0.1:8765/echo -d 30s --json=before.json
  wigwag load ws://127.0.0.1:8765/echo -d 30s --json=after.json
  wigwag load compare before.json after.json

Exit codes: 0 not worse, 1 a file cannot be read, 2 wrong usage, 4 worse beyond noise, 5 too short to tell.";

const VERIFY_EXAMPLES: &str = "\
Examples:
  wigwag load ws://127.0.0.1:8765/echo -n 100k --ledger run.csv --ledger-all --json=run.json
  wigwag load verify run.csv --report run.json

Exit codes: 0 the lines prove the totals, 1 the file cannot be read, 2 wrong usage, 3 they do not.";
