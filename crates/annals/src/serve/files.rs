//! How many files the process may hold open. Connections are files too, and the lake, the database and the commit log need some that no
//! stranger can use up.

use std::io;

/// Kept for everything but connections: files of the lake that are read at the same time are most of it.
const RESERVED: u64 = 512;

/// Raises the limit as far as the system lets us, which shells and service managers often leave at 1,024, and says how many connections fit.
pub fn connections_max(wanted: usize) -> usize {
    let limit = raise().unwrap_or_else(|error| {
        tracing::warn!(%error, "the limit of open files cannot be raised");
        RESERVED * 2
    });
    let fitting = fitting(limit, wanted);
    if fitting < wanted {
        tracing::warn!(limit, connections = fitting, "few open files are allowed, so fewer connections are accepted");
    }
    fitting
}

fn raise() -> io::Result<u64> {
    rlimit::increase_nofile_limit(u64::MAX)
}

/// Never less than half: a very low limit must serve somebody.
fn fitting(limit: u64, wanted: usize) -> usize {
    let most = limit.saturating_sub(RESERVED).max(limit / 2).max(1);
    usize::try_from(most).map_or(wanted, |most| most.min(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_files_for_the_rest() {
        for (limit, fits) in [(1, 1), (256, 128), (1024, 512), (4096, 3584), (20_000, 10_000), (u64::MAX, 10_000)] {
            assert_eq!(fitting(limit, 10_000), fits, "{limit}");
        }
    }
}
