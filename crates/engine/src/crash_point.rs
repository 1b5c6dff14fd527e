//! Named places where a process can be made to die, to see what a crash at exactly this step leaves behind.
//!
//! `ANNALS_CRASH_AT=point:n` ends the process when it comes by `point` for the n-th time, and `any:n` when it has come by n points. Only
//! in debug builds: what is shipped has no switch that makes it fail.

#[cfg(debug_assertions)]
mod armed {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    struct Armed {
        point: String,
        visits_left: AtomicU64,
    }

    /// Stands for every point.
    const ANY: &str = "any";

    static ARMED: LazyLock<Option<Armed>> = LazyLock::new(|| {
        let text = std::env::var("ANNALS_CRASH_AT").ok()?;
        let (point, visit) = text.split_once(':')?;
        Some(Armed { point: point.to_owned(), visits_left: AtomicU64::new(visit.parse().ok()?) })
    });

    pub(crate) fn pass(point: &str) {
        if let Some(armed) = &*ARMED
            && (armed.point == point || armed.point == ANY)
            && armed.visits_left.fetch_sub(1, Ordering::Relaxed) == 1
        {
            eprintln!("dies at {point}");
            // Nothing is flushed, closed or dropped on the way: like kill -9.
            std::process::abort();
        }
    }
}

#[cfg(debug_assertions)]
pub(crate) use armed::pass;

#[cfg(not(debug_assertions))]
#[inline]
pub(crate) fn pass(_: &str) {}
