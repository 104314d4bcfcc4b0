//! The JSON report: an [`Outcome`] as it is, and read back with its format checked first.

use std::io::{self, Read, Write};

use serde::Deserialize;

use crate::outcome::{FORMAT, Outcome};

/// Why a file is no report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// It cannot be read.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It is not what `--json` writes.
    #[error("this is no report of `wigwag load --json`: {0}")]
    Json(serde_json::Error),
    /// It was written by another version.
    #[error("the report has format {0}, and this wigwag reads format {FORMAT}")]
    Format(u32),
    /// It is larger than any report.
    #[error("the file has more than {} MiB: no report is that large", BYTES_MAX >> 20)]
    TooLarge,
}

/// Writes the report, indented, with a line break at the end.
///
/// # Errors
/// Where the writer fails.
pub fn write(outcome: &Outcome, mut out: impl Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut out, outcome)?;
    out.write_all(b"\n")?;
    out.flush()
}

/// Reads a report back.
///
/// # Errors
/// Where the reader fails, or what it gives is no report of this format.
pub fn read(input: impl Read) -> Result<Outcome, ReadError> {
    let mut text = Vec::new();
    input.take(BYTES_MAX + 1).read_to_end(&mut text)?;
    if text.len() as u64 > BYTES_MAX {
        return Err(ReadError::TooLarge);
    }
    let format = serde_json::from_slice::<Format>(&text).map_err(ReadError::Json)?.format;
    if format != FORMAT {
        return Err(ReadError::Format(format));
    }
    serde_json::from_slice(&text).map_err(ReadError::Json)
}

/// What every format has in common.
#[derive(Deserialize)]
struct Format {
    format: u32,
}

/// A report with 3,600 stretches of 256 buckets is below 20 MiB.
const BYTES_MAX: u64 = 256 << 20;
