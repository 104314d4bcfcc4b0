//! File descriptors: how many there may be, and a table for each worker.
//!
//! The limit holds per table: a worker with a table of its own opens as many connections as a process otherwise could. And in a
//! table that one thread alone uses, the kernel does not count who uses a file at each system call.
//!
//! A table begins as a copy. What workers use of each other, their polls' wakers, is made before the first of them runs, so it
//! is the same file under the same number in all tables. What a worker opens itself, its connections, never leaves its thread.
//! Whatever others open or close after the copy, workers touch none of it: they hand records to the recorder and notes to each
//! other through memory, and wake nobody but workers.

use crate::plan::WORKERS_MAX;

/// How many file descriptors a table may hold.
pub(crate) fn max() -> u64 {
    rlimit::Resource::NOFILE.get().map_or(0, |(soft, _)| soft)
}

/// How many connections fit into one table, beside what else a process has open.
pub(crate) fn room() -> u32 {
    u32::try_from(max().saturating_sub(SPARE)).unwrap_or(u32::MAX)
}

/// How many connections descriptors allow altogether, with so many workers or as many as there may be.
pub(crate) fn connections_max(workers: Option<usize>) -> u64 {
    let tables = if cfg!(target_os = "linux") { workers.unwrap_or(WORKERS_MAX).clamp(1, WORKERS_MAX) } else { 1 };
    u64::from(room()) * tables as u64
}

/// Gives the calling thread a table of its own, a copy of the present one. `false` where the system does not allow it.
#[cfg(target_os = "linux")]
pub(crate) fn own_table() -> bool {
    nix::sched::unshare(nix::sched::CloneFlags::CLONE_FILES).is_ok()
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn own_table() -> bool {
    false
}

/// Standard streams, polls, wakers, reports, bystanders.
const SPARE: u64 = 128;
