//! The process's own limits.

use std::io;

/// Limits on open descriptors (`RLIMIT_NOFILE`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Nofile {
    /// What this process may open now.
    pub(crate) soft: u64,
    /// How far the soft limit may be raised without privileges.
    pub(crate) hard: u64,
}

/// Raises the soft limit to the hard one and returns both; calling it again changes nothing.
///
/// Shells start with 1,024 or so out of caution for programs that use `select`; wigwag does not.
pub(crate) fn raise_nofile() -> io::Result<Nofile> {
    let soft = rlimit::increase_nofile_limit(u64::MAX)?;
    let hard = hard_limit()?.max(soft);
    Ok(Nofile { soft, hard })
}

#[cfg(unix)]
fn hard_limit() -> io::Result<u64> {
    rlimit::Resource::NOFILE.get_hard()
}

/// Windows has no such limit to read; what `increase_nofile_limit` reached is all there is.
#[cfg(not(unix))]
fn hard_limit() -> io::Result<u64> {
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn soft_limit_reaches_the_hard_one_and_stays() {
        let first = raise_nofile().expect("limits are readable");
        assert_eq!(first.soft, first.hard);
        assert_eq!(raise_nofile().expect("limits are readable"), first);
    }
}
