//! The latencies as an HdrHistogram log (V2, compressed), as HdrHistogram's own tools read it. Values are nanoseconds.
//!
//! The line without a tag is the whole run from intended sending to answer, exact to 0.1 %, so that a tool which knows
//! nothing of tags finds the figure that matters. The whole run's other times bear their names as tags. `Tag=stretch` is
//! the time line, from coarse histograms (9 %).

use std::{
    io::{self, Write},
    time::{Duration, SystemTime},
};

use hdrhistogram::{
    Histogram,
    serialization::{
        V2DeflateSerializeError, V2DeflateSerializer,
        interval_log::{IntervalLogWriter, IntervalLogWriterBuilder, IntervalLogWriterError, Tag},
    },
};

use crate::{
    latency::{Heat, Latency},
    outcome::Outcome,
};

/// Writes the log.
///
/// # Errors
/// Where the writer fails.
pub fn write(outcome: &Outcome, mut out: impl Write) -> io::Result<()> {
    let mut serializer = V2DeflateSerializer::new();
    let first_message = outcome.started_unix + (outcome.elapsed.saturating_sub(outcome.sending)).as_secs_f64();
    let base = SystemTime::UNIX_EPOCH + Duration::try_from_secs_f64(first_message).unwrap_or_default();
    let mut log = IntervalLogWriterBuilder::new()
        .add_comment("[Histogram log format version 1.3]")
        .add_comment(&format!("[wigwag {}, seed {}, values in nanoseconds]", outcome.environment.version, outcome.seed))
        .with_start_time(base)
        .with_base_time(base)
        .with_max_value_divisor(NANOS_PER_MILLI)
        .begin_log_with(&mut out, &mut serializer)?;
    let all = &outcome.latencies;
    whole(&mut log, outcome, &all.intended, None)?;
    let tagged = [
        ("service", &all.service),
        ("lag", &all.lag),
        ("connect", &all.connect),
        ("handshake", &all.handshake),
        ("open", &all.open),
        ("recovery", &all.recovery),
    ];
    for (name, latency) in tagged {
        whole(&mut log, outcome, latency, Tag::new(name))?;
    }
    let length = Duration::try_from_secs_f64(outcome.timeline.stretch).unwrap_or_default();
    for (at, stretch) in outcome.timeline.stretches.iter().enumerate().filter(|(_, stretch)| stretch.heat.count() > 0) {
        let start = length.saturating_mul(u32::try_from(at).unwrap_or(u32::MAX));
        log.write_histogram(&histogram(&stretch.heat), start, length, Tag::new("stretch")).map_err(io_error)?;
    }
    out.flush()
}

type Log<'a, 'b, W> = IntervalLogWriter<'a, 'b, W, V2DeflateSerializer>;

fn whole<W: Write>(log: &mut Log<'_, '_, W>, run: &Outcome, latency: &Latency, tag: Option<Tag<'_>>) -> io::Result<()> {
    if latency.is_empty() {
        return Ok(());
    }
    log.write_histogram(latency.histogram(), Duration::ZERO, run.sending, tag).map_err(io_error)
}

/// The coarse histogram in the fine one's form; each time counts as the upper end of its bucket.
fn histogram(heat: &Heat) -> Histogram<u64> {
    let mut latency = Histogram::new(2).expect("two digits are valid");
    for (bucket, count) in heat.counts().iter().enumerate().filter(|(_, count)| **count > 0) {
        let nanos = u64::try_from(Heat::bound(bucket).as_nanos()).unwrap_or(u64::MAX);
        latency.record_n(nanos, u64::from(*count)).expect("the histogram grows");
    }
    latency
}

fn io_error(error: IntervalLogWriterError<V2DeflateSerializeError>) -> io::Error {
    match error {
        IntervalLogWriterError::IoError(error) => error,
        IntervalLogWriterError::SerializeError(error) => io::Error::other(error),
    }
}

const NANOS_PER_MILLI: f64 = 1e6;
