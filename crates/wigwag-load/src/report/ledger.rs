//! The ledger as a file: a line per message that is not ok, or of all, written while the run goes on.
//!
//! ```text
//! #wigwag-ledger {"format":1,"all":false,...}
//! class,connection,sequence,intended_ns,sent_ns,answered_ns
//! lost,17,301,2310000000,2310004512,
//! #totals {"written":1,"account":{...},...}
//! ```
//!
//! [`LedgerFile`] is a [`Recorder`]: workers hand their records over and a thread of its own writes them. What waits is
//! bounded: a worker waits a moment for the disk, then its records are left out and counted, and the file says so.
//! [`verify`](super::verify) reads the file again.

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use crate::{
    account::{Account, Class},
    outcome::Outcome,
    plan::{Record, Recorder},
};

/// The version of the file's format.
pub const FORMAT: u32 = 1;
/// What the first line begins with.
pub(crate) const HEAD: &str = "#wigwag-ledger ";
/// What the last line begins with.
pub(crate) const TOTALS: &str = "#totals ";
/// The names of the columns.
pub(crate) const COLUMNS: &str = "class,connection,sequence,intended_ns,sent_ns,answered_ns";

/// A ledger that is being written.
#[derive(Debug)]
pub struct LedgerFile {
    queue: Arc<Queue>,
    writer: Option<JoinHandle<io::Result<Written>>>,
}

/// What the first line says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Head {
    /// [`FORMAT`].
    pub format: u32,
    /// Whether messages that are ok have lines too.
    pub all: bool,
    /// After this time an answer is late, in seconds.
    pub timeout: f64,
    /// Of the run.
    pub url: String,
}

/// What the last line says: the totals as the run counted them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Totals {
    /// Lines of messages in this file.
    pub written: u64,
    /// Records that were left out, because the disk did not keep up or was full.
    pub left_out: u64,
    /// The run's account.
    pub account: Account,
    /// The run's verdict.
    pub verdict: String,
    /// The run's seed.
    pub seed: u64,
}

impl LedgerFile {
    /// Makes the file, which replaces another of that name, and starts to write.
    ///
    /// # Errors
    /// Where the file cannot be made.
    pub fn create(path: &Path, head: &Head) -> io::Result<Self> {
        let mut out = BufWriter::with_capacity(BUFFER_BYTES, File::create(path)?);
        writeln!(out, "{HEAD}{}\n{COLUMNS}", serde_json::to_string(head)?)?;
        out.flush()?;
        let queue = Arc::new(Queue::default());
        let theirs = Arc::clone(&queue);
        let writer = thread::Builder::new().name("ledger".to_owned()).spawn(move || write_all(&theirs, out))?;
        Ok(Self { queue, writer: Some(writer) })
    }

    /// What workers report to; give it to [`Plan::recorder`](crate::Plan::recorder).
    #[must_use]
    pub fn recorder(&self) -> Arc<dyn Recorder> {
        Arc::clone(&self.queue) as Arc<dyn Recorder>
    }

    /// Writes what waits, and the totals as the last line.
    ///
    /// # Errors
    /// Where the disk is full, or the file cannot be written for another reason: the lines up to there are in it, and
    /// `verify` will say that it has no end.
    pub fn finish(mut self, outcome: &Outcome) -> io::Result<Totals> {
        self.queue.close();
        let writer = self.writer.take().expect("finished once");
        let (mut out, written) = writer.join().unwrap_or_else(|_| Err(io::Error::other("the writer panicked")))?;
        let totals = Totals {
            written,
            left_out: self.queue.lock().left_out,
            account: outcome.account,
            verdict: outcome.judgement.verdict.to_string(),
            seed: outcome.seed,
        };
        writeln!(out, "{TOTALS}{}", serde_json::to_string(&totals)?)?;
        out.flush()?;
        Ok(totals)
    }
}

impl Drop for LedgerFile {
    fn drop(&mut self) {
        self.queue.close();
    }
}

/// Between the workers and the writer.
#[derive(Debug, Default)]
struct Queue {
    state: Mutex<State>,
    /// There is something to write.
    filled: Condvar,
    /// There is room again.
    emptied: Condvar,
}

#[derive(Debug, Default)]
struct State {
    batches: VecDeque<Vec<Record>>,
    records: usize,
    left_out: u64,
    closed: bool,
    /// The file cannot be written any more.
    broken: bool,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_all();
    }

    /// The oldest batch; `None` when no more will come.
    fn next(&self) -> Option<Vec<Record>> {
        let mut state = self.lock();
        loop {
            if let Some(batch) = state.batches.pop_front() {
                state.records -= batch.len();
                self.emptied.notify_all();
                return Some(batch);
            }
            if state.closed {
                return None;
            }
            state = self.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Recorder for Queue {
    fn record(&self, records: &[Record]) {
        if records.is_empty() {
            return;
        }
        let deadline = Instant::now() + WAIT_MAX;
        let mut state = self.lock();
        while !state.broken && state.records + records.len() > WAITING_MAX && state.records > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = self.emptied.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        let full = state.records + records.len() > WAITING_MAX && state.records > 0;
        if full || state.broken || state.closed {
            state.left_out += records.len() as u64;
            return;
        }
        state.records += records.len();
        state.batches.push_back(records.to_vec());
        drop(state);
        self.filled.notify_one();
    }
}

/// The file, all lines of messages written, and how many they are.
type Written = (BufWriter<File>, u64);

fn write_all(queue: &Queue, mut out: BufWriter<File>) -> io::Result<Written> {
    let mut written = 0;
    while let Some(batch) = queue.next() {
        for record in &batch {
            if let Err(error) = write_line(record, &mut out) {
                queue.lock().broken = true;
                queue.emptied.notify_all();
                return Err(error);
            }
        }
        written += batch.len() as u64;
    }
    Ok((out, written))
}

fn write_line(record: &Record, out: &mut impl Write) -> io::Result<()> {
    write!(out, "{},{},", name(record.class), record.connection)?;
    let numbers = [record.sequence, record.intended_nanos, record.sent_nanos, record.answered_nanos];
    for (at, number) in numbers.into_iter().enumerate() {
        let separator = if at == 0 { "" } else { "," };
        match number {
            Some(number) => write!(out, "{separator}{number}")?,
            None => out.write_all(separator.as_bytes())?,
        }
    }
    out.write_all(b"\n")
}

/// The class as the JSON report names it.
pub(crate) const fn name(class: Class) -> &'static str {
    match class {
        Class::InDoubt => "in_doubt",
        _ => class.label(),
    }
}

/// Records that wait for the disk at most, about 64 MiB: a second of a fast run.
const WAITING_MAX: usize = 1 << 20;
/// How long a worker waits for the disk at most, once per batch. Longer, and the tester would be slower than the server.
const WAIT_MAX: Duration = Duration::from_millis(50);
const BUFFER_BYTES: usize = 256 << 10;
