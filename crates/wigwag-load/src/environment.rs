//! Where a run takes place, for its report.

use std::{env::consts, fs};

use crate::outcome::Environment;

pub(crate) fn here() -> Environment {
    let read = |path: &str| fs::read_to_string(path).ok().map(|text| text.trim().to_owned());
    let processor = read("/proc/cpuinfo").and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("model name"))?;
        line.split_once(':').map(|(_, name)| name.trim().to_owned())
    });
    let release = read("/proc/sys/kernel/osrelease").unwrap_or_default();
    Environment {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        system: format!("{} {release}", consts::OS).trim().to_owned(),
        architecture: consts::ARCH.to_owned(),
        processor: processor.unwrap_or_default(),
        cores: std::thread::available_parallelism().map_or(0, |cores| cores.get() as u64),
        host: read("/proc/sys/kernel/hostname").unwrap_or_default(),
    }
}
