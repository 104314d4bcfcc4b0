//! `wigwag config`: prints the effective configuration, or checks a file.

use std::io::{self, Write as _};
use std::process::ExitCode;

use crate::cli::{ConfigArgs, ConfigOf, GivenFlags};
use crate::settings::{self, Serving};

/// Prints the configuration that a command would use with the same arguments; with `--check`, judges a file alone.
pub(crate) fn run(args: &ConfigArgs) -> anyhow::Result<ExitCode> {
    if let Some(file) = &args.check {
        let only_the_file = GivenFlags::only_file(file.clone());
        settings::load(&only_the_file, None, std::iter::empty())?;
        writeln!(io::stdout(), "{} is valid", file.display())?;
        return Ok(ExitCode::SUCCESS);
    }
    let (given, serving) = match &args.of {
        None => (&args.settings.given, None),
        Some(ConfigOf::Serve(args)) => (&args.given, Some(Serving::Serve)),
        Some(ConfigOf::Gateway(args)) => (&args.given, Some(Serving::Gateway)),
    };
    let effective = settings::load(given, serving, std::env::vars_os())?;
    io::stdout().write_all(settings::to_toml(&effective, serving).as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
