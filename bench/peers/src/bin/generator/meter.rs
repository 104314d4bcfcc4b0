//! What the operating system says about the server and about ourselves: CPU time and memory.

use std::time::{Duration, Instant};

use nix::time::ClockId;
use nix::unistd::Pid;

/// CPU clocks of the server and of this process, read together.
pub(crate) struct Meter {
    server: ClockId,
    pid: i32,
}

#[derive(Clone, Copy)]
pub(crate) struct Reading {
    at: Instant,
    server: Duration,
    generator: Duration,
}

/// The difference of two readings.
pub(crate) struct Usage {
    pub(crate) wall: Duration,
    pub(crate) server: Duration,
    pub(crate) generator: Duration,
}

impl Meter {
    /// Fails if there is no process `pid`.
    pub(crate) fn new(pid: i32) -> Result<Self, String> {
        // The process clock counts nanoseconds of all threads, also of those which have ended.
        let server =
            ClockId::pid_cpu_clock_id(Pid::from_raw(pid)).map_err(|error| format!("process {pid}: {error}"))?;
        Ok(Self { server, pid })
    }

    pub(crate) fn read(&self) -> Result<Reading, String> {
        let now = |clock: ClockId| clock.now().map(Duration::from).map_err(|error| format!("CPU clock: {error}"));
        let generator = now(ClockId::CLOCK_PROCESS_CPUTIME_ID)?;
        Ok(Reading { at: Instant::now(), server: now(self.server)?, generator })
    }

    /// Bytes of the server's user-space memory that are its own and written to.
    pub(crate) fn private_dirty_bytes(&self) -> Result<u64, String> {
        let path = format!("/proc/{}/smaps_rollup", self.pid);
        let text = std::fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
        text.lines()
            .find_map(|line| line.strip_prefix("Private_Dirty:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok())
            .map(|kib| kib << 10)
            .ok_or_else(|| format!("{path} has no line Private_Dirty"))
    }
}

impl Reading {
    pub(crate) fn since(&self, earlier: &Self) -> Usage {
        Usage {
            wall: self.at - earlier.at,
            server: self.server.saturating_sub(earlier.server),
            generator: self.generator.saturating_sub(earlier.generator),
        }
    }
}
