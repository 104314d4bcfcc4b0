//! `wigwag config`: prints the effective configuration, or checks a file.

use std::io::{self, Write as _};
use std::process::ExitCode;

use crate::cli::{ConfigArgs, SettingArgs};
use crate::settings;

/// Prints the configuration that `serve` would use with the same arguments; with `--check`, judges a file alone.
pub(crate) fn run(args: &ConfigArgs) -> anyhow::Result<ExitCode> {
    let Some(file) = &args.check else {
        let effective = settings::load(&args.settings, std::env::vars_os())?;
        io::stdout().write_all(settings::to_toml(&effective).as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    };
    let only_the_file = SettingArgs::only_file(file.clone());
    settings::load(&only_the_file, std::iter::empty())?;
    writeln!(io::stdout(), "{} is valid", file.display())?;
    Ok(ExitCode::SUCCESS)
}
