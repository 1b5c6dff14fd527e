//! What the metrics tell of the lake's upkeep: the last run of each kind that had something to do.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use metrics::{counter, describe_counter, describe_gauge, gauge};

use crate::clock::Clock;

const RUNS: &str = "annals_upkeep_runs_total";
const LAST_AT: &str = "annals_upkeep_last_run_timestamp_seconds";
const LAST_TOOK: &str = "annals_upkeep_last_run_duration_seconds";
const LAST_GOOD: &str = "annals_upkeep_last_run_succeeded";
const LAST_FILES: &str = "annals_upkeep_last_run_files";
const LAST_ROWS: &str = "annals_upkeep_last_run_rows";
const LAST_BYTES: &str = "annals_upkeep_last_run_bytes";

/// Kinds of upkeep: the label `job`.
#[derive(Debug, Clone, Copy)]
pub(super) enum Job {
    /// Files that became one, their rows, the bytes of the new one.
    Merge,
    /// Files that were taken out or written anew, rows that went, bytes of the new files.
    Purge,
    /// Files of the feed and of API requests that were taken out.
    Expire,
    /// Files that were deleted, and their bytes.
    Vacuum,
}

impl fmt::Display for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Merge => "merge",
            Self::Purge => "purge",
            Self::Expire => "expire",
            Self::Vacuum => "vacuum",
        })
    }
}

/// One run. One that is dropped half way is not told of: the next one does its work.
pub(super) struct Run {
    job: Job,
    clock: Arc<dyn Clock>,
    started: Instant,
    pub files: u64,
    pub rows: u64,
    pub bytes: u64,
}

impl Run {
    pub fn begin(job: Job, clock: &Arc<dyn Clock>) -> Self {
        Self { job, clock: Arc::clone(clock), started: Instant::now(), files: 0, rows: 0, bytes: 0 }
    }

    /// There was nothing to do.
    pub fn forget(self) {}

    #[expect(clippy::cast_precision_loss, reason = "gauges are floating point; they are exact up to 2^53")]
    pub fn ended(self, succeeded: bool) {
        describe();
        let job = self.job.to_string();
        let outcome = if succeeded { "succeeded" } else { "failed" };
        counter!(RUNS, "job" => job.clone(), "outcome" => outcome).increment(1);
        let last = [
            (LAST_AT, self.clock.now().get() as f64 / 1e6),
            (LAST_TOOK, self.started.elapsed().as_secs_f64()),
            (LAST_GOOD, if succeeded { 1.0 } else { 0.0 }),
            (LAST_FILES, self.files as f64),
            (LAST_ROWS, self.rows as f64),
            (LAST_BYTES, self.bytes as f64),
        ];
        for (name, value) in last {
            gauge!(name, "job" => job.clone()).set(value);
        }
    }
}

/// The help texts of `GET /metrics`.
fn describe() {
    describe_counter!(
        RUNS,
        "Runs of the lake's upkeep that had something to do, by job (merge, purge, expire, vacuum) and outcome"
    );
    describe_gauge!(LAST_AT, metrics::Unit::Seconds, "When the last such run ended, in Unix time");
    describe_gauge!(LAST_TOOK, metrics::Unit::Seconds, "How long it took");
    describe_gauge!(LAST_GOOD, "Whether it did all that it had to: 1 or 0");
    describe_gauge!(LAST_FILES, "Files that it merged, took out of the lake or deleted");
    describe_gauge!(LAST_ROWS, "Records that it merged or took out of the lake");
    describe_gauge!(LAST_BYTES, "Bytes of the files that it wrote, of a vacuum those that it deleted");
}
