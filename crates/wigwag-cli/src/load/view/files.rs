//! The files that remain of a run: made before it starts, so that a folder that cannot be written is known before an hour
//! of load, and moved into place when they are whole, so that a report of yesterday is not lost to a run that fails.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use wigwag_load::{
    Outcome,
    plan::RecorderHandle,
    report::{
        csv, hdr, html, json,
        ledger::{FORMAT, Head, LedgerFile},
        words,
    },
};

use super::{
    args::{STDOUT, ViewArgs},
    baseline,
};

/// The files that were asked for.
pub(crate) struct Files {
    targets: Vec<(Kind, Target)>,
    ledger: Option<(PathBuf, LedgerFile)>,
    all: bool,
    baseline: Option<(String, Outcome)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Html,
    Json,
    Csv,
    Hdr,
    Baseline,
}

impl Files {
    /// Makes the files, empty, and reads the baseline.
    ///
    /// # Errors
    /// The first that cannot be made or read.
    pub(crate) fn prepare(args: &ViewArgs, url: &str, timeout: std::time::Duration) -> anyhow::Result<Self> {
        let baseline =
            args.baseline.as_deref().map(|name| Ok::<_, anyhow::Error>((name.to_owned(), baseline::read(name)?)));
        let baseline = baseline.transpose()?;
        let kept = args.save_baseline.as_deref().map(baseline::path).transpose()?;
        if let Some(folder) = kept.as_ref().and_then(|path| path.parent()) {
            fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        }
        let asked = [
            (Kind::Html, args.html.clone()),
            (Kind::Json, args.json.clone()),
            (Kind::Csv, args.csv.clone()),
            (Kind::Hdr, args.hdr.clone()),
            (Kind::Baseline, kept),
        ];
        let mut targets = Vec::new();
        for (kind, path) in asked.into_iter().filter_map(|(kind, path)| Some((kind, path?))) {
            let target = Target::prepare(&path).with_context(|| format!("cannot write {}", path.display()))?;
            targets.push((kind, target));
        }
        let head = Head { format: FORMAT, all: args.ledger_all, timeout: timeout.as_secs_f64(), url: url.to_owned() };
        let ledger = match &args.ledger {
            None => None,
            Some(path) => {
                let file = LedgerFile::create(path, &head);
                Some((path.clone(), file.with_context(|| format!("cannot write {}", path.display()))?))
            }
        };
        Ok(Self { targets, ledger, all: args.ledger_all, baseline })
    }

    /// What the workers report messages to, and whether they report all of them.
    pub(crate) fn recorder(&self) -> (Option<RecorderHandle>, bool) {
        (self.ledger.as_ref().map(|(_, file)| RecorderHandle(file.recorder())), self.all)
    }

    /// The baseline that was asked for.
    pub(super) fn baseline(&self) -> Option<(&str, &Outcome)> {
        self.baseline.as_ref().map(|(name, outcome)| (name.as_str(), outcome))
    }

    /// Writes every file. One that cannot be written does not keep the others from it.
    pub(super) fn write(self, outcome: &Outcome, quiet: bool) -> anyhow::Result<()> {
        let mut first_error = None;
        for (kind, target) in self.targets {
            let name = target.name();
            let written = target.write(|out| match kind {
                Kind::Html => html::write(outcome, out),
                Kind::Json | Kind::Baseline => json::write(outcome, out),
                Kind::Csv => csv::write(outcome, out),
                Kind::Hdr => hdr::write(outcome, out),
            });
            keep(&mut first_error, written.with_context(|| format!("cannot write {name}")));
        }
        if let Some((path, file)) = self.ledger {
            let name = path.display();
            let finished =
                file.finish(outcome).with_context(|| format!("cannot write {name}: the ledger is not whole"));
            if let Some(totals) = keep(&mut first_error, finished).filter(|totals| totals.left_out > 0 && !quiet) {
                let left_out = words::counted(totals.left_out, "record");
                anstream::eprintln!("\x1b[1;33mwarning:\x1b[0m {name}: the disk did not keep up, {left_out} left out");
            }
        }
        first_error.map_or(Ok(()), Err)
    }
}

impl ViewArgs {
    /// Writes JSON of another kind than an outcome to where `--json` says, if it was given.
    pub(in crate::load) fn write_json(
        &self,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> anyhow::Result<()> {
        let Some(path) = &self.json else { return Ok(()) };
        let written = Target::prepare(path).and_then(|target| target.write(write));
        written.with_context(|| format!("cannot write {}", path.display()))
    }
}

fn keep<T>(first_error: &mut Option<anyhow::Error>, result: anyhow::Result<T>) -> Option<T> {
    result.map_err(|error| first_error.get_or_insert(error)).ok()
}

/// Where a file will be.
enum Target {
    Stdout,
    /// A device or a pipe, which nothing is moved to.
    Special(PathBuf, File),
    /// Written beside its place, then moved there.
    File {
        path: PathBuf,
        partial: PathBuf,
        file: File,
    },
}

impl Target {
    fn prepare(path: &Path) -> io::Result<Self> {
        if path.as_os_str() == STDOUT {
            return Ok(Self::Stdout);
        }
        if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
            return Ok(Self::Special(path.to_owned(), File::options().write(true).open(path)?));
        }
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        let file = File::create(&partial)?;
        Ok(Self::File { path: path.to_owned(), partial, file })
    }

    fn name(&self) -> String {
        match self {
            Self::Stdout => "standard output".to_owned(),
            Self::Special(path, _) | Self::File { path, .. } => path.display().to_string(),
        }
    }

    fn write(mut self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
        match &mut self {
            Self::Stdout => super::ignore_broken_pipe(write(&mut BufWriter::new(io::stdout().lock()))),
            Self::Special(_, file) => write(&mut BufWriter::new(file)),
            Self::File { path, partial, file } => {
                write(&mut BufWriter::new(file))?;
                fs::rename(partial, path)
            }
        }
    }
}

impl Drop for Target {
    /// What was not moved into place is no use to anybody.
    fn drop(&mut self) {
        if let Self::File { partial, .. } = self {
            let _ = fs::remove_file(partial);
        }
    }
}
