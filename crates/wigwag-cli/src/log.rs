//! Logs: to standard error, as text for people or JSON for machines. Colour only on a terminal and without `NO_COLOR`.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::filter::LevelFilter;

use crate::settings::{Log, LogFormat, LogLevel};

/// Installs the process's subscriber; a second call changes nothing.
pub(crate) fn init(log: &Log) {
    let builder = tracing_subscriber::fmt().with_max_level(level(log.level)).with_writer(io::stderr);
    // Setting it fails only when a subscriber is there already.
    let _ = match log.format {
        LogFormat::Text => tracing::subscriber::set_global_default(builder.with_ansi(colour()).finish()),
        LogFormat::Json => tracing::subscriber::set_global_default(builder.json().flatten_event(true).finish()),
    };
}

fn level(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Off => LevelFilter::OFF,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}

/// <https://no-color.org>: any non-empty value turns colour off.
fn colour() -> bool {
    io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
